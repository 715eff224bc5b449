/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host_cells - what is done with the packets of a host, by port
 *
 * In: see hosts.h. Out: cells of ports. The diagrams are walked with what is
 * known of the packet; where they ask for something else, all ways are gone. A
 * cell has the lowest and the highest number that some way leads to: effects,
 * of which all must be one; or clauses, of which the lowest that any tree finds
 * decides, so that a tree that surely finds a lower one than others may makes
 * these silent. What is below a node that asks for nothing that is known is the
 * same for all hosts, and found once. Of pairs all ports are looked at, if these
 * are few; else, and of one host, those that its rules are about: elsewhere others
 * decide.
 */
#include <string.h>

#include "../grammar/arena.h"
#include "hosts.h"

enum {
	CELLS = 1024,
	STEPS = 4096,		/* nodes and leaves of one diagram */
	PORTS = 1 << 16,
	NOTHING = UINT32_MAX,	/* no way was gone */
};

struct cell {
	uint32_t cut;		/* where it begins */
	uint32_t low, high;
};

struct cells {
	uint32_t n;
	bool failed;		/* too many, or too many steps */
	struct cell v[CELLS];
};

/* The cells of a node for all ports, from 0 on. */
struct list {
	uint32_t n;		/* 0: there are too many */
	struct cell *v;
};

struct host_memo {		/* of one diagram */
	bool *open;		/* by node: nothing below is known of a host */
	struct list **list;	/* by such a node, or NULL */
};

struct walk {
	const struct host_question *q;
	const struct diagram *d;
	const struct host_memo *memo;
	const struct host *h;
	uint32_t protocol;
	uint32_t steps;
	struct cells *to;
};

/* ---------------------------------------------------------------- cells */

/* The cell that begins at X; all of them end at 2 * PORTS. */
static uint32_t cell_at(struct cells *c, uint32_t x)
{
	uint32_t i = 0, end = c->n;

	while (i < end) {	/* how many cuts are below X */
		uint32_t middle = i + (end - i) / 2;

		if (c->v[middle].cut < x)
			i = middle + 1;
		else
			end = middle;
	}
	if ((i < c->n && c->v[i].cut == x) || x == 2 * PORTS)
		return i;
	if (c->n == CELLS) {
		c->failed = true;
		return 0;
	}
	memmove(&c->v[i + 1], &c->v[i], (c->n - i) * sizeof(*c->v));
	c->n++;
	c->v[i] = c->v[i - 1];
	c->v[i].cut = x;
	return i;
}

/* From LOW to END one more way leads to some number of WHAT. */
static void add(struct cells *c, uint32_t low, uint32_t end, struct cell what)
{
	uint32_t i = cell_at(c, low), to = cell_at(c, end);

	for (; !c->failed && i < to; i++) {
		struct cell *k = &c->v[i];

		if (what.low < k->low)
			k->low = what.low;
		if (k->high == NOTHING || what.high > k->high)
			k->high = what.high;
	}
}

static void clear(struct cells *c)
{
	c->n = 1;
	c->failed = false;
	c->v[0] = (struct cell){ 0, NOTHING, NOTHING };
}

static uint32_t number_of(const struct hosts_input *in, dref leaf)
{
	if (leaf == DREF_NONE)	/* the default */
		return (uint32_t)in->policy->nclauses - 1;
	return in->diagram ? in->effects->of_action[dref_action(leaf)] :
		dref_action(leaf);
}

static uint32_t first_port(const struct dnode *n, uint32_t child)
{
	return child ? (uint32_t)n->cuts[child - 1] : 0;
}

static uint32_t end_port(const struct dnode *n, uint32_t child)
{
	return child < n->ncuts ? (uint32_t)n->cuts[child] : PORTS;
}

/* ----------------------------------------------- the same for all hosts */

static bool is_asked(const struct host_question *q, uint8_t field)
{
	switch (field) {
	case FIELD_LADDR4:
	case FIELD_LADDR6:
		return q->named & HOSTS_LOCAL;
	case FIELD_RADDR4:
	case FIELD_RADDR6:
		return q->named & HOSTS_REMOTE;
	default:
		return field == FIELD_FAMILY || field == FIELD_PROTOCOL;
	}
}

