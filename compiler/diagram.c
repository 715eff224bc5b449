/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diagram - a finished diagram: made, asked, measured
 *
 * In: clauses; then packets, terms, maps of leaves. Out: a compact diagram of
 * the live nodes only, numbered from the leaves up (children before parents),
 * and what it answers. The workshop it is made in is given back before a
 * function returns, also when memory runs out.
 */
#include "diagram.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "diagram_table.h"

enum { MAX_CUTS = 16000000 };

struct workshop {
	struct diagram_table best, trial;
	struct arena scratch;
};

typedef struct diagram *workshop_job(struct workshop *w, struct arena *a,
				     const void *ctx);

static void workshop_free(struct workshop *w)
{
	table_free(&w->best);
	table_free(&w->trial);
	arena_free(&w->scratch);
}

/* Runs JOB; when memory runs out, frees the workshop before A's owner knows. */
static struct diagram *in_workshop(struct arena *a, workshop_job *job,
				   const void *ctx)
{
	struct workshop *w = arena_alloc(a, sizeof(*w));
	jmp_buf *const outer = a->exhausted;
	struct diagram *d;
	jmp_buf here;

	a->exhausted = &here;
	if (setjmp(here)) {
		workshop_free(w);
		a->exhausted = outer;
		if (!outer)
			abort();
		longjmp(*outer, 1);
	}
	arena_init(&w->scratch, &here);
	d = job(w, a, ctx);
	workshop_free(w);
	a->exhausted = outer;
	return d;
}

struct export {
	const struct dnode *from;
	dref *seen;		/* new number of each node, DREF_NONE = none yet */
	struct diagram *d;
	u128 *cuts;		/* where the next node's go */
	dref *children;
};

static dref export_node(struct export *e, dref r)
{
	const struct dnode *d;
	struct dnode *out;

	if (dref_is_leaf(r))
		return r;
	if (e->seen[r] != DREF_NONE)
		return e->seen[r];
	d = &e->from[r];
	for (uint32_t i = 0; i <= d->ncuts; i++)
		export_node(e, d->children[i]);
	out = &e->d->nodes[e->d->nnodes];
	out->field = d->field;
	out->ncuts = d->ncuts;
	out->cuts = e->cuts;
	out->children = e->children;
	memcpy(e->cuts, d->cuts, d->ncuts * sizeof(*d->cuts));
	for (uint32_t i = 0; i <= d->ncuts; i++) {
		dref c = d->children[i];

		e->children[i] = dref_is_leaf(c) ? c : e->seen[c];
	}
	e->cuts += d->ncuts;
	e->children += d->ncuts + 1;
	return e->seen[r] = (dref)e->d->nnodes++;
}

/* What ROOT reaches in T as a diagram of A; NULL when it is too large. */
static struct diagram *finish(struct arena *a, struct diagram_table *t,
			      dref root, size_t max_cuts, size_t max_weight)
{
	struct diagram_stats size = table_stats(&t->work, t->nodes,
						t->nnodes, root);
	struct diagram *d;
	struct export e = { .from = t->nodes };

	if (size.cuts > max_cuts || size.weight > max_weight)
		return NULL;
	d = arena_alloc(a, sizeof(*d));
	d->arena = a;
	memcpy(d->order, t->order, sizeof(d->order));
	d->cap = size.nodes;
	d->marks = arena_alloc(a, sizeof(*d->marks));
	d->nodes = arena_array(a, size.nodes, sizeof(*d->nodes));
	e.d = d;
	e.cuts = arena_array(a, size.cuts, sizeof(*e.cuts));
	e.children = arena_array(a, size.cuts + size.nodes,
				 sizeof(*e.children));
	e.seen = arena_array(&t->work, t->nnodes + 1, sizeof(*e.seen));
	memset(e.seen, 0xff, t->nnodes * sizeof(*e.seen));
	d->root = export_node(&e, root);
	return d;
}

struct build_job {
	const struct clause *clauses;
	size_t n;
	struct diagram_options o;
};

static bool term_empty(const struct term *t)
{
	for (int f = 0; f < FIELD_COUNT; f++)
		if (t->set[f] && !t->set[f]->n)
			return true;
	return false;
}

