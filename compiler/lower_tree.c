/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_tree - a block as compares
 *
 * In: a block, its word in r1. Out: a balanced tree of JGE on the cuts; where
 * one value stands alone between two equal sides, one JEQ. The interface name
 * is a number that the runtime knows only: a chain of compares with what it
 * wrote into skpol_interfaces.
 */
#include "lower_private.h"

void lower_load(struct lower *l, enum word w)
{
	const struct word_info *i = &word_info[w];

	emit_load(l->c, BPF_W, BPF_REG_1, BPF_REG_6, i->offset);
	if (i->load == LOAD_BE32)
		emit_be(l->c, BPF_REG_1, 32);
	else if (i->load == LOAD_BE16)
		emit_be(l->c, BPF_REG_1, 16);
}

/* What tells IPv6 from IPv4, and UDP from TCP, in the context. */
static bool two_values(struct lower *l, const struct block *b)
{
	enum { AF_INET6_VALUE = 10, UDP_VALUE = 17 };
	uint32_t value = b->word == WORD_FAMILY ? AF_INET6_VALUE : UDP_VALUE;

	if (b->word != WORD_FAMILY && b->word != WORD_PROTOCOL)
		return false;
	emit_jump32_imm(l->c, BPF_JEQ, BPF_REG_1, value,
			lower_label(l, b->children[1]));
	lower_goto(l, b->children[0]);
	return true;
}

static bref child_of(const struct block *b, uint32_t value)
{
	uint32_t i = 0;

	while (i < b->ncuts && b->cuts[i] <= value)
		i++;
	return b->children[i];
}

static void interfaces(struct lower *l, const struct block *b)
{
	for (uint32_t k = 1; k <= l->in->policy->ninterfaces; k++) {
		bref child = child_of(b, k);

		if (child == b->children[0])
			continue;
		emit_map(l->c, BPF_REG_2, IMAGE_RODATA,
			 l->interfaces + 4 * (k - 1));
		emit_load(l->c, BPF_W, BPF_REG_2, BPF_REG_2, 0);
		emit_jump32(l->c, BPF_JEQ, BPF_REG_1, BPF_REG_2,
			    lower_label(l, child));
	}
	lower_goto(l, b->children[0]);
}

static bool lone_value(struct lower *l, const struct block *b, uint32_t begin,
		       uint32_t end)
{
	if (!l->in->options.optimize || end != begin + 2 ||
	    b->children[begin] != b->children[end] ||
	    b->cuts[begin] + 1 != b->cuts[begin + 1])
		return false;
	emit_jump32_imm(l->c, BPF_JEQ, BPF_REG_1, b->cuts[begin],
			lower_label(l, b->children[begin + 1]));
	lower_goto(l, b->children[end]);
	return true;
}

static void subtree(struct lower *l, const struct block *b, uint32_t begin,
		    uint32_t end)
{
	uint32_t middle = begin + (end - begin + 1) / 2;
	uint32_t cut;
	label right;

	if (begin == end) {
		lower_goto(l, b->children[begin]);
		return;
	}
	if (lone_value(l, b, begin, end))
		return;
	cut = b->cuts[middle - 1];
	if (middle == end) {
		emit_jump32_imm(l->c, BPF_JGE, BPF_REG_1, cut,
				lower_label(l, b->children[end]));
		subtree(l, b, begin, middle - 1);
		return;
	}
	if (begin == middle - 1) {
		emit_jump32_imm(l->c, BPF_JLT, BPF_REG_1, cut,
				lower_label(l, b->children[begin]));
		subtree(l, b, middle, end);
		return;
	}
	right = code_label(l->c);
	emit_jump32_imm(l->c, BPF_JGE, BPF_REG_1, cut, right);
	subtree(l, b, begin, middle - 1);
	code_place(l->c, right);
	subtree(l, b, middle, end);
}

void lower_tree(struct lower *l, const struct block *b, uint32_t begin,
		uint32_t end)
{
	if (b->word == WORD_IFNAME)
		interfaces(l, b);
	else if (!two_values(l, b))
		subtree(l, b, begin, end);
}
