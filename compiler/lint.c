/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lint - finds rules that decide nothing
 *
 * In: policy and diagram, or forest. Out: unreachable-rule and redundant-rule. A rule is
 * unreachable when no leaf names it; what takes its packets is asked of the
 * diagram, rule by rule. Which rules are redundant is asked once, of a second
 * diagram whose leaves know what the next rule would do: its size is bounded,
 * and where the bound does not suffice, redundant rules are not looked for.
 *
 * A rule that counts or traces is never redundant, nor one that keeps packets
 * from being counted or traced by a rule behind it. The default is never
 * either: a policy must have one. Rules of one text are resolve's to report.
 */
#include "expect.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../grammar/arena.h"
#include "lint.h"
#include "witness.h"

enum {
	DETAILS_MAX = 200,	/* warnings with packets, then without */
	STEPS_MIN = 4000000,	/* of the second diagram */
	STEPS_FACTOR = 40,	/* times the cuts of the first */
};

enum reach { REACH_EMPTY, REACH_NOT, REACH_SOME };

struct lint {
	const struct policy *p;
	const struct diagram *d;
	struct diags *diags;
	struct arena *a;
	uint8_t *reached;	/* by action */
	uint8_t *reach;		/* by rule: enum reach */
	bool *twin;		/* by rule: an earlier one has its text */
	size_t *first;		/* by rule: its first clause; then nclauses */
	uint32_t *verdict;	/* by action, equal for what does the same */
	uint32_t nverdicts, special;	/* special: like nothing else */
	size_t details;
};

/* ---------------------------------------------------------- preparing */

static void mark_reached(struct lint *l)
{
	const struct diagram *d = l->d;

	if (dref_is_leaf(d->root))
		l->reached[dref_action(d->root)] = 1;
	for (size_t i = 0; i < d->nnodes; i++)
		for (uint32_t k = 0; k <= d->nodes[i].ncuts; k++) {
			dref c = d->nodes[i].children[k];

			if (dref_is_leaf(c) && c != DREF_NONE)
				l->reached[dref_action(c)] = 1;
		}
}

static uint32_t rule_of(const struct policy *p, const struct clause *c)
{
	return p->actions[c->action].rule;
}

/* The same of a tree, whose leaves are clauses. */
static void mark_clauses(struct lint *l, const struct diagram *d)
{
	const struct clause *c = l->p->clauses;

	if (dref_is_leaf(d->root))
		l->reached[c[dref_action(d->root)].action] = 1;
	for (size_t i = 0; i < d->nnodes; i++)
		for (uint32_t k = 0; k <= d->nodes[i].ncuts; k++) {
			dref r = d->nodes[i].children[k];

			if (dref_is_leaf(r) && r != DREF_NONE)
				l->reached[c[dref_action(r)].action] = 1;
		}
}

/* A rule is EMPTY when it has no clause that holds a packet. */
static void mark_rules(struct lint *l)
{
	const struct policy *p = l->p;
	size_t next = 0;

	l->reach = arena_array(l->a, p->nrules, 1);
	l->first = arena_array(l->a, p->nrules + 1, sizeof(*l->first));
	for (size_t i = 0; i < p->nclauses; i++) {
		const struct clause *c = &p->clauses[i];
		uint32_t rule = rule_of(p, c);

		while (next <= rule)
			l->first[next++] = i;
		if (l->reached[c->action])
			l->reach[rule] = REACH_SOME;
		else if (c->terms.n && l->reach[rule] == REACH_EMPTY)
			l->reach[rule] = REACH_NOT;
	}
	while (next <= p->nrules)
		l->first[next++] = p->nclauses;
}

struct named {
	const char *name;
	uint32_t rule;
};

static int by_name(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : x->rule < y->rule ? -1 : x->rule > y->rule;
}

