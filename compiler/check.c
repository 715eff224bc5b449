/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check - packets that the kernel is asked about before a policy goes live
 *
 * In: a policy. Out: packets and what becomes of them. Of few rules every edge
 * is taken; of many, an even sample of the rules, and of each the two corners
 * first. The work is bounded: a packet is asked of every clause.
 */
#include "check.h"

#include <string.h>

#include "../grammar/arena.h"
#include "witness.h"

enum {
	EXPECTS_MAX = 32, CLAUSES_MAX = 96,	/* sampled */
	CLAUSES_ASKED = 1 << 22, CHECKS_LEAST = 16,
};

/* In order: where in the region, and then which field is moved out of it. */
enum side { LOW, HIGH };
enum part { NOTHING, LOCAL, LOCAL_PORT, REMOTE, REMOTE_PORT, PROTOCOL };

static const struct edge {
	uint8_t side, part;
} edges[] = {
	{ LOW, NOTHING }, { HIGH, NOTHING },
	{ LOW, LOCAL_PORT }, { HIGH, LOCAL_PORT },
	{ LOW, LOCAL }, { HIGH, LOCAL },
	{ LOW, REMOTE }, { HIGH, REMOTE },
	{ LOW, REMOTE_PORT }, { HIGH, REMOTE_PORT },
	{ LOW, PROTOCOL },
};

enum { EDGES = sizeof(edges) / sizeof(*edges) };

struct checker {
	struct arena *a;
	const struct policy *p;
	json_t *list;
	u128 (*seen)[FIELD_COUNT];
	size_t n, limit;
	bool failed;
};

static enum field field_of(enum part part, bool ip6)
{
	switch (part) {
	case LOCAL:
		return ip6 ? FIELD_LADDR6 : FIELD_LADDR4;
	case LOCAL_PORT:
		return FIELD_LPORT;
	case REMOTE:
		return ip6 ? FIELD_RADDR6 : FIELD_RADDR4;
	case REMOTE_PORT:
		return FIELD_RPORT;
	default:
		return FIELD_PROTOCOL;
	}
}

/* A corner of T; false when T is empty. No packet has an interface. */
static bool corner(const struct term *t, enum side side, u128 v[FIELD_COUNT])
{
	for (int f = 0; f < FIELD_COUNT; f++) {
		const struct iset *s = t->set[f];

		if (s && !s->n)
			return false;
		if (side == LOW)
			v[f] = s ? s->v[0].low : 0;
		else
			v[f] = s ? s->v[s->n - 1].high :
				field_highest((enum field)f);
	}
	v[FIELD_IFNAME] = v[FIELD_IFINDEX] = 0;
	v[v[FIELD_FAMILY] ? FIELD_LADDR4 : FIELD_LADDR6] = 0;
	v[v[FIELD_FAMILY] ? FIELD_RADDR4 : FIELD_RADDR6] = 0;
	return true;
}

/* Moves V out of T by one; false when T or the field has no such edge. */
static bool move(const struct term *t, const struct edge *e,
		 u128 v[FIELD_COUNT])
{
	enum field f = field_of((enum part)e->part, v[FIELD_FAMILY]);

	if (e->part == NOTHING)
		return true;
	if (!t->set[f] || v[f] == (e->side == LOW && e->part != PROTOCOL ? 0 :
				   field_highest(f)))
		return false;
	v[f] += e->side == LOW && e->part != PROTOCOL ? -(u128)1 : 1;
	return true;
}

static bool is_new(const struct checker *c, const u128 v[FIELD_COUNT])
{
	for (size_t i = 0; i < c->n; i++)
		if (!memcmp(c->seen[i], v, sizeof(c->seen[i])))
			return false;
	return true;
}

/* What is tried for V, in order. */
static json_t *chain(const struct policy *p, const struct outcome *o,
		     const u128 v[FIELD_COUNT])
{
	unsigned int kind = SLOT_KIND((unsigned int)v[FIELD_FAMILY],
				      (unsigned int)v[FIELD_PROTOCOL]);
	json_t *list = json_array();
	int failed = 0;

	for (uint32_t i = 0; i < o->nsteps; i++) {
		const struct policy_socket *s =
			&p->sockets[o->steps[i].socket];

		if (s->slot[kind] != NO_SLOT)
			failed |= json_array_append_new(list,
							json_string(s->name));
	}
	failed |= json_array_append_new(list, json_string(o->pass ? "pass" :
							  "drop"));
	if (!failed)
		return list;
	json_decref(list);
	return NULL;
}

static void add(struct checker *c, const u128 v[FIELD_COUNT])
{
	const struct policy *p = c->p;
	uint32_t action = policy_clause(p, v)->action;
	const struct outcome *o =
		&p->outcomes[policy_action_outcome(p, action, v)];

	memcpy(c->seen[c->n++], v, sizeof(*c->seen));
	if (json_array_append_new(c->list, json_pack("[s, I, o]",
			witness_text(c->a, p, v), (json_int_t)o->rule,
			chain(p, o, v))))
		c->failed = true;
}

static void try(struct checker *c, const struct terms *t, const struct edge *e)
{
	const struct term *term;
	u128 v[FIELD_COUNT];

	if (!t->n || c->n == c->limit)
		return;
	term = &t->v[e->side == LOW ? 0 : t->n - 1];
	if (corner(term, (enum side)e->side, v) && move(term, e, v) &&
	    is_new(c, v))
		add(c, v);
}

static void try_edge(struct checker *c, const struct edge *e)
{
	const struct policy *p = c->p;
	size_t n = p->nexpects < EXPECTS_MAX ? p->nexpects : EXPECTS_MAX;

	for (size_t i = 0; i < n; i++)
		try(c, &p->expects[i * p->nexpects / n].terms, e);
	n = p->nclauses < CLAUSES_MAX ? p->nclauses : CLAUSES_MAX;
	for (size_t i = 0; i < n; i++)
		try(c, &p->clauses[i * p->nclauses / n].terms, e);
}

json_t *checks_build(struct arena *a, const struct policy *p)
{
	struct checker c = { .a = a, .p = p, .list = json_array(),
			     .limit = CLAUSES_ASKED / (p->nclauses + 1) };

	if (c.limit > CHECKS_MAX)
		c.limit = CHECKS_MAX;
	if (c.limit < CHECKS_LEAST)
		c.limit = CHECKS_LEAST;
	c.seen = arena_array(a, c.limit, sizeof(*c.seen));
	for (int i = 0; i < EDGES; i++)
		try_edge(&c, &edges[i]);
	if (!c.failed)
		return c.list;
	json_decref(c.list);
	return NULL;
}
