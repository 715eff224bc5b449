/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_table - every shape of a table, at the ends of every interval
 *
 * Sets of ports, IPv4 and IPv6 prefixes that lie close together in some places
 * and far apart in others, compiled to each shape by force. The program must
 * be proved, hold the table it was asked for, and give the packets on both
 * sides of every end the verdict of a linear search. A cell that was changed,
 * any one of a table, is found.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../compiler/prove.h"
#include "../random/world.h"
#include "fixture_asked.h"

enum { SOCKETS = 5 };


/* ------------------------------------------------------------ the maps */

static char *add(char *to, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static char *add(char *to, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	to += vsprintf(to, fmt, ap);
	va_end(ap);
	return to;
}

static char *ip4_map(void)
{
	char *text = malloc(1 << 16), *to = text;
	struct random r = random_new(4);

	to = add(to, "0.0.0.0/8 -> s1\n255.255.255.255/32 -> s2\n"
		 "128.0.0.0/1 -> s3\n127.255.255.255/32 -> s4\n");
	for (int i = 0; i < 64; i++)
		if (random_below(&r, 3))
			to = add(to, "10.1.%d.0/24 -> s%u\n", i,
				 random_below(&r, SOCKETS));
	for (int i = 0; i < 40; i++)
		to = add(to, "%u.%u.%u.%d/32 -> s%u\n", random_below(&r, 255),
			 random_below(&r, 256), random_below(&r, 256), i,
			 random_below(&r, SOCKETS));
	return text;
}

/* Deep and shallow ones, on both sides of the half of all addresses. */
static char *ip6_map(void)
{
	char *text = malloc(1 << 16), *to = text;
	struct random r = random_new(6);

	to = add(to, "::/16 -> s1\n8000::/1 -> s2\n7fff:ffff:ffff:ffff::/64 -> "
		 "s3\nffff:ffff:ffff:ffff::/64 -> s4\n"
		 "8000::/64 -> s0\nffff:ffff:ffff:ffff:8000::/65 -> s1\n");
	for (int i = 0; i < 64; i++)
		if (random_below(&r, 3))
			to = add(to, "2001:db8:%x::/48 -> s%u\n", i,
				 random_below(&r, SOCKETS));
	for (int i = 0; i < 40; i++)
		to = add(to, "%x:%x:%x::/%u -> s%u\n", random_below(&r, 65536),
			 random_below(&r, 65536) | 1, i << 4,
			 44 + random_below(&r, 20),
			 random_below(&r, SOCKETS));
	for (int i = 0; i < 20; i++)
		to = add(to, "fd00::%x:%x/128 -> s%u\n",
			 random_below(&r, 65536), i,
			 random_below(&r, SOCKETS));
	return text;
}

static char *port_map(void)
{
	char *text = malloc(1 << 16), *to = text;
	struct random r = random_new(16);

	to = add(to, "0 -> s1\n65535 -> s2\n");
	for (int i = 0; i < 60; i++)
		to = add(to, "%u -> s%u\n", 100 * i + 1 +
			 random_below(&r, 99), random_below(&r, SOCKETS));
	return text;
}

static char *policy_of(const char *key, const char *map)
{
	char *text = malloc(strlen(map) + 1024), *to = text;

	to = add(to, "policy t\n");
	for (int i = 0; i < SOCKETS; i++)
		to = add(to, "socket s%d\n", i);
	add(to, "map m by %s {\n%s}\nudp -> map m count\ndefault -> drop\n",
	    key, map);
	return text;
}

/* --------------------------------------------------------- the packets */

static void ask(struct asked *a, uint8_t field, u128 value)
{
	struct packet k = {
		.family = field == FIELD_LADDR6 || field == FIELD_RADDR6 ? 6 :
			4,
		.protocol = PACKET_UDP, .remote_port = 1, .local_port = 2,
	};

	switch (field) {
	case FIELD_LADDR4: case FIELD_LADDR6: k.local = value; break;
	case FIELD_RADDR4: case FIELD_RADDR6: k.remote = value; break;
	case FIELD_LPORT: k.local_port = (uint16_t)value; break;
	default: k.remote_port = (uint16_t)value; break;
	}
	asked_packet(a, &k);
}

/* Both sides of each cut of each node, and the ends. */
static void ask_all(struct asked *a)
{
	const struct diagram *d = a->c->diagram;

	for (size_t i = 0; i < d->nnodes; i++) {
		const struct dnode *n = &d->nodes[i];

		if (n->field == FIELD_FAMILY || n->field == FIELD_PROTOCOL)
			continue;
		ask(a, n->field, 0);
		ask(a, n->field, field_highest(n->field));
		for (uint32_t k = 0; k < n->ncuts; k++) {
			ask(a, n->field, n->cuts[k]);
			ask(a, n->field, n->cuts[k] - 1);
		}
	}
}

static void check(const char *key, const char *map, uint8_t kind,
		  const char *has)
{
	char *text = policy_of(key, map);
	struct compile_options o = {
		.optimize = 2, .until = COMPILE_ALL, .name = "t.skl",
		.text = text, .size = strlen(text), .tables_least = 2,
		.tables_kind = kind,
	};
	struct compiled c;
	struct asked a;

	assert_int_equal(compile(&c, NULL, &o), 0);
	assert_non_null(c.image);
	assert_true(c.proof.ok);
	assert_non_null(asked_variable(c.image, has));
	asked_begin(&a, &c);
	ask_all(&a);
	assert_true(a.packets > 100);
	assert_int_equal(a.wrong, 0);
	compiled_free(&c);
	free(text);
}

static void each_kind(const char *key, char *map)
{
	check(key, map, 1, "skpol_index");
	check(key, map, 2, "skpol_levels");
	check(key, map, 3, "skpol_levels");
	check(key, map, 4, "skpol_levels");
	check(key, map, 5, "skpol_buckets");
	free(map);
}

static void ip4(void **state)
{
	(void)state;
	each_kind("to", ip4_map());
}

static void ip6(void **state)
{
	(void)state;
	each_kind("from", ip6_map());
}

static void ports(void **state)
{
	char *map = port_map();

	(void)state;
	check("from port", map, 1, "skpol_index");
	check("port", map, 2, "skpol_levels");
	check("from port", map, 4, "skpol_levels");
	check("port", map, 5, "skpol_buckets");
	free(map);
}

/* One value for each port. */
static void direct(void **state)
{
	char *map = malloc(1 << 20), *to = map;

	(void)state;
	for (int i = 1; i < 20000; i += 2)
		to = add(to, "%d -> s%d\n", i, i / 2 % SOCKETS);
	check("port", map, 1, "skpol_direct");
	free(map);
}

/* Each cell of a table with many equal ones is looked at, by the proof, too. */
static void each_cell(void **state)
{
	char *map = malloc(1 << 16), *to = map, *text;
	struct compile_options o = {
		.optimize = 2, .until = COMPILE_ALL, .name = "t.skl",
		.tables_least = 2, .tables_kind = 1,
	};
	const struct image_variable *v;
	struct prove_result out;
	struct compiled c;
	size_t missed = 0;

	(void)state;
	for (int i = 0; i < 1024; i += 31 + i % 7)
		to = add(to, "%d-%d -> s%d\n", i * 64, i * 64 + 63,
			 i % SOCKETS);
	o.text = text = policy_of("port", map);
	o.size = strlen(text);
	assert_int_equal(compile(&c, NULL, &o), 0);
	v = asked_variable(c.image, "skpol_direct");
	assert_non_null(v);
	assert_true(v->size >= 1024);
	for (uint32_t i = 0; i < v->size; i++) {
		c.image->rodata[v->offset + i] ^= 1;
		missed += prove_image(&c.arena, c.policy, c.image, &out) ||
			out.unproved;
		c.image->rodata[v->offset + i] ^= 1;
	}
	assert_int_equal(missed, 0);
	compiled_free(&c);
	free(text);
	free(map);
}

/* Networks and ports that lie close together. */
static void windows(void **state)
{
	char *map = malloc(1 << 16), *to = map;

	(void)state;
	to = add(to, "10.1.0.0/24 -> s1\n");
	for (int i = 2; i < 250; i += 3)
		to = add(to, "10.1.%d.0/24 -> s%d\n", i, i % SOCKETS);
	check("to", map, 6, "skpol_window");
	to = add(map, "1 -> s1\n");
	for (int i = 5; i < 400; i += 7)
		to = add(to, "%d-%d -> s%d\n", i, i + i % 3, i % SOCKETS);
	check("port", map, 6, "skpol_window");
	check("from port", map, 6, "skpol_window");
	free(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ip4),
		cmocka_unit_test(ip6),
		cmocka_unit_test(ports),
		cmocka_unit_test(direct),
		cmocka_unit_test(windows),
		cmocka_unit_test(each_cell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
