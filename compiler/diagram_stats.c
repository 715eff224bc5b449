/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diagram_stats - the size of a diagram
 *
 * In: nodes and a root. Out: how many nodes, cuts and different leaves the
 * root reaches, and the most nodes on one path. Linear in what is reached.
 */
#include "diagram_table.h"

struct measure {
	const struct dnode *nodes;
	uint8_t *depth;		/* of each node; 0 = not seen */
	uint8_t *leaves;	/* seen, by action; NULL in the first pass */
	uint32_t highest;	/* action */
	bool none;
	struct diagram_stats s;
};

static void measure_leaf(struct measure *m, dref r)
{
	if (r == DREF_NONE) {
		m->s.leaves += !m->none;
		m->none = true;
	} else if (dref_action(r) > m->highest) {
		m->highest = dref_action(r);
	}
}

static uint8_t measure(struct measure *m, dref r)
{
	const struct dnode *d;
	uint8_t deepest = 0;
	uint32_t below = 0;

	if (dref_is_leaf(r)) {
		measure_leaf(m, r);
		return 0;
	}
	if (m->depth[r])
		return m->depth[r];
	d = &m->nodes[r];
	m->s.nodes++;
	m->s.cuts += d->ncuts;
	for (uint32_t i = 0; i <= d->ncuts; i++) {
		uint8_t depth = measure(m, d->children[i]);

		below += !dref_is_leaf(d->children[i]);
		if (depth > deepest)
			deepest = depth;
	}
	m->s.weight += dnode_weight(d->ncuts, below);
	return m->depth[r] = deepest + 1;
}

static void count_leaf(struct measure *m, dref r)
{
	if (!dref_is_leaf(r) || r == DREF_NONE || m->leaves[dref_action(r)])
		return;
	m->leaves[dref_action(r)] = 1;
	m->s.leaves++;
}

struct diagram_stats table_stats(struct arena *scratch,
				 const struct dnode *nodes, size_t nnodes,
				 dref root)
{
	struct measure m = { .nodes = nodes };

	m.depth = arena_array(scratch, nnodes, 1);
	m.s.depth = measure(&m, root);
	m.leaves = arena_array(scratch, (size_t)m.highest + 1, 1);
	count_leaf(&m, root);
	for (size_t i = 0; i < nnodes; i++)
		for (uint32_t k = 0; m.depth[i] && k <= nodes[i].ncuts; k++)
			count_leaf(&m, nodes[i].children[k]);
	return m.s;
}
