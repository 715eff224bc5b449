/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * block - the diagram in words of 32 bits: what code is made of
 *
 * In: a diagram. Out: blocks, hash-consed. Each cuts one word of the packet
 * into intervals; a cut of 128 bits has become a chain of up to four blocks.
 * Children come before parents. Each block knows the first rule that it leads
 * to, whose text its instructions are shown with.
 */
#ifndef SKPOL_BLOCK_H
#define SKPOL_BLOCK_H

#include "zone.h"

enum word {
#define WORD(id, field, shift, offset, load) WORD_##id,
#include "word.def"
#undef WORD
	WORD_COUNT,		/* of the packet */
	WORD_ZONE = WORD_COUNT,	/* + field: its zone, which is on the stack */
	WORD_ALL = WORD_ZONE + FIELD_COUNT
};

enum word_load { LOAD_HOST, LOAD_BE32, LOAD_BE16, LOAD_ZONE };

/* The zone of field f is in 64 bits at -(ZONE_SLOT + 8 * f) of the stack, four
 * times: in each 16 of them. */
enum { ZONE_SLOT = 16 };
#define ZONE_ONES 0x0001000100010001u

struct word_info {
	uint8_t field, shift, offset, load;
};
extern const struct word_info word_info[WORD_ALL];
/* The only one, or the most significant. */
extern const uint8_t first_word[FIELD_COUNT];

/* A block, or with the top bit a leaf: the number the diagram has there. */
typedef uint32_t bref;
#define BREF_LEAF	0x80000000u
static inline bool bref_is_leaf(bref r) { return r & BREF_LEAF; }
static inline uint32_t bref_leaf(bref r) { return r & ~BREF_LEAF; }

struct block {
	uint8_t word;		/* enum word, or WORD_ZONE + enum field */
	uint32_t ncuts;		/* >= 1 */
	const uint32_t *cuts;	/* rising; child i holds v, cuts[i-1] <= v < cuts[i] */
	const bref *children;	/* ncuts + 1 */
	uint32_t rule;		/* the lowest of the leaves it leads to */
	const double *weight;	/* by child: how often (weight.h), or NULL */
};

struct blocks {
	struct block *v;
	size_t n, cap;
	bref root;
};

/* RULES[leaf]: the rule of each leaf number of D. */
void blocks_build(struct arena *a, const struct diagram *d,
		  const uint32_t *rules, struct blocks *out);
/* The same; a node of a field that has zones is one block over these. */
void blocks_build_zoned(struct arena *a, const struct diagram *d,
			const uint32_t *rules, const struct zoning *z,
			struct blocks *out);

#endif
