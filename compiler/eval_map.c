/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * eval_map - which entry of a map does this packet get?
 *
 * In: a map as written. Out: its keys in levels, the most specific first: an
 * interface's name before its number, the longer prefix, then the narrower
 * range of ports, whatever the order of the keys after `by`. Two keys of one
 * level never overlap (that is an error in the text), so the first level that
 * has a key for the packet decides.
 */
#include "eval_parts.h"

#include <stdlib.h>
#include <string.h>

enum space { WHEREVER, NAMED, NUMBERED, IN_IP4, IN_IP6 };

struct key {
	u128 low;		/* of the prefix; or the interface's number */
	const char *name;	/* of the interface, else "" */
	const struct ast_entry *entry;
	uint16_t port_low, port_high;
	uint8_t space, length;	/* length: 0 but for prefixes */
};

struct level {
	const struct key *keys;
	size_t n;
};

struct table {
	const struct ast_map *map;
	const struct ast_entry *standard;	/* the `default` entry */
	struct key *keys;
	size_t nkeys, keys_cap;
	struct level *levels;
	size_t nlevels, levels_cap;
	bool by_place, by_port;	/* has a key of {to, from, on}, of ports */
	uint8_t place, port;	/* which, enum ast_key */
};

/* ------------------------------------------------------ reading it */

struct ports {
	struct spans spans;	/* as written, not sorted */
	struct arena *arena;
};

struct placing {		/* the first list of an entry */
	struct eval *e;
	struct table *t;
	const struct ports *ports;
	const struct ast_entry *entry;
};

static void take_ports(void *ctx, const struct ast_element *e)
{
	struct ports *p = ctx;
	struct spans *s = &p->spans;

	*arena_push(p->arena, s->v, s->n, s->cap) =
		(struct span){ e->low, e->high };
}

static void add_keys(const struct placing *c, struct key k)
{
	struct table *t = c->t;
	size_t i;

	k.entry = c->entry;
	for (i = 0; i < c->ports->spans.n; i++) {
		k.port_low = (uint16_t)c->ports->spans.v[i].low;
		k.port_high = (uint16_t)c->ports->spans.v[i].high;
		*arena_push(c->e->arena, t->keys, t->nkeys, t->keys_cap) = k;
	}
}

static void take_place(void *ctx, const struct ast_element *e)
{
	struct key k = { .low = e->low, .name = "" };

	switch ((enum ast_element_kind)e->kind) {
	case AST_STRING:
		k.space = NAMED;
		k.low = 0;
		k.name = e->text;
		break;
	case AST_NUMBER:
		k.space = NUMBERED;
		break;
	case AST_PREFIX:
	case AST_ADDRESS:
		k.space = e->family == 4 ? IN_IP4 : IN_IP6;
		k.length = e->kind == AST_PREFIX ? e->length :
			e->family == 4 ? 32 : 128;
		break;
	case AST_NAME_REF:	/* each_element() has gone into it */
		break;
	}
	add_keys(ctx, k);
}

/* PORTS is scratch, so that a million entries need it once. */
static void read_entry(struct eval *e, struct table *t, struct ports *ports,
		       const struct ast_entry *entry)
{
	struct placing c = { e, t, ports, entry };
	const struct ast_elements *list = t->by_place ? &entry->ports :
		&entry->keys;
	const struct ast_element any = { .high = UINT16_MAX };

	if (entry->is_default) {
		t->standard = entry;
		return;
	}
	ports->spans.n = 0;
	if (t->by_port)
		each_element(e, list, take_ports, ports);
	if (!t->by_port || (t->by_place && !entry->ports.n))
		take_ports(ports, &any);
	if (t->by_place)
		each_element(e, &entry->keys, take_place, &c);
	else
		add_keys(&c, (struct key){ .name = "" });
}

static int width(const struct key *k)
{
	return k->port_high - k->port_low;
}

