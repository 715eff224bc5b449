/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * opcode - the table of opcode.def, for those who read and write its patterns
 */
#ifndef SKPOL_OPCODE_H
#define SKPOL_OPCODE_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image.h"

struct opcode {
	uint8_t code;
	int32_t imm;
	const char *pattern;
};

extern const struct opcode opcodes[];
extern const size_t nopcodes;

/* The name of each map in a text; NULL at IMAGE_NO_MAP. */
extern const char *const map_names[IMAGE_MAPS + 1];

enum { OPCODE_WIDE = BPF_LD | BPF_IMM | BPF_DW };	/* two slots */

/* Whether PATTERN has an operand of one of LETTERS. */
bool opcode_has(const char *pattern, const char *letters);
/* Whether the LEFT slots from I on begin with an instruction of OP. */
bool opcode_fits(const struct opcode *op, const struct bpf_insn *i,
		 size_t left);

#endif
