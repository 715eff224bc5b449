/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lint_forest - what single trees do not tell about a rule
 *
 * In: a policy and its trees. Out: which clauses decide some packet, and
 * whether all of a rule's packets get the same without it. A clause that no
 * leaf of its tree names decides none. For the others packets are tried: those
 * that the trees lead to, then corners of the clause's terms; nearly always
 * one of them shows that the rule is of use. What is left is decided by a
 * diagram of two leaves, of the packets of one term. These are bounded, each
 * and together, in steps, never in time: what they do not decide is not
 * judged.
 */
#include "lint.h"

#include <string.h>

#include "../grammar/arena.h"

enum {
	CORNERS = 8,		/* packets tried of each term */
	STEPS = 20000,		/* of one diagram */
	NEAR_MAX = 4000,	/* terms in one */
	WORK_MIN = 1000000,	/* terms asked and steps made, each time, */
	WORK_FACTOR = 20,	/* and for each clause */
};

struct lint_judge {
	struct arena *a;
	const struct policy *p;
	const struct forest *f;
	struct term_index *index;
	uint8_t *in_tree;	/* by clause: a leaf names it */
	u128 (**packet)[FIELD_COUNT];	/* by clause: it decides that one */
	size_t work;		/* that is left */
	size_t asked;		/* of the index, when that was counted last */
};

static void spend(struct lint_judge *j, size_t work)
{
	size_t asked = term_index_asked(j->index);

	work += asked - j->asked;
	j->asked = asked;
	j->work -= j->work < work ? j->work : work;
}

/* Whether CLAUSE is what decides V. */
static bool decides(struct lint_judge *j, uint32_t clause,
		    const u128 v[FIELD_COUNT])
{
	bool does = term_index_find(j->index, 0, v) == clause;

	spend(j, 0);
	return does;
}

static void keep(struct lint_judge *j, uint32_t clause,
		 const u128 v[FIELD_COUNT])
{
	if (j->packet[clause])
		return;
	j->packet[clause] = arena_alloc(j->a, sizeof(**j->packet));
	memcpy(*j->packet[clause], v, sizeof(**j->packet));
}

static bool see_leaf(void *ctx, dref leaf, const u128 v[FIELD_COUNT])
{
	struct lint_judge *j = ctx;

	if (leaf == DREF_NONE)
		return true;
	j->in_tree[dref_action(leaf)] = 1;
	if (decides(j, dref_action(leaf), v))
		keep(j, dref_action(leaf), v);
	return true;
}

void lint_refresh(struct lint_judge *j)
{
	j->work = WORK_MIN + WORK_FACTOR * j->p->nclauses;
}

struct lint_judge *lint_judge_new(struct arena *a, const struct policy *p,
				  const struct forest *f,
				  struct term_index *index)
{
	static const struct term any = { { NULL } };
	struct lint_judge *j = arena_alloc(a, sizeof(*j));

	*j = (struct lint_judge){ .a = a, .p = p, .f = f, .index = index };
	j->in_tree = arena_array(a, p->nclauses, 1);
	j->packet = arena_array(a, p->nclauses, sizeof(*j->packet));
	for (size_t i = 0; i < f->ntrees; i++)
		diagram_restrict(f->trees[i].diagram, &any, see_leaf, j);
	lint_refresh(j);
	j->in_tree[p->nclauses - 1] = 1;	/* the default is in none */
	return j;
}

/* ------------------------------------------------------------- corners */

/* An end of an interval of S, or somewhere in it, as CHANCE has it. */
static u128 value_in(const struct iset *s, u128 highest, uint64_t chance)
{
	const struct interval all = { 0, highest };
	const struct interval *k = s ? &s->v[(chance >> 8) % s->n] : &all;
	u128 size = k->high - k->low, inside;

	if (chance % 4 < 2)
		return chance % 4 ? k->high : k->low;
	inside = (u128)(chance * 0x9E3779B97F4A7C15) << 64 | chance << 20;
	return k->low + (size == ~(u128)0 ? inside : inside % (size + 1));
}

/* Packet number I of T, the same in every run. */
static void corner(const struct policy *p, const struct term *t, uint32_t i,
		   u128 v[FIELD_COUNT])
{
	uint64_t chance = (i + 1) * 0xD6E8FEB86659FD93;

	for (unsigned int f = 0; f < FIELD_COUNT; f++) {
		u128 highest = f == FIELD_IFNAME ? p->ninterfaces :
			field_highest(f);

		chance = (chance ^ chance >> 29) * 0xBF58476D1CE4E5B9;
		v[f] = value_in(t->set[f], highest, chance >> 20);
		if (v[f] > highest)
			v[f] = 0;	/* an interface that nobody names */
	}
	if (v[FIELD_FAMILY])
		v[FIELD_LADDR4] = v[FIELD_RADDR4] = 0;
	else
		v[FIELD_LADDR6] = v[FIELD_RADDR6] = 0;
}

/* ------------------------------------------------------------- exactly */

struct exact {			/* leaves: 0, and 1 for what is looked for */
	const struct lint_judge *j;
	uint32_t own;		/* clause */
	const uint32_t *verdict;	/* by action, for what follows */
	u128 *v;
	bool found;
};

static uint32_t nothing(const void *ctx, uint32_t clause)
{
	(void)ctx, (void)clause;
	return 0;
}

static uint32_t something(const void *ctx, uint32_t clause)
{
	(void)ctx, (void)clause;
	return 1;
}

