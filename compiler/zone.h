/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zone - the values of a field that no tree of a forest tells apart
 *
 * In: the diagrams of a forest. Out: for the protocol and the ports, where they
 * are asked more than once, all cuts, rising. What is between two of them is a
 * zone, numbered from 0: a program that has looked it up once need not look at
 * the port again, but at a number of few bits, of which four fit into a word.
 */
#ifndef SKPOL_ZONE_H
#define SKPOL_ZONE_H

#include "diagram.h"

/* A zone is below this: see lower_row.c for what the 16th bit is for. */
enum { ZONES_MAX = 1 << 15 };

struct zones {			/* of a field; without cuts: it has none */
	const u128 *cuts;	/* rising */
	uint32_t ncuts;
};

struct zoning {
	struct zones of[FIELD_COUNT];
};

/* Of the fields of D[0] to D[N - 1]. */
void zones_find(struct arena *a, const struct diagram *const *d, size_t n,
		struct zoning *out);

static inline bool is_zoned(const struct zoning *z, uint32_t field)
{
	return z && z->of[field].ncuts;
}

/* Where CUT begins a zone: which one. */
uint32_t zone_of_cut(const struct zones *z, u128 cut);

#endif
