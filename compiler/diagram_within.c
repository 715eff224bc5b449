/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diagram_within - the diagram of the packets of one term
 *
 * In: a policy and a term. Out: a diagram that is right for the packets of the
 * term, and says nothing of others: clauses that hold none of them are left
 * out, and what all of them fulfil is not asked. So a question about a few
 * packets has an answer, however large the policy is.
 */
#include "diagram.h"

#include "../grammar/arena.h"

/* OUT = what of SET is left to ask of values in BOX; false: none is in it. */
static bool narrow_set(struct arena *a, const struct iset *set,
		       const struct iset *box, const struct iset **out)
{
	const struct iset *both;

	*out = set;
	if (!set || !box)
		return true;
	both = iset_intersect(a, set, box);
	*out = iset_equal(both, box) ? NULL : both;
	return both->n;
}

static bool narrow(struct arena *a, const struct term *t,
		   const struct term *box, struct term *out, bool *all)
{
	*all = true;
	for (int f = 0; f < FIELD_COUNT; f++) {
		if (!narrow_set(a, t->set[f], box->set[f], &out->set[f]))
			return false;
		*all &= !out->set[f];
	}
	return true;
}

/* The terms of C that packets of BOX can be in, into OUT; true: all are. */
static bool narrow_clause(struct arena *a, const struct clause *c,
			  const struct term *box, struct clause *out)
{
	for (size_t i = 0; i < c->terms.n; i++) {
		struct term t;
		bool all;

		if (!narrow(a, &c->terms.v[i], box, &t, &all))
			continue;
		*arena_push(a, out->terms.v, out->terms.n, out->terms.cap) = t;
		if (all)
			return true;
	}
	return false;
}

size_t clauses_within(struct arena *a, const struct clause *v, size_t n,
		      const struct term *box, struct clause *out)
{
	size_t kept = 0;
	bool all = false;

	for (size_t i = 0; i < n && !all; i++) {
		struct clause c = { .action = v[i].action };

		all = narrow_clause(a, &v[i], box, &c);
		if (c.terms.n)
			out[kept++] = c;
	}
	return kept;
}

struct diagram *diagram_within(struct arena *a, const struct policy *p,
			       const struct term *box,
			       const struct diagram_options *o)
{
	struct clause *v = arena_array(a, p->nclauses, sizeof(*v));

	return diagram_build_clauses(a, v, clauses_within(a, p->clauses,
		p->nclauses, box, v), o);
}
