/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_leaf - leaves, near to where they are needed, and splits
 *
 * In: effects. Out: two instructions each, or the hash of a split and a tree
 * over its parts. Promise: a jump to a leaf is short, and goes forward: a window
 * is a stretch of code with a copy behind each few jumps.
 */
#include "lower_private.h"

#include <string.h>

#include "template.h"
#include "templates.h"

enum {
	WINDOW = 200,		/* instructions */
};

label decide_label(struct lower *l)
{
	if (l->decide == NO_LABEL)
		l->decide = code_label(l->c);
	return l->decide;
}

static void emit_leaf(struct lower *l, uint32_t number)
{
	const struct effect *e = &l->in->effects->v[number];

	l->c->rule = e->rule;
	switch ((enum effect_kind)e->kind) {
	case EFFECT_PASS:
		template_emit(l->c, &template_pass, NULL, NULL);
		break;
	case EFFECT_DROP:
		template_emit(l->c, &template_drop, NULL, NULL);
		break;
	case EFFECT_STEPS:
		emit_alu32_imm(l->c, BPF_MOV, BPF_REG_7, e->first);
		emit_goto(l->c, decide_label(l));
		break;
	case EFFECT_SPLIT:
		emit_goto(l->c, l->split_label[number]);
		break;
	}
}

/* Splits are their own labels: their code stands in one place. */
static label split_label(struct lower *l, uint32_t effect)
{
	if (l->split_label[effect] == NO_LABEL) {
		l->split_label[effect] = code_label(l->c);
		*arena_push(l->a, l->splits, l->nsplits, l->splits_cap) =
			effect;
	}
	return l->split_label[effect];
}

label leaf_label(struct lower *l, uint32_t effect)
{
	if (l->in->effects->v[effect].kind == EFFECT_SPLIT)
		return split_label(l, effect);
	if (l->leaf_label[effect] == NO_LABEL) {
		l->leaf_label[effect] = code_label(l->c);
		*arena_push(l->a, l->leaves, l->nleaves, l->leaves_cap) =
			effect;
	}
	return l->leaf_label[effect];
}

bool leaf_is_elsewhere(const struct lower *l, uint32_t effect)
{
	return l->in->effects->v[effect].kind == EFFECT_SPLIT ||
		l->leaf_label[effect] != NO_LABEL;
}

/* Emits it here, for all that jump to it so far. */
static void place_leaf(struct lower *l, uint32_t effect)
{
	if (l->leaf_label[effect] != NO_LABEL)
		code_place(l->c, l->leaf_label[effect]);
	l->leaf_label[effect] = NO_LABEL;
	emit_leaf(l, effect);
}

void leaf_goto(struct lower *l, uint32_t effect)
{
	if (l->in->effects->v[effect].kind == EFFECT_SPLIT)
		emit_goto(l->c, split_label(l, effect));
	else
		place_leaf(l, effect);
}

void leaf_window(struct lower *l, bool end)
{
	if (!end && l->c->n - l->window < WINDOW)
		return;
	for (size_t i = 0; i < l->nleaves; i++)
		if (l->leaf_label[l->leaves[i]] != NO_LABEL)
			place_leaf(l, l->leaves[i]);
	l->nleaves = 0;
	l->window = l->c->n;
}

/* ------------------------------------------------------------ splits */

/* From the context: IPv4 paths lead here, too, with other registers. */
static void hash_word(struct lower *l, enum word w)
{
	lower_load_context(l, BPF_REG_2, w);
	template_emit(l->c, &template_mix, NULL, NULL);
}

/* An address is one word or four, by the packet's family. */
static void hash_address(struct lower *l, enum word w4, enum word w6)
{
	label six = code_label(l->c), end = code_label(l->c);

	emit_load(l->c, BPF_W, BPF_REG_2, BPF_REG_6,
		  word_info[WORD_FAMILY].offset);
	emit_jump32_imm(l->c, BPF_JEQ, BPF_REG_2, AF_INET6_VALUE,
			six);
	hash_word(l, w4);
	emit_goto(l->c, end);
	code_place(l->c, six);
	for (int i = 0; i < 4; i++)
		hash_word(l, w6 + i);
	code_place(l->c, end);
}

static void hash_key(struct lower *l, enum ast_key key)
{
	switch (key) {
	case AST_KEY_TO:
		hash_address(l, WORD_LADDR4, WORD_LADDR6_0);
		break;
	case AST_KEY_FROM:
		hash_address(l, WORD_RADDR4, WORD_RADDR6_0);
		break;
	case AST_KEY_PORT:
		hash_word(l, WORD_LPORT);
		break;
	case AST_KEY_FROM_PORT:
		hash_word(l, WORD_RPORT);
		break;
	case AST_KEY_ON:
		hash_word(l, WORD_IFINDEX);
		break;
	}
}

static void emit_split(struct lower *l, const struct effect *e)
{
	size_t n = e->split->nparts;
	bref *children = arena_array(l->a, n, sizeof(*children));
	uint32_t *cuts = arena_array(l->a, n, sizeof(*cuts));
	struct block parts = { .word = WORD_LADDR4, .children = children,
			       .cuts = cuts, .ncuts = 0 };

	l->c->rule = e->rule;
	emit_imm64(l->c, BPF_REG_1, e->split->seed);
	for (size_t i = 0; i < e->split->nkeys; i++)
		hash_key(l, e->split->keys[i]);
	template_emit(l->c, &template_finish, NULL, NULL);
	children[0] = e->parts[0] | BREF_LEAF;
	for (size_t i = 1; i < n; i++) {
		bref part = e->parts[i] | BREF_LEAF;

		if (part == children[parts.ncuts])
			continue;
		cuts[parts.ncuts++] = e->split->starts[i];
		children[parts.ncuts] = part;
	}
	lower_tree(l, &parts, 0, parts.ncuts);
}

void lower_splits(struct lower *l)
{
	for (size_t i = 0; i < l->nsplits && !l->c->failed; i++) {
		code_place(l->c, l->split_label[l->splits[i]]);
		emit_split(l, &l->in->effects->v[l->splits[i]]);
		leaf_window(l, false);
	}
	leaf_window(l, true);
}
