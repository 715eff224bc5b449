/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_stats - tables of counters, once or again and again
 *
 * In: what report_stats makes, and what it made a while ago. Out: text.
 */
#ifndef SKPOL_CLI_STATS_H
#define SKPOL_CLI_STATS_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

struct stats_before {
	json_t *rules;		/* name -> the rule's counters; NULL = first */
	uint64_t at;		/* of this, in ns */
	double seconds;		/* between that and this */
};

/* Rules that are listed as they are, or those with most hits a second first. */
enum stats_order { STATS_BY_POLICY, STATS_BY_RATE };

struct stats_view {
	enum stats_order order;
	int columns, rows;	/* 0 = no end */
};

/* Why there is nothing to print, or NULL. */
const char *stats_none(const json_t *stats);
void stats_print(FILE *out, const json_t *stats, const struct stats_before *b,
		 const struct stats_view *v);

/* STATS was taken now: the time since the one before is set, then it. */
void stats_elapse(struct stats_before *b);
void stats_keep(struct stats_before *b, const json_t *stats);

#endif
