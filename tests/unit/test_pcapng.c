/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_pcapng - captures, read again by a reader of the test's own
 *
 * It knows the format, not the writer: block by block, option by option, the
 * sums of IP, TCP and UDP over all 16-bit words are 0xffff.
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../runtime/pcapng.h"

enum { MANY = 500 };

struct capture {
	char *bytes;
	size_t size, at;
};

static uint32_t u32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint16_t u16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static unsigned int be16(const uint8_t *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

/* The next block: its body, and how long that is. */
static const uint8_t *block(struct capture *c, uint32_t type, size_t *size)
{
	const uint8_t *p = (const uint8_t *)c->bytes + c->at;
	uint32_t length;

	assert_true(c->size - c->at >= 12);
	assert_int_equal(u32(p), type);
	length = u32(p + 4);
	assert_int_equal(length % 4, 0);
	assert_true(length >= 12 && length <= c->size - c->at);
	assert_int_equal(u32(p + length - 4), length);
	c->at += length;
	*size = length - 12;
	return p + 8;
}

/* Option CODE in a list that must be whole; NULL = it is not there. */
static const uint8_t *option(const uint8_t *p, size_t size, uint16_t code,
			     size_t *length)
{
	const uint8_t *found = NULL;

	for (;;) {
		size_t n;

		assert_true(size >= 4);
		n = u16(p + 2);
		if (!u16(p)) {
			assert_int_equal(n, 0);
			assert_int_equal(size, 4);
			return found;
		}
		if (u16(p) == code) {
			found = p + 4;
			*length = n;
		}
		n = 4 + ((n + 3) & ~(size_t)3);
		assert_true(n <= size);
		p += n;
		size -= n;
	}
}

static uint32_t add(const uint8_t *p, size_t n, uint32_t sum)
{
	while (n >= 2) {
		sum += be16(p);
		p += 2;
		n -= 2;
	}
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void check_transport(const struct skpol_event *e, const uint8_t *p,
			    size_t n, uint32_t addresses)
{
	bool tcp = e->protocol == IPPROTO_TCP;

	assert_int_equal(n, tcp ? 20 : 8);
	assert_int_equal(be16(p), e->remote_port);
	assert_int_equal(be16(p + 2), e->local_port);
	if (tcp) {
		assert_int_equal(p[12] >> 4, 5);
		assert_int_equal(p[13], 2);		/* SYN */
	} else {
		assert_int_equal(be16(p + 4), 8);
		assert_int_not_equal(be16(p + 6), 0);
	}
	assert_int_equal(add(p, n, addresses + (uint32_t)n + e->protocol),
			 0xffff);
}

static void check_packet(const struct skpol_event *e, const uint8_t *p,
			 size_t n)
{
	size_t transport = e->protocol == IPPROTO_TCP ? 20 : 8;

	if (e->family == 4) {
		assert_int_equal(p[0], 0x45);
		assert_int_equal(be16(p + 2), n);
		assert_int_equal(p[9], e->protocol);
		assert_memory_equal(p + 12, e->remote, 4);
		assert_memory_equal(p + 16, e->local, 4);
		assert_int_equal(add(p, 20, 0), 0xffff);
		check_transport(e, p + 20, n - 20, add(p + 12, 8, 0));
		return;
	}
	assert_int_equal(p[0], 0x60);
	assert_int_equal(be16(p + 4), transport);
	assert_int_equal(p[6], e->protocol);
	assert_memory_equal(p + 8, e->remote, 16);
	assert_memory_equal(p + 24, e->local, 16);
	check_transport(e, p + 40, n - 40, add(p + 8, 32, 0));
}

static void check_event(struct capture *c, const struct skpol_event *e,
			const char *comment)
{
	size_t size, n, length = 0;
	const uint8_t *p = block(c, 6, &size), *text, *dropped;
	size_t head;

	assert_true(size >= 20);
	assert_int_equal(u32(p), 0);
	assert_true(((uint64_t)u32(p + 4) << 32 | u32(p + 8)) == e->time);
	n = u32(p + 12);
	assert_int_equal(u32(p + 16), n);
	head = 20 + ((n + 3) & ~(size_t)3);
	assert_true(head <= size);
	check_packet(e, p + 20, n);
	text = option(p + head, size - head, 1, &length);
	assert_non_null(text);
	assert_int_equal(length, strlen(comment));
	assert_memory_equal(text, comment, length);
	dropped = option(p + head, size - head, 4, &length);
	assert_int_equal(!!dropped, e->lost != 0);
	if (dropped) {
		assert_int_equal(length, 8);
		assert_int_equal(u32(dropped), e->lost);
	}
}

static void check_begin(struct capture *c)
{
	size_t size, length;
	const uint8_t *p = block(c, 0x0a0d0d0a, &size);

	assert_int_equal(u32(p), 0x1a2b3c4d);
	assert_int_equal(u16(p + 4), 1);
	assert_int_equal(u16(p + 6), 0);
	assert_non_null(option(p + 16, size - 16, 4, &length));
	p = block(c, 1, &size);
	assert_int_equal(u16(p), 101);			/* raw IP */
	p = option(p + 8, size - 8, 9, &length);
	assert_non_null(p);
	assert_int_equal(length, 1);
	assert_int_equal(*p, 9);			/* nanoseconds */
}

static struct skpol_event random_event(void)
{
	struct skpol_event e = {
		.time = (uint64_t)random() << 32 | (uint64_t)random(),
		.family = random() & 1 ? 4 : 6,
		.protocol = random() & 1 ? IPPROTO_TCP : IPPROTO_UDP,
		.local_port = (uint16_t)random(),
		.remote_port = (uint16_t)random(),
		.lost = random() & 3 ? 0 : (uint64_t)random() & 0xffff,
	};

	for (int i = 0; i < 16; i++) {
		e.local[i] = random() & 7 ? (uint8_t)random() : 0xff;
		e.remote[i] = random() & 7 ? (uint8_t)random() : 0;
	}
	return e;
}

static void many_events(void **state)
{
	struct capture c = { .at = 0 };
	FILE *f = open_memstream(&c.bytes, &c.size);
	struct skpol_event e[MANY];
	const uint8_t *p;
	char comment[64];
	size_t size, length;

	(void)state;
	srandom(1);
	pcapng_begin(f);
	for (int i = 0; i < MANY; i++) {
		e[i] = random_event();
		snprintf(comment, sizeof(comment), "%.*s", i % 50,
			 "a rule of some length => and what it came to be, yes");
		pcapng_event(f, &e[i], comment);
	}
	pcapng_end(f, 77, MANY, 5);
	assert_int_equal(fclose(f), 0);
	check_begin(&c);
	for (int i = 0; i < MANY; i++) {
		snprintf(comment, sizeof(comment), "%.*s", i % 50,
			 "a rule of some length => and what it came to be, yes");
		check_event(&c, &e[i], comment);
	}
	p = block(&c, 5, &size);
	p = option(p + 12, size - 12, 5, &length);
	assert_non_null(p);
	assert_int_equal(u32(p), 5);
	assert_int_equal(c.at, c.size);
	free(c.bytes);
}

/* A sum of 0 means in UDP that there is none: 0xffff stands for it. */
static void a_sum_of_zero(void **state)
{
	struct capture c = { .at = 0 };
	FILE *f = open_memstream(&c.bytes, &c.size);
	struct skpol_event e = { .family = 4, .protocol = IPPROTO_UDP };

	(void)state;
	/* 17 + 8 + 8 + remote_port + … = 0xffff */
	e.remote_port = 0xffff - 17 - 8 - 8;
	pcapng_event(f, &e, "");
	assert_int_equal(fclose(f), 0);
	check_event(&c, &e, "");
	free(c.bytes);
}

/* Comments of any length fit, cut if need be. */
static void a_long_comment(void **state)
{
	struct capture c = { .at = 0 };
	FILE *f = open_memstream(&c.bytes, &c.size);
	struct skpol_event e = { .family = 6, .protocol = IPPROTO_TCP,
				 .lost = 1 };
	char *text = malloc(100001);
	size_t size;

	(void)state;
	memset(text, 'x', 100000);
	text[100000] = '\0';
	pcapng_event(f, &e, text);
	assert_int_equal(fclose(f), 0);
	block(&c, 6, &size);
	assert_int_equal(c.at, c.size);
	free(c.bytes);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_events),
		cmocka_unit_test(a_sum_of_zero),
		cmocka_unit_test(a_long_comment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
