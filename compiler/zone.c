/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zone - all cuts of a field, sorted and each once
 *
 * In: diagrams. Out: zones. A field of one node alone is looked up there and
 * nowhere else, and has none; so has one of more cuts than a zone can count. So
 * has an address: a look-up takes more than the few cuts of a node that it would
 * make cheaper.
 */
#include "zone.h"

#include <stdlib.h>
#include <string.h>

#include "../grammar/arena.h"

struct collector {
	const struct diagram *const *d;
	size_t ndiagrams;
};

static bool may_be_zoned(uint32_t field)
{
	return field == FIELD_PROTOCOL || field == FIELD_LPORT ||
		field == FIELD_RPORT;
}

static size_t count_cuts(const struct collector *c, uint32_t field,
			 size_t *nodes)
{
	size_t n = 0;

	*nodes = 0;
	for (size_t i = 0; i < c->ndiagrams; i++)
		for (size_t k = 0; k < c->d[i]->nnodes; k++) {
			const struct dnode *x = &c->d[i]->nodes[k];

			n += x->field == field ? x->ncuts : 0;
			*nodes += x->field == field;
		}
	return n;
}

static void copy_cuts(const struct collector *c, uint32_t field, u128 *to)
{
	for (size_t i = 0; i < c->ndiagrams; i++)
		for (size_t k = 0; k < c->d[i]->nnodes; k++) {
			const struct dnode *x = &c->d[i]->nodes[k];

			if (x->field != field)
				continue;
			memcpy(to, x->cuts, x->ncuts * sizeof(*to));
			to += x->ncuts;
		}
}

static int by_value(const void *a, const void *b)
{
	const u128 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static size_t unique(u128 *v, size_t n)
{
	size_t out = 0;

	for (size_t i = 0; i < n; i++)
		if (!out || v[out - 1] != v[i])
			v[out++] = v[i];
	return out;
}

void zones_find(struct arena *a, const struct diagram *const *d, size_t n,
		struct zoning *out)
{
	struct collector c = { d, n };

	*out = (struct zoning){ 0 };
	for (uint32_t f = 0; f < FIELD_COUNT; f++) {
		size_t nodes, ncuts = count_cuts(&c, f, &nodes);
		u128 *cuts;

		if (!may_be_zoned(f) || nodes < 2)
			continue;
		cuts = arena_array(a, ncuts, sizeof(*cuts));
		copy_cuts(&c, f, cuts);
		qsort(cuts, ncuts, sizeof(*cuts), by_value);
		ncuts = unique(cuts, ncuts);
		if (ncuts < ZONES_MAX)
			out->of[f] = (struct zones){ cuts, (uint32_t)ncuts };
	}
}

uint32_t zone_of_cut(const struct zones *z, u128 cut)
{
	uint32_t low = 0, high = z->ncuts;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (z->cuts[middle] < cut)
			low = middle + 1;
		else
			high = middle;
	}
	return low + 1;
}
