/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_level - the small blocks of a tree as data; private to the lowering
 *
 * In: the blocks of a tree, whose leaves are ranks. Out: which of them are code,
 * and rows of tables for the others. A block is data when it has not too many
 * cuts and all below it is data, so that code is only above data. The blocks of
 * one word and about one size are a group; a row of its table holds a block's
 * cuts, each with what comes next: a rank, or the number of another row. Rows
 * are numbered behind all ranks, and those that are asked first are the highest.
 * So one way through the groups, in order of the words, is the way of every
 * packet: the number in r7 falls until it is a rank.
 *
 * There is no branch that depends on the packet but `is this row in this group`,
 * and hardly any code: what would be too large for a program, or only wait for
 * branches that nobody can foretell, is a few reads of a table.
 */
#ifndef SKPOL_LOWER_LEVEL_H
#define SKPOL_LOWER_LEVEL_H

#include "lower_private.h"

enum { LEVEL_GROUPS = 64 };

struct level_group {
	uint8_t word;
	uint8_t log;		/* a row has 1 << LOG pairs of cut and next */
	uint32_t n;		/* rows */
	uint32_t base;		/* number of the first */
	uint32_t offset;	/* of the table in .rodata */
};

struct levels {
	struct level_group groups[LEVEL_GROUPS];	/* in order of asking */
	size_t ngroups;
	struct blocks code;	/* leaves are ranks, then rows */
	uint32_t nvalues;	/* ranks and rows: leaves of the code */
	const uint32_t *rule;	/* by leaf */
};

/* About how many instructions TREE takes as code alone. */
size_t levels_weight(const struct lower *l, const struct blocks *tree);
/*
 * TREE's blocks test the words in the ORDER of their fields. As small blocks as
 * will do become data, so that no more than CODE_ENOUGH instructions, about, are
 * left. With nothing that can be data there is no group, and the code is all of
 * the tree.
 */
void levels_make(struct lower *l, const struct blocks *tree,
		 const uint8_t order[FIELD_COUNT], size_t code_enough,
		 struct levels *out);
/* r7 = rank or row -> rank. */
void levels_emit(struct lower *l, const struct levels *v);

#endif
