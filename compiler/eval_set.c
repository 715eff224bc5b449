/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * eval_set - is this packet's value in that set, as it is written?
 *
 * In: a list of elements. Out: the same members, sorted, with those of named
 * sets among them; then yes or no for a value, by bisection.
 */
#include "eval_parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static int by_known_name(const void *key, const void *k)
{
	return strcmp(key, ((const struct known *)k)->name);
}

struct known *known_find(const struct eval *e, const char *name)
{
	struct known *k = bsearch(name, e->known, e->nknown, sizeof(*k),
				  by_known_name);

	assert(k);
	return k;
}

struct list_place {
	const struct ast_elements *list;
	size_t next;
};

void each_element(struct eval *e, const struct ast_elements *list,
		  take_element *take, void *ctx)
{
	size_t n = 0;

	e->stamp++;
	*arena_push(e->arena, e->stack, n, e->stack_cap) =
		(struct list_place){ list, 0 };
	while (n) {
		struct list_place *top = &e->stack[n - 1];
		const struct ast_element *k;
		struct known *named;

		if (top->next == top->list->n) {
			n--;
			continue;
		}
		k = &top->list->v[top->next++];
		if (k->kind != AST_NAME_REF) {
			take(ctx, k);
			continue;
		}
		named = known_find(e, k->text);
		if (named->stamp == e->stamp)
			continue;
		named->stamp = e->stamp;
		*arena_push(e->arena, e->stack, n, e->stack_cap) =
			(struct list_place){ &named->set->elements, 0 };
	}
}

struct collecting {
	struct arena *arena;
	struct values *values;
};

static void collect_span(struct arena *a, struct spans *s,
			 const struct ast_element *e)
{
	*arena_push(a, s->v, s->n, s->cap) = (struct span){ e->low, e->high };
}

static void collect(void *ctx, const struct ast_element *e)
{
	const struct collecting *c = ctx;
	struct values *v = c->values;

	if (e->kind == AST_STRING)
		*arena_push(c->arena, v->names, v->nnames, v->names_cap) =
			e->text;
	else if (e->kind == AST_NUMBER)
		collect_span(c->arena, &v->number, e);
	else
		collect_span(c->arena, e->family == 4 ? &v->in4 : &v->in6, e);
}

static int by_low(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return x->low < y->low ? -1 : x->low > y->low;
}

static void sort_spans(struct spans *s)
{
	size_t i;

	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), by_low);
	for (i = 1; i < s->n; i++)
		if (s->v[i].high < s->v[i - 1].high)
			s->v[i].high = s->v[i - 1].high;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const struct values *make_values(struct eval *e,
					const struct ast_elements *l)
{
	struct values *v = arena_alloc(e->arena, sizeof(*v));
	struct collecting c = { e->arena, v };

	each_element(e, l, collect, &c);
	sort_spans(&v->in4);
	sort_spans(&v->in6);
	sort_spans(&v->number);
	if (v->nnames)
		qsort(v->names, v->nnames, sizeof(*v->names), by_text);
	return v;
}

/* A set that is named alone is made once, however many rules name it. */
const struct values *values_of(struct eval *e, const struct ast_elements *l)
{
	struct known *k;

	if (l->n != 1 || l->v->kind != AST_NAME_REF)
		return make_values(e, l);
	k = known_find(e, l->v->text);
	if (!k->values)
		k->values = make_values(e, &k->set->elements);
	return k->values;
}

static bool holds(const struct spans *s, u128 value)
{
	size_t low = 0, high = s->n;

	while (low < high) {	/* how many begin at VALUE or below */
		size_t middle = low + (high - low) / 2;

		if (s->v[middle].low <= value)
			low = middle + 1;
		else
			high = middle;
	}
	return low && s->v[low - 1].high >= value;
}

bool values_address(const struct values *v, unsigned int family, u128 a)
{
	return holds(family == 4 ? &v->in4 : &v->in6, a);
}

bool values_number(const struct values *v, uint32_t number)
{
	return holds(&v->number, number);
}

/* By its name, or by its number. */
bool values_interface(const struct values *v, const struct packet *p)
{
	const char *name = p->ifname;

	if (v->nnames && bsearch(&name, v->names, v->nnames,
				 sizeof(*v->names), by_text))
		return true;
	return values_number(v, p->ifindex);
}
