/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * owner - who has the socket with this cookie
 *
 * In: SO_COOKIEs of sockets of the namespace, as a socket map, a trace event or
 * BPF_PROG_TEST_RUN tell them. Out: where each is bound (sock_diag) and which
 * process holds it (/proc/PID/fd). Promise: one dump of sockets and one walk
 * through /proc, whatever the number of cookies; the walk ends when all are
 * found. What may not be seen, for want of a privilege, stays 0 and is no
 * failure.
 */
#ifndef SKPOL_OWNER_H
#define SKPOL_OWNER_H

#include "endpoint.h"
#include "handle.h"

struct socket_owner {
	uint64_t cookie;	/* filled in by the caller; 0 = none */
	bool known;		/* the namespace has it: what follows is set */
	uint8_t protocol, family;	/* of the socket: IPPROTO_*, 4 or 6 */
	struct endpoint local;
	uint32_t inode;		/* 0: nobody has it open any more */
	pid_t pid;		/* 0 = nobody that we may see; else the lowest */
	int number;		/* of its descriptor there */
	char name[16];		/* of the process */
};

/* Fills in N owners. Only memory and sock_diag itself can fail. */
int socket_owners(struct skpol *s, struct socket_owner *v, size_t n);

/* A copy of that socket; a negative errno with a message. */
int socket_owner_take(struct skpol *s, const struct socket_owner *o);

#endif
