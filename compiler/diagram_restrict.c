/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diagram_restrict - what the packets of one term can reach, with a witness
 *
 * In: a diagram and a term. Out: each leaf the term's packets reach, once,
 * with a packet that does. What lies below a node depends on the node alone,
 * as no field is tested twice: so each node is entered once, and the work is
 * linear in the diagram. Also: field values back to a packet.
 */
#include <stdio.h>
#include <string.h>

#include "../grammar/arena.h"
#include "diagram_table.h"

struct restrict_walk {
	const struct diagram *d;
	const struct term *term;
	diagram_visit *visit;
	void *ctx;
	struct diagram_marks seen;
	u128 v[FIELD_COUNT];
};

static bool visit_leaf(struct restrict_walk *w, dref r)
{
	uint32_t i = r == DREF_NONE ? w->seen.nactions : dref_action(r);

	if (w->seen.leaves[i])
		return true;
	w->seen.leaves[i] = 1;
	return w->visit(w->ctx, r, w->v);
}

/*
 * From each child that the term enters to the next value of the term behind
 * it: so a small set costs little in a node of a million cuts, and a large set
 * in a node of one.
 */
static bool restrict_node(struct restrict_walk *w, dref r)
{
	const struct dnode *d;
	bool go_on = true;
	u128 *value, before, low = 0;

	if (dref_is_leaf(r))
		return visit_leaf(w, r);
	if (w->seen.nodes[r])
		return true;
	w->seen.nodes[r] = 1;
	d = &w->d->nodes[r];
	value = &w->v[d->field];
	before = *value;
	while (go_on && term_lowest(w->term, d->field, low, value)) {
		uint32_t i = dnode_child(d, *value);

		go_on = restrict_node(w, d->children[i]);
		if (i == d->ncuts)
			break;
		low = d->cuts[i];
	}
	*value = before;
	return go_on;
}

static uint32_t count_actions(const struct diagram *d)
{
	uint32_t n = 0;

	for (size_t i = 0; i < d->nnodes; i++) {
		const struct dnode *node = &d->nodes[i];

		for (uint32_t k = 0; k <= node->ncuts; k++) {
			dref c = node->children[k];

			if (dref_is_leaf(c) && c != DREF_NONE &&
			    dref_action(c) >= n)
				n = dref_action(c) + 1;
		}
	}
	if (dref_is_leaf(d->root) && d->root != DREF_NONE)
		n = dref_action(d->root) + 1;
	return n;
}

static void take_marks(const struct diagram *d, struct diagram_marks *m)
{
	if (m->busy || !m->nodes) {
		m->nactions = count_actions(d);
		m->nodes = arena_array(d->arena, d->nnodes + 1, 1);
		m->leaves = arena_array(d->arena, (size_t)m->nactions + 1, 1);
	}
	m->busy = true;
	memset(m->nodes, 0, d->nnodes);
	memset(m->leaves, 0, (size_t)m->nactions + 1);
}

bool diagram_restrict(const struct diagram *d, const struct term *term,
		      diagram_visit *visit, void *ctx)
{
	struct restrict_walk w = {
		.d = d, .term = term, .visit = visit, .ctx = ctx,
	};
	bool done, outer = !d->marks->busy;

	for (int f = 0; f < FIELD_COUNT; f++) {
		const struct iset *s = term->set[f];

		if (s && !s->n)
			return true;
		w.v[f] = s ? s->v[0].low : 0;
	}
	w.seen = *d->marks;
	take_marks(d, &w.seen);
	if (outer)
		*d->marks = w.seen;
	done = restrict_node(&w, d->root);
	if (outer)
		d->marks->busy = false;
	return done;
}

void diagram_packet(const struct policy *p, const u128 v[FIELD_COUNT],
		    struct packet *k)
{
	bool six = v[FIELD_FAMILY];
	size_t interface = (size_t)v[FIELD_IFNAME];

	memset(k, 0, sizeof(*k));
	k->family = six ? 6 : 4;
	k->protocol = v[FIELD_PROTOCOL] ? PACKET_UDP : PACKET_TCP;
	k->local_port = (uint16_t)v[FIELD_LPORT];
	k->remote_port = (uint16_t)v[FIELD_RPORT];
	k->local = v[six ? FIELD_LADDR6 : FIELD_LADDR4];
	k->remote = v[six ? FIELD_RADDR6 : FIELD_RADDR4];
	k->ifindex = (uint32_t)v[FIELD_IFINDEX];
	if (interface && interface <= p->ninterfaces)
		snprintf(k->ifname, sizeof(k->ifname), "%s",
			 p->interfaces[interface - 1]);
}
