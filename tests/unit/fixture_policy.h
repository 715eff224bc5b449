/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fixture_policy - policies for tests: from text, and random ones
 *
 * Random policies tell few packets apart: all kinds of them can be gone
 * through, and the clauses asked one after the other. A random policy has
 * rules `r0` to `r6` (some inside `when`), a default, two maps, splits, and
 * some expectations; it always makes sense.
 */
#ifndef FIXTURE_POLICY_H
#define FIXTURE_POLICY_H

#include "../../compiler/diagram.h"
#include "../../grammar/arena.h"

struct fixture {
	struct arena arena;
	struct source_set sources;
	struct diags diags;
	struct policy *policy;		/* NULL after an error */
	struct diagram *diagram;
};

struct fixture *fixture_compile(const char *text);
void fixture_free(struct fixture *w);

enum { FIXTURE_RULES = 7 };	/* and the default behind them */

/* 0 to N - 1, the same series in every run. */
uint32_t fixture_rnd(uint32_t n);
struct fixture *fixture_random(void);
/* The last random policy with a rule left out, put elsewhere, or another
 * verdict; or the same once more. */
struct fixture *fixture_variant(void);

/* Packet number I of those random policies tell apart; false after the last. */
bool fixture_packet(const struct policy *p, uint32_t i, u128 v[FIELD_COUNT]);

bool fixture_holds(const struct terms *t, const u128 v[FIELD_COUNT]);
enum { NOBODY = UINT32_MAX };
/* The first clause that holds V and is not of rule WITHOUT. */
const struct clause *fixture_scan(const struct policy *p, uint32_t without,
				  const u128 v[FIELD_COUNT]);
uint32_t fixture_rule(const struct policy *p, const struct clause *c);
uint32_t fixture_choice(const struct policy *p, const struct clause *c,
			const u128 v[FIELD_COUNT]);

#endif
