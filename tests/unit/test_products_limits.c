/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_products_limits - policies that are too large for tables of products
 *
 * For each limit of products.c two policies, one on each side of it, of which all
 * other limits are far away. The first has products; the other one has none, and
 * its program must be proved and do what a linear search says all the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture_asked.h"

enum { TEXT_MAX = 4 << 20, PACKETS = 1000 };

/* ------------------------------------------------------------- policies */

struct text {
	char *v, *to;
};

static struct text begin(void)
{
	struct text t = { .v = malloc(TEXT_MAX) };

	t.to = t.v + sprintf(t.v, "policy t\nsocket s0\nsocket s1\n");
	return t;
}

static char *end(struct text *t)
{
	sprintf(t->to, "ip6 tcp port 80 -> s0\ndefault -> pass\n");
	assert_true(strlen(t->v) < TEXT_MAX);
	return t->v;
}

static void put_address(struct text *t, uint32_t v)
{
	t->to += sprintf(t->to, "%u.%u.%u.%u", v >> 24, v >> 16 & 255,
			 v >> 8 & 255, v & 255);
}

static const uint32_t local = 0xc0000000, remote = 0x0a000000;

/* `to` local + I */
static void put_local(struct text *t, uint32_t i)
{
	t->to += sprintf(t->to, " to ");
	put_address(t, local + i);
}

/* N remote hosts that are no neighbours: 2 N + 1 intervals. What lies in one
 * network is alike, so that an index of them is small. */
static void put_many(struct text *t, uint32_t n)
{
	t->to += sprintf(t->to, "set many = { ");
	for (uint32_t i = 0; i < n; i++) {
		t->to += sprintf(t->to, i ? ", " : "");
		put_address(t, remote + i * 256 + 5);
	}
	t->to += sprintf(t->to, " }\n");
}

/* Those from BASE on, of N, whose number has bit K. */
static void put_with_bit(struct text *t, uint32_t base, uint32_t n, uint32_t k)
{
	const char *comma = "";

	t->to += sprintf(t->to, " { ");
	for (uint32_t i = 1u << k; i < n; i += 2u << k) {
		uint32_t last = i + (1u << k) - 1;

		t->to += sprintf(t->to, "%s", comma);
		put_address(t, base + i);
		t->to += sprintf(t->to, "-");
		put_address(t, base + (last < n ? last : n - 1));
		comma = ", ";
	}
	t->to += sprintf(t->to, " }");
}

/* N local hosts, of each of which something else is known, times 60,417
 * intervals. */
static char *cells(uint32_t n)
{
	struct text t = begin();

	put_many(&t, 30208);
	for (uint32_t i = 0; i < n; i++) {
		t.to += sprintf(t.to, "ip4");
		put_local(&t, i);
		t.to += sprintf(t.to, " -> s0 count\n");
	}
	t.to += sprintf(t.to, "ip4 from many to 198.51.100.1 -> s1\n");
	return end(&t);
}

/* N nodes of 30,000 cuts each, made once. */
static char *cuts(uint32_t n)
{
	struct text t = begin();

	put_many(&t, 15000);
	t.to += sprintf(t.to, "ip4 from many -> s1\n");
	for (uint32_t i = 0; i < n; i++) {
		t.to += sprintf(t.to, "ip4");
		put_local(&t, i);
		t.to += sprintf(t.to, " -> s0 count\n");
	}
	return end(&t);
}

/* N nodes of 6,000 cuts, made anew for rules about all of them. */
static char *steps(uint32_t n)
{
	struct text t = begin();

	put_many(&t, 3000);
	for (uint32_t i = 0; i < n; i++) {
		t.to += sprintf(t.to, "ip4 from many");
		put_local(&t, i);
		t.to += sprintf(t.to, " -> s0 count\nip4 from ");
		put_address(&t, remote + 3 * i + 1);
		t.to += sprintf(t.to, " -> s1\n");
	}
	return end(&t);
}

/* N pairs of networks: a table of N rows, and N columns. */
static char *networks(uint32_t n)
{
	struct text t = begin();

	for (uint32_t i = 0; i < n; i++) {
		t.to += sprintf(t.to, "ip4");
		put_local(&t, 2 * i);
		t.to += sprintf(t.to, "/31 from ");
		put_address(&t, remote + 2 * i);
		t.to += sprintf(t.to, "/31 -> s%u\n", i % 2);
	}
	return end(&t);
}

/* N local hosts, each with other ports. */
static char *columns(uint32_t n)
{
	struct text t = begin();

	for (uint32_t k = 0; k < 16; k++) {
		t.to += sprintf(t.to, "ip4 to");
		put_with_bit(&t, local, n, k);
		t.to += sprintf(t.to, " port %u -> s0\n", 100 + k);
	}
	t.to += sprintf(t.to, "ip4 from 10.0.0.1 -> s1\n");
	return end(&t);
}

