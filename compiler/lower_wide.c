/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_wide - half an IPv6 address as one key of 64 bits
 *
 * In: a block of the first or third word. Out: the intervals of that word and
 * the next one together, when enough of its children look at the next one.
 * What goes on behind both words is a child as any other.
 */
#include "lower_table.h"

enum {
	NESTED_MIN = 6,		/* children that look at the next word */
	REPEATS_MAX = 64,	/* values of one word with the same child */
};

struct wide {
	struct lower *l;
	uint64_t *cuts;
	size_t n, cap;
	bref *children;
	size_t nchildren, children_cap;
};

static void add(struct wide *w, uint64_t cut, bref child)
{
	if (w->nchildren && w->children[w->nchildren - 1] == child)
		return;
	if (w->nchildren)
		*arena_push(w->l->a, w->cuts, w->n, w->cap) = cut;
	*arena_push(w->l->a, w->children, w->nchildren, w->children_cap) =
		child;
}

/* The block of the next word that CHILD is, or NULL. */
static const struct block *nested(const struct lower *l,
				  const struct block *b, bref child)
{
	const struct block *c;

	if (bref_is_leaf(child))
		return NULL;
	c = &l->in->blocks->v[child];
	return c->word == b->word + 1 ? c : NULL;
}

static bool is_worth_it(const struct lower *l, const struct block *b)
{
	uint32_t n = 0, least = l->in->options.tables.least ? 1 : NESTED_MIN;

	for (uint32_t i = 0; i <= b->ncuts && n < least; i++)
		n += !!nested(l, b, b->children[i]);
	return n >= least;
}

static void add_nested(struct wide *w, uint64_t word, const struct block *c)
{
	add(w, word << 32, c->children[0]);
	for (uint32_t i = 0; i < c->ncuts; i++)
		add(w, word << 32 | c->cuts[i], c->children[i + 1]);
}

static void add_interval(struct wide *w, const struct block *b, uint32_t i)
{
	uint64_t low = i ? b->cuts[i - 1] : 0;
	uint64_t high = i < b->ncuts ? b->cuts[i] - 1 : UINT32_MAX;
	const struct block *c = nested(w->l, b, b->children[i]);

	if (!c || high - low >= REPEATS_MAX) {
		add(w, low << 32, b->children[i]);
		return;
	}
	for (uint64_t word = low; word <= high; word++)
		add_nested(w, word, c);
}

bool wide_key(struct lower *l, const struct block *b, struct keyed *k)
{
	struct wide w = { .l = l };

	if ((b->word != WORD_LADDR6_0 && b->word != WORD_LADDR6_2 &&
	     b->word != WORD_RADDR6_0 && b->word != WORD_RADDR6_2) ||
	    !is_worth_it(l, b))
		return false;
	for (uint32_t i = 0; i <= b->ncuts; i++)
		add_interval(&w, b, i);
	k->width = 64;
	k->ncuts = (uint32_t)w.n;
	k->cuts = w.cuts;
	k->children = w.children;
	return true;
}
