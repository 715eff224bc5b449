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
 * reads is hardly more than a sum.
 */
#ifndef SKPOL_PERFECT_H
#define SKPOL_PERFECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct perfect_space;

struct perfect {
	uint32_t nplaces;	/* an eighth more than there are keys */
	unsigned int log;	/* of how many numbers there are */
	uint32_t step;		/* odd, so that sums meet all places */
	uint16_t *number;
	uint32_t *place;	/* by key */
};

enum { PERFECT_KEYS_MAX = 1 << 24, PERFECT_LOG_MIN = 1, PERFECT_BACK = 1 << 15,
       PERFECT_SPARSE = 2, PERFECT_DENSE = 6 };	/* keys a number, at most */

static inline uint32_t perfect_start(const struct perfect *p, uint64_t hash)
{
	return (uint32_t)((hash << p->log >> 32) * p->nplaces >> 32);
}

/* Not below nplaces: it is none. */
static inline uint64_t perfect_place(const struct perfect *p, uint64_t hash,
				     uint16_t number)
{
	return perfect_start(p, hash) + (uint64_t)number * p->step -
		(uint64_t)PERFECT_BACK * p->step;
}

/* The log of how many numbers N keys take. */
unsigned int perfect_log(size_t n, unsigned int keys_a_number);

/* For as many tries as one likes with N keys, sparse or dense; NULL: no keys, or
 * too many. What a try has found is there until the next one. */
struct perfect_space *perfect_space(struct arena *a, size_t n);

/*
 * False: two hashes are too much alike, or a key finds no place. So it is with a
 * third to two thirds of all random hashes where numbers are sparse. With some
 * thousand keys and three of them a number, one in four or five is good; with five,
 * one in some dozens; with six, or with fewer keys, hardly any. Others are to be
 * tried.
 */
bool perfect_build(struct perfect_space *s, const uint64_t *hashes,
		   unsigned int log, struct perfect *out);

#endif
