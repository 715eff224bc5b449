/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * print - syntax tree to text
 *
 * Three forms: the formatter's (comments and layout kept where they can be),
 * the normalized text of one rule (its identity when it has no name: one
 * line, single spaces, sets merged and sorted), and the normalized policy (one
 * file, everything included, no comments) which the manifest carries. What is
 * printed parses to the same tree, and printing that gives the same text.
 */
#ifndef SKPOL_PRINT_H
#define SKPOL_PRINT_H

#include "ast.h"

/* The formatted text of file number FILE (not of what it includes). */
char *print_format(struct arena *a, const struct source_set *s,
		   uint32_t file, size_t *len);
/* The whole policy in one file. */
char *print_normalized(struct arena *a, const struct ast *ast, size_t *len);

/* "tcp to vips port 443 -> https else http": conditions of enclosing `when`
 * blocks are printed too, outermost first, joined by " & ". */
char *print_rule(struct arena *a, const struct ast_match *const *whens,
		 size_t nwhens, const struct ast_rule *rule);
char *print_match(struct arena *a, const struct ast_match *m);
char *print_verdict(struct arena *a, const struct ast_verdict *v);
char *print_entry(struct arena *a, const struct ast_map *map,
		  const struct ast_entry *e);
char *print_element(struct arena *a, const struct ast_element *e);
/* RFC 5952 text. BUF holds at least 46 bytes; returns BUF. */
char *print_address(char *buf, unsigned int family, u128 address);

#endif
