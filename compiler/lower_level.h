/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_level - blocks of a tree as data; private to the lowering
 *
 * In: the blocks of a tree, whose leaves are ranks. Out: which of them are code,
 * and rows of tables for the others. A block is data when it has not too many
 * cuts and all below it is data, so that code is only above data. The blocks of
 * one word and about one size are a group; a row of its table holds a block's
 * cuts, each with what comes next: a rank, or the number of another row. Rows
 * are numbered behind all ranks, and those that are asked first are the highest.
 * In numbers of 32 bits, those above the place of a row say its group, so that
 * it may stand anywhere (lower_place.c); in 16 bits groups stand one by one.
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

enum row_kind {
	ROW_PAIRS,	/* of a word: pairs of cut and next, 8 bytes each */
	ROW_LANES,	/* of a zone: nodes of cuts in 16 bits */
	ROW_DIRECT,	/* of a zone: what is next, for each zone */
	ROW_PREFIXES,	/* of either: single values or prefixes, and the rest */
};

struct row_size {
	uint8_t kind;		/* enum row_kind */
	uint8_t log;		/* up to 1 << LOG children; ROW_PREFIXES: row_most;
				 * not ROW_DIRECT */
};

struct level_group {
	uint8_t word;
	struct row_size size;
	bool narrow;		/* what is next takes 2 bytes, not 4 */
	uint32_t zones;		/* of the word */
	uint32_t units;		/* of all rows */
	uint32_t base;		/* number of the first row */
};

/* Where a row begins, which its number says, is counted in units of so many
 * bytes. */
enum {
	ROW_UNIT_LOG = 4, ROW_UNIT = 1 << ROW_UNIT_LOG,
	ROW_LINE = LINE / ROW_UNIT, ROW_PAGE = PAGE / ROW_UNIT,	/* units */
};

struct levels {
	struct level_group groups[LEVEL_GROUPS];	/* in order of asking */
	size_t ngroups;
	uint32_t offset;	/* of all rows in .rodata */
	uint32_t units;		/* of all rows, and what is between them */
	unsigned int place_bits;	/* of a number: where the row is; 0: less
				 * `first` it is the place */
	uint32_t first;		/* number of a row, where it is so */
	struct blocks code;	/* leaves are ranks, then rows */
	uint32_t nvalues;	/* ranks and rows: leaves of the code */
	const uint32_t *rule;	/* by leaf */
	const uint32_t *number;	/* by leaf */
	const double *cost;	/* by leaf: expected, in tenths of a nanosecond;
				 * NULL: there are no rows */
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
/* lower_row.c: how many units a row of G for so many cuts has */
uint32_t row_units(const struct level_group *g, uint32_t ncuts);
/* How many prefixes B's row would hold as one of these; UINT32_MAX: it cannot
 * be one. */
uint32_t row_prefixes(const struct level_group *g, const struct block *b);
/* How many a row of that size does. */
uint32_t row_most(struct row_size size);
/* What a look into one is expected to take, in tenths of a nanosecond, all of it in
 * the first cache. */
double row_cost(const struct level_group *g);
/* How far behind the begin of a row the verifier may see a read. */
size_t row_reach(const struct level_group *g);
/* Fills ROW, which is zeroed; NEXT[k] is the number of B's child k. */
void row_fill(const struct level_group *g, const struct block *b,
	      const uint32_t *next, uint8_t *row);
/* r3 = a row of G -> r7 = number of what is next */
void row_emit(struct lower *l, const struct level_group *g);

/* lower_place.c: PLACE[i] = where the row of block I stands, which takes
 * UNITS[i], 0 where it is none; out: where they end. */
uint32_t rows_place(struct arena *a, const struct blocks *tree,
		    const uint32_t *units, uint32_t *place);

/* r7 = rank or row -> rank. */
void levels_emit(struct lower *l, const struct levels *v);

#endif
