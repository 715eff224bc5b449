/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_data - which blocks of a tree become rows of tables
 *
 * In: blocks, and how much code there may be. Out: those that are data. How large a
 * block may be to become data is tried from small to large, until little code is
 * left: a large block has a table of its own as code (lower_table.c), which is
 * faster, but not where there are hundreds of them.
 */
#include "lower_level.h"

/* Blocks of so many cuts become data, at most. */
static const uint8_t logs[] = { 1, 2, 3, 4, 6, 9, 12, 16, 20 };

enum {
	LOGS = sizeof(logs),
	MUCH_LESS = 16,		/* code: worth larger rows */
};

struct chooser {
	const struct lower *l;
	const struct blocks *tree;
	bool *data;
};

static bool may_be_data(const struct chooser *m, uint32_t i, uint32_t most)
{
	const struct block *b = &m->tree->v[i];

	if (b->word == WORD_FAMILY || b->word == WORD_IFNAME ||
	    b->word == WORD_IFINDEX || b->ncuts > most)
		return false;
	for (uint32_t k = 0; k <= b->ncuts; k++)
		if (!bref_is_leaf(b->children[k]) && !m->data[b->children[k]])
			return false;
	return true;
}

/* About how many instructions B takes; DATA are no blocks any more, or NULL. */
static size_t weight(const struct lower *l, const struct block *b,
		     const bool *data)
{
	uint32_t below = 0;

	if (l->in->options.optimize < 2)	/* no table takes its cuts */
		return b->ncuts + 4;
	for (uint32_t k = 0; k <= b->ncuts; k++)
		below += !bref_is_leaf(b->children[k]) &&
			!(data && data[b->children[k]]);
	return dnode_weight(b->ncuts, below);
}

size_t levels_weight(const struct lower *l, const struct blocks *tree)
{
	size_t sum = 0;

	for (size_t i = 0; i < tree->n; i++)
		sum += weight(l, &tree->v[i], NULL);
	return sum;
}

/* About how many instructions are left when blocks of up to MOST are data. */
static size_t mark_data(struct chooser *m, uint32_t most)
{
	size_t left = 0;

	for (uint32_t i = 0; i < m->tree->n; i++) {	/* children first */
		m->data[i] = may_be_data(m, i, most);
		if (!m->data[i])
			left += weight(m->l, &m->tree->v[i], m->data);
	}
	return left;
}

/* Until little code is left; once more where hardly any is, then. */
bool *data_choose(const struct lower *l, const struct blocks *tree,
		  size_t code_enough)
{
	struct chooser m = { l, tree,
			     arena_array(l->a, tree->n + 1, sizeof(bool)) };
	size_t left;
	int i = 0;

	do
		left = mark_data(&m, (1u << logs[i]) - 1);
	while (left > code_enough && ++i < LOGS);
	if (++i < LOGS && mark_data(&m, (1u << logs[i]) - 1) > left / MUCH_LESS)
		(void)mark_data(&m, (1u << logs[i - 1]) - 1);
	return m.data;
}
