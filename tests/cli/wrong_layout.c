/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wrong_layout - a skpolc with a fault, to see what it does about it
 *
 * Linked in place of layout(): does what that does, and then as $SKPOL_WRONG
 * says. `compare`: the first compare with a port is one with the next port.
 * `unused`: a part of the first instruction that has no use is not 0.
 * The command that users have knows nothing of it.
 */
#include <stdlib.h>
#include <string.h>

#include "../../compiler/layout.h"

bool __real_layout(struct arena *a, const struct code *c,
		   const struct layout_options *o, const struct place *rules,
		   struct image *out);
bool __wrap_layout(struct arena *a, const struct code *c,
		   const struct layout_options *o, const struct place *rules,
		   struct image *out);

static void wrong_compare(struct image *m)
{
	for (size_t i = 0; i < m->ninsns; i++) {
		uint8_t code = m->insns[i].code;

		if (BPF_CLASS(code) != BPF_JMP32 || BPF_SRC(code) != BPF_K ||
		    m->insns[i].imm < 20 || m->insns[i].imm > 65535)
			continue;
		m->insns[i].imm++;
		return;
	}
}

bool __wrap_layout(struct arena *a, const struct code *c,
		   const struct layout_options *o, const struct place *rules,
		   struct image *out)
{
	const char *how = getenv("SKPOL_WRONG");
	bool fits = __real_layout(a, c, o, rules, out);

	if (fits && how && !strcmp(how, "compare"))
		wrong_compare(out);
	else if (fits && how && !strcmp(how, "unused"))
		out->insns[0].off = 1;
	return fits;
}