static void mark_twins(struct lint *l)
{
	size_t n = l->p->nrules;
	struct named *v = arena_array(l->a, n, sizeof(*v));

	l->twin = arena_array(l->a, n, sizeof(*l->twin));
	for (uint32_t i = 0; i < n; i++)
		v[i] = (struct named){ l->p->rules[i].name, i };
	qsort(v, n, sizeof(*v), by_name);
	for (size_t i = 1; i < n; i++)
		l->twin[v[i].rule] = !strcmp(v[i].name, v[i - 1].name);
}

struct doing {			/* what an action does */
	const struct outcome *o;	/* NULL: something of its own */
	uint32_t action;
};

static int by_doing(const void *a, const void *b)
{
	const struct outcome *x = ((const struct doing *)a)->o;
	const struct outcome *y = ((const struct doing *)b)->o;

	if (!x || !y)
		return !y - !x;
	if (x->pass != y->pass)
		return x->pass - y->pass;
	if (x->nsteps != y->nsteps)
		return x->nsteps < y->nsteps ? -1 : 1;
	return x->nsteps ? memcmp(x->steps, y->steps,
				  x->nsteps * sizeof(*x->steps)) : 0;
}

/* Numbers what actions do; a split does something of its own. */
static void number_verdicts(struct lint *l)
{
	const struct policy *p = l->p;
	struct doing *v = arena_array(l->a, p->nactions, sizeof(*v));
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->nactions; i++) {
		const struct action *a = &p->actions[i];

		v[i].action = i;
		v[i].o = a->split ? NULL : &p->outcomes[a->outcome];
	}
	qsort(v, p->nactions, sizeof(*v), by_doing);
	l->verdict = arena_array(l->a, p->nactions, sizeof(*l->verdict));
	for (size_t i = 0; i < p->nactions; i++) {
		if (i && by_doing(&v[i - 1], &v[i]))
			n++;
		l->verdict[v[i].action] = v[i].o ? n : UINT32_MAX;
	}
	l->special = n + 1;
	l->nverdicts = n + 2;
	for (size_t i = 0; i < p->nactions; i++)
		if (l->verdict[i] == UINT32_MAX)
			l->verdict[i] = l->special;
}

/* Whether TWO does what ACTION does. */
static bool same_doing(const struct lint *l, uint32_t action, uint32_t two)
{
	return l->verdict[action] != l->special &&
	       l->verdict[action] == l->verdict[two];
}

static uint32_t choice_by(const struct policy *p, uint32_t action,
			  const u128 v[FIELD_COUNT])
{
	const struct outcome *o =
		&p->outcomes[policy_action_outcome(p, action, v)];

	return policy_first_choice(p, o, (unsigned int)v[FIELD_FAMILY],
				   (unsigned int)v[FIELD_PROTOCOL]);
}

/* The first clause from number I on that holds V; there is one. */
static const struct clause *clause_from(const struct policy *p, size_t i,
					const u128 v[FIELD_COUNT])
{
	for (;; i++)
		for (size_t k = 0; k < p->clauses[i].terms.n; k++)
			if (term_holds(&p->clauses[i].terms.v[k], v))
				return &p->clauses[i];
}

/* -------------------------------------------------------- unreachable */

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
	uint32_t own = clause_from(l->p, l->first[t->rule], v)->action;

	if (t->seen[rule] != t->rule + 1) {
		t->seen[rule] = t->rule + 1;
		if (!t->n++ || rule < t->first)
			t->first = rule;
	}
	if (t->shows || same_doing(l, own, now))
		return true;
	t->differs = true;
	t->shows = choice_by(l->p, own, v) != choice_by(l->p, now, v);
	t->own = own;
	t->now = now;
	memcpy(t->v, v, sizeof(t->v));
	return true;
}

