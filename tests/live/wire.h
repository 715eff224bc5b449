/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire - real sockets and real packets for the live tests and the demo
 *
 * In: a scenario (wire.c tells its lines). Out: for each packet of it, which
 * server answered. One process is all servers and all clients, so that which
 * socket took a packet is seen from inside, never guessed; it works in the
 * network namespace it was started in, and makes one more for each `link`.
 *
 * wire.c reads the scenario, wire_dial.c sends packets and answers them,
 * wire_socket.c makes servers, wire_skpol.c talks to skpol and its maps.
 */
#ifndef WIRE_H
#define WIRE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>

#include "../../grammar/packet.h"

enum {
	WIRE_NAME_MAX = 64, WIRE_SERVERS = 64, WIRE_LINKS = 4,
	WIRE_LIMIT_MS = 3000,		/* for one packet, and for its answer */
};

/* The exit status of a scenario. */
enum { WIRE_RIGHT = 0, WIRE_WRONG = 1, WIRE_BROKEN = 2, WIRE_SKIP = 77 };

struct server {
	char name[WIRE_NAME_MAX];
	int fd;
	int type;			/* SOCK_STREAM or SOCK_DGRAM */
	bool answers;			/* false: it has a peer of its own */
	struct sockaddr_storage at;	/* where it is bound */
};

struct wire_link {			/* an interface with a far end */
	char ifname[16];
	int netns;			/* of the far end */
};

struct wire {
	const char *file;		/* the scenario, for messages */
	unsigned int line;
	struct server servers[WIRE_SERVERS];
	size_t nservers;
	struct wire_link links[WIRE_LINKS];
	size_t nlinks;
	int home;			/* the network namespace of the servers */
	bool table;			/* print each packet, not only wrong ones */
	size_t packets, wrong;
};

/* Says what is wrong with the scenario or the machine, and exits. */
_Noreturn void wire_die(const struct wire *w, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* --------------------------------------------------------- wire_socket.c */

/* `127.0.0.1:80` or `[::1]:80`; port 0 is any free one. */
bool wire_address(const char *text, struct sockaddr_storage *out);
/* One end of a packet. */
void wire_end(struct sockaddr_storage *out, unsigned int family, u128 address,
	      unsigned int port);
socklen_t wire_address_size(const struct sockaddr_storage *a);
bool wire_address_equal(const struct sockaddr_storage *a,
			const struct sockaddr_storage *b);
/* A v4-mapped address becomes an IPv4 one. */
void wire_address_unmap(struct sockaddr_storage *a);

/* To an address that need not be ours, and that others may have, too. */
bool wire_bind(int fd, const struct sockaddr_storage *address);

struct server_options {
	bool reuseport;		/* join the group at this address */
	bool v6only;
};

/* A server at ADDRESS; the descriptor, or -1 with errno. */
int wire_open(int type, const struct sockaddr_storage *address,
	      struct server_options o);
struct server *wire_serve(struct wire *w, const char *name, int type, int fd);
struct server *wire_server(struct wire *w, const char *name);
/* All of that name. */
void wire_close(struct wire *w, const char *name);

/* An UDP server gets a peer (itself): the kernel calls it connected. */
void wire_connect(const struct wire *w, struct server *s);
/* The server's end of a TCP connection; both ends stay open. */
int wire_established(const struct sockaddr_storage *address);
/* What the group of S does with a packet from now on. */
void wire_group_pick(const struct wire *w, struct server *s,
		     unsigned int member);
void wire_group_drop(const struct wire *w, struct server *s);

/* Interface IFNAME here, its far end in a namespace where PREFIX4 and PREFIX6
 * are local: packets `on IFNAME` are sent from there. */
void wire_link_make(struct wire *w, const char *ifname, const char *prefix4,
		    const char *prefix6);

/* ----------------------------------------------------------- wire_dial.c */

/* Sends K, lets the servers answer, and gives the name of the one that did:
 * "pass" is the server at the very address that was dialled, "drop" stands for
 * ECONNREFUSED, and "timeout" or the text of an errno for no good end. */
const char *wire_dial(struct wire *w, const struct packet *k);

/* ---------------------------------------------------------- wire_skpol.c */

/* Registers the socket of S, and no other, as NAME. */
void wire_register(struct wire *w, const char *name, struct server *s);
/* Opens and registers a server for each empty slot of the live policy. */
void wire_fill(struct wire *w);
/* Puts the socket B wherever the live policy's socket map holds A. */
void wire_swap(struct wire *w, struct server *a, struct server *b);
/* COUNTER of RULE ("hits", "missing", "refused"), as `skpol stats` says. */
long long wire_counter(struct wire *w, const char *rule, const char *counter);
/* The rule whose hits rose since the last call, and its hits; "-" if none. */
const char *wire_counted(struct wire *w, char *buf, size_t size);

#endif