static int compare_level(const struct key *x, const struct key *y)
{
	if (x->space != y->space)
		return x->space - y->space;
	if (x->length != y->length)
		return y->length - x->length;
	return width(x) - width(y);
}

static int compare_value(const struct key *x, const struct key *y)
{
	int names;

	if (x->low != y->low)
		return x->low < y->low ? -1 : 1;
	names = strcmp(x->name, y->name);
	return names ? names : x->port_low - y->port_low;
}

static int by_level(const void *a, const void *b)
{
	int order = compare_level(a, b);

	return order ? order : compare_value(a, b);
}

static void make_levels(struct eval *e, struct table *t)
{
	size_t i;

	if (t->nkeys)
		qsort(t->keys, t->nkeys, sizeof(*t->keys), by_level);
	for (i = 0; i < t->nkeys; i++) {
		if (!i || compare_level(&t->keys[i - 1], &t->keys[i]))
			*arena_push(e->arena, t->levels, t->nlevels,
				    t->levels_cap) =
				(struct level){ &t->keys[i], 0 };
		t->levels[t->nlevels - 1].n++;
	}
}

static struct table *make_table(struct eval *e, const struct ast_map *map)
{
	struct table *t = arena_alloc(e->arena, sizeof(*t));
	struct ports ports = { .arena = e->arena };
	size_t i;

	t->map = map;
	for (i = 0; i < map->keys.n; i++) {
		uint8_t key = map->keys.v[i];

		if (key == AST_KEY_PORT || key == AST_KEY_FROM_PORT) {
			t->by_port = true;
			t->port = key;
		} else {
			t->by_place = true;
			t->place = key;
		}
	}
	for (i = 0; i < map->nentries; i++)
		read_entry(e, t, &ports, &map->entries[i]);
	make_levels(e, t);
	return t;
}

struct table *table_of(struct eval *e, const char *name)
{
	struct known *k = known_find(e, name);

	if (!k->table)
		k->table = make_table(e, k->map);
	return k->table;
}

const struct ast_map *table_map(const struct table *t)
{
	return t->map;
}

/* ------------------------------------------------------- asking it */

static u128 masked(u128 address, unsigned int bits, unsigned int length)
{
	if (!length)
		return 0;
	return address >> (bits - length) << (bits - length);
}

/* What a key of level L must be to hold P; false when none can. */
static bool wanted(const struct table *t, const struct level *l,
		   const struct packet *p, struct key *k)
{
	u128 address = t->place == AST_KEY_TO ? p->local : p->remote;

	*k = *l->keys;
	k->name = "";
	k->low = 0;
	k->port_low = t->by_port && t->port == AST_KEY_FROM_PORT ?
		p->remote_port : p->local_port;
	switch ((enum space)k->space) {
	case WHEREVER:
		return true;
	case NAMED:
		k->name = p->ifname;
		return true;
	case NUMBERED:
		k->low = p->ifindex;
		return true;
	case IN_IP4:
		k->low = masked(address, 32, k->length);
		return p->family == 4;
	case IN_IP6:
		k->low = masked(address, 128, k->length);
		return p->family == 6;
	}
	return false;
}

static const struct ast_entry *level_find(const struct level *l,
					  const struct key *k)
{
	size_t low = 0, high = l->n;
	const struct key *last;

	while (low < high) {	/* how many are K or below */
		size_t middle = low + (high - low) / 2;

		if (compare_value(&l->keys[middle], k) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return NULL;
	last = &l->keys[low - 1];
	if (last->low != k->low || strcmp(last->name, k->name))
		return NULL;
	return k->port_low <= last->port_high ? last->entry : NULL;
}

const struct ast_entry *table_find(const struct table *t,
				   const struct packet *p)
{
	size_t i;

	for (i = 0; i < t->nlevels; i++) {
		const struct ast_entry *entry = NULL;
		struct key k;

		if (wanted(t, &t->levels[i], p, &k))
			entry = level_find(&t->levels[i], &k);
		if (entry)
			return entry;
	}
	return t->standard;
}
