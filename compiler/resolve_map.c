/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resolve_map - a map's keys to groups of equal right and verdict
 *
 * In: keys with ranks. Out: groups, those that go first first; the first
 * group that holds a packet decides. Keys of one rank never overlap (that is
 * duplicate-key), so all keys of one rank and verdict can be one union,
 * whatever the order they were written in: a million prefixes become as many
 * groups as there are lengths and verdicts.
 */
#include "mapkey.h"

#include <stdlib.h>

#include "../grammar/print.h"

#define COMPARE(x, y)                                                        \
	do {                                                                 \
		if ((x) != (y))                                              \
			return (x) < (y) ? -1 : 1;                           \
	} while (0)

/* Keys that may overlap with equal right become neighbours. */
static int by_place(const void *a, const void *b)
{
	const struct mapkey *x = a, *y = b;

	COMPARE(x->rank, y->rank);
	COMPARE(x->space, y->space);
	COMPARE(x->low, y->low);
	COMPARE(x->port_low, y->port_low);
	COMPARE(x->entry, y->entry);
	return 0;
}

/* Keys of one group become neighbours, those of one term inside it too. */
static int by_group(const void *a, const void *b)
{
	const struct mapkey *x = a, *y = b;

	COMPARE(x->rank, y->rank);
	COMPARE(x->verdict, y->verdict);
	COMPARE(x->port_low, y->port_low);
	COMPARE(x->space, y->space);
	COMPARE(x->low, y->low);
	COMPARE(x->entry, y->entry);
	return 0;
}

static const char *key_text(struct mapper *k, const struct mapkey *key)
{
	unsigned int bits = key->space == SPACE_IP4 ? 32 : 128;
	u128 size = key->high - key->low;
	struct arena *a = k->r->a;
	char buf[64];

	switch ((enum key_space)key->space) {
	case SPACE_NONE:
		break;
	case SPACE_NAME:
		return arena_printf(a, "\"%s\"", k->r->p->interfaces[
				    (size_t)key->low - 1]);
	case SPACE_INDEX:
		return arena_printf(a, "%llu", (unsigned long long)key->low);
	case SPACE_IP4:
	case SPACE_IP6:
		for (; size; size >>= 1)
			bits--;
		print_address(buf, key->space == SPACE_IP4 ? 4 : 6, key->low);
		return arena_printf(a, "%s/%u", buf, bits);
	}
	if (key->port_low == key->port_high)
		return arena_printf(a, "%u", key->port_low);
	return arena_printf(a, "%u-%u", key->port_low, key->port_high);
}

static void say_duplicate(struct mapper *k, const struct mapkey *x,
			  const struct mapkey *y)
{
	const struct mapkey *first = x->entry < y->entry ? x : y;
	const struct mapkey *second = first == x ? y : x;
	bool equal = x->port_low == y->port_low;
	struct diag *d;

	if (equal)
		d = diag_add(k->r->d, DIAG_DUPLICATE_KEY,
			     &second->element->place,
			     "the key `%s` is in two entries",
			     key_text(k, second));
	else
		d = diag_add(k->r->d, DIAG_DUPLICATE_KEY,
			     &second->element->place,
			     "the port ranges %u-%u and %u-%u cross, and neither is narrower",
			     second->port_low, second->port_high,
			     first->port_low, first->port_high);
	d->label = equal ? "the second" : "crosses";
	d->also.place = first->element->place;
	d->also.text = equal ? "the first" : "this one";
	if (!equal)
		d->help = "cut one of the ranges: the narrower one wins";
	k->m->bad = true;
}

/* Ranges of one rank are of one width, so neighbours suffice. */
static void find_duplicates(struct mapper *k)
{
	size_t i;

	for (i = 1; i < k->nkeys && !diag_full(k->r->d); i++) {
		const struct mapkey *x = &k->keys[i - 1], *y = &k->keys[i];

		if (x->rank == y->rank && x->space == y->space &&
		    x->low == y->low && y->port_low <= x->port_high &&
		    x->entry != y->entry)
			say_duplicate(k, x, y);
	}
}

static void term_first(struct resolver *r, const struct shape *s,
		       uint8_t space, const struct iset *set, struct term *t)
{
	bool to = s->first == AST_KEY_TO;
	enum field f = FIELD_IFINDEX;

	switch ((enum key_space)space) {
	case SPACE_NONE:
		return;
	case SPACE_IP4:
		t->set[FIELD_FAMILY] = r->bit[0];
		f = to ? FIELD_LADDR4 : FIELD_RADDR4;
		break;
	case SPACE_IP6:
		t->set[FIELD_FAMILY] = r->bit[1];
		f = to ? FIELD_LADDR6 : FIELD_RADDR6;
		break;
	case SPACE_NAME:
		f = FIELD_IFNAME;
		break;
	case SPACE_INDEX:
		break;
	}
	t->set[f] = term_set(set, field_highest(f));
}

