/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * forest - terms to groups, groups to trees
 *
 * In: clauses. Out: trees. Terms are looked at one by one:
 * a rule for both families is one term of each, and they may go to different
 * trees. The search for groups that can be one is bounded by its number of
 * tries, and each try by what it may cost.
 */
#include "forest.h"

#include <stdlib.h>
#include <string.h>

#include "../grammar/arena.h"

enum {
	WIDE4_BITS = 20,	/* a prefix shorter than /12 is wide */
	WIDE6_BITS = 96,	/* one shorter than /32 */
	TOGETHER = 5,		/* two groups may cost 5/4 of both, */
	APART = 4,
	TOGETHER_MIN = 2000,	/* and this much anyhow; */
	FEW = 16, FEW_MAY = 2,	/* or twice, where one has a 16th of the terms, */
	FEW_MORE = 200000,	/* but no more than this on top: 2 MB of rows */
};

struct group {
	struct clause *clauses;		/* with the terms of this group only */
	size_t n, cap, nterms;
	uint32_t classes;		/* mask of those that are in it */
	struct diagram *diagram;
	size_t weight;
};

struct grower {
	struct arena *a;
	const struct policy *p;
	const struct forest_options *o;
	uint8_t *class_of;		/* by term */
	struct group groups[FOREST_TREES];
};

/* ------------------------------------------------------------- grouping */

static bool is_wide(const struct iset *s, unsigned int bits)
{
	if (!s)
		return true;
	for (size_t i = 0; i < s->n; i++)
		if ((s->v[i].high - s->v[i].low) >> bits)
			return true;
	return false;
}

/* The family's own set decides; of a term for both families no set is there. */
static bool wide_side(const struct term *t, unsigned int four,
		      unsigned int six)
{
	if (t->set[six])
		return is_wide(t->set[six], WIDE6_BITS);
	return is_wide(t->set[four], WIDE4_BITS);
}

static uint8_t class_of(const struct term *t)
{
	return (uint8_t)(wide_side(t, FIELD_RADDR4, FIELD_RADDR6) * 2 +
			 wide_side(t, FIELD_LADDR4, FIELD_LADDR6));
}

static void add_term(struct grower *g, struct group *to, uint32_t clause,
		     const struct term *t)
{
	struct clause *c = to->n ? &to->clauses[to->n - 1] : NULL;

	if (!c || c->action != clause) {
		c = arena_push(g->a, to->clauses, to->n, to->cap);
		*c = (struct clause){ .action = clause };
	}
	*arena_push(g->a, c->terms.v, c->terms.n, c->terms.cap) = *t;
	to->nterms++;
}

/* The terms of the CLASSES, in order; a leaf is the number of the clause. */
static struct group gather(struct grower *g, uint32_t classes)
{
	struct group out = { .classes = classes };
	size_t term = 0;

	for (uint32_t i = 0; i + 1 < g->p->nclauses; i++) {
		const struct terms *t = &g->p->clauses[i].terms;

		for (size_t k = 0; k < t->n; k++, term++)
			if (g->class_of[term] != FOREST_NO_TREE &&
			    classes >> g->class_of[term] & 1)
				add_term(g, &out, i, &t->v[k]);
	}
	return out;
}

/* That of the tree which has the first of CLASSES, or NULL. */
static const uint8_t *known_order(const struct grower *g, uint32_t classes)
{
	const struct forest *f = g->o->like;
	uint8_t tree = f ? f->tree_of_class[__builtin_ctz(classes)] :
		FOREST_NO_TREE;

	return tree == FOREST_NO_TREE ? NULL : f->trees[tree].diagram->order;
}

static bool grow(struct grower *g, struct group *group, size_t max_weight,
		 size_t *blame)
{
	struct diagram_options o = {
		.max_weight = max_weight, .blame = blame,
		.order = known_order(g, group->classes),
	};

	group->diagram = diagram_build_clauses(g->a, group->clauses, group->n,
					       &o);
	if (!group->diagram)
		return false;
	group->weight = diagram_stats(group->diagram).weight;
	return true;
}

static size_t larger(size_t x, size_t y)
{
	return x > y ? x : y;
}

static size_t lower(size_t x, size_t y)
{
	return x < y ? x : y;
}

/* What all groups but X and Y weigh. */
static size_t weight_beside(const struct grower *g, const struct group *x,
			    const struct group *y)
{
	size_t sum = 0;

	for (int i = 0; i < FOREST_TREES; i++)
		if (&g->groups[i] != x && &g->groups[i] != y)
			sum += g->groups[i].n ? g->groups[i].weight : 0;
	return sum;
}

