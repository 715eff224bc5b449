/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_lone - a block that asks for one value or prefix only
 *
 * In: a block. Out: one compare, with the word as it lies in memory: what it is
 * compared with is turned around instead. Or one compare of 64 bits, where the
 * block and the one behind it ask for a value or prefix of two IPv6 words that
 * are in a register (lower_tree.c).
 */
#include "lower_private.h"

struct lone {
	uint64_t low;
	unsigned int open;	/* bits at the end that do not matter */
	bref inside, outside;
	bool likely;		/* inside */
};

/* All values but one child's. */
static bool bounds(const struct block *b, uint32_t *low, uint32_t *high,
		   struct lone *out)
{
	uint32_t first = 0;

	if (b->ncuts == 2 && b->children[0] == b->children[2])
		first = 1;
	else if (b->ncuts != 1)
		return false;
	else if (b->cuts[0] == UINT32_MAX)
		first = 1;
	*low = first ? b->cuts[0] : 0;
	*high = first == b->ncuts ? UINT32_MAX : b->cuts[first] - 1;
	out->likely = weight_is_likely(b, first);
	out->inside = b->children[first];
	out->outside = b->children[!first];
	return true;
}

static bool is_lone(const struct block *b, struct lone *out)
{
	uint32_t low, high, size;

	if (!bounds(b, &low, &high, out))
		return false;
	size = high - low;	/* less one */
	if ((size & (size + 1)) || (low & size))
		return false;
	out->low = low;
	out->open = size ? 32 - (unsigned int)__builtin_clz(size) : 0;
	return true;
}

/* Adds what the block behind asks for: all of both words. */
static bool is_lone_pair(const struct lower *l, const struct block *b,
			 struct lone *out)
{
	const struct block *next;
	struct lone high;

	if (!is_lone(b, &high) || high.open || bref_is_leaf(high.inside))
		return false;
	next = &l->in->blocks->v[high.inside];
	if (next->word != b->word + 1 || l->table[high.inside] ||
	    !is_lone(next, out) || out->outside != high.outside)
		return false;
	out->low |= high.low << 32;
	return true;
}

static void pair(struct lower *l, const struct block *b, const struct lone *k)
{
	struct lower_test t = { .op = BPF_JEQ, .by_register = true,
				.likely = k->likely };

	if (k->open || !lower_kept_pair(l, b->word))
		lower_load_pair(l, b->word);
	if (k->open)
		emit_alu64_imm(l->c, BPF_RSH, BPF_REG_1, (int32_t)k->open);
	emit_imm64(l->c, BPF_REG_2, k->low >> k->open);
	lower_either(l, t, k->inside, k->outside);
}

static void raw(struct lower *l, const struct block *b, const struct lone *k)
{
	struct lower_test t = { .op = BPF_JEQ, .likely = k->likely, .value =
				__builtin_bswap32((uint32_t)k->low) };

	emit_load(l->c, BPF_W, BPF_REG_1, BPF_REG_6,
		  word_info[b->word].offset);
	if (k->open)
		emit_alu32_imm(l->c, BPF_AND, BPF_REG_1, __builtin_bswap32(
			       UINT32_MAX << k->open));
	lower_either(l, t, k->inside, k->outside);
}

static bool is_pair(const struct lower *l, const struct block *b,
		    struct lone *out)
{
	bool is_high = b->word == WORD_LADDR6_0 || b->word == WORD_LADDR6_2 ||
		       b->word == WORD_RADDR6_0 || b->word == WORD_RADDR6_2;

	return l->in->options.optimize && is_high &&
		l->copied >> b->word & 3 && is_lone_pair(l, b, out);
}

const struct block *lower_lone_inner(const struct lower *l,
				     const struct block *b)
{
	struct lone k;

	if (!is_pair(l, b, &k) || !is_lone(b, &k))
		return NULL;
	return &l->in->blocks->v[k.inside];
}

bool lower_lone(struct lower *l, const struct block *b)
{
	struct lone k;

	if (is_pair(l, b, &k)) {
		pair(l, b, &k);
		return true;
	}
	if (!l->in->options.optimize || word_info[b->word].load != LOAD_BE32 ||
	    l->copied >> b->word & 1 || !is_lone(b, &k) || k.open == 32)
		return false;
	raw(l, b, &k);
	return true;
}
