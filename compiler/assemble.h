/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * assemble - BPF assembly to instructions and back, in LLVM's syntax
 *
 * In: text such as
 *		r1 = *(u32 *)(r6 + 8)
 *		if w1 == 2 goto ip4
 *	ip4:	w0 = 1
 *		r1 = sockets ll
 *		exit
 * Out: code with labels (assemble), or text (disassemble). Assembling what was
 * disassembled gives the same bytes. A name where a number may stand is a
 * hole, declared by `.set NAME, 0` (clang assembles the same text); a jump to
 * a name that the text does not place is a way out, and is given a label by
 * whoever instantiates the template.
 */
#ifndef SKPOL_ASSEMBLE_H
#define SKPOL_ASSEMBLE_H

#include <stdio.h>

#include "code.h"

struct assemble_error {
	unsigned int line, column;	/* from 1 */
	char text[160];
};

struct assembled_hole {		/* a number to be filled in */
	uint32_t insn;
	uint8_t field;		/* enum hole_field */
	const char *name;
};
enum hole_field { HOLE_IMM, HOLE_OFF };

struct assembled_way {		/* a label of the text: placed, or a way out */
	const char *name;
	label label;
};

struct assembled {
	struct code code;
	struct assembled_hole *holes;
	size_t nholes;
	struct assembled_way *ways;
	size_t nways;
};

bool assemble(struct arena *a, const char *text, size_t len,
	      struct assembled *out, struct assemble_error *error);

/* Every instruction on a line; jumps as `goto L12`, labels on lines of their
 * own; a map reference by the map's name, `skpol_rodata+64 ll` for .rodata. */
void disassemble(const struct image *m, FILE *out);
/* One instruction at index I, jumps as `goto +3`; returns how many slots it
 * takes (2 for ld_imm64). */
int disassemble_insn(const struct image *m, size_t i, char *buf, size_t size);

#endif
