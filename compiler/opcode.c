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
