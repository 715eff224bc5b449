/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff_walk - what diff.c and its helpers share
 *
 * diff_side.c makes the two policies comparable: one numbering of interfaces,
 * one order of fields, one number for verdicts that do the same to packets of
 * one kind. diff_walk.c goes through both diagrams together.
 */
#ifndef SKPOL_DIFF_WALK_H
#define SKPOL_DIFF_WALK_H

#include "../grammar/arena.h"
#include "diagram.h"

enum { OLD, NEW, SIDES };

struct change {
	uint32_t rule[SIDES], outcome[SIDES], choice[SIDES];
	u128 (*packets)[FIELD_COUNT];
	size_t npackets, cap;
	bool more;		/* than are kept */
	uint32_t next;		/* of the same outcomes, + 1; 0 = none */
};

struct pairs {			/* pairs of numbers, each with a number */
	struct pair {
		uint64_t key;
		uint32_t value;		/* 0 = free */
	} *v;
	size_t n, size;
};

struct diff {
	struct arena *a;
	struct policy p[SIDES];		/* interfaces numbered alike */
	struct diagram *d[SIDES];	/* fields ordered alike */
	/* By kind and outcome: equal for what does the same to such packets. */
	uint32_t *effect[SIDES][SLOT_KINDS];
	size_t limit;			/* packets a change */
	struct change *changes;
	size_t nchanges, cap;
	struct pairs by_outcome;
};

/* Fills D's a, p, d and effect; 0 or -E2BIG. */
int diff_prepare(struct diff *d, const struct policy *old,
		 const struct policy *new);
/* Finds the changes; 0 or -E2BIG. */
int diff_walk(struct diff *d);

#endif