static struct host_memo memo_of(struct arena *a, const struct host_question *q,
				const struct diagram *d)
{
	struct host_memo m = {
		.open = arena_array(a, d->nnodes + 1, sizeof(*m.open)),
		.list = arena_array(a, d->nnodes + 1, sizeof(*m.list)),
	};

	for (uint32_t i = 0; i < d->nnodes; i++) {	/* children first */
		const struct dnode *n = &d->nodes[i];

		m.open[i] = !is_asked(q, n->field);
		for (uint32_t k = 0; k <= n->ncuts && m.open[i]; k++)
			m.open[i] = dref_is_leaf(n->children[k]) ||
				(n->children[k] < i && m.open[n->children[k]]);
	}
	return m;
}

struct host_memo *host_memos(struct arena *a, const struct host_question *q)
{
	const struct forest *f = q->in->forest;
	size_t n = f ? f->ntrees : 1;
	struct host_memo *out = arena_array(a, n, sizeof(*out));

	for (size_t i = 0; i < n; i++)
		out[i] = memo_of(a, q, f ? f->trees[i].diagram :
				 q->in->diagram);
	return out;
}

static void add_list(struct cells *to, const struct list *l, uint32_t first,
		     uint32_t low, uint32_t end)
{
	to->failed |= !l->n;
	for (uint32_t i = 0; i < l->n && !to->failed; i++) {
		uint32_t a = l->v[i].cut;
		uint32_t b = i + 1 < l->n ? l->v[i + 1].cut : PORTS;

		if (a < end && b > low)
			add(to, first + (a > low ? a : low),
			    first + (b < end ? b : end), l->v[i]);
	}
}

static const struct list *list_of(const struct walk *w, uint32_t node);

/* One child of a node that is asked for nothing that is known. */
static void add_child(const struct walk *w, struct cells *to, dref r,
		      uint32_t low, uint32_t end)
{
	struct cell leaf = { .cut = 0 };

	if (!dref_is_leaf(r)) {
		add_list(to, list_of(w, r), 0, low, end);
		return;
	}
	leaf.low = leaf.high = number_of(w->q->in, r);
	add(to, low, end, leaf);
}

static const struct list *list_of(const struct walk *w, uint32_t node)
{
	const struct dnode *n = &w->d->nodes[node];
	struct list *l = w->memo->list[node];
	struct cells c;

	if (l)
		return l;
	clear(&c);
	for (uint32_t k = 0; k <= n->ncuts && !c.failed; k++)
		if (n->field == FIELD_LPORT)
			add_child(w, &c, n->children[k], first_port(n, k),
				  end_port(n, k));
		else
			add_child(w, &c, n->children[k], 0, PORTS);
	l = w->memo->list[node] = arena_alloc(w->q->arena, sizeof(*l));
	if (c.failed)
		return l;
	l->n = c.n;
	l->v = arena_array(w->q->arena, c.n, sizeof(*l->v));
	memcpy(l->v, c.v, c.n * sizeof(*l->v));
	return l;
}

/* ------------------------------------------------------------- one host */

/* The value of the field F, which is known. */
static u128 value_of(const struct walk *w, uint8_t f)
{
	switch (f) {
	case FIELD_FAMILY:
		return w->q->family;
	case FIELD_PROTOCOL:
		return w->protocol;
	case FIELD_LADDR4:
	case FIELD_LADDR6:
		return w->h->local;
	default:
		return w->h->remote;
	}
}

/* What R leads to for the ports LOW to END. */
static void walk(struct walk *w, dref r, uint32_t low, uint32_t end)
{
	uint32_t first = w->protocol * HOST_UDP;
	const struct dnode *n;

	if (w->to->failed || !w->steps--) {
		w->to->failed = true;
		return;
	}
	if (dref_is_leaf(r)) {
		uint32_t number = number_of(w->q->in, r);

		add(w->to, first + low, first + end,
		    (struct cell){ 0, number, number });
		return;
	}
	n = &w->d->nodes[r];
	if (w->memo->open[r]) {
		add_list(w->to, list_of(w, r), first, low, end);
		return;
	}
	if (is_asked(w->q, n->field)) {
		walk(w, n->children[dnode_child(n, value_of(w, n->field))],
		     low, end);
		return;
	}
	for (uint32_t k = 0; k <= n->ncuts; k++) {
		uint32_t a = low, b = end;

		if (n->field == FIELD_LPORT && first_port(n, k) > a)
			a = first_port(n, k);
		if (n->field == FIELD_LPORT && end_port(n, k) < b)
			b = end_port(n, k);
		if (a < b)
			walk(w, n->children[k], a, b);
	}
}

