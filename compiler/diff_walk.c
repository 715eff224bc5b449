/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff_walk - two diagrams gone through together
 *
 * In: two diagrams made comparable, and a term of whose packets both are right.
 * Out: the changes, with packets of the term. For each kind of packet (family
 * and protocol), the pairs of nodes that some packet meets are visited: what
 * lies below a pair does not depend on the way to it. A pair below which
 * nothing differs is visited once, others once for each packet that is wanted
 * and once more, to know whether there are more. Splits are asked once, unless
 * they have so few packets that all were tried: others may come another way, so
 * such pairs are always visited again.
 */
#include "diff_walk.h"

#include <assert.h>
#include <string.h>

#include "witness.h"

enum {
	STEPS_MANY = 32000000,		/* with fewer left, each pair once */
	PAIR_BUDGET = 1 << 17,		/* for one pair of splits */
	REST = 4096,			/* after the first that differed */
	PAIRS_MIN = 1024,
};

struct walk {
	struct diff *d;
	struct term term;	/* whose packets are asked about, of one kind */
	unsigned int kind;
	uint8_t rank[FIELD_COUNT];
	struct box box;
	u128 v[FIELD_COUNT];
	struct pairs seen;
	size_t differences;		/* met so far */
	bool again;			/* below a pair visited before */
	uint32_t action[SIDES];		/* of the leaves at hand */
	uint32_t outcome[SIDES];	/* where they differ */
	bool apart;			/* two splits were told apart */
	size_t rest;			/* packets to try after that */
};

/* -------------------------------------------------------------- pairs */

static struct pair *find_pair(const struct pairs *p, uint64_t key)
{
	uint64_t h = (key ^ key >> 32) * 0x9E3779B97F4A7C15;
	size_t at = (size_t)(h ^ h >> 32) & (p->size - 1);

	while (p->v[at].value && p->v[at].key != key)
		at = (at + 1) & (p->size - 1);
	return &p->v[at];
}

/* The place of the pair; its value is 0 when it is new. */
static struct pair *pair_of(struct arena *a, struct pairs *p, uint32_t x,
			    uint32_t y)
{
	struct pairs old = *p;

	if (p->n * 2 >= p->size) {
		p->size = old.size ? 4 * old.size : PAIRS_MIN;
		p->v = arena_array(a, p->size, sizeof(*p->v));
		for (size_t i = 0; i < old.size; i++)
			if (old.v[i].value)
				*find_pair(p, old.v[i].key) = old.v[i];
	}
	return find_pair(p, (uint64_t)x << 32 | y);
}

static void put_pair(struct pairs *p, struct pair *at, uint32_t x, uint32_t y,
		     uint32_t value)
{
	p->n += !at->value;
	at->key = (uint64_t)x << 32 | y;
	at->value = value;
}

/* ------------------------------------------------------------- changes */

static uint32_t effect_of(const struct walk *w, int side, uint32_t outcome)
{
	return w->d->effect[side][w->kind][outcome];
}

static uint32_t choice_of(const struct walk *w, int side)
{
	const struct policy *p = &w->d->p[side];

	return policy_first_choice(p, &p->outcomes[w->outcome[side]],
				   w->kind & 1, w->kind >> 1);
}

static struct change *change_of(struct walk *w)
{
	uint32_t choice[SIDES] = { choice_of(w, OLD), choice_of(w, NEW) };
	struct diff *d = w->d;
	struct pair *at = pair_of(d->a, &d->by_outcome, w->outcome[OLD],
				  w->outcome[NEW]);
	struct change *c;
	uint32_t i;

	for (i = at->value; i; i = d->changes[i - 1].next)
		if (!memcmp(d->changes[i - 1].choice, choice, sizeof(choice)))
			return &d->changes[i - 1];
	c = arena_push(d->a, d->changes, d->nchanges, d->cap);
	*c = (struct change){ .next = at->value };
	for (int side = 0; side < SIDES; side++)
		c->rule[side] = d->p[side].actions[w->action[side]].rule;
	memcpy(c->outcome, w->outcome, sizeof(c->outcome));
	memcpy(c->choice, choice, sizeof(c->choice));
	put_pair(&d->by_outcome, at, w->outcome[OLD], w->outcome[NEW],
		 (uint32_t)d->nchanges);
	return c;
}

static bool still_differs(void *ctx, const u128 v[FIELD_COUNT])
{
	const struct walk *w = ctx;

	if (!term_holds(&w->term, v))
		return false;
	for (int side = 0; side < SIDES; side++)
		if (diagram_walk(w->d->d[side], v) !=
		    (DREF_LEAF | w->action[side]) ||
		    policy_action_outcome(&w->d->p[side], w->action[side],
					  v) != w->outcome[side])
			return false;
	return true;
}

static bool is_kept(const struct change *c, const u128 v[FIELD_COUNT])
{
	for (size_t i = 0; i < c->npackets; i++)
		if (!memcmp(c->packets[i], v, sizeof(c->packets[i])))
			return true;
	return false;
}

