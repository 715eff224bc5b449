/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_split - shares of the hash space
 *
 * What an operator relies on: every share gets its size, growing one share
 * moves only what it takes in, and the numbers (parts, seed, hash) are those
 * of policy.h for ever. The known values below were worked out apart from
 * the code, from the text of policy.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../compiler/resolve.h"

static const uint64_t SPACE = (uint64_t)1 << 32;

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

static uint32_t share_of(const struct split_part *p, size_t n, uint32_t value)
{
	while (n-- > 1)
		if (p[n].start <= value)
			return p[n].share;
	return p[0].share;
}

static uint64_t size_of(const struct split_part *p, size_t n, uint32_t share)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i].share == share)
			sum += (i + 1 < n ? p[i + 1].start : SPACE) -
				p[i].start;
	return sum;
}

static void check_form(const struct split_part *p, size_t n)
{
	size_t i;

	assert_true(n > 0);
	assert_int_equal(p[0].start, 0);
	for (i = 1; i < n; i++) {
		assert_true(p[i].start > p[i - 1].start);
		assert_int_not_equal(p[i].share, p[i - 1].share);
	}
}

static void sizes(void **state)
{
	static const uint32_t shares[][5] = {
		{ 1000000 }, { 950000, 50000 }, { 0, 1000000 },
		{ 333333, 333333, 333334 }, { 0, 500000, 500000 },
		{ 100000, 0, 400000, 500000, 0 },
		{ 10000, 240000, 250000, 250000, 250000 },
		{ 0, 900000, 50000, 30000, 20000 },
	};
	size_t i, j, n;

	for (i = 0; i < sizeof(shares) / sizeof(*shares); i++) {
		struct split_part *p = split_parts(*state, shares[i], 5, &n);
		uint64_t left = SPACE;

		check_form(p, n);
		for (j = 1; j < 5; j++) {
			uint64_t want = (shares[i][j] * SPACE) / 1000000;

			assert_true(size_of(p, n, j) == want);
			left -= want;
		}
		assert_true(size_of(p, n, 0) == left);
	}
}

/* {95% a, 5% b}: b is 0..0x0ccccccb; then 10% b keeps all of it. */
static void known_parts(void **state)
{
	static const uint32_t five[] = { 950000, 50000 };
	static const uint32_t four[] = { 400000, 200000, 200000, 200000 };
	static const uint32_t wrap[] = { 0, 100000, 900000 };
	struct split_part *p;
	size_t n;

	p = split_parts(*state, five, 2, &n);
	assert_int_equal(n, 2);
	assert_int_equal(p[0].share, 1);
	assert_int_equal(p[1].start, 0x0ccccccc);
	p = split_parts(*state, four, 4, &n);	/* anchors 0, 1/2, 1/4 */
	assert_int_equal(n, 6);
	assert_int_equal(p[0].share, 1);
	assert_int_equal(p[1].start, 0x33333333);
	assert_int_equal(p[1].share, 0);
	assert_int_equal(p[2].start, 0x40000000);
	assert_int_equal(p[2].share, 3);
	assert_int_equal(p[3].start, 0x73333333);
	assert_int_equal(p[4].start, 0x80000000u);
	assert_int_equal(p[4].share, 2);
	assert_int_equal(p[5].start, 0xb3333333u);
	p = split_parts(*state, wrap, 3, &n);	/* share 2 goes round */
	assert_int_equal(share_of(p, n, 0), 1);
	assert_int_equal(share_of(p, n, 0x19999998), 1);
	assert_int_equal(share_of(p, n, 0x1999999a), 2);
	assert_int_equal(share_of(p, n, 0x80000000u), 2);
	assert_int_equal(share_of(p, n, 0xffffffffu - 1), 2);
}

/* Growing share 1 at the cost of share 0: nobody moves but from 0 to 1. */
static void growing(void **state)
{
	uint32_t shares[] = { 690000, 10000, 200000, 100000 };
	struct split_part *old, *new;
	size_t nold, nnew, i;

	old = split_parts(*state, shares, 4, &nold);
	while (shares[0] >= 490000 + 10000) {
		shares[0] -= 10000;
		shares[1] += 10000;
		new = split_parts(*state, shares, 4, &nnew);
		for (i = 0; i < 65536; i++) {
			uint32_t value = i << 16 | (i * 40503 & 0xffff);
			uint32_t from = share_of(old, nold, value);
			uint32_t to = share_of(new, nnew, value);

			if (from != to)
				assert_true(from == 0 && to == 1);
		}
		old = new;
		nold = nnew;
	}
}

static void seeds(void **state)
{
	(void)state;
	/* SHA-256("abc") = ba7816bf 8f01cfea ..., SHA-256("") = e3b0c442 ... */
	assert_true(split_seed("abc", 3) == 0xeacf018fbf1678ba);
	assert_true(split_seed("", 0) == 0x141cfc9842c4b0e3);
}

static void hashes(void **state)
{
	struct split s = { .seed = 0x0123456789abcdef, .nkeys = 1,
			   .keys = { AST_KEY_FROM } };
	u128 v[FIELD_COUNT] = { 0 };

	(void)state;
	v[FIELD_RADDR4] = 0xcb007109;
	v[FIELD_RPORT] = 50000;
	assert_int_equal(split_hash(&s, v), 0x490a5636u);
	s.nkeys = 2;
	s.keys[1] = AST_KEY_FROM_PORT;
	assert_int_equal(split_hash(&s, v), 0xa1818b62u);
	v[FIELD_FAMILY] = 1;
	v[FIELD_RADDR6] = (u128)0x20010db800000000 << 64 | 9;
	assert_int_equal(split_hash(&s, v), 0xcb388798u);
	s.keys[0] = AST_KEY_PORT;	/* order counts */
	v[FIELD_LPORT] = 443;
	assert_int_equal(split_hash(&s, v), 0xfe1f7686u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(known_parts, setup, teardown),
		cmocka_unit_test_setup_teardown(growing, setup, teardown),
		cmocka_unit_test(seeds),
		cmocka_unit_test(hashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
