/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cuckoo - keys and values in two tables, so that two reads find a key
 *
 * In: different keys of so many bits, each with a value that is not 0. Out: two
 * tables of buckets of 32 or 64 bits. A key times an odd factor, modulo 2^key_bits,
 * begins with the number of its bucket, another factor for each table: a key is in
 * one of its two buckets (Pagh and Rodler: Cuckoo hashing, 2001; buckets of some
 * keys: Dietzfelbinger and Weidling, 2005).
 *
 * A bucket is 1 lane, or 2 or 4 where it has 64 bits. From its low end a lane is
 * the value, the low bits of the key that are not in the number of the bucket, and
 * at least one bit that is 0. As the factor is odd, the low bits of a key and of
 * its product say each other: so a bucket and a lane stand for one key (Cleary:
 * Compact hash tables using bidirectional linear probing, 1984). A lane of value 0
 * is empty.
 */
#ifndef SKPOL_CUCKOO_H
#define SKPOL_CUCKOO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

struct cuckoo {
	unsigned int key_bits, value_bits;
	unsigned int bits;	/* of the number of a bucket */
	unsigned int lanes;	/* of a bucket: 1, 2, 4 */
	unsigned int bucket_bits;	/* 32, 64 */
	uint64_t factor[2];	/* below 2^31 for keys up to 32 bits */
	void *v;		/* 2 << bits buckets, as numbers: the first
				 * table, the second */
};

/*
 * The fewest buckets of so many lanes that N keys, and their bits, fit into;
 * false: lanes are too narrow.
 */
bool cuckoo_size(struct cuckoo *c, size_t n);
static inline unsigned int cuckoo_lane_bits(const struct cuckoo *c)
{
	return c->bucket_bits / c->lanes;
}

static inline size_t cuckoo_bytes(const struct cuckoo *c)
{
	return (size_t)(c->bucket_bits / 4) << c->bits;
}
/* Fills what cuckoo_size() has left; false: no factors that were tried do. */
bool cuckoo_build(struct arena *a, const uint64_t *keys,
		  const uint32_t *values, size_t n, struct cuckoo *c);

#endif
