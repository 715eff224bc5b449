/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * template_table - what mktemplates writes a template as
 *
 * A jump's `target` is an index into the ways. A way that the text places has
 * the instruction it stands before (NINSNS: the end).
 */
#ifndef SKPOL_TEMPLATE_TABLE_H
#define SKPOL_TEMPLATE_TABLE_H

#include "assemble.h"
#include "code.h"

struct template_label {
	const char *name;
	uint32_t insn;		/* or LABEL_UNPLACED: a way out */
};

struct template {
	const char *name;
	const struct insn *insns;
	uint32_t ninsns;
	const struct assembled_hole *holes;	/* by instruction, rising */
	uint32_t nholes;
	const struct template_label *ways;
	uint32_t nways;
};

#endif
