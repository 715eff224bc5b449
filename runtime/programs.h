/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * programs - every socket lookup program on the namespace, and who wins
 *
 * In: a namespace, and what of ours is attached to it. Out: a list in the
 * order in which the programs run, and one sentence.
 */
#ifndef SKPOL_PROGRAMS_H
#define SKPOL_PROGRAMS_H

#include <jansson.h>

#include "generation.h"

/*
 * [{"id","name","ours"}]; JSON null where the kernel does not tell. *ERR (may
 * be NULL) is 0 or a negative errno: -EPERM is want of CAP_NET_ADMIN.
 */
json_t *programs_report(struct skpol *s, const struct live *live, int *err);

/*
 * How they share the verdict, as the kernel does it: they run in the order in
 * which they were attached; a selected socket beats any drop, the last
 * selection wins, and a drop beats a plain pass. JSON null when no other than
 * ours is there.
 */
json_t *programs_order(const json_t *programs);

#endif
