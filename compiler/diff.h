/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff - which packets two policies treat differently
 *
 * In: two policies. Out: for each pair of an old and a new verdict that some
 * packet meets, packets that do; or the statement that there are none, which
 * is exact. A verdict is the whole chain (sockets by name, flags, what follows
 * the last), without sockets that have no slot for the packet; counters,
 * traces, rules' names and the declarations of sockets are none of it.
 *
 * Where one diagram of a policy would be too large, only packets that are
 * decided by what one of the policies has alone are looked at, which is exact
 * as well, but bounded: rules that overlap with too many others are named as
 * unknown, and then nobody says that there is no difference.
 *
 * Of two splits that are not the same, or a split and no split, packets are
 * looked for that tell them apart. Where too many would have to be tried, they
 * count as different, without a packet.
 */
#ifndef SKPOL_DIFF_H
#define SKPOL_DIFF_H

#include <jansson.h>

#include "policy.h"

struct diff_side {
	const struct policy *policy;
	struct source_set *sources;
	bool forest;		/* no diagram of all packets is tried */
	/* Where the text is a normal form, of whose lines nobody knows: the manifest
	 * that it is of, with the places of the original (JSON null: there is none);
	 * else NULL. */
	const json_t *manifest;
};

struct diff_options {
	size_t packets;		/* at most, a change (0 = 3) */
	size_t budget;		/* for forests; 0 = as usual (tests) */
};

/*
 * {"old":"edge","new":"edge","same":false,"changes":[
 *   {"old":{"verdict","outcome","rule"[,"file","line","column"]},"new":{...},
 *    "packets":["…"],"more":true}],	more: others, elsewhere
 *  "unknown":[{"side":"old","rule"[,"file","line","column"]}]}
 * in order of the old rules, then the new. The packets are of different regions
 * (products of intervals, each treated alike); "more" says that there are
 * regions besides. 0, or -ENOMEM; then *OUT is NULL.
 */
int diff_json(const struct diff_side *old, const struct diff_side *new,
	      const struct diff_options *o, json_t **out);
bool diff_same(const json_t *diff);
/* The first twenty changes, and how many there are besides. */
void diff_text(const json_t *diff, FILE *out);

#endif
