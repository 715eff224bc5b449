/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_diagram - diagrams against clauses that are gone through one by one
 *
 * Every field is cut into a few cells, and random policies are unions of
 * cells: so all kinds of packets there are can be gone through, one of each.
 * On them the diagram must say what the clauses say, and so must what it
 * reaches from a term, and what is left of it when leaves are mapped. Its
 * form is checked too: ordered, reduced, every node once, and the same
 * diagram for the same meaning. Then sizes, counted, never timed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../compiler/diagram.h"
#include "../../grammar/arena.h"
#include "fixture_policy.h"

enum { CELLS = 5, DIMS = 3, CLAUSES_MAX = 14, ACTIONS = 6 };

/* What packets differ in besides family and protocol: IPv4's field, IPv6's. */
static const uint8_t dims[][2] = {
	{ FIELD_LADDR4, FIELD_LADDR6 }, { FIELD_RADDR4, FIELD_RADDR6 },
	{ FIELD_LPORT, FIELD_LPORT }, { FIELD_RPORT, FIELD_RPORT },
	{ FIELD_IFNAME, FIELD_IFNAME }, { FIELD_IFINDEX, FIELD_IFINDEX },
};
enum { NDIMS = sizeof(dims) / sizeof(*dims), ADDRESS_DIMS = 2 };

struct world {			/* a random policy and where it lives */
	struct arena arena;
	uint8_t used[DIMS];	/* indices into dims, rising */
	struct clause clauses[CLAUSES_MAX];
	size_t n;
};

static uint64_t seed = 1;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 6364136223846793005 + 1442695040888963407;
	return (seed >> 33) % n;
}

/* Where cell I of FIELD begins: the first at 0, the last is one value. */
static u128 cell(unsigned int field, unsigned int i)
{
	u128 top = field_highest(field);

	if (top == 1)
		return i;
	if (i == CELLS - 1)
		return top;
	return i < 2 ? i : top / 7 * i;
}

static unsigned int cells(unsigned int field)
{
	return field_highest(field) == 1 ? 2 : CELLS;
}

/* ------------------------------------------------- random policies */

static const struct iset *random_set(struct arena *a, unsigned int field)
{
	unsigned int n = cells(field), mask = 1 + rnd((1u << n) - 1);
	struct interval *v = arena_array(a, n, sizeof(*v));
	size_t k = 0;

	for (unsigned int i = 0; i < n; i++) {
		if (!(mask >> i & 1))
			continue;
		v[k].low = cell(field, i);
		v[k++].high = i + 1 < n ? cell(field, i + 1) - 1 :
			field_highest(field);
	}
	return iset_build(a, v, k);
}

static struct term random_term(struct world *w, unsigned int spare)
{
	unsigned int family = rnd(2);
	struct term t = { { NULL } };

	if (!rnd(3))
		t.set[FIELD_PROTOCOL] = random_set(&w->arena, FIELD_PROTOCOL);
	if (!rnd(3))
		t.set[FIELD_FAMILY] = iset_range(&w->arena, family, family);
	for (int i = 0; i < DIMS; i++) {
		unsigned int field = dims[w->used[i]][family];

		if (rnd(4) < spare)
			continue;
		t.set[field] = random_set(&w->arena, field);
		if (w->used[i] < ADDRESS_DIMS)
			t.set[FIELD_FAMILY] = iset_range(&w->arena, family,
							 family);
	}
	return t;
}

static struct clause random_clause(struct world *w)
{
	struct clause c = { .action = rnd(ACTIONS) };

	c.terms.n = c.terms.cap = rnd(8) ? 1 + rnd(3) : 0;
	c.terms.v = arena_array(&w->arena, c.terms.n, sizeof(*c.terms.v));
	for (size_t i = 0; i < c.terms.n; i++)
		c.terms.v[i] = random_term(w, 2);
	return c;
}

static struct world *world_new(size_t n)
{
	struct world *w = calloc(1, sizeof(*w));

