/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * print_text - a growing piece of text, shared by the print_*.c files
 *
 * Everything the printer writes goes through one of these. The text always
 * ends in a NUL that its length does not count.
 */
#ifndef SKPOL_PRINT_TEXT_H
#define SKPOL_PRINT_TEXT_H

#include "arena.h"
#include "ast.h"

struct text {
	struct arena *arena;
	char *v;
	size_t n, cap;
};

void text_add(struct text *t, const char *s);
void text_add_n(struct text *t, const char *s, size_t n);
void text_addf(struct text *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The text, never NULL. */
char *text_done(struct text *t);

/* The parts of a policy, in normalized form. */
void text_element(struct text *t, const struct ast_element *e);
/*
 * "a, b, c", in one order for lists of the same members. MERGE joins what
 * overlaps or touches: for matches only, the members of a key are kept apart.
 */
void text_elements(struct text *t, const struct ast_elements *e, bool merge);
/* The order of elements of a list, and the list in that order. */
int print_compare(const struct ast_element *x, const struct ast_element *y);
struct ast_elements print_order(struct arena *a, const struct ast_elements *e,
				bool merge);
/* "from, to port"; the local port is `port` as a key of a map. */
void text_keys(struct text *t, const struct ast_key_list *k, bool of_map);
void text_match(struct text *t, const struct ast_match *m);
void text_verdict(struct text *t, const struct ast_verdict *v);
void text_entry_key(struct text *t, const struct ast_map *map,
		    const struct ast_entry *e);

#endif
