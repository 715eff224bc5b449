/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lint_move - whether moving a rule is a fix
 *
 * In: a rule that is never reached, and the one that takes all its packets.
 * Out: yes or no. The packets that the upper rule would keep are those it
 * decides outside every term of the lower one; a packet is outside a term when
 * it is outside in one field: so the fields are tried, one of each term.
 */
#include "lint.h"

#include "../grammar/arena.h"

enum { TRIES = 64 };		/* regions asked about */

struct keeps {
	struct arena *a;
	const struct policy *p;
	const struct diagram *d;
	const struct terms *without;
	uint32_t rule;		/* the upper one */
	unsigned int tries;
	bool found;
};

static bool is_kept(void *ctx, dref leaf, const u128 v[FIELD_COUNT])
{
	struct keeps *k = ctx;

	(void)v;
	k->found = k->p->actions[dref_action(leaf)].rule == k->rule;
	return !k->found;
}

/* T outside the terms from number I on: is some packet of it kept? */
static bool keeps(struct keeps *k, const struct term *t, size_t i)
{
	const struct term *out = &k->without->v[i];

	if (!k->tries)
		return false;
	if (i == k->without->n) {
		k->tries--;
		diagram_restrict(k->d, t, is_kept, k);
		return k->found;
	}
	for (unsigned int f = 0; f < FIELD_COUNT; f++) {
		struct term rest = *t;
		const struct iset *s;

		if (!out->set[f])
			continue;
		s = iset_complement(k->a, out->set[f], field_highest(f));
		if (t->set[f])
			s = iset_intersect(k->a, t->set[f], s);
		rest.set[f] = s;
		if (s->n && keeps(k, &rest, i + 1))
			return true;
	}
	return false;
}

static bool still_decides(struct arena *a, const struct policy *p,
			  const struct diagram *d, uint32_t rule,
			  uint32_t above)
{
	struct keeps k = { .a = a, .p = p, .d = d, .rule = above,
			   .without = &p->rules[rule].terms, .tries = TRIES };
	const struct terms *t = &p->rules[above].terms;

	for (size_t i = 0; i < t->n; i++)
		if (keeps(&k, &t->v[i], 0))
			return true;
	return false;
}

static bool sets_meet(const struct iset *x, const struct iset *y)
{
	u128 value;

	if (x->n > y->n) {
		const struct iset *swap = x;

		x = y;
		y = swap;
	}
	for (size_t i = 0; i < x->n; i++)
		if (iset_lowest(y, x->v[i].low, &value) &&
		    value <= x->v[i].high)
			return true;
	return false;
}

static bool meet(const struct terms *x, const struct terms *y)
{
	for (size_t i = 0; i < x->n; i++)
		for (size_t k = 0; k < y->n; k++) {
			int f = 0;

			while (f < FIELD_COUNT &&
			       (!x->v[i].set[f] || !y->v[k].set[f] ||
				sets_meet(x->v[i].set[f], y->v[k].set[f])))
				f++;
			if (f == FIELD_COUNT)
				return true;
		}
	return false;
}

static bool all_goals(const struct policy *p, const struct policy_expect *e,
		      const struct outcome *o)
{
	for (unsigned int kind = 0; kind < SLOT_KINDS; kind++) {
		uint32_t choice = policy_first_choice(p, o, kind & 1,
						      kind >> 1);
		size_t i = 0;

		while (i < e->ngoals && e->goals[i] != choice)
			i++;
		if (i == e->ngoals)
			return false;
	}
	return true;
}

/* Whether E can be trusted to hold when RULE decides its own packets. */
static bool expectation_holds(const struct policy *p,
			      const struct policy_expect *e, uint32_t rule)
{
	if (!meet(&e->terms, &p->rules[rule].terms))
		return true;
	for (size_t i = 0; i < p->noutcomes; i++)
		if (p->outcomes[i].rule == rule &&
		    !all_goals(p, e, &p->outcomes[i]))
			return false;
	return true;
}

static bool same_whens(const struct policy_rule *x,
		       const struct policy_rule *y)
{
	if (x->nwhens != y->nwhens)
		return false;
	for (size_t i = 0; i < x->nwhens; i++)
		if (x->whens[i] != y->whens[i])
			return false;
	return true;
}

bool lint_may_move(struct arena *a, const struct policy *p,
		   const struct diagram *d, uint32_t rule, uint32_t above)
{
	if (!same_whens(&p->rules[rule], &p->rules[above]))
		return false;
	for (size_t i = 0; i < p->nexpects; i++)
		if (!expectation_holds(p, &p->expects[i], rule))
			return false;
	return still_decides(a, p, d, rule, above);
}
