/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * endpoint - an address with a port, as a socket is bound to it
 *
 * An IPv4 address in IPv6 form (::ffff:127.0.0.1) is that IPv4 address: a
 * policy says where a service listens, not with which kind of socket.
 */
#ifndef SKPOL_ENDPOINT_H
#define SKPOL_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct endpoint {		/* without padding: compared by bytes */
	uint16_t port;
	uint8_t family;		/* 4, 6 */
	uint8_t zero;
	uint8_t address[16];	/* network order, IPv4 in the first four */
};

enum { ENDPOINT_TEXT_MAX = 64 };

/* "127.0.0.1:80" or "[::1]:80". */
bool endpoint_parse(const char *text, struct endpoint *e);
char *endpoint_print(const struct endpoint *e, char buf[ENDPOINT_TEXT_MAX]);

struct endpoint endpoint_make(int domain, const void *address, uint16_t port);
struct endpoint endpoint_of(const struct sockaddr_storage *sa);
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);

#endif
