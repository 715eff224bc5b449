/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * witness - packets that prove what is said about a policy, and the words
 *
 * In: policy, diagram, a region (the packets of a term that reach a leaf), a
 * test. Out: a packet of that region that passes the test, in values a person
 * expects to see; and short phrases for rules, verdicts and packets, so that
 * expect, lint, explain and diff speak alike.
 */
#ifndef SKPOL_WITNESS_H
#define SKPOL_WITNESS_H

#include "diagram.h"

typedef bool witness_test(void *ctx, const u128 v[FIELD_COUNT]);

/* V passes TEST; so it does afterwards, with friendlier values. */
void witness_polish(u128 v[FIELD_COUNT], witness_test *test, void *ctx);

enum witness_found {
	WITNESS_NONE,		/* all were tried */
	WITNESS_FOUND,
	WITNESS_UNKNOWN,	/* the budget is spent */
};

struct witness_search {
	const struct diagram *d;
	const struct term *term;
	dref leaf;
	uint32_t vary;		/* mask of 1 << field: what the test looks at */
	witness_test *test;
	void *ctx;
	size_t budget;		/* packets tried, and steps to find them */
};

/*
 * Tries one packet of the region for each combination of values of the fields
 * of VARY. SCRATCH is for a byte a node.
 */
enum witness_found witness_search(struct arena *scratch,
				  struct witness_search *s,
				  u128 v[FIELD_COUNT]);

struct box {
	u128 low[FIELD_COUNT], high[FIELD_COUNT];
};
/* The same in one box; S's diagram and leaf are not asked. */
enum witness_found witness_in_box(struct witness_search *s,
				  const struct box *b, u128 v[FIELD_COUNT]);

/* The fields that the hash of S reads, as such a mask. */
uint32_t split_fields(const struct split *s);

/* "tcp 203.0.113.9:50000 -> 192.0.2.1:443" */
const char *witness_text(struct arena *a, const struct policy *p,
			 const u128 v[FIELD_COUNT]);
/* "goes to `web`", "is dropped", "is passed" */
const char *choice_text(struct arena *a, const struct policy *p,
			uint32_t choice);
/* "https no-reuseport else http else drop" */
const char *outcome_text(struct arena *a, const struct policy *p,
			 const struct outcome *o);
/* The rule's name, or its text, shortened where it is long. */
const char *rule_label(struct arena *a, const struct policy *p,
		       uint32_t rule);
/* What a caret should stand under: the match, or for the default all of it. */
struct place rule_place(const struct policy_rule *rule);

#endif