/* The ports of the protocol that T is about. */
static void walk_term(struct walk *w, const struct term *t)
{
	const struct iset *ports = t->set[FIELD_LPORT];
	const struct iset *protocols = t->set[FIELD_PROTOCOL];

	if (protocols && !iset_contains(protocols, w->protocol))
		return;
	if (!ports)
		walk(w, w->d->root, 0, PORTS);
	for (size_t i = 0; ports && i < ports->n; i++)
		walk(w, w->d->root, (uint32_t)ports->v[i].low,
		     (uint32_t)ports->v[i].high + 1);
}

/* ALL ports, or those that rules which name the host are about. */
static void cells_of(const struct host_question *q, size_t tree, bool all,
		     const struct host *h, struct cells *out)
{
	struct walk w = {
		.q = q, .memo = &q->memo[tree], .h = h, .to = out,
		.d = q->in->forest ? q->in->forest->trees[tree].diagram :
			q->in->diagram,
	};

	clear(out);
	for (w.protocol = 0; w.protocol < 2; w.protocol++) {
		w.steps = STEPS;
		if (all)
			walk(&w, w.d->root, 0, PORTS);
		for (size_t i = 0; i < q->n && !all; i++)
			walk_term(&w, q->rules[i].term);
	}
}

/* Of two trees the lower number decides. */
static void join(struct cells *c, const struct cells *x)
{
	uint32_t k = 0;

	c->failed |= x->failed;
	for (uint32_t i = 0; i < x->n && !c->failed; i++)
		(void)cell_at(c, x->v[i].cut);
	for (uint32_t i = 0; i < c->n && !c->failed; i++) {
		while (k + 1 < x->n && x->v[k + 1].cut <= c->v[i].cut)
			k++;
		if (x->v[k].low < c->v[i].low)
			c->v[i].low = x->v[k].low;
		if (x->v[k].high < c->v[i].high)
			c->v[i].high = x->v[k].high;
	}
}

static uint32_t effect_of(const struct host_question *q, const struct cell *c)
{
	const struct hosts_input *in = q->in;
	uint32_t e = c->low;

	if (c->low != c->high || c->low == NOTHING)
		return HOST_OPEN;
	if (in->forest)
		e = in->effects->of_action[in->policy->clauses[e].action];
	if (in->effects->v[e].kind == EFFECT_SPLIT ||
	    (in->effects->v[e].kind == EFFECT_STEPS &&
	     in->effects->v[e].first >= HOST_STEPS))
		return HOST_OPEN;
	return e;
}

static bool is_named(const struct host_question *q, uint32_t effect)
{
	for (size_t i = 0; i < q->n; i++)
		if (q->rules[i].effect == effect)
			return true;
	return false;
}

/* Into H, if there are few enough; NAMED: only what rules that name it do, as far
 * as there is room for it. */
static bool settle(const struct host_question *q, const struct cells *c,
		   bool named, struct host *h)
{
	uint32_t n = 0;
	bool any = false;

	for (uint32_t i = 0; i < c->n; i++) {
		uint32_t e = effect_of(q, &c->v[i]);

		if (named && (n >= HOST_CUTS || !is_named(q, e)))
			e = HOST_OPEN;
		if (n && h->effect[n - 1] == e)
			continue;
		if (n > HOST_CUTS)
			return false;
		if (n)
			h->cuts[n - 1] = c->v[i].cut;
		h->effect[n++] = e;
		any |= e != HOST_OPEN;
	}
	h->ncuts = n - 1;
	return any;
}

static void ask(const struct host_question *q, bool all, const struct host *h,
		struct cells *out)
{
	size_t n = q->in->forest ? q->in->forest->ntrees : 1;
	struct cells x;

	cells_of(q, 0, all, h, out);
	for (size_t i = 1; i < n && !out->failed; i++) {
		cells_of(q, i, all, h, &x);
		join(out, &x);
	}
}

bool host_cells(const struct host_question *q, struct host *h)
{
	struct cells c;

	if (q->named == (HOSTS_LOCAL | HOSTS_REMOTE)) {
		ask(q, true, h, &c);
		if (!c.failed && settle(q, &c, false, h))
			return true;
	}
	ask(q, false, h, &c);
	return !c.failed && (settle(q, &c, false, h) ||
			     settle(q, &c, true, h));
}
