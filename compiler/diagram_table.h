/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diagram_table - the workshop a diagram is built in; private to diagram*.c
 * and order.c
 *
 * In: terms in order of priority, a field order, limits. Out: hash-consed
 * nodes, numbered in order of creation. Everything lies in an arena of the
 * table's own, so that a try can be thrown away, and is collected between two
 * overlays when mostly garbage. A limit that was passed is sticky: `failed` is
 * set, and every result from then on means nothing.
 */
#ifndef SKPOL_DIAGRAM_TABLE_H
#define SKPOL_DIAGRAM_TABLE_H

#include "../grammar/arena.h"
#include "diagram.h"

/* One term and what a packet in it gets; earlier ones have priority. */
struct titem {
	const struct term *term;
	uint32_t action;
};

struct titems {
	struct titem *v;
	size_t n, cap;
};

struct tpair {			/* a child, and the first value that leads to it */
	u128 from;
	dref child;
};

struct tmemo {
	uint64_t key;		/* 0 = free: no node is laid over itself */
	dref result;
};

struct diagram_table {
	struct arena mem;	/* everything below */
	struct arena work;	/* what a collection must not move */
	struct arena old;	/* what a collection copies from */
	uint8_t order[FIELD_COUNT], rank[FIELD_COUNT];
	struct dnode *nodes;
	uint32_t *hashes;	/* of each node */
	size_t nnodes, cap, hashes_cap;
	uint32_t *index;	/* node + 1 by hash; 0 = free */
	size_t index_mask;
	struct tmemo *memo;	/* overlay by operands */
	size_t nmemo, memo_mask;
	struct tpair *stack;	/* children of the nodes being made */
	size_t nstack, stack_cap;
	dref *roots;		/* what a collection keeps */
	size_t nroots, roots_cap;
	size_t ncuts, weight;	/* of all nodes here, garbage included */
	size_t collect_at;	/* bytes of mem */
	size_t overlay_end;	/* ncuts at which this overlay is too big */
	size_t max_cuts;	/* that one overlay may add */
	size_t weight_end, max_weight;	/* the same of their weight */
	size_t steps, max_steps;	/* work done so far, and allowed */
	const struct diagram_second *second;	/* what leaves are, or NULL */
	bool failed;
};

/* ORDER: FIELD_COUNT fields. The table must be zeroed or set up before. */
void table_setup(struct diagram_table *t, jmp_buf *exhausted,
		 const uint8_t *order);
void table_free(struct diagram_table *t);

/* A node is made by opening, adding children with rising FROM, and closing. */
static inline size_t table_open(const struct diagram_table *t)
{
	return t->nstack;
}
void table_add(struct diagram_table *t, size_t mark, u128 from, dref child);
dref table_close(struct diagram_table *t, size_t mark, uint8_t field);

/* diagram_paint.c: the children of N layers of one field, the first on top */
struct paint_layer {
	const struct iset *set;	/* NULL = all values */
	u128 highest;		/* of the field */
	dref child;
};
void table_paint(struct diagram_table *t, size_t mark,
		 const struct paint_layer *layers, size_t n);

/* The leaf of ACTION before anything is laid under it. */
static inline dref table_leaf(const struct diagram_table *t, uint32_t action)
{
	return DREF_LEAF | (t->second ?
			    action * (t->second->nverdicts + 1) : action);
}

/* A where it has an action, else B (second: B's under what A lacks). Collects before, so refs held elsewhere
 * than in `roots` are void afterwards. */
dref table_overlay(struct diagram_table *t, dref a, dref b);

struct leaf_map {
	const uint32_t *to;	/* by action */
	dref none;		/* what DREF_NONE becomes */
};

/* Copies what R reaches in NODES with leaves mapped by MAP (or NULL); SEEN
 * holds a ref for each node, DREF_NONE = not yet. */
dref table_import(struct diagram_table *t, const struct dnode *nodes, dref r,
		  dref *seen, const struct leaf_map *map);

/* The diagram of ITEMS of one family (FAMILY is not looked at). */
dref table_build(struct diagram_table *t, const struct titem *v, size_t n);
/* Both families under one root; ITEMS[0] is IPv4. */
dref table_build_both(struct diagram_table *t, const struct titems items[2]);

/* The size of what ROOT reaches in NODES. */
struct diagram_stats table_stats(struct arena *scratch,
				 const struct dnode *nodes, size_t nnodes,
				 dref root);

/* What diagram_restrict has seen, kept between calls. */
struct diagram_marks {
	bool busy;		/* a visitor asks again: the inner call has its own */
	uint8_t *nodes;
	uint8_t *leaves;	/* by action, then one for no action */
	uint32_t nactions;
};

/*
 * Chooses an order for ITEMS by trying some on samples, and builds the whole
 * in BEST with it; BEST->failed when that took more than MAX_CUTS or
 * MAX_WEIGHT. TRIAL is a second table to work in, and SCRATCH holds the
 * samples.
 */
struct order_search {
	struct diagram_table *best, *trial;
	struct arena *scratch;
	const struct titems *items;	/* two: IPv4, IPv6 */
	size_t max_cuts, max_weight;
};
dref order_search(const struct order_search *s);

#endif