/* What both may cost as one. A tree of few terms is hardly worth its walk. */
static size_t most_together(const struct grower *g, const struct group *x,
			    const struct group *y)
{
	size_t both = x->weight + y->weight, twice = FEW_MAY * both;
	size_t beside = weight_beside(g, x, y);
	size_t most = both / APART * TOGETHER;

	if (x->nterms * FEW <= y->nterms || y->nterms * FEW <= x->nterms)
		most = larger(most, lower(twice, both + FEW_MORE));
	most += TOGETHER_MIN;
	if (beside < g->o->enough)
		most = larger(most, lower(twice, g->o->enough - beside));
	return most;
}

/* Puts group J into I when both together cost little more. */
static void join(struct grower *g, struct group *x, struct group *y)
{
	struct group one;

	if (!x->n || !y->n)
		return;
	one = gather(g, x->classes | y->classes);
	if (!grow(g, &one, most_together(g, x, y), NULL))
		return;
	*x = one;
	*y = (struct group){ 0 };
}

static void join_groups(struct grower *g)
{
	for (int i = 0; i < FOREST_TREES; i++)
		for (int k = i + 1; k < FOREST_TREES; k++)
			join(g, &g->groups[i], &g->groups[k]);
}

/* ------------------------------------------------------------ the forest */

static int by_lowest(const void *a, const void *b)
{
	const struct group *x = a, *y = b;
	uint32_t i = x->n ? x->clauses[0].action : UINT32_MAX;
	uint32_t k = y->n ? y->clauses[0].action : UINT32_MAX;

	return i < k ? -1 : i > k;
}

/* Those that can win first stand first: the later ones are often skipped. */
static struct forest *finish(struct grower *g, size_t nterms)
{
	struct forest *f = arena_alloc(g->a, sizeof(*f));
	uint8_t tree[FOREST_TREES];

	memset(tree, FOREST_NO_TREE, sizeof(tree));
	qsort(g->groups, FOREST_TREES, sizeof(*g->groups), by_lowest);
	for (int i = 0; i < FOREST_TREES && g->groups[i].n; i++) {
		const struct group *x = &g->groups[i];

		f->trees[f->ntrees] = (struct tree){
			x->diagram, x->clauses[0].action, x->nterms,
		};
		for (int c = 0; c < FOREST_TREES; c++)
			if (x->classes >> c & 1)
				tree[c] = (uint8_t)f->ntrees;
		f->ntrees++;
	}
	memcpy(f->tree_of_class, tree, sizeof(tree));
	f->tree_of = arena_array(g->a, nterms + 1, 1);
	for (size_t i = 0; i < nterms; i++)
		f->tree_of[i] = g->class_of[i] == FOREST_NO_TREE ?
			FOREST_NO_TREE : tree[g->class_of[i]];
	return f;
}

static size_t classify(struct grower *g)
{
	const struct policy *p = g->p;
	size_t n = 0;

	for (size_t i = 0; i < p->nclauses; i++)
		n += p->clauses[i].terms.n;
	g->class_of = arena_array(g->a, n + 1, 1);
	n = 0;
	for (size_t i = 0; i < p->nclauses; i++)
		for (size_t k = 0; k < p->clauses[i].terms.n; k++, n++)
			g->class_of[n] = i + 1 == p->nclauses ||
				(g->o->answered && g->o->answered[n]) ?
				FOREST_NO_TREE :
				class_of(&p->clauses[i].terms.v[k]);
	return n;
}

struct forest *forest_build(struct arena *a, const struct policy *p,
			    const struct forest_options *o)
{
	struct grower g = { .a = a, .p = p, .o = o };
	size_t left = o->max_weight ? o->max_weight : SIZE_MAX;
	size_t nterms = classify(&g);

	for (uint32_t i = 0; i < FOREST_TREES; i++) {
		g.groups[i] = gather(&g, 1u << i);
		if (!g.groups[i].n)
			continue;
		if (!grow(&g, &g.groups[i], left, o->blame))
			return NULL;
		left -= g.groups[i].weight;
	}
	if (!o->keep_apart)
		join_groups(&g);
	return finish(&g, nterms);
}

/* ---------------------------------------------------------------- asking */

uint32_t forest_walk(const struct forest *f, const struct policy *p,
		     const u128 v[FIELD_COUNT])
{
	uint32_t best = (uint32_t)p->nclauses - 1;

	for (size_t i = 0; i < f->ntrees; i++) {
		dref leaf;

		if (f->trees[i].lowest > best)
			continue;
		leaf = diagram_walk(f->trees[i].diagram, v);
		if (leaf != DREF_NONE && dref_action(leaf) < best)
			best = dref_action(leaf);
	}
	return best;
}
