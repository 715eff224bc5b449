/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet - what a policy decides about, as text and as numbers
 *
 * In: text of LEN bytes, which need not end in a NUL. Out: a packet, or false
 * and a sentence. Promise: what packet_print writes, packet_parse reads back
 * to the same packet.
 */
#include "packet.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "print.h"

struct cursor {
	const char *p, *end;
	char *error;
};

static bool fail(struct cursor *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static bool fail(struct cursor *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->error, PACKET_ERROR_MAX, fmt, ap);
	va_end(ap);
	return false;
}

static bool is_blank(char ch)
{
	return ch == ' ' || ch == '\t' || ch == '\r' || ch == '\n';
}

/* The next word, up to a blank; empty at the end. */
static size_t word(struct cursor *c, const char **w)
{
	while (c->p < c->end && is_blank(*c->p))
		c->p++;
	*w = c->p;
	while (c->p < c->end && !is_blank(*c->p))
		c->p++;
	return (size_t)(c->p - *w);
}

static bool is_word(const char *w, size_t n, const char *text)
{
	return n == strlen(text) && !memcmp(w, text, n);
}

static bool number(const char *w, size_t n, uint64_t max, uint64_t *v)
{
	*v = 0;
	for (size_t i = 0; i < n; i++) {
		if (w[i] < '0' || w[i] > '9')
			return false;
		*v = *v * 10 + (uint64_t)(w[i] - '0');
		if (*v > max)
			return false;
	}
	return n > 0;
}

static bool address(const char *w, size_t n, int family, u128 *v)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t bytes[16];

	if (n >= sizeof(text) || memchr(w, '\0', n))
		return false;
	memcpy(text, w, n);
	text[n] = '\0';
	if (inet_pton(family == 4 ? AF_INET : AF_INET6, text, bytes) != 1)
		return false;
	*v = 0;
	for (int i = 0; i < (family == 4 ? 4 : 16); i++)
		*v = *v << 8 | bytes[i];
	return true;
}

static int shown(size_t n)
{
	return n > 60 ? 60 : (int)n;
}

/* 192.0.2.1:80 or [2001:db8::1]:80 */
static bool endpoint(struct cursor *c, uint8_t *family, u128 *addr,
		     uint16_t *port)
{
	const char *w, *colon;
	size_t n = word(c, &w), len;
	uint64_t v;

	if (!n)
		return fail(c, "expected ADDRESS:PORT, found the end");
	colon = memrchr(w, ':', n);
	if (!colon)
		return fail(c, "`%.*s` is not ADDRESS:PORT", shown(n), w);
	len = (size_t)(colon - w);
	if (!number(colon + 1, n - len - 1, 65535, &v))
		return fail(c, "`%.*s` does not end in a port (0 to 65535)",
			    shown(n), w);
	*port = (uint16_t)v;
	*family = *w == '[' ? 6 : 4;
	if (*family == 4 && address(w, len, 4, addr))
		return true;
	if (*family == 6 && w[len - 1] == ']' &&
	    address(w + 1, len - 2, 6, addr))
		return true;
	if (*family == 4 && address(w, len, 6, addr))
		return fail(c, "write the IPv6 address in brackets: "
			    "[%.*s]:%u", (int)len, w, *port);
	return fail(c, "`%.*s` is not an address", shown(len), w);
}

static bool interface(struct cursor *c, struct packet *p)
{
	const char *w;
	size_t n = word(c, &w);
	uint64_t v;

	if (number(w, n, INT32_MAX, &v) && v) {
		p->ifindex = (uint32_t)v;
		return true;
	}
	if (n > 1 && w[0] == '"' && w[n - 1] == '"') {
		w++;
		n -= 2;
	} else if (number(w, n, UINT64_MAX / 16, &v)) {
		return fail(c, "`%.*s` is not an interface index",
			    shown(n), w);
	}
	if (!n || n >= sizeof(p->ifname) || memchr(w, '\0', n))
		return fail(c, "`%.*s` is not an interface name (1 to 15 "
			    "bytes)", shown(n), w);
	memcpy(p->ifname, w, n);
	p->ifname[n] = '\0';
	return true;
}

