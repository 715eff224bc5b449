/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * template - copies a table into the code, holes filled and ways joined
 *
 * In: a table of mktemplates. Out: instructions. Promise: no hole is left 0
 * for want of a value, and no value loses bits (assert).
 */
#include "template.h"

#include <assert.h>
#include <string.h>

#include "../grammar/arena.h"
#include "template_table.h"

static int64_t value_of(const struct template_hole *holes, const char *name)
{
	while (holes->name && strcmp(holes->name, name))
		holes++;
	assert(holes->name);
	return holes->value;
}

static label way_of(const struct template_way *ways, const char *name)
{
	while (ways->name && strcmp(ways->name, name))
		ways++;
	return ways->name ? ways->label : NO_LABEL;
}

static void fill(struct insn *i, uint8_t field, int64_t v)
{
	if (field == HOLE_OFF) {
		assert(v >= INT16_MIN && v <= INT16_MAX);
		i->off = (int16_t)v;
	} else if (i->map != IMAGE_NO_MAP) {
		assert(v >= 0 && v <= UINT32_MAX);
		i->imm = v;
	} else if (i->code == (BPF_LD | BPF_IMM | BPF_DW)) {
		i->imm = v;
	} else {
		/* unsigned values are for 32-bit operations only */
		assert(v >= INT32_MIN && v <=
		       (BPF_CLASS(i->code) == BPF_ALU ||
			BPF_CLASS(i->code) == BPF_JMP32 ? UINT32_MAX :
			INT32_MAX));
		i->imm = (int32_t)v;
	}
}

/* The label of each of T's ways in C. */
static const label *join(struct code *c, const struct template *t,
			 const struct template_way *ways)
{
	label *labels = arena_array(c->arena, t->nways, sizeof(*labels));

	for (uint32_t i = 0; i < t->nways; i++) {
		labels[i] = ways ? way_of(ways, t->ways[i].name) : NO_LABEL;
		if (labels[i] != NO_LABEL)
			continue;
		assert(t->ways[i].insn != LABEL_UNPLACED);
		labels[i] = code_label(c);
	}
	return labels;
}

static void place(struct code *c, const struct template *t,
		  const label *labels, uint32_t insn)
{
	for (uint32_t i = 0; i < t->nways; i++)
		if (t->ways[i].insn == insn)
			code_place(c, labels[i]);
}

void template_emit(struct code *c, const struct template *t,
		   const struct template_hole *holes,
		   const struct template_way *ways)
{
	const label *labels = join(c, t, ways);
	uint32_t h = 0;
	static const struct template_hole none = { NULL, 0 };

	for (uint32_t n = 0; n < t->ninsns; n++) {
		struct insn i = t->insns[n];

		place(c, t, labels, n);
		for (; h < t->nholes && t->holes[h].insn == n; h++)
			fill(&i, t->holes[h].field,
			     value_of(holes ? holes : &none,
				      t->holes[h].name));
		if (i.target != NO_LABEL)
			i.target = labels[i.target];
		emit(c, i);
	}
	place(c, t, labels, t->ninsns);
}
