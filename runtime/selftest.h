/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * selftest - a loaded program is asked about packets before it goes live
 *
 * In: a program that nothing runs yet, the `checks` of its manifest, the
 * sockets in their slots. Each check says which sockets a packet tries: so,
 * with what the slots hold at this moment, what has to come out. Out: 0, or
 * -EBADE with the packet. Promise: no count and no event is left.
 */
#ifndef SKPOL_SELFTEST_H
#define SKPOL_SELFTEST_H

#include "load.h"
#include "slots.h"

struct selftest {
	const json_t *manifest;
	const struct loaded *loaded;
	const struct slots *slots;
};

/* *N = how many packets were asked about; 0 on a kernel that cannot. */
int selftest_run(struct skpol *s, const struct selftest *t, uint32_t *n);

#endif