	arena_init(&w->arena, NULL);
	do {
		for (int i = 0; i < DIMS; i++)
			w->used[i] = rnd(NDIMS);
	} while (w->used[0] >= w->used[1] || w->used[1] >= w->used[2]);
	for (w->n = 0; w->n < n; w->n++)
		w->clauses[w->n] = random_clause(w);
	return w;
}

static void world_free(struct world *w)
{
	arena_free(&w->arena);
	free(w);
}

/* ------------------------------------------------- the dumb reference */

static bool in_term(const struct term *t, const u128 v[FIELD_COUNT])
{
	for (int f = 0; f < FIELD_COUNT; f++)
		if (t->set[f] && !iset_contains(t->set[f], v[f]))
			return false;
	return true;
}

static dref scan(const struct clause *c, size_t n, const u128 v[FIELD_COUNT])
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < c[i].terms.n; k++)
			if (in_term(&c[i].terms.v[k], v))
				return DREF_LEAF | c[i].action;
	return DREF_NONE;
}

/* Packet number I of all kinds of packets of W; false behind the last. */
static bool packet(const struct world *w, unsigned int i,
		   u128 v[FIELD_COUNT])
{
	memset(v, 0, FIELD_COUNT * sizeof(*v));
	v[FIELD_FAMILY] = i & 1;
	v[FIELD_PROTOCOL] = i >> 1 & 1;
	i >>= 2;
	for (int k = 0; k < DIMS; k++, i /= CELLS) {
		unsigned int f = dims[w->used[k]][(size_t)v[FIELD_FAMILY]];

		v[f] = cell(f, i % CELLS);
	}
	return !i;
}

/* ------------------------------------------------------------- form */

static const uint8_t plain[FIELD_COUNT] = {
	FIELD_FAMILY, FIELD_PROTOCOL, FIELD_LADDR4, FIELD_LADDR6, FIELD_LPORT,
	FIELD_RADDR4, FIELD_RADDR6, FIELD_RPORT, FIELD_IFNAME, FIELD_IFINDEX,
};

/* FAMILY first, the others anyhow. */
static void random_order(uint8_t order[FIELD_COUNT])
{
	memcpy(order, plain, FIELD_COUNT);
	for (uint32_t i = FIELD_COUNT - 1; i > 1; i--) {
		uint32_t k = 1 + rnd(i);
		uint8_t swap = order[i];

		order[i] = order[k];
		order[k] = swap;
	}
}

static unsigned int rank(const struct diagram *d, dref r)
{
	unsigned int i = 0;

	if (dref_is_leaf(r))
		return FIELD_COUNT;
	while (d->order[i] != d->nodes[r].field)
		i++;
	return i;
}

static void assert_node(const struct diagram *d, dref r, bool *reached)
{
	const struct dnode *n = &d->nodes[r];

	assert_true(n->ncuts >= 1);
	for (uint32_t i = 0; i < n->ncuts; i++) {
		assert_true(n->cuts[i] > (i ? n->cuts[i - 1] : 0));
		assert_int_not_equal(n->children[i], n->children[i + 1]);
	}
	assert_true(n->cuts[n->ncuts - 1] <= field_highest(n->field));
	for (uint32_t i = 0; i <= n->ncuts; i++) {
		dref c = n->children[i];

		assert_true(rank(d, c) > rank(d, r));
		if (dref_is_leaf(c))
			continue;
		assert_true(c < r);	/* from the leaves up */
		reached[c] = true;
	}
}

static bool equal_nodes(const struct dnode *x, const struct dnode *y)
{
	return x->field == y->field && x->ncuts == y->ncuts &&
	       !memcmp(x->cuts, y->cuts, x->ncuts * sizeof(*x->cuts)) &&
	       !memcmp(x->children, y->children,
		       (x->ncuts + 1) * sizeof(*x->children));
}

static void assert_form(const struct diagram *d)
{
	bool *reached = calloc(d->nnodes + 1, sizeof(*reached));

	assert_int_equal(d->order[0], FIELD_FAMILY);
	if (dref_is_leaf(d->root))
		assert_int_equal(d->nnodes, 0);
	else
		reached[d->root] = true;
	for (size_t i = d->nnodes; i-- > 0;) {
		assert_true(reached[i]);
		assert_node(d, (dref)i, reached);
		for (size_t k = 0; k < i; k++)
			assert_false(equal_nodes(&d->nodes[i], &d->nodes[k]));
	}
	free(reached);
}

