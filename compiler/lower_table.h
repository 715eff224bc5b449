/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_table - what the files that make tables share; lower*.c only
 *
 * lower_table.c decides and says what a value means, lower_wide.c makes one
 * key of two words, lower_shape.c chooses the shape and holds what each costs,
 * lower_trie.c fills the cells, lower_pack.c what is searched, lower_lookup.c
 * emits the code that reads them; lower_keys.c does all of it where keys are
 * found by a hash, lower_bits.c where the cuts lie close together.
 */
#ifndef SKPOL_LOWER_TABLE_H
#define SKPOL_LOWER_TABLE_H

#include "cuckoo.h"
#include "lower_private.h"

/* A block, or two words of blocks at once, as intervals of one key. */
struct keyed {
	struct lower *l;
	const struct block *b;	/* where it begins */
	unsigned int width;	/* bits of the key: 16, 32, or 64 for two words */
	uint32_t ncuts;
	const uint64_t *cuts;	/* rising */
	const bref *children;	/* ncuts + 1 */
	uint32_t *values;	/* what the table says, by child */
	unsigned int scale;	/* a step is a value << SCALE */
	uint32_t highest;	/* of the values */
	unsigned int drop;	/* low bits that are 0 in all cuts */
	uint32_t nvalues;	/* different ones */
	bool verdicts;		/* values are verdicts */
	bool leaves;		/* some child is no way */
	bref *ways;		/* children that are code */
	uint32_t nways, first_way;
};

/* How a cut and its value are one number (lower_pack.c). */
struct packing {
	uint8_t entry;		/* bytes of such a number */
	uint8_t drop, rest;	/* low bits of a cut that are not in, that are */
	uint8_t low;		/* bits of the value */
	bool flat;		/* there is no index: buckets have one size */
	bool home;		/* and stand among rows, from AT on (lower_home.c) */
	uint32_t at;
};

/* Each byte of what is in no bucket, in numbers of 8 bytes (lower_pack.c). */
enum { PACK_BEHIND_8 = 0x3f };

/*
 * The top ROOT bits of the key index the first cells. Where FILL is 0 a cell
 * holds the value, or names the cut at which a branch-free search begins, which
 * halves STEPS times; or it is a bucket of cuts itself. Else it leads to more
 * cells, for the bits behind, as many as there are cuts times FILL; or to
 * values, when all cuts that are left can be told apart in values of no more
 * bytes than cuts times DENSE.
 *
 * Or, where KEYS has lanes: what is not OTHERS is so little that each value of
 * the key, without its DROP low bits, is looked up for itself.
 */
struct shape {
	uint8_t root, fill, dense, levels, steps;
	struct packing pack;	/* of a search */
	struct cuckoo keys;
	uint32_t others;	/* value of keys that are not among them; what
				 * is in there is a value ^ this */
	size_t cells, values;	/* of all levels */
	size_t bytes;		/* of all tables */
	unsigned int cost;	/* tenths of a nanosecond, expected */
};

/* A few values, or steps of 1 << SHIFT values, from BASE on (lower_bits.c). */
struct window {
	uint32_t base, cells;	/* 0 = no such window */
	uint8_t shift;
	bool bits;		/* of a constant: 1 leads to SET, 0 to CLEAR */
	bref set, clear;
	size_t bytes;		/* else of a table */
	unsigned int cost;
};

/* What was thought of; a shape without levels was not possible, or not tried. */
struct choice {
	struct shape best, index, buckets, levels, keys;
	struct window window;
	bool by_window;		/* is what was chosen */
	unsigned int compares;	/* what they cost */
};

struct table {
	struct keyed key;
	const struct home *home;	/* or NULL */
	struct choice choice;
};

/*
 * A cell of a table with levels: the bits of the key to be taken off, what is
 * to be added then to have the index of the next cell, and whether that is a
 * value.
 */
