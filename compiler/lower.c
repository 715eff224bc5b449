/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower - the walk over the blocks
 *
 * In: blocks. Out: their code, depth first, each once, and behind all that jumps
 * there: a block is ready when the last block that leads to it is emitted. Then
 * it stands where code falls through, or waits until the part of a tree that it
 * was jumped to from ends: the latest first, which keeps jumps short. Jumps all
 * go forward, since the kernel's compiler may not come to an end with others: it
 * makes a short jump back long in a round in which enough of the code before it
 * became shorter, and short again in the next one, and gives up after twenty
 * rounds ("unexpected jmp_cond padding", 6.18).
 */
#include "lower_private.h"

#include <assert.h>
#include <string.h>

/* Whether whoever may jump to block R is before the code at hand. */
static bool is_last_use(const struct lower *l, bref r)
{
	return l->uses[r] <= 1;
}

static void make_ready(struct lower *l, uint32_t block)
{
	*arena_push(l->a, l->ready, l->nready, l->ready_cap) = block;
}

label lower_label(struct lower *l, bref r)
{
	if (bref_is_leaf(r))
		return leaf_label(l, bref_leaf(r));
	if (l->block_label[r] == NO_LABEL)
		l->block_label[r] = code_label(l->c);
	if (is_last_use(l, r) && !l->emitted[r])
		make_ready(l, r);
	return l->block_label[r];
}

/* The children that the code of block N goes to: once, or more often. */
static size_t children_of(const struct lower *l, uint32_t n,
			  const bref **children)
{
	const struct block *b = &l->in->blocks->v[n], *inner;
	size_t size;

	*children = lower_table_children(l, n, &size);
	if (*children)
		return size;
	inner = lower_lone_inner(l, b);
	if (inner)
		b = inner;
	*children = b->children;
	if (l->in->options.optimize && b->ncuts == 2 &&
	    b->children[0] == b->children[2])
		return 2;	/* one test */
	return b->ncuts + (size_t)1;
}

static void count_uses(struct lower *l)
{
	const struct blocks *all = l->in->blocks;
	const bref *children;

	l->uses = arena_array(l->a, all->n + 1, sizeof(*l->uses));
	if (!bref_is_leaf(all->root))
		l->uses[all->root] = 1;
	for (uint32_t i = (uint32_t)all->n; i-- > 0;) {	/* parents first */
		size_t n = l->uses[i] ? children_of(l, i, &children) : 0;

		for (size_t k = 0; k < n; k++)
			if (!bref_is_leaf(children[k]))
				l->uses[children[k]]++;
	}
}

/* All that is done with the word of a block. */
static void emit_word(struct lower *l, uint32_t n)
{
	struct block b = l->in->blocks->v[n];

	l->key = BPF_REG_1;
	if (lower_table(l, n))
		return;
	lower_unzone(l, &b);
	if (lower_lone(l, &b))
		return;
	lower_load_key(l, &b);
	lower_peel(l, &b);
	if (b.weight && !weight_helps(&b))
		b.weight = NULL;
	lower_tree(l, &b, 0, b.ncuts);
}

static void emit_block(struct lower *l, uint32_t n)
{
	int key = l->key;	/* of the block whose tree this one stands in */

	if (l->block_label[n] == NO_LABEL)
		l->block_label[n] = code_label(l->c);
	code_place(l->c, l->block_label[n]);
	l->emitted[n] = true;
	l->c->rule = l->in->blocks->v[n].rule;
	emit_word(l, n);
	l->key = key;
}

static void whole_block(struct lower *l, uint32_t n);