static bool same_below(const struct diagram *x, dref r,
		       const struct diagram *y, dref s)
{
	const struct dnode *n, *m;

	if (dref_is_leaf(r) || dref_is_leaf(s))
		return r == s;
	n = &x->nodes[r];
	m = &y->nodes[s];
	if (n->field != m->field || n->ncuts != m->ncuts)
		return false;
	for (uint32_t i = 0; i <= n->ncuts; i++)
		if ((i && n->cuts[i - 1] != m->cuts[i - 1]) ||
		    !same_below(x, n->children[i], y, m->children[i]))
			return false;
	return true;
}

/* ---------------------------------------------------------- meaning */

static void assert_walks(const struct world *w, const struct diagram *d)
{
	u128 v[FIELD_COUNT];

	for (unsigned int i = 0; packet(w, i, v); i++)
		assert_int_equal(diagram_walk(d, v),
				 scan(w->clauses, w->n, v));
}

static void random_policies(void **state)
{
	(void)state;
	for (int i = 0; i < 600; i++) {
		struct world *w = world_new(1 + rnd(CLAUSES_MAX));
		struct diagram_options o = { 0 };
		uint8_t order[FIELD_COUNT];
		struct diagram *d;

		random_order(order);
		if (i % 3)
			o.order = order;
		d = diagram_build_clauses(&w->arena, w->clauses, w->n, &o);
		assert_non_null(d);
		if (o.order)
			assert_memory_equal(d->order, order, sizeof(order));
		assert_form(d);
		assert_walks(w, d);
		world_free(w);
	}
}

/* The same packets as C in other words: many terms, repeated, shuffled. */
static struct clause reworded(struct world *w, const struct clause *c)
{
	struct clause out = { .action = c->action };

	for (size_t i = 0; i < c->terms.n; i++) {
		struct term t = c->terms.v[i];
		unsigned int f = dims[w->used[rnd(DIMS)]][rnd(2)];
		const struct iset *s = t.set[f];

		for (size_t k = 0; s && k < s->n; k++) {
			t.set[f] = iset_range(&w->arena, s->v[k].low,
					      s->v[k].high);
			*arena_push(&w->arena, out.terms.v, out.terms.n,
				    out.terms.cap) = t;
		}
		if (!s || !rnd(3))
			*arena_push(&w->arena, out.terms.v, out.terms.n,
				    out.terms.cap) = c->terms.v[i];
	}
	for (size_t i = out.terms.n; i > 1; i--) {
		size_t k = rnd((uint32_t)i);
		struct term swap = out.terms.v[i - 1];

		out.terms.v[i - 1] = out.terms.v[k];
		out.terms.v[k] = swap;
	}
	return out;
}

/* One meaning, one diagram: repeats of rules and other words add nothing. */
static void canonical(void **state)
{
	(void)state;
	for (int i = 0; i < 400; i++) {
		struct world *w = world_new(1 + rnd(CLAUSES_MAX));
		struct clause c[2 * CLAUSES_MAX];
		uint8_t order[FIELD_COUNT];
		struct diagram_options o = { .order = order };
		struct diagram *x, *y;
		size_t n = 0;

		random_order(order);
		for (size_t k = 0; k < w->n; k++) {
			c[n++] = reworded(w, &w->clauses[k]);
			if (!rnd(3)) {
				c[n] = w->clauses[rnd((uint32_t)k + 1)];
				n++;
			}
		}
		x = diagram_build_clauses(&w->arena, w->clauses, w->n, &o);
		y = diagram_build_clauses(&w->arena, c, n, &o);
		assert_int_equal(x->nnodes, y->nnodes);
		assert_true(same_below(x, x->root, y, y->root));
		world_free(w);
	}
}

/* --------------------------------------------------------- restrict */

struct visits {
	const struct world *w;
	const struct diagram *d;
	const struct term *term;
	uint32_t seen;			/* by action; bit ACTIONS: none */
	size_t n, stop_after;
	bool inner;
};

