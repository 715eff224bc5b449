/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_strips - rows in strips say what the rows said
 *
 * Rows that are alike in all, many, few and no places. What is read by way of the
 * strips is compared with the rows, cell by cell; strips must differ from each other,
 * and be of the length that takes the fewest bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../compiler/strips.h"
#include "../../grammar/arena.h"
#include "../random/world.h"

enum { LOG_MIN = 2, LOG_MAX = 6 };

struct table {
	uint16_t *v;
	uint32_t nrows, row_log;
};

/* Rows of which one cell in EVERY is another than in the first one. */
static struct table make(struct arena *a, uint32_t nrows, uint32_t row_log,
			 uint32_t every)
{
	struct random r = random_new(nrows * 100 + row_log * 10 + every);
	struct table t = { arena_array(a, (size_t)nrows << row_log, 2), nrows,
			   row_log };

	for (uint32_t i = 0; i < 1u << row_log; i++)
		t.v[i] = (uint16_t)random_below(&r, 3);
	for (size_t i = (size_t)1 << row_log; i < (size_t)nrows << row_log; i++)
		t.v[i] = every && !random_below(&r, every) ?
			(uint16_t)random_next(&r) :
			t.v[i & ((1u << row_log) - 1)];
	return t;
}

static bool is_same(const uint16_t *x, const uint16_t *y, size_t n)
{
	return !memcmp(x, y, n * sizeof(*x));
}

/* The slow way: how many strips of 1 << LOG differ. */
static size_t count_different(struct arena *a, const struct table *t,
			      uint32_t log)
{
	size_t n = (size_t)t->nrows << (t->row_log - log), ndifferent = 0;
	const uint16_t **seen = arena_array(a, n, sizeof(*seen));

	for (size_t i = 0; i < n; i++) {
		const uint16_t *strip = t->v + (i << log);
		size_t k = 0;

		while (k < ndifferent &&
		       !is_same(seen[k], strip, (size_t)1 << log))
			k++;
		if (k == ndifferent)
			seen[ndifferent++] = strip;
	}
	return ndifferent;
}

static size_t fewest_bytes(struct arena *a, const struct table *t)
{
	size_t best = SIZE_MAX;

	for (uint32_t log = LOG_MIN; log <= LOG_MAX && log <= t->row_log;
	     log++) {
		size_t n = (size_t)t->nrows << (t->row_log - log);
		size_t bytes = 2 * (n + (count_different(a, t, log) << log));

		best = bytes < best ? bytes : best;
	}
	return best;
}

static void check(struct arena *a, const struct table *t)
{
	struct strips s;

	assert_true(strips_find(a, t->v, t->nrows, t->row_log, &s));
	assert_int_equal(strips_bytes(&s, t->nrows, t->row_log),
			 fewest_bytes(a, t));
	for (size_t i = 0; i < (size_t)t->nrows << t->row_log; i++) {
		uint32_t strip = s.of[i >> s.log];

		assert_true(strip < s.n);
		assert_int_equal(s.cells[((size_t)strip << s.log) +
					 (i & ((1u << s.log) - 1))], t->v[i]);
	}
}

static void each_kind(void **state)
{
	static const uint32_t everies[] = { 0, 1000, 100, 10, 2, 1 };
	jmp_buf exhausted;
	struct arena a;

	(void)state;
	arena_init(&a, &exhausted);
	if (setjmp(exhausted))
		fail();
	for (uint32_t log = LOG_MIN; log <= 8; log++)
		for (uint32_t i = 0; i < sizeof(everies) / sizeof(*everies); i++)
			for (uint32_t nrows = 1; nrows < 200; nrows += 66) {
				struct table t = make(&a, nrows, log,
						      everies[i]);

				check(&a, &t);
			}
	arena_free(&a);
}

/* Rows of two cells; 65,536 strips of four, each another one. */
static void where_there_are_none(void **state)
{
	struct strips s;
	jmp_buf exhausted;
	struct arena a;
	uint16_t *v;

	(void)state;
	arena_init(&a, &exhausted);
	if (setjmp(exhausted))
		fail();
	v = arena_array(&a, 4 * 65536, sizeof(*v));
	assert_false(strips_find(&a, v, 7, 1, &s));
	for (uint32_t i = 0; i < 65536; i++)
		v[4 * i] = (uint16_t)i;
	assert_true(strips_find(&a, v, 65535, 2, &s));
	assert_int_equal(s.n, 65535);
	assert_false(strips_find(&a, v, 65536, 2, &s));
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind),
		cmocka_unit_test(where_there_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
