/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * effect - what a leaf does, and the steps it is done with
 *
 * In: the actions of a policy. Out: effects, equal ones merged (actions of two
 * rules that nobody can tell apart are one), and the table skpol_steps.
 */
#ifndef SKPOL_EFFECT_H
#define SKPOL_EFFECT_H

#include "image.h"
#include "policy.h"

enum effect_kind {
	EFFECT_PASS,		/* at once: nothing counted or traced */
	EFFECT_DROP,
	EFFECT_STEPS,		/* as skpol_steps says */
	EFFECT_SPLIT,		/* by hash, to one of the parts' effects */
};

struct effect {
	uint8_t kind;
	uint32_t first;		/* but for a split: index into steps, times of 4 */
	uint32_t rule;		/* the first rule that has it */
	const struct split *split;	/* EFFECT_SPLIT */
	const uint32_t *parts;	/* EFFECT_SPLIT: an effect for each of its parts */
};

struct effects {
	struct effect *v;
	size_t n, cap;
	uint32_t *of_action;	/* by action */
	struct image_step *steps;
	size_t nsteps, steps_cap;
	uint32_t longest;	/* most steps of a chain, the final one included */
	bool counts, traces;	/* whether any step does */
};

/* MERGE: whether effects that differ in the rule only are one. */
void effects_build(struct arena *a, const struct policy *p, bool merge,
		   struct effects *out);

#endif
