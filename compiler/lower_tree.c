/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_tree - a block as compares
 *
 * In: a block, its word in l->key. Out: a tree of JGE on the cuts. Compares in
 * a row of which only the last is taken cost little, and of a row one is not
 * foreseen; of a balanced tree half of them are. So a fifth is split off at a
 * time, or, with a profile, what is met more seldom. Where values stand alone
 * between equal sides, or one is met more often than most others, one JEQ each;
 * where a range does, one compare of the distance from its begin; what stands
 * alone is likely, and follows. Else, of two ways, the one that nobody else
 * goes to follows, and rather a block than a leaf; and what is jumped to from
 * one part of a tree stands behind that part, so that little code lies between
 * what one packet runs through. The interface name is a number that the runtime
 * knows only: a chain of compares with what it wrote into skpol_interfaces.
 */
#include "lower_private.h"

enum {
	COPIES_MIN = 64,	/* blocks that load an IPv6 word */
};

static bool is_ip6(const struct block *b)
{
	uint8_t field = word_info[b->word].field;

	return b->word < WORD_COUNT &&
		(field == FIELD_LADDR6 || field == FIELD_RADDR6);
}

/*
 * The kernel makes three instructions of each load of an IPv6 word, and moves
 * the whole program each time: with thousands of them that takes seconds. So
 * where there are many, the words are loaded once, two in a register; not into
 * the stack, where 6.18 spends as much time on following each read. What the
 * verifier learns of such a register by a compare, it may forget: no block
 * behind asks for that word again, and each tree loads anew.
 */
void lower_choose_copies(struct lower *l)
{
	size_t n = 0;

	l->copied = 0;
	for (size_t i = 0; i < l->in->blocks->n; i++) {
		const struct block *b = &l->in->blocks->v[i];

		if (!l->reached[i] || !is_ip6(b))
			continue;
		l->copied |= 1u << b->word;
		n++;
	}
	if (n < COPIES_MIN && !l->in->options.tables.least)
		l->copied = 0;
}

/* The register that holds each IPv6 word, and which half of it. */
static const struct {
	uint8_t reg;
	bool high;
} kept[WORD_ALL] = {
	[WORD_LADDR6_0] = { BPF_REG_7, true },
	[WORD_LADDR6_1] = { BPF_REG_7, false },
	[WORD_LADDR6_2] = { BPF_REG_5, true },
	[WORD_LADDR6_3] = { BPF_REG_5, false },
	[WORD_RADDR6_0] = { BPF_REG_8, true },
	[WORD_RADDR6_1] = { BPF_REG_8, false },
	[WORD_RADDR6_2] = { BPF_REG_9, true },
	[WORD_RADDR6_3] = { BPF_REG_9, false },
};

void lower_load_context(struct lower *l, int dst, enum word w)
{
	const struct word_info *i = &word_info[w];

	emit_load(l->c, BPF_W, dst, BPF_REG_6, i->offset);
	if (i->load == LOAD_BE32)
		emit_be(l->c, dst, 32);
	else if (i->load == LOAD_BE16)
		emit_be(l->c, dst, 16);
}

void lower_keep_words(struct lower *l)
{
	for (int w = 0; w < WORD_COUNT; w++) {
		int reg = kept[w].reg;

		if (!reg || !kept[w].high ||
		    !(l->copied >> w & 1 || l->copied >> (w + 1) & 1))
			continue;
		lower_load_context(l, reg, (enum word)w);
		emit_alu64_imm(l->c, BPF_LSH, reg, 32);
		lower_load_context(l, BPF_REG_1, (enum word)(w + 1));
		emit_alu64(l->c, BPF_OR, reg, BPF_REG_1);
	}
}

void lower_load(struct lower *l, int dst, enum word w)
{
	if (w >= WORD_ZONE) {
		emit_load(l->c, BPF_DW, dst, BPF_REG_10,
			  -(int)word_info[w].offset);
		emit_alu32_imm(l->c, BPF_AND, dst, UINT16_MAX);
	} else if (!(l->copied >> w & 1)) {
		lower_load_context(l, dst, w);
	} else if (kept[w].high) {
		emit_alu64(l->c, BPF_MOV, dst, kept[w].reg);
		emit_alu64_imm(l->c, BPF_RSH, dst, 32);
	} else {
		emit_alu32(l->c, BPF_MOV, dst, kept[w].reg);
	}
}

/*
 * Few compares are made where the word is kept. More of them are made of r1,
 * whose compares take a byte less on x86-64; so is that of a range, whose begin
 * is taken away first.
 */
