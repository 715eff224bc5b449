/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove_rule - the rules, cut down to what is still possible
 *
 * In: clauses. Out: nodes: lists of terms that a packet may still be in, in
 * order, without the fields that are known to hold, and without what cannot
 * matter any more. Equal lists are one node. Cutting a node by a word sweeps
 * over the ends of its terms once, so a set of n prefixes costs n log n.
 */
#include <stdlib.h>
#include <string.h>

#include "prove_private.h"

/* ------------------------------------------------------------- interning */

static uint64_t hash_set(const struct iset *s)
{
	uint64_t h = s->n;

	for (size_t i = 0; i < s->n; i++) {
		h = prove_hash(h, (uint64_t)s->v[i].low);
		h = prove_hash(h, (uint64_t)(s->v[i].low >> 64));
		h = prove_hash(h, (uint64_t)s->v[i].high);
		h = prove_hash(h, (uint64_t)(s->v[i].high >> 64));
	}
	return h;
}

static bool equal_set(const struct prove *p, uint32_t i, const void *key)
{
	const struct iset *x = p->sets[i], *y = key;

	return x == y || (x->n == y->n &&
			  !memcmp(x->v, y->v, x->n * sizeof(*x->v)));
}

static uint64_t set_hash(const struct prove *p, uint32_t i)
{
	return hash_set(p->sets[i]);
}

static uint32_t intern_set(struct prove *p, const struct iset *s)
{
	uint32_t *slot = prove_find(p, &p->set_table, hash_set(s), equal_set,
				    s);
	uint32_t i = *slot;

	if (i)
		return i;
	*slot = i = (uint32_t)p->nsets;
	*arena_push(p->a, p->sets, p->nsets, p->sets_cap) = s;
	prove_added(p, &p->set_table, set_hash);
	return i;
}

static uint64_t hash_term(const struct open_term *t)
{
	uint64_t h = t->deed;

	for (int f = 0; f < FIELD_COUNT; f++)
		h = prove_hash(h, t->set[f]);
	return h;
}

static bool equal_term(const struct prove *p, uint32_t i, const void *key)
{
	const struct open_term *x = &p->terms[i], *y = key;

	return x->deed == y->deed && !memcmp(x->set, y->set, sizeof(x->set));
}

static uint64_t term_hash(const struct prove *p, uint32_t i)
{
	return hash_term(&p->terms[i]);
}

static uint32_t intern_term(struct prove *p, const struct open_term *t)
{
	uint32_t *slot = prove_find(p, &p->term_table, hash_term(t),
				    equal_term, t);
	uint32_t i = *slot;

	if (i)
		return i;
	*slot = i = (uint32_t)p->nterms;
	*arena_push(p->a, p->terms, p->nterms, p->terms_cap) = *t;
	memset(p->terms[i].without, 0, sizeof(t->without));
	prove_added(p, &p->term_table, term_hash);
	return i;
}

static uint32_t term_without(struct prove *p, uint32_t i, uint32_t field)
{
	struct open_term t = p->terms[i];

	if (t.without[field])
		return t.without[field];
	t.set[field] = 0;
	t.fields &= ~(1u << field);
	uint32_t w = intern_term(p, &t);

	p->terms[i].without[field] = w;
	return w;
}

static bool equal_node(const struct prove *p, uint32_t i, const void *key)
{
	const struct node *x = &p->nodes[i], *y = key;

	return x->hash == y->hash && x->n == y->n &&
	       !memcmp(x->depth, y->depth, sizeof(x->depth)) &&
	       !memcmp(x->prefix, y->prefix, sizeof(x->prefix)) &&
	       !memcmp(x->v, y->v, x->n * sizeof(*x->v));
}

static uint64_t node_hash(const struct prove *p, uint32_t i)
{
	return p->nodes[i].hash;
}

static void canonical(struct prove *p, struct node *n, uint32_t *v)
{
	static const uint32_t address[] = { FIELD_LADDR6, FIELD_RADDR6 };
	uint64_t h;

	/* what is before the last and does the same changes nothing */
	while (n->n > 1 && p->terms[v[n->n - 2]].deed ==
	       p->terms[v[n->n - 1]].deed) {
		v[n->n - 2] = v[n->n - 1];
		n->n--;
	}
	n->fields = 0;
	h = n->n;
	for (uint32_t i = 0; i < n->n; i++) {
		n->fields |= p->terms[v[i]].fields;
		h = prove_hash(h, v[i]);
	}
	for (int k = 0; k < 2; k++) {
		if (!(n->fields >> address[k] & 1)) {
			n->depth[k] = 0;
			n->prefix[k] = 0;
		}
		h = prove_hash(h, n->depth[k]);
		h = prove_hash(h, (uint64_t)n->prefix[k]);
		h = prove_hash(h, (uint64_t)(n->prefix[k] >> 64));
	}
	n->hash = (uint32_t)(h >> 32);
	n->v = v;
}

