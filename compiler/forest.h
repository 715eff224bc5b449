/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * forest - a policy as a few diagrams: the smallest clause number wins
 *
 * In: a policy whose one diagram would be too large. Out: its terms in groups,
 * one diagram a group over all packets, whose leaves are numbers of clauses (or
 * DREF_NONE: no term of this group holds the packet). The clause that decides
 * is the lowest that some tree names, or the last one, the default, which is in
 * no tree; nor are terms that are answered before trees are asked.
 *
 * What makes a diagram explode is rules that are wide in one address laid over
 * rules that are wide in the other; so terms are grouped by whether each of
 * their addresses is wide, and groups are put together again as long as that
 * costs little: each tree less is a walk less for every packet.
 */
#ifndef SKPOL_FOREST_H
#define SKPOL_FOREST_H

#include "block.h"
#include "effect.h"

enum { FOREST_TREES = 4, FOREST_NO_TREE = 255 };

struct tree {
	struct diagram *diagram;	/* leaves are clauses */
	uint32_t lowest;		/* clause that is in it */
	size_t nterms;
};

struct forest {
	struct tree trees[FOREST_TREES];	/* in the order they are asked */
	size_t ntrees;
	uint8_t *tree_of;	/* by term, clause after clause */
	uint8_t tree_of_class[FOREST_TREES];	/* or FOREST_NO_TREE */
};

struct forest_options {
	size_t max_weight;	/* of all trees (dnode_weight); 0 = any */
	size_t enough;		/* up to this weight of all, fewer trees are better */
	bool keep_apart;	/* tests: groups are not put together */
	const struct forest *like;	/* of the same policy: no better order of
					 * fields is looked for; or NULL */
	const uint8_t *answered;	/* by term: FOREST_NO_TREE where none needs
					 * it; or NULL */
	size_t *blame;		/* by clause, when it is too large; or NULL */
};

/* NULL when a group's diagram is too large. */
struct forest *forest_build(struct arena *a, const struct policy *p,
			    const struct forest_options *o);

/*
 * The forest in the terms of the lowering. A rank stands for clauses of one
 * effect; those in different trees have ranks that do not fall, so the lowest
 * rank that the trees find is that of the clause that decides. The last one is
 * the default's. A program has a number for each rank, in the same order: where
 * it fits, what the rank does stands in the low bits of it, and needs not be
 * looked up.
 */
struct forest_ranks {
	struct blocks trees[FOREST_TREES];	/* leaves are ranks */
	uint32_t lowest[FOREST_TREES];		/* rank in each */
	const uint8_t *order[FOREST_TREES];	/* of the fields */
	size_t ntrees;
	uint32_t *of_clause;
	uint32_t *number_of_clause;
	uint32_t *effect;	/* by rank */
	uint32_t *rule;		/* by rank: of its first clause */
	uint32_t n;
	uint32_t *number;	/* by rank */
	uint32_t top;		/* above all numbers */
	unsigned int low_bits;	/* of a number: what the rank does >> low_scale;
				 * 0: it is the rank */
	unsigned int low_scale;
	uint32_t *does;		/* by rank: its first step; or from nsteps on
				 * a split, in order of effects */
	const struct zoning *zones;	/* that the trees ask for, or NULL */
	bool narrow;		/* numbers take 16 bits, those of rows too */
};

struct forest_rank_options {
	bool zones;		/* trees ask for zones */
	bool pack;		/* what a rank does in its number */
	bool narrow;		/* numbers of 16 bits, where that may be enough */
};

void forest_rank(struct arena *a, const struct forest *f,
		 const struct policy *p, const struct effects *e,
		 const struct forest_rank_options *o,
		 struct forest_ranks *out);

/* The weights of FROM, whose trees ask for values where those of TO ask for
 * zones, and are the same but for that. */
void forest_take_weights(struct forest_ranks *to,
			 const struct forest_ranks *from);

/* diagram_dot.c: one graph a tree. */
void forest_dot(const struct forest *f, const struct policy *p, FILE *out);

/* The clause that decides V. */
uint32_t forest_walk(const struct forest *f, const struct policy *p,
		     const u128 v[FIELD_COUNT]);

#endif
