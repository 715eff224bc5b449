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
	bool home;		/* all of them stand in homes, no others do */
};

/* Where a row begins, which its number says, is counted in units of so many
 * bytes. */
enum {
	ROW_UNIT_LOG = 4, ROW_UNIT = 1 << ROW_UNIT_LOG,
	ROW_LINE = LINE / ROW_UNIT, ROW_PAGE = PAGE / ROW_UNIT,	/* units */
};

/*
 * Rows of one group in the lines of buckets: so a look-up has both with one read of
 * memory (lower_home.c).
 */
enum { HOMES = 8, HOME_CUTS = 8 /* of a bucket, of 8 bytes each */ };

struct home {
	uint32_t block;		/* of the code: it becomes these buckets */
	unsigned int root;	/* bits of its word that say which */
	uint32_t place;		/* of the first, in units */
};

struct homes {
	struct home v[HOMES];
	size_t n;
	uint32_t units, offset;	/* of all; in .rodata */
};

struct levels {
	struct level_group groups[LEVEL_GROUPS];	/* in order of asking */
	size_t ngroups;
	uint32_t offset;	/* of all rows in .rodata */
	uint32_t units;		/* of all rows, and what is between them */
	unsigned int place_bits;	/* of a number: where the row is; 0: less
				 * `first` it is the place */
	uint32_t first;		/* number of a row, where it is so */
	struct homes homes;
	struct blocks code;	/* leaves are ranks, then rows */
	uint32_t nvalues;	/* ranks and rows: leaves of the code */
	const uint32_t *rule;	/* by leaf */
	const uint32_t *number;	/* by leaf */
	const double *cost;	/* by leaf: expected, in tenths of a nanosecond;
				 * NULL: there are no rows */
};

/* How many places a masked index has for N units; of one, its only bit would be a
 * constant. */
static inline uint32_t rows_places(uint32_t n)
{
	return (uint32_t)lower_power_of_two(n < 2 ? 2 : n);
}

/* lower_data.c: which of TREE's blocks are data, so that no more than CODE_ENOUGH
 * instructions, about, are left. */
bool *data_choose(const struct lower *l, const struct blocks *tree,
		  size_t code_enough);
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

enum { NOWHERE = UINT32_MAX };

/* lower_place.c: PLACE[i] = where the row of block I stands, which takes
 * UNITS[i], 0 where it is none; out: where they end. Those that are not NOWHERE
 * before stay where they are. */
uint32_t rows_place(struct arena *a, const struct blocks *tree,
		    const uint32_t *units, uint32_t *place);

/* lower_home.c: which blocks of the tree that are no data are homes of ROWS: all
 * that the group consists of; and where these are, in PLACE, which is NOWHERE.
 * False: there are none, or there is not room for all; PLACE is of no use then. */
struct homes_input {
	const struct blocks *tree;
	const bool *data, *rows;	/* by block */
	uint32_t least;			/* cuts of a list: fewer are no home */
	unsigned int root_least;	/* bits that say which bucket, 1 or more */
};
bool homes_make(struct arena *a, const struct homes_input *in, uint32_t *place,
		struct homes *out);
/* What is next if the prefix of such a row matches has to be as much, so that the
 * row is no cut to a search whose keys have HOME_KEY_BITS. */
enum { HOME_KEY_BITS = 42, HOME_NEXT_LEAST = 1 << (HOME_KEY_BITS - 32) };
/* What a row needs for that, besides. */
void home_fill(uint8_t *row);
/* The home that block NUMBER of the code is, or NULL. */
const struct home *home_of(const struct homes *h, uint32_t number);

/* lower_way.c: r7 = rank or row -> rank. */
void levels_emit(struct lower *l, const struct levels *v);

#endif