static void ask_takers(struct takers *t)
{
	const struct policy *p = t->l->p;

	for (size_t i = t->l->first[t->rule]; i < t->l->first[t->rule + 1];
	     i++)
		for (size_t k = 0; k < p->clauses[i].terms.n; k++)
			diagram_restrict(t->l->d, &p->clauses[i].terms.v[k],
					 take, t);
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
	return inside && diagram_walk(l->d, v) == (DREF_LEAF | t->now) &&
	       clause_from(l->p, l->first[t->rule], v)->action == t->own &&
	       choice_by(l->p, t->own, v) == choice_by(l->p, t->own, w) &&
	       choice_by(l->p, t->now, v) == choice_by(l->p, t->now, w);
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
		choice = choice_by(l->p, t->now, v);
		return arena_printf(l->a,
			"the verdicts differ: today `%s` %s, %s",
			witness_text(l->a, l->p, v),
			choice_text(l->a, l->p, choice),
			instead_text(l, choice, choice_by(l->p, t->own, v)));
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
	if (!l->d || l->details++ >= DETAILS_MAX)
		return;
	ask_takers(&t);
	d->also.place = rule_place(&l->p->rules[t.first]);
	d->also.text = taker_text(&t);
	d->note = verdicts_note(&t);
	if (!t.differs)
		d->help = arena_printf(l->a, "remove `%s`",
				       rule_label(l->a, l->p, rule));
	else if (t.n == 1 && lint_may_move(l->a, l->p, l->d, rule,
					       t.first))
		d->help = arena_printf(l->a, "move `%s` above `%s`",
				       rule_label(l->a, l->p, rule),
				       rule_label(l->a, l->p, t.first));
}

static void unreachable(struct lint *l)
{
	uint32_t *seen = arena_array(l->a, l->p->nrules, sizeof(*seen));

	for (uint32_t i = 0; i + 1 < l->p->nrules; i++)
		if (l->reach[i] == REACH_NOT && !l->twin[i])
			say_unreachable(l, i, seen);
}

/* ---------------------------------------------------------- redundant */

struct seconds {
	struct lint *l;
	uint32_t base;		/* leaves an action has */
	bool *needed;		/* by rule */
	u128 **v;		/* by rule: a packet of it, or NULL */
};

static bool look_second(void *ctx, dref leaf, const u128 v[FIELD_COUNT])
{
	struct seconds *s = ctx;
	struct lint *l = s->l;
	uint32_t action = dref_action(leaf) / s->base;
	uint32_t second = dref_action(leaf) % s->base;
	uint32_t rule = l->p->actions[action].rule;

	if (l->verdict[action] == l->special ||
	    second != 1 + l->verdict[action])
		s->needed[rule] = true;
	if (!s->needed[rule] && !s->v[rule]) {
		s->v[rule] = arena_array(l->a, FIELD_COUNT, sizeof(*v));
		memcpy(s->v[rule], v, FIELD_COUNT * sizeof(*v));
	}
	return true;
}

/*
 * From here on what counts or traces is special, too; and so is a rule that is
 * not reached yet, but might be without the rule at hand: it was reported
 * itself, and one of the two has to stay. The default stays anyhow.
 */
static void mark_special(struct lint *l)
{
	for (size_t i = 0; i < l->p->nactions; i++) {
		uint32_t rule = l->p->actions[i].rule;
		bool idle = l->reach[rule] != REACH_SOME &&
			rule + 1 < l->p->nrules;

		if (idle || l->p->rules[rule].count || l->p->rules[rule].trace)
			l->verdict[i] = l->special;
	}
}

static struct diagram *build_seconds(struct lint *l, uint32_t base)
{
	uint32_t *rule = arena_array(l->a, l->p->nactions, sizeof(*rule));
	struct diagram_second second = { rule, l->verdict, l->nverdicts };
	struct diagram_options o = { .order = l->d->order, .second = &second };
	size_t leaves;

	if (__builtin_mul_overflow(l->p->nactions, base, &leaves) ||
	    leaves >= DREF_LEAF)
		return NULL;
	for (size_t i = 0; i < l->p->nactions; i++)
		rule[i] = l->p->actions[i].rule;
	o.max_steps = STEPS_FACTOR * diagram_stats(l->d).cuts;
	if (o.max_steps < STEPS_MIN)
		o.max_steps = STEPS_MIN;
	return diagram_build(l->a, l->p, &o);
}