/* V is changed; copied when the node is new. */
static uint32_t intern_node(struct prove *p, struct node *n, uint32_t *v)
{
	uint32_t *slot, *copy, i;

	canonical(p, n, v);
	slot = prove_find(p, &p->node_table, n->hash, equal_node, n);
	i = *slot;
	if (i)
		return i;
	*slot = i = (uint32_t)p->nnodes;
	copy = arena_array(p->a, n->n, sizeof(*copy));
	memcpy(copy, v, n->n * sizeof(*copy));
	n->v = copy;
	*arena_push(p->a, p->nodes, p->nnodes, p->nodes_cap) = *n;
	prove_added(p, &p->node_table, node_hash);
	return i;
}

/* ------------------------------------------------------------------ root */

static bool same_outcome(const struct policy *p, uint32_t a, uint32_t b)
{
	const struct outcome *x = &p->outcomes[a], *y = &p->outcomes[b];
	const struct policy_rule *r = &p->rules[x->rule];
	const struct policy_rule *s = &p->rules[y->rule];

	if (x->nsteps != y->nsteps || x->pass != y->pass ||
	    r->counter != s->counter || r->trace != s->trace ||
	    (r->trace && x->rule != y->rule))
		return false;
	for (uint32_t i = 0; i < x->nsteps; i++)
		if (x->steps[i].socket != y->steps[i].socket ||
		    x->steps[i].flags != y->steps[i].flags)
			return false;
	return true;
}

static uint64_t outcome_hash(const struct policy *p, uint32_t i)
{
	const struct outcome *o = &p->outcomes[i];
	const struct policy_rule *r = &p->rules[o->rule];
	uint64_t h = prove_hash(o->pass, r->counter);

	for (uint32_t k = 0; k < o->nsteps; k++)
		h = prove_hash(h, (uint64_t)o->steps[k].socket << 8 |
			       o->steps[k].flags);
	return r->trace ? prove_hash(h, o->rule) : h;
}

static bool equal_deed(const struct prove *p, uint32_t i, const void *key)
{
	const struct deed *x = &p->deeds[i], *y = key;

	if (x->split || y->split)
		return x->split == y->split;
	return same_outcome(p->policy, x->outcome, y->outcome);
}

static uint64_t deed_hash(const struct prove *p, uint32_t i)
{
	const struct deed *d = &p->deeds[i];

	return d->split ? prove_hash(1, d->split->seed) :
		outcome_hash(p->policy, d->outcome);
}

static void find_deeds(struct prove *p)
{
	const struct policy *y = p->policy;
	struct table t = { 0 };

	p->deed_of_action = arena_array(p->a, y->nactions, 4);
	(void)arena_push(p->a, p->deeds, p->ndeeds, p->deeds_cap);
	for (size_t i = 0; i < y->nactions; i++) {
		struct deed d = { y->actions[i].split, y->actions[i].outcome };
		uint32_t k = (uint32_t)p->ndeeds, *slot;

		*arena_push(p->a, p->deeds, p->ndeeds, p->deeds_cap) = d;
		slot = prove_find(p, &t, deed_hash(p, k), equal_deed, &d);
		if (*slot) {
			p->ndeeds--;
			p->deed_of_action[i] = *slot;
			continue;
		}
		*slot = p->deed_of_action[i] = k;
		prove_added(p, &t, deed_hash);
	}
}

static uint32_t open_of(struct prove *p, const struct term *t, uint32_t deed)
{
	struct open_term o = { .deed = deed };

	for (int f = 0; f < FIELD_COUNT; f++)
		if (t->set[f]) {
			o.set[f] = intern_set(p, t->set[f]);
			o.fields |= 1u << f;
		}
	return intern_term(p, &o);
}

void rule_begin(struct prove *p)
{
	/* number 0 of each is nothing */
	(void)arena_push(p->a, p->sets, p->nsets, p->sets_cap);
	(void)arena_push(p->a, p->terms, p->nterms, p->terms_cap);
	(void)arena_push(p->a, p->nodes, p->nnodes, p->nodes_cap);
	find_deeds(p);
}

/* Terms in order, up to the first that holds every packet. */
struct list {
	uint32_t *v;
	size_t n, cap;
	bool whole;
};