static void keep_packet(struct walk *w, struct change *c,
			const u128 found[FIELD_COUNT])
{
	u128 v[FIELD_COUNT];

	if (c->npackets == w->d->limit) {
		c->more = true;
		return;
	}
	memcpy(v, found, sizeof(v));
	witness_polish(v, still_differs, w);
	if (is_kept(c, v)) {
		c->more = true;
		return;
	}
	w->d->checked++;
	for (int side = 0; side < SIDES; side++)
		assert(policy_clause(&w->d->p[side], v)->action ==
		       w->action[side]);
	memcpy(arena_push(w->d->a, c->packets, c->npackets, c->cap), v,
	       sizeof(v));
}

/* ------------------------------------------------------------- splits */

struct parts {			/* of an action; without a split, one */
	const uint32_t *starts, *outcomes;
	size_t n;
};

static struct parts parts_of(const struct action *a)
{
	static const uint32_t zero;

	if (a->split)
		return (struct parts){ a->split->starts, a->split->outcomes,
				       a->split->nparts };
	return (struct parts){ &zero, &a->outcome, 1 };
}

/* Both give each packet the same hash, or do not ask for one. */
static bool same_hash(const struct split *x, const struct split *y)
{
	if (!x || !y)
		return true;
	return x->seed == y->seed && x->nkeys == y->nkeys &&
	       !memcmp(x->keys, y->keys, x->nkeys * sizeof(*x->keys));
}

static bool parts_differ(struct walk *w, uint32_t old, uint32_t new)
{
	w->outcome[OLD] = old;
	w->outcome[NEW] = new;
	return effect_of(w, OLD, old) != effect_of(w, NEW, new);
}

/* Whether some hash leads to different effects; sets W's outcomes to such. */
static bool may_differ(struct walk *w, const struct action *old,
		       const struct action *new)
{
	struct parts x = parts_of(old), y = parts_of(new);
	size_t i = 0, k = 0;

	if (!same_hash(old->split, new->split)) {
		for (i = 0; i < x.n; i++)
			for (k = 0; k < y.n; k++)
				if (parts_differ(w, x.outcomes[i],
						 y.outcomes[k]))
					return true;
		return false;
	}
	while (!parts_differ(w, x.outcomes[i], y.outcomes[k])) {
		bool more_x = i + 1 < x.n, more_y = k + 1 < y.n;
		uint32_t next_x = more_x ? x.starts[i + 1] : UINT32_MAX;
		uint32_t next_y = more_y ? y.starts[k + 1] : UINT32_MAX;

		if (!more_x && !more_y)
			return false;
		i += more_x && (!more_y || next_x <= next_y);
		k += more_y && (!more_x || next_y <= next_x);
	}
	return true;
}

/* Keeps V if it differs; true when enough were tried since the first one. */
static bool hashes_apart(void *ctx, const u128 v[FIELD_COUNT])
{
	struct walk *w = ctx;
	uint32_t old, new;

	old = policy_action_outcome(&w->d->p[OLD], w->action[OLD], v);
	new = policy_action_outcome(&w->d->p[NEW], w->action[NEW], v);
	if (parts_differ(w, old, new)) {
		keep_packet(w, change_of(w), v);
		w->apart = true;
	}
	return w->apart && !--w->rest;
}

/* False when it has to be asked again for packets that come another way. */
static bool compare_splits(struct walk *w, const struct split *old,
			   const struct split *new)
{
	size_t tries = w->d->tries;
	size_t budget = tries < PAIR_BUDGET ? tries : PAIR_BUDGET;
	struct witness_search s = {
		.term = &w->term, .test = hashes_apart, .ctx = w,
		.budget = budget,
	};
	uint32_t outcome[SIDES] = { w->outcome[OLD], w->outcome[NEW] };
	enum witness_found found;
	u128 v[FIELD_COUNT] = { 0 };

	w->apart = false;
	w->rest = REST;
	s.vary = (old ? split_fields(old) : 0) | (new ? split_fields(new) : 0);
	found = witness_in_box(&s, &w->box, v);
	w->d->tries -= budget - s.budget;
	if (found == WITNESS_UNKNOWN && !w->apart) {
		memcpy(w->outcome, outcome, sizeof(outcome));
		change_of(w);	/* they differ, and no packet shows it */
	}
	return found != WITNESS_NONE;
}

static bool compare(struct walk *w, dref x, dref y)
{
	const struct action *old, *new;

	w->action[OLD] = dref_action(x);
	w->action[NEW] = dref_action(y);
	for (int side = 0; side < SIDES; side++)
		if (w->action[side] >= w->d->p[side].nactions)
			return true;	/* not asked about */
	old = &w->d->p[OLD].actions[w->action[OLD]];
	new = &w->d->p[NEW].actions[w->action[NEW]];
	if (!may_differ(w, old, new))
		return true;
	w->differences++;
	if (old->split || new->split)
		return w->again || compare_splits(w, old->split, new->split);
	keep_packet(w, change_of(w), w->v);
	return true;
}

/* --------------------------------------------------------------- walk */

