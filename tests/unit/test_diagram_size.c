/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_diagram_size - how large diagrams are, and in which order
 *
 * What is counted is checked against counting by hand, the order that is found
 * against all orders, and common large shapes against the sizes they should
 * have: nodes and cuts, never time. Then the corners.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture_world.h"

/* ------------------------------------------------------------ stats */

struct counted {
	bool *nodes, leaves[ACTIONS + 1];
	struct diagram_stats s;
};

static size_t count(const struct diagram *d, dref r, struct counted *c)
{
	size_t deepest = 0;
	const struct dnode *n;

	if (dref_is_leaf(r)) {
		bool *seen = &c->leaves[r == DREF_NONE ? ACTIONS :
					dref_action(r)];

		c->s.leaves += !*seen;
		*seen = true;
		return 0;
	}
	n = &d->nodes[r];
	c->s.nodes += !c->nodes[r];
	c->s.cuts += c->nodes[r] ? 0 : n->ncuts;
	c->nodes[r] = true;
	for (uint32_t i = 0; i <= n->ncuts; i++) {
		size_t depth = count(d, n->children[i], c);

		deepest = depth > deepest ? depth : deepest;
	}
	return deepest + 1;
}

static void stats(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		struct world *w = world_new(1 + world_rnd(CLAUSES_MAX));
		struct diagram *d = diagram_build_clauses(&w->arena,
			w->clauses, w->n, NULL);
		struct diagram_stats s = diagram_stats(d);
		struct counted c = {
			.nodes = calloc(d->nnodes + 1, sizeof(*c.nodes)),
		};

		c.s.depth = count(d, d->root, &c);
		assert_int_equal(s.nodes, c.s.nodes);
		assert_int_equal(s.cuts, c.s.cuts);
		assert_int_equal(s.leaves, c.s.leaves);
		assert_int_equal(s.depth, c.s.depth);
		free(c.nodes);
		world_free(w);
	}
}

/* ----------------------------------------------- order and max_cuts */

static size_t children(const struct diagram *d)
{
	struct diagram_stats s = diagram_stats(d);

	return s.nodes + s.cuts;
}

static size_t cuts_of(const struct diagram *d)
{
	return diagram_stats(d).cuts;
}

static struct diagram *in_order(struct world *w, const uint8_t *order)
{
	struct diagram_options o = { .order = order };

	return diagram_build_clauses(&w->arena, w->clauses, w->n, &o);
}

static void put(uint8_t **at, unsigned int dim)
{
	*(*at)++ = world_dims[dim][0];
	if (world_dims[dim][0] != world_dims[dim][1])
		*(*at)++ = world_dims[dim][1];
}

/* I as four digits from 0 to 3, each once; false when one is there twice. */
static bool permutation(unsigned int i, unsigned int digits[4])
{
	unsigned int got = 0;

	for (int k = 0; k < 4; k++) {
		digits[k] = i >> 2 * k & 3;
		got |= 1u << digits[k];
	}
	return got == 15;
}

/*
 * The fewest, as COUNT says, over all orders of the protocol and W's three fields,
 * those W does not use behind them.
 */
static size_t fewest(struct world *w, size_t (*count)(const struct diagram *))
{
	unsigned int digits[4];
	size_t least = SIZE_MAX;

	for (unsigned int i = 0; i < 256; i++) {
		uint8_t order[FIELD_COUNT] = { FIELD_FAMILY }, *at = order + 1;
		size_t n;

		if (!permutation(i, digits))
			continue;
		for (int k = 0; k < 4; k++)
			if (digits[k] == DIMS)
				*at++ = FIELD_PROTOCOL;
			else
				put(&at, w->used[digits[k]]);
		for (unsigned int dim = 0; dim < NDIMS; dim++)
			if (!memchr(w->used, (int)dim, DIMS))
				put(&at, dim);
		n = count(in_order(w, order));
		least = n < least ? n : least;
	}
	return least;
}

/* On a policy smaller than the first sample, the search finds the best. */
static void order_found(void **state)
{
	int found = 0;

	(void)state;
	while (found < 40) {
		struct world *w = world_new(CLAUSES_MAX);
		struct diagram_options o = { 0 };
		struct diagram *d, *again;
		size_t cuts, least;

		if (w->used[2] >= 4) {	/* interfaces go first or last only */
			world_free(w);
			continue;
		}
		d = diagram_build_clauses(&w->arena, w->clauses, w->n, NULL);
		again = diagram_build_clauses(&w->arena, w->clauses, w->n,
					      NULL);
		cuts = cuts_of(d);
		assert_memory_equal(d->order, again->order, FIELD_COUNT);
		assert_true(world_same_below(d, d->root, again, again->root));
		assert_int_equal(children(d), fewest(w, children));
		least = fewest(w, cuts_of);
		o.max_cuts = least - 1;
		if (least > 1)
			assert_null(diagram_build_clauses(&w->arena,
				w->clauses, w->n, &o));
		o.max_cuts = cuts - 1;
		o.order = d->order;
		if (cuts > 1)
			assert_null(diagram_build_clauses(&w->arena,
				w->clauses, w->n, &o));
		found++;
		world_free(w);
	}
}

