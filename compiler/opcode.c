/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * opcode - the table of opcode.def
 */
#include "opcode.h"

#include <string.h>

const struct opcode opcodes[] = {
#define OPCODE(code, imm, pattern) { code, imm, pattern },
#include "opcode.def"
#undef OPCODE
};
const size_t nopcodes = sizeof(opcodes) / sizeof(opcodes[0]);

const char *const map_names[IMAGE_MAPS + 1] = {
	[IMAGE_SOCKETS] = "sockets", [IMAGE_COUNTERS] = "counters",
	[IMAGE_EVENTS] = "events", [IMAGE_RODATA] = "skpol_rodata",
};

bool opcode_has(const char *pattern, const char *letters)
{
	for (; *pattern; pattern++)
		if (*pattern == '%' && strchr(letters, *++pattern))
			return true;
	return false;
}

static bool registers_fit(const struct bpf_insn *i, const char *p)
{
	bool dst = opcode_has(p, "dD"), src = opcode_has(p, "sS");

	return i->dst_reg <= (dst ? 10 : 0) && i->src_reg <= (src ? 10 : 0);
}

bool opcode_fits(const struct opcode *op, const struct bpf_insn *i,
		 size_t left)
{
	const char *p = op->pattern;

	if (i->code != op->code || !registers_fit(i, p) ||
	    (i->off && !opcode_has(p, "ol")) ||
	    (i->imm != op->imm && !opcode_has(p, "iuLm")))
		return false;
	return i->code != OPCODE_WIDE ||
	       (left > 1 && !i[1].code && !i[1].dst_reg && !i[1].src_reg &&
		!i[1].off);
}