static uint32_t does_other(const void *ctx, uint32_t clause)
{
	const struct exact *x = ctx;
	const struct clause *c = x->j->p->clauses;

	return x->verdict[c[clause].action] != x->verdict[c[x->own].action];
}

static bool see_found(void *ctx, dref leaf, const u128 v[FIELD_COUNT])
{
	struct exact *x = ctx;

	x->found = leaf == (DREF_LEAF | 1);
	if (x->found)
		memcpy(x->v, v, FIELD_COUNT * sizeof(*v));
	return !x->found;
}

/* Where packets of T go that get to the OWN clause: to it, or, with verdicts,
 * to the clauses of other rules behind it. */
static void list_near(struct exact *x, struct arena *a, const struct term *t,
		      uint32_t next, struct near *near)
{
	const struct lint_judge *j = x->j;

	term_index_near(j->index, a, t, 0, x->own, nothing, x, near);
	if (!x->verdict)
		term_index_near(j->index, a, t, x->own, x->own + 1, something,
				x, near);
	else
		term_index_near(j->index, a, t, next,
				(uint32_t)j->p->nclauses, does_other, x,
				near);
}

static enum lint_found search(struct lint_judge *j, struct exact *x,
			      struct arena *a, const struct term *t,
			      uint32_t next)
{
	const struct diagram_options o = { .order = order_plain,
					   .max_steps = STEPS };
	struct near near = { 0 };
	struct diagram *d;
	size_t spent;

	list_near(x, a, t, next, &near);
	d = near.n > NEAR_MAX ? NULL :
		diagram_build_clauses(a, near.v, near.n, &o);
	spent = near.n + j->p->nclauses / 64 +
		(d ? diagram_stats(d).cuts : STEPS);
	spend(j, spent);
	if (!d)
		return LINT_UNKNOWN;
	diagram_restrict(d, t, see_found, x);
	return x->found ? LINT_FOUND : LINT_NONE;
}

/* In memory of its own, given back also when there is no more. */
static enum lint_found search_apart(struct lint_judge *j, struct exact *x,
				    const struct term *t, uint32_t next)
{
	struct arena scratch;
	jmp_buf exhausted;
	enum lint_found found;

	arena_init(&scratch, &exhausted);
	if (setjmp(exhausted)) {
		arena_free(&scratch);
		longjmp(*j->a->exhausted, 1);
	}
	found = search(j, x, &scratch, t, next);
	arena_free(&scratch);
	return found;
}

/* Of all terms of the own clause. */
static enum lint_found search_terms(struct lint_judge *j, struct exact *x,
				    uint32_t next)
{
	const struct terms *t = &j->p->clauses[x->own].terms;
	enum lint_found found = LINT_NONE;

	for (size_t i = 0; i < t->n; i++) {
		enum lint_found one = j->work ?
			search_apart(j, x, &t->v[i], next) : LINT_UNKNOWN;

		if (one == LINT_FOUND)
			return one;
		if (one == LINT_UNKNOWN)
			found = one;
	}
	return found;
}

/* ------------------------------------------------------------- judging */

static bool try_corners(struct lint_judge *j, uint32_t clause)
{
	const struct terms *t = &j->p->clauses[clause].terms;
	u128 v[FIELD_COUNT];

	for (uint32_t i = 0; i < CORNERS && j->work; i++)
		for (size_t k = 0; k < t->n && k < CORNERS; k++) {
			corner(j->p, &t->v[k], i, v);
			if (!decides(j, clause, v))
				continue;
			keep(j, clause, v);
			return true;
		}
	return false;
}

enum lint_found lint_decides(struct lint_judge *j, uint32_t clause)
{
	u128 v[FIELD_COUNT];
	struct exact x = { .j = j, .own = clause, .v = v };
	enum lint_found found;

	if (!j->in_tree[clause])
		return LINT_NONE;
	if (j->packet[clause] || try_corners(j, clause))
		return LINT_FOUND;
	found = search_terms(j, &x, 0);
	if (found == LINT_FOUND)
		keep(j, clause, v);
	return found;
}

const u128 *lint_packet(const struct lint_judge *j, uint32_t clause)
{
	return j->packet[clause] ? *j->packet[clause] : NULL;
}

/* Without the rule, V would get something else. */
static bool needs(const struct lint_judge *j, uint32_t clause, uint32_t next,
		  const uint32_t *verdict, const u128 v[FIELD_COUNT])
{
	const struct clause *c = j->p->clauses;
	uint32_t then = term_index_find(j->index, next, v);

	return verdict[c[then].action] != verdict[c[clause].action];
}

enum lint_found lint_needed(struct lint_judge *j, uint32_t clause,
			    uint32_t next, const uint32_t *verdict)
{
	const struct terms *t = &j->p->clauses[clause].terms;
	u128 v[FIELD_COUNT];
	struct exact x = { .j = j, .own = clause, .verdict = verdict,
			   .v = v };

	if (!j->packet[clause])
		return LINT_NONE;	/* it decides none */
	if (needs(j, clause, next, verdict, *j->packet[clause]))
		return LINT_FOUND;
	for (uint32_t i = 0; i < CORNERS && j->work; i++)
		for (size_t k = 0; k < t->n && k < CORNERS; k++) {
			corner(j->p, &t->v[k], i, v);
			if (decides(j, clause, v) &&
			    needs(j, clause, next, verdict, v))
				return LINT_FOUND;
		}
	return search_terms(j, &x, next);
}
