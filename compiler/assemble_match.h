/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * assemble_match - one line of assembly against the patterns of opcode.def
 *
 * In: the text of one instruction, the names that stand for numbers. Out: the
 * opcode and its operands; or the place in the text up to which some pattern
 * went along, and why it did not go on.
 */
#ifndef SKPOL_ASSEMBLE_MATCH_H
#define SKPOL_ASSEMBLE_MATCH_H

#include "opcode.h"

struct text {
	const char *p, *end;
};

struct symbol {			/* of `.set` (a hole) or `.equ` (a number) */
	const char *name;
	int64_t value;
	bool hole;
};

struct number {
	int64_t value;
	bool negative;		/* else VALUE is unsigned */
	const char *hole;	/* the number is not known yet: its name */
};

struct operands {
	int dst, src;		/* -1: none */
	struct number off, imm;
	uint8_t map;
	struct text label;	/* p is NULL: none */
};

struct matcher {
	const struct symbol *symbols;
	size_t nsymbols;
	const char *miss;	/* where the text ceased to make sense */
	const char *why;	/* NULL: it is just not an instruction */
};

void text_skip(struct text *t);			/* blanks */
bool text_name(struct text *t, struct text *name);
bool text_is(const struct text *t, const char *s);
/* A number, or with SYMBOLS a name for one. False: T is as it was. */
bool match_number(struct matcher *m, struct text *t, struct number *out);

const struct opcode *match(struct matcher *m, struct text t,
			   struct operands *out);

#endif