enum {
	CELL_DONE = 1u << 31,
	CELL_SHIFT_BITS = 6, CELL_BASE_BITS = 25,
	CELLS_MAX = 1 << CELL_BASE_BITS,
	LEVELS_MAX = 16,
};

/* Bits that hold N; one, at least. */
static inline unsigned int bits_of(uint32_t n)
{
	return n ? 32 - (unsigned int)__builtin_clz(n) : 1;
}

/* Bytes of a value in a table of values only. */
static inline unsigned int value_width(const struct keyed *k)
{
	return k->highest < 256 ? 1 : k->highest < 65536 ? 2 : 4;
}

/* lower_wide.c: two words as one key; false where it is not worth it */
bool wide_key(struct lower *l, const struct block *b, struct keyed *k);

/*
 * lower_shape.c: false where compares are better. C holds the window, if there
 * is one; nothing else is thought of where the key is SMALL.
 */
bool shape_choose(const struct keyed *k, bool small, struct choice *c);
/* The buckets that are a home with rows, whatever else there is; false: so wide are
 * the values that they cannot be. */
bool shape_home(const struct keyed *k, const struct home *home,
		struct choice *c);
/* What a tree over so many cuts costs. */
unsigned int shape_compares(uint32_t ncuts);
/* What a read of a table of so many bytes takes more than one of the nearest
 * cache. */
unsigned int shape_memory(size_t bytes);

/* Of a search by so many halvings, of which some are LEFT: how many are made by
 * numbers that are all read together. */
unsigned int shape_steps_at_once(unsigned int left, unsigned int steps);

/* lower_bits.c */
enum { WINDOW_CUTS = 5 };	/* fewer are as fast compared, when hot */
/* False: K has no such window. */
bool window_find(const struct keyed *k, struct window *w);
/* The key in r1, which is lost: goes where it leads. */
void window_bits(const struct keyed *k, const struct window *w);
/* The same, but r2 = its value where it is inside. */
void window_lookup(const struct keyed *k, const struct window *w);

/* lower_report.c; nothing without l->in->report */
void report_block(struct lower *l, const struct keyed *k,
		  const struct choice *c);
/* After all blocks were planned. */
void report_expected(struct lower *l);

/* lower_trie.c */
/* What S takes for K; false: too deep, or more than MOST bytes. */
struct trie_size {
	size_t cells, values;
	unsigned int levels;
	uint64_t ends[LEVELS_MAX + 1];	/* cuts whose last cell is there */
};
bool trie_measure(const struct keyed *k, const struct shape *s, size_t most,
		  struct trie_size *out);
/* CELLS and VALUES: as many as were measured. */
void trie_fill(const struct keyed *k, const struct shape *s, uint32_t *cells,
	       uint8_t *values);

/* lower_pack.c */
/* How S packs them into ENTRY bytes; false: buckets are too large. */
bool pack_choose(const struct keyed *k, unsigned int entry, bool flat,
		 struct shape *s);
size_t pack_entries(const struct keyed *k, const struct shape *s);
/* Bytes of a cell of the index, where entries take BYTES in all. */
static inline unsigned int pack_index(size_t bytes)
{
	return bytes <= 1 << 16 ? 2 : 4;
}
/* INDEX: s->cells, bytes into ENTRIES, which are as many as were counted; NULL
 * where that is flat. */
void pack_fill(const struct keyed *k, const struct shape *s, uint8_t *index,
	       uint8_t *entries);

/* lower_keys.c */
/* What S would be; false: there are no keys, or too many. */
bool keys_shape(const struct keyed *k, struct shape *s);
/* Fills its tables; false: there is no way to. */
bool keys_fill(const struct keyed *k, struct shape *s);
/* The key in r1, r2 = its value; r3 and r4 are lost. */
void keys_lookup(const struct keyed *k, const struct shape *s);

/* lower_lookup.c: the key in r1; r2 = its value */
void lookup(const struct keyed *k, const struct shape *s);

#endif
