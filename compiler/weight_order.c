/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * weight_order - the order of the fields that costs least by a profile
 *
 * In: a diagram in the order that makes it smallest. Out: the same, or one in
 * another order that is not much larger and costs packets less. All orders of
 * the fields in use are tried on diagrams that are small, which is where one
 * order or another is one load more or less.
 */
#include "weight.h"

#include <setjmp.h>
#include <string.h>

#include "../grammar/arena.h"

enum {
	ORDER_WORK = 400000,	/* cuts of all diagrams that are tried */
	ORDER_GROWTH = 2,	/* a diagram may be so much larger */
	UNITS = 6,
};

/* Fields that stay side by side. */
static const uint8_t units[UNITS][2] = {
	{ FIELD_PROTOCOL, FIELD_COUNT }, { FIELD_RADDR4, FIELD_RADDR6 },
	{ FIELD_LADDR4, FIELD_LADDR6 }, { FIELD_LPORT, FIELD_COUNT },
	{ FIELD_RPORT, FIELD_COUNT }, { FIELD_IFNAME, FIELD_IFINDEX },
};

struct orders {
	struct arena *a;
	const struct weight_input *in;
	struct weight_cost cost;
	bool found;		/* an order that costs less */
	uint8_t order[FIELD_COUNT];
	uint8_t used[UNITS], nused;
	size_t work;		/* that is left */
	size_t max_cuts;
};

static struct weight_cost cost_of(struct arena *a, const struct weight_input *in,
				  const struct diagram *d, bool weighed)
{
	struct blocks b;

	weight_make_blocks(a, in, d, &b);
	return weight_cost(a, &b, in->optimize, weighed);
}

static bool field_used(const struct diagram *d, uint8_t field)
{
	for (size_t i = 0; i < d->nnodes; i++)
		if (d->nodes[i].field == field)
			return true;
	return false;
}

static void find_units(struct orders *o, const struct diagram *d)
{
	for (uint8_t i = 0; i < UNITS; i++)
		if (field_used(d, units[i][0]) ||
		    (units[i][1] != FIELD_COUNT && field_used(d, units[i][1])))
			o->used[o->nused++] = i;
}

static uint8_t *put_unit(uint8_t *at, uint8_t unit)
{
	*at++ = units[unit][0];
	if (units[unit][1] != FIELD_COUNT)
		*at++ = units[unit][1];
	return at;
}

/* The units in use in this order, then the others. */
static void make_order(const struct orders *o, uint8_t order[FIELD_COUNT])
{
	bool done[UNITS] = { false };
	uint8_t *at = order;

	*at++ = FIELD_FAMILY;
	for (uint8_t i = 0; i < o->nused; i++) {
		at = put_unit(at, o->used[i]);
		done[o->used[i]] = true;
	}
	for (uint8_t i = 0; i < UNITS; i++)
		if (!done[i])
			at = put_unit(at, i);
}

static void measure_order(struct orders *o, struct arena *scratch,
			  const uint8_t order[FIELD_COUNT])
{
	struct diagram_options how = { .order = order,
				       .max_cuts = o->max_cuts };
	struct diagram *d = diagram_build_clauses(scratch,
		o->in->clauses, o->in->nclauses, &how);
	size_t cuts = d ? diagram_stats(d).cuts + 1 : o->max_cuts;
	struct weight_cost cost;

	o->work -= o->work > cuts ? cuts : o->work;
	if (!d)
		return;
	cost = cost_of(scratch, o->in, d, true);
	if (weight_sum(cost) >= weight_sum(o->cost) * 0.99)
		return;
	o->cost = cost;
	o->found = true;
	memcpy(o->order, order, FIELD_COUNT);
}

/* In memory of its own, given back also when there is no more. */
static void try_order(struct orders *o)
{
	uint8_t order[FIELD_COUNT];
	struct arena scratch;
	jmp_buf exhausted;

	make_order(o, order);
	arena_init(&scratch, &exhausted);
	if (setjmp(exhausted)) {
		arena_free(&scratch);
		longjmp(*o->a->exhausted, 1);
	}
	measure_order(o, &scratch, order);
	arena_free(&scratch);
}

/* All orders of the units from AT on, as far as the work goes. */
static void permute(struct orders *o, uint8_t at)
{
	for (uint8_t i = at; i < o->nused && o->work; i++) {
		uint8_t swap = o->used[at];

		if (at + 1 == o->nused) {
			try_order(o);
			return;
		}
		o->used[at] = o->used[i];
		o->used[i] = swap;
		permute(o, at + 1);
		swap = o->used[at];
		o->used[at] = o->used[i];
		o->used[i] = swap;
	}
}

struct diagram *weight_order(struct arena *a, const struct weight_input *in,
			     struct diagram *d, struct weight_gain *gain)
{
	size_t cuts = diagram_stats(d).cuts;
	struct orders o = { .a = a, .in = in, .work = ORDER_WORK,
			    .max_cuts = cuts * ORDER_GROWTH + 16 };
	struct diagram_options how = { .order = o.order };

	gain->before = cost_of(a, in, d, false);
	o.cost = cost_of(a, in, d, true);
	find_units(&o, d);
	if (cuts <= ORDER_WORK / 100)
		permute(&o, 0);
	gain->after = o.cost;
	gain->reordered = o.found;
	return o.found ? diagram_build_clauses(a, in->clauses, in->nclauses,
					       &how) : d;
}

void weight_make_blocks(struct arena *a, const struct weight_input *in,
			const struct diagram *d, struct blocks *out)
{
	blocks_build(a, diagram_map_leaves(a, d, in->leaf_of, in->none),
		     in->rules, out);
	if (in->hits)
		weight_blocks(a, out, in);
}

struct weight_input weight_of_policy(struct arena *a, const struct policy *p,
				     const struct effects *e,
				     const uint64_t *hits,
				     unsigned int optimize)
{
	struct weight_hit *at = arena_array(a, p->nactions, sizeof(*at));
	uint32_t *rules = arena_array(a, e->n, sizeof(*rules));

	for (size_t i = 0; i < e->n; i++)
		rules[i] = e->v[i].rule;
	for (size_t i = 0; i < p->nactions; i++)
		at[i] = (struct weight_hit){ p->actions[i].rule,
					     e->of_action[i] };
	return (struct weight_input){
		.policy = p, .clauses = p->clauses, .nclauses = p->nclauses,
		.leaf_of = e->of_action, .none = DREF_NONE, .rules = rules,
		.nleaves = (uint32_t)e->n, .at = at, .nat = p->nactions,
		.hits = hits, .optimize = optimize,
	};
}
