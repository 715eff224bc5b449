/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inspect - what a descriptor is, and whether a policy can steer to it
 *
 * In: a descriptor, ours or a copy of somebody's. Out: facts about the socket,
 * or the first reason against it, in this order. Nothing about the socket is
 * changed: its flags are shared with its owner.
 */
#ifndef SKPOL_INSPECT_H
#define SKPOL_INSPECT_H

#include "endpoint.h"
#include "handle.h"

#define REFUSALS(X) \
	X(NONE,		0,		"it is fine") \
	X(CLOSED,	EBADF,		"is not open") \
	X(NO_SOCKET,	ENOTSOCK,	"is no socket") \
	X(UNIX,		EAFNOSUPPORT,	"is a unix socket: only TCP and UDP " \
					"over IPv4 and IPv6 can be steered to") \
	X(FAMILY,	EAFNOSUPPORT,	"is a socket of another family than " \
					"IPv4 and IPv6") \
	X(PROTOCOL,	EPROTONOSUPPORT, "is a socket of another protocol " \
					"than TCP and UDP") \
	X(CONNECTED,	EISCONN,	"is connected: a listening or an " \
					"unconnected socket is needed") \
	X(NOT_LISTENING, ENOTCONN,	"does not listen: call listen() " \
					"before it is registered") \
	X(UNBOUND,	EADDRNOTAVAIL,	"is not bound to a port: call bind() " \
					"before it is registered") \
	X(NETNS,	EXDEV,		"lives in another network namespace " \
					"than the policy") \
	X(ELSEWHERE,	EADDRNOTAVAIL,	"is bound to another address")

enum refusal {
#define X(id, err, text) REFUSED_##id,
	REFUSALS(X)
#undef X
};

struct facts {
	int domain;		/* AF_INET, AF_INET6 */
	uint8_t family;		/* 4, 6: of the socket, not of its address */
	uint8_t protocol;	/* IPPROTO_TCP, IPPROTO_UDP */
	bool both;		/* an IPv6 socket that takes IPv4, too */
	bool reuseport;
	uint32_t device;	/* the interface it is bound to, 0 = none */
	uint32_t uid;		/* of who made it */
	uint64_t cookie;
	struct endpoint local;
};

enum refusal inspect(const struct skpol *s, int fd, struct facts *f);
const char *refusal_text(enum refusal r);
int refusal_errno(enum refusal r);	/* negative */

/* Whether two sockets are members of one SO_REUSEPORT group. */
bool facts_one_group(const struct facts *a, const struct facts *b);

#endif
