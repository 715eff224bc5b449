/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcapng - events as packets, for the programs that read captures
 *
 * In: events. Out: blocks, each made in memory and written at once, in the
 * byte order of this machine: the section says which that is.
 */
#include "pcapng.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

enum {
	BLOCK_SECTION = 0x0a0d0d0a, BLOCK_INTERFACE = 1, BLOCK_STATISTICS = 5,
	BLOCK_PACKET = 6,
	BYTE_ORDER_MAGIC = 0x1a2b3c4d,
	LINKTYPE_RAW = 101,		/* begins with an IP header */
	OPTION_END = 0, OPTION_COMMENT = 1,
	SECTION_APPLICATION = 4, INTERFACE_NAME = 2, INTERFACE_RESOLUTION = 9,
	PACKET_DROPPED = 4, STATISTICS_RECEIVED = 4, STATISTICS_DROPPED = 5,
	NANOSECONDS = 9,		/* 10^-9 */
	BLOCK_MAX = 4096, COMMENT_MAX = 2048,
	IP4_HEAD = 20, IP6_HEAD = 40, TCP_HEAD = 20, UDP_HEAD = 8,
	HEAD_MAX = IP6_HEAD + TCP_HEAD, TTL = 64, SYN = 2, WINDOW = 64240,
};

struct block {
	size_t n;
	uint8_t bytes[BLOCK_MAX];
};

static void put(struct block *b, const void *bytes, size_t n)
{
	if (n)
		memcpy(b->bytes + b->n, bytes, n);
	b->n += n;
}

static void put16(struct block *b, uint16_t v)
{
	put(b, &v, sizeof(v));
}

static void put32(struct block *b, uint32_t v)
{
	put(b, &v, sizeof(v));
}

static void pad(struct block *b)
{
	while (b->n % 4)
		b->bytes[b->n++] = 0;
}

static void option(struct block *b, uint16_t code, const void *v, size_t n)
{
	put16(b, code);
	put16(b, (uint16_t)n);
	put(b, v, n);
	pad(b);
}

static void begin(struct block *b, uint32_t type)
{
	b->n = 0;
	put32(b, type);
	put32(b, 0);		/* the length, known at the end */
}

/* With options before it, the list of them ends here, too. */
static void end(struct block *b, FILE *out)
{
	uint32_t length;

	option(b, OPTION_END, NULL, 0);
	length = (uint32_t)b->n + 4;
	memcpy(b->bytes + 4, &length, sizeof(length));
	put32(b, length);
	fwrite(b->bytes, 1, b->n, out);
}

void pcapng_begin(FILE *out)
{
	static const char application[] = "skpol " PACKAGE_VERSION_TEXT;
	static const uint8_t resolution = NANOSECONDS;
	struct block b;

	begin(&b, BLOCK_SECTION);
	put32(&b, BYTE_ORDER_MAGIC);
	put16(&b, 1);		/* version 1.0 */
	put16(&b, 0);
	put32(&b, UINT32_MAX);	/* length of the section: not known */
	put32(&b, UINT32_MAX);
	option(&b, SECTION_APPLICATION, application, strlen(application));
	end(&b, out);
	begin(&b, BLOCK_INTERFACE);
	put16(&b, LINKTYPE_RAW);
	put16(&b, 0);
	put32(&b, 0);		/* packets are whole */
	option(&b, INTERFACE_NAME, "sk_lookup", 9);
	option(&b, INTERFACE_RESOLUTION, &resolution, sizeof(resolution));
	end(&b, out);
}

/* ------------------------------------------------------------ heads */

/* The sum of RFC 1071, not folded yet. */
static uint32_t sum(const uint8_t *bytes, size_t n, uint32_t before)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		before += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	return before;
}

static void put_checksum(uint8_t *at, uint32_t v, bool udp)
{
	while (v >> 16)
		v = (v & 0xffff) + (v >> 16);
	v = ~v & 0xffff;
	if (udp && !v)
		v = 0xffff;	/* 0 would mean: none */
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static void put_be16(uint8_t *at, unsigned int v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static size_t put_ip(const struct skpol_event *e, size_t payload, uint8_t *p)
{
	if (e->family == 4) {
		p[0] = 0x45;
		put_be16(p + 2, (unsigned int)(IP4_HEAD + payload));
		p[8] = TTL;
		p[9] = e->protocol;
		memcpy(p + 12, e->remote, 4);
		memcpy(p + 16, e->local, 4);
		put_checksum(p + 10, sum(p, IP4_HEAD, 0), false);
		return IP4_HEAD;
	}
	p[0] = 0x60;
	put_be16(p + 4, (unsigned int)payload);
	p[6] = e->protocol;
	p[7] = TTL;
	memcpy(p + 8, e->remote, 16);
	memcpy(p + 24, e->local, 16);
	return IP6_HEAD;
}

static void put_transport(const struct skpol_event *e, size_t n, uint8_t *p)
{
	bool tcp = e->protocol == IPPROTO_TCP;
	size_t address = e->family == 4 ? 4 : 16;
	uint32_t pseudo = (uint32_t)n + e->protocol;

	put_be16(p, e->remote_port);
	put_be16(p + 2, e->local_port);
	if (tcp) {
		p[12] = TCP_HEAD / 4 << 4;
		p[13] = SYN;
		put_be16(p + 14, WINDOW);
	} else {
		put_be16(p + 4, (unsigned int)n);
	}
	pseudo = sum(e->remote, address, pseudo);
	pseudo = sum(e->local, address, pseudo);
	put_checksum(p + (tcp ? 16 : 6), sum(p, n, pseudo), !tcp);
}

static size_t make_head(const struct skpol_event *e, uint8_t head[HEAD_MAX])
{
	size_t n = e->protocol == IPPROTO_TCP ? TCP_HEAD : UDP_HEAD, ip;

	memset(head, 0, HEAD_MAX);
	ip = put_ip(e, n, head);
	put_transport(e, n, head + ip);
	return ip + n;
}

void pcapng_event(FILE *out, const struct skpol_event *e, const char *comment)
{
	uint8_t head[HEAD_MAX];
	size_t n = make_head(e, head), length = strlen(comment);
	struct block b;

	begin(&b, BLOCK_PACKET);
	put32(&b, 0);		/* the interface */
	put32(&b, (uint32_t)(e->time >> 32));
	put32(&b, (uint32_t)e->time);
	put32(&b, (uint32_t)n);	/* captured, and on the wire */
	put32(&b, (uint32_t)n);
	put(&b, head, n);
	pad(&b);
	option(&b, OPTION_COMMENT, comment, length < COMMENT_MAX ? length :
	       COMMENT_MAX);
	if (e->lost)
		option(&b, PACKET_DROPPED, &e->lost, sizeof(e->lost));
	end(&b, out);
}

void pcapng_end(FILE *out, uint64_t time, uint64_t events, uint64_t lost)
{
	struct block b;

	begin(&b, BLOCK_STATISTICS);
	put32(&b, 0);
	put32(&b, (uint32_t)(time >> 32));
	put32(&b, (uint32_t)time);
	option(&b, STATISTICS_RECEIVED, &events, sizeof(events));
	option(&b, STATISTICS_DROPPED, &lost, sizeof(lost));
	end(&b, out);
}