/* Block N will not jump anywhere any more. */
static void finished(struct lower *l, uint32_t n)
{
	const bref *children;
	size_t nchildren = children_of(l, n, &children);
	bref next = BREF_LEAF;

	for (size_t i = 0; i < nchildren; i++) {
		bref r = children[i];

		if (bref_is_leaf(r) || --l->uses[r] || l->emitted[r])
			continue;
		if (l->block_label[r] == NO_LABEL)
			finished(l, r);	/* it has no code */
		else if (code_take_back(l->c, l->block_label[r]))
			next = r;
		else
			make_ready(l, r);
	}
	if (!bref_is_leaf(next))
		whole_block(l, next);
}

static void whole_block(struct lower *l, uint32_t n)
{
	emit_block(l, n);
	finished(l, n);
}

bool lower_is_elsewhere(const struct lower *l, bref r)
{
	if (bref_is_leaf(r))
		return leaf_is_elsewhere(l, bref_leaf(r));
	return l->emitted[r] || !is_last_use(l, r);
}

void lower_goto(struct lower *l, bref r)
{
	if (bref_is_leaf(r))
		leaf_goto(l, bref_leaf(r));
	else if (lower_is_elsewhere(l, r))
		emit_goto(l->c, lower_label(l, r));
	else
		whole_block(l, r);
	leaf_window(l, false);
}

void lower_begin(struct lower *l)
{
	size_t nblocks = l->in->blocks->n, neffects = l->in->effects->n;

	l->block_label = arena_array(l->a, nblocks + 1, sizeof(label));
	l->emitted = arena_array(l->a, nblocks + 1, sizeof(bool));
	l->leaf_label = arena_array(l->a, neffects, sizeof(label));
	l->split_label = arena_array(l->a, neffects, sizeof(label));
	memset(l->block_label, 0xff, (nblocks + 1) * sizeof(label));
	memset(l->leaf_label, 0xff, neffects * sizeof(label));
	memset(l->split_label, 0xff, neffects * sizeof(label));
	l->block_way = arena_array(l->a, nblocks + 1, sizeof(uint32_t));
	l->split_way = arena_array(l->a, neffects, sizeof(uint32_t));
	memset(l->block_way, 0xff, (nblocks + 1) * sizeof(uint32_t));
	memset(l->split_way, 0xff, neffects * sizeof(uint32_t));
	l->decide = NO_LABEL;
	l->key = BPF_REG_1;
	lower_plan(l);
	lower_choose_copies(l);
	count_uses(l);
}

void lower_waiting(struct lower *l, size_t before)
{
	while (l->nready > before && !l->c->failed) {
		uint32_t next = l->ready[--l->nready];

		if (!l->emitted[next])
			whole_block(l, next);
		leaf_window(l, false);
	}
}

void lower_blocks(struct lower *l)
{
	lower_goto(l, l->in->blocks->root);
	lower_waiting(l, 0);
	leaf_window(l, true);
	for (size_t i = 0; i < l->in->blocks->n; i++)
		assert(l->emitted[i] || l->block_label[i] == NO_LABEL ||
		       l->c->failed);
}

void lower(struct arena *a, const struct lower_input *in, struct code *code,
	   struct rodata *rodata)
{
	struct lower l = { .a = a, .in = in, .c = code, .rodata = rodata,
			   .decide = NO_LABEL };

	lower_tables(&l);
	code->rule = (uint32_t)in->policy->nrules;
	if (in->options.prologue)
		in->options.prologue(in->options.ctx, code, rodata);
	else
		emit_alu64(code, BPF_MOV, BPF_REG_6, BPF_REG_1);
	lower_products(&l);
	lower_hosts(&l);
	if (in->forest) {
		lower_forest(&l);
	} else {
		lower_begin(&l);
		if (in->products)	/* no block tells IPv6 from IPv4 */
			lower_keep_words(&l);
		lower_blocks(&l);
	}
	lower_splits(&l);
	if (in->products && in->report)	/* one family's, and the other's */
		in->report->expected /= 2;
	code->rule = (uint32_t)in->policy->nrules;
	if (l.decide == NO_LABEL)
		return;
	code_join(l.c, l.decide);
	lower_decide(&l);
}