static bool is_compared_in_place(const struct lower *l, const struct block *b)
{
	if (!l->in->options.optimize || b->word >= WORD_COUNT || b->weight ||
	    !(l->copied >> b->word & 1) || kept[b->word].high)
		return false;
	if (b->ncuts == 2 && b->children[0] == b->children[2])
		return b->cuts[1] - b->cuts[0] == 1;
	return b->ncuts <= 2;
}

void lower_load_key(struct lower *l, const struct block *b)
{
	l->key = BPF_REG_1;
	if (is_compared_in_place(l, b))
		l->key = kept[b->word].reg;
	else
		lower_load(l, BPF_REG_1, b->word);
}

bool lower_kept_pair(struct lower *l, enum word w)
{
	if (!(l->copied >> w & 3))
		return false;
	l->key = kept[w].reg;
	return true;
}

void lower_load_pair(struct lower *l, enum word w)
{
	if (l->copied >> w & 3) {
		emit_alu64(l->c, BPF_MOV, BPF_REG_1, kept[w].reg);
		return;
	}
	lower_load_context(l, BPF_REG_1, w);
	emit_alu64_imm(l->c, BPF_LSH, BPF_REG_1, 32);
	lower_load_context(l, BPF_REG_2, (enum word)(w + 1));
	emit_alu64(l->c, BPF_OR, BPF_REG_1, BPF_REG_2);
}

bool lower_follows(const struct lower *l, bref yes, bref no)
{
	if (!l->in->options.optimize || lower_is_elsewhere(l, yes))
		return false;
	return lower_is_elsewhere(l, no) ||
		(bref_is_leaf(no) && !bref_is_leaf(yes));
}

static uint8_t inverse(uint8_t op)
{
	switch (op) {
	case BPF_JEQ: return BPF_JNE;
	case BPF_JNE: return BPF_JEQ;
	case BPF_JGE: return BPF_JLT;
	default: return BPF_JGE;
	}
}

/* Whether the way that is likely follows: where code runs seldom, no branch is
 * foreseen to be taken. Not where that costs a goto which NO would need not. */
static bool likely_follows(const struct lower *l, const struct lower_test *t,
			   bref yes, bref no)
{
	return t->likely && (bref_is_leaf(no) || lower_is_elsewhere(l, no) ||
			     !lower_is_elsewhere(l, yes));
}

void lower_either(struct lower *l, struct lower_test t, bref yes, bref no)
{
	if (likely_follows(l, &t, yes, no) || lower_follows(l, yes, no)) {
		bref swap = yes;

		yes = no;
		no = swap;
		t.op = inverse(t.op);
	}
	if (t.by_register)
		emit_jump64(l->c, t.op, l->key, BPF_REG_2,
			    lower_label(l, yes));
	else
		emit_jump32_imm(l->c, t.op, l->key, t.value,
				lower_label(l, yes));
	lower_goto(l, no);
}

static void families(struct lower *l, const struct block *b)
{
	label six = code_label(l->c);

	emit_jump32_imm(l->c, BPF_JEQ, l->key, AF_INET6_VALUE, six);
	lower_goto(l, b->children[0]);
	code_place(l->c, six);
	lower_keep_words(l);
	lower_goto(l, b->children[1]);
}

