/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parse - policy text to syntax tree
 *
 * In: a file number of the source set. Out: the tree, with included files and
 * set/map files already read in place. Mistakes of form (syntax, bad bytes,
 * numbers, addresses, prefixes, ranges, repeated clauses, include cycles,
 * missing or double policy/default lines, long names) are reported here;
 * after a syntax error parsing goes on with the next statement. Mistakes of
 * meaning are resolve's.
 */
#ifndef SKPOL_PARSE_H
#define SKPOL_PARSE_H

#include "ast.h"
#include "diag.h"

/* Always a tree; it is whole only if d->nerrors did not rise. */
struct ast *parse_policy(struct arena *a, struct source_set *s,
			 struct diags *d, uint32_t file);
/* The same of a file that others include: policy line and default may lack. */
struct ast *parse_part(struct arena *a, struct source_set *s, struct diags *d,
		       uint32_t file);

#endif
