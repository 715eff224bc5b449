/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_arena - memory that is zeroed, stays where it is, and ends in one jump
 *
 * Built with chunks of 256 bytes, so that small arrays pass through all three
 * kinds of memory: a shared chunk, one of their own, a mapping.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "../../grammar/arena.h"

static void all_zero(const void *p, size_t n)
{
	const unsigned char *b = p;

	for (size_t i = 0; i < n; i++)
		assert_int_equal(b[i], 0);
}

static void zeroed_and_aligned(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, NULL);
	for (size_t n = 0; n < 9000; n += 97) {
		unsigned char *p = arena_alloc(&a, n);

		assert_int_equal((uintptr_t)p % 16, 0);
		all_zero(p, n);
		memset(p, 0xff, n);
	}
	arena_free(&a);
	assert_int_equal(a.used, 0);
}

/* Of much memory, small things share chunks that are as large as a large page. */
static void many_small_things(void **state)
{
	enum { SMALL = 48, N = 20000, HUGE = 64 * ARENA_CHUNK };
	static unsigned char *v[N];
	size_t large = 0;
	struct arena a;

	(void)state;
	arena_init(&a, NULL);
	for (int i = 0; i < N; i++) {
		size_t before = a.used;

		v[i] = arena_alloc(&a, SMALL);
		large += a.used - before >= HUGE;
		all_zero(v[i], SMALL);
		memset(v[i], i & 0xff, SMALL);
	}
	for (int i = 0; i < N; i++)
		for (int k = 0; k < SMALL; k++)
			assert_int_equal(v[i][k], i & 0xff);
	/* 960,000 bytes, of which the first 131,072 are in small chunks */
	assert_in_range(large, 49, 53);
	arena_free(&a);
	assert_int_equal(a.used, 0);
}

/* Element by element, two arrays at once: what was there stays. */
static void growing(void **state)
{
	uint32_t *v[2] = { NULL, NULL };
	size_t n[2] = { 0, 0 }, cap[2] = { 0, 0 };
	struct arena a;

	(void)state;
	arena_init(&a, NULL);
	for (uint32_t i = 0; i < 20000; i++) {
		for (int k = 0; k < 2; k++) {
			uint32_t *e = arena_push(&a, v[k], n[k], cap[k]);

			assert_int_equal(*e, 0);
			*e = i * 2 + (uint32_t)k;
		}
	}
	for (uint32_t i = 0; i < 20000; i++) {
		assert_int_equal(v[0][i], i * 2);
		assert_int_equal(v[1][i], i * 2 + 1);
	}
	all_zero(v[0] + n[0], (cap[0] - n[0]) * sizeof(*v[0]));
	arena_free(&a);
}

/* The first growth of all may be beyond both borders. */
static void growing_by_leaps(void **state)
{
	static const size_t leaps[] = { 1, 3, 63, 64, 65, 1023, 1024, 4095,
					4096, 4097, 100000 };

	(void)state;
	for (size_t i = 0; i < sizeof(leaps) / sizeof(*leaps); i++) {
		for (size_t j = i; j < sizeof(leaps) / sizeof(*leaps); j++) {
			struct arena a;
			size_t cap = 0, before;
			char *v;

			arena_init(&a, NULL);
			v = arena_grow(&a, NULL, &cap, leaps[i], 1);
			before = cap;
			memset(v, 'x', before);
			v = arena_grow(&a, v, &cap, leaps[j], 1);
			assert_true(cap >= leaps[j]);
			for (size_t k = 0; k < before; k++)
				assert_int_equal(v[k], 'x');
			if (cap > before)
				all_zero(v + before, cap - before);
			arena_free(&a);
		}
	}
}

static bool given_out(struct arena *a, size_t n, size_t size)
{
	jmp_buf out;
	bool given;

	a->exhausted = &out;
	if (setjmp(out))
		return false;
	given = arena_array(a, n, size);
	return given;
}

static void too_much(void **state)
{
	static const size_t sizes[][2] = {
		{ SIZE_MAX, 1 }, { SIZE_MAX / 2 + 1, 1 }, { SIZE_MAX / 8, 16 },
		{ 2, SIZE_MAX / 2 + 1 }, { SIZE_MAX - 8, 1 },
	};
	struct arena a;
	char *kept;

	(void)state;
	arena_init(&a, NULL);
	kept = arena_strdup(&a, "still there");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		assert_false(given_out(&a, sizes[i][0], sizes[i][1]));
	assert_true(given_out(&a, 3, 5));
	assert_string_equal(kept, "still there");
	arena_free(&a);
}

struct numbers {
	uint32_t *v;
	size_t n, cap;
};

/* Until memory, or the most that can be there, ends: false. */
static bool grows_for_ever(struct arena *a, struct numbers *l)
{
	jmp_buf out;

	a->exhausted = &out;
	if (setjmp(out))
		return false;
	while (l->n < 1u << 28) {
		uint32_t *e = arena_push(a, l->v, l->n, l->cap);

		*e = (uint32_t)l->n;
	}
	return true;
}

/* Memory that ends while an array grows: what was in it is not lost. */
static void no_memory_left(void **state)
{
	struct rlimit old, small;
	struct numbers l = { 0 };
	struct arena a;

	(void)state;
#if defined(__SANITIZE_ADDRESS__)
	skip();		/* it maps terabytes itself */
#endif
	arena_init(&a, NULL);
	assert_int_equal(getrlimit(RLIMIT_AS, &old), 0);
	small = old;
	small.rlim_cur = 1u << 28;
	assert_int_equal(setrlimit(RLIMIT_AS, &small), 0);
	assert_false(grows_for_ever(&a, &l));
	assert_int_equal(setrlimit(RLIMIT_AS, &old), 0);
	assert_true(l.n > 1u << 20);
	assert_int_equal(l.n, l.cap);
	for (size_t i = 0; i < l.n; i++)
		assert_int_equal(l.v[i], i + 1);
	arena_free(&a);
}

static void text(void **state)
{
	struct arena a;
	char long_text[2000];

	(void)state;
	arena_init(&a, NULL);
	memset(long_text, 'y', sizeof(long_text));
	assert_string_equal(arena_printf(&a, "%s-%d", "a", 7), "a-7");
	assert_string_equal(arena_strndup(&a, "abc", 2), "ab");
	assert_string_equal(arena_strndup(&a, NULL, 0), "");
	assert_int_equal(strlen(arena_strndup(&a, long_text, 2000)), 2000);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zeroed_and_aligned),
		cmocka_unit_test(many_small_things),
		cmocka_unit_test(growing),
		cmocka_unit_test(growing_by_leaps),
		cmocka_unit_test(too_much),
		cmocka_unit_test(no_memory_left),
		cmocka_unit_test(text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
