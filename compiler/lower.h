/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower - blocks to instructions
 *
 * In: the blocks of a policy whose leaves are effects; or those of the trees of
 * a forest, whose leaves are ranks. Out: a program with labels, and the tables
 * it reads. Every block is emitted once, every leaf near where it is used; what
 * is done with a packet in the end is one piece of code (bpf-templates/) that
 * all leaves share.
 */
#ifndef SKPOL_LOWER_H
#define SKPOL_LOWER_H

#include "block.h"
#include "code.h"
#include "effect.h"
#include "forest.h"
#include "hosts.h"
#include "products.h"
#include "rodata.h"

/* For tests: tables from LEAST cuts on (0 = where they are cheaper), of a KIND:
 * 1 an index and a search, 2 to 4 levels of few or many bits, 5 buckets, 6 a
 * window, 7 keys found by a hash; 8 to 11 these in buckets of some kind, if they fit
 * (lower_keys.c). IPv6 words are kept in registers then, too. */
struct lower_tables_options {
	uint32_t least;
	uint8_t kind;
};

enum lowered_kind { LOWERED_COMPARES, LOWERED_DIRECT, LOWERED_INDEX,
		    LOWERED_BUCKETS, LOWERED_LEVELS, LOWERED_BITS,
		    LOWERED_WINDOW, LOWERED_KEYS };

struct lower_choice {		/* one way to do it */
	uint8_t kind;
	uint8_t bits, levels, steps;	/* of the index; levels; halvings */
	uint8_t entry;		/* bytes of a cut with its value; keys in a bucket */
	bool rows;		/* buckets have these in their lines */
	uint32_t cells;		/* of a window, each of 1 << BITS values; keys */
	unsigned int cost;	/* tenths of a nanosecond, expected */
	size_t bytes;		/* of tables */
};

struct lowered {		/* a block of many cuts, or of a window */
	uint32_t rule;
	uint8_t word;
	bool wide;		/* that word and the next one */
	uint32_t cuts;
	struct lower_choice choices[6];	/* the first was chosen */
	unsigned int nchoices;
};

struct lowered_hosts {		/* a table of hosts; n = 0: there is none */
	unsigned int named;	/* mask of HOSTS_LOCAL, HOSTS_REMOTE */
	size_t n, bytes;
};

struct lowered_products {	/* tables of all IPv4 packets; bytes = 0: none */
	uint32_t columns[PRODUCT_FIELDS];	/* 0: nobody asks for it */
	const uint8_t *sequence;	/* of the fields, as they are looked up */
	size_t bytes;
	unsigned int cost;	/* tenths of a nanosecond, expected */
};

struct lower_report {
	struct lowered *v;
	size_t n, cap;
	struct lowered_hosts hosts[2];	/* by family */
	struct lowered_products products;
	double expected;	/* tenths of a nanosecond, up to the verdict */
};

/* Instructions of a forest's code, about: what is above it are rows, which are as
 * fast, or faster; a forest that stays below it has none. */
enum { LOWER_CODE_ENOUGH = 25000 };

/* Whether rows may stand in the lines of buckets (lower_home.c), which takes up to
 * 64 bytes a cut: never, where that is worth it, wherever it can be (tests). */
enum lower_homes { HOMES_NEVER, HOMES_USUAL, HOMES_ALWAYS };

struct lower_options {
	unsigned int optimize;	/* 0, 1, 2 */
	size_t tree_code;	/* of all trees, about; the rest is data */
	bool ifindex;		/* the target kernel shows ingress_ifindex */
	uint8_t homes;		/* enum lower_homes */
	struct lower_tables_options tables;
	/*
	 * To measure: PROLOGUE (or NULL) makes r6 from r1 in another way;
	 * EPILOGUE stands where the sockets would be tried, with the first of
	 * four steps in r7, and ends the program.
	 */
	void (*prologue)(void *ctx, struct code *c, struct rodata *r);
	void (*epilogue)(void *ctx, struct code *c);
	void *ctx;
};

/* Whether numbers of 16 bits are enough; if only without what a rank does. */
enum lower_room { ROOM_ENOUGH, ROOM_UNPACKED, ROOM_NONE };

struct lower_input {
	const struct policy *policy;
	const struct blocks *blocks;
	const struct forest_ranks *forest;	/* instead of blocks, or NULL */
	enum lower_room *room;	/* is raised where forest->narrow cannot be; the
				 * code is of no use then */
	const struct effects *effects;
	const double *leaf_cost;	/* by leaf: what comes behind it is expected
					 * to take, for the report; or NULL */
	const struct hosts *hosts;	/* by family; or NULL */
	const struct products *products;	/* all IPv4 packets, else the blocks; or
						 * NULL */
	struct lower_options options;
	struct lower_report *report;	/* to be filled, or NULL */
};

/* Fills CODE and adds to RODATA; failures are sticky in both. */
void lower(struct arena *a, const struct lower_input *in, struct code *code,
	   struct rodata *rodata);

#endif
