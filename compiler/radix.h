/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * radix - a number looked up by its bits, some at a time
 *
 * In: cuts of the numbers, and a value for each interval between them. Out: levels
 * of tables: the uppermost bits are the place in the first one, which says which
 * of the second one's nodes the next bits are looked up in, and so on; the last one
 * says the value. As many reads for each number, and no branch. Equal nodes are one.
 */
#ifndef SKPOL_RADIX_H
#define SKPOL_RADIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

enum { RADIX_LEVELS = 3 };

struct radix_level {
	uint8_t bits;		/* of the number: 1 << bits entries are a node */
	uint32_t n;		/* nodes; one on the first level */
	uint32_t below;		/* nodes of the next level, or values: entries are
				 * less than that */
	uint16_t *v;		/* entries, node by node */
	size_t cap;
};

struct radix {
	uint32_t nlevels;
	struct radix_level level[RADIX_LEVELS];	/* uppermost bits first */
};

struct radix_input {
	const uint8_t *bits;	/* of each level */
	uint32_t nlevels;
	const uint32_t *cuts;	/* rising, all above 0 */
	size_t ncuts;
	const uint16_t *values;	/* ncuts + 1 */
	uint32_t nvalues;	/* they are less than that */
	size_t max_bytes;
};

/* False: it takes more than max_bytes, or too many nodes. */
bool radix_build(struct arena *a, const struct radix_input *in,
		 struct radix *out);

/* The bytes of an entry: as few as hold what is below. */
static inline uint8_t radix_width(const struct radix_level *l)
{
	return l->below > UINT8_MAX + 1 ? 2 : 1;
}

size_t radix_bytes(const struct radix *r);
uint16_t radix_find(const struct radix *r, uint32_t number);

#endif