static uint32_t leaf_bit(dref r)
{
	return 1u << (r == DREF_NONE ? ACTIONS : dref_action(r));
}

static bool visit(void *ctx, dref leaf, const u128 v[FIELD_COUNT])
{
	struct visits *s = ctx, again = *s;
	unsigned int other = v[FIELD_FAMILY] ? 4 : 6;

	assert_true(dref_is_leaf(leaf));
	assert_false(s->seen & leaf_bit(leaf));
	assert_true(in_term(s->term, v));
	assert_int_equal(scan(s->w->clauses, s->w->n, v), leaf);
	assert_true(!v[other == 4 ? FIELD_LADDR4 : FIELD_LADDR6] &&
		    !v[other == 4 ? FIELD_RADDR4 : FIELD_RADDR6]);
	s->seen |= leaf_bit(leaf);
	if (!s->inner && !s->stop_after) {	/* a visitor may ask, too */
		again.inner = true;
		again.seen = 0;
		assert_true(diagram_restrict(s->d, s->term, visit, &again));
	}
	return ++s->n != s->stop_after;
}

static uint32_t reachable(const struct world *w, const struct term *t)
{
	u128 v[FIELD_COUNT];
	uint32_t seen = 0;

	for (unsigned int i = 0; packet(w, i, v); i++)
		if (in_term(t, v))
			seen |= leaf_bit(scan(w->clauses, w->n, v));
	return seen;
}

static void assert_restrict(const struct world *w, const struct diagram *d,
			    const struct term *t)
{
	struct visits s = { .w = w, .d = d, .term = t };
	size_t all;

	assert_true(diagram_restrict(d, t, visit, &s));
	assert_int_equal(s.seen, reachable(w, t));
	all = s.n;
	for (size_t i = 1; i <= all; i++) {
		s.seen = 0;
		s.n = 0;
		s.stop_after = i;
		assert_false(diagram_restrict(d, t, visit, &s));
		assert_int_equal(s.n, i);
	}
}

static void restricted(void **state)
{
	const struct term any = { { NULL } };

	(void)state;
	for (int i = 0; i < 300; i++) {
		struct world *w = world_new(1 + rnd(CLAUSES_MAX));
		struct diagram *d = diagram_build_clauses(&w->arena,
			w->clauses, w->n, NULL);
		struct term nothing = any;

		assert_restrict(w, d, &any);
		for (int k = 0; k < 6; k++) {
			struct term t = random_term(w, (uint32_t)k % 3);

			assert_restrict(w, d, &t);
		}
		nothing.set[FIELD_LPORT] = iset_build(&w->arena, NULL, 0);
		assert_restrict(w, d, &nothing);
		world_free(w);
	}
}

/* ------------------------------------------------------- map leaves */

static void mapped(void **state)
{
	(void)state;
	for (int i = 0; i < 200; i++) {
		struct world *w = world_new(1 + rnd(CLAUSES_MAX));
		struct diagram *d = diagram_build_clauses(&w->arena,
			w->clauses, w->n, NULL), *m, *fresh;
		uint32_t to[ACTIONS], kinds = 1 + rnd(ACTIONS);
		struct diagram_options o = { .order = d->order };

		for (int k = 0; k < ACTIONS; k++)
			to[k] = rnd(kinds);
		m = diagram_map_leaves(&w->arena, d, to);
		for (size_t k = 0; k < w->n; k++)
			w->clauses[k].action = to[w->clauses[k].action];
		assert_form(m);
		assert_walks(w, m);
		fresh = diagram_build_clauses(&w->arena, w->clauses, w->n,
					      &o);
		assert_true(same_below(m, m->root, fresh, fresh->root));
		world_free(w);
	}
}

/* ----------------------------------------------------------- second */

enum { VERDICTS = 3 };

/* Clauses as actions of their own, some neighbours of one rule. */
static void make_rules(struct world *w, uint32_t *rule, uint32_t *verdict)
{
	for (uint32_t i = 0; i < w->n; i++) {
		w->clauses[i].action = i;
		rule[i] = i ? rule[i - 1] + !!rnd(3) : 0;
		verdict[i] = rnd(VERDICTS);
	}
}

