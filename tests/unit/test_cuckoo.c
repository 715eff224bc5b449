/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_cuckoo - each key is in one lane of its two buckets, and nowhere else
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../compiler/cuckoo.h"
#include "../../grammar/arena.h"
#include "../random/world.h"

struct made {
	struct arena a;
	jmp_buf exhausted;
	uint64_t *keys;
	uint32_t *values;
	size_t n;
	struct cuckoo c;
};

static uint64_t low_bits(unsigned int n)
{
	return ((uint64_t)1 << n) - 1;
}

#define RANDOM UINT64_MAX

/* Number I of: every STEP-th number from 0 on; STEP = 0: some odd number times 0, 1,
 * 2, and so on, which are all different; RANDOM: 32 bits, different, too, as each
 * step of the mixing can be undone. */
static uint64_t key(uint32_t i, uint64_t step)
{
	if (step != RANDOM)
		return i * (step ? step : 0x5851f42d4c957f2d);
	i = (i ^ i >> 16) * 0x85ebca6b;
	i = (i ^ i >> 13) * 0xc2b2ae35;
	return i ^ i >> 16;
}

static void make(struct made *m, unsigned int lanes, unsigned int bucket_bits,
		 unsigned int key_bits, size_t n, uint64_t step)
{
	struct random r = random_new(n + key_bits);

	assert_false(setjmp(m->exhausted));
	arena_init(&m->a, &m->exhausted);
	m->n = n;
	m->keys = arena_array(&m->a, n, sizeof(*m->keys));
	m->values = arena_array(&m->a, n, sizeof(*m->values));
	for (uint32_t i = 0; i < n; i++) {
		m->keys[i] = key(i, step) & low_bits(key_bits);
		m->values[i] = 1 + random_below(&r, 7);
	}
	m->c = (struct cuckoo){ .key_bits = key_bits, .value_bits = 3,
				.lanes = lanes, .bucket_bits = bucket_bits };
	assert_true(cuckoo_size(&m->c, n));
	assert_true(cuckoo_build(&m->a, m->keys, m->values, n, &m->c));
}

static uint64_t bucket_of(const struct cuckoo *c, size_t number)
{
	return c->bucket_bits == 32 ? ((const uint32_t *)c->v)[number] :
		((const uint64_t *)c->v)[number];
}

/* Lanes of one bucket of KEY that hold it; VALUE is one's. */
static unsigned int find(const struct cuckoo *c, unsigned int table,
			 uint64_t key, uint32_t *value)
{
	uint64_t product = key * c->factor[table] & low_bits(c->key_bits);
	uint64_t rest = key & low_bits(c->key_bits - c->bits);
	uint64_t bucket = bucket_of(c, ((size_t)table << c->bits) +
				    (product >> (c->key_bits - c->bits)));
	unsigned int found = 0, bits = cuckoo_lane_bits(c);

	for (unsigned int i = 0; i < c->lanes; i++) {
		uint64_t lane = bucket >> i * bits;

		if (bits < 64)
			lane &= low_bits(bits);
		assert_false(lane >> (bits - 1));
		if (lane >> c->value_bits != rest ||
		    !(lane & low_bits(c->value_bits)))
			continue;
		*value = (uint32_t)(lane & low_bits(c->value_bits));
		found++;
	}
	return found;
}

static size_t used_lanes(const struct cuckoo *c)
{
	unsigned int bits = cuckoo_lane_bits(c);
	size_t n = 0;

	for (size_t b = 0; b < (size_t)2 << c->bits; b++)
		for (unsigned int i = 0; i < c->lanes; i++)
			n += !!(bucket_of(c, b) >> i * bits &
				low_bits(c->value_bits));
	return n;
}

static void check(unsigned int lanes, unsigned int bucket_bits,
		  unsigned int key_bits, size_t n, uint64_t step)
{
	struct made m;

	make(&m, lanes, bucket_bits, key_bits, n, step);
	for (size_t i = 0; i < n; i++) {
		uint32_t value = 0;

		assert_int_equal(find(&m.c, 0, m.keys[i], &value) +
				 find(&m.c, 1, m.keys[i], &value), 1);
		assert_int_equal(value, m.values[i]);
	}
	assert_int_equal(used_lanes(&m.c), n);
	arena_free(&m.a);
}

static void each_key_has_a_lane(void **state)
{
	static const size_t sizes[] = { 1, 2, 3, 10, 100, 1000, 30000 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		for (uint64_t step = 0; step < 3; step++) {
			check(4, 64, 24, sizes[i], step);
			check(2, 64, 32, sizes[i], step);
			check(2, 64, 24, sizes[i], step);
			check(1, 64, 48, sizes[i], step);
			check(1, 64, 60, sizes[i], step);
			check(1, 32, 24, sizes[i], step);
			check(1, 32, 32, sizes[i], step);
		}
	check(4, 64, 24, 400000, 0);
	check(2, 64, 32, 400000, 256);
	/* as many as there may be: the search is at its hardest */
	for (unsigned int bits = 1; bits < 18; bits++)
		check(1, 32, 32, ((size_t)2 << bits) * 490 / 1000, RANDOM);
}

/* A policy is the same object each time. */
static void the_same_each_time(void **state)
{
	struct made a, b;

	(void)state;
	make(&a, 2, 64, 32, 5000, 0);
	make(&b, 2, 64, 32, 5000, 0);
	assert_memory_equal(a.c.v, b.c.v, cuckoo_bytes(&a.c));
	arena_free(&a.a);
	arena_free(&b.a);
}

/* As few buckets as there is room for: all bits of a key must be somewhere. */
static void how_many_buckets(void **state)
{
	struct cuckoo c = { .key_bits = 24, .value_bits = 4, .lanes = 4,
			    .bucket_bits = 64 };

	(void)state;
	assert_true(cuckoo_size(&c, 100));
	assert_int_equal(c.bits, 24 + 4 - 15);
	assert_true(cuckoo_size(&c, 100000));
	assert_int_equal(c.bits, 14);
	assert_int_equal(cuckoo_bytes(&c), 256 << 10);
	c = (struct cuckoo){ .key_bits = 64, .value_bits = 10, .lanes = 2,
			     .bucket_bits = 64 };
	assert_false(cuckoo_size(&c, 1000));
	c = (struct cuckoo){ .key_bits = 64, .value_bits = 3, .lanes = 1,
			     .bucket_bits = 64 };
	assert_true(cuckoo_size(&c, 1));
	assert_int_equal(c.bits, 4);
	c = (struct cuckoo){ .key_bits = 4, .value_bits = 1, .lanes = 4,
			     .bucket_bits = 64 };
	assert_false(cuckoo_size(&c, 1000));
	c = (struct cuckoo){ .key_bits = 24, .value_bits = 4, .lanes = 1,
			     .bucket_bits = 32 };
	assert_true(cuckoo_size(&c, 1000));
	assert_int_equal(c.bits, 10);
	assert_int_equal(cuckoo_bytes(&c), 8 << 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_key_has_a_lane),
		cmocka_unit_test(the_same_each_time),
		cmocka_unit_test(how_many_buckets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
