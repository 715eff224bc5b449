/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower - the walk over the blocks
 *
 * In: blocks. Out: their code, depth first, each once. A block that is needed
 * where code falls through is emitted there; one that is jumped to waits in a
 * list until the part of a tree that it was jumped to from ends: the latest
 * first, which keeps jumps short.
 */
#include "lower_private.h"

#include <string.h>

label lower_label(struct lower *l, bref r)
{
	if (bref_is_leaf(r))
		return leaf_label(l, bref_leaf(r));
	if (l->block_label[r] == NO_LABEL) {
		l->block_label[r] = code_label(l->c);
		*arena_push(l->a, l->pending, l->npending, l->pending_cap) = r;
	}
	return l->block_label[r];
}

static void emit_block(struct lower *l, uint32_t n)
{
	struct block b = l->in->blocks->v[n];

	if (l->block_label[n] == NO_LABEL)
		l->block_label[n] = code_label(l->c);
	code_place(l->c, l->block_label[n]);
	l->emitted[n] = true;
	l->c->rule = b.rule;
	if (lower_table(l, n) || lower_lone(l, &b))
		return;
	lower_load(l, BPF_REG_1, b.word);
	lower_peel(l, &b);
	if (b.weight && !weight_helps(&b))
		b.weight = NULL;
	lower_tree(l, &b, 0, b.ncuts);
}

void lower_goto(struct lower *l, bref r)
{
	if (bref_is_leaf(r))
		leaf_goto(l, bref_leaf(r));
	else if (l->emitted[r])
		emit_goto(l->c, l->block_label[r]);
	else
		emit_block(l, r);
	leaf_window(l, false);
}

void lower_begin(struct lower *l)
{
	size_t nblocks = l->in->blocks->n, neffects = l->in->effects->n;

	l->block_label = arena_array(l->a, nblocks + 1, sizeof(label));
	l->emitted = arena_array(l->a, nblocks + 1, sizeof(bool));
	l->leaf_label = arena_array(l->a, neffects, sizeof(label));
	l->leaf_placed = arena_array(l->a, neffects, sizeof(size_t));
	l->split_label = arena_array(l->a, neffects, sizeof(label));
	memset(l->block_label, 0xff, (nblocks + 1) * sizeof(label));
	memset(l->leaf_label, 0xff, neffects * sizeof(label));
	memset(l->split_label, 0xff, neffects * sizeof(label));
	l->block_way = arena_array(l->a, nblocks + 1, sizeof(uint32_t));
	l->split_way = arena_array(l->a, neffects, sizeof(uint32_t));
	memset(l->block_way, 0xff, (nblocks + 1) * sizeof(uint32_t));
	memset(l->split_way, 0xff, neffects * sizeof(uint32_t));
	l->decide = NO_LABEL;
	lower_plan(l);
	lower_choose_copies(l);
}

void lower_waiting(struct lower *l, size_t before)
{
	while (l->npending > before && !l->c->failed) {
		uint32_t next = l->pending[--l->npending];

		if (!l->emitted[next])
			emit_block(l, next);
		leaf_window(l, false);
	}
}

void lower_blocks(struct lower *l)
{
	lower_goto(l, l->in->blocks->root);
	lower_waiting(l, 0);
	leaf_window(l, true);
}

void lower(struct arena *a, const struct lower_input *in, struct code *code,
	   struct rodata *rodata)
{
	struct lower l = { .a = a, .in = in, .c = code, .rodata = rodata };

	lower_tables(&l);
	code->rule = (uint32_t)in->policy->nrules;
	if (in->options.prologue)
		in->options.prologue(in->options.ctx, code, rodata);
	else
		emit_alu64(code, BPF_MOV, BPF_REG_6, BPF_REG_1);
	if (in->forest) {
		lower_forest(&l);
	} else {
		lower_begin(&l);
		lower_blocks(&l);
	}
	lower_splits(&l);
	code->rule = (uint32_t)in->policy->nrules;
	if (l.decide != NO_LABEL)
		lower_decide(&l);
}
