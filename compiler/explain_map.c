/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explain_map - which entry of a map holds a packet
 *
 * In: a packet, a map as written. Out: its entry of the highest right (longest
 * prefix, then exact port, then narrowest range, whatever the order of the
 * keys after `by`), and the key.
 */
#include <string.h>

#include "../grammar/arena.h"
#include "../grammar/print.h"
#include "explain_match.h"

static enum what what_of(uint8_t key)
{
	switch ((enum ast_key)key) {
	case AST_KEY_TO:
		return WHAT_LOCAL;
	case AST_KEY_FROM:
		return WHAT_REMOTE;
	case AST_KEY_PORT:
		return WHAT_LPORT;
	case AST_KEY_FROM_PORT:
		return WHAT_RPORT;
	case AST_KEY_ON:
		break;
	}
	return WHAT_ON;
}

static bool is_port(uint8_t key)
{
	return key == AST_KEY_PORT || key == AST_KEY_FROM_PORT;
}

/* Lower is more specific; as resolve has it. */
static uint32_t rank_of(const struct ast_element *e, enum what what)
{
	if (what == WHAT_LPORT || what == WHAT_RPORT)
		return (uint32_t)(e->high - e->low);
	if (e->kind == AST_PREFIX)
		return (e->family == 4 ? 32 : 128) - e->length;
	return e->kind == AST_NUMBER;
}

struct best {
	enum what what;
	const struct ast_element *written;	/* NULL = none holds it */
	uint32_t rank;
};

static bool take_best(void *ctx, const struct ast_element *e,
		      const struct ast_element *written)
{
	struct best *b = ctx;
	uint32_t rank = rank_of(e, b->what);

	if (!b->written || rank < b->rank) {
		b->written = written;
		b->rank = rank;
	}
	return false;
}

struct right {			/* of an entry that holds the packet */
	struct best part[2];	/* the key; the port, if it stands beside one */
};

/* Whether key number I of MAP is a port beside another key. */
static bool stands_second(const struct ast_map *map, size_t i)
{
	return is_port(map->keys.v[i]) && map->keys.n > 1;
}

static bool right_of(struct inquiry *q, const struct ast_map *map,
		     const struct ast_entry *e, struct right *r)
{
	memset(r, 0, sizeof(*r));
	for (size_t i = 0; i < map->keys.n; i++) {
		bool second = stands_second(map, i);
		const struct ast_elements *list = second ? &e->ports : &e->keys;
		struct best *b = &r->part[second];

		b->what = what_of(map->keys.v[i]);
		if (second && !list->n) {
			b->rank = UINT16_MAX;	/* a missing port is any */
			continue;
		}
		elements_holding(q, list, b->what, take_best, b);
		if (!b->written)
			return false;
	}
	return true;
}

static bool goes_first(const struct right *x, const struct right *y)
{
	if (x->part[0].rank != y->part[0].rank)
		return x->part[0].rank < y->part[0].rank;
	return x->part[1].rank < y->part[1].rank;
}

static const char *key_text(struct inquiry *q, const struct right *r)
{
	const char *key = print_element(q->a, r->part[0].written);

	if (!r->part[1].written)
		return key;
	return arena_printf(q->a, "%s port %s", key,
			    print_element(q->a, r->part[1].written));
}

struct map_hit map_entry(struct inquiry *q, const struct ast_map *map)
{
	struct map_hit hit = { NULL, NULL };
	struct right best = { 0 }, r;

	for (size_t i = 0; i < map->nentries; i++) {
		const struct ast_entry *e = &map->entries[i];

		if (e->is_default || !right_of(q, map, e, &r) ||
		    (hit.entry && !goes_first(&r, &best)))
			continue;
		hit.entry = e;
		best = r;
	}
	if (hit.entry) {
		hit.key = key_text(q, &best);
		return hit;
	}
	for (size_t i = 0; i < map->nentries; i++)
		if (map->entries[i].is_default)
			return (struct map_hit){ &map->entries[i], "default" };
	return hit;
}

const char *map_keys_text(struct inquiry *q, const struct ast_map *map)
{
	const char *text = "";

	for (size_t i = 0; i < map->keys.n; i++)
		text = arena_printf(q->a, "%s%s%s", text, i ? ", " : "",
				    what_text(q, what_of(map->keys.v[i])));
	return text;
}
