/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fixture_world - random clauses that tell few packets apart
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture_world.h"

const uint8_t world_dims[NDIMS][2] = {
	{ FIELD_LADDR4, FIELD_LADDR6 }, { FIELD_RADDR4, FIELD_RADDR6 },
	{ FIELD_LPORT, FIELD_LPORT }, { FIELD_RPORT, FIELD_RPORT },
	{ FIELD_IFNAME, FIELD_IFNAME }, { FIELD_IFINDEX, FIELD_IFINDEX },
};

static uint64_t seed = 1;

uint32_t world_rnd(uint32_t n)
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
	unsigned int n = cells(field), mask = 1 + world_rnd((1u << n) - 1);
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

struct term world_term(struct world *w, unsigned int spare)
{
	unsigned int family = world_rnd(2);
	struct term t = { { NULL } };

	if (!world_rnd(3))
		t.set[FIELD_PROTOCOL] = random_set(&w->arena, FIELD_PROTOCOL);
	if (!world_rnd(3))
		t.set[FIELD_FAMILY] = iset_range(&w->arena, family, family);
	for (int i = 0; i < DIMS; i++) {
		unsigned int field = world_dims[w->used[i]][family];

		if (world_rnd(4) < spare)
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
	struct clause c = { .action = world_rnd(ACTIONS) };

	c.terms.n = c.terms.cap = world_rnd(8) ? 1 + world_rnd(3) : 0;
	c.terms.v = arena_array(&w->arena, c.terms.n, sizeof(*c.terms.v));
	for (size_t i = 0; i < c.terms.n; i++)
		c.terms.v[i] = world_term(w, 2);
	return c;
}

struct world *world_new(size_t n)
{
	struct world *w = calloc(1, sizeof(*w));

	arena_init(&w->arena, NULL);
	do {
		for (int i = 0; i < DIMS; i++)
			w->used[i] = world_rnd(NDIMS);
	} while (w->used[0] >= w->used[1] || w->used[1] >= w->used[2]);
	for (w->n = 0; w->n < n; w->n++)
		w->clauses[w->n] = random_clause(w);
	return w;
}

void world_free(struct world *w)
{
	arena_free(&w->arena);
	free(w);
}

/* ------------------------------------------------- the dumb reference */

bool world_in_term(const struct term *t, const u128 v[FIELD_COUNT])
{
	for (int f = 0; f < FIELD_COUNT; f++)
		if (t->set[f] && !iset_contains(t->set[f], v[f]))
			return false;
	return true;
}

dref world_scan(const struct clause *c, size_t n, const u128 v[FIELD_COUNT])
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < c[i].terms.n; k++)
			if (world_in_term(&c[i].terms.v[k], v))
				return DREF_LEAF | c[i].action;
	return DREF_NONE;
}

/* Packet number I of all kinds of packets of W; false behind the last. */
bool world_packet(const struct world *w, unsigned int i,
		   u128 v[FIELD_COUNT])
{
	memset(v, 0, FIELD_COUNT * sizeof(*v));
	v[FIELD_FAMILY] = i & 1;
	v[FIELD_PROTOCOL] = i >> 1 & 1;
	i >>= 2;
	for (int k = 0; k < DIMS; k++, i /= CELLS) {
		unsigned int f = world_dims[w->used[k]][(size_t)v[FIELD_FAMILY]];

		v[f] = cell(f, i % CELLS);
	}
	return !i;
}

/* ------------------------------------------------------------- form */

const uint8_t world_plain_order[FIELD_COUNT] = {
	FIELD_FAMILY, FIELD_PROTOCOL, FIELD_LADDR4, FIELD_LADDR6, FIELD_LPORT,
	FIELD_RADDR4, FIELD_RADDR6, FIELD_RPORT, FIELD_IFNAME, FIELD_IFINDEX,
};

/* FAMILY first, the others anyhow. */
void world_random_order(uint8_t order[FIELD_COUNT])
{
	memcpy(order, world_plain_order, FIELD_COUNT);
	for (uint32_t i = FIELD_COUNT - 1; i > 1; i--) {
		uint32_t k = 1 + world_rnd(i);
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

void world_assert_form(const struct diagram *d)
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

bool world_same_below(const struct diagram *x, dref r,
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
		    !world_same_below(x, n->children[i], y, m->children[i]))
			return false;
	return true;
}
