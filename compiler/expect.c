/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * expect - proves a policy's expectations, for all packets
 *
 * In: policy and diagram. Out: expect-failed, once an expectation. What a leaf
 * does depends on the packet's family and protocol (a socket may have no slot
 * for it), so each term is asked about each kind of packet in turn. Where a
 * split decides, packets are looked for that hash to a wrong part; with none
 * in a region too large to go through, the wrong share itself is the fault.
 */
#include "expect.h"

#include <assert.h>
#include <string.h>

#include "../grammar/arena.h"
#include "witness.h"

enum {
	SEARCH_BUDGET = 1 << 20,	/* packets tried, an expectation */
	CUTS_MAX = 4000000,		/* of a diagram of its packets */
};

struct proof {
	const struct policy *p;
	const struct diagram *whole;	/* or NULL */
	const struct diagram *d;	/* at least of the packets of TERM */
	struct diags *diags;
	const struct policy_expect *e;
	struct term term;		/* of E, one kind of packet */
	size_t budget;
	/* What is wrong, once something is: */
	bool failed, no_packet;
	u128 v[FIELD_COUNT];
	uint32_t action, choice;
};

static bool is_goal(const struct policy_expect *e, uint32_t choice)
{
	for (size_t i = 0; i < e->ngoals; i++)
		if (e->goals[i] == choice)
			return true;
	return false;
}

static uint32_t choice_of(const struct policy *p, uint32_t outcome,
			  const u128 v[FIELD_COUNT])
{
	return policy_first_choice(p, &p->outcomes[outcome],
				   (unsigned int)v[FIELD_FAMILY],
				   (unsigned int)v[FIELD_PROTOCOL]);
}

/* The packet hashes to a part that is no goal. */
static bool is_wrong(void *ctx, const u128 v[FIELD_COUNT])
{
	struct proof *r = ctx;

	r->choice = choice_of(r->p, policy_action_outcome(r->p, r->action, v),
			      v);
	return !is_goal(r->e, r->choice);
}

/* The first part of S that is no goal for packets like V, or S->nparts. */
static size_t wrong_part(const struct proof *r, const struct split *s,
			 const u128 v[FIELD_COUNT])
{
	size_t i = 0;

	while (i < s->nparts &&
	       is_goal(r->e, choice_of(r->p, s->outcomes[i], v)))
		i++;
	return i;
}

static bool check_split(struct proof *r, dref leaf, const struct split *s)
{
	struct witness_search search = {
		.d = r->d, .term = &r->term, .leaf = leaf,
		.vary = split_fields(s), .test = is_wrong, .ctx = r,
		.budget = r->budget,
	};
	size_t wrong = wrong_part(r, s, r->v);
	u128 v[FIELD_COUNT] = { 0 };

	if (wrong == s->nparts)
		return true;
	switch (witness_search(r->diags->arena, &search, v)) {
	case WITNESS_NONE:	/* none of them hashes there */
		r->budget = search.budget;
		return true;
	case WITNESS_FOUND:
		memcpy(r->v, v, sizeof(v));
		break;
	case WITNESS_UNKNOWN:
		r->no_packet = true;
		r->choice = choice_of(r->p, s->outcomes[wrong], r->v);
		break;
	}
	r->failed = true;
	return false;
}

static bool check_leaf(void *ctx, dref leaf, const u128 v[FIELD_COUNT])
{
	struct proof *r = ctx;
	const struct action *a;

	r->action = dref_action(leaf);
	memcpy(r->v, v, sizeof(r->v));
	a = &r->p->actions[r->action];
	if (a->split)
		return check_split(r, leaf, a->split);
	r->choice = choice_of(r->p, a->outcome, v);
	r->failed = !is_goal(r->e, r->choice);
	return !r->failed;
}

/* ------------------------------------------------------------- saying */

static bool still_wrong(void *ctx, const u128 v[FIELD_COUNT])
{
	struct proof *r = ctx;

	return term_holds(&r->term, v) &&
	       diagram_walk(r->d, v) == (DREF_LEAF | r->action) &&
	       (r->no_packet ||
		choice_of(r->p, policy_action_outcome(r->p, r->action, v),
			  v) == r->choice);
}

static const char *goals_text(const struct proof *r)
{
	struct arena *a = r->diags->arena;
	const char *text = "";

	for (size_t i = 0; i < r->e->ngoals; i++)
		text = arena_printf(a, "%s%s`%s`", text, !i ? "" :
				    i + 1 < r->e->ngoals ? ", " : " or ",
				    policy_choice_name(r->p, r->e->goals[i]));
	return text;
}

