/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove_hosts - a table of hosts, as the code of a program reads it
 *
 * prove_hosts_code.c understands that code, prove_hosts.c asks what the records
 * say. A record is 64 bytes: words of addresses as they are in memory, 8 bytes
 * for each one or two that a register holds; from LANES on six cuts of ports, and
 * from DONE on what is done between them, in 2 bytes each.
 */
#ifndef SKPOL_PROVE_HOSTS_H
#define SKPOL_PROVE_HOSTS_H

#include "prove_private.h"

enum {
	RECORD_LOG = 6, RECORD = 1 << RECORD_LOG, DONE = 32, LANES = 48,
	LANE_BITS = 21, LANES_N = 6, MARK = 19, CELL = 60,
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
	struct record *v;	/* scratch: of one protocol, rising by word */
	uint32_t n;
};

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
