/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_place - rows of random trees: none lies over another, each is whole in as
 * few pages and lines as can be, and most are in the page of what leads to them;
 * but those that many lead to are side by side
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../compiler/lower_level.h"
#include "../random/world.h"

enum { BLOCKS = 20000, CHILDREN = 6, SEEDS = 8, WANTED = 100 };

struct fixture {
	struct arena a;
	struct blocks tree;
	uint32_t *units, *place;
	uint32_t end;
};

static void begin_tree(struct fixture *f)
{
	arena_init(&f->a, NULL);
	f->tree.v = arena_array(&f->a, BLOCKS, sizeof(*f->tree.v));
	f->units = arena_array(&f->a, BLOCKS, sizeof(*f->units));
	f->place = arena_array(&f->a, BLOCKS, sizeof(*f->place));
	memset(f->place, 0xff, BLOCKS * sizeof(*f->place));
	f->tree.n = BLOCKS;
}

/* Children first. SHARED of 100 children are any, the others are the next. */
static void make_tree(struct fixture *f, uint64_t seed, uint32_t largest,
		      uint32_t shared)
{
	struct random r = random_new(seed);
	uint32_t next = 0;

	begin_tree(f);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		struct block *b = &f->tree.v[i];
		uint32_t n = 2 + random_below(&r, CHILDREN - 1);
		bref *children = arena_array(&f->a, n, sizeof(*children));

		b->ncuts = n - 1;
		b->children = children;
		for (uint32_t k = 0; k < n; k++)
			children[k] = i && random_below(&r, 100) < shared ?
				random_below(&r, i) : next + 1 < i &&
				random_below(&r, 2) ? next++ : BREF_LEAF;
		f->units[i] = random_below(&r, 9) ?
			1 + random_below(&r, largest) : 0;
	}
	f->end = rows_place(&f->a, &f->tree, f->units, f->place);
}

static void nothing_overlaps(const struct fixture *f)
{
	uint8_t *used = calloc(f->end, 1);

	for (uint32_t i = 0; i < f->tree.n; i++) {
		if (!f->units[i])
			continue;
		assert_true(f->place[i] + f->units[i] <= f->end);
		for (uint32_t k = 0; k < f->units[i]; k++)
			assert_int_equal(used[f->place[i] + k]++, 0);
	}
	free(used);
}

static uint32_t parts(uint32_t place, uint32_t units, uint32_t part)
{
	return (place + units - 1) / part - place / part + 1;
}

static void nothing_is_torn(const struct fixture *f)
{
	for (uint32_t i = 0; i < f->tree.n; i++) {
		uint32_t units = f->units[i];

		if (!units)
			continue;
		if (units <= ROW_PAGE)
			assert_int_equal(parts(f->place[i], units,
					       ROW_PAGE), 1);
		assert_int_equal(parts(f->place[i], units, ROW_LINE),
				 (units + ROW_LINE - 1) / ROW_LINE);
	}
}

/* Of 1,000 ways from a row to one below it, those that stay in the page. */
static uint32_t near(const struct fixture *f)
{
	uint32_t all = 0, same = 0;

	for (uint32_t i = 0; i < f->tree.n; i++)
		for (uint32_t k = 0; k <= f->tree.v[i].ncuts; k++) {
			bref r = f->tree.v[i].children[k];

			if (bref_is_leaf(r) || !f->units[i] || !f->units[r])
				continue;
			all++;
			same += f->place[i] / ROW_PAGE ==
				f->place[r] / ROW_PAGE;
		}
	return (uint32_t)(1000ull * same / all);
}

static uint32_t holes(const struct fixture *f)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < f->tree.n; i++)
		used += f->units[i];
	return (uint32_t)(1000ull * (f->end - used) / f->end);
}

static void small_rows(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct fixture f = { .end = 0 };

		make_tree(&f, seed, 4, 5);
		nothing_overlaps(&f);
		nothing_is_torn(&f);
		assert_in_range(near(&f), 700, 1000);
		assert_in_range(holes(&f), 0, 250);
		arena_free(&f.a);
	}
}

static void rows_of_any_size(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct fixture f = { .end = 0 };

		make_tree(&f, seed, 2 * ROW_PAGE, 20);
		nothing_overlaps(&f);
		nothing_is_torn(&f);
		assert_in_range(holes(&f), 0, 250);
		arena_free(&f.a);
	}
}

/* The first blocks have no rows below them; each other one leads to one of these,
 * and the lower its number, the more do. */
static void make_wanted(struct fixture *f, uint64_t seed)
{
	struct random r = random_new(seed);

	begin_tree(f);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		bref *children = arena_array(&f->a, 2, sizeof(*children));
		uint32_t most = 1 + random_below(&r, WANTED);

		children[0] = BREF_LEAF;
		children[1] = i < WANTED ? BREF_LEAF : random_below(&r, most);
		f->tree.v[i].ncuts = 1;
		f->tree.v[i].children = children;
		f->units[i] = 1 + random_below(&r, ROW_LINE);
	}
	f->end = rows_place(&f->a, &f->tree, f->units, f->place);
}

static void what_many_lead_to(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct fixture f = { .end = 0 };

		make_wanted(&f, seed);
		nothing_overlaps(&f);
		nothing_is_torn(&f);
		for (uint32_t i = 0; i < WANTED / 2; i++)
			assert_true(f.place[i] < WANTED * ROW_LINE);
		/* many times as many lead to the first as to this one */
		assert_true(f.place[0] < f.place[WANTED - 20]);
		arena_free(&f.a);
	}
}

/* Rows that stand elsewhere stay there, and take no room here. */
static void what_has_a_place(void **state)
{
	struct fixture f = { .end = 0 };
	uint32_t before;

	(void)state;
	make_tree(&f, 1, 4, 5);
	before = f.end;
	for (uint32_t i = 0; i < BLOCKS; i++)
		f.place[i] = i % 2 ? NOWHERE : 7 * i;
	f.end = rows_place(&f.a, &f.tree, f.units, f.place);
	for (uint32_t i = 0; i < BLOCKS; i += 2) {
		assert_int_equal(f.place[i], 7 * i);
		f.units[i] = 0;
	}
	nothing_overlaps(&f);
	assert_in_range(f.end, before / 3, before * 2 / 3);
	arena_free(&f.a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_rows),
		cmocka_unit_test(rows_of_any_size),
		cmocka_unit_test(what_many_lead_to),
		cmocka_unit_test(what_has_a_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