/* The share of S that goes to CHOICE, in percent. */
static const char *share_text(const struct proof *r, const struct split *s)
{
	uint64_t size = 0, parts;

	for (size_t i = 0; i < s->nparts; i++) {
		uint64_t end = i + 1 < s->nparts ? s->starts[i + 1] :
			(uint64_t)1 << 32;

		if (choice_of(r->p, s->outcomes[i], r->v) == r->choice)
			size += end - s->starts[i];
	}
	parts = (size * 1000000 + ((uint64_t)1 << 31)) >> 32;
	return arena_printf(r->diags->arena, "%u.%04u %%",
			    (unsigned int)(parts / 10000),
			    (unsigned int)(parts % 10000));
}

static const char *also_text(const struct proof *r, uint32_t rule)
{
	struct arena *a = r->diags->arena;
	const char *label = rule_label(a, r->p, rule);

	if (r->choice == GOAL_PASS)
		return arena_printf(a, "`%s` passes it", label);
	if (r->choice == GOAL_DROP)
		return arena_printf(a, "`%s` drops it", label);
	return arena_printf(a, "`%s` sends it to `%s`", label,
			    policy_choice_name(r->p, r->choice));
}

static void say(struct proof *r)
{
	const struct action *action = &r->p->actions[r->action];
	struct arena *a = r->diags->arena;
	const char *packet, *does;
	struct diag *d;

	witness_polish(r->v, still_wrong, r);
	assert(policy_clause(r->p, r->v)->action == r->action);
	packet = witness_text(a, r->p, r->v);
	does = choice_text(a, r->p, r->choice);
	d = diag_add(r->diags, DIAG_EXPECT_FAILED, &r->e->ast->place,
		     "the expectation does not hold for every packet");
	d->label = arena_printf(a, "expected %s", goals_text(r));
	d->also.place = rule_place(&r->p->rules[action->rule]);
	d->also.text = also_text(r, action->rule);
	if (r->no_packet)
		d->note = arena_printf(a, "of packets like `%s`, %s %s",
				       packet, share_text(r, action->split),
				       does);
	else
		d->note = arena_printf(a, "`%s` %s", packet, does);
}

/* ------------------------------------------------------------ proving */

/* T's packets of one family and protocol; false when there are none. */
static bool narrow(struct proof *r, const struct term *t, unsigned int kind)
{
	static const struct interval bits[2] = { { 0, 0 }, { 1, 1 } };
	static const struct iset sets[2] = { { &bits[0], 1 },
					     { &bits[1], 1 } };
	static const uint8_t fields[2] = { FIELD_FAMILY, FIELD_PROTOCOL };

	r->term = *t;
	for (int i = 0; i < 2; i++) {
		const struct iset *s = t->set[fields[i]];
		unsigned int bit = kind >> i & 1;

		if (s && !iset_contains(s, bit))
			return false;
		r->term.set[fields[i]] = &sets[bit];
	}
	return true;
}

static void say_too_large(struct proof *r)
{
	struct diag *d = diag_add(r->diags, DIAG_TOO_LARGE, &r->e->ast->place,
				  "too many rules overlap in these packets to "
				  "prove the expectation");

	d->help = "expect something of fewer packets, in several lines";
}

/* False when something was said. */
static bool check(struct proof *r)
{
	const struct diagram_options o = { .max_cuts = CUTS_MAX };

	r->d = r->whole ? r->whole :
		diagram_within(r->diags->arena, r->p, &r->term, &o);
	if (!r->d) {
		say_too_large(r);
		return false;
	}
	diagram_restrict(r->d, &r->term, check_leaf, r);
	if (r->failed)
		say(r);
	return !r->failed;
}

static void prove(struct proof *r)
{
	for (size_t i = 0; i < r->e->terms.n; i++)
		for (unsigned int kind = 0; kind < SLOT_KINDS; kind++)
			if (narrow(r, &r->e->terms.v[i], kind) && !check(r))
				return;
}

void expect_prove(const struct policy *p, const struct diagram *d,
		  struct diags *diags)
{
	for (size_t i = 0; i < p->nexpects && !diag_full(diags); i++) {
		struct proof r = {
			.p = p, .whole = d, .diags = diags,
			.e = &p->expects[i], .budget = SEARCH_BUDGET,
		};

		prove(&r);
	}
}
