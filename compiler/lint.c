/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lint - finds rules that decide nothing
 *
 * In: policy and diagram, or forest. Out: unreachable-rule (which is said in
 * lint_unreachable.c) and redundant-rule. A rule is unreachable when no leaf
 * names it. Which rules are redundant is asked once, of a second diagram whose
 * leaves know what the next rule would do: its size is bounded, and where the
 * bound does not suffice, redundant rules are not looked for. In a forest each
 * rule is asked about by itself (lint_forest.c); unjudged says how many of them
 * had to be left.
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
	STEPS_MIN = 4000000,	/* of the second diagram */
	STEPS_FACTOR = 40,	/* times the cuts of the first */
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

bool lint_same_doing(const struct lint *l, uint32_t action, uint32_t two)
{
	return l->verdict[action] != l->special &&
	       l->verdict[action] == l->verdict[two];
}

uint32_t lint_choice(const struct policy *p, uint32_t action,
			  const u128 v[FIELD_COUNT])
{
	const struct outcome *o =
		&p->outcomes[policy_action_outcome(p, action, v)];

	return policy_first_choice(p, o, (unsigned int)v[FIELD_FAMILY],
				   (unsigned int)v[FIELD_PROTOCOL]);
}

const struct clause *lint_clause_from(const struct lint *l, size_t i,
				      const u128 v[FIELD_COUNT])
{
	const struct policy *p = l->p;

	if (l->index)
		return &p->clauses[term_index_find(l->index, (uint32_t)i, v)];
	for (;; i++)
		for (size_t k = 0; k < p->clauses[i].terms.n; k++)
			if (term_holds(&p->clauses[i].terms.v[k], v))
				return &p->clauses[i];
}

uint32_t lint_decider(const struct lint *l, const u128 v[FIELD_COUNT])
{
	if (l->d)
		return dref_action(diagram_walk(l->d, v));
	return lint_clause_from(l, 0, v)->action;
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

	return lint_decider(l, v) == s->action &&
	       lint_clause_from(l, l->first[rule + 1], v)->action == s->next;
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
	if (l->details++ >= LINT_DETAILS)
		return;
	s.action = lint_clause_from(l, 0, v)->action;
	s.next = lint_clause_from(l, l->first[rule + 1], v)->action;
	next = l->p->actions[s.next].rule;
	assert(l->p->actions[s.action].rule == rule);
	assert(lint_same_doing(l, s.action, s.next));
	witness_polish(v, still_same, &s);
	d->also.place = rule_place(&l->p->rules[next]);
	d->also.text = arena_printf(l->a, "`%s` does the same",
				    rule_label(l->a, l->p, next));
	d->note = arena_printf(l->a,
		"without it, `%s` %s all the same, by `%s`",
		witness_text(l->a, l->p, v),
		choice_text(l->a, l->p, lint_choice(l->p, s.action, v)),
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
		lint_unreachable(&l);
	mark_special(&l);
	if (may_be_redundant(&l))
		redundant(&l);
}

/* ------------------------------------------------------------- forests */

/* A clause that is not judged counts as one that decides something. */
static void judge_reached(struct lint *l)
{
	for (uint32_t i = 0; i < l->p->nclauses; i++) {
		const struct clause *c = &l->p->clauses[i];
		enum lint_found found = lint_decides(l->judge, i);

		if (found != LINT_NONE)
			l->reached[c->action] = 1;
		if (found == LINT_UNKNOWN)
			l->unjudged[rule_of(l->p, c)] = true;
	}
}

/* Says so if no clause of the RULE is needed, as far as that is known. */
static void judge_redundant(struct lint *l, uint32_t rule)
{
	uint32_t next = (uint32_t)l->first[rule + 1];
	const u128 *packet = NULL;
	u128 v[FIELD_COUNT];
	bool unknown = false;

	for (uint32_t i = (uint32_t)l->first[rule]; i < next; i++) {
		enum lint_found found = LINT_FOUND;

		if (l->verdict[l->p->clauses[i].action] != l->special)
			found = lint_needed(l->judge, i, next, l->verdict);
		if (found == LINT_FOUND)
			return;
		unknown |= found == LINT_UNKNOWN;
		if (!packet)
			packet = lint_packet(l->judge, i);
	}
	l->unjudged[rule] |= unknown;
	if (unknown || !packet)
		return;
	memcpy(v, packet, sizeof(v));
	say_redundant(l, rule, v);
}

static void say_unjudged(struct lint *l)
{
	size_t n = 0;
	struct diag *d;

	for (size_t i = 0; i < l->p->nrules; i++)
		n += l->unjudged[i];
	if (!n || l->diags->silent[DIAG_UNJUDGED])
		return;
	d = diag_add(l->diags, DIAG_UNJUDGED, NULL, "of %zu %s it was not "
		     "found out whether they are of use", n,
		     n == 1 ? "rule" : "rules");
	d->note = "too many other rules overlap with them";
}

void expect_lint_forest(const struct policy *p, const struct forest *f,
			struct diags *diags)
{
	struct lint l = { .p = p, .diags = diags, .a = diags->arena };
	bool redundant_asked;

	if (diags->silent[DIAG_UNREACHABLE_RULE] &&
	    diags->silent[DIAG_REDUNDANT_RULE])
		return;
	l.index = term_index_new(l.a, p);
	l.judge = lint_judge_new(l.a, p, f, l.index);
	l.reached = arena_array(l.a, p->nactions, 1);
	l.unjudged = arena_array(l.a, p->nrules, sizeof(*l.unjudged));
	judge_reached(&l);
	mark_rules(&l);
	mark_twins(&l);
	number_verdicts(&l);
	if (!diags->silent[DIAG_UNREACHABLE_RULE])
		lint_unreachable(&l);
	mark_special(&l);
	lint_refresh(l.judge);
	redundant_asked = may_be_redundant(&l);
	for (uint32_t i = 0; redundant_asked && i + 1 < p->nrules; i++)
		if (l.reach[i] == REACH_SOME && !l.unjudged[i])
			judge_redundant(&l, i);
	say_unjudged(&l);
}
