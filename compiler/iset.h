/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iset - sets of numbers as sorted, disjoint, non-adjacent closed intervals
 *
 * Immutable once made; all memory is the arena's. Set operations are linear
 * in their inputs, building from n intervals in any order is O(n log n).
 * The empty set has n = 0; "any" is spelled by a NULL pointer where a term
 * holds a set, and never passed in here.
 */
#ifndef SKPOL_ISET_H
#define SKPOL_ISET_H

#include <stdbool.h>
#include <stddef.h>

#include "../grammar/ast.h"

struct arena;

struct interval {
	u128 low, high;		/* both inside */
};

struct iset {
	const struct interval *v;
	size_t n;
};

/* Takes V over and reorders it; overlaps and neighbours merge. */
const struct iset *iset_build(struct arena *a, struct interval *v, size_t n);
const struct iset *iset_range(struct arena *a, u128 low, u128 high);
const struct iset *iset_union(struct arena *a, const struct iset *x,
			      const struct iset *y);
const struct iset *iset_intersect(struct arena *a, const struct iset *x,
				  const struct iset *y);
/* All of 0..HIGHEST that is not in X. */
const struct iset *iset_complement(struct arena *a, const struct iset *x,
				   u128 highest);
/* The lowest value of X that is FROM or more; false when there is none. */
bool iset_lowest(const struct iset *x, u128 from, u128 *value);
bool iset_contains(const struct iset *x, u128 value);
bool iset_equal(const struct iset *x, const struct iset *y);

#endif
