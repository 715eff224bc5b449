/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_perfect - no two keys have one place, and each is where it is looked for
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../compiler/perfect.h"
#include "../../grammar/arena.h"
#include "../random/world.h"

enum { SEEDS = 128 };

static uint64_t *hashes_new(size_t n, uint64_t seed)
{
	struct random r = random_new(seed);
	uint64_t *v = malloc(n * sizeof(*v));

	for (size_t i = 0; i < n; i++)
		v[i] = random_next(&r);
	return v;
}

/* Out of some hashes there are places for all keys; out: these hashes. */
static uint64_t *places_found(struct perfect_space *s, size_t n,
			      unsigned int log, struct perfect *p)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		uint64_t *hashes = hashes_new(n, seed * n);

		if (perfect_build(s, hashes, log, p))
			return hashes;
		free(hashes);
	}
	return NULL;
}

static void check(size_t n, unsigned int keys_a_number)
{
	unsigned int log = perfect_log(n, keys_a_number);
	struct perfect_space *space;
	uint64_t *hashes;
	jmp_buf exhausted;
	struct perfect p;
	struct arena a;
	bool *taken;

	assert_false(setjmp(exhausted));
	arena_init(&a, &exhausted);
	space = perfect_space(&a, n);
	assert_non_null(space);
	hashes = places_found(space, n, log, &p);
	assert_non_null(hashes);
	assert_int_equal(p.log, log);
	assert_true((size_t)keys_a_number << log >= n);
	assert_true(p.nplaces >= n && p.nplaces <= n + n / 8 + 1);
	taken = calloc(p.nplaces, sizeof(*taken));
	for (size_t i = 0; i < n; i++) {
		uint16_t number = p.number[hashes[i] >> (64 - p.log)];

		assert_true(p.place[i] < p.nplaces);
		assert_int_equal(p.place[i],
				 perfect_place(&p, hashes[i], number));
		assert_false(taken[p.place[i]]);
		taken[p.place[i]] = true;
	}
	free(taken);
	free(hashes);
	arena_free(&a);
}

static void every_key_has_a_place(void **state)
{
	static const size_t sizes[] = { 1, 2, 3, 4, 5, 9, 100, 1000, 4633,
					29126, 29127, 50000, 100000, 300000 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		check(sizes[i], PERFECT_SPARSE);
}

static void numbers_may_be_few(void **state)
{
	static const size_t sizes[] = { 4000, 16384, 73443, 200000 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		check(sizes[i], PERFECT_DENSE);
}

static void what_has_none(void **state)
{
	unsigned int log = perfect_log(100, PERFECT_SPARSE);
	struct perfect_space *space;
	jmp_buf exhausted;
	struct perfect p;
	struct arena a;
	uint64_t *hashes, one;

	(void)state;
	assert_false(setjmp(exhausted));
	arena_init(&a, &exhausted);
	assert_null(perfect_space(&a, 0));
	assert_null(perfect_space(&a, PERFECT_KEYS_MAX + 1));
	space = perfect_space(&a, 100);
	hashes = places_found(space, 100, log, &p);
	assert_non_null(hashes);
	one = hashes[99];
	hashes[99] = hashes[0];
	assert_false(perfect_build(space, hashes, log, &p));
	hashes[99] ^= 1;	/* of which no place depends */
	assert_false(perfect_build(space, hashes, log, &p));
	hashes[99] = one;
	assert_true(perfect_build(space, hashes, log, &p));
	free(hashes);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_has_a_place),
		cmocka_unit_test(numbers_may_be_few),
		cmocka_unit_test(what_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
