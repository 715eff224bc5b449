/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * aim - packets at the boundaries of a policy
 *
 * In: the tree. Out: a target for each rule and each entry, with the values
 * written in its conditions and in those of the blocks around it; then packets.
 */
#include "aim.h"

#include <string.h>

enum { MEMBERS_MAX = 64, ENTRIES_MAX = 64 };	/* of one operand, one map */

struct span {
	u128 low, high;
};

struct pool {
	struct span *v;
	size_t n, cap;
};

enum { LOCAL, REMOTE, SIDES };

struct target {
	uint8_t protocol, family;	/* masks, 0 = both */
	struct pool address[SIDES][2];	/* by side, by family */
	struct pool port[SIDES];
	struct pool interface;
};

struct aim {
	struct arena *arena;
	const struct ast *ast;
	struct target *v;		/* v[0]: all values of the policy */
	size_t n, cap;
};

/* ------------------------------------------------ reading the policy */

static void add(struct aim *m, struct pool *p, u128 low, u128 high)
{
	*arena_push(m->arena, p->v, p->n, p->cap) = (struct span){ low, high };
}

static const struct ast_elements *members(const struct aim *m,
					  const char *name)
{
	static const struct ast_elements none;
	const struct ast_set *s;

	for (s = m->ast->sets; s; s = s->next)
		if (!strcmp(s->name.text, name))
			return &s->elements;
	return &none;
}

/* Where the values of one operand go. */
struct pools {
	struct pool *ip4, *ip6, *number, *interface;
};

static void add_elements(struct aim *m, const struct pools *p,
			 const struct ast_elements *l, unsigned int depth);

static void add_element(struct aim *m, const struct pools *p,
			const struct ast_element *e, unsigned int depth)
{
	uint32_t index;

	switch ((enum ast_element_kind)e->kind) {
	case AST_NAME_REF:
		if (depth)
			add_elements(m, p, members(m, e->text), depth - 1);
		break;
	case AST_STRING:
		index = world_index(e->text);
		if (p->interface)
			add(m, p->interface, index, index);
		break;
	case AST_PREFIX:
	case AST_ADDRESS:
		if (p->ip4)
			add(m, e->family == 4 ? p->ip4 : p->ip6, e->low,
			    e->high);
		break;
	case AST_NUMBER:
		if (p->number)
			add(m, p->number, e->low, e->high);
		break;
	}
}

/* Not all of a large set: as many, evenly. */
static void add_elements(struct aim *m, const struct pools *p,
			 const struct ast_elements *l, unsigned int depth)
{
	size_t step = l->n / MEMBERS_MAX + 1, i;

	for (i = 0; i < l->n; i += step)
		add_element(m, p, &l->v[i], depth);
}

/* Into target number N, and into the one of all. */
static void add_list(struct aim *m, size_t n, const struct ast_elements *l,
		     enum ast_key key)
{
	enum { DEPTH = 4 };
	size_t numbers[2] = { 0, n }, i;

	for (i = n ? 0 : 1; i < 2; i++) {
		struct target *t = &m->v[numbers[i]];
		int side = key == AST_KEY_TO || key == AST_KEY_PORT ? LOCAL :
			REMOTE;
		struct pools p = { NULL, NULL, NULL, NULL };

		if (key == AST_KEY_ON) {
			p.number = p.interface = &t->interface;
		} else if (key == AST_KEY_TO || key == AST_KEY_FROM) {
			p.ip4 = &t->address[side][0];
			p.ip6 = &t->address[side][1];
		} else {
			p.number = &t->port[side];
		}
		add_elements(m, &p, l, DEPTH);
	}
}

static void add_match(struct aim *m, size_t n, const struct ast_match *a)
{
	if (a->protocol)
		m->v[n].protocol = a->protocol;
	if (a->family)
		m->v[n].family = a->family;
	add_list(m, n, &a->to.address.elements, AST_KEY_TO);
	add_list(m, n, &a->from.address.elements, AST_KEY_FROM);
	add_list(m, n, &a->to.port.elements, AST_KEY_PORT);
	add_list(m, n, &a->port.elements, AST_KEY_PORT);
	add_list(m, n, &a->from.port.elements, AST_KEY_FROM_PORT);
	add_list(m, n, &a->on.elements, AST_KEY_ON);
}

struct around {			/* the blocks around a statement */
	const struct ast_match *when;
	const struct around *outer;
};

static size_t add_target(struct aim *m, const struct ast_rule *rule,
			 const struct around *a)
{
	*arena_push(m->arena, m->v, m->n, m->cap) = (struct target){ 0 };
	for (; a; a = a->outer)
		add_match(m, m->n - 1, a->when);
	add_match(m, m->n - 1, &rule->match);
	return m->n - 1;
}

