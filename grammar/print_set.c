/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * print_set - lists of elements in one order
 *
 * In: elements in any order. Out: the same, sorted, each once: names, strings,
 * numbers, IPv4, IPv6. Merging also joins what overlaps or touches, and spells
 * each interval that results in one way: an address, a prefix, or else a
 * range. Promise: lists of the same members have the same text; a list that is
 * in order is not copied.
 *
 * Merging is for matches only: as keys of a map the members of a set count one
 * by one, and the longest prefix wins.
 */
#include <stdlib.h>
#include <string.h>

#include "print_text.h"

/* Kinds in order; addresses and prefixes are one, told apart by family. */
static unsigned int rank(const struct ast_element *e)
{
	switch ((enum ast_element_kind)e->kind) {
	case AST_NAME_REF: return 0;
	case AST_STRING: return 1;
	case AST_NUMBER: return 2;
	case AST_PREFIX:
	case AST_ADDRESS: break;
	}
	return e->family == 4 ? 3 : 4;
}

static bool is_text(const struct ast_element *e)
{
	return e->kind == AST_NAME_REF || e->kind == AST_STRING;
}

int print_compare(const struct ast_element *x, const struct ast_element *y)
{
	unsigned int rx = rank(x), ry = rank(y);

	if (rx != ry)
		return rx < ry ? -1 : 1;
	if (is_text(x))
		return strcmp(x->text, y->text);
	if (x->low != y->low)
		return x->low < y->low ? -1 : 1;
	if (x->high != y->high)		/* the wider first */
		return x->high > y->high ? -1 : 1;
	return 0;
}

static int compare(const void *x, const void *y)
{
	return print_compare(x, y);
}

/* The length of the prefix that is LOW..HIGH, or -1. */
static int prefix_length(unsigned int family, u128 low, u128 high)
{
	u128 size = high - low;		/* less one */
	int length = family == 4 ? 32 : 128;

	if (size & (size + 1) || low & size)
		return -1;
	for (; size; size >>= 1)
		length--;
	return length;
}

/* E in the one spelling of its interval. */
static void respell(struct ast_element *e)
{
	int length;

	if (!e->family)
		return;
	length = prefix_length(e->family, e->low, e->high);
	e->kind = length < 0 || e->low == e->high ? AST_ADDRESS : AST_PREFIX;
	e->length = e->kind == AST_PREFIX ? (uint8_t)length : 0;
}

/* Whether Y, which is not before X, goes into X. */
static bool joins(const struct ast_element *x, const struct ast_element *y,
		  bool merge)
{
	if (rank(x) != rank(y))
		return false;
	if (!merge || is_text(x))
		return !print_compare(x, y);
	return y->low <= x->high || y->low == x->high + 1;
}

static bool in_order(const struct ast_elements *e, bool merge)
{
	for (size_t i = 1; i < e->n; i++) {
		const struct ast_element *x = &e->v[i - 1], *y = &e->v[i];

		if (print_compare(x, y) > 0 || joins(x, y, merge))
			return false;
	}
	return true;
}

static void join_all(struct ast_elements *e, bool merge)
{
	size_t n = 0;

	for (size_t i = 0; i < e->n; i++) {
		struct ast_element *last = n ? &e->v[n - 1] : NULL;

		if (!last || !joins(last, &e->v[i], merge))
			e->v[n++] = e->v[i];
		else if (e->v[i].high > last->high)
			last->high = e->v[i].high;
	}
	e->n = n;
}

struct ast_elements print_order(struct arena *a, const struct ast_elements *e,
				bool merge)
{
	struct ast_elements sorted = *e;

	if (in_order(e, merge))
		return sorted;
	sorted.v = arena_array(a, e->n, sizeof(*sorted.v));
	memcpy(sorted.v, e->v, e->n * sizeof(*sorted.v));
	qsort(sorted.v, sorted.n, sizeof(*sorted.v), compare);
	join_all(&sorted, merge);
	return sorted;
}

void text_elements(struct text *t, const struct ast_elements *e, bool merge)
{
	struct ast_elements sorted = print_order(t->arena, e, merge);

	for (size_t i = 0; i < sorted.n; i++) {
		struct ast_element one = sorted.v[i];

		respell(&one);
		if (i)
			text_add(t, ", ");
		text_element(t, &one);
	}
}