static dref scan_second(const struct world *w,
			const struct diagram_second *s,
			const u128 v[FIELD_COUNT])
{
	dref first = scan(w->clauses, w->n, v), next;
	uint32_t leaf, i;

	if (first == DREF_NONE)
		return first;
	leaf = dref_action(first) * (VERDICTS + 1);
	for (i = dref_action(first); i < w->n; i++)
		if (s->rule[i] != s->rule[dref_action(first)])
			break;
	next = scan(w->clauses + i, w->n - i, v);
	if (next != DREF_NONE)
		leaf += 1 + s->verdict[dref_action(next)];
	return DREF_LEAF | leaf;
}

static void second(void **state)
{
	(void)state;
	for (int i = 0; i < 300; i++) {
		struct world *w = world_new(1 + rnd(CLAUSES_MAX));
		uint32_t rule[CLAUSES_MAX], verdict[CLAUSES_MAX];
		struct diagram_second s = { rule, verdict, VERDICTS };
		uint8_t order[FIELD_COUNT];
		struct diagram_options o = { .order = order, .second = &s };
		u128 v[FIELD_COUNT];
		struct diagram *d;

		random_order(order);
		make_rules(w, rule, verdict);
		d = diagram_build_clauses(&w->arena, w->clauses, w->n, &o);
		assert_form(d);
		for (unsigned int k = 0; packet(w, k, v); k++)
			assert_int_equal(diagram_walk(d, v),
					 scan_second(w, &s, v));
		o.max_steps = 1;
		if (d->nnodes > 3)
			assert_null(diagram_build_clauses(&w->arena,
				w->clauses, w->n, &o));
		world_free(w);
	}
}

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
		struct world *w = world_new(1 + rnd(CLAUSES_MAX));
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

static size_t cuts_in_order(struct world *w, const uint8_t *order)
{
	struct diagram_options o = { .order = order };

	return diagram_stats(diagram_build_clauses(&w->arena, w->clauses,
						   w->n, &o)).cuts;
}

