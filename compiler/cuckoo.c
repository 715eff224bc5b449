/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cuckoo - how the keys find their lanes
 *
 * In: see cuckoo.h. Promise: the same for the same keys. Who finds both buckets
 * full takes the lane of another key, which then looks for its other bucket; who
 * that is changes each time, so that nobody goes in circles. Where this never
 * ends other factors are tried.
 */
#include "cuckoo.h"

#include <string.h>

#include "../grammar/arena.h"
#include "number.h"

enum { TRIES = 8, MOVES_MAX = 20000, BITS_MAX = 24 };

/* Lanes in a thousand that are used at most: a search ends soon. Of one lane no
 * more than half are (Pagh and Rodler). */
static unsigned int load_max(unsigned int lanes)
{
	return lanes == 4 ? 930 : lanes == 2 ? 820 : 490;
}

bool cuckoo_size(struct cuckoo *c, size_t n)
{
	unsigned int room = cuckoo_lane_bits(c) - 1;

	for (c->bits = 1; c->bits <= BITS_MAX && c->bits < c->key_bits;
	     c->bits++)
		if (c->key_bits - c->bits + c->value_bits <= room &&
		    n * 1000 <= ((size_t)2 * c->lanes << c->bits) *
		    load_max(c->lanes))
			return true;
	return false;
}

/* ------------------------------------------------------------- the search */

struct maker {
	struct cuckoo *c;
	const uint64_t *keys;
	uint32_t *lane;		/* 1 + the key, or 0; LANES of each bucket */
	uint64_t random;
};

/* Its number among the buckets of both tables. */
static size_t bucket(const struct cuckoo *c, unsigned int table, uint64_t key)
{
	uint64_t product = key * c->factor[table] << (64 - c->key_bits);

	return ((size_t)table << c->bits) + (size_t)(product >> (64 - c->bits));
}

/* A free lane of one of its buckets, or NULL. */
static uint32_t *free_lane(const struct maker *m, uint64_t key)
{
	for (unsigned int table = 0; table < 2; table++) {
		uint32_t *v = m->lane + m->c->lanes *
			bucket(m->c, table, key);

		for (unsigned int i = 0; i < m->c->lanes; i++)
			if (!v[i])
				return &v[i];
	}
	return NULL;
}

static bool place(struct maker *m, uint32_t key)
{
	for (unsigned int moves = 0; moves < MOVES_MAX; moves++) {
		uint64_t random = number_next(&m->random);
		uint32_t *lane = free_lane(m, m->keys[key]), other;

		if (lane) {
			*lane = key + 1;
			return true;
		}
		lane = m->lane + random / 2 % m->c->lanes + m->c->lanes *
			bucket(m->c, random % 2, m->keys[key]);
		other = *lane - 1;
		*lane = key + 1;
		key = other;
	}
	return false;
}

static bool place_all(struct maker *m, size_t n)
{
	memset(m->lane, 0, ((size_t)2 * m->c->lanes << m->c->bits) *
	       sizeof(*m->lane));
	for (uint32_t i = 0; i < n; i++)
		if (!place(m, i))
			return false;
	return true;
}

/* ----------------------------------------------------------------- result */

static void put(struct cuckoo *c, size_t bucket, uint64_t bits)
{
	if (c->bucket_bits == 32)
		((uint32_t *)c->v)[bucket] |= (uint32_t)bits;
	else
		((uint64_t *)c->v)[bucket] |= bits;
}

static void fill(const struct maker *m, const uint32_t *values)
{
	struct cuckoo *c = m->c;
	uint64_t low = ((uint64_t)1 << (c->key_bits - c->bits)) - 1;
	unsigned int bits = cuckoo_lane_bits(c);

	for (size_t i = 0; i < (size_t)2 * c->lanes << c->bits; i++) {
		uint32_t k = m->lane[i];

		if (k--)
			put(c, i / c->lanes,
			    ((m->keys[k] & low) << c->value_bits | values[k])
				    << i % c->lanes * bits);
	}
}

static void choose_factors(struct cuckoo *c, uint64_t *random)
{
	for (int i = 0; i < 2; i++) {
		c->factor[i] = number_next(random) | 1;
		if (c->key_bits <= 32)
			c->factor[i] &= INT32_MAX;
	}
}

bool cuckoo_build(struct arena *a, const uint64_t *keys,
		  const uint32_t *values, size_t n, struct cuckoo *c)
{
	struct maker m = { .c = c, .keys = keys };
	uint64_t random = n;

	if (n >= UINT32_MAX)
		return false;
	m.lane = arena_array(a, (size_t)2 * c->lanes << c->bits,
			     sizeof(*m.lane));
	c->v = arena_array(a, (size_t)2 << c->bits, c->bucket_bits / 8);
	for (int i = 0; i < TRIES; i++) {
		choose_factors(c, &random);
		m.random = random;
		if (place_all(&m, n)) {
			fill(&m, values);
			return true;
		}
	}
	return false;
}
