/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resolve_term - products of sets, and unions of them
 *
 * In: terms. Out: terms; sets are shared, not copied, wherever one side
 * leaves a field open. Empty products are dropped, so that a terms without
 * elements is the only spelling of "no packet".
 */
#include "resolve.h"

const struct iset *term_set(const struct iset *s, u128 highest)
{
	if (s->n == 1 && !s->v[0].low && s->v[0].high >= highest)
		return NULL;
	return s;
}

/* False when no packet is in both. */
bool term_intersect(struct arena *a, const struct term *x,
		    const struct term *y, struct term *out)
{
	unsigned int f;

	for (f = 0; f < FIELD_COUNT; f++) {
		const struct iset *p = x->set[f], *q = y->set[f];

		if (!p || p == q)
			out->set[f] = q;
		else if (!q)
			out->set[f] = p;
		else
			out->set[f] = iset_intersect(a, p, q);
		if (out->set[f] && !out->set[f]->n)
			return false;
	}
	return true;
}

void terms_add(struct arena *a, struct terms *t, const struct term *term)
{
	*arena_push(a, t->v, t->n, t->cap) = *term;
}

static bool is_every(const struct terms *t)
{
	return t->n == 1 && !terms_fields(t);
}

struct terms terms_product(struct arena *a, const struct terms *x,
			   const struct terms *y)
{
	struct terms out = { 0 };
	size_t i, j;

	if (is_every(x))
		return *y;
	if (is_every(y))
		return *x;
	for (i = 0; i < x->n; i++)
		for (j = 0; j < y->n; j++) {
			struct term t;

			if (term_intersect(a, &x->v[i], &y->v[j], &t))
				terms_add(a, &out, &t);
		}
	return out;
}

uint32_t terms_fields(const struct terms *t)
{
	uint32_t mask = 0;
	unsigned int f;
	size_t i;

	for (i = 0; i < t->n; i++)
		for (f = 0; f < FIELD_COUNT; f++)
			if (t->v[i].set[f])
				mask |= 1u << f;
	return mask;
}

static unsigned int two_bits(const struct iset *s)
{
	if (!s)
		return 3;
	return iset_contains(s, 0) | iset_contains(s, 1) << 1;
}

uint8_t terms_kinds(const struct terms *t)
{
	unsigned int family, protocol, mask = 0;
	size_t i;

	for (i = 0; i < t->n; i++) {
		unsigned int f = two_bits(t->v[i].set[FIELD_FAMILY]);
		unsigned int p = two_bits(t->v[i].set[FIELD_PROTOCOL]);

		for (family = 0; family < 2; family++)
			for (protocol = 0; protocol < 2; protocol++)
				if (f >> family & p >> protocol & 1)
					mask |= 1u << SLOT_KIND(family,
								protocol);
	}
	return mask;
}