static void add_entry(struct aim *m, size_t n, const struct ast_map *map,
		      const struct ast_entry *e)
{
	const struct ast_elements *list = &e->keys;
	bool first = false;
	size_t i;

	for (i = 0; i < map->keys.n; i++)
		first |= map->keys.v[i] != AST_KEY_PORT &&
			map->keys.v[i] != AST_KEY_FROM_PORT;
	for (i = 0; i < map->keys.n; i++) {
		enum ast_key key = map->keys.v[i];
		bool port = key == AST_KEY_PORT || key == AST_KEY_FROM_PORT;

		add_list(m, n, port && first ? &e->ports : list, key);
	}
}

static void add_rule(struct aim *m, const struct ast_rule *rule,
		     const struct around *a)
{
	const struct ast_map *map = m->ast->maps;
	size_t step, i;

	add_target(m, rule, a);
	if (rule->verdict.kind != AST_MAP)
		return;
	while (map && strcmp(map->name.text, rule->verdict.map.text))
		map = map->next;
	if (!map)
		return;
	step = map->nentries / ENTRIES_MAX + 1;
	for (i = 0; i < map->nentries; i += step)
		add_entry(m, add_target(m, rule, a), map, &map->entries[i]);
}

static void add_statements(struct aim *m, const struct ast_statement *s,
			   const struct around *outer)
{
	for (; s; s = s->next) {
		struct around a = { &s->when, outer };

		if (s->kind == AST_RULE)
			add_rule(m, &s->rule, outer);
		else
			add_statements(m, s->body, &a);
	}
}

struct aim *aim_new(struct arena *a, const struct ast *ast)
{
	struct aim *m = arena_alloc(a, sizeof(*m));

	m->arena = a;
	m->ast = ast;
	*arena_push(a, m->v, m->n, m->cap) = (struct target){ 0 };
	add_statements(m, ast->statements, NULL);
	add_rule(m, ast->default_rule, NULL);
	return m;
}

/* ---------------------------------------------------------- a packet */

static u128 between(struct random *r, const struct span *s)
{
	u128 size = s->high - s->low + 1;
	u128 value = random_address(r, 6);

	return size ? s->low + value % size : value;
}

/* A value at an end of one of P's spans, or thereabouts. */
static u128 near(struct random *r, const struct pool *p)
{
	const struct span *s = &p->v[random_below(r, p->n)];
	uint32_t where = random_below(r, 100);

	if (where < 30)
		return s->low;
	if (where < 52)
		return s->high;
	if (where < 64)
		return s->low - 1;
	if (where < 78)
		return s->high + 1;
	return between(r, s);
}

/* From one of N pools: the first of them that has a value, mostly. */
static u128 value(struct random *r, const struct pool *const *p, size_t n,
		  u128 highest)
{
	uint32_t where = random_below(r, 100);
	size_t i;

	if (where < 2)
		return random_address(r, 6) & highest;
	if (where < 4)
		return random_chance(r, 50) ? highest : 0;
	for (i = 0; i < n; i++)
		if (p[i]->n && !random_chance(r, 10))
			return near(r, p[i]) & highest;
	return random_address(r, 6) & highest;
}

static u128 address(const struct aim *m, const struct target *t,
		    struct random *r, int side, unsigned int family)
{
	const struct target *all = &m->v[0];
	bool ip6 = family == 6;
	const struct pool *const p[] = {
		&t->address[side][ip6], &all->address[side][ip6],
		&all->address[!side][ip6],
	};

	return value(r, p, 3, ip6 ? ~(u128)0 : UINT32_MAX);
}

static uint16_t port(const struct aim *m, const struct target *t,
		     struct random *r, int side)
{
	const struct target *all = &m->v[0];
	const struct pool *const p[] = {
		&t->port[side], &all->port[side], &all->port[!side],
	};

	return (uint16_t)value(r, p, 3, UINT16_MAX);
}

static uint32_t interface(const struct target *t, struct random *r)
{
	if (t->interface.n && !random_chance(r, 15))
		return (uint32_t)near(r, &t->interface) & INT32_MAX;
	return random_below(r, WORLD_INTERFACES + 2);
}

/* Bit 1 or 2, mostly one of MASK. */
static unsigned int one_of(struct random *r, uint8_t mask)
{
	if ((mask == 1 || mask == 2) && !random_chance(r, 8))
		return mask;
	return 1 + random_below(r, 2);
}

static uint8_t families(const struct target *t)
{
	uint8_t mask = 0;
	int side, i;

	for (side = 0; side < SIDES; side++)
		for (i = 0; i < 2; i++)
			if (t->address[side][i].n)
				mask |= 1u << i;
	return t->family ? t->family : mask;
}

void aim_packet(const struct aim *m, struct random *r, struct packet *p)
{
	const struct target *t = &m->v[random_below(r, m->n)];

	memset(p, 0, sizeof(*p));
	p->protocol = one_of(r, t->protocol) == AST_TCP ? PACKET_TCP :
		PACKET_UDP;
	p->family = one_of(r, families(t)) == AST_IP4 ? 4 : 6;
	p->local = address(m, t, r, LOCAL, p->family);
	p->remote = address(m, t, r, REMOTE, p->family);
	p->local_port = port(m, t, r, LOCAL);
	p->remote_port = port(m, t, r, REMOTE);
	world_set_interface(p, interface(t, r));
}
