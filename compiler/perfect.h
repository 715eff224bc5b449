/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * perfect - a table in which each key has a place that no other key has
 *
 * In: hashes of keys, all different. Out: the place of each. The top LOG bits of
 * a hash say which of 1 << LOG numbers is its; that times the low half of the hash
 * says the place. Odd numbers are tried, for those with most keys first, until
 * none of their keys meets one that has a place (Belazzougui, Botelho and
 * Dietzfelbinger: Hash, displace, and compress, 2009). A look-up reads a number,
 * and one place.
 */
#ifndef SKPOL_PERFECT_H
#define SKPOL_PERFECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

struct perfect {
	uint32_t nplaces;	/* an eighth more than there are keys */
	unsigned int log;	/* of how many numbers there are */
	uint16_t *number;
	uint32_t *place;	/* by key */
};

enum { PERFECT_KEYS_MAX = 1 << 28, PERFECT_LOG_MIN = 1 };

static inline uint32_t perfect_place(const struct perfect *p, uint64_t hash,
				     uint32_t number)
{
	uint32_t x = (uint32_t)hash * number;

	return (uint32_t)((uint64_t)x * p->nplaces >> 32);
}

/* False: there are none such, or no keys, or too many. */
bool perfect_build(struct arena *a, const uint64_t *hashes, size_t n,
		   struct perfect *out);

#endif
