/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_table - a block of many cuts as a table in .rodata
 *
 * In: a block. Out: code that looks its word, or that and the next one, up in
 * a table, and goes where the value says. A value is the step to go on with, or
 * the verdict where there is nothing else, or the number of a way: a child that
 * is code.
 */
#include "lower_level.h"
#include "lower_table.h"

/* Fewer are compared: a packet like the one before finds its way for nothing. And in
 * a forest, where code is what there is too much of, more are. */
enum { CUTS_MIN = 12, CUTS_MIN_OF_FOREST = 24 };

static unsigned int word_width(enum word w)
{
	return w == WORD_LPORT || w == WORD_RPORT || w >= WORD_ZONE ? 16 : 32;
}

static const struct effect *leaf_effect(const struct keyed *k, bref r)
{
	const struct effect *e;

	if (!bref_is_leaf(r))
		return NULL;
	e = &k->l->in->effects->v[bref_leaf(r)];
	return e->kind == EFFECT_SPLIT ? NULL : e;
}

static bool only_verdicts(const struct keyed *k)
{
	for (uint32_t i = 0; i <= k->ncuts; i++) {
		const struct effect *e = leaf_effect(k, k->children[i]);

		if (!e || e->kind == EFFECT_STEPS)
			return false;
	}
	return true;
}

/* ---------------------------------------------------------- the values */

static uint32_t *way_number(const struct keyed *k, bref r)
{
	return bref_is_leaf(r) ? &k->l->split_way[bref_leaf(r)] :
		&k->l->block_way[r];
}

static uint32_t way_of(struct keyed *k, bref r)
{
	uint32_t *number = way_number(k, r);

	if (*number == UINT32_MAX) {
		*number = k->nways;
		k->ways[k->nways++] = r;
	}
	return k->first_way + *number;
}

/* Steps are most often the first of four: then a value is a quarter. */
static unsigned int scale_of(const struct keyed *k)
{
	for (uint32_t i = 0; i <= k->ncuts; i++) {
		const struct effect *e = leaf_effect(k, k->children[i]);

		if (e && e->first % 4)
			return 0;
	}
	return k->verdicts ? 0 : 2;
}

static unsigned int drop_of(const struct keyed *k)
{
	uint64_t all = 0;

	for (uint32_t i = 0; i < k->ncuts; i++)
		all |= k->cuts[i];
	return all ? (unsigned int)__builtin_ctzll(all) : 0;
}

/* Splits and blocks are numbered together, in order of their first use. */
static void find_values(struct keyed *k)
{
	size_t n = (size_t)k->ncuts + 1;

	k->scale = scale_of(k);
	k->drop = drop_of(k);
	k->values = arena_array(k->l->a, n, sizeof(*k->values));
	k->ways = arena_array(k->l->a, n, sizeof(*k->ways));
	k->first_way = (uint32_t)((k->l->in->effects->nsteps +
				   (1u << k->scale) - 1) >> k->scale);
	for (size_t i = 0; i < n; i++) {
		bref r = k->children[i];
		const struct effect *e = leaf_effect(k, r);

		k->leaves |= !!e;
		if (!e)
			k->values[i] = way_of(k, r);
		else
			k->values[i] = k->verdicts ? e->kind == EFFECT_PASS :
				e->first >> k->scale;
		if (k->values[i] > k->highest)
			k->highest = k->values[i];
	}
	for (uint32_t i = 0; i < k->nways; i++)
		*way_number(k, k->ways[i]) = UINT32_MAX;
}

/* ------------------------------------------------------------- the plan */

static void narrow_key(struct lower *l, const struct block *b,
		       struct keyed *k)
{
	uint64_t *cuts = arena_array(l->a, b->ncuts, sizeof(*cuts));

	for (uint32_t i = 0; i < b->ncuts; i++)
		cuts[i] = b->cuts[i];
	k->width = word_width(b->word);
	k->ncuts = b->ncuts;
	k->cuts = cuts;
	k->children = b->children;
}

/* Whether a table is worth it: not when most of its children are code. */
static bool few_ways(const struct keyed *k)
{
	return k->nways <= k->ncuts / 4 || k->l->in->options.tables.least;
}

/* From LEAST cuts on all shapes are thought of, below it only a window. */
static bool plan_key(struct table *t, uint32_t least)
{
	struct keyed *k = &t->key;
	struct window *w = &t->choice.window;
	bool small = k->ncuts < least, done;

	if (small && (k->width > 32 || k->ncuts < WINDOW_CUTS))
		return false;
	k->verdicts = only_verdicts(k);
	find_values(k);
	if (!window_find(k, w) || (!w->bits && !few_ways(k)))
		*w = (struct window){ 0 };
	small |= !few_ways(k);
	if (small && !w->cells)
		return false;
	done = shape_choose(k, small, &t->choice);
	if (t->home && !small)
		done |= shape_home(k, t->home, &t->choice);
	if (done || !small)
		report_block(k->l, k, &t->choice);
	return done;
}

