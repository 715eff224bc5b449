/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_radix - a number has the value of its interval, at each cut and beside it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../compiler/radix.h"
#include "../../grammar/arena.h"
#include "../random/world.h"

enum { ROOM = 1 << 24 };

static int rising(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

struct made {
	uint32_t *cuts;
	uint16_t *values;
	size_t ncuts;
	struct radix_input in;
};

/* N cuts of numbers of BITS, some of them near to each other. */
static struct made make(struct random *r, size_t n, uint32_t bits,
			uint32_t nvalues)
{
	struct made m = { .cuts = malloc((n + 1) * sizeof(uint32_t)),
			  .values = malloc((n + 1) * sizeof(uint16_t)) };

	for (size_t i = 0; i < n; i++)
		m.cuts[i] = i && random_chance(r, 50) ?
			m.cuts[i - 1] + 1 + random_below(r, 300) :
			(uint32_t)random_next(r);
	for (size_t i = 0; i < n; i++)
		m.cuts[i] = m.cuts[i] >> (32 - bits) ? m.cuts[i] >>
			(32 - bits) : 1;
	qsort(m.cuts, n, sizeof(*m.cuts), rising);
	for (size_t i = 0; i < n; i++)
		if (!m.ncuts || m.cuts[m.ncuts - 1] != m.cuts[i])
			m.cuts[m.ncuts++] = m.cuts[i];
	for (size_t i = 0; i <= m.ncuts; i++)
		m.values[i] = (uint16_t)random_below(r, nvalues);
	m.in = (struct radix_input){
		.cuts = m.cuts, .ncuts = m.ncuts, .values = m.values,
		.nvalues = nvalues, .max_bytes = ROOM,
	};
	return m;
}

static uint16_t value_of(const struct made *m, uint32_t number)
{
	size_t i = 0;

	while (i < m->ncuts && m->cuts[i] <= number)
		i++;
	return m->values[i];
}

static void ask(const struct made *m, const struct radix *x, struct random *r,
		uint32_t bits)
{
	for (size_t i = 0; i < m->ncuts; i++)
		for (uint32_t d = 0; d < 2; d++)
			assert_int_equal(radix_find(x, m->cuts[i] - d),
					 value_of(m, m->cuts[i] - d));
	for (int i = 0; i < 1000; i++) {
		uint32_t number = (uint32_t)random_next(r) >> (32 - bits);

		assert_int_equal(radix_find(x, number), value_of(m, number));
	}
}

/* Numbers of ALL bits, which are those of the levels. */
static void check(struct random *r, const uint8_t *bits, uint32_t nlevels,
		  uint32_t all, size_t n, uint32_t nvalues)
{
	jmp_buf exhausted;
	struct arena a;
	struct radix x;
	struct made m;

	assert_false(setjmp(exhausted));
	arena_init(&a, &exhausted);
	m = make(r, n, all, nvalues);
	m.in.bits = bits;
	m.in.nlevels = nlevels;
	assert_true(radix_build(&a, &m.in, &x));
	assert_int_equal(x.level[0].n, 1);
	for (uint32_t i = 0; i + 1 < nlevels; i++)
		assert_int_equal(x.level[i].below, x.level[i + 1].n);
	ask(&m, &x, r, all);
	/* as large as it says, and no larger */
	m.in.max_bytes = radix_bytes(&x) - 1;
	assert_false(radix_build(&a, &m.in, &x));
	free(m.cuts);
	free(m.values);
	arena_free(&a);
}

static void each_number(void **state)
{
	static const uint8_t address[] = { 16, 8, 8 }, port[] = { 9, 8 };
	struct random r = random_new(1);

	(void)state;
	for (size_t n = 0; n < 300; n = n * 3 + 1) {
		check(&r, address, 3, 32, n, 7);
		check(&r, address, 3, 32, n, 700);
		check(&r, port, 2, 17, n, 200);
	}
}

/* What lies in one interval takes one node, however much it is. */
static void few_nodes(void **state)
{
	static const uint8_t bits[] = { 16, 8, 8 };
	const uint32_t cuts[] = { 0x0a000000, 0x0a000001, 0xc0000200,
				  0xc0000300 };
	const uint16_t values[] = { 0, 1, 0, 2, 0 };
	struct radix_input in = {
		.bits = bits, .nlevels = 3, .cuts = cuts, .ncuts = 4,
		.values = values, .nvalues = 3, .max_bytes = ROOM,
	};
	jmp_buf exhausted;
	struct arena a;
	struct radix x;

	(void)state;
	assert_false(setjmp(exhausted));
	arena_init(&a, &exhausted);
	assert_true(radix_build(&a, &in, &x));
	/* nothing in it, 10.0, 192.0; nothing, 10.0.0, all of 192.0.2 */
	assert_int_equal(x.level[1].n, 3);
	assert_int_equal(x.level[2].n, 3);
	assert_int_equal(radix_bytes(&x), 65536 + 6 * 256);
	assert_int_equal(radix_find(&x, 0x0a000000), 1);
	assert_int_equal(radix_find(&x, 0xc00002ff), 2);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_number),
		cmocka_unit_test(few_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
