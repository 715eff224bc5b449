/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lint_unreachable - says which rules are never reached, and what hides them
 *
 * In: rules that no leaf names. Out: unreachable-rule. What takes a rule's
 * packets is asked of the diagram, or in a forest of a small one of its
 * packets; where that one is not small, nobody is blamed.
 */
#include "lint.h"

#include <assert.h>
#include <string.h>

#include "../grammar/arena.h"
#include "witness.h"

enum { NEAR_STEPS = 50000 };	/* of a diagram of one term's packets */

struct takers {			/* who takes the packets of a rule */
	struct lint *l;
	uint32_t rule;
	uint32_t *seen;		/* by rule: whom it was last seen for, + 1 */
	uint32_t first, n;	/* the one that stands first; how many */
	uint32_t own, now;	/* actions, in a case where they differ */
	bool differs;		/* somewhere, what is done */
	bool shows;		/* and in V the first choice as well */
	u128 v[FIELD_COUNT];
};

static bool take(void *ctx, dref leaf, const u128 v[FIELD_COUNT])
{
	struct takers *t = ctx;
	struct lint *l = t->l;
	uint32_t now = dref_action(leaf), rule = l->p->actions[now].rule;
	uint32_t own = lint_clause_from(l, l->first[t->rule], v)->action;

	if (t->seen[rule] != t->rule + 1) {
		t->seen[rule] = t->rule + 1;
		if (!t->n++ || rule < t->first)
			t->first = rule;
	}
	if (t->shows || lint_same_doing(l, own, now))
		return true;
	t->differs = true;
	t->shows = lint_choice(l->p, own, v) != lint_choice(l->p, now, v);
	t->own = own;
	t->now = now;
	memcpy(t->v, v, sizeof(t->v));
	return true;
}

static uint32_t action_of(const void *ctx, uint32_t clause)
{
	const struct policy *p = ctx;

	return p->clauses[clause].action;
}

/* A diagram that is right for the packets of TERM, or NULL. */
static const struct diagram *diagram_of(struct lint *l,
					const struct term *term)
{
	const struct diagram_options o = { .order = order_plain,
					   .max_steps = NEAR_STEPS };
	struct near near = { 0 };

	if (l->d)
		return l->d;
	term_index_near(l->index, l->a, term, 0, (uint32_t)l->p->nclauses,
			action_of, l->p, &near);
	return diagram_build_clauses(l->a, near.v, near.n, &o);
}

static bool ask_takers(struct takers *t)
{
	const struct policy *p = t->l->p;

	for (size_t i = t->l->first[t->rule]; i < t->l->first[t->rule + 1];
	     i++)
		for (size_t k = 0; k < p->clauses[i].terms.n; k++) {
			const struct term *term = &p->clauses[i].terms.v[k];
			const struct diagram *d = diagram_of(t->l, term);

			if (!d)
				return false;
			diagram_restrict(d, term, take, t);
		}
	return true;
}

/* The packet still goes one way, and would go the other by the rule. */
static bool still_taken(void *ctx, const u128 v[FIELD_COUNT])
{
	const struct takers *t = ctx;
	const struct lint *l = t->l;
	const struct policy_rule *rule = &l->p->rules[t->rule];
	const u128 *w = t->v;
	bool inside = false;

	for (size_t i = 0; i < rule->terms.n; i++)
		inside = inside || term_holds(&rule->terms.v[i], v);
	return inside && lint_decider(l, v) == t->now &&
	       lint_clause_from(l, l->first[t->rule], v)->action == t->own &&
	       lint_choice(l->p, t->own, v) == lint_choice(l->p, t->own, w) &&
	       lint_choice(l->p, t->now, v) == lint_choice(l->p, t->now, w);
}