static void put(uint8_t **at, unsigned int dim)
{
	*(*at)++ = dims[dim][0];
	if (dims[dim][0] != dims[dim][1])
		*(*at)++ = dims[dim][1];
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
 * The least cuts over all orders of the protocol and W's three fields, those
 * W does not use behind them.
 */
static size_t least_cuts(struct world *w)
{
	unsigned int digits[4];
	size_t least = SIZE_MAX;

	for (unsigned int i = 0; i < 256; i++) {
		uint8_t order[FIELD_COUNT] = { FIELD_FAMILY }, *at = order + 1;
		size_t cuts;

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
		cuts = cuts_in_order(w, order);
		least = cuts < least ? cuts : least;
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
		size_t cuts;

		if (w->used[2] >= 4) {	/* interfaces go first or last only */
			world_free(w);
			continue;
		}
		d = diagram_build_clauses(&w->arena, w->clauses, w->n, NULL);
		again = diagram_build_clauses(&w->arena, w->clauses, w->n,
					      NULL);
		cuts = diagram_stats(d).cuts;
		assert_memory_equal(d->order, again->order, FIELD_COUNT);
		assert_true(same_below(d, d->root, again, again->root));
		assert_int_equal(cuts, least_cuts(w));
		o.max_cuts = cuts - 1;
		if (cuts > 1)
			assert_null(diagram_build_clauses(&w->arena,
				w->clauses, w->n, &o));
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
	struct diagram_options worst = { .order = plain };
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

	assert_form(d);
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
	assert_form(d);
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

static void packets(void **state)
{
	const char *names[] = { "eth0", "lo" };
	const struct policy p = { .interfaces = names, .ninterfaces = 2 };
	static const char *const texts[] = {
		"tcp 203.0.113.9:50000 -> 192.0.2.1:443",
		"udp [2001:db8::9]:1 -> [2001:db8::1]:53 on lo",
		"tcp 0.0.0.0:0 -> 255.255.255.255:65535 on eth0",
		"udp [::]:0 -> [ffff::]:65535 on 7",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		char text[PACKET_TEXT_MAX];
		u128 v[FIELD_COUNT];
		struct packet k;

		assert_true(packet_parse(texts[i], strlen(texts[i]), &k,
					 text));
		policy_packet_fields(&p, &k, v);
		diagram_packet(&p, v, &k);
		assert_string_equal(packet_print(&k, text), texts[i]);
	}
}

/* ---------------------------------------------------------- Graphviz */

static const char dot_policy[] =
	"policy p\nsocket web\nsocket canary\ndefault -> pass\n"
	"low: tcp to 10.0.0.0/8 port { 80, 90, 100, 110, 120, 130 } -> web\n"
	"s: tcp to 10.0.0.0-10.0.0.3 -> split by from { 90% web, 10% canary }\n"
	"udp on \"a\\b\" -> drop\n";

static const char dot_expected[] =
	"digraph \"p\" {\n"
	"\tnode [shape=box];\n"
	"\tn6 [label=\"family\"];\n"
	"\tn6 -> n4 [label=\"ip4\"];\n"
	"\tn6 -> n5 [label=\"ip6\"];\n"
	"\tn5 [label=\"protocol\"];\n"
	"\tn5 -> a3 [label=\"tcp\"];\n"
	"\tn5 -> n3 [label=\"udp\"];\n"
	"\tn4 [label=\"protocol\"];\n"
	"\tn4 -> n2 [label=\"tcp\"];\n"
	"\tn4 -> n3 [label=\"udp\"];\n"
	"\tn3 [label=\"interface\"];\n"
	"\tn3 -> a3 [label=\"others\"];\n"
	"\tn3 -> a2 [label=\"a\\\\b\"];\n"
	"\tn2 [label=\"local-ip4\"];\n"
	"\tn2 -> a3 [label=\"0.0.0.0-9.255.255.255\\n11.0.0.0-255.255.255.255\"];\n"
	"\tn2 -> n0 [label=\"10.0.0.0/30\"];\n"
	"\tn2 -> n1 [label=\"10.0.0.4-10.255.255.255\"];\n"
	"\tn1 [label=\"local-port\"];\n"
	"\tn1 -> a3 [label=\"0-79\\n81-89\\n91-99\\n101-109\\nand 3 more\"];\n"
	"\tn1 -> a0 [label=\"80\\n90\\n100\\n110\\nand 2 more\"];\n"
	"\tn0 [label=\"local-port\"];\n"
	"\tn0 -> a1 [label=\"0-79\\n81-89\\n91-99\\n101-109\\nand 3 more\"];\n"
	"\tn0 -> a0 [label=\"80\\n90\\n100\\n110\\nand 2 more\"];\n"
	"\ta0 [shape=ellipse, label=\"low\\nweb else drop\"];\n"
	"\ta1 [shape=ellipse, label=\"s\\nsplit by from { 90% web, 10% canary }\"];\n"
	"\ta2 [shape=ellipse, label=\"udp on \\\"a\\\\b\\\" -> drop\\ndrop\"];\n"
	"\ta3 [shape=ellipse, label=\"default\\npass\"];\n"
	"}\n";

static void graphviz(void **state)
{
	struct fixture *w = fixture_compile(dot_policy);
	const struct diagram_options o = { .order = plain };
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	assert_non_null(w->policy);
	diagram_dot(diagram_build(&w->arena, w->policy, &o), w->policy, f);
	fclose(f);
	assert_string_equal(text, dot_expected);
	free(text);
	fixture_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_policies),
		cmocka_unit_test(canonical),
		cmocka_unit_test(restricted),
		cmocka_unit_test(mapped),
		cmocka_unit_test(second),
		cmocka_unit_test(stats),
		cmocka_unit_test(order_found),
		cmocka_unit_test(order_matters),
		cmocka_unit_test(hundred_thousand),
		cmocka_unit_test(large_set_in_rules),
		cmocka_unit_test(corners),
		cmocka_unit_test(all_ports),
		cmocka_unit_test(packets),
		cmocka_unit_test(graphviz),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
