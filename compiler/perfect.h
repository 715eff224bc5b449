/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * perfect - a table in which each key has a place that no other key has
 *
 * In: hashes of keys. Out: the place of each. The top LOG bits of a hash say which
 * of 1 << LOG numbers is its; the 32 bits below them, a place to start from, and
 * the number, how far the key's own is from there, in steps of STEP, of which half
 * go back. Numbers are tried, for those with most keys first, until none of their
 * keys meets one that has a place (Belazzougui, Botelho and Dietzfelbinger: Hash,
 * displace, and compress, 2009; numbers that are added: Tarjan and Yao, Storing a
 * sparse table, 1979). A look-up reads a number, and one place; between the two
 * reads is hardly more than a sum. Where places WRAP they are a power of two, and
 * sums beyond the last one begin anew: all hashes lead to some place then.
 */
#ifndef SKPOL_PERFECT_H
#define SKPOL_PERFECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

struct perfect {
	uint32_t nplaces;	/* an eighth more than there are keys, or more */
	unsigned int log;	/* of how many numbers there are */
	unsigned int wrap_log;	/* of places that wrap; else 0 */
	uint32_t step;		/* odd, so that sums meet all places */
	uint16_t *number;
	uint32_t *place;	/* by key */
};

enum { PERFECT_KEYS_MAX = 1 << 24, PERFECT_LOG_MIN = 1, PERFECT_BACK = 1 << 15 };

static inline uint32_t perfect_start(const struct perfect *p, uint64_t hash)
{
	uint64_t below = hash << p->log;

	return p->wrap_log ? (uint32_t)(below >> (64 - p->wrap_log)) :
		(uint32_t)((below >> 32) * p->nplaces >> 32);
}

/* Not below nplaces: it is none. */
static inline uint64_t perfect_place(const struct perfect *p, uint64_t hash,
				     uint16_t number)
{
	if (p->wrap_log)
		return (perfect_start(p, hash) + number) & (p->nplaces - 1);
	return perfect_start(p, hash) + (uint64_t)number * p->step -
		(uint64_t)PERFECT_BACK * p->step;
}

/* False: no keys, too many, or two hashes too much alike: so it is with a third
 * to two thirds of all random ones, and others are to be tried. */
bool perfect_build(struct arena *a, const uint64_t *hashes, size_t n, bool wrap,
		   struct perfect *out);

/* Different keys of some words each, hashed by the sum of products of these with
 * FACTORS, numbers of 64 bits: its upper half depends on all words (Dietzfelbinger:
 * Universal hashing and k-wise independent random variables via integer arithmetic
 * without primes, 1996). Words that tell no key from another have no part in it: 0.
 * False: no factors were found. */
struct perfect_keys {
	const uint32_t *words;	/* key by key */
	size_t n;
	unsigned int nwords;	/* of each */
};
bool perfect_of_words(struct arena *a, const struct perfect_keys *keys, bool wrap,
		      uint64_t *factors, struct perfect *out);

#endif
