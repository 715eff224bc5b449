/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netns - a network namespace by descriptor, without moving the caller there
 *
 * In: a name, a path or pid:N. Out: a descriptor, its identity, and sockets
 * that were born in it. A thread of its own enters the namespace for the
 * moment that takes; the calling thread never leaves its own.
 */
#ifndef SKPOL_NETNS_H
#define SKPOL_NETNS_H

#include "handle.h"

/* Fills in s->netns and what is known about it. */
int netns_open(struct skpol *s, const char *name);

/* A socket of the namespace, or a negative errno (message set). */
int netns_socket(struct skpol *s, int domain, int type, int protocol);

/* Runs WORK in the namespace; its result, or a negative errno. */
int netns_visit(const struct skpol *s, int (*work)(void *ctx), void *ctx);

/*
 * Runs WORK in a thread of its own, inside a new, empty namespace that lives
 * as long as the sockets made there. -EPERM without CAP_SYS_ADMIN.
 */
int netns_private(int (*work)(void *ctx), void *ctx);

/* Whether socket FD lives in the namespace of S: 1, 0, or negative errno. */
int netns_holds(const struct skpol *s, int fd);

#endif
