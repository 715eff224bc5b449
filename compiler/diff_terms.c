/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff_terms - two policies compared where they are not the same text
 *
 * In: two policies made comparable, of which no two diagrams of all packets can
 * be walked together. Out: the changes. Where the policies differ on a packet,
 * a term without partner (diff_align.c) decides it on one side. So those terms
 * are gone through, the old ones first, and of each the packets that it
 * decides: those of a new one only where no such old one decides them, too, so
 * that no packet is met twice. Of the term's packets small diagrams are built
 * of both policies; where these grow too large, of each half of them, and so
 * on.
 *
 * The work is bounded, for each term and in all, and counted in terms looked at
 * and nodes made: a rule that had to be left is in `unknown`.
 */
#include "diff_walk.h"

#include <stdlib.h>
#include <string.h>

enum {
	TRY_STEPS = 200000,	/* of one diagram */
	TERM_BUDGET = 30000000,
	CHECKS = 4,		/* terms asked about a packet cost as much */
	SAMPLE = 1024,		/* terms that are asked where to halve */
	SAMPLE_CUTS = 4,	/* of each set */
};

struct lists {			/* what is left of each policy */
	struct clause *v[SIDES];
	size_t n[SIDES];
};

struct comparer {
	struct diff *d;
	struct aligned terms[SIDES];
	/* The same terms with other leaves: nothing is asked about any, or
	 * about those that are alone. */
	struct clause *none[SIDES], *partners[SIDES];
	size_t budget;			/* of the term at hand */
};

static uint32_t not_asked(const struct comparer *x, int side)
{
	return (uint32_t)x->d->p[side].nactions;
}

static bool spend(struct comparer *x, size_t work)
{
	if (work > x->budget) {
		x->budget = 0;
		return false;
	}
	x->budget -= work;
	return true;
}

/* ------------------------------------------------------------ halving */

struct cuts {
	u128 *v;
	size_t n;
};

static u128 highest_of(const struct term *box, unsigned int field)
{
	const struct iset *s = box->set[field];

	return s ? s->v[s->n - 1].high : field_highest(field);
}

static void add_cuts(struct cuts *c, const struct iset *s, u128 low,
		     u128 high)
{
	for (size_t i = 0; s && i < s->n && i < SAMPLE_CUTS / 2; i++) {
		if (s->v[i].low > low && s->v[i].low <= high)
			c->v[c->n++] = s->v[i].low;
		if (s->v[i].high >= low && s->v[i].high < high)
			c->v[c->n++] = s->v[i].high + 1;
	}
}

/* Where the sets of FIELD begin and end inside of BOX. */
static struct cuts cuts_of(struct arena *a, const struct lists *l,
			   const struct term *box, unsigned int field)
{
	struct cuts c = { arena_array(a, SIDES * SAMPLE * SAMPLE_CUTS,
				      sizeof(u128)), 0 };
	u128 low = 0, high = highest_of(box, field);

	term_lowest(box, field, 0, &low);
	for (int side = 0; side < SIDES; side++) {
		size_t step = l->n[side] / SAMPLE + 1;

		for (size_t i = 0; i < l->n[side]; i += step)
			add_cuts(&c, l->v[side][i].terms.v->set[field], low,
				 high);
	}
	return c;
}

