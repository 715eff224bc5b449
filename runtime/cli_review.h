/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_review - what is asked about a policy before it goes live
 *
 * In: an object, and the policy that runs. Out: which packets would be treated
 * differently; and whether those that must stay as they are do (the keeps: the
 * lock-out guard). Both look at the policy's normal form in the manifest, with
 * the compiler, for all packets.
 */
#ifndef SKPOL_CLI_REVIEW_H
#define SKPOL_CLI_REVIEW_H

#include <jansson.h>
#include <stddef.h>

struct cli;
struct objfile;

struct review {
	struct cli *c;
	const char *path;		/* of the object or the policy */
	const struct objfile *object;
};

/*
 * Each keep is a match that must get `pass`, or `MATCH -> GOAL`: those of
 * --keep and those of --keep-file, or of /etc/skpol/keep if it is there. 0, or an exit
 * status, with a packet of each keep that does not hold. *N counts them.
 */
int review_keeps(const struct review *r, size_t *n);

/*
 * As diff.h says, old first, at most DIFF_MAX changes and then "left_out":N.
 * JSON null, and a note, when the two cannot be compared; NULL after an error
 * that was printed. What runs before the first policy is `default -> pass`.
 */
enum { DIFF_MAX = 100 };
json_t *review_diff(const struct review *r);

#endif
