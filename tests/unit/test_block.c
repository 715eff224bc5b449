/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_block - blocks of 32 bits against the nodes they are made from
 *
 * Random diagrams, of all fields, with cuts where words begin and end; packets
 * at every cut and beside it. Whatever leaf the diagram has for a packet, the
 * blocks must have it, word by word. Their form is checked too: children
 * first, every block once, no two neighbours equal, and the lowest rule.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../compiler/block.h"
#include "../../grammar/arena.h"

enum { LEAVES = 6, NODES_MAX = 12, CUTS_MAX = 9, ROUNDS = 1500, PACKETS = 60 };

static const uint32_t rules[LEAVES] = { 4, 1, 7, 1, 0, 9 };

static uint64_t seed = 1;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

/* ---------------------------------------------------- random diagrams */

/* Words of a value: few, so that cuts share them, and at their ends. */
static uint32_t random_word(void)
{
	static const uint32_t words[] = { 0, 0, 1, 2, 0x20010db8, 0x7fffffff,
					  0x80000000, UINT32_MAX - 1,
					  UINT32_MAX, UINT32_MAX };

	return words[rnd(sizeof(words) / sizeof(*words))];
}

static u128 random_value(unsigned int field)
{
	u128 v = 0;

	for (int i = 0; i < 4; i++)
		v = v << 32 | random_word();
	return field_highest(field) == ~(u128)0 ? v :
		v % (field_highest(field) + 1);
}

static int by_value(const void *x, const void *y)
{
	const u128 *a = x, *b = y;

	return *a < *b ? -1 : *a > *b;
}

/* Up to N cuts of FIELD, rising, none 0. */
static uint32_t random_cuts(unsigned int field, u128 *cuts, uint32_t n)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++)
		cuts[i] = random_value(field);
	qsort(cuts, n, sizeof(*cuts), by_value);
	for (uint32_t i = 0; i < n; i++)
		if (cuts[i] && (!kept || cuts[i] != cuts[kept - 1]))
			cuts[kept++] = cuts[i];
	return kept;
}

static dref random_child(const struct diagram *d)
{
	return d->nnodes && rnd(2) ? rnd((uint32_t)d->nnodes) :
		DREF_LEAF | rnd(LEAVES);
}

static void add_node(struct arena *a, struct diagram *d)
{
	struct dnode *n = &d->nodes[d->nnodes];
	u128 *cuts = arena_array(a, CUTS_MAX, sizeof(*cuts));
	dref *children = arena_array(a, CUTS_MAX + 1, sizeof(*children));

	n->field = (uint8_t)rnd(FIELD_COUNT);
	n->ncuts = random_cuts(n->field, cuts, 1 + rnd(CUTS_MAX));
	if (!n->ncuts)
		return;
	children[0] = random_child(d);
	for (uint32_t i = 1; i <= n->ncuts; i++)
		do
			children[i] = random_child(d);
		while (children[i] == children[i - 1]);
	n->cuts = cuts;
	n->children = children;
	d->nnodes++;
}

static void random_diagram(struct arena *a, struct diagram *d)
{
	uint32_t n = 1 + rnd(NODES_MAX);

	*d = (struct diagram) { .arena = a };
	d->nodes = arena_array(a, NODES_MAX, sizeof(*d->nodes));
	while (d->nnodes < n)
		add_node(a, d);
	d->root = (dref)d->nnodes - 1;
}

/* ----------------------------------------------------------- the walk */

static uint32_t leaf_of(const struct blocks *b, const u128 v[FIELD_COUNT])
{
	bref r = b->root;

	while (!bref_is_leaf(r)) {
		const struct block *k = &b->v[r];
		const struct word_info *w = &word_info[k->word];
		uint32_t value = (uint32_t)(v[w->field] >> w->shift), i = 0;

		while (i < k->ncuts && k->cuts[i] <= value)
			i++;
		r = k->children[i];
	}
	return bref_leaf(r);
}

/* A value of FIELD at one of the cuts, or right before or behind it. */
static u128 aimed(const struct diagram *d, unsigned int field)
{
	for (int tries = 0; tries < 8; tries++) {
		const struct dnode *n = &d->nodes[rnd((uint32_t)d->nnodes)];
		u128 v;

		if (n->field != field)
			continue;
		v = n->cuts[rnd(n->ncuts)] + rnd(3) - 1;
		if (v <= field_highest(field))
			return v;
	}
	return random_value(field);
}

static void check_packets(const struct diagram *d, const struct blocks *b)
{
	u128 v[FIELD_COUNT];

	for (int i = 0; i < PACKETS; i++) {
		for (unsigned int f = 0; f < FIELD_COUNT; f++)
			v[f] = aimed(d, f);
		assert_int_equal(leaf_of(b, v),
				 dref_action(diagram_walk(d, v)));
	}
}

/* ----------------------------------------------------------- the form */

static uint32_t rule_of(const struct blocks *b, bref r)
{
	return bref_is_leaf(r) ? rules[bref_leaf(r)] : b->v[r].rule;
}

static void check_block(const struct blocks *b, uint32_t n)
{
	const struct block *k = &b->v[n];
	uint32_t rule = rule_of(b, k->children[0]);

	assert_in_range(k->ncuts, 1, UINT32_MAX);
	for (uint32_t i = 0; i <= k->ncuts; i++) {
		bref r = k->children[i];

		assert_true(bref_is_leaf(r) || r < n);
		if (rule_of(b, r) < rule)
			rule = rule_of(b, r);
		if (!i)
			continue;
		assert_int_not_equal(r, k->children[i - 1]);
		assert_true(k->cuts[i - 1] > (i > 1 ? k->cuts[i - 2] : 0));
	}
	assert_int_equal(k->rule, rule);
}

