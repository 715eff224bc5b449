/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check - packets that the kernel is asked about before a policy goes live
 *
 * In: a policy. Out: some packets on the edges of what its expectations and
 * rules match, and just outside of them, each with the rule that decides and
 * what it does: the runtime runs the loaded program on them. Asked of the rules
 * one after the other, not of the diagram. The same for the same policy.
 */
#ifndef SKPOL_CHECK_H
#define SKPOL_CHECK_H

#include <jansson.h>

#include "policy.h"

enum { CHECKS_MAX = 256 };

/*
 * [["tcp 203.0.113.9:50000 -> 192.0.2.1:443",3,["https","http","drop"]]]:
 * packet (none has an interface), rule, and what is tried in order, without
 * sockets that have no slot for the packet. NULL when memory runs out.
 */
json_t *checks_build(struct arena *a, const struct policy *p);

#endif
