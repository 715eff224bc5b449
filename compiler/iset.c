/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iset - sets of numbers as sorted, disjoint, non-adjacent closed intervals
 *
 * In: intervals in any order, or sets. Out: new immutable sets (or one of the
 * operands, when the result equals it). An intersection skips by doubling
 * steps, so a small set against a large one costs the small one times the
 * logarithm of the large one, and takes memory for the result only.
 */
#include "iset.h"

#include <stdlib.h>
#include <string.h>

#include "../grammar/arena.h"

static const struct iset empty;

static int by_low(const void *a, const void *b)
{
	const struct interval *x = a, *y = b;

	if (x->low != y->low)
		return x->low < y->low ? -1 : 1;
	return x->high < y->high ? -1 : x->high > y->high;
}

static const struct iset *iset_new(struct arena *a, const struct interval *v,
				   size_t n)
{
	struct iset *s;

	if (!n)
		return &empty;
	s = arena_alloc(a, sizeof(*s));
	s->v = v;
	s->n = n;
	return s;
}

/* Appends LOW..HIGH, which begins nowhere before the last one does. */
static void append(struct interval *v, size_t *n, u128 low, u128 high)
{
	struct interval *last = *n ? &v[*n - 1] : NULL;

	if (last && (low <= last->high || low - 1 == last->high)) {
		if (high > last->high)
			last->high = high;
		return;
	}
	v[*n].low = low;
	v[*n].high = high;
	++*n;
}

const struct iset *iset_build(struct arena *a, struct interval *v, size_t n)
{
	size_t i, kept = 0;

	for (i = 1; i < n; i++)
		if (v[i].low < v[i - 1].low)
			break;
	if (i < n)	/* text written by programs often is in order */
		qsort(v, n, sizeof(*v), by_low);
	for (i = 0; i < n; i++)
		append(v, &kept, v[i].low, v[i].high);
	return iset_new(a, v, kept);
}

const struct iset *iset_range(struct arena *a, u128 low, u128 high)
{
	struct interval *v = arena_alloc(a, sizeof(*v));

	v->low = low;
	v->high = high;
	return iset_new(a, v, 1);
}

const struct iset *iset_union(struct arena *a, const struct iset *x,
			      const struct iset *y)
{
	struct interval *v;
	size_t i = 0, j = 0, n = 0;

	if (!y->n || x == y)
		return x;
	if (!x->n)
		return y;
	v = arena_array(a, x->n + y->n, sizeof(*v));
	while (i < x->n || j < y->n) {
		const struct interval *next;

		if (j == y->n || (i < x->n && x->v[i].low <= y->v[j].low))
			next = &x->v[i++];
		else
			next = &y->v[j++];
		append(v, &n, next->low, next->high);
	}
	return iset_new(a, v, n);
}

/* The first interval from I on that does not end below LOW. */
static size_t skip(const struct iset *s, size_t i, u128 low)
{
	size_t step = 1, end;

	if (i == s->n || s->v[i].high >= low)
		return i;
	while (step < s->n - i && s->v[i + step].high < low) {
		i += step;
		step *= 2;
	}
	end = step < s->n - i ? i + step : s->n;
	while (end - i > 1) {	/* v[i] ends below LOW, v[end] does not */
		size_t middle = i + (end - i) / 2;

		if (s->v[middle].high < low)
			i = middle;
		else
			end = middle;
	}
	return end;
}

struct cursor {
	size_t i, j;
};

/* The next common interval of X and Y; false at the end. */
static bool common(const struct iset *x, const struct iset *y,
		   struct cursor *c, struct interval *out)
{
	while (c->i < x->n && c->j < y->n) {
		const struct interval *p = &x->v[c->i], *q = &y->v[c->j];

		if (p->high < q->low) {
			c->i = skip(x, c->i, q->low);
			continue;
		}
		if (q->high < p->low) {
			c->j = skip(y, c->j, p->low);
			continue;
		}
		out->low = p->low > q->low ? p->low : q->low;
		out->high = p->high < q->high ? p->high : q->high;
		if (p->high < q->high)
			c->i++;
		else
			c->j++;
		return true;
	}
	return false;
}

static bool same(const struct iset *x, size_t i, const struct interval *k)
{
	return i < x->n && x->v[i].low == k->low && x->v[i].high == k->high;
}

const struct iset *iset_intersect(struct arena *a, const struct iset *x,
				  const struct iset *y)
{
	bool is_x = true, is_y = true;
	struct cursor c = { 0, 0 };
	struct interval k, *v;
	size_t n;

	for (n = 0; common(x, y, &c, &k); n++) {
		is_x = is_x && same(x, n, &k);
		is_y = is_y && same(y, n, &k);
	}
	if (is_x && n == x->n)
		return x;
	if (is_y && n == y->n)
		return y;
	v = arena_array(a, n, sizeof(*v));
	c = (struct cursor){ 0, 0 };
	for (n = 0; common(x, y, &c, &k); n++)
		v[n] = k;
	return iset_new(a, v, n);
}

const struct iset *iset_complement(struct arena *a, const struct iset *x,
				   u128 highest)
{
	struct interval *v = arena_array(a, x->n + 1, sizeof(*v));
	size_t i, n = 0;
	u128 next = 0;	/* the lowest value not yet decided */

	for (i = 0; i < x->n && x->v[i].low <= highest; i++) {
		if (x->v[i].low > next)
			append(v, &n, next, x->v[i].low - 1);
		if (x->v[i].high >= highest)
			return iset_new(a, v, n);
		next = x->v[i].high + 1;
	}
	append(v, &n, next, highest);
	return iset_new(a, v, n);
}

bool iset_lowest(const struct iset *x, u128 from, u128 *value)
{
	size_t low = 0, high = x->n;

	while (low < high) {	/* the first that ends at FROM or above */
		size_t middle = low + (high - low) / 2;

		if (x->v[middle].high < from)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == x->n)
		return false;
	*value = x->v[low].low > from ? x->v[low].low : from;
	return true;
}

bool iset_contains(const struct iset *x, u128 value)
{
	u128 lowest;

	if (x->n == 1)	/* most sets are */
		return x->v->low <= value && value <= x->v->high;
	return iset_lowest(x, value, &lowest) && lowest == value;
}

bool iset_equal(const struct iset *x, const struct iset *y)
{
	size_t i;

	if (x->n != y->n)
		return false;
	for (i = 0; x != y && i < x->n; i++)
		if (!same(x, i, &y->v[i]))
			return false;
	return true;
}