static bool tail(struct cursor *c, struct packet *p)
{
	const char *w;
	size_t n = word(c, &w);

	if (n && is_word(w, n, "on")) {
		if (!interface(c, p))
			return false;
		n = word(c, &w);
	}
	if (n)
		return fail(c, "`%.*s` is more than a packet", shown(n), w);
	return true;
}

bool packet_parse(const char *text, size_t len, struct packet *p,
		  char error[PACKET_ERROR_MAX])
{
	struct cursor c = { text, text + len, error };
	const char *w;
	uint8_t family;
	size_t n;

	memset(p, 0, sizeof(*p));
	error[0] = '\0';
	n = word(&c, &w);
	if (is_word(w, n, "tcp"))
		p->protocol = PACKET_TCP;
	else if (is_word(w, n, "udp"))
		p->protocol = PACKET_UDP;
	else
		return fail(&c, "a packet begins with `tcp` or `udp`, not "
			    "`%.*s`", shown(n), w);
	if (!endpoint(&c, &p->family, &p->remote, &p->remote_port))
		return false;
	n = word(&c, &w);
	if (!is_word(w, n, "->"))
		return fail(&c, "expected `->` after the remote side, found "
			    "`%.*s`", shown(n), w);
	if (!endpoint(&c, &family, &p->local, &p->local_port))
		return false;
	if (family != p->family)
		return fail(&c, "the two addresses are of different families");
	return tail(&c, p);
}

static int print_endpoint(char *buf, size_t size, const struct packet *p,
			  u128 address, uint16_t port)
{
	char text[46];

	print_address(text, p->family, address);
	return snprintf(buf, size, p->family == 4 ? "%s:%u" : "[%s]:%u", text,
			port);
}

char *packet_print(const struct packet *p, char buf[PACKET_TEXT_MAX])
{
	char *at = buf, *end = buf + PACKET_TEXT_MAX;
	uint64_t v;

	at += snprintf(at, (size_t)(end - at), "%s ",
		       p->protocol == PACKET_TCP ? "tcp" : "udp");
	at += print_endpoint(at, (size_t)(end - at), p, p->remote,
			     p->remote_port);
	at += snprintf(at, (size_t)(end - at), " -> ");
	at += print_endpoint(at, (size_t)(end - at), p, p->local,
			     p->local_port);
	if (p->ifname[0])
		snprintf(at, (size_t)(end - at),
			 number(p->ifname, strlen(p->ifname), UINT64_MAX / 16,
				&v) ? " on \"%s\"" : " on %s", p->ifname);
	else if (p->ifindex)
		snprintf(at, (size_t)(end - at), " on %u", p->ifindex);
	return buf;
}

/* The line without its comment: `#` at its start or behind a blank. */
static size_t without_comment(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (line[i] == '#' && (!i || is_blank(line[i - 1])))
			return i;
	}
	return len;
}

static bool verdict(struct cursor *c, char expected[64])
{
	const char *w;
	size_t n = word(c, &w);

	if (!n)
		return fail(c, "expected a verdict after `=>`, found the end");
	if (n > 63 || memchr(w, '\0', n))
		return fail(c, "`%.*s` is no verdict", shown(n), w);
	memcpy(expected, w, n);
	expected[n] = '\0';
	n = word(c, &w);
	if (n)
		return fail(c, "`%.*s` stands behind the verdict", shown(n),
			    w);
	return true;
}

bool packet_parse_line(const char *line, size_t len, struct packet *p,
		       bool *has_packet, char expected[64],
		       char error[PACKET_ERROR_MAX])
{
	struct cursor c = { line, line, error };
	const char *w, *arrow;

	memset(p, 0, sizeof(*p));
	error[0] = expected[0] = '\0';
	len = without_comment(line, len);
	c.end = line + len;
	*has_packet = word(&c, &w) > 0;
	if (!*has_packet)
		return true;
	arrow = memmem(line, len, "=>", 2);
	if (!packet_parse(line, arrow ? (size_t)(arrow - line) : len, p,
			  error))
		return false;
	if (!arrow)
		return true;
	c.p = arrow + 2;
	return verdict(&c, expected);
}
