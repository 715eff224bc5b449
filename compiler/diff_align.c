/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff_align - which terms only one of two policies has
 *
 * In: two policies made comparable. Out: their terms in order, with a mark at
 * those that have no partner in the other policy: an equal term that does the
 * same, so that partners stand in one order on both sides. Of a packet's first
 * terms in both policies, one has no partner, or both do the same: if each had
 * one, each would stand before the other's.
 *
 * Two terms between the same partners that differ in one field only are made
 * two each: what is in both of them, and what is not. So one prefix more in a
 * set is no more than that prefix. Near O(n log n).
 */
#include "diff_walk.h"

#include <stdlib.h>
#include <string.h>

struct entry {			/* a term, to find its equals */
	uint64_t hash;
	uint32_t at;
	uint8_t side;
};

struct aligner {
	struct diff *d;
	uint32_t *doing[SIDES];		/* by action: equal = does the same */
	struct aligned *out;
	uint32_t *partner;		/* by old term: the new, + 1; or 0 */
};

/* -------------------------------------------------------------- doing */

static uint32_t *put_effects(struct diff *d, int side, uint32_t outcome,
			     uint32_t *at)
{
	for (unsigned int kind = 0; kind < SLOT_KINDS; kind++)
		*at++ = d->effect[side][kind][outcome];
	return at;
}

/* What ACTION does: effects; of a split also where they begin, and the hash. */
static void fill_doing(struct diff *d, int side, const struct action *action,
		       struct words *w)
{
	const struct split *s = action->split;
	size_t parts = s ? s->nparts : 0;
	uint32_t *at;

	w->v = arena_array(d->a, SLOT_KINDS + 12 + parts * (SLOT_KINDS + 1),
			   sizeof(*w->v));
	at = w->v;
	if (!s)
		at = put_effects(d, side, action->outcome, at);
	else
		*at++ = (uint32_t)s->seed, *at++ = (uint32_t)(s->seed >> 32);
	for (size_t i = 0; s && i < s->nkeys; i++)
		*at++ = s->keys[i];
	for (size_t i = 0; i < parts; i++) {
		*at++ = s->starts[i];
		at = put_effects(d, side, s->outcomes[i], at);
	}
	*at++ = (uint32_t)parts;
	w->n = (size_t)(at - w->v);
}

static void number_doing(struct aligner *x)
{
	struct diff *d = x->d;
	size_t n = 0, most = d->p[OLD].nactions + d->p[NEW].nactions;
	struct words *w = arena_array(d->a, most, sizeof(*w));

	for (int side = 0; side < SIDES; side++) {
		const struct policy *p = &d->p[side];

		x->doing[side] = arena_array(d->a, p->nactions,
					     sizeof(uint32_t));
		for (size_t i = 0; i < p->nactions; i++, n++) {
			fill_doing(d, side, &p->actions[i], &w[n]);
			w[n].number = &x->doing[side][i];
		}
	}
	words_number(w, n);
}

/* -------------------------------------------------------------- terms */

static uint32_t doing_of(const struct aligner *x, int side, size_t i)
{
	return x->doing[side][x->out[side].v[i].action];
}

static void add_term(struct diff *d, struct aligned *to,
		     const struct term *term, uint32_t action)
{
	struct clause *c = arena_push(d->a, to->v, to->n, to->cap);

	*c = (struct clause){ .action = action };
	*arena_push(d->a, c->terms.v, c->terms.n, c->terms.cap) = *term;
}

static void list_terms(struct aligner *x, int side)
{
	const struct policy *p = &x->d->p[side];

	for (size_t i = 0; i < p->nclauses; i++)
		for (size_t k = 0; k < p->clauses[i].terms.n; k++)
			add_term(x->d, &x->out[side], &p->clauses[i].terms.v[k],
				 p->clauses[i].action);
}

static uint64_t mix(uint64_t h, u128 value)
{
	h = (h ^ (uint64_t)value) * 0x9E3779B97F4A7C15;
	h = (h ^ h >> 32 ^ (uint64_t)(value >> 64)) * 0x9E3779B97F4A7C15;
	return h ^ h >> 29;
}

static uint64_t hash_of(const struct aligner *x, int side, size_t i)
{
	const struct term *t = x->out[side].v[i].terms.v;
	uint64_t h = mix(0, doing_of(x, side, i));

	for (int f = 0; f < FIELD_COUNT; f++)
		for (size_t k = 0; t->set[f] && k < t->set[f]->n; k++) {
			h = mix(h + (uint64_t)f, t->set[f]->v[k].low);
			h = mix(h, t->set[f]->v[k].high);
		}
	return h;
}

static bool same_set(const struct iset *x, const struct iset *y)
{
	return x == y || (x && y && iset_equal(x, y));
}

/* In how many fields they differ; *LAST is one of those. */
static int differing_fields(const struct term *x, const struct term *y,
			    int *last)
{
	int n = 0;

	for (int f = 0; f < FIELD_COUNT; f++)
		if (!same_set(x->set[f], y->set[f])) {
			*last = f;
			n++;
		}
	return n;
}

static bool are_equal(const struct aligner *x, size_t old, size_t new)
{
	int last;

	return doing_of(x, OLD, old) == doing_of(x, NEW, new) &&
	       !differing_fields(x->out[OLD].v[old].terms.v,
				 x->out[NEW].v[new].terms.v, &last);
}

/* ----------------------------------------------------------- partners */

static int by_hash(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	if (x->side != y->side)
		return x->side - y->side;
	return x->at < y->at ? -1 : x->at > y->at;
}

