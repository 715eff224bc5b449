/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * expect - proves a policy's expectations, and finds rules that decide nothing
 *
 * In: policy, and diagram or forest. Out: diagnostics. An expectation holds
 * when, for all packets of its match, the first choice is one of its goals;
 * else expect-failed names a counterexample packet, its verdict and the rule
 * that gave it. Under a split, all parts that packets of the match hash to
 * must have goals; in regions too large to go through every part has to, and
 * then the counterexample may be a share without a packet.
 *
 * A rule is unreachable when no leaf names it, redundant when without it every
 * packet would get the same verdict and be counted and traced the same. The
 * search for redundant rules is bounded by a multiple of the diagram's size;
 * above that none is reported. Where a policy is a forest (D is NULL), an
 * expectation is proved in a diagram of its own packets, and rules are judged
 * one by one, with bounded work; unjudged says of how many that was not enough.
 * The first 200 warnings say which rule is to blame, with a packet; those after
 * them only which rule is idle.
 */
#ifndef SKPOL_EXPECT_H
#define SKPOL_EXPECT_H

#include "diagram.h"
#include "forest.h"

void expect_prove(const struct policy *p, const struct diagram *d,
		  struct diags *diags);
void expect_lint(const struct policy *p, const struct diagram *d,
		 struct diags *diags);
void expect_lint_forest(const struct policy *p, const struct forest *f,
			struct diags *diags);

#endif