static int by_value(const void *a, const void *b)
{
	const u128 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static size_t count_different(const struct cuts *c)
{
	size_t n = 0;

	qsort(c->v, c->n, sizeof(*c->v), by_value);
	for (size_t i = 0; i < c->n; i++)
		n += !i || c->v[i] != c->v[i - 1];
	return n;
}

static bool of_both_families(const struct term *box)
{
	const struct iset *s = box->set[FIELD_FAMILY];

	return !s || s->v[0].low != s->v[s->n - 1].high;
}

/*
 * The field with the most cuts, and the middle one; false: there is none. A
 * term with an address is of one family.
 */
static bool find_middle(struct arena *a, const struct lists *l,
			const struct term *box, unsigned int *field,
			u128 *cut)
{
	size_t most = 0;

	*field = FIELD_FAMILY;
	*cut = 1;
	if (of_both_families(box))
		return true;
	for (unsigned int f = 0; f < FIELD_COUNT; f++) {
		struct cuts c = cuts_of(a, l, box, f);
		size_t n = count_different(&c);

		if (n <= most)
			continue;
		most = n;
		*field = f;
		*cut = c.v[c.n / 2];
	}
	return most;
}

/* ------------------------------------------------------------ regions */

/* What BOX leaves of the lists, in memory of this LEVEL. */
static bool narrow(struct comparer *x, const struct lists *from,
		   const struct term *box, struct arena *a, struct lists *out)
{
	for (int side = 0; side < SIDES; side++) {
		out->v[side] = arena_array(a, from->n[side] + 1,
					   sizeof(*out->v[side]));
		out->n[side] = clauses_within(a, from->v[side], from->n[side],
					      box, out->v[side]);
	}
	return spend(x, from->n[OLD] + from->n[NEW]);
}

/* Whether some packet here is asked about, on SIDE. */
static bool is_asked(const struct comparer *x, const struct lists *l,
		     int side)
{
	for (size_t i = 0; i < l->n[side]; i++)
		if (l->v[side][i].action != not_asked(x, side))
			return true;
	return false;
}

static bool build(struct comparer *x, const struct lists *l, struct arena *a)
{
	struct diagram_options o = { .order = order_plain,
				     .max_steps = TRY_STEPS };

	for (int side = 0; side < SIDES; side++) {
		struct diagram *d = diagram_build_clauses(a, l->v[side],
							  l->n[side], &o);

		x->d->d[side] = d;
		spend(x, d ? diagram_stats(d).cuts : TRY_STEPS);
		if (!d)
			return false;
	}
	return true;
}

static bool walk(struct comparer *x, const struct term *box)
{
	struct diff *d = x->d;
	size_t before = d->checked;
	bool done = diff_walk(d, box);

	spend(x, (d->checked - before) * (x->terms[OLD].n + x->terms[NEW].n) /
	      CHECKS);
	return done;
}

static bool compare_box(struct comparer *x, const struct lists *from,
			const struct term *box, unsigned int level);

static bool compare_halves(struct comparer *x, const struct lists *l,
			   const struct term *box, unsigned int level)
{
	struct arena *a = &x->d->levels[level];
	struct term half = *box;
	unsigned int field;
	u128 cut;

	if (level + 1 == DIFF_LEVELS || !find_middle(a, l, box, &field, &cut))
		return false;
	for (int i = 0; i < 2; i++) {
		const struct iset *s = i ?
			iset_range(a, cut, field_highest(field)) :
			iset_range(a, 0, cut - 1);

		half.set[field] = box->set[field] ?
			iset_intersect(a, box->set[field], s) : s;
		if (half.set[field]->n &&
		    !compare_box(x, l, &half, level + 1))
			return false;
	}
	return true;
}

static bool compare_lists(struct comparer *x, const struct lists *l,
			  const struct term *box, unsigned int level)
{
	if (!is_asked(x, l, OLD) || !is_asked(x, l, NEW))
		return true;
	x->d->work = &x->d->levels[level];
	if (build(x, l, x->d->work))
		return walk(x, box);
	return x->budget && compare_halves(x, l, box, level);
}

static bool compare_box(struct comparer *x, const struct lists *from,
			const struct term *box, unsigned int level)
{
	struct arena *a = &x->d->levels[level];
	struct lists l;
	bool done;

	arena_init(a, x->d->a->exhausted);
	done = narrow(x, from, box, a, &l) && compare_lists(x, &l, box, level);
	arena_free(a);
	return done;
}

/* -------------------------------------------------------------- terms */

static void leave(struct comparer *x, int side, uint32_t action)
{
	struct diff *d = x->d;
	uint32_t rule = d->p[side].actions[action].rule;
	const struct unknown *last = d->nunknown ?
		&d->unknown[d->nunknown - 1] : NULL;

	if (last && last->side == side && last->rule == rule)
		return;
	*arena_push(d->a, d->unknown, d->nunknown, d->unknown_cap) =
		(struct unknown){ rule, (uint8_t)side };
}

/* The packets that term I of SIDE decides. */
static void compare_term(struct comparer *x, int side, size_t i)
{
	const struct clause *c = &x->terms[side].v[i];
	struct clause *own = x->none[side];
	struct lists l;
	bool done;

	x->budget = x->d->budget < TERM_BUDGET ? x->d->budget : TERM_BUDGET;
	x->d->budget -= x->budget;
	l.v[side] = own;
	l.n[side] = i + 1;
	l.v[!side] = side == OLD ? x->terms[NEW].v : x->partners[OLD];
	l.n[!side] = x->terms[!side].n;
	own[i].action = c->action;
	done = x->budget && compare_box(x, &l, c->terms.v, 0);
	own[i].action = not_asked(x, side);
	x->d->budget += x->budget;
	if (!done)
		leave(x, side, c->action);
}

static void prepare(struct comparer *x, int side)
{
	const struct aligned *t = &x->terms[side];
	struct arena *a = x->d->a;

	x->none[side] = arena_array(a, t->n, sizeof(*x->none[side]));
	x->partners[side] = arena_array(a, t->n, sizeof(*x->partners[side]));
	for (size_t i = 0; i < t->n; i++) {
		x->none[side][i] = x->partners[side][i] = t->v[i];
		x->none[side][i].action = not_asked(x, side);
		if (t->alone[i])
			x->partners[side][i].action = not_asked(x, side);
	}
}

void diff_terms(struct diff *d)
{
	struct comparer *x = arena_alloc(d->a, sizeof(*x));

	x->d = d;
	diff_align(d, x->terms);
	for (int side = 0; side < SIDES; side++)
		prepare(x, side);
	for (int side = 0; side < SIDES; side++)
		for (size_t i = 0; i < x->terms[side].n; i++)
			if (x->terms[side].alone[i])
				compare_term(x, side, i);
}
