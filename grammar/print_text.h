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
/* In one order for equal sets; MERGE joins what overlaps or touches. */
void text_elements(struct text *t, const struct ast_elements *e, bool merge);
void text_match(struct text *t, const struct ast_match *m);
void text_verdict(struct text *t, const struct ast_verdict *v);
void text_entry_key(struct text *t, const struct ast_map *map,
		    const struct ast_entry *e);

#endif
