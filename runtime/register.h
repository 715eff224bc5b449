/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * register - sockets into slots, as parts of the command need it
 */
#ifndef SKPOL_REGISTER_H
#define SKPOL_REGISTER_H

#include "handle.h"

/*
 * As skpol_register_pid, with N descriptors of FROM ("process 12"): those that
 * fit are taken, the others are no mistake while one fits.
 */
int register_fitting(struct skpol *s, const struct skpol_claim *c,
		     const int *fds, size_t n, const char *from,
		     size_t *filled);

#endif