static bool same(const struct block *x, const struct block *y)
{
	return x->word == y->word && x->ncuts == y->ncuts &&
	       !memcmp(x->cuts, y->cuts, x->ncuts * sizeof(*x->cuts)) &&
	       !memcmp(x->children, y->children,
		       (x->ncuts + 1) * sizeof(*x->children));
}

static void check_form(const struct blocks *b)
{
	for (uint32_t i = 0; i < b->n; i++) {
		check_block(b, i);
		for (uint32_t k = 0; k < i; k++)
			assert_false(same(&b->v[i], &b->v[k]));
	}
}

static void test_random(void **state)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct diagram d;
		struct blocks b;
		struct arena a;

		arena_init(&a, NULL);
		random_diagram(&a, &d);
		blocks_build(&a, &d, rules, &b);
		check_form(&b);
		check_packets(&d, &b);
		arena_free(&a);
	}
	(void)state;
}

/* ------------------------------------------------------ known diagrams */

/* One node of FIELD, leaves 0, 1, 0, 1, ... between CUTS. */
static void one_node(struct arena *a, unsigned int field, const u128 *cuts,
		     uint32_t n, struct blocks *out)
{
	dref *children = arena_array(a, n + 1, sizeof(*children));
	struct dnode node = { .field = (uint8_t)field, .ncuts = n,
			      .cuts = cuts, .children = children };
	struct diagram d = { .nodes = &node, .nnodes = 1, .root = 0 };

	for (uint32_t i = 0; i <= n; i++)
		children[i] = DREF_LEAF | i % 2;
	blocks_build(a, &d, rules, out);
}

static void test_one_leaf(void **state)
{
	struct diagram d = { .root = DREF_LEAF | 3 };
	struct blocks b;
	struct arena a;

	arena_init(&a, NULL);
	blocks_build(&a, &d, rules, &b);
	assert_int_equal(b.n, 0);
	assert_int_equal(b.root, BREF_LEAF | 3);
	arena_free(&a);
	(void)state;
}

/* A /48: the first word, then the second; the end of the prefix is a cut. */
static void test_prefix(void **state)
{
	static const u128 cuts[] = {
		(u128)0x20010db800a00000 << 64, (u128)0x20010db800a10000 << 64,
	};
	struct blocks b;
	struct arena a;

	arena_init(&a, NULL);
	one_node(&a, FIELD_LADDR6, cuts, 2, &b);
	assert_int_equal(b.n, 2);
	assert_int_equal(b.v[0].word, WORD_LADDR6_1);
	assert_int_equal(b.v[0].ncuts, 2);
	assert_int_equal(b.v[0].cuts[0], 0x00a00000);
	assert_int_equal(b.v[0].cuts[1], 0x00a10000);
	assert_int_equal(b.v[1].word, WORD_LADDR6_0);
	assert_int_equal(b.v[1].ncuts, 2);
	assert_int_equal(b.v[1].cuts[0], 0x20010db8);
	assert_int_equal(b.v[1].cuts[1], 0x20010db9);
	arena_free(&a);
	(void)state;
}

/* Up to the last address there is: nothing behind it to go back to. */
static void test_last_address(void **state)
{
	static const u128 all_but_one[] = { ~(u128)0 };
	struct blocks b;
	struct arena a;

	arena_init(&a, NULL);
	one_node(&a, FIELD_RADDR6, all_but_one, 1, &b);
	assert_int_equal(b.n, 4);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(b.v[i].word, WORD_RADDR6_3 - i);
		assert_int_equal(b.v[i].ncuts, 1);
		assert_int_equal(b.v[i].cuts[0], UINT32_MAX);
	}
	arena_free(&a);
	(void)state;
}

static void test_whole_words(void **state)
{
	static const u128 cuts[] = { (u128)7 << 96, (u128)9 << 96 };
	struct blocks b;
	struct arena a;

	arena_init(&a, NULL);
	one_node(&a, FIELD_LADDR6, cuts, 2, &b);
	assert_int_equal(b.n, 1);
	assert_int_equal(b.v[0].cuts[0], 7);
	assert_int_equal(b.v[0].cuts[1], 9);
	arena_free(&a);
	(void)state;
}

/* Blocks as many as there are prefixes, not squared. */
static void test_many_prefixes(void **state)
{
	enum { PREFIXES = 100000 };
	struct blocks b;
	struct arena a;
	u128 *cuts;

	arena_init(&a, NULL);
	cuts = arena_array(&a, 2 * PREFIXES, sizeof(*cuts));
	for (uint32_t i = 0; i < PREFIXES; i++) {
		cuts[2 * i] = ((u128)0x20010000 + i) << 96 | (u128)i << 64;
		cuts[2 * i + 1] = cuts[2 * i] + ((u128)1 << 64);
	}
	one_node(&a, FIELD_LADDR6, cuts, 2 * PREFIXES, &b);
	assert_in_range(b.n, PREFIXES, PREFIXES + 2);
	arena_free(&a);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_one_leaf),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_last_address),
		cmocka_unit_test(test_whole_words),
		cmocka_unit_test(test_many_prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
