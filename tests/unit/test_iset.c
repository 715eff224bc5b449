/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_iset - set operations against bits
 *
 * Random sets over 0..63 are compared with the same operation on a 64-bit
 * mask, value by value, and every result is checked for its form: sorted,
 * disjoint, not adjacent. Then the corners: the empty set, the whole 128-bit
 * space, the highest value, a million intervals.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../compiler/iset.h"
#include "../../grammar/arena.h"

static const u128 TOP = ~(u128)0;

static uint64_t seed = 1;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 6364136223846793005 + 1442695040888963407;
	return (seed >> 33) % n;
}

static int setup(void **state)
{
	struct arena *a = malloc(sizeof(*a));

	arena_init(a, NULL);
	*state = a;
	return 0;
}

static int teardown(void **state)
{
	arena_free(*state);
	free(*state);
	return 0;
}

static void assert_form(const struct iset *s)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		assert_true(s->v[i].low <= s->v[i].high);
		if (i)
			assert_true(s->v[i].low - s->v[i - 1].high > 1 &&
				    s->v[i].low > s->v[i - 1].high);
	}
}

static void assert_bits(const struct iset *s, uint64_t bits)
{
	u128 lowest;
	int i;

	assert_form(s);
	for (i = 0; i < 64; i++)
		assert_int_equal(iset_contains(s, i), bits >> i & 1);
	for (i = 0; i < 64; i++) {
		bool some = bits >> i;

		assert_int_equal(iset_lowest(s, i, &lowest), some);
		if (some)
			assert_true(lowest == (u128)(i +
				    __builtin_ctzll(bits >> i)));
	}
	assert_false(iset_contains(s, 64));
	assert_false(iset_contains(s, TOP));
}

static const struct iset *random_set(struct arena *a, uint64_t *bits)
{
	size_t n = rnd(12), i;
	struct interval *v = arena_array(a, n, sizeof(*v));

	*bits = 0;
	for (i = 0; i < n; i++) {
		uint32_t low = rnd(64), high = low + rnd(64 - low) / (1 + rnd(8));

		v[i].low = low;
		v[i].high = high;
		for (; low <= high; low++)
			*bits |= (uint64_t)1 << low;
	}
	return iset_build(a, v, n);
}

static void operations(void **state)
{
	struct arena *a = *state;
	int i;

	for (i = 0; i < 20000; i++) {
		const struct iset *x, *y;
		uint64_t p, q;

		x = random_set(a, &p);
		y = random_set(a, &q);
		assert_bits(x, p);
		assert_bits(iset_union(a, x, y), p | q);
		assert_bits(iset_intersect(a, x, y), p & q);
		assert_bits(iset_complement(a, x, 63), ~p);
		assert_bits(iset_complement(a, x, 20), ~p & 0x1fffff);
		assert_int_equal(iset_equal(x, y), p == q);
	}
}

static void corners(void **state)
{
	struct arena *a = *state;
	const struct iset *none = iset_build(a, NULL, 0);
	const struct iset *all = iset_range(a, 0, TOP), *top;
	struct interval v[] = { { TOP, TOP }, { 0, TOP }, { 5, 6 } };
	struct interval w[] = { { TOP, TOP }, { TOP - 1, TOP - 1 }, { 0, 0 } };

	assert_int_equal(none->n, 0);
	assert_false(iset_contains(none, 0));
	assert_true(iset_equal(iset_build(a, v, 3), all));
	assert_true(iset_equal(iset_complement(a, none, TOP), all));
	assert_int_equal(iset_complement(a, all, TOP)->n, 0);
	assert_int_equal(iset_complement(a, all, 65535)->n, 0);
	top = iset_build(a, w, 3);
	assert_int_equal(top->n, 2);
	assert_true(top->v[1].low == TOP - 1 && top->v[1].high == TOP);
	assert_true(iset_equal(iset_intersect(a, top, all), top));
	assert_true(iset_equal(iset_union(a, none, top), top));
	assert_int_equal(iset_intersect(a, none, all)->n, 0);
	top = iset_complement(a, top, TOP);
	assert_int_equal(top->n, 1);
	assert_true(top->v[0].low == 1 && top->v[0].high == TOP - 2);
}

/* Small against large, from both ends: what skipping could get wrong. */
static void million(void **state)
{
	enum { N = 1000000 };
	struct arena *a = *state;
	struct interval *v = arena_array(a, N, sizeof(*v));
	struct interval few[] = { { 0, 0 }, { 1999998, 2000002 },
				  { 4 * N - 4, 4 * N + 9 } };
	const struct iset *big, *small, *both;
	size_t i;

	for (i = 0; i < N; i++) {	/* 4k..4k+1, shuffled by a prime */
		v[i].low = 4 * (i * 7919 % N);
		v[i].high = v[i].low + 1;
	}
	big = iset_build(a, v, N);
	assert_form(big);
	assert_int_equal(big->n, N);
	small = iset_build(a, few, 3);
	both = iset_intersect(a, small, big);
	assert_form(both);
	assert_true(iset_equal(both, iset_intersect(a, big, small)));
	assert_int_equal(both->n, 3);
	assert_true(both->v[2].low == 4 * N - 4 && both->v[2].high == 4 * N - 3);
	assert_int_equal(iset_complement(a, big, 4 * N - 1)->n, N);
	for (i = 0; i < 4 * N; i += 1021)
		assert_int_equal(iset_contains(big, i), i % 4 < 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(operations, setup, teardown),
		cmocka_unit_test_setup_teardown(corners, setup, teardown),
		cmocka_unit_test_setup_teardown(million, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