/* The node of R when it tests FIELD, else one that lets everything through. */
static struct dnode node_of(const struct diagram *d, dref *r,
			    unsigned int field)
{
	if (!dref_is_leaf(*r) && d->nodes[*r].field == field)
		return d->nodes[*r];
	return (struct dnode){ .children = r };
}

static unsigned int next_field(const struct walk *w, dref x, dref y)
{
	const struct dnode *n = w->d->d[OLD]->nodes;
	const struct dnode *m = w->d->d[NEW]->nodes;

	if (dref_is_leaf(x))
		return m[y].field;
	if (dref_is_leaf(y))
		return n[x].field;
	return w->rank[n[x].field] < w->rank[m[y].field] ? n[x].field :
		m[y].field;
}

static bool visit(struct walk *w, dref x, dref y);

static bool visit_interval(struct walk *w, unsigned int field, u128 low,
			   u128 high, dref x, dref y)
{
	u128 value;

	w->d->steps--;
	if (!term_lowest(&w->term, field, low, &value) || value > high)
		return true;	/* no packet of the term is there */
	w->v[field] = value;
	w->box.low[field] = low;
	w->box.high[field] = high;
	return visit(w, x, y);
}

static bool visit_children(struct walk *w, dref x, dref y)
{
	unsigned int field = next_field(w, x, y);
	struct dnode n = node_of(w->d->d[OLD], &x, field);
	struct dnode m = node_of(w->d->d[NEW], &y, field);
	u128 low_before = w->box.low[field], low = 0;
	u128 high_before = w->box.high[field], before = w->v[field];
	bool settled = true;

	for (uint32_t i = 0, k = 0; w->d->steps;) {
		u128 high_x = i < n.ncuts ? n.cuts[i] - 1 :
			field_highest(field);
		u128 high_y = k < m.ncuts ? m.cuts[k] - 1 :
			field_highest(field);
		u128 high = high_x < high_y ? high_x : high_y;

		settled &= visit_interval(w, field, low, high, n.children[i],
					  m.children[k]);
		if (high == field_highest(field))
			break;
		i += high_x == high;
		k += high_y == high;
		low = high + 1;
	}
	w->v[field] = before;
	w->box.low[field] = low_before;
	w->box.high[field] = high_before;
	return settled;
}

/* How often a pair was visited, once that is known to be enough or not. */
enum { ALIKE = 1, VISITED };	/* nothing differs below; VISITED + times */

static bool is_enough(const struct walk *w, uint32_t value)
{
	return value == ALIKE ||
	       (value && (value - VISITED > w->d->limit ||
			  w->d->steps < STEPS_MANY));
}

static bool visit(struct walk *w, dref x, dref y)
{
	size_t differences = w->differences;
	bool again = w->again, settled;
	struct pair *at;
	uint32_t value;

	if (dref_is_leaf(x) && dref_is_leaf(y))
		return compare(w, x, y);
	value = pair_of(w->d->work, &w->seen, x, y)->value;
	if (is_enough(w, value)) {
		w->differences += value != ALIKE;
		return true;
	}
	w->again = value;
	settled = visit_children(w, x, y);
	w->again = again;
	if (!settled)
		return false;
	if (w->differences == differences)
		value = ALIKE;
	else
		value = value ? value + 1 : VISITED + 1;
	at = pair_of(w->d->work, &w->seen, x, y);
	put_pair(&w->seen, at, x, y, value);
	return true;
}

/* TERM's packets of the kind at hand; false when there are none. */
static bool narrow(struct walk *w, const struct term *term)
{
	const uint8_t fields[] = { FIELD_FAMILY, FIELD_PROTOCOL,
				   FIELD_IFNAME };
	const u128 low[] = { w->kind & 1, w->kind >> 1, 0 };
	const u128 high[] = { low[0], low[1], w->d->p[OLD].ninterfaces };

	w->term = *term;
	for (int i = 0; i < 3; i++) {
		const struct iset **set = &w->term.set[fields[i]];
		const struct iset *all = iset_range(w->d->work, low[i],
						    high[i]);

		*set = *set ? iset_intersect(w->d->work, *set, all) : all;
	}
	for (int f = 0; f < FIELD_COUNT; f++)
		if (!term_lowest(&w->term, f, 0, &w->v[f]))
			return false;
	return true;
}

static void walk_kind(struct walk *w, const struct term *term,
		      unsigned int kind)
{
	w->kind = kind;
	w->seen = (struct pairs){ 0 };
	if (!narrow(w, term))
		return;
	for (unsigned int f = 0; f < FIELD_COUNT; f++) {
		w->box.low[f] = 0;
		w->box.high[f] = field_highest(f);
	}
	visit(w, w->d->d[OLD]->root, w->d->d[NEW]->root);
}

bool diff_walk(struct diff *d, const struct term *term)
{
	struct walk w = { .d = d };

	for (uint8_t i = 0; i < FIELD_COUNT; i++)
		w.rank[d->d[OLD]->order[i]] = i;
	for (unsigned int kind = 0; kind < SLOT_KINDS; kind++)
		walk_kind(&w, term, kind);
	return d->steps;
}
