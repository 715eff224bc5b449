/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_home - rows in the lines of the buckets that lead to them
 *
 * Lists at random: each row has a place of its own, none where a cut is, and those
 * for which their own line has room are in it. Then policies of many remote hosts,
 * each with a local prefix: the programs must be proved, and give each packet the
 * verdict of a linear search; and the proof must see what matters of a line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../compiler/lower_level.h"
#include "../random/world.h"
#include "fixture_asked.h"

enum { LISTS = 2, CUTS = 6000, FEW = 24, SEEDS = 6, CUT = 8 };

/* ------------------------------------------------------------- the places */

struct fixture {
	struct arena a;
	struct blocks tree;
	bool *data, *rows;
	uint32_t *place;
	struct homes homes;
};

/* One somewhere in each part of the space: no bucket has many. */
static uint32_t *random_cuts(struct fixture *f, uint32_t ncuts, struct random *r)
{
	uint32_t *cuts = arena_array(&f->a, ncuts, sizeof(*cuts));
	const uint32_t part = UINT32_MAX / ncuts;

	for (uint32_t i = 0; i < ncuts; i++)
		cuts[i] = i * part + 1 + random_below(r, part - 1);
	return cuts;
}

static void add_list(struct fixture *f, uint32_t l, uint32_t ncuts,
		     uint32_t shared, struct random *r)
{
	struct block *b = &f->tree.v[f->tree.n - LISTS + l];
	bref *children = arena_array(&f->a, ncuts + 1, sizeof(*children));

	*b = (struct block){ .word = WORD_RADDR4, .ncuts = ncuts,
			     .cuts = random_cuts(f, ncuts, r),
			     .children = children };
	for (uint32_t k = 0; k <= ncuts; k++)
		children[k] = k % 2 == 0 ? BREF_LEAF : random_below(r, shared) ?
			l * ncuts / 2 + k / 2 :
			random_below(r, LISTS * ncuts / 2);
}

/* Rows first, then the lists: a host every other cut; one in SHARED shares its row
 * with another one. */
static void begin(struct fixture *f, uint64_t seed, uint32_t ncuts,
		  uint32_t shared)
{
	uint32_t nrows = LISTS * ncuts / 2;
	struct random r = random_new(seed);

	arena_init(&f->a, NULL);
	f->tree.n = nrows + LISTS;
	f->tree.v = arena_array(&f->a, f->tree.n, sizeof(*f->tree.v));
	f->data = arena_array(&f->a, f->tree.n, sizeof(bool));
	f->rows = arena_array(&f->a, f->tree.n, sizeof(bool));
	f->place = arena_array(&f->a, f->tree.n, sizeof(*f->place));
	memset(f->place, 0xff, f->tree.n * sizeof(*f->place));
	for (uint32_t i = 0; i < nrows; i++)
		f->rows[i] = f->data[i] = true;
	for (uint32_t l = 0; l < LISTS; l++)
		add_list(f, l, ncuts, shared, &r);
}

static bool make(struct fixture *f)
{
	const struct homes_input in = { &f->tree, f->data, f->rows, 2, 1 };

	return homes_make(&f->a, &in, f->place, &f->homes);
}

/* Of the line of a bucket, the bytes that its cuts take. */
static uint32_t bytes_of_cuts(const struct block *b, const struct home *h,
			      uint32_t bucket)
{
	uint32_t n = 1, shift = 32 - h->root;

	for (uint32_t i = 0; i < b->ncuts; i++)
		n += b->cuts[i] >> shift == bucket &&
			b->cuts[i] != bucket << shift;
	return n * CUT;
}

static const struct home *home_at(const struct fixture *f, uint32_t place)
{
	const struct home *h = f->homes.v;

	for (size_t i = 0; i < f->homes.n; i++)
		if (f->homes.v[i].place <= place)
			h = &f->homes.v[i];
	return h;
}

static void nothing_overlaps(const struct fixture *f)
{
	uint8_t *used = calloc(f->homes.units, 1);

	for (uint32_t i = 0; i < f->tree.n; i++) {
		const struct home *h;
		uint32_t at = f->place[i], bucket;

		if (!f->rows[i])
			continue;
		assert_true(at < f->homes.units);
		assert_int_equal(used[at]++, 0);
		h = home_at(f, at);
		bucket = (at - h->place) / ROW_LINE;
		if (i % 16 == 0)	/* each walks over the whole list */
			assert_true(at % ROW_LINE * ROW_UNIT >=
				    bytes_of_cuts(&f->tree.v[h->block], h,
						  bucket));
	}
	free(used);
}

/* Of 100 rows that lists lead to, those that are where these are. */
static uint32_t at_home(const struct fixture *f)
{
	uint32_t all = 0, home = 0;

	for (size_t i = 0; i < f->homes.n; i++) {
		const struct home *h = &f->homes.v[i];
		const struct block *b = &f->tree.v[h->block];

		for (uint32_t k = 1; k <= b->ncuts; k += 2) {
			uint32_t bucket = b->cuts[k - 1] >> (32 - h->root);

			all++;
			home += f->place[b->children[k]] / ROW_LINE ==
				h->place / ROW_LINE + bucket;
		}
	}
	return 100 * home / all;
}

