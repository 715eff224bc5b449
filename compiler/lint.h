/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lint - what the files of lint*.c share
 *
 * RULE is never reached because ABOVE takes all its packets. Moving it above
 * ABOVE is right when it changes nothing but the packets of RULE, ABOVE still
 * decides some packet afterwards, both stand in the same `when` blocks, and
 * no expectation that may hold today is broken. What cannot be decided with
 * little work is not right.
 *
 * In a forest, whether a clause decides some packet, and whether some packet
 * that it decides would get another verdict from the clauses from NEXT on, is
 * found out with bounded work.
 */
#ifndef SKPOL_LINT_H
#define SKPOL_LINT_H

#include "diagram.h"
#include "forest.h"
#include "term_index.h"

struct lint_judge;

enum reach { REACH_EMPTY, REACH_NOT, REACH_SOME };

struct lint {
	const struct policy *p;
	const struct diagram *d;
	struct term_index *index;	/* of a forest, where D is NULL */
	struct lint_judge *judge;
	bool *unjudged;		/* by rule */
	struct diags *diags;
	struct arena *a;
	uint8_t *reached;	/* by action */
	uint8_t *reach;		/* by rule: enum reach */
	bool *twin;		/* by rule: an earlier one has its text */
	size_t *first;		/* by rule: its first clause; then nclauses */
	uint32_t *verdict;	/* by action, equal for what does the same */
	uint32_t nverdicts, special;	/* special: like nothing else */
	size_t details;		/* warnings with packets so far */
};
enum { LINT_DETAILS = 200 };	/* such, then without */

/* Whether TWO does what ACTION does. */
bool lint_same_doing(const struct lint *l, uint32_t action, uint32_t two);
/* Where ACTION sends V first. */
uint32_t lint_choice(const struct policy *p, uint32_t action,
		     const u128 v[FIELD_COUNT]);
/* The first clause from number I on that holds V; there is one. */
const struct clause *lint_clause_from(const struct lint *l, size_t i,
				      const u128 v[FIELD_COUNT]);
/* The action that decides V. */
uint32_t lint_decider(const struct lint *l, const u128 v[FIELD_COUNT]);

/* lint_unreachable.c */
void lint_unreachable(struct lint *l);

bool lint_may_move(struct arena *a, const struct policy *p,
		   const struct diagram *d, uint32_t rule, uint32_t above);

enum lint_found { LINT_NONE, LINT_FOUND, LINT_UNKNOWN };

struct lint_judge *lint_judge_new(struct arena *a, const struct policy *p,
				  const struct forest *f,
				  struct term_index *index);
/* It may do as much again. */
void lint_refresh(struct lint_judge *j);
enum lint_found lint_decides(struct lint_judge *j, uint32_t clause);
/* A packet that it decides, once it was asked of; or NULL. */
const u128 *lint_packet(const struct lint_judge *j, uint32_t clause);
/* VERDICT is by action, equal for what does the same. */
enum lint_found lint_needed(struct lint_judge *j, uint32_t clause,
			    uint32_t next, const uint32_t *verdict);

#endif
