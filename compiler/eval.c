/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * eval - the reference: a dumb first-match walk over the syntax tree
 *
 * In: the tree, then packets. Out: the rule that is the first to match, as the
 * language says it (DESIGN.md, section 1), and its first choice. The tree's
 * statements are laid out in one list, in order of writing, a block followed
 * by its statements; each knows where to go on when it does not match.
 */
#include "eval_parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../grammar/print.h"

struct condition {		/* an operand */
	const struct values *values;	/* NULL = none written */
	bool negated;
};

struct match {
	uint8_t protocol, family;	/* masks, 0 = both */
	struct condition from, from_port, to, port, on;
};

struct item {			/* a rule, or the head of a block */
	struct match match;
	size_t next;		/* to be tried when this one does not match */
	const struct ast_rule *rule;	/* NULL = a block */
	const char *identity;	/* the rule's name, or its normalized text */
	struct cut *cut;	/* of a split */
	struct table *table;	/* of a map */
	struct cut **cuts;	/* of a map's splits, by entry; made on need */
};

/* ------------------------------------------------------- getting ready */

static int by_name(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static void learn_names(struct eval *e)
{
	const struct ast_socket *socket;
	const struct ast_set *set;
	const struct ast_map *map;
	size_t cap = 0;

	for (socket = e->ast->sockets; socket; socket = socket->next)
		*arena_push(e->arena, e->known, e->nknown, cap) =
			(struct known){ .name = socket->name.text,
					.socket = socket };
	for (set = e->ast->sets; set; set = set->next)
		*arena_push(e->arena, e->known, e->nknown, cap) =
			(struct known){ .name = set->name.text, .set = set };
	for (map = e->ast->maps; map; map = map->next)
		*arena_push(e->arena, e->known, e->nknown, cap) =
			(struct known){ .name = map->name.text, .map = map };
	if (e->nknown)
		qsort(e->known, e->nknown, sizeof(*e->known), by_name);
}

static struct condition read_operand(struct eval *e,
				     const struct ast_operand *o)
{
	struct condition c = { .negated = o->negated };

	if (o->present)
		c.values = values_of(e, &o->elements);
	return c;
}

static struct match read_match(struct eval *e, const struct ast_match *m)
{
	return (struct match){
		.protocol = m->protocol,
		.family = m->family,
		.from = read_operand(e, &m->from.address),
		.from_port = read_operand(e, &m->from.port),
		.to = read_operand(e, &m->to.address),
		.port = read_operand(e, m->port.present ? &m->port :
				     &m->to.port),
		.on = read_operand(e, &m->on),
	};
}

struct blocks {			/* those around a statement, outermost first */
	const struct ast_match **v;
	size_t n, cap;
};

static bool splits(const struct ast_map *map)
{
	size_t i;

	for (i = 0; i < map->nentries; i++)
		if (map->entries[i].verdict.kind == AST_SPLIT)
			return true;
	return false;
}

static void read_verdict(struct eval *e, struct item *item)
{
	const struct ast_verdict *v = &item->rule->verdict;

	if (v->kind == AST_SPLIT)
		item->cut = cut_new(e->arena, item->identity, v, NULL, NULL);
	if (v->kind != AST_MAP)
		return;
	item->table = table_of(e, v->map.text);
	if (splits(table_map(item->table)))
		item->cuts = arena_array(e->arena,
					 table_map(item->table)->nentries,
					 sizeof(*item->cuts));
}

static void read_rule(struct eval *e, const struct ast_rule *rule,
		      const char *name, const struct blocks *b)
{
	struct item item = { .rule = rule, .identity = name };

	item.match = read_match(e, &rule->match);
	if (!name)
		item.identity = print_rule(e->arena, b->v, b->n, rule);
	read_verdict(e, &item);
	item.next = e->nitems + 1;
	*arena_push(e->arena, e->items, e->nitems, e->items_cap) = item;
}

/* As deep as the parser lets blocks nest, which is not deep. */
static void read_statements(struct eval *e, const struct ast_statement *s,
			    struct blocks *b)
{
	for (; s; s = s->next) {
		size_t number = e->nitems;

		if (s->kind == AST_RULE) {
			read_rule(e, &s->rule, s->rule.name.text, b);
			continue;
		}
		*arena_push(e->arena, e->items, e->nitems, e->items_cap) =
			(struct item){ .match = read_match(e, &s->when) };
		*arena_push(e->arena, b->v, b->n, b->cap) = &s->when;
		read_statements(e, s->body, b);
		b->n--;
		e->items[number].next = e->nitems;
	}
}

struct eval *eval_new(struct arena *a, const struct ast *ast)
{
	struct eval *e = arena_alloc(a, sizeof(*e));
	struct blocks b = { NULL, 0, 0 };

	e->arena = a;
	e->ast = ast;
	learn_names(e);
	read_statements(e, ast->statements, &b);
	read_rule(e, ast->default_rule, "default", &b);
	return e;
}

/* ------------------------------------------------------------ a packet */

static uint8_t protocol_of(const struct packet *p)
{
	return p->protocol == PACKET_TCP ? AST_TCP : AST_UDP;
}

static uint8_t family_of(const struct packet *p)
{
	return p->family == 4 ? AST_IP4 : AST_IP6;
}

static bool fits(uint8_t mask, uint8_t bit)
{
	return !mask || mask & bit;
}

static bool address_fits(const struct condition *c, const struct packet *p,
			 u128 address)
{
	return !c->values ||
		values_address(c->values, p->family, address) != c->negated;
}

static bool port_fits(const struct condition *c, uint16_t port)
{
	return !c->values || values_number(c->values, port) != c->negated;
}

static bool interface_fits(const struct condition *c, const struct packet *p)
{
	return !c->values || values_interface(c->values, p) != c->negated;
}

static bool matches(const struct match *m, const struct packet *p)
{
	return fits(m->protocol, protocol_of(p)) &&
		fits(m->family, family_of(p)) &&
		address_fits(&m->from, p, p->remote) &&
		port_fits(&m->from_port, p->remote_port) &&
		address_fits(&m->to, p, p->local) &&
		port_fits(&m->port, p->local_port) &&
		interface_fits(&m->on, p);
}

struct question {
	const struct packet *packet;
	eval_absent *absent;	/* NULL = none is */
	void *ctx;
};

static bool has_slot(const struct eval *e, const char *name,
		     const struct question *q)
{
	const struct ast_socket *s = known_find(e, name)->socket;

	return fits(s->protocol, protocol_of(q->packet)) &&
		fits(s->family, family_of(q->packet)) &&
		!(q->absent && q->absent(q->ctx, s));
}

static struct ast_choice first_choice(const struct eval *e,
				      const struct ast_verdict *v,
				      const struct cut *c,
				      const struct question *q)
{
	struct ast_choice choice = { .flags = 0 };
	size_t i;

	if (v->kind == AST_SPLIT) {
		choice.socket = v->shares[cut_share(c, q->packet)].socket;
		if (has_slot(e, choice.socket.text, q))
			return choice;
	}
	for (i = 0; i < v->nchain; i++)
		if (has_slot(e, v->chain[i].socket.text, q))
			return v->chain[i];
	choice.socket.text = "drop";
	if (v->kind == AST_PASS || (v->tail_said && v->tail == AST_PASS))
		choice.socket.text = "pass";
	return choice;
}

/* The cut of ENTRY's split, as the rule ITEM has it. */
static const struct cut *entry_cut(struct eval *e, const struct item *item,
				   const struct ast_entry *entry)
{
	const struct ast_map *map = table_map(item->table);
	struct cut **c;

	if (entry->verdict.kind != AST_SPLIT)
		return NULL;
	c = &item->cuts[entry - map->entries];
	if (!*c)
		*c = cut_new(e->arena, item->identity, &entry->verdict, map,
			     entry);
	return *c;
}

/* False when the rule is one of a map that has nothing for the packet. */
static bool decide(struct eval *e, const struct item *item,
		   const struct question *q, struct eval_result *out)
{
	const struct ast_verdict *v = &item->rule->verdict;
	const struct cut *cut = item->cut;
	struct ast_choice choice;

	out->rule = item->rule;
	out->entry = NULL;
	if (item->table) {
		out->entry = table_find(item->table, q->packet);
		if (!out->entry)
			return false;
		v = &out->entry->verdict;
		cut = entry_cut(e, item, out->entry);
	}
	choice = first_choice(e, v, cut, q);
	out->verdict = choice.socket.text;
	out->flags = choice.flags;
	return true;
}

struct eval_result eval_packet_without(struct eval *e, const struct packet *p,
				       eval_absent *absent, void *ctx)
{
	const struct question q = { p, absent, ctx };
	struct eval_result out;
	size_t i = 0;

	while (i < e->nitems) {
		const struct item *item = &e->items[i];

		if (!matches(&item->match, p))
			i = item->next;
		else if (item->rule && decide(e, item, &q, &out))
			return out;
		else
			i++;
	}
	assert(!"the default of a policy takes every packet");
	abort();
}

struct eval_result eval_packet(struct eval *e, const struct packet *p)
{
	return eval_packet_without(e, p, NULL, NULL);
}
