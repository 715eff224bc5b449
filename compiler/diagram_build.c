/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diagram_build - terms to nodes
 *
 * In: terms in order of priority. Out: their diagram. A term is a chain of
 * nodes. A run of neighbouring terms that differ in one field only becomes one
 * chain in which that field's node is painted (diagram_paint.c). What is
 * left is laid over each other in pairs, split by weight, so that a huge set
 * among small ones is gone over a few times only.
 */
#include "diagram_table.h"

#include <stdlib.h>
#include <string.h>

/* A run: items first..first + n - 1 agree in all fields but FIELD. */
struct run {
	size_t first, n;
	uint8_t field;
};

struct build {
	struct diagram_table *t;
	const struct titem *items;
	struct run *runs;
	size_t nruns, cap;
	size_t *weight;		/* of all runs before this one */
};

/* The node that leads from a value in S to CHILD, else to no action. */
static dref set_node(struct diagram_table *t, uint8_t field,
		     const struct iset *s, dref child)
{
	u128 highest = field_highest(field);
	size_t mark = table_open(t);

	if (!s)
		return child;
	if (s->v[0].low)
		table_add(t, mark, 0, DREF_NONE);
	for (size_t i = 0; i < s->n; i++) {
		table_add(t, mark, s->v[i].low, child);
		if (s->v[i].high < highest)
			table_add(t, mark, s->v[i].high + 1, DREF_NONE);
	}
	return table_close(t, mark, field);
}

/* CHILD below the nodes of TERM's fields of rank BEGIN to END - 1. */
static dref chain(struct diagram_table *t, const struct term *term,
		  unsigned int begin, unsigned int end, dref child)
{
	while (end-- > begin) {
		uint8_t field = t->order[end];

		if (field != FIELD_FAMILY)
			child = set_node(t, field, term->set[field], child);
	}
	return child;
}

static dref run_node(struct build *b, const struct run *r)
{
	const struct term *first = b->items[r->first].term;
	struct diagram_table *t = b->t;
	unsigned int rank = t->rank[r->field];
	struct paint_layer *layers;
	size_t mark;
	dref node;

	if (r->n == 1)
		return chain(t, first, 0, FIELD_COUNT,
			     table_leaf(t, b->items[r->first].action));
	layers = arena_array(&t->mem, r->n, sizeof(*layers));
	for (size_t i = 0; i < r->n; i++) {
		const struct titem *item = &b->items[r->first + i];

		layers[i] = (struct paint_layer) {
			.set = item->term->set[r->field],
			.highest = field_highest(r->field),
			.child = chain(t, first, rank + 1, FIELD_COUNT,
				       table_leaf(t, item->action)),
		};
	}
	mark = table_open(t);
	table_paint(t, mark, layers, r->n);
	node = table_close(t, mark, r->field);
	return chain(t, first, 0, rank, node);
}

static bool same_set(const struct iset *x, const struct iset *y)
{
	return x == y || (x && y && iset_equal(x, y));
}

/* Painting forgets what lies below: not where another rule's is asked for. */
static bool may_join(const struct build *b, const struct run *r, size_t i)
{
	const struct diagram_second *s = b->t->second;

	return !s || s->rule[b->items[r->first].action] ==
		     s->rule[b->items[i].action];
}

/* Whether item I can join run R; sets R's field when it is the second. */
static bool joins(const struct build *b, struct run *r, size_t i)
{
	const struct term *x = b->items[r->first].term;
	const struct term *y = b->items[i].term;
	int field = -1;

	if (!may_join(b, r, i))
		return false;
	for (int f = 0; f < FIELD_COUNT; f++) {
		if (f == FIELD_FAMILY || same_set(x->set[f], y->set[f]))
			continue;
		if (field >= 0 || (r->n > 1 && f != r->field))
			return false;
		field = f;
	}
	if (field >= 0)
		r->field = (uint8_t)field;
	else if (r->n == 1)	/* equal terms: any field will do */
		r->field = FIELD_PROTOCOL;
	return true;
}

static size_t term_weight(const struct term *term)
{
	size_t weight = 1;

	for (int f = 0; f < FIELD_COUNT; f++)
		weight += term->set[f] ? term->set[f]->n : 0;
	return weight;
}

static void find_runs(struct build *b, size_t n)
{
	struct arena *a = &b->t->work;
	struct run *r = NULL;
	size_t total = 0;

	for (size_t i = 0; i < n; i++) {
		if (r && joins(b, r, i)) {
			r->n++;
			continue;
		}
		r = arena_push(a, b->runs, b->nruns, b->cap);
		r->first = i;
		r->n = 1;
	}
	b->weight = arena_array(a, b->nruns + 1, sizeof(*b->weight));
	for (size_t i = 0; i < b->nruns; i++) {
		r = &b->runs[i];
		for (size_t k = 0; k < r->n; k++)
			total += term_weight(b->items[r->first + k].term);
		b->weight[i + 1] = total;
	}
}

/* Where to cut runs LOW..HIGH - 1 so that both halves weigh about the same. */
static size_t middle_of(const struct build *b, size_t low, size_t high)
{
	size_t goal = b->weight[low] + (b->weight[high] - b->weight[low]) / 2;
	size_t begin = low + 1, end = high - 1;

	while (begin < end) {	/* the first that reaches the goal */
		size_t middle = begin + (end - begin) / 2;

		if (b->weight[middle] < goal)
			begin = middle + 1;
		else
			end = middle;
	}
	return begin;
}

static dref build_runs(struct build *b, size_t low, size_t high)
{
	struct diagram_table *t = b->t;
	size_t middle;
	dref left, right;

	if (t->failed)
		return DREF_NONE;
	if (high - low == 1)
		return run_node(b, &b->runs[low]);
	middle = middle_of(b, low, high);
	left = build_runs(b, low, middle);
	*arena_push(&t->mem, t->roots, t->nroots, t->roots_cap) = left;
	right = build_runs(b, middle, high);
	left = t->roots[--t->nroots];
	return table_overlay(t, left, right);
}

dref table_build(struct diagram_table *t, const struct titem *v, size_t n)
{
	struct build b = { .t = t, .items = v };

	if (!n)
		return DREF_NONE;
	find_runs(&b, n);
	return build_runs(&b, 0, b.nruns);
}

dref table_build_both(struct diagram_table *t, const struct titems items[2])
{
	const struct titems *x = &items[0], *y = &items[1];
	bool same = x->n == y->n;
	size_t mark, i;
	dref root[2];

	for (i = 0; same && i < x->n; i++)
		same = x->v[i].term == y->v[i].term;
	root[0] = table_build(t, x->v, x->n);
	if (same || t->failed)
		return root[0];
	*arena_push(&t->mem, t->roots, t->nroots, t->roots_cap) = root[0];
	root[1] = table_build(t, y->v, y->n);
	root[0] = t->roots[--t->nroots];
	if (t->failed)
		return DREF_NONE;
	mark = table_open(t);
	table_add(t, mark, 0, root[0]);
	table_add(t, mark, 1, root[1]);
	return table_close(t, mark, FIELD_FAMILY);
}
