/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * weight - how often packets go each way, by a profile
 *
 * In: hits by rule. Out: for each child of a block, how often packets go there;
 * which compare comes first; what a packet costs. A rule's hits are spread over
 * the packets that it decides, evenly: the profile says no more. Numbers are
 * added and multiplied in one order without fused operations, so that the same
 * profile gives the same bytes on every host.
 */
#ifndef SKPOL_WEIGHT_H
#define SKPOL_WEIGHT_H

#include "block.h"
#include "effect.h"

struct weight_hit {
	uint32_t rule, leaf;
};

/*
 * Where packets end, of a single diagram or of a tree of a forest: a leaf of
 * the diagram is one of the blocks, and rules are hit there.
 */
struct weight_input {
	const struct policy *policy;
	const struct clause *clauses;	/* what the diagram is made of */
	size_t nclauses;
	const uint32_t *leaf_of;	/* by leaf of the diagram */
	dref none;			/* what no action becomes */
	const uint32_t *rules;		/* by leaf: the one to blame */
	uint32_t nleaves;
	const struct weight_hit *at;	/* one rule's side by side */
	size_t nat;
	const uint64_t *hits;		/* by rule, or NULL */
	unsigned int optimize;
};

/* That of the diagram of P, whose leaves are actions. */
struct weight_input weight_of_policy(struct arena *a, const struct policy *p,
				     const struct effects *e,
				     const uint64_t *hits,
				     unsigned int optimize);

/* The blocks of D; with weights if there are hits. */
void weight_make_blocks(struct arena *a, const struct weight_input *in,
			const struct diagram *d, struct blocks *out);

/* How many of all hits go to each child of each block. */
void weight_blocks(struct arena *a, struct blocks *b,
		   const struct weight_input *in);

/*
 * Of children BEGIN to END, the first one of what a compare splits off at the
 * upper end: a fifth of them, or with weights what takes the least time. Where
 * values stand alone between equal sides, a fifth begins with a side.
 */
uint32_t weight_middle(const struct block *b, uint32_t begin, uint32_t end);

enum { LONE_MAX = 8 };	/* values that are compared one after the other */
/* Whether every other child from BEGIN to END is the same one, and how many
 * stand between. */
uint32_t weight_lone(const struct block *b, uint32_t begin, uint32_t end);

/* Whether child I of B, which stands alone, is met rather than those beside it:
 * without weights, too, since whoever gets there has met all words before. */
bool weight_is_likely(const struct block *b, uint32_t i);

/* Whether B's weights make a clearly better tree than none. */
bool weight_helps(const struct block *b);

/* Whether B is likely to become a table. */
bool weight_is_table(const struct block *b, unsigned int optimize);
/*
 * The child of B of one value that is worth a compare before all others: *REST
 * is B without it. False: there is none. In a TABLE a look-up costs the same
 * for all values.
 */
bool weight_peel(struct arena *a, const struct block *b, bool table,
		 uint32_t *child, struct block *rest);

/* What a packet executes up to its leaf, on average. */
struct weight_cost {
	double instructions;	/* loads and compares; of tables, about so many */
	double missed;		/* branches that are not foreseen */
};

/* Both as instructions: about so many take the time of a missed branch. */
enum { WEIGHT_MISSED = 20 };
static inline double weight_sum(struct weight_cost c)
{
	return c.instructions + WEIGHT_MISSED * c.missed;
}

/*
 * Of blocks with weights; as if there were none, or as they are WEIGHED. Tables
 * where OPTIMIZE makes them.
 */
struct weight_cost weight_cost(struct arena *a, const struct blocks *b,
			       unsigned int optimize, bool weighed);

struct weight_gain {		/* by a profile */
	struct weight_cost before, after;
	bool reordered;		/* other fields first */
};

/* weight_order.c: D, or a diagram in an order that costs less. */
struct diagram *weight_order(struct arena *a, const struct weight_input *in,
			     struct diagram *d, struct weight_gain *gain);

struct forest;
struct forest_ranks;
/*
 * weight_forest.c: F with each tree in an order of fields that costs less. R
 * was made of F before that.
 */
void weight_forest(struct arena *a, const struct policy *p, struct forest *f,
		   const struct forest_ranks *r, const uint64_t *hits,
		   unsigned int optimize, struct weight_gain *gain);
/* R's blocks with weights. */
void weight_ranks(struct arena *a, const struct policy *p,
		  struct forest *f, struct forest_ranks *r,
		  const uint64_t *hits, unsigned int optimize);

#endif
