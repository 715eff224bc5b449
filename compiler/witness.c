/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * witness - packets that prove what is said about a policy, and the words
 *
 * In: regions and tests. Out: packets. A test that looks at nothing but some
 * fields (the hash of a split) is tried on every combination of their values
 * in the region, as far as the budget goes: what it says of small regions is
 * exact.
 */
#include "witness.h"

#include <string.h>

#include "../grammar/arena.h"

/* ---------------------------------------------------------- polishing */

/*
 * From 203.0.113.9 or 2001:db8::9 to 192.0.2.1 or 2001:db8::1, as in every
 * manual, and something else should that not do; no 0 among them.
 */
enum { FRIENDLY = 2 };
#define DOCUMENTATION ((u128)0x20010db8 << 96)
static const u128 friendly_values[FIELD_COUNT][FRIENDLY] = {
	[FIELD_LADDR4] = { 0xc0000201, 0xc6336401 },
	[FIELD_LADDR6] = { DOCUMENTATION | 1, DOCUMENTATION | 0x1000001 },
	[FIELD_LPORT] = { 443, 8080 },
	[FIELD_RADDR4] = { 0xcb007109, 0xc6336409 },
	[FIELD_RADDR6] = { DOCUMENTATION | 9, DOCUMENTATION | 0x1000009 },
	[FIELD_RPORT] = { 50000, 60000 },
};

static bool is_address(unsigned int f)
{
	return f == FIELD_LADDR4 || f == FIELD_LADDR6 || f == FIELD_RADDR4 ||
	       f == FIELD_RADDR6;
}

static bool of_other_family(unsigned int f, bool ip6)
{
	return is_address(f) &&
	       ip6 != (f == FIELD_LADDR6 || f == FIELD_RADDR6);
}

static bool try_value(u128 v[FIELD_COUNT], unsigned int f, u128 value,
		      witness_test *test, void *ctx)
{
	u128 before = v[f];

	if (value == before)
		return true;
	v[f] = value;
	if (test(ctx, v))
		return true;
	v[f] = before;
	return false;
}

static bool try_friendly(u128 v[FIELD_COUNT], unsigned int f,
			 witness_test *test, void *ctx)
{
	for (int i = 0; i < FRIENDLY; i++)
		if (try_value(v, f, friendly_values[f][i], test, ctx))
			return true;
	return false;
}

void witness_polish(u128 v[FIELD_COUNT], witness_test *test, void *ctx)
{
	for (unsigned int f = 0; f < FIELD_COUNT; f++) {
		if (!friendly_values[f][0] ||
		    of_other_family(f, v[FIELD_FAMILY]))
			continue;
		if (!try_friendly(v, f, test, ctx) && is_address(f) &&
		    !(v[f] & 255))	/* no network's own address */
			try_value(v, f, v[f] | 1, test, ctx);
	}
}

/* ------------------------------------------------------------- search */

struct walk {
	struct witness_search *s;
	uint8_t *reach;			/* of each node, once known */
	struct box box;
	u128 *v;
};
enum { REACH_UNKNOWN, REACH_NO, REACH_YES };

static enum witness_found vary(struct witness_search *s, const struct box *b,
			       unsigned int f, u128 v[FIELD_COUNT]);

/* Field F from FROM to TO, then those behind it. */
static enum witness_found vary_range(struct witness_search *s,
				     const struct box *b, unsigned int f,
				     u128 from, u128 to, u128 v[FIELD_COUNT])
{
	enum witness_found found = WITNESS_NONE;

	while (found == WITNESS_NONE && from <= to &&
	       term_lowest(s->term, f, from, &v[f]) && v[f] <= to) {
		from = v[f] + 1;
		found = vary(s, b, f + 1, v);
		if (!(s->vary >> f & 1) || !from)
			break;
	}
	return found;
}

static enum witness_found vary(struct witness_search *s, const struct box *b,
			       unsigned int f, u128 v[FIELD_COUNT])
{
	enum witness_found found;
	u128 begin;

	if (f == FIELD_COUNT) {
		if (!s->budget)
			return WITNESS_UNKNOWN;
		s->budget--;
		return s->test(s->ctx, v) ? WITNESS_FOUND : WITNESS_NONE;
	}
	if (of_other_family(f, v[FIELD_FAMILY])) {
		v[f] = 0;
		return vary(s, b, f + 1, v);
	}
	begin = friendly_values[f][0];
	if (!(s->vary >> f & 1) || begin <= b->low[f] || begin > b->high[f])
		return vary_range(s, b, f, b->low[f], b->high[f], v);
	found = vary_range(s, b, f, begin, b->high[f], v);
	if (found == WITNESS_NONE)
		found = vary_range(s, b, f, b->low[f], begin - 1, v);
	return found;
}

enum witness_found witness_in_box(struct witness_search *s,
				  const struct box *b, u128 v[FIELD_COUNT])
{
	return vary(s, b, 0, v);
}