struct still_same {
	const struct lint *l;
	uint32_t action, next;
};

static bool still_same(void *ctx, const u128 v[FIELD_COUNT])
{
	const struct still_same *s = ctx;
	const struct lint *l = s->l;
	uint32_t rule = l->p->actions[s->action].rule;

	return diagram_walk(l->d, v) == (DREF_LEAF | s->action) &&
	       clause_from(l->p, l->first[rule + 1], v)->action == s->next;
}

static void say_redundant(struct lint *l, uint32_t rule, u128 *v)
{
	struct place at = rule_place(&l->p->rules[rule]);
	const char *label = rule_label(l->a, l->p, rule);
	struct still_same s = { .l = l };
	uint32_t next;
	struct diag *d;

	d = diag_add(l->diags, DIAG_REDUNDANT_RULE, &at,
		     "rule `%s` changes no verdict", label);
	d->label = "every packet gets the same verdict without it";
	d->help = arena_printf(l->a, "remove `%s`", label);
	if (l->details++ >= DETAILS_MAX)
		return;
	s.action = policy_clause(l->p, v)->action;
	s.next = clause_from(l->p, l->first[rule + 1], v)->action;
	next = l->p->actions[s.next].rule;
	assert(l->p->actions[s.action].rule == rule);
	assert(same_doing(l, s.action, s.next));
	witness_polish(v, still_same, &s);
	d->also.place = rule_place(&l->p->rules[next]);
	d->also.text = arena_printf(l->a, "`%s` does the same",
				    rule_label(l->a, l->p, next));
	d->note = arena_printf(l->a,
		"without it, `%s` %s all the same, by `%s`",
		witness_text(l->a, l->p, v),
		choice_text(l->a, l->p, choice_by(l->p, s.action, v)),
		rule_label(l->a, l->p, next));
}

static void redundant(struct lint *l)
{
	static const struct term any = { { NULL } };
	struct seconds s = { .l = l, .base = l->nverdicts + 1 };
	size_t n = l->p->nrules;
	struct diagram *d;

	d = build_seconds(l, s.base);
	if (!d)
		return;
	s.needed = arena_array(l->a, n, sizeof(*s.needed));
	s.v = arena_array(l->a, n, sizeof(*s.v));
	diagram_restrict(d, &any, look_second, &s);
	for (uint32_t i = 0; i + 1 < n; i++)
		if (!s.needed[i] && s.v[i])
			say_redundant(l, i, s.v[i]);
}

/* Not asked for when nobody would hear the answer, or all rules are special. */
static bool may_be_redundant(const struct lint *l)
{
	if (l->diags->silent[DIAG_REDUNDANT_RULE])
		return false;
	for (size_t i = 0; i < l->p->nactions; i++)
		if (l->p->actions[i].rule + 1 < l->p->nrules &&
		    l->verdict[i] != l->special)
			return true;
	return false;
}

void expect_lint(const struct policy *p, const struct diagram *d,
		 struct diags *diags)
{
	struct lint l = { .p = p, .d = d, .diags = diags, .a = diags->arena };

	l.reached = arena_array(l.a, p->nactions, 1);
	mark_reached(&l);
	mark_rules(&l);
	mark_twins(&l);
	number_verdicts(&l);
	if (!diags->silent[DIAG_UNREACHABLE_RULE])
		unreachable(&l);
	mark_special(&l);
	if (may_be_redundant(&l))
		redundant(&l);
}

void expect_lint_forest(const struct policy *p, const struct forest *f,
			struct diags *diags)
{
	struct lint l = { .p = p, .diags = diags, .a = diags->arena };

	l.reached = arena_array(l.a, p->nactions, 1);
	for (size_t i = 0; i < f->ntrees; i++)
		mark_clauses(&l, f->trees[i].diagram);
	mark_rules(&l);
	mark_twins(&l);
	if (!diags->silent[DIAG_UNREACHABLE_RULE])
		unreachable(&l);
}