static void list_add(struct prove *p, struct list *l, const struct term *t,
		     uint32_t deed)
{
	uint32_t i;

	if (l->whole)
		return;
	i = open_of(p, t, deed);
	*arena_push(p->a, l->v, l->n, l->cap) = i;
	l->whole = !p->terms[i].fields;
}

static uint32_t list_node(struct prove *p, const struct list *l)
{
	struct node n = { .n = (uint32_t)l->n };

	return intern_node(p, &n, l->v);
}

static bool is_left(struct prove *p, size_t term, const struct term *t)
{
	return !p->forest || !p->forest->tree_of[term] || !hosts_answer(p, t);
}

/* All terms, or those that are LEFT. */
static uint32_t root_of(struct prove *p, bool left)
{
	struct list l = { 0 };
	size_t term = 0;

	for (size_t i = 0; i < p->policy->nclauses; i++) {
		const struct clause *c = &p->policy->clauses[i];

		for (size_t k = 0; k < c->terms.n; k++, term++)
			if (!left || is_left(p, term, &c->terms.v[k]))
				list_add(p, &l, &c->terms.v[k],
					 p->deed_of_action[c->action]);
	}
	return list_node(p, &l);
}

uint32_t rule_root(struct prove *p)
{
	return root_of(p, false);
}

uint32_t rule_left(struct prove *p)
{
	return root_of(p, true);
}

uint32_t rule_tree(struct prove *p, uint32_t tree)
{
	static const struct term any;
	struct list l = { 0 };
	size_t term = 0;

	for (size_t i = 0; i < p->policy->nclauses; i++) {
		const struct clause *c = &p->policy->clauses[i];

		for (size_t k = 0; k < c->terms.n; k++)
			if (p->forest->tree_of[term++] == tree)
				list_add(p, &l, &c->terms.v[k],
					 p->forest->rank[i]);
	}
	list_add(p, &l, &any, TREE_NOTHING);
	return list_node(p, &l);
}

/* --------------------------------------------------------------- cutting */

static int address_of(uint32_t field)
{
	return field == FIELD_LADDR6 ? 0 : field == FIELD_RADDR6 ? 1 : -1;
}

bool rule_is_open(const struct prove *p, uint32_t node, uint32_t field)
{
	return p->nodes[node].fields >> field & 1;
}

uint32_t rule_next_word(const struct prove *p, uint32_t node, uint32_t field)
{
	int k = address_of(field);
	uint32_t w = 0;

	while (prove_words[w].field != field)
		w++;
	return k < 0 ? w : w + p->nodes[node].depth[k];
}

/* Whether anybody asks for a value from LOW to HIGH. */
static bool is_asked(const struct pieces *asked, uint32_t low, uint32_t high)
{
	size_t a = 0, b = asked ? asked->n : 0;

	while (a < b) {		/* the first piece that does not end before */
		size_t m = a + (b - a) / 2;

		if (asked->v[m].high < low)
			a = m + 1;
		else
			b = m;
	}
	if (!asked)
		return true;
	while (a < asked->n && asked->v[a].to.kind == TO_LEFT)
		a++;
	return a < asked->n && asked->v[a].low <= high;
}

static void add_segment(struct prove *p, struct level *l, struct range in,
			struct segment s)
{
	if (s.low < in.low)
		s.low = in.low;
	if (s.high > in.high)
		s.high = in.high;
	if (s.low <= s.high && is_asked(l->asked, s.low, s.high))
		*arena_push(p->a, l->v, l->n, l->cap) = s;
}

/* One interval as values of the word: its ends may be known in part only. */
static void add_interval(struct prove *p, struct level *l, struct range in,
			 u128 low, u128 high, unsigned int shift,
			 uint32_t item)
{
	u128 below = ((u128)1 << shift) - 1;
	uint32_t a = (uint32_t)(low >> shift), b = (uint32_t)(high >> shift);
	bool a_whole = !(low & below), b_whole = (high & below) == below;

	if (a == b) {
		add_segment(p, l, in, (struct segment){ a, a, item,
			    a_whole && b_whole });
		return;
	}
	if (!a_whole)
		add_segment(p, l, in, (struct segment){ a, a, item, false });
	if (!b_whole)
		add_segment(p, l, in, (struct segment){ b, b, item, false });
	if ((uint64_t)a + !a_whole + !b_whole <= b)
		add_segment(p, l, in, (struct segment){ a + !a_whole,
			    b - !b_whole, item, true });
}

/* The first interval of S that ends at LOW or above. */
static size_t first_interval(const struct iset *s, u128 low)
{
	size_t a = 0, b = s->n;

	while (a < b) {
		size_t m = a + (b - a) / 2;

		if (s->v[m].high < low)
			a = m + 1;
		else
			b = m;
	}
	return a;
}

