/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sockdiag - the listening and unconnected sockets of the namespace
 *
 * In: a handle. Out: what the kernel's sock_diag lists: where each is bound,
 * its SO_COOKIE, the inode by which its owner can be found in /proc.
 */
#ifndef SKPOL_SOCKDIAG_H
#define SKPOL_SOCKDIAG_H

#include "endpoint.h"
#include "handle.h"

struct diag_socket {
	struct endpoint local;
	uint8_t protocol, family;	/* of the socket */
	bool v6only;
	uint32_t device;	/* the interface it is bound to, 0 = none */
	uint32_t uid;
	uint32_t inode;			/* 0: nobody has it open any more */
	uint64_t cookie;
};

/* Rising by cookie; malloc'ed. */
int sockdiag_list(struct skpol *s, struct diag_socket **v, size_t *n);
const struct diag_socket *sockdiag_find(const struct diag_socket *v, size_t n,
					uint64_t cookie);

#endif
