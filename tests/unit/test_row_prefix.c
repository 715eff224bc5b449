/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_row_prefix - rows of prefixes, asked on both sides of each of their ends
 *
 * Policies of many remote hosts, each with a few local prefixes of its own, each
 * of these with a port. All blocks become rows by force. The programs must be
 * proved, and give each packet the verdict of a linear search. Then each byte of
 * the rows changes: what is still proved must still be right.
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

enum { SOCKETS = 5, PREFIXES = 8, LINE_MAX = 100 };

struct prefix {
	uint32_t low, bits;	/* behind it */
};

struct made {
	uint32_t n;
	uint32_t most;		/* prefixes of a host */
	struct prefix *v;	/* by host, then prefix */
	char *text;
};

static uint32_t prefixes_of(const struct made *h, uint32_t host)
{
	return 1 + host % h->most;
}

static uint32_t remote_of(uint32_t host)
{
	return 10u << 24 | (host * 3 + 1);
}

static uint32_t port_of(uint32_t host, uint32_t k)
{
	return 1 + (host * 7 + k * 13) % 90;
}

/* In an eighth of the addresses each, so that none holds another. */
static void make_prefixes(struct made *h)
{
	struct random r = random_new(h->n + h->most);

	h->v = calloc((size_t)h->n * PREFIXES, sizeof(*h->v));
	for (uint32_t i = 0; i < h->n; i++)
		for (uint32_t k = 0; k < prefixes_of(h, i); k++) {
			struct prefix *p = &h->v[i * PREFIXES + k];

			p->bits = random_below(&r, 3) ? random_below(&r, 25) :
				0;
			p->low = (k << 29 | random_below(&r, 1 << 29)) >>
				p->bits << p->bits;
		}
}

static void put_rule(char **to, const struct made *h, uint32_t i, uint32_t k)
{
	const struct prefix *p = &h->v[i * PREFIXES + k];
	uint32_t r = remote_of(i);

	*to += sprintf(*to, "from %u.%u.%u.%u to %u.%u.%u.%u/%u port %u -> "
		       "s%u\n", r >> 24, r >> 16 & 255, r >> 8 & 255, r & 255,
		       p->low >> 24, p->low >> 16 & 255, p->low >> 8 & 255,
		       p->low & 255, 32 - p->bits, port_of(i, k),
		       (i + k) % SOCKETS);
}

static void make_hosts(struct made *h, uint32_t n, uint32_t most)
{
	char *to;

	*h = (struct made){ .n = n, .most = most };
	make_prefixes(h);
	h->text = to = malloc((size_t)(n * most + 10) * LINE_MAX);
	to += sprintf(to, "policy t\n");
	for (int i = 0; i < SOCKETS; i++)
		to += sprintf(to, "socket s%d\n", i);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < prefixes_of(h, i); k++)
			put_rule(&to, h, i, k);
	sprintf(to, "default -> drop\n");
}

static void free_hosts(struct made *h)
{
	free(h->v);
	free(h->text);
}

static void grow(struct compiled *c, const struct made *h)
{
	struct compile_options o = {
		.optimize = 2, .until = COMPILE_ALL, .no_lint = true,
		.name = "t.skl", .text = h->text, .size = strlen(h->text),
		.diagram_weight = 1, .all_data = true,
	};

	assert_int_equal(compile(c, NULL, &o), 0);
	assert_non_null(c->forest);
	assert_true(c->proof.ok);
}

/* -------------------------------------------------------------- packets */

static void ask_ends(struct asked *a, const struct made *h, uint32_t i,
		     uint32_t k)
{
	const struct prefix *p = &h->v[i * PREFIXES + k];
	uint32_t high = p->low + (uint32_t)((1ull << p->bits) - 1);
	const uint32_t local[] = { p->low, high, p->low - 1, high + 1 };

	for (int n = 0; n < 8; n++) {
		struct packet q = {
			.family = 4, .local = local[n % 4],
			.remote = remote_of(i) + (n == 7),
			.protocol = n & 1 ? PACKET_UDP : PACKET_TCP,
			.local_port = (uint16_t)(port_of(i, k) + (n == 5)),
		};

		asked_packet(a, &q);
	}
}

/* Every STEPth host, of all prefixes. */
static void ask_hosts(struct asked *a, struct compiled *c,
		      const struct made *h, uint32_t step)
{
	asked_begin(a, c);
	for (uint32_t i = 0; i < h->n; i += step)
		for (uint32_t k = 0; k < prefixes_of(h, i); k++)
			ask_ends(a, h, i, k);
}

static void check(uint32_t n, uint32_t most, bool narrow, uint32_t step)
{
	struct compiled c;
	struct made h;
	struct asked a;

	make_hosts(&h, n, most);
	grow(&c, &h);
	assert_true(c.program.ranks->narrow == narrow);
	ask_hosts(&a, &c, &h, step);
	assert_int_equal(a.wrong, 0);
	assert_true(a.packets >= n / step * 8);
	compiled_free(&c);
	free_hosts(&h);
}

static void numbers_of_prefixes(void **state)
{
	(void)state;
	for (uint32_t most = 1; most <= PREFIXES; most++)
		check(40, most, true, 1);
}

/* More rows than 16 bits can number. */
static void many(void **state)
{
	(void)state;
	check(24000, 6, false, 2111);
}

/* ------------------------------------------------------------ the proof */

static void bytes_are_read(void **state)
{
	const struct image_variable *v;
	struct compiled c;
	struct made h;
	struct asked a;
	size_t seen = 0;

	(void)state;
	make_hosts(&h, 4, 4);
	grow(&c, &h);
	v = asked_variable(c.image, "skpol_rows_");
	assert_non_null(v);
	for (uint32_t at = 0; at < v->size; at++) {
		uint8_t *byte = &c.image->rodata[v->offset + at];

		*byte ^= 1;
		if (asked_proved(&c)) {
			ask_hosts(&a, &c, &h, 1);
			assert_int_equal(a.wrong, 0);
		} else {
			seen++;
		}
		*byte ^= 1;
	}
	/* of 10 prefixes the values, bits and what is next */
	assert_true(seen >= 10 * 3);
	assert_true(asked_proved(&c));
	compiled_free(&c);
	free_hosts(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_of_prefixes),
		cmocka_unit_test(many),
		cmocka_unit_test(bytes_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