static const char *instead_text(struct lint *l, uint32_t now, uint32_t own)
{
	if (own == GOAL_PASS)
		return "and is not passed";
	if (own == GOAL_DROP)
		return "and is not dropped";
	return arena_printf(l->a, now == GOAL_PASS || now == GOAL_DROP ?
			    "and does not go to `%s`" : "not to `%s`",
			    policy_choice_name(l->p, own));
}

static const char *verdicts_note(struct takers *t)
{
	struct lint *l = t->l;
	const struct action *own = &l->p->actions[t->own];
	const struct action *now = &l->p->actions[t->now];
	uint32_t choice;
	u128 v[FIELD_COUNT];

	if (!t->differs)
		return "the verdicts are the same";
	if (t->shows) {
		memcpy(v, t->v, sizeof(v));
		witness_polish(v, still_taken, t);
		assert(policy_clause(l->p, v)->action == t->now);
		choice = lint_choice(l->p, t->now, v);
		return arena_printf(l->a,
			"the verdicts differ: today `%s` %s, %s",
			witness_text(l->a, l->p, v),
			choice_text(l->a, l->p, choice),
			instead_text(l, choice, lint_choice(l->p, t->own, v)));
	}
	if (own->split || now->split)
		return NULL;
	return arena_printf(l->a, "the verdicts differ: `%s`, not `%s`",
		outcome_text(l->a, l->p, &l->p->outcomes[now->outcome]),
		outcome_text(l->a, l->p, &l->p->outcomes[own->outcome]));
}

static const char *does_text(struct lint *l, uint32_t rule)
{
	const struct ast_verdict *verdict = &l->p->rules[rule].ast->verdict;

	switch ((enum ast_verdict_kind)verdict->kind) {
	case AST_PASS:
		return "passes it";
	case AST_DROP:
		return "drops it";
	case AST_MAP:
		return arena_printf(l->a, "asks the map `%s`",
				    verdict->map.text);
	case AST_SPLIT:
		return "splits it";
	case AST_CHAIN:
		break;
	}
	return arena_printf(l->a, "sends it to `%s`",
			    verdict->chain[0].socket.text);
}

static const char *taker_text(struct takers *t)
{
	struct lint *l = t->l;
	const char *label = rule_label(l->a, l->p, t->rule);

	if (t->n == 1)
		return arena_printf(l->a,
			"already takes every packet of `%s`, and %s", label,
			does_text(l, t->first));
	return arena_printf(l->a,
		"takes packets of `%s`, and %u %s the others", label, t->n - 1,
		t->n == 2 ? "more rule takes" : "more rules take");
}

static void say_unreachable(struct lint *l, uint32_t rule, uint32_t *seen)
{
	struct takers t = { .l = l, .rule = rule, .seen = seen };
	const struct policy_rule *r = &l->p->rules[rule];
	struct place at = rule_place(r);
	struct diag *d;

	d = diag_add(l->diags, DIAG_UNREACHABLE_RULE, &at,
		     "rule `%s` can never match",
		     rule_label(l->a, l->p, rule));
	d->label = "never reached";
	if (l->details++ >= LINT_DETAILS || !ask_takers(&t))
		return;
	d->also.place = rule_place(&l->p->rules[t.first]);
	d->also.text = taker_text(&t);
	d->note = verdicts_note(&t);
	if (!t.differs)
		d->help = arena_printf(l->a, "remove `%s`",
				       rule_label(l->a, l->p, rule));
	else if (t.n == 1 && l->d &&
		 lint_may_move(l->a, l->p, l->d, rule, t.first))
		d->help = arena_printf(l->a, "move `%s` above `%s`",
				       rule_label(l->a, l->p, rule),
				       rule_label(l->a, l->p, t.first));
}

void lint_unreachable(struct lint *l)
{
	uint32_t *seen = arena_array(l->a, l->p->nrules, sizeof(*seen));

	for (uint32_t i = 0; i + 1 < l->p->nrules; i++)
		if (l->reach[i] == REACH_NOT && !l->twin[i])
			say_unreachable(l, i, seen);
}