struct block {			/* keys that differ in their first list only */
	const struct iset *first;
	uint16_t port_low, port_high;
	uint8_t space;
};

/* Blocks that differ in their ports only become neighbours. */
static int by_first(const void *a, const void *b)
{
	const struct block *x = a, *y = b;
	size_t i;

	COMPARE(x->space, y->space);
	COMPARE(x->first->n, y->first->n);
	for (i = 0; x->first != y->first && i < x->first->n; i++) {
		COMPARE(x->first->v[i].low, y->first->v[i].low);
		COMPARE(x->first->v[i].high, y->first->v[i].high);
	}
	COMPARE(x->port_low, y->port_low);
	return 0;
}

static struct block make_block(struct mapper *k, size_t begin, size_t end)
{
	struct interval *v = arena_array(k->r->a, end - begin, sizeof(*v));
	const struct mapkey *key = &k->keys[begin];
	size_t i;

	for (i = begin; i < end; i++) {
		v[i - begin].low = k->keys[i].low;
		v[i - begin].high = k->keys[i].high;
	}
	return (struct block){ iset_build(k->r->a, v, end - begin),
			       key->port_low, key->port_high, key->space };
}

/* One term of the N blocks at B, which differ in their ports only. */
static void add_term(struct mapper *k, struct terms *t, const struct block *b,
		     size_t n)
{
	enum field f = k->shape.port == AST_KEY_PORT ? FIELD_LPORT :
		FIELD_RPORT;
	struct interval *v;
	struct term term = { { NULL } };
	size_t i;

	term_first(k->r, &k->shape, b->space, b->first, &term);
	if (k->shape.has_port) {
		v = arena_array(k->r->a, n, sizeof(*v));
		for (i = 0; i < n; i++)
			v[i] = (struct interval){ b[i].port_low,
						  b[i].port_high };
		term.set[f] = term_set(iset_build(k->r->a, v, n), UINT16_MAX);
	}
	terms_add(k->r->a, t, &term);
}

static void blocks_to_terms(struct mapper *k, struct block *b, size_t n,
			    struct terms *t)
{
	size_t i, begin = 0;

	if (n > 1)
		qsort(b, n, sizeof(*b), by_first);
	for (i = 1; i <= n; i++) {
		if (i < n && b[i].space == b[begin].space &&
		    iset_equal(b[i].first, b[begin].first))
			continue;
		add_term(k, t, &b[begin], i - begin);
		begin = i;
	}
}

static bool same_block(const struct mapkey *x, const struct mapkey *y)
{
	return x->port_low == y->port_low && x->space == y->space;
}

/* The group of keys BEGIN..END-1. */
static void add_group(struct mapper *k, size_t begin, size_t end)
{
	struct resolver *r = k->r;
	struct map_group *g = arena_push(r->a, k->m->groups, k->m->ngroups,
					 k->m->groups_cap);
	uint32_t first = k->keys[begin].entry;
	struct block *b = NULL;
	size_t i, n = 0, cap = 0, from = begin;

	for (i = begin + 1; i <= end; i++) {
		if (k->keys[i - 1].entry < first)
			first = k->keys[i - 1].entry;
		if (i < end && same_block(&k->keys[from], &k->keys[i]))
			continue;
		*arena_push(r->a, b, n, cap) = make_block(k, from, i);
		from = i;
	}
	*g = (struct map_group){ .verdict = k->keys[begin].verdict,
				 .first = &k->m->ast->entries[first] };
	blocks_to_terms(k, b, n, &g->terms);
}

static void make_groups(struct mapper *k)
{
	struct map_info *m = k->m;
	size_t i, begin = 0;

	for (i = 1; i <= k->nkeys; i++) {
		const struct mapkey *x = &k->keys[begin], *y = &k->keys[i];

		if (i < k->nkeys && x->rank == y->rank &&
		    x->verdict == y->verdict)
			continue;
		add_group(k, begin, i);
		begin = i;
	}
	if (k->standard)
		*arena_push(k->r->a, m->groups, m->ngroups, m->groups_cap) =
			(struct map_group){ k->standard_verdict, k->standard,
					    k->r->every };
}

void map_resolve(struct resolver *r, struct map_info *m)
{
	struct mapper k = { .r = r, .m = m };

	if (m->done)
		return;
	m->done = true;
	if (!mapkey_shape(&k)) {
		m->bad = true;
		return;
	}
	mapkey_read(&k);
	if (k.nkeys)
		qsort(k.keys, k.nkeys, sizeof(*k.keys), by_place);
	find_duplicates(&k);
	if (m->bad)
		return;
	if (k.nkeys)
		qsort(k.keys, k.nkeys, sizeof(*k.keys), by_group);
	make_groups(&k);
}
