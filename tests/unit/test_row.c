/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_row - rows of every size, asked for both sides of each of their cuts
 *
 * Policies of many ports, each address with a list of its own: all of their
 * blocks become rows by force, with so many cuts that each kind and size of row
 * is there, with numbers of 16 bits and of 32. The programs must be proved, and
 * give each packet the verdict of a linear search. Then a port has another zone,
 * or cells of a row change: the proof must see what matters.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../random/world.h"
#include "fixture_asked.h"

enum { TEXT_MAX = 1 << 21, SOCKETS = 5 };

struct shape {
	uint32_t lists;		/* addresses with a list of ports each */
	uint32_t ports;		/* in a list, with gaps: twice as many cuts */
	uint32_t apart;		/* from one port to the next, at most */
	bool large;		/* all as rows: these are numbered in 32 bits */
};

static char *policy_of(const struct shape *s)
{
	char *text = malloc(TEXT_MAX), *to = text;
	struct random r = random_new(s->ports);

	to += sprintf(to, "policy t\n");
	for (int i = 0; i < SOCKETS; i++)
		to += sprintf(to, "socket s%d\n", i);
	for (uint32_t i = 0; i < s->lists; i++) {
		uint32_t port = random_below(&r, 9);

		to += sprintf(to, "to 10.0.%u.0/24 port { %u", i, port);
		for (uint32_t k = 1; k < s->ports; k++) {
			port += 2 + random_below(&r, s->apart);
			to += sprintf(to, ", %u", port);
		}
		to += sprintf(to, " } -> s%u\n", i % SOCKETS);
		to += sprintf(to, "udp to 10.0.%u.0/24 from port %u-65000 -> "
			      "s%u\n", i, 7 * i, (i + 1) % SOCKETS);
	}
	sprintf(to, "default -> drop\n");
	return text;
}

static void grow(struct compiled *c, const char *text, bool all_data)
{
	struct compile_options o = {
		.optimize = 2, .until = COMPILE_ALL, .no_lint = true,
		.name = "t.skl", .text = text, .size = strlen(text),
		.diagram_weight = 1, .all_data = all_data,
	};

	assert_int_equal(compile(c, NULL, &o), 0);
	assert_non_null(c->image);
	assert_non_null(c->forest);
	assert_true(c->proof.ok);
}

/* --------------------------------------------------------- the packets */

static void ask(struct asked *a, uint32_t list, uint32_t local,
		uint32_t remote)
{
	for (int udp = 0; udp < 2; udp++) {
		struct packet k = {
			.family = 4, .local = 10 << 24 | list << 8 | 1,
			.protocol = udp ? PACKET_UDP : PACKET_TCP,
			.local_port = (uint16_t)local,
			.remote_port = (uint16_t)remote,
		};

		asked_packet(a, &k);
	}
}

static void ask_all(struct asked *a, const struct shape *s)
{
	struct random r = random_new(1);
	uint32_t top = 12 + s->ports * (s->apart + 1);

	for (uint32_t i = 0; i <= s->lists; i++)
		for (int k = 0; k < 400; k++)
			ask(a, i, k < 2 ? 65535u * (uint32_t)k :
			    random_below(&r, top), k & 1 ? 1 :
			    7 * i - 1 + random_below(&r, 3));
}

static void check(const struct shape *s, bool all_data, bool narrow)
{
	char *text = policy_of(s);
	struct compiled c;
	struct asked a;

	grow(&c, text, all_data);
	assert_true(c.program.ranks->narrow == narrow);
	assert_non_null(asked_variable(c.image, "skpol_zones_"));
	/* rows are counted: a packet comes to one, which takes 2 ns or more */
	assert_true(!all_data || c.program.lowered.expected > 20);
	asked_begin(&a, &c);
	ask_all(&a, s);
	assert_int_equal(a.wrong, 0);
	assert_true(a.packets > 800);
	compiled_free(&c);
	free(text);
}

/* 1 to 4,095 cuts a row: of 4 to 32 lanes, of blocks, of many blocks, direct. */
static void sizes(void **state)
{
	static const struct shape shapes[] = {
		{ 40, 1, 9, false }, { 40, 3, 40, false },
		{ 40, 7, 90, false }, { 30, 15, 90, false },
		{ 20, 30, 200, false }, { 12, 100, 300, false },
		{ 6, 500, 100, true },
		{ 3, 2000, 28, true }, { 2, 6, 9, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		check(&shapes[i], true, !shapes[i].large);
		check(&shapes[i], false, true);
	}
}

/* More rows than 16 bits can number. */
static void many(void **state)
{
	static const struct shape wide = { 250, 500, 100, false };

	(void)state;
	check(&wide, true, false);
}

/* ----------------------------------------------------------- the proof */

static void zones_are_read(void **state)
{
	static const struct shape s = { 20, 3, 40, false };
	char *text = policy_of(&s);
	const struct image_variable *v;
	struct compiled c;

	(void)state;
	grow(&c, text, true);
	v = asked_variable(c.image, "skpol_zones_");
	assert_non_null(v);
	assert_int_equal(v->size, 65536);
	for (uint32_t port = 0; port < 60; port++) {
		uint8_t *zone = &c.image->rodata[v->offset + port];

		*zone += 1;	/* or it would be as far as the next cut */
		assert_true(!asked_proved(&c) || zone[1] == *zone);
		*zone -= 1;
	}
	assert_true(asked_proved(&c));
	compiled_free(&c);
	free(text);
}

static void lanes_are_read(void **state)
{
	static const struct shape s = { 4, 3, 40, false };
	char *text = policy_of(&s);
	const struct image_variable *v;
	struct compiled c;
	size_t seen = 0;

	(void)state;
	grow(&c, text, true);
	v = asked_variable(c.image, "skpol_rows_");
	assert_non_null(v);
	for (uint32_t at = 0; at < v->size; at += 2) {
		uint8_t *cell = &c.image->rodata[v->offset + at];

		*cell ^= 1;
		seen += !asked_proved(&c);
		*cell ^= 1;
	}
	assert_true(seen > 40);
	assert_true(asked_proved(&c));
	compiled_free(&c);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(many),
		cmocka_unit_test(zones_are_read),
		cmocka_unit_test(lanes_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
