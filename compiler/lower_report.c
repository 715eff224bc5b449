/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_report - what the lowering has chosen, and what a look-up costs
 *
 * In: the plan of all blocks. Out: a line for each block that is no tree, or is
 * so large that it need not have been one, and the time that a packet is expected
 * to take from the first block to the last, every interval of a block as likely
 * as any other.
 */
#include "lower_table.h"

static void add(struct lowered *e, const struct shape *s, uint8_t kind)
{
	if (!s->levels)
		return;
	e->choices[e->nchoices++] = (struct lower_choice){
		.kind = kind, .cost = s->cost, .bytes = s->bytes,
		.bits = s->root, .levels = s->levels, .steps = s->steps,
		.entry = s->keys.lanes ? (uint8_t)s->keys.lanes :
			s->pack.entry,
		.cells = (uint32_t)s->cells, .rows = s->pack.home,
	};
}

/* The one that was chosen first. */
static void chosen_first(struct lowered *e, const struct choice *c)
{
	for (unsigned int i = e->nchoices; i-- > 1;) {
		struct lower_choice *x = &e->choices[i], other = x[-1];

		if (x->cost != c->best.cost || x->bytes != c->best.bytes)
			continue;
		x[-1] = *x;
		*x = other;
	}
}

static void add_window(struct lowered *e, const struct window *w)
{
	if (!w->cells)
		return;
	e->choices[e->nchoices++] = (struct lower_choice){
		.kind = w->bits ? LOWERED_BITS : LOWERED_WINDOW,
		.cost = w->cost, .bytes = w->bytes, .bits = w->shift,
		.cells = w->cells,
	};
}

/* What was thought of. */
static void add_choices(struct lowered *e, const struct choice *c)
{
	const struct shape compares = { .levels = 1, .cost = c->compares };
	bool by_compares = !c->best.levels && !c->by_window;

	if (by_compares)
		add(e, &compares, LOWERED_COMPARES);
	if (c->by_window)
		add_window(e, &c->window);
	add(e, &c->index, c->index.steps ? LOWERED_INDEX : LOWERED_DIRECT);
	add(e, &c->buckets, LOWERED_BUCKETS);
	add(e, &c->levels, LOWERED_LEVELS);
	add(e, &c->keys, LOWERED_KEYS);
	if (c->best.levels)
		chosen_first(e, c);
	if (!c->by_window)
		add_window(e, &c->window);
	if (!by_compares)
		add(e, &compares, LOWERED_COMPARES);
}

void report_block(struct lower *l, const struct keyed *k,
		  const struct choice *c)
{
	struct lower_report *r = l->in->report;
	struct lowered *e;

	if (!r)
		return;
	e = arena_push(l->a, r->v, r->n, r->cap);
	*e = (struct lowered){ .rule = k->b->rule, .word = k->b->word,
			       .wide = k->width == 64, .cuts = k->ncuts };
	add_choices(e, c);
}

/* ------------------------------------------------------ the whole program */

static double cost_of(const struct lower *l, const double *cost, bref r)
{
	if (!bref_is_leaf(r))
		return cost[r];
	return l->in->leaf_cost ? l->in->leaf_cost[bref_leaf(r)] : 0;
}

static double mean(const struct lower *l, const double *cost,
		   const bref *children, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += cost_of(l, cost, children[i]);
	return sum / (double)n;
}

void report_expected(struct lower *l)
{
	const struct blocks *all = l->in->blocks;
	double *cost = arena_array(l->a, all->n + 1, sizeof(*cost));

	if (!l->in->report)
		return;
	for (size_t i = 0; i < all->n; i++) {	/* children first */
		const struct block *b = &all->v[i];
		const struct table *t = l->table[i];

		if (!l->reached[i])
			continue;
		if (t)
			cost[i] = (t->choice.by_window ?
				   t->choice.window.cost :
				   t->choice.best.cost) +
				mean(l, cost, t->key.children,
				     t->key.ncuts + 1);
		else
			cost[i] = shape_compares(b->ncuts) +
				mean(l, cost, b->children, b->ncuts + 1);
	}
	if (all->n)
		l->in->report->expected += cost_of(l, cost, all->root);
}
