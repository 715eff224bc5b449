/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lint - what lint.c asks of lint_move.c
 *
 * RULE is never reached because ABOVE takes all its packets. Moving it above
 * ABOVE is right when it changes nothing but the packets of RULE, ABOVE still
 * decides some packet afterwards, both stand in the same `when` blocks, and
 * no expectation that may hold today is broken. What cannot be decided with
 * little work is not right.
 */
#ifndef SKPOL_LINT_H
#define SKPOL_LINT_H

#include "diagram.h"

bool lint_may_move(struct arena *a, const struct policy *p,
		   const struct diagram *d, uint32_t rule, uint32_t above);

#endif
