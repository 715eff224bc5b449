/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff_walk - what diff.c and its helpers share
 *
 * diff_side.c makes the two policies comparable: one numbering of interfaces,
 * one order of fields, one number for verdicts that do the same to packets of
 * one kind. diff_walk.c goes through two diagrams together. Where one of them
 * would be too large, diff_align.c finds the terms that only one policy has,
 * and diff_terms.c walks through small diagrams of their packets.
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

struct unknown {		/* a rule not all of whose packets were met */
	uint32_t rule;
	uint8_t side;
};

enum { DIFF_LEVELS = 48 };	/* halves of halves */

struct diff {
	struct arena *a;		/* what stays */
	struct arena levels[DIFF_LEVELS];	/* what does not */
	struct arena *work;		/* the one that is in use */
	struct policy p[SIDES];		/* interfaces numbered alike */
	/* Right for the packets at hand, fields ordered alike. A leaf is an
	 * action, or from nactions on: such packets are not asked about. */
	struct diagram *d[SIDES];
	/* By kind and outcome: equal for what does the same to such packets. */
	uint32_t *effect[SIDES][SLOT_KINDS];
	size_t limit;			/* packets a change */
	size_t checked;			/* packets, against all clauses */
	size_t tries;			/* packets to try for splits, in all */
	size_t steps;			/* of walks, in all */
	size_t budget;			/* of diff_terms, in all */
	struct change *changes;
	size_t nchanges, cap;
	struct pairs by_outcome;
	struct unknown *unknown;	/* in order of rules, old ones first */
	size_t nunknown, unknown_cap;
};

/* Fills D's p and effect. */
void diff_prepare(struct diff *d, const struct policy *old,
		  const struct policy *new);
/* D's d, of all packets; false when one is too large. */
bool diff_build(struct diff *d);

/*
 * Adds the changes among the packets of TERM. False when that was too much:
 * then some were not met.
 */
bool diff_walk(struct diff *d, const struct term *term);

/*
 * Adds the changes without a diagram of all packets. What it did not get to is
 * in D's unknown.
 */
void diff_terms(struct diff *d);

/* Numbers N lists of words: equal for equal ones. */
struct words {
	uint32_t *v;
	size_t n;
	uint32_t *number;	/* where to put it */
};
void words_number(struct words *w, size_t n);

/*
 * diff_align.c: a policy as single terms, in order. Those that are not ALONE
 * are the same in both policies, do the same, and stand in the same order. So
 * where the policies differ on a packet, it is decided by one that is alone.
 */
struct aligned {
	struct clause *v;	/* of one term each */
	bool *alone;
	size_t n, cap;
};
void diff_align(struct diff *d, struct aligned out[SIDES]);

#endif