/* What tells IPv6 from IPv4, and UDP from TCP, in the context. */
static bool two_values(struct lower *l, const struct block *b)
{
	struct lower_test second = { .op = BPF_JEQ, .value = UDP_VALUE };

	if (b->word != WORD_FAMILY && b->word != WORD_PROTOCOL)
		return false;
	if (b->word == WORD_FAMILY && l->copied) {
		families(l, b);
		return true;
	}
	if (b->word == WORD_FAMILY)
		second.value = AF_INET6_VALUE;
	lower_either(l, second, b->children[1], b->children[0]);
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

/* The test for child I. OFFSET: what has been taken from r1 before; and when
 * the code that stands here then has run. */
static struct lower_test lone_test(struct lower *l, const struct block *b,
				   uint32_t i, uint32_t *offset)
{
	uint32_t low = b->cuts[i - 1], size = b->cuts[i] - low;
	bool likely = weight_is_likely(b, i);

	if (size == 1)
		return (struct lower_test){ .op = BPF_JEQ, .likely = likely,
					    .value = low - *offset };
	if (low != *offset)
		emit_alu32_imm(l->c, BPF_SUB, BPF_REG_1,
			       (int32_t)(low - *offset));
	*offset = low;
	return (struct lower_test){ .op = BPF_JLT, .likely = likely,
				    .value = size };
}

/* What is left of B from BEGIN to END is few values, or ranges, in another. */
static bool lone_range(struct lower *l, const struct block *b, uint32_t begin,
		       uint32_t end)
{
	uint32_t n = weight_lone(b, begin, end), offset = 0, i = begin + 1;
	struct lower_test t;

	if (!l->in->options.optimize || !n || n > (b->weight ? 1 : LONE_MAX))
		return false;
	for (; i + 2 < end; i += 2) {
		t = lone_test(l, b, i, &offset);
		emit_jump32_imm(l->c, t.op, l->key, t.value,
				lower_label(l, b->children[i]));
	}
	t = lone_test(l, b, i, &offset);
	lower_either(l, t, b->children[i], b->children[end]);
	return true;
}

/* Four ways to code that stands elsewhere: one goto, where halves take two. */
static bool four_away(struct lower *l, const struct block *b, uint32_t begin,
		      uint32_t end)
{
	if (!l->in->options.optimize || b->weight || end != begin + 3)
		return false;
	for (uint32_t i = begin; i <= end; i++)
		if (!lower_is_elsewhere(l, b->children[i]))
			return false;
	for (uint32_t i = end; i > begin; i--)
		emit_jump32_imm(l->c, BPF_JGE, l->key, b->cuts[i - 1],
				lower_label(l, b->children[i]));
	lower_goto(l, b->children[begin]);
	return true;
}

/*
 * Where what is left of a split at MIDDLE ends: with a side, too, where values
 * stand alone before it. Nothing is met there any more.
 */
static uint32_t left_end(const struct lower *l, const struct block *b,
			 uint32_t begin, uint32_t middle, uint32_t end)
{
	bool lone = l->in->options.optimize && !b->weight && middle < end &&
		weight_lone(b, begin, middle);

	return lone ? middle : middle - 1;
}

static void subtree(struct lower *l, const struct block *b, uint32_t begin,
		    uint32_t end);

/* Children MIDDLE to END: a compare here, and their code behind the others'. */
static void split_off(struct lower *l, const struct block *b, uint32_t begin,
		      uint32_t middle, uint32_t end)
{
	uint32_t cut = b->cuts[middle - 1];
	uint32_t last = left_end(l, b, begin, middle, end);
	label at;

	if (middle == end) {
		emit_jump32_imm(l->c, BPF_JGE, l->key, cut,
				lower_label(l, b->children[end]));
		subtree(l, b, begin, last);
		return;
	}
	if (last == begin) {
		emit_jump32_imm(l->c, BPF_JLT, l->key, cut,
				lower_label(l, b->children[begin]));
		subtree(l, b, middle, end);
		return;
	}
	at = code_label(l->c);
	emit_jump32_imm(l->c, BPF_JGE, l->key, cut, at);
	subtree(l, b, begin, last);
	code_place(l->c, at);
	subtree(l, b, middle, end);
}

static void tree_of(struct lower *l, const struct block *b, uint32_t begin,
		    uint32_t end)
{
	struct lower_test last = { .op = BPF_JGE };

	if (begin == end) {
		lower_goto(l, b->children[begin]);
	} else if (begin + 1 == end) {
		last.value = b->cuts[begin];
		lower_either(l, last, b->children[end], b->children[begin]);
	} else if (!lone_range(l, b, begin, end) &&
		   !four_away(l, b, begin, end)) {
		split_off(l, b, begin, weight_middle(b, begin, end), end);
	}
}

static void subtree(struct lower *l, const struct block *b, uint32_t begin,
		    uint32_t end)
{
	size_t before = l->nready;

	tree_of(l, b, begin, end);
	lower_waiting(l, before);
}

void lower_peel(struct lower *l, struct block *b)
{
	unsigned int optimize = l->in->options.optimize;
	struct block rest;
	uint32_t child;

	while (b->weight && word_info[b->word].field > FIELD_PROTOCOL &&
	       b->word != WORD_IFNAME &&
	       weight_peel(l->a, b, weight_is_table(b, optimize), &child,
			   &rest)) {
		emit_jump32_imm(l->c, BPF_JEQ, l->key,
				child ? b->cuts[child - 1] : 0,
				lower_label(l, b->children[child]));
		*b = rest;
	}
}

void lower_tree(struct lower *l, const struct block *b, uint32_t begin,
		uint32_t end)
{
	if (b->word == WORD_IFNAME)
		interfaces(l, b);
	else if (!two_values(l, b))
		subtree(l, b, begin, end);
}