/* Address ranges that cross, a port each: the ports have to come first. */
static void order_matters(void **state)
{
	enum { N = 200 };
	struct diagram_options worst = { .order = world_plain_order };
	struct clause *c = calloc(N, sizeof(*c));
	size_t bad, good;
	struct arena a;

	(void)state;
	arena_init(&a, NULL);
	for (uint32_t i = 0; i < N; i++) {
		struct term *t = arena_alloc(&a, sizeof(*t));

		t->set[FIELD_FAMILY] = iset_range(&a, 0, 0);
		t->set[FIELD_LADDR4] = iset_range(&a, i * 64, i * 64 + 4096);
		t->set[FIELD_RPORT] = iset_range(&a, i, i);
		c[i] = (struct clause){ .terms = { t, 1, 1 }, .action = i };
	}
	bad = diagram_stats(diagram_build_clauses(&a, c, N, &worst)).cuts;
	good = diagram_stats(diagram_build_clauses(&a, c, N, NULL)).cuts;
	assert_true(good < 4 * N);
	assert_true(bad > 8 * good);
	arena_free(&a);
	free(c);
}

/* ------------------------------------------------------------- size */

enum { MANY = 100000 };

/* Prefix I of MANY /24s that neither touch nor overlap, in wild order. */
static uint32_t prefix(uint32_t i)
{
	return (uint32_t)((uint64_t)i * 77773 % MANY) << 9;
}

static const struct iset *prefixes(struct arena *a, uint32_t begin,
				   uint32_t step)
{
	struct interval *v = arena_array(a, MANY / step + 1, sizeof(*v));
	size_t n = 0;

	for (uint32_t i = begin; i < MANY; i += step) {
		v[n].low = prefix(i);
		v[n++].high = prefix(i) | 0xff;
	}
	return iset_build(a, v, n);
}

static struct term *address_term(struct arena *a, const struct iset *s)
{
	struct term *t = arena_alloc(a, sizeof(*t));

	t->set[FIELD_FAMILY] = iset_range(a, 0, 0);
	t->set[FIELD_RADDR4] = s;
	return t;
}

static void assert_prefixes(const struct diagram *d, uint32_t actions)
{
	u128 v[FIELD_COUNT] = { 0 };

	for (uint32_t i = 0; i < MANY; i++) {
		v[FIELD_RADDR4] = prefix(i);
		assert_int_equal(diagram_walk(d, v), DREF_LEAF | i % actions);
		v[FIELD_RADDR4] += 255;
		assert_int_equal(diagram_walk(d, v), DREF_LEAF | i % actions);
		v[FIELD_RADDR4] += 1;
		assert_int_equal(diagram_walk(d, v), DREF_NONE);
	}
}

static void many_prefixes(uint32_t nclauses, uint32_t actions)
{
	struct clause *c = calloc(nclauses, sizeof(*c));
	struct diagram_stats s;
	struct diagram *d;
	struct arena a;

	arena_init(&a, NULL);
	for (uint32_t i = 0; i < nclauses; i++) {
		struct term *t = address_term(&a, prefixes(&a, i, nclauses));

		c[i] = (struct clause){ .terms = { t, 1, 1 },
					.action = i % actions };
	}
	d = diagram_build_clauses(&a, c, nclauses, NULL);
	assert_non_null(d);
	s = diagram_stats(d);
	/* a cut where a prefix begins, one where it ends, and the family */
	assert_int_equal(s.cuts, 2 * MANY - 1 + 1);
	assert_int_equal(s.nodes, 2);
	assert_int_equal(s.leaves, actions + 1);
	assert_prefixes(d, actions);
	arena_free(&a);
	free(c);
}

/* As one set, as a map of 16 verdicts, and as 100,000 rules. */
static void hundred_thousand(void **state)
{
	(void)state;
	many_prefixes(1, 1);
	many_prefixes(16, 16);
	many_prefixes(MANY, 16);
}

