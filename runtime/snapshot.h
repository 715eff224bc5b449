/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snapshot - what runs, and its counters, of one moment
 *
 * In: a handle. Out: the live generation with its manifest, and totals by rule
 * name. If the policy is replaced while they are read, they are read again.
 * Readers take no lock.
 */
#ifndef SKPOL_SNAPSHOT_H
#define SKPOL_SNAPSHOT_H

#include "generation.h"

struct snapshot {
	struct live live;	/* gen.number 0 = no policy */
	json_t *totals;		/* counter.h; NULL = no policy */
};

int snapshot_take(struct skpol *s, struct snapshot *n);
void snapshot_close(struct snapshot *n);

/* Calls EACH for every counted rule, in order of the policy, once a name. */
void snapshot_each(const struct snapshot *n,
		   void (*each)(void *ctx, const struct skpol_rule_stats *r),
		   void *ctx);

/* The names of rules without a counter, in order; a new reference. */
json_t *snapshot_uncounted(const struct snapshot *n);

#endif