/* Of the N terms of one hash, the k-th of one side and of the other. */
static void pair_up(struct aligner *x, const struct entry *v, size_t n)
{
	size_t old = 0;

	while (old < n && v[old].side == OLD)
		old++;
	for (size_t i = 0; i < old && old + i < n; i++) {
		uint32_t a = v[i].at, b = v[old + i].at;

		if (are_equal(x, a, b))
			x->partner[a] = b + 1;
	}
}

static void find_equals(struct aligner *x)
{
	size_t all = x->out[OLD].n + x->out[NEW].n, n = 0, end;
	struct entry *v = arena_array(x->d->a, all, sizeof(*v));

	x->partner = arena_array(x->d->a, x->out[OLD].n, sizeof(uint32_t));
	for (uint8_t side = 0; side < SIDES; side++)
		for (uint32_t i = 0; i < x->out[side].n; i++)
			v[n++] = (struct entry){ hash_of(x, side, i), i,
						 side };
	qsort(v, n, sizeof(*v), by_hash);
	for (size_t i = 0; i < n; i = end) {
		for (end = i + 1; end < n && v[end].hash == v[i].hash; end++)
			;
		pair_up(x, &v[i], end - i);
	}
}

/* How many of the N chains end before WHERE. */
static size_t chain_before(const uint32_t *ends, const uint32_t *partner,
			   size_t n, uint32_t where)
{
	size_t low = 0;

	while (low < n) {
		size_t middle = low + (n - low) / 2;

		if (partner[ends[middle]] < where)
			low = middle + 1;
		else
			n = middle;
	}
	return low;
}

/*
 * Keeps those partners that stand in one order on both sides, as many as can
 * be: the longest rising sequence.
 */
static void keep_order(struct aligner *x)
{
	size_t n = x->out[OLD].n, length = 0;
	uint32_t *ends = arena_array(x->d->a, n + 1, sizeof(*ends));
	uint32_t *before = arena_array(x->d->a, n + 1, sizeof(*before));
	uint32_t *partner = x->partner, last;

	for (int side = 0; side < SIDES; side++) {
		struct aligned *out = &x->out[side];

		out->alone = arena_array(x->d->a, out->n + 1, sizeof(bool));
		memset(out->alone, true, out->n);
	}
	for (uint32_t i = 0; i < n; i++) {
		size_t k;

		if (!partner[i])
			continue;
		k = chain_before(ends, partner, length, partner[i]);
		before[i] = k ? ends[k - 1] : UINT32_MAX;
		ends[k] = i;
		length += k == length;
	}
	last = length ? ends[length - 1] : UINT32_MAX;
	for (; last != UINT32_MAX; last = before[last]) {
		x->out[OLD].alone[last] = false;
		x->out[NEW].alone[partner[last] - 1] = false;
	}
}

static void align(struct aligner *x)
{
	find_equals(x);
	keep_order(x);
}

/* -------------------------------------------------------- what is left */

/* The term of OWN as two: what OTHER has, too; what it has not comes first. */
static void add_split(struct aligner *x, struct aligned *to,
		      const struct clause *own, const struct term *other,
		      int field)
{
	struct arena *a = x->d->a;
	struct term rest = *own->terms.v, both = rest;
	const struct iset *not_other = iset_complement(a, other->set[field],
						       field_highest(field));

	rest.set[field] = iset_intersect(a, rest.set[field], not_other);
	both.set[field] = iset_intersect(a, both.set[field],
					 other->set[field]);
	if (rest.set[field]->n)
		add_term(x->d, to, &rest, own->action);
	add_term(x->d, to, &both, own->action);
}

/* Whether the terms I and K differ in one field, and meet there. */
static bool are_similar(const struct aligner *x, const size_t i[SIDES],
			int *field)
{
	const struct term *old = x->out[OLD].v[i[OLD]].terms.v;
	const struct term *new = x->out[NEW].v[i[NEW]].terms.v;

	return doing_of(x, OLD, i[OLD]) == doing_of(x, NEW, i[NEW]) &&
	       differing_fields(old, new, field) == 1 &&
	       old->set[*field] && new->set[*field] &&
	       iset_intersect(x->d->a, old->set[*field],
			      new->set[*field])->n;
}

static void copy_one(struct aligner *x, struct aligned *to, int side, size_t i)
{
	const struct clause *c = &x->out[side].v[i];

	add_term(x->d, to, c->terms.v, c->action);
}

/* The k-th terms without partner between two partners, on either side. */
static void split_similar(struct aligner *x, struct aligned to[SIDES])
{
	const struct aligned *out = x->out;
	size_t i[SIDES] = { 0, 0 };
	int field;

	while (i[OLD] < out[OLD].n || i[NEW] < out[NEW].n) {
		bool alone[SIDES];

		for (int side = 0; side < SIDES; side++)
			alone[side] = i[side] < out[side].n &&
				out[side].alone[i[side]];
		if (alone[OLD] && alone[NEW] && are_similar(x, i, &field)) {
			for (int side = 0; side < SIDES; side++)
				add_split(x, &to[side], &out[side].v[i[side]],
					  out[!side].v[i[!side]].terms.v,
					  field);
			i[OLD]++;
			i[NEW]++;
			continue;
		}
		for (int side = 0; side < SIDES; side++)
			if (alone[side] || !alone[!side])
				copy_one(x, &to[side], side, i[side]++);
	}
}

void diff_align(struct diff *d, struct aligned out[SIDES])
{
	struct aligned split[SIDES] = { { 0 }, { 0 } };
	struct aligner x = { .d = d, .out = out };

	number_doing(&x);
	for (int side = 0; side < SIDES; side++) {
		out[side] = (struct aligned){ 0 };
		list_terms(&x, side);
	}
	align(&x);
	split_similar(&x, split);
	memcpy(out, split, sizeof(split));
	align(&x);
}
