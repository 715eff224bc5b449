/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parse_build - the parts of a statement
 *
 * In: what parser.y has recognized. Out: ranges, sides, matches, verdicts.
 * Mistakes that need no name to be resolved are reported here: empty ranges,
 * ports out of range, clauses said twice.
 */
#include <string.h>

#include "parse_state.h"
#include "print.h"

enum { PORT_MAX = 65535 };

/* A port may be what is meant, and then the other way round is no range, either. */
static void empty_range(struct parse *p, const struct ast_element *low,
			const struct ast_element *high, struct place at)
{
	struct diag *g = diag_add(p->diags, DIAG_EMPTY_RANGE, &at,
				  "a range that ends before it begins");

	if (low->kind == AST_NUMBER && low->low > PORT_MAX)
		return;
	g->help = arena_printf(p->arena, "write `%s-%s`",
			       print_element(p->arena, high),
			       print_element(p->arena, low));
}

struct ast_element build_range(struct parse *p, const struct ast_element *low,
			       const struct ast_element *high,
			       struct place at)
{
	struct ast_element e = *low;

	e.place = at;
	if (low->family != high->family) {
		diag_add(p->diags, DIAG_KIND_MISMATCH, &at,
			 "a range from an IPv%u to an IPv%u address",
			 low->family, high->family)->help =
			"both ends of a range are of one family";
		return e;
	}
	if (low->wrong || high->wrong)
		return e;
	e.wrong = high->low < low->low;
	if (e.wrong)
		empty_range(p, low, high, at);
	else
		e.high = high->low;
	return e;
}

static bool port_fits(struct parse *p, const struct ast_element *e)
{
	if (e->wrong || e->kind != AST_NUMBER || e->high <= PORT_MAX)
		return true;
	diag_add(p->diags, DIAG_PORT_RANGE, &e->place,
		 "`%s` is not a port", print_element(p->arena, e))->label =
		"ports are 0 to 65535";
	return false;
}

uint16_t build_port(struct parse *p, const struct ast_element *e)
{
	return port_fits(p, e) ? (uint16_t)e->low : 0;
}

void build_ports(struct parse *p, const struct ast_elements *e)
{
	for (size_t i = 0; i < e->n && !diag_full(p->diags); i++)
		port_fits(p, &e->v[i]);
}

struct ast_side *build_side(struct parse *p, const struct ast_operand *address,
			    const struct ast_operand *port)
{
	struct ast_side *side = arena_alloc(p->arena, sizeof(*side));

	if (address)
		side->address = *address;
	if (port) {
		side->port = *port;
		build_ports(p, &port->elements);
	}
	return side;
}

/* True, and reported, when FIRST says that the clause was there before. */
static bool repeated(struct parse *p, const struct place *first,
		     struct place at, const char *what)
{
	struct diag *g;

	if (!first->end)
		return false;
	g = diag_add(p->diags, DIAG_REPEATED_CLAUSE, &at,
		     "%s is said twice", what);
	g->label = "again here";
	g->also.place = *first;
	g->also.text = "first said here";
	return true;
}

static void local_port(struct parse *p, const struct ast_operand *first,
		       const struct ast_operand *port)
{
	if (first->present && port->present)
		repeated(p, &first->place, port->place, "the local port");
}

static void add_mask(struct parse *p, uint8_t *mask, struct place *place,
		     const struct clause *c, const char *what)
{
	if (repeated(p, place, c->place, what))
		return;
	*mask = c->mask;
	*place = c->place;
}

static void add_side(struct parse *p, struct ast_side *side,
		     const struct clause *c, const char *what)
{
	if (repeated(p, &side->place, c->place, what))
		return;
	*side = *c->side;
	side->place = c->place;
}

static void add_operand(struct parse *p, struct ast_operand *o,
			const struct clause *c, const char *what)
{
	if (o->present)
		repeated(p, &o->place, c->operand->place, what);
	else
		*o = *c->operand;
}

void build_clause(struct parse *p, struct ast_match *m,
		  const struct clause *c)
{
	switch (c->kind) {
	case CLAUSE_PROTOCOL:
		add_mask(p, &m->protocol, &m->protocol_place, c,
			 "the protocol");
		break;
	case CLAUSE_FAMILY:
		add_mask(p, &m->family, &m->family_place, c, "the family");
		break;
	case CLAUSE_FROM:
		add_side(p, &m->from, c, "`from`");
		break;
	case CLAUSE_TO:
		local_port(p, &m->port, &c->side->port);
		add_side(p, &m->to, c, "`to`");
		break;
	case CLAUSE_PORT:
		local_port(p, &m->to.port, c->operand);
		add_operand(p, &m->port, c, "the local port");
		break;
	case CLAUSE_ON:
		add_operand(p, &m->on, c, "`on`");
		break;
	}
}

struct ast_rule *build_modifier(struct parse *p, struct ast_rule *r,
				bool trace, struct place word,
				struct place at)
{
	bool *said = trace ? &r->trace : &r->count;

	if (*said)
		diag_add(p->diags, DIAG_REPEATED_CLAUSE, &word,
			 "`%s` is said twice", trace ? "trace" : "count");
	*said = true;
	r->place = at;
	return r;
}

struct ast_verdict *build_verdict(struct parse *p, enum ast_verdict_kind k)
{
	struct ast_verdict *v = p->spare;

	p->spare = NULL;
	if (!v)
		v = arena_alloc(p->arena, sizeof(*v));
	v->kind = (uint8_t)k;
	v->tail = AST_DROP;
	return v;
}

struct ast_verdict build_take(struct parse *p, struct ast_verdict *v)
{
	struct ast_verdict taken = *v;

	memset(v, 0, sizeof(*v));
	p->spare = v;
	return taken;
}

void build_choice(struct parse *p, struct ast_verdict *v,
		  const struct ast_choice *c)
{
	*arena_push(p->arena, v->chain, v->nchain, v->chain_cap) = *c;
}

unsigned int build_flag(struct parse *p, unsigned int flags,
			unsigned int flag, struct place at)
{
	if (flags & flag)
		diag_add(p->diags, DIAG_REPEATED_CLAUSE, &at,
			 "`%s` is said twice", flag == AST_REPLACE ?
			 "replace" : "no-reuseport");
	return flags | flag;
}

struct ast_verdict *build_else(struct parse *p, struct ast_verdict *split,
			       struct ast_verdict *v, bool simple)
{
	struct ast_verdict last = build_take(p, v);

	split->chain = last.chain;
	split->nchain = last.nchain;
	split->chain_cap = last.chain_cap;
	split->tail_said = simple || last.tail_said;
	split->tail = simple ? last.kind : last.tail;
	return split;
}

void build_key(struct parse *p, struct ast_key_list *k, enum ast_key key,
	       struct place at)
{
	for (size_t i = 0; i < k->n; i++) {
		if (k->v[i] == key) {
			diag_add(p->diags, DIAG_REPEATED_CLAUSE, &at,
				 "the same key is said twice");
			return;
		}
	}
	k->v[k->n++] = (uint8_t)key;	/* of five kinds: there is room */
}
