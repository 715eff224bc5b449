/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_place - where the rows of a tree stand: near what leads to them
 *
 * In: blocks, and how large the row of each is. Out: places. A look-up in a
 * large policy waits for its pages as much as for its lines: .rodata is mapped
 * in pages of 4 KiB, a tree has thousands of them. So a row stands in one page
 * with as many of those below it as there is room for, and with those below
 * them: from there on, a look-up stays in this page. Rows that many lead to would
 * be in the page of one of these only: they stand side by side, the most wanted
 * first, in lines and pages that are hardly ever out of the caches.
 */
#include <stdlib.h>

#include "lower_level.h"

enum { MANY = 8 };

struct placer {
	const struct blocks *tree;
	const uint32_t *units;
	uint32_t *place;
	uint32_t *cluster;	/* rows that stand together */
	size_t n;
	uint32_t end;		/* of all that have a place */
};

/* A row of up to one line of the cache is in one: where it may begin. */
static uint32_t alignment(uint32_t units)
{
	uint32_t to = 1;

	while (to < units && to < ROW_LINE)
		to *= 2;
	return to;
}

static uint32_t aligned(uint32_t at, uint32_t units)
{
	uint32_t to = alignment(units);

	return (at + to - 1) / to * to;
}

static void take(struct placer *p, uint32_t block, uint32_t at)
{
	p->place[block] = at;
	p->cluster[p->n++] = block;
}

/* The row of BLOCK and what is below it, if it is in ROOM units; out: how many
 * it takes. Places count from the begin of the cluster. */
static uint32_t gather(struct placer *p, uint32_t block, uint32_t room)
{
	uint32_t used = p->units[block];

	p->n = 0;
	take(p, block, 0);
	for (size_t i = 0; i < p->n && used < room; i++) {
		const struct block *b = &p->tree->v[p->cluster[i]];

		for (uint32_t k = 0; k <= b->ncuts; k++) {
			bref r = b->children[k];
			uint32_t at;

			if (bref_is_leaf(r) || p->place[r] != NOWHERE)
				continue;
			at = aligned(used, p->units[r]);
			if (at + p->units[r] > room)
				continue;
			take(p, r, at);
			used = at + p->units[r];
		}
	}
	return used;
}

/* The most that a row of the cluster is aligned to. */
static uint32_t cluster_alignment(const struct placer *p)
{
	uint32_t most = 1;

	for (size_t i = 0; i < p->n; i++)
		if (alignment(p->units[p->cluster[i]]) > most)
			most = alignment(p->units[p->cluster[i]]);
	return most;
}

static void forget(struct placer *p)
{
	while (p->n)
		p->place[p->cluster[--p->n]] = NOWHERE;
}

/* In what is left of the last page, if most of a cluster finds room there. */
static void place_cluster(struct placer *p, uint32_t block)
{
	uint32_t size = gather(p, block, ROW_PAGE);
	uint32_t begin = aligned(p->end, cluster_alignment(p));
	uint32_t room = ROW_PAGE - begin % ROW_PAGE;

	if (size > room && room >= ROW_PAGE / 2) {
		forget(p);
		size = gather(p, block, room);
	}
	if (size > room && size <= ROW_PAGE)
		begin += room;
	for (size_t i = 0; i < p->n; i++)
		p->place[p->cluster[i]] += begin;
	p->end = begin + size;
}

struct wanted {			/* a row, and how many rows lead to it */
	uint32_t block, parents;
};

static int most_first(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	if (x->parents != y->parents)
		return x->parents < y->parents ? 1 : -1;
	return x->block < y->block ? 1 : -1;
}

static void count_parents(const struct placer *p, struct wanted *v)
{
	for (uint32_t i = 0; i < p->tree->n; i++) {
		const struct block *b = &p->tree->v[i];

		v[i].block = i;
		for (uint32_t k = 0; p->units[i] && k <= b->ncuts; k++) {
			bref r = b->children[k];

			if (!bref_is_leaf(r) && (!k || b->children[k - 1] != r))
				v[r].parents++;
		}
	}
}

static void place_wanted(struct arena *a, struct placer *p)
{
	size_t n = p->tree->n;
	struct wanted *v = arena_array(a, n + 1, sizeof(*v));

	count_parents(p, v);
	qsort(v, n, sizeof(*v), most_first);
	for (size_t i = 0; i < n && v[i].parents >= MANY; i++) {
		uint32_t units = p->units[v[i].block];

		if (!units || units > ROW_LINE ||
		    p->place[v[i].block] != NOWHERE)
			continue;
		p->place[v[i].block] = aligned(p->end, units);
		p->end = p->place[v[i].block] + units;
	}
}

uint32_t rows_place(struct arena *a, const struct blocks *tree,
		    const uint32_t *units, uint32_t *place)
{
	struct placer p = { .tree = tree, .units = units, .place = place };

	p.cluster = arena_array(a, tree->n + 1, sizeof(*p.cluster));
	place_wanted(a, &p);
	for (uint32_t i = (uint32_t)tree->n; i-- > 0;)	/* children first */
		if (units[i] && place[i] == NOWHERE)
			place_cluster(&p, i);
	return p.end;
}
