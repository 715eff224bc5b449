/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * forest_rank - the forest in the terms of the lowering
 *
 * In: trees, effects. Out: a rank for each clause, and trees with ranks for
 * leaves. Which of two clauses of one tree comes first the tree knows; ranks
 * need only say it of clauses in different trees. So where a run of clauses is
 * in one tree, and in no other, all of one effect have the same rank, whatever
 * stands between them. Diagrams are the smaller for it: a tree that is all of
 * a policy has no more leaves than effects.
 */
#include "forest.h"

#include "../grammar/arena.h"

enum { NUMBER_BITS = 30,	/* rows are numbered above all ranks */
       STEPS_EACH = 4,
       NO_TREE = FOREST_TREES };	/* of a mask */

/* ---------------------------------------------------------------- clauses */

struct ranker {
	const struct policy *p;
	const struct effects *e;
	struct forest_ranks *out;
	uint32_t *trees;	/* by clause: mask of those that it is in; 0 of
				 * one that no tree needs */
	uint32_t *rank_of;	/* by effect, */
	uint32_t *run_of;	/* which is true in this run only */
	uint32_t run;
};

static void find_trees(struct ranker *r, const struct forest *f)
{
	size_t term = 0, last = r->p->nclauses - 1;

	for (size_t i = 0; i <= last; i++)
		for (size_t k = 0; k < r->p->clauses[i].terms.n; k++, term++)
			if (f->tree_of[term] < f->ntrees)
				r->trees[i] |= 1u << f->tree_of[term];
	r->trees[last] = 1u << NO_TREE;
}

static uint32_t effect_of(const struct ranker *r, size_t clause)
{
	return r->e->of_action[r->p->clauses[clause].action];
}

/* The end of the clauses from BEGIN on that are in one tree; the default, which
 * is what no tree finds, ends any run. */
static size_t run_end(const struct ranker *r, size_t begin)
{
	size_t last = r->p->nclauses - 1, end = begin + 1;
	uint32_t tree = r->trees[begin];

	for (; !(tree & (tree - 1)) && end < last; end++)
		if (!tree)
			tree = r->trees[end];
		else if (r->trees[end] && r->trees[end] != tree)
			break;
	return end == last ? end + 1 : end;
}

static uint32_t new_rank(struct ranker *r, size_t clause)
{
	struct forest_ranks *out = r->out;

	out->effect[out->n] = effect_of(r, clause);
	out->rule[out->n] = r->p->actions[r->p->clauses[clause].action].rule;
	return out->n++;
}

static void know(struct ranker *r, uint32_t effect, uint32_t rank)
{
	r->rank_of[effect] = rank;
	r->run_of[effect] = r->run;
}

/* The highest rank so far serves, too: nothing has stood behind it. */
static void begin_run(struct ranker *r)
{
	r->run++;
	if (r->out->n)
		know(r, r->out->effect[r->out->n - 1], r->out->n - 1);
}

static void rank_clause(struct ranker *r, size_t clause)
{
	uint32_t effect = effect_of(r, clause);

	if (!r->trees[clause])
		return;
	if (r->run_of[effect] != r->run)
		know(r, effect, new_rank(r, clause));
	r->out->of_clause[clause] = r->rank_of[effect];
}

/* The last run: the default's rank is the highest. */
static void rank_last(struct ranker *r, size_t begin)
{
	size_t last = r->p->nclauses - 1;
	uint32_t effect = effect_of(r, last);

	for (size_t i = begin; i < last; i++)
		if (effect_of(r, i) != effect)
			rank_clause(r, i);
	begin_run(r);
	for (size_t i = begin; i <= last; i++)
		if (effect_of(r, i) == effect)
			rank_clause(r, i);
}

/* The lowest rank in each tree, which need not be that of its first clause. */
static void find_lowest(const struct ranker *r)
{
	struct forest_ranks *out = r->out;

	for (size_t t = 0; t < out->ntrees; t++) {
		out->lowest[t] = out->n - 1;
		for (size_t i = 0; i < r->p->nclauses; i++)
			if (r->trees[i] >> t & 1 &&
			    out->of_clause[i] < out->lowest[t])
				out->lowest[t] = out->of_clause[i];
	}
}

static void find_ranks(struct arena *a, const struct forest *f,
		       const struct policy *p, const struct effects *e,
		       struct forest_ranks *out)
{
	struct ranker r = {
		.p = p, .e = e, .out = out,
		.trees = arena_array(a, p->nclauses, sizeof(uint32_t)),
		.rank_of = arena_array(a, e->n, sizeof(uint32_t)),
		.run_of = arena_array(a, e->n, sizeof(uint32_t)),
	};
	size_t end;

