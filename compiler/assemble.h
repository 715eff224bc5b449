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
 * disassembled gives the same bytes. opcode.def lists the instructions; a line
 * may begin with labels and end in a comment, `# ...` or `// ...`; a line that
 * begins with `;` is a comment (behind an instruction `;` is refused: LLVM
 * takes it as the end of a statement). Names:
 *	.set NAME, 0		a hole: NAME stands for an imm, an offset, or
 *				in `r1 = skpol_rodata + NAME ll` for the place
 *				in .rodata, and is filled in later
 *	.equ NAME, NUMBER	a constant; both stand before they are used
 *	sockets, counters, events, skpol_rodata: the maps, in `rN = MAP ll`
 * clang assembles the same text. A jump to a name that the text does not place
 * is a way out, and is given a label by whoever instantiates the template.
 * What is not in opcode.def is `.8byte NUMBER`, as the bytes are.
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

/* Everything is the arena's; the holes rise, and label i is that of ways[i]. */
struct assembled {
	struct code code;
	struct assembled_hole *holes;
	size_t nholes;
	struct assembled_way *ways;
	size_t nways;
};

bool assemble(struct arena *a, const char *text, size_t len,
	      struct assembled *out, struct assemble_error *error);

/* Every instruction on a line; jumps as `goto L12` (the slot), labels on lines
 * of their own; a map by its name, a value of .rodata as `skpol_rodata+64`. */
void disassemble(const struct image *m, FILE *out);
/* One instruction at index I, jumps as `goto +3`; returns how many slots it
 * takes (2 for ld_imm64). */
int disassemble_insn(const struct image *m, size_t i, char *buf, size_t size);

#endif
