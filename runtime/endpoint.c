/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * endpoint - an address with a port, as a socket is bound to it
 *
 * In: text, socket addresses. Out: one form of both, to compare and to print.
 */
#include "endpoint.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct endpoint endpoint_make(int domain, const void *address, uint16_t port)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct endpoint e = { .family = domain == AF_INET ? 4 : 6,
			      .port = port };

	if (e.family == 6 && !memcmp(address, mapped, sizeof(mapped))) {
		e.family = 4;
		address = (const uint8_t *)address + sizeof(mapped);
	}
	memcpy(e.address, address, e.family == 4 ? 4 : 16);
	return e;
}

struct endpoint endpoint_of(const struct sockaddr_storage *sa)
{
	const struct sockaddr_in *in = (const void *)sa;
	const struct sockaddr_in6 *in6 = (const void *)sa;

	if (sa->ss_family == AF_INET)
		return endpoint_make(AF_INET, &in->sin_addr,
				     ntohs(in->sin_port));
	return endpoint_make(AF_INET6, &in6->sin6_addr,
			     ntohs(in6->sin6_port));
}

static bool parse_port(const char *text, uint16_t *port)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	*port = (uint16_t)v;
	return *text >= '0' && *text <= '9' && !*end && v <= UINT16_MAX;
}

bool endpoint_parse(const char *text, struct endpoint *e)
{
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;
	bool six = n > 2 && *text == '[' && text[n - 1] == ']';
	char buf[ENDPOINT_TEXT_MAX];
	uint8_t address[16];
	uint16_t port;

	if (six) {
		text++;
		n -= 2;
	}
	if (!colon || n >= sizeof(buf) || !parse_port(colon + 1, &port))
		return false;
	memcpy(buf, text, n);
	buf[n] = '\0';
	if (inet_pton(six ? AF_INET6 : AF_INET, buf, address) != 1)
		return false;
	*e = endpoint_make(six ? AF_INET6 : AF_INET, address, port);
	return true;
}

char *endpoint_print(const struct endpoint *e, char buf[ENDPOINT_TEXT_MAX])
{
	char address[INET6_ADDRSTRLEN];

	inet_ntop(e->family == 4 ? AF_INET : AF_INET6, e->address, address,
		  sizeof(address));
	snprintf(buf, ENDPOINT_TEXT_MAX, e->family == 4 ? "%s:%u" : "[%s]:%u",
		 address, e->port);
	return buf;
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return !memcmp(a, b, sizeof(*a));
}
