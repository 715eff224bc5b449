/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * layout - labels to offsets: the only place that writes a jump offset
 *
 * In: code with labels. Out: bytes in an image, every jump in range. A jump
 * too far for 16 bits goes by a relay island, or by `gotol` when the target
 * kernel has it. Distances are counted in instructions after the kernel has
 * patched the program (it rewrites context loads, map look-ups, and blinds
 * constants, after it has verified), so a jump that is in range stays so. A
 * branch only ever goes short -> long: layout ends.
 */
#ifndef SKPOL_LAYOUT_H
#define SKPOL_LAYOUT_H

#include "code.h"

struct layout_options {
	uint32_t reach;		/* of a short jump, in patched instructions;
				 * 0 = what 16 bits allow (tests use small ones) */
	bool gotol;		/* the target kernel has it (6.6; KERNEL.md) */
};

/*
 * Fills OUT's insns and relocs, and lines from PLACES[rule] (NRULES of them,
 * and one more for what is nobody's). False when the program is too large.
 */
bool layout(struct arena *a, const struct code *c,
	    const struct layout_options *o, const struct place *places,
	    struct image *out);

#endif
