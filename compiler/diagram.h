/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diagram - the interval decision diagram of a policy
 *
 * In: clauses (unions of products of interval sets, in order of priority).
 * Out: a hash-consed, ordered, reduced diagram: each inner node cuts one field
 * into intervals, each leaf names the action of the first clause that holds
 * the packet. Fields are tested in one order along every path, FAMILY first.
 * Two packets with the same leaf in every context share the node; no node has
 * two neighbouring children that are equal, and none has fewer than one cut.
 *
 * Built by divide and conquer over the clauses with a memoized overlay (the
 * first operand has priority), after runs of clauses that differ in one field
 * only were folded by a sweep: near O(n log n) for a set or map of n prefixes.
 */
#ifndef SKPOL_DIAGRAM_H
#define SKPOL_DIAGRAM_H

#include "policy.h"

/* A node, or with the top bit a leaf: the action's number, or no action. */
typedef uint32_t dref;
#define DREF_LEAF	0x80000000u
#define DREF_NONE	0xffffffffu	/* leaf: no clause holds the packet */
static inline bool dref_is_leaf(dref r) { return r & DREF_LEAF; }
static inline uint32_t dref_action(dref r) { return r & ~DREF_LEAF; }

struct dnode {
	uint8_t field;		/* enum field */
	uint32_t ncuts;		/* >= 1 */
	const u128 *cuts;	/* rising; child i holds v when cuts[i-1] <= v < cuts[i] */
	const dref *children;	/* ncuts + 1 */
};

/* Which child of D holds VALUE. */
static inline uint32_t dnode_child(const struct dnode *d, u128 value)
{
	uint32_t low = 0, high = d->ncuts;

	while (low < high) {	/* how many cuts are <= VALUE */
		uint32_t middle = low + (high - low) / 2;

		if (d->cuts[middle] <= value)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct diagram {
	struct arena *arena;
	uint8_t order[FIELD_COUNT];	/* fields, first tested first */
	struct dnode *nodes;
	size_t nnodes, cap;
	dref root;
	struct diagram_marks *marks;	/* diagram_restrict's; private */
};

/*
 * About how many instructions a node becomes: a compare a cut, unless a table
 * takes the cuts.
 */
static inline size_t dnode_weight(uint32_t ncuts, uint32_t below)
{
	return ncuts >= 12 && below <= ncuts / 4 ? 20 + below : ncuts + 4;
}

/* order.c: when nothing speaks for another; for diagrams of a few packets */
extern const uint8_t order_plain[FIELD_COUNT];

struct diagram_options {
	const uint8_t *order;	/* FIELD_COUNT fields, FAMILY first; NULL = search */
	size_t max_cuts;	/* give up above this many (0 = 16,000,000) */
	size_t max_weight;	/* of all nodes; 0 = any */
	size_t *blame;		/* by action: leaves in what was too large, or NULL */
	/* With an order only: */
	size_t max_steps;	/* children made on the way; 0 = any number */
	const struct diagram_second *second;	/* NULL = leaves are actions */
};

/*
 * Leaves that tell what would decide without the rule that does: for action A
 * of rule R, leaf A * (nverdicts + 1) + 1 + VERDICT of the first clause of
 * another rule than R that holds the packet, or + 0 when there is none.
 */
struct diagram_second {
	const uint32_t *rule, *verdict;	/* by action */
	uint32_t nverdicts;	/* verdicts are numbers below this */
};

struct diagram_stats {		/* of what the root reaches */
	size_t nodes, cuts, leaves, depth;
	size_t weight;		/* about how many instructions */
};

/*
 * NULL when max_cuts or max_weight does not suffice with any order tried, for
 * the diagram or for that of some part of the clauses which it is made from.
 */
struct diagram *diagram_build(struct arena *a, const struct policy *p,
			      const struct diagram_options *o);
/* The diagram of some clauses only (tests, forest). */
struct diagram *diagram_build_clauses(struct arena *a, const struct clause *c,
				      size_t n, const struct diagram_options *o);

/*
 * diagram_within.c: what is left of N clauses for the packets of BOX, into OUT,
 * which has room for N; how many that are. Ends with one that holds them all.
 */
size_t clauses_within(struct arena *a, const struct clause *v, size_t n,
		      const struct term *box, struct clause *out);
/* Right for the packets of BOX, and for no others. */
struct diagram *diagram_within(struct arena *a, const struct policy *p,
			       const struct term *box,
			       const struct diagram_options *o);

/* The leaf of a packet. */
dref diagram_walk(const struct diagram *d, const u128 v[FIELD_COUNT]);

/* D with each leaf ACTION replaced by TO[action], and no action by NONE, reduced
 * again: what remains are the distinctions that matter to the caller. */
struct diagram *diagram_map_leaves(struct arena *a, const struct diagram *d,
				   const uint32_t *to, dref none);

struct diagram_stats diagram_stats(const struct diagram *d);

/*
 * Calls VISIT once for each leaf that packets of TERM can reach, with one such
 * packet (lowest values; valid for its family), until it returns false.
 */
typedef bool diagram_visit(void *ctx, dref leaf, const u128 v[FIELD_COUNT]);
bool diagram_restrict(const struct diagram *d, const struct term *term,
		      diagram_visit *visit, void *ctx);

/* Graphviz text, deterministic. */
void diagram_dot(const struct diagram *d, const struct policy *p, FILE *out);

/* Field values back to a packet that can be printed (interface by name). */
void diagram_packet(const struct policy *p, const u128 v[FIELD_COUNT],
		    struct packet *k);

#endif