/* The lowest value of D's field that the term lets into child I. */
static bool enters(const struct term *t, const struct dnode *d, uint32_t i,
		   struct interval *in)
{
	u128 lowest;

	in->low = i ? d->cuts[i - 1] : 0;
	in->high = i < d->ncuts ? d->cuts[i] - 1 : field_highest(d->field);
	return term_lowest(t, d->field, in->low, &lowest) &&
	       lowest <= in->high;
}

/* Whether some packet of the term gets from R to the leaf. */
static bool reaches(struct walk *w, dref r)
{
	const struct dnode *d;
	struct interval in;

	if (dref_is_leaf(r))
		return r == w->s->leaf;
	if (w->reach[r] != REACH_UNKNOWN)
		return w->reach[r] == REACH_YES;
	d = &w->s->d->nodes[r];
	w->reach[r] = REACH_NO;
	for (uint32_t i = 0; i <= d->ncuts; i++)
		if (enters(w->s->term, d, i, &in) &&
		    reaches(w, d->children[i])) {
			w->reach[r] = REACH_YES;
			break;
		}
	return w->reach[r] == REACH_YES;
}

static enum witness_found search(struct walk *w, dref r)
{
	enum witness_found found = WITNESS_NONE;
	const struct dnode *d;
	struct interval in;

	if (!reaches(w, r))
		return WITNESS_NONE;
	if (dref_is_leaf(r))
		return witness_in_box(w->s, &w->box, w->v);
	d = &w->s->d->nodes[r];
	for (uint32_t i = 0; found == WITNESS_NONE && i <= d->ncuts; i++) {
		if (!w->s->budget)
			return WITNESS_UNKNOWN;
		w->s->budget--;
		if (!enters(w->s->term, d, i, &in))
			continue;
		w->box.low[d->field] = in.low;
		w->box.high[d->field] = in.high;
		found = search(w, d->children[i]);
	}
	w->box.low[d->field] = 0;
	w->box.high[d->field] = field_highest(d->field);
	return found;
}

enum witness_found witness_search(struct arena *scratch,
				  struct witness_search *s,
				  u128 v[FIELD_COUNT])
{
	struct walk w = { .s = s, .v = v };

	w.reach = arena_array(scratch, s->d->nnodes + 1, 1);
	for (unsigned int f = 0; f < FIELD_COUNT; f++)
		w.box.high[f] = field_highest(f);
	return search(&w, s->d->root);
}

uint32_t split_fields(const struct split *s)
{
	static const uint32_t of[] = {
		[AST_KEY_TO] = 1u << FIELD_LADDR4 | 1u << FIELD_LADDR6,
		[AST_KEY_FROM] = 1u << FIELD_RADDR4 | 1u << FIELD_RADDR6,
		[AST_KEY_PORT] = 1u << FIELD_LPORT,
		[AST_KEY_FROM_PORT] = 1u << FIELD_RPORT,
		[AST_KEY_ON] = 1u << FIELD_IFINDEX,
	};
	uint32_t mask = 0;

	for (size_t i = 0; i < s->nkeys; i++)
		mask |= of[s->keys[i]];
	return mask;
}

/* -------------------------------------------------------------- words */

const char *witness_text(struct arena *a, const struct policy *p,
			 const u128 v[FIELD_COUNT])
{
	char buf[PACKET_TEXT_MAX];
	struct packet k;

	diagram_packet(p, v, &k);
	packet_print(&k, buf);
	if (k.ifname[0] && k.ifindex)	/* no packet is written with both */
		return arena_printf(a, "%s (number %u)", buf, k.ifindex);
	return arena_strdup(a, buf);
}

const char *choice_text(struct arena *a, const struct policy *p,
			uint32_t choice)
{
	if (choice == GOAL_PASS)
		return "is passed";
	if (choice == GOAL_DROP)
		return "is dropped";
	return arena_printf(a, "goes to `%s`", p->sockets[choice].name);
}

const char *outcome_text(struct arena *a, const struct policy *p,
			 const struct outcome *o)
{
	const char *tail = o->pass ? "pass" : "drop", *text = "";

	for (uint32_t i = 0; i < o->nsteps; i++) {
		const struct step *s = &o->steps[i];

		text = arena_printf(a, "%s%s%s%s else ", text,
				    p->sockets[s->socket].name,
				    s->flags & 2 ? " no-reuseport" : "",
				    s->flags & 1 ? " replace" : "");
	}
	return arena_printf(a, "%s%s", text, tail);
}

const char *rule_label(struct arena *a, const struct policy *p,
		       uint32_t rule)
{
	enum { SHOWN = 60 };
	const char *name = p->rules[rule].name;
	size_t n = strlen(name);

	if (n <= AST_NAME_MAX)
		return name;
	n = SHOWN;
	while (n && (name[n] & 0xc0) == 0x80)	/* no half character */
		n--;
	return arena_printf(a, "%.*s...", (int)n, name);
}

struct place rule_place(const struct policy_rule *rule)
{
	const struct place *match = &rule->ast->match.place;

	return match->end > match->begin ? *match : rule->ast->place;
}
