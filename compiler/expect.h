/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * expect - proves a policy's expectations, and finds rules that decide nothing
 *
 * In: policy and diagram. Out: diagnostics. An expectation holds when, for all
 * packets of its match, the first choice is one of its goals; else
 * expect-failed names a counterexample packet, its verdict and the rule that
 * gave it. A rule is unreachable when no leaf names it, redundant when without
 * it every packet would get the same verdict.
 */
#ifndef SKPOL_EXPECT_H
#define SKPOL_EXPECT_H

#include "diagram.h"

void expect_prove(const struct policy *p, const struct diagram *d,
		  struct diags *diags);
void expect_lint(const struct policy *p, const struct diagram *d,
		 struct diags *diags);

#endif
