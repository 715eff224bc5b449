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

enum { SEEDS = 64 };

static uint64_t *hashes_new(size_t n, uint64_t seed)
{
	struct random r = random_new(seed);
	uint64_t *v = malloc(n * sizeof(*v));

	for (size_t i = 0; i < n; i++)
		v[i] = random_next(&r);
	return v;
}

/* Out of some hashes there are places for all keys; out: these hashes. */
static uint64_t *places_found(struct arena *a, size_t n, struct perfect *p)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		uint64_t *hashes = hashes_new(n, seed * n);

		if (perfect_build(a, hashes, n, p))
			return hashes;
		free(hashes);
	}
	return NULL;
}

static void check(size_t n)
{
	uint64_t *hashes;
	jmp_buf exhausted;
	struct perfect p;
	struct arena a;
	bool *taken;

	assert_false(setjmp(exhausted));
	arena_init(&a, &exhausted);
	hashes = places_found(&a, n, &p);
	assert_non_null(hashes);
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
		check(sizes[i]);
}

static void what_has_none(void **state)
{
	jmp_buf exhausted;
	struct perfect p;
	struct arena a;
	uint64_t *hashes, one;

	(void)state;
	assert_false(setjmp(exhausted));
	arena_init(&a, &exhausted);
	hashes = places_found(&a, 100, &p);
	assert_non_null(hashes);
	assert_false(perfect_build(&a, hashes, 0, &p));
	one = hashes[99];
	hashes[99] = hashes[0];
	assert_false(perfect_build(&a, hashes, 100, &p));
	hashes[99] ^= 1;	/* of which no place depends */
	assert_false(perfect_build(&a, hashes, 100, &p));
	hashes[99] = one;
	assert_true(perfect_build(&a, hashes, 100, &p));
	free(hashes);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_has_a_place),
		cmocka_unit_test(what_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