	out->of_clause = arena_array(a, p->nclauses, sizeof(uint32_t));
	out->effect = arena_array(a, p->nclauses, sizeof(uint32_t));
	out->rule = arena_array(a, p->nclauses, sizeof(uint32_t));
	find_trees(&r, f);
	for (size_t i = 0; i < p->nclauses; i = end) {
		end = run_end(&r, i);
		begin_run(&r);
		if (end == p->nclauses)
			rank_last(&r, i);
		else
			while (i < end)
				rank_clause(&r, i++);
	}
	find_lowest(&r);
}

/* ---------------------------------------------------------------- numbers */

/* What each rank does; out: bits that this takes, less those that are never set,
 * as steps are most often the first of four. */
static unsigned int find_doing(struct arena *a, const struct effects *e,
			       struct forest_ranks *out)
{
	uint32_t *does = arena_array(a, e->n, sizeof(*does));
	uint32_t end = (uint32_t)e->nsteps, all = STEPS_EACH;
	unsigned int bits = 0;

	for (size_t i = 0; i < e->n; i++) {
		does[i] = e->v[i].kind == EFFECT_SPLIT ? end++ : e->v[i].first;
		all |= does[i];
	}
	while (end >> bits)
		bits++;
	out->low_scale = (unsigned int)__builtin_ctz(all);
	out->does = arena_array(a, out->n, sizeof(*out->does));
	for (uint32_t i = 0; i < out->n; i++)
		out->does[i] = does[out->effect[i]];
	return bits - out->low_scale;
}

static void number_ranks(struct arena *a, const struct policy *p,
			 struct forest_ranks *out)
{
	out->number = arena_array(a, out->n, sizeof(*out->number));
	for (uint32_t i = 0; i < out->n; i++)
		out->number[i] = out->low_bits ?
			i << out->low_bits | out->does[i] >> out->low_scale : i;
	out->top = out->n << out->low_bits;
	out->number_of_clause = arena_array(a, p->nclauses, sizeof(uint32_t));
	for (size_t i = 0; i < p->nclauses; i++)
		out->number_of_clause[i] = out->number[out->of_clause[i]];
}

static void build_blocks(struct arena *a, const struct forest *f, bool zones,
			 struct forest_ranks *out)
{
	const struct diagram *d[FOREST_TREES];
	struct zoning *z = arena_alloc(a, sizeof(*z));

	for (size_t i = 0; i < f->ntrees; i++) {
		d[i] = diagram_map_leaves(a, f->trees[i].diagram,
			out->of_clause, DREF_LEAF | (out->n - 1));
		out->order[i] = f->trees[i].diagram->order;
	}
	if (zones) {
		zones_find(a, d, f->ntrees, z);
		out->zones = z;
	}
	for (size_t i = 0; i < f->ntrees; i++)
		blocks_build_zoned(a, d[i], out->rule, out->zones,
				   &out->trees[i]);
}

/* Whether 16 bits may be enough for each rank, with LOW bits, and block. */
static bool may_be_narrow(const struct forest_ranks *r, unsigned int low)
{
	for (size_t i = 0; i < r->ntrees; i++)
		if (((uint64_t)r->n << low) + r->trees[i].n > UINT16_MAX)
			return false;
	return true;
}

/* How numbers are made; BITS: of what ranks do. */
static void choose_numbers(struct forest_ranks *out, unsigned int bits,
			   const struct forest_rank_options *o)
{
	unsigned int low = o->pack ? bits : 0;

	if (o->narrow && low && !may_be_narrow(out, low))
		low = 0;
	out->narrow = o->narrow && may_be_narrow(out, low);
	if (!out->narrow)
		low = o->pack && (uint64_t)out->n << bits < 1u << NUMBER_BITS ?
			bits : 0;
	out->low_bits = low;
}

void forest_rank(struct arena *a, const struct forest *f,
		 const struct policy *p, const struct effects *e,
		 const struct forest_rank_options *o,
		 struct forest_ranks *out)
{
	*out = (struct forest_ranks){ .ntrees = f->ntrees };
	find_ranks(a, f, p, e, out);
	build_blocks(a, f, o->zones, out);
	choose_numbers(out, find_doing(a, e, out), o);
	number_ranks(a, p, out);
}

void forest_take_weights(struct forest_ranks *to,
			 const struct forest_ranks *from)
{
	for (size_t i = 0; i < to->ntrees; i++)
		for (size_t k = 0; k < to->trees[i].n; k++)
			to->trees[i].v[k].weight = from->trees[i].v[k].weight;
}