/* N local and 256 remote hosts, each pair of them with other ports. */
static char *rows(uint32_t n)
{
	struct text t = begin();

	for (uint32_t k = 0; k < 8; k++) {
		t.to += sprintf(t.to, "ip4 from port %u to", 100 + k);
		put_with_bit(&t, local, n, k);
		t.to += sprintf(t.to, " -> s0\nip4 from");
		put_with_bit(&t, remote, 256, k);
		t.to += sprintf(t.to, " port %u -> s0\n", 200 + k);
	}
	return end(&t);
}

/* N things that are done, four steps each. */
static char *deeds(uint32_t n)
{
	struct text t = begin();

	for (uint32_t i = 0; i < n; i++) {
		t.to += sprintf(t.to, "ip4");
		put_local(&t, i);
		t.to += sprintf(t.to, " -> s%u count\n", i % 2);
	}
	t.to += sprintf(t.to, "ip4 from 10.0.0.1 -> s1\n");
	return end(&t);
}

/* N hosts of IPv6, each with another port: what is left of a diagram for them. */
static char *six(uint32_t n)
{
	struct text t = begin();

	for (uint32_t i = 0; i < n; i++)
		t.to += sprintf(t.to, "tcp to 2001:db8::%x port %u -> s0\n",
				i, i + 1);
	t.to += sprintf(t.to, "ip4 from 10.0.0.1 -> s1\nip4 to 192.0.2.1 -> "
			"s0\n");
	return end(&t);
}

/* ---------------------------------------------------------------- tests */

/* For a kernel that takes tables of any size. */
static void grow(struct compiled *c, const char *text,
		 enum compile_products products)
{
	struct compile_options o = {
		.optimize = 2, .until = COMPILE_ALL, .no_lint = true,
		.name = "t.skl", .text = text, .size = strlen(text),
		.products = products,
		.target = target_find("6.1"),
	};

	assert_int_equal(compile(c, NULL, &o), 0);
	if (c->diags.nerrors)
		diag_print(&c->diags, stderr, false);
	assert_true(c->proof.ok);
}

static void is_right(struct compiled *c)
{
	struct asked a;

	asked_begin(&a, c);
	asked_ends(&a, PACKETS);
	assert_int_equal(a.wrong, 0);
}

/* Whether there are products for C's policy; it is right in any case. */
static bool has_them(struct compiled *c)
{
	bool has = c->program.lowered.products.bytes;

	is_right(c);
	compiled_free(c);
	return has;
}

static bool can_have_them(char *text)
{
	struct compiled c;

	grow(&c, text, PRODUCTS_ALWAYS);
	free(text);
	return has_them(&c);
}

/* With BELOW there are products, with ABOVE not. */
static void between(char *make(uint32_t n), uint32_t below, uint32_t above)
{
	assert_true(can_have_them(make(below)));
	assert_false(can_have_them(make(above)));
}

/* MAX_CELLS, 16,000,000: rows times intervals. */
static void cells_are_bounded(void **state)
{
	(void)state;
	between(cells, 255, 270);
}

/* MAX_CUTS, 2,000,000: of all nodes together. */
static void cuts_are_bounded(void **state)
{
	(void)state;
	between(cuts, 65, 68);
}

/* MAX_STEPS, 4,000,000: the diagram has a tenth of it as cuts, in the end. */
static void steps_are_bounded(void **state)
{
	(void)state;
	between(steps, 80, 100);
}

/* ALWAYS_BYTES, 16 MiB: 2,048 columns to a row, or 4,096. */
static void bytes_are_bounded(void **state)
{
	(void)state;
	between(networks, 2040, 2060);
}

/* MAX_BYTES, 1 MiB, where none are asked for: 512 columns to a row, or 1,024. */
static void fewer_bytes_as_usual(void **state)
{
	(void)state;
	for (uint32_t n = 500; n < 530; n += 15) {
		char *text = networks(n);
		struct compiled c;

		grow(&c, text, PRODUCTS_USUAL);
		assert_int_equal(has_them(&c), n < 512);
		free(text);
	}
}

/* Columns, and what is known, have numbers of 16 bits. */
static void numbers_are_bounded(void **state)
{
	(void)state;
	between(columns, 65000, 65536);
	between(rows, 255, 256);
}

/* So have steps. */
static void deeds_are_bounded(void **state)
{
	(void)state;
	between(deeds, 16300, 16400);
}

/* REST_WEIGHT of compile_program.c: IPv6 packets would get too much code. */
static void the_rest_is_bounded(void **state)
{
	(void)state;
	between(six, 10000, 16000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cells_are_bounded),
		cmocka_unit_test(cuts_are_bounded),
		cmocka_unit_test(steps_are_bounded),
		cmocka_unit_test(bytes_are_bounded),
		cmocka_unit_test(fewer_bytes_as_usual),
		cmocka_unit_test(numbers_are_bounded),
		cmocka_unit_test(deeds_are_bounded),
		cmocka_unit_test(the_rest_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
