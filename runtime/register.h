/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * register - sockets into slots, as parts of the command need it
 */
#ifndef SKPOL_REGISTER_H
#define SKPOL_REGISTER_H

#include "handle.h"

/*
 * Whether the policy that runs has what C asks for, before there is a socket:
 * 0, or a negative errno with a message. 0 as well when there is no policy, or
 * none that we may read.
 */
int register_check(struct skpol *s, const struct skpol_claim *c);

/*
 * As skpol_register_pid, with N descriptors of FROM ("process 12"): those that
 * fit are taken, the others are no mistake while one fits.
 */
int register_fitting(struct skpol *s, const struct skpol_claim *c,
		     const int *fds, size_t n, const char *from,
		     size_t *filled);

#endif