/* A large set met by rules of another field: it is there once, or twice. */
static void large_set_in_rules(void **state)
{
	enum { RULES = 40 };
	struct clause c[RULES + 1] = { 0 };
	struct diagram_stats s;
	const struct iset *set;
	struct arena a;

	(void)state;
	arena_init(&a, NULL);
	set = prefixes(&a, 0, 1);
	for (uint32_t i = 0; i < RULES; i++) {
		struct term *t = address_term(&a, set);

		t->set[FIELD_LPORT] = iset_range(&a, 10 * i, 10 * i + 5);
		c[i] = (struct clause){ .terms = { t, 1, 1 }, .action = i };
	}
	c[RULES] = (struct clause){ .terms = { address_term(&a, NULL), 1, 1 },
				    .action = RULES };
	s = diagram_stats(diagram_build_clauses(&a, c, RULES + 1, NULL));
	assert_true(s.cuts < 2 * MANY + 4 * RULES);
	arena_free(&a);
}

/* ---------------------------------------------------------- corners */

static dref root_of(struct arena *a, const struct clause *c, size_t n)
{
	struct diagram *d = diagram_build_clauses(a, c, n, NULL);

	world_assert_form(d);
	assert_int_equal(diagram_stats(d).nodes, d->nnodes);
	return d->root;
}

static bool never(void *ctx, dref leaf, const u128 v[FIELD_COUNT])
{
	(void)ctx, (void)leaf, (void)v;
	fail_msg("a leaf of no packet");
	return true;
}

static void corners(void **state)
{
	struct term every = { { NULL } }, none = every, top = every;
	struct clause c[3] = { { .terms = { &every, 1, 1 }, .action = 7 } };
	u128 v[FIELD_COUNT] = { 0 };
	struct diagram *d;
	struct arena a;

	(void)state;
	arena_init(&a, NULL);
	assert_int_equal(root_of(&a, NULL, 0), DREF_NONE);
	assert_int_equal(root_of(&a, c, 1), DREF_LEAF | 7);
	none.set[FIELD_RPORT] = iset_build(&a, NULL, 0);
	c[1] = c[0];
	c[0] = (struct clause){ .terms = { &none, 1, 1 }, .action = 1 };
	assert_int_equal(root_of(&a, c, 2), DREF_LEAF | 7);
	assert_int_equal(root_of(&a, c, 1), DREF_NONE);
	d = diagram_build_clauses(&a, c, 2, NULL);
	assert_true(diagram_restrict(d, &none, never, NULL));
	top.set[FIELD_FAMILY] = iset_range(&a, 1, 1);
	top.set[FIELD_LADDR6] = iset_range(&a, ~(u128)0, ~(u128)0);
	top.set[FIELD_LPORT] = iset_range(&a, 65535, 65535);
	c[0].terms.v = &top;
	d = diagram_build_clauses(&a, c, 2, NULL);
	world_assert_form(d);
	assert_int_equal(diagram_stats(d).cuts, 3);
	v[FIELD_FAMILY] = 1;
	v[FIELD_LADDR6] = ~(u128)0;
	v[FIELD_LPORT] = 65535;
	assert_int_equal(diagram_walk(d, v), DREF_LEAF | 1);
	v[FIELD_LPORT]--;
	assert_int_equal(diagram_walk(d, v), DREF_LEAF | 7);
	arena_free(&a);
}

/* Every even port: 65,535 cuts; then rules that cancel to nothing. */
static void all_ports(void **state)
{
	struct interval v[32768];
	struct term even = { { NULL } }, every = even;
	struct clause c[2] = { { .terms = { &even, 1, 1 }, .action = 1 },
			       { .terms = { &every, 1, 1 }, .action = 2 } };
	struct diagram_options o = { .max_cuts = 65535 };
	struct diagram *d;
	struct arena a;

	(void)state;
	arena_init(&a, NULL);
	for (uint32_t i = 0; i < 32768; i++)
		v[i].low = v[i].high = 2 * i;
	even.set[FIELD_LPORT] = iset_build(&a, v, 32768);
	d = diagram_build_clauses(&a, c, 2, &o);
	assert_int_equal(d->nnodes, 1);
	assert_int_equal(d->nodes[0].ncuts, 65535);
	o.max_cuts--;
	assert_null(diagram_build_clauses(&a, c, 2, &o));
	c[1].action = 1;
	assert_int_equal(root_of(&a, c, 2), DREF_LEAF | 1);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stats),
		cmocka_unit_test(order_found),
		cmocka_unit_test(order_matters),
		cmocka_unit_test(hundred_thousand),
		cmocka_unit_test(large_set_in_rules),
		cmocka_unit_test(corners),
		cmocka_unit_test(all_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