static void places(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct fixture f = { .homes = { .n = 0 } };

		begin(&f, seed, seed % 2 ? CUTS : FEW, 20);
		assert_true(make(&f));
		assert_int_equal(f.homes.n, LISTS);
		assert_ptr_equal(home_of(&f.homes, (uint32_t)f.tree.n - 1),
				 &f.homes.v[LISTS - 1]);
		assert_null(home_of(&f.homes, 0));
		nothing_overlaps(&f);
		assert_in_range(at_home(&f), 65, 100);
		arena_free(&f.a);
	}
}

/* So many rows that nobody leads to have no room; and where few cuts lead to rows,
 * or a list is data, there is no home. */
static void no_homes(void **state)
{
	struct fixture f = { .homes = { .n = 0 } };

	(void)state;
	begin(&f, 1, CUTS, UINT32_MAX);
	f.data[f.tree.n - 1] = f.data[f.tree.n - 2] = true;
	assert_false(make(&f));
	arena_free(&f.a);
	begin(&f, 1, CUTS, UINT32_MAX);
	memset(f.rows + CUTS / 8, 0, f.tree.n - CUTS / 8);
	f.data[f.tree.n - 2] = true;
	assert_false(make(&f));
	arena_free(&f.a);
	begin(&f, 1, CUTS, UINT32_MAX);
	for (uint32_t l = 1; l <= LISTS; l++)
		f.tree.v[f.tree.n - l].ncuts = CUTS / 16;
	assert_false(make(&f));
	arena_free(&f.a);
}

/* ----------------------------------------------------------- the programs */

enum { HOSTS_MAX = 4000, TEXT = 80 /* of a rule */, FLIPS = 60 };

struct shape {
	uint32_t hosts;
	bool ports;		/* behind the local prefix comes another row */
};

/* Some host of part I of the space. */
static uint32_t host_of(const struct shape *s, uint32_t i, struct random *r)
{
	const uint32_t part = UINT32_MAX / s->hosts;

	return i * part + random_below(r, part);
}

static char *policy_of(const struct shape *s)
{
	char *text = malloc((size_t)HOSTS_MAX * TEXT), *to = text;
	struct random r = random_new(s->hosts);

	to += sprintf(to, "policy t\n");
	for (int i = 0; i < 5; i++)
		to += sprintf(to, "socket s%d\n", i);
	for (uint32_t i = 0; i < s->hosts; i++) {
		uint32_t remote = host_of(s, i, &r);
		uint32_t bits = 8 + random_below(&r, 25);
		uint32_t local = random_below(&r, UINT32_MAX) >> (32 - bits)
			<< (32 - bits);

		to += sprintf(to, "%s from %u.%u.%u.%u to %u.%u.%u.%u/%u",
			      i % 3 ? "tcp" : "udp", remote >> 24,
			      remote >> 16 & 255, remote >> 8 & 255,
			      remote & 255, local >> 24, local >> 16 & 255,
			      local >> 8 & 255, local & 255, bits);
		if (s->ports)
			to += sprintf(to, " port %u", i % 3 ? 80 : 53);
		to += sprintf(to, " -> s%u\n", i % 5);
	}
	sprintf(to, "tcp to port 443 -> s1\ndefault -> drop\n");
	return text;
}

static void grow(struct compiled *c, const char *text)
{
	struct compile_options o = {
		.optimize = 2, .until = COMPILE_ALL, .no_lint = true,
		.name = "t.skl", .text = text, .size = strlen(text),
		.diagram_weight = 1, .max_instructions = 2000, .homes = true,
		.products = PRODUCTS_NEVER,
	};

	assert_int_equal(compile(c, NULL, &o), 0);
	assert_non_null(c->image);
	assert_true(c->proof.ok);
	assert_non_null(asked_variable(c->image, "skpol_homes_"));
}

static void programs(void **state)
{
	static const struct shape shapes[] = {
		{ 900, false }, { 2000, true }, { 4000, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		char *text = policy_of(&shapes[i]);
		struct compiled c;
		struct asked a;

		grow(&c, text);
		asked_begin(&a, &c);
		asked_ends(&a, 40000);
		assert_int_equal(a.wrong, 0);
		compiled_free(&c);
		free(text);
	}
}

/* A byte of a line changes: either the proof sees it, or no packet does. */
static void changes(void **state)
{
	char *text = policy_of(&(struct shape){ 900, true });
	struct random r = random_new(3);
	const struct image_variable *v;
	size_t seen = 0;
	struct compiled c;

	(void)state;
	grow(&c, text);
	v = asked_variable(c.image, "skpol_homes_");
	for (int i = 0; i < FLIPS; i++) {
		uint8_t *at = c.image->rodata + v->offset +
			random_below(&r, v->size), was = *at;
		struct asked a;

		*at ^= (uint8_t)(1 << random_below(&r, 8));
		if (asked_proved(&c)) {
			asked_begin(&a, &c);
			asked_ends(&a, 4000);
			assert_int_equal(a.wrong, 0);
		} else {
			seen++;
		}
		*at = was;
	}
	assert_in_range(seen, FLIPS / 10, FLIPS);
	assert_true(asked_proved(&c));
	compiled_free(&c);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places),
		cmocka_unit_test(no_homes),
		cmocka_unit_test(programs),
		cmocka_unit_test(changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
