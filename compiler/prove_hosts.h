/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove_hosts - a table of hosts, as the code of a program reads it
 *
 * prove_hosts_code.c understands that code, prove_hosts.c asks what the records
 * say. A record is 64 bytes or 32: words of addresses as they are in memory, 8
 * bytes for each one or two that a register holds; then what is done between
 * cuts of ports, in 2 bytes each; and last these, three in 8 bytes, one 8 bytes
 * of them for each 32 that the record has.
 */
#ifndef SKPOL_PROVE_HOSTS_H
#define SKPOL_PROVE_HOSTS_H

#include "prove_private.h"

enum {
	LANE_BITS = 21, LANES_OF_64 = 3, LANES_MAX = 2, MARK = 19, CELL = 60,
	KEY = 2,		/* the first register that holds words */
	PAIRS_MAX = 4, WORDS_MAX = 2 * PAIRS_MAX,
	PORTS = 1 << 16,
};
#define ONES ((uint64_t)1 | (uint64_t)1 << LANE_BITS | \
	      (uint64_t)1 << 2 * LANE_BITS)

struct record {
	uint32_t word[WORDS_MAX];
	const uint8_t *bytes;
};

struct records {		/* of one family; npairs = 0: it has none */
	uint32_t words[WORDS_MAX];	/* enum prove_word, rising */
	uint32_t nwords;
	bool paired[PAIRS_MAX];	/* whether a register holds two of them */
	uint32_t npairs;
	uint64_t factors[WORDS_MAX];	/* of the words, in the hash, or 0 */
	uint32_t numbers, log;	/* offset; bits of the hash that find one */
	uint32_t back, step;	/* how a number leads to a place */
	uint32_t offset, nplaces;	/* of records */
	uint32_t size_log;	/* of one: 5, 6 */
	struct record *v;	/* scratch: of one protocol, rising by word */
	uint32_t n;
	struct record *all;	/* of both, rising by word, or NULL: not listed yet */
	uint32_t nall;
};

/* Where in a record it says what is done, and of how many 8 bytes of cuts. */
static inline uint32_t records_done(const struct records *r)
{
	return 1U << (r->size_log - 1);
}

static inline uint32_t records_nlanes(const struct records *r)
{
	return 1U << (r->size_log - 5);
}

static inline uint32_t records_lanes(const struct records *r)
{
	return (1U << r->size_log) - 8 * records_nlanes(r);
}

struct prove_hosts {
	struct records of[2];	/* by family */
	uint32_t decide;	/* where steps go */
	/* numbers from SPECIAL on are no steps: ASK leaves it to the trees, LEAVE
	 * has a verdict, and all others have one */
	uint32_t special, ask, leave;
	uint32_t verdict, other_verdict;
};

/* prove_hosts_code.c: into p->hosts, from the load of the family on. False: not
 * how hosts are looked up; M is where. OTHERS: where all other packets go. */
bool hosts_read(struct matcher *m, uint32_t *others);

#endif
