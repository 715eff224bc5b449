/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * weight_forest - trees weighed by a profile, and which is asked first
 *
 * In: a forest, its ranks, hits. Out: the forest with each tree in the order
 * of fields that costs least; and blocks with weights. Of a packet nothing is
 * known but the rule that decides it: that may be found in any of the trees
 * with terms of the rule, in each as often; in the others it is taken for one
 * that finds nothing.
 *
 * The order of the trees stays that of their lowest ranks, which is best for
 * every packet: a tree is passed by when a rank below its lowest was found, and
 * no tree with a higher lowest rank can find one.
 */
#include "weight.h"

#include <string.h>

#include "../grammar/arena.h"
#include "forest.h"

struct home {			/* where hits of a rule are decided */
	uint32_t rule, rank;
	uint8_t tree;
	uint64_t hits;
};

struct weigher {
	struct arena *a;
	const struct policy *p;
	struct forest *f;
	const struct forest_ranks *r;
	const uint64_t *hits;
	unsigned int optimize;
	struct home *homes;
	size_t nhomes, cap;
};

static uint32_t rule_of(const struct weigher *w, uint32_t clause)
{
	return w->p->actions[w->p->clauses[clause].action].rule;
}

/* -------------------------------------------------------------- homes */

static void add_home(struct weigher *w, size_t since, uint32_t clause,
		     uint8_t tree)
{
	for (size_t i = since; i < w->nhomes; i++)
		if (w->homes[i].tree == tree)
			return;
	*arena_push(w->a, w->homes, w->nhomes, w->cap) = (struct home){
		.rule = rule_of(w, clause), .rank = w->r->of_clause[clause],
		.tree = tree,
	};
}

/* The trees of each rule, its first rank there, and equal parts of its hits. What
 * no tree needs is met by none. */
static void find_homes(struct weigher *w)
{
	size_t term = 0, since = 0;

	for (uint32_t i = 0; i < w->p->nclauses; i++) {
		const struct terms *t = &w->p->clauses[i].terms;

		for (size_t k = 0; k < t->n; k++, term++)
			if (w->f->tree_of[term] < w->f->ntrees ||
			    i + 1 == w->p->nclauses)
				add_home(w, since, i, w->f->tree_of[term]);
		if (i + 1 < w->p->nclauses &&
		    rule_of(w, i + 1) == rule_of(w, i))
			continue;
		for (size_t k = since; k < w->nhomes; k++)
			w->homes[k].hits = w->hits[rule_of(w, i)] /
				(w->nhomes - since);
		since = w->nhomes;
	}
}

/* --------------------------------------------------------- single trees */

static uint64_t add(uint64_t x, uint64_t y)
{
	uint64_t sum;

	return __builtin_add_overflow(x, y, &sum) ? UINT64_MAX : sum;
}

/* Whether a packet of H gets to TREE at all. */
static bool is_asked(const struct weigher *w, const struct home *h,
		     size_t tree)
{
	return w->r->lowest[tree] <= h->rank;
}

/* By rule, what is hit in TREE; the default stands for all others that ask. */
static const uint64_t *hits_in(const struct weigher *w, size_t tree)
{
	uint64_t *hits = arena_array(w->a, w->p->nrules, sizeof(*hits));
	uint64_t *others = &hits[w->p->nrules - 1];

	for (size_t i = 0; i < w->nhomes; i++) {
		const struct home *h = &w->homes[i];

		if (h->tree == tree)
			hits[h->rule] = h->hits;
		else if (is_asked(w, h, tree))
			*others = add(*others, h->hits);
	}
	return hits;
}

/* The terms of TREE, as diagrams of trees are made of: leaves are clauses. */
static void gather(const struct weigher *w, size_t tree,
		   struct weight_input *in)
{
	struct clause *v = arena_array(w->a, w->p->nclauses, sizeof(*v));
	struct weight_hit *at = arena_array(w->a, w->p->nclauses,
					    sizeof(*at));
	size_t n = 0, term = 0;

	for (uint32_t i = 0; i < w->p->nclauses; i++) {
		const struct terms *t = &w->p->clauses[i].terms;
		struct clause c = { .action = i };

		for (size_t k = 0; k < t->n; k++)
			if (w->f->tree_of[term++] == tree)
				*arena_push(w->a, c.terms.v, c.terms.n,
					    c.terms.cap) = t->v[k];
		if (!c.terms.n)
			continue;
		v[n] = c;
		at[n++] = (struct weight_hit){ rule_of(w, i),
					       w->r->of_clause[i] };
	}
	at[n] = (struct weight_hit){ (uint32_t)w->p->nrules - 1, w->r->n - 1 };
	in->clauses = v;
	in->nclauses = n;
	in->at = at;
	in->nat = n + 1;
}

static struct weight_input input_of(const struct weigher *w, size_t tree)
{
	struct weight_input in = {
		.policy = w->p, .leaf_of = w->r->of_clause,
		.none = DREF_LEAF | (w->r->n - 1), .rules = w->r->rule,
		.nleaves = w->r->n, .hits = hits_in(w, tree),
		.optimize = w->optimize,
	};

	gather(w, tree, &in);
	return in;
}

/* ----------------------------------------------------------- the forest */

/* What a packet executes in all trees, on average; COST is by tree. */
static struct weight_cost cost_of(const struct weigher *w,
				  const struct weight_cost *cost)
{
	struct weight_cost sum = { 0, 0 };
	double all = 0;

	for (size_t i = 0; i < w->nhomes; i++) {
		const struct home *h = &w->homes[i];
		double hits = (double)h->hits;

		all = all + hits;
		for (size_t k = 0; k < w->f->ntrees; k++)
			if (is_asked(w, h, k)) {
				sum.instructions = sum.instructions +
					hits * cost[k].instructions;
				sum.missed = sum.missed +
					hits * cost[k].missed;
			}
	}
	if (all > 0) {
		sum.instructions = sum.instructions / all;
		sum.missed = sum.missed / all;
	}
	return sum;
}

static struct weigher weigher_of(struct arena *a, const struct policy *p,
				 struct forest *f,
				 const struct forest_ranks *r,
				 const uint64_t *hits, unsigned int optimize)
{
	struct weigher w = { .a = a, .p = p, .f = f, .r = r, .hits = hits,
			     .optimize = optimize };

	find_homes(&w);
	return w;
}

void weight_forest(struct arena *a, const struct policy *p, struct forest *f,
		   const struct forest_ranks *r, const uint64_t *hits,
		   unsigned int optimize, struct weight_gain *gain)
{
	struct weigher w = weigher_of(a, p, f, r, hits, optimize);
	struct weight_cost before[FOREST_TREES], after[FOREST_TREES];

	*gain = (struct weight_gain){ 0 };
	for (size_t i = 0; i < f->ntrees; i++) {
		struct weight_input in = input_of(&w, i);
		struct weight_gain one = { 0 };

		f->trees[i].diagram = weight_order(a, &in,
						   f->trees[i].diagram, &one);
		gain->reordered |= one.reordered;
		before[i] = one.before;
		after[i] = one.after;
	}
	gain->before = cost_of(&w, before);
	gain->after = cost_of(&w, after);
}

void weight_ranks(struct arena *a, const struct policy *p,
		  struct forest *f, struct forest_ranks *r,
		  const uint64_t *hits, unsigned int optimize)
{
	struct weigher w = weigher_of(a, p, f, r, hits, optimize);

	for (size_t i = 0; i < f->ntrees; i++) {
		struct weight_input in = input_of(&w, i);

		weight_blocks(a, &r->trees[i], &in);
	}
}