/* The terms that hold packets of FAMILY. */
static struct titems family_items(struct arena *a, const struct build_job *b,
				  unsigned int family)
{
	struct titems items = { 0 };

	for (size_t i = 0; i < b->n; i++) {
		const struct clause *c = &b->clauses[i];

		for (size_t k = 0; k < c->terms.n; k++) {
			const struct term *t = &c->terms.v[k];
			const struct iset *f = t->set[FIELD_FAMILY];
			struct titem *item;

			if (term_empty(t) || (f && !iset_contains(f, family)))
				continue;
			item = arena_push(a, items.v, items.n, items.cap);
			item->term = t;
			item->action = c->action;
		}
	}
	return items;
}

/* How often each action is a leaf of what was made so far. */
static void blame(const struct diagram_table *t, size_t *by_action)
{
	for (size_t i = 0; i < t->nnodes; i++)
		for (uint32_t k = 0; k <= t->nodes[i].ncuts; k++) {
			dref r = t->nodes[i].children[k];

			if (dref_is_leaf(r) && r != DREF_NONE)
				by_action[dref_action(r)]++;
		}
}

static struct diagram *build_job(struct workshop *w, struct arena *a,
				 const void *ctx)
{
	const struct build_job *b = ctx;
	struct titems items[2] = {
		family_items(&w->scratch, b, 0),
		family_items(&w->scratch, b, 1),
	};
	struct order_search search = {
		.best = &w->best, .trial = &w->trial, .scratch = &w->scratch,
		.items = items, .max_cuts = b->o.max_cuts,
		.max_weight = b->o.max_weight,
	};
	struct diagram *d;
	dref root;

	if (b->o.order) {
		table_setup(&w->best, a->exhausted, b->o.order);
		w->best.max_cuts = b->o.max_cuts;
		w->best.max_weight = b->o.max_weight;
		w->best.second = b->o.second;
		if (b->o.max_steps)
			w->best.max_steps = b->o.max_steps;
		root = table_build_both(&w->best, items);
	} else {
		root = order_search(&search);
	}
	if (!w->best.failed)
		table_free(&w->trial);
	d = w->best.failed ? NULL :
		finish(a, &w->best, root, b->o.max_cuts, b->o.max_weight);
	if (!d && b->o.blame)
		blame(&w->best, b->o.blame);
	return d;
}

struct diagram *diagram_build_clauses(struct arena *a, const struct clause *c,
				      size_t n, const struct diagram_options *o)
{
	struct build_job b = { .clauses = c, .n = n };

	if (o)
		b.o = *o;
	if (!b.o.max_cuts)
		b.o.max_cuts = MAX_CUTS;
	if (!b.o.max_weight)
		b.o.max_weight = SIZE_MAX;
	assert(!b.o.order || b.o.order[0] == FIELD_FAMILY);
	assert(b.o.order || (!b.o.second && !b.o.max_steps));
	return in_workshop(a, build_job, &b);
}

struct diagram *diagram_build(struct arena *a, const struct policy *p,
			      const struct diagram_options *o)
{
	return diagram_build_clauses(a, p->clauses, p->nclauses, o);
}

struct map_job {
	const struct diagram *d;
	struct leaf_map map;
};

static struct diagram *map_job(struct workshop *w, struct arena *a,
			       const void *ctx)
{
	const struct map_job *m = ctx;
	const struct diagram *d = m->d;
	dref *seen = arena_array(&w->scratch, d->nnodes + 1, sizeof(*seen));
	dref root;

	memset(seen, 0xff, d->nnodes * sizeof(*seen));
	table_setup(&w->best, a->exhausted, d->order);
	root = table_import(&w->best, d->nodes, d->root, seen, &m->map);
	return finish(a, &w->best, root, SIZE_MAX, SIZE_MAX);
}

struct diagram *diagram_map_leaves(struct arena *a, const struct diagram *d,
				   const uint32_t *to, dref none)
{
	struct map_job m = { d, { to, none } };

	return in_workshop(a, map_job, &m);
}

dref diagram_walk(const struct diagram *d, const u128 v[FIELD_COUNT])
{
	dref r = d->root;

	while (!dref_is_leaf(r)) {
		const struct dnode *n = &d->nodes[r];

		r = n->children[dnode_child(n, v[n->field])];
	}
	return r;
}

struct diagram_stats diagram_stats(const struct diagram *d)
{
	return table_stats(d->arena, d->nodes, d->nnodes, d->root);
}