static int by_low(const void *x, const void *y)
{
	const struct segment *a = x, *b = y;

	if (a->low != b->low)
		return a->low < b->low ? -1 : 1;
	return a->item < b->item ? -1 : a->item > b->item;
}

static void find_segments(struct prove *p, struct level *l, uint32_t node,
			  uint32_t word)
{
	const struct node *n = &p->nodes[node];
	uint32_t field = prove_words[word].field;
	unsigned int shift = prove_words[word].shift;
	int k = address_of(field);
	struct range in = p->box[word];
	u128 top = 0, low, high;

	if (k >= 0 && n->depth[k])
		top = n->prefix[k] << (shift + 32);
	low = top | (u128)in.low << shift;
	high = top | (u128)in.high << shift | (((u128)1 << shift) - 1);
	l->n = l->nfree = 0;
	for (uint32_t i = 0; i < n->n; i++) {
		uint32_t set = p->terms[n->v[i]].set[field];
		const struct iset *s = p->sets[set];

		if (!set) {
			*arena_push(p->a, l->free, l->nfree, l->free_cap) = i;
			continue;
		}
		for (size_t j = first_interval(s, low);
		     j < s->n && s->v[j].low <= high; j++)
			add_interval(p, l, in,
				     s->v[j].low < low ? low : s->v[j].low,
				     s->v[j].high > high ? high : s->v[j].high,
				     shift, i);
	}
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), by_low);
}

static void activate(struct prove *p, struct level *l, struct segment s)
{
	size_t i = l->nactive;

	(void)arena_push(p->a, l->active, l->nactive, l->active_cap);
	for (; i && l->active[i - 1].item > s.item; i--)
		l->active[i] = l->active[i - 1];
	l->active[i] = s;
}

static void add_item(struct prove *p, struct level *l, uint32_t term)
{
	size_t n = l->nitems;

	for (size_t i = n; i > 0 && i + 8 > n; i--)
		if (l->items[i - 1] == term)
			return;
	*arena_push(p->a, l->items, l->nitems, l->items_cap) = term;
}

/* The node for one range of values, for which the ACTIVE are possible. */
static uint32_t cut_node(struct prove *p, struct level *l, uint32_t node,
			 uint32_t word, uint32_t value)
{
	struct node n = p->nodes[node];
	uint32_t field = prove_words[word].field;
	int k = address_of(field);
	size_t i = 0, j = 0;

	l->nitems = 0;
	while (i < l->nactive || j < l->nfree) {
		uint32_t t;

		if (j == l->nfree || (i < l->nactive &&
				      l->active[i].item < l->free[j])) {
			t = n.v[l->active[i].item];
			if (l->active[i].whole)
				t = term_without(p, t, field);
			i++;
		} else {
			t = n.v[l->free[j++]];
		}
		add_item(p, l, t);
		if (!p->terms[t].fields)
			break;
	}
	if (k >= 0) {
		n.depth[k]++;
		n.prefix[k] = n.prefix[k] << 32 | value;
	}
	n.n = (uint32_t)l->nitems;
	return intern_node(p, &n, l->items);
}

static void forget(struct level *l, uint64_t at)
{
	size_t n = 0;

	for (size_t i = 0; i < l->nactive; i++)
		if (l->active[i].high >= at)
			l->active[n++] = l->active[i];
	l->nactive = n;
}

bool rule_sweep(struct prove *p, uint32_t node, uint32_t word,
		const struct pieces *asked, rule_each *each, void *ctx)
{
	struct range in = p->box[word], old = in;
	uint64_t at = in.low;
	struct level *l;
	size_t next = 0;
	bool ok = true;

	if (p->depth == PROVE_DEPTH)
		return prove_give_up(p, "paths are too long");
	l = &p->level[p->depth++];
	l->asked = asked;
	find_segments(p, l, node, word);
	l->nactive = 0;
	while (ok && at <= in.high) {
		uint32_t to = in.high, n;
		struct range r;

		forget(l, at);
		while (next < l->n && l->v[next].low <= at)
			activate(p, l, l->v[next++]);
		if (next < l->n)
			to = l->v[next].low - 1;
		for (size_t i = 0; i < l->nactive; i++)
			if (l->active[i].high < to)
				to = l->active[i].high;
		r = (struct range){ (uint32_t)at, to };
		at = (uint64_t)to + 1;
		if (!is_asked(asked, r.low, r.high))
			continue;
		n = cut_node(p, l, node, word, r.low);
		ok = each(p, n, r, ctx);
	}
	p->depth--;
	if (ok)
		p->box[word] = old;
	return ok;
}
