/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * remove - a namespace without a policy
 */
#ifndef SKPOL_REMOVE_H
#define SKPOL_REMOVE_H

#include "handle.h"

/* Under the lock: nothing attached, no generation left; sockets stay. */
int remove_policy(struct skpol *s, bool *changed);

#endif