static bool table_plan(struct lower *l, uint32_t number, struct table *t)
{
	const struct block *b = &l->in->blocks->v[number];
	const struct home *home = home_of(l->homes, number);
	uint32_t usual = l->in->forest ? CUTS_MIN_OF_FOREST : CUTS_MIN;
	uint32_t least = l->in->options.tables.least ?
		l->in->options.tables.least : usual;

	*t = (struct table) { .key = { .l = l, .b = b } };
	if (l->in->options.optimize < 2 || b->word == WORD_IFNAME ||
	    b->word == WORD_FAMILY || b->word == WORD_PROTOCOL)
		return false;
	if (!home && wide_key(l, b, &t->key) && plan_key(t, least))
		return true;
	*t = (struct table) { .key = { .l = l, .b = b }, .home = home };
	narrow_key(l, b, &t->key);
	return plan_key(t, least);
}

/* ------------------------------------------------------------ the code */

/* r2 is the number of a way: a tree over them. */
static void ways(struct keyed *k)
{
	uint32_t *cuts = arena_array(k->l->a, k->nways, sizeof(*cuts));
	struct block b = { .word = WORD_LADDR4, .ncuts = k->nways - 1,
			   .cuts = cuts, .children = k->ways };

	for (uint32_t i = 1; i < k->nways; i++)
		cuts[i - 1] = k->first_way + i;
	if (k->nways > 1)
		emit_alu32(k->l->c, BPF_MOV, BPF_REG_1, BPF_REG_2);
	lower_tree(k->l, &b, 0, b.ncuts);
}

static void finish(struct keyed *k)
{
	struct code *c = k->l->c;
	label is_way = code_label(c);

	if (k->verdicts) {
		emit_alu32(c, BPF_MOV, BPF_REG_0, BPF_REG_2);
		emit_alu32_imm(c, BPF_AND, BPF_REG_0, 1);
		emit_exit(c);
		return;
	}
	if (k->nways && k->leaves)
		emit_jump32_imm(c, BPF_JGE, BPF_REG_2, k->first_way, is_way);
	if (k->leaves) {
		emit_alu32(c, BPF_MOV, BPF_REG_7, BPF_REG_2);
		if (k->scale)
			emit_alu32_imm(c, BPF_LSH, BPF_REG_7, k->scale);
		emit_goto(c, decide_label(k->l));
	}
	code_place(c, is_way);
	if (k->nways)
		ways(k);
}

bool lower_table(struct lower *l, uint32_t number)
{
	struct block rest = l->in->blocks->v[number];
	struct table *t = l->table[number];

	if (!t)
		return false;
	if (t->key.width == 64) {
		lower_load_pair(l, rest.word);
	} else {
		lower_load(l, BPF_REG_1, rest.word);
		lower_peel(l, &rest);	/* the table has these, too */
	}
	if (t->choice.by_window && t->choice.window.bits) {
		window_bits(&t->key, &t->choice.window);
		return true;
	}
	if (t->choice.by_window)
		window_lookup(&t->key, &t->choice.window);
	else
		lookup(&t->key, &t->choice.best);
	finish(&t->key);
	return true;
}

/* ------------------------------------------------------- all the blocks */

const bref *lower_table_children(const struct lower *l, uint32_t number,
				 size_t *n)
{
	const struct table *t = l->table[number];

	*n = t ? t->key.nways : 0;
	return t ? t->key.ways : NULL;
}

static void reach(struct lower *l, bref r)
{
	if (!bref_is_leaf(r))
		l->reached[r] = true;
}

/* What code is emitted for: what the root leads to, tables kept in mind. */
void lower_plan(struct lower *l)
{
	const struct blocks *all = l->in->blocks;
	struct table t;

	l->table = arena_array(l->a, all->n + 1, sizeof(*l->table));
	l->reached = arena_array(l->a, all->n + 1, sizeof(bool));
	reach(l, all->root);
	for (size_t i = all->n; i-- > 0;) {	/* parents first */
		const struct block *b = &all->v[i];
		const bref *children = b->children;
		uint32_t n = b->ncuts;

		if (!l->reached[i])
			continue;
		if (table_plan(l, (uint32_t)i, &t)) {
			l->table[i] = arena_alloc(l->a, sizeof(t));
			*l->table[i] = t;
			children = t.key.children;
			n = t.key.ncuts;
		}
		for (uint32_t k = 0; k <= n; k++)
			reach(l, children[k]);
	}
	report_expected(l);
}
