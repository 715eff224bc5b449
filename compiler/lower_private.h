/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_private - what the files of the lowering share; nobody else includes it
 *
 * lower.c walks the blocks, lower_tree.c compares, lower_lone.c where one value
 * is asked for, lower_table.c looks up, lower_leaf.c emits leaves and splits,
 * lower_decide.c what all leaves share, lower_forest.c what joins trees,
 * lower_zone.c what these ask for, lower_hosts.c and lower_products.c what is
 * before all of them.
 */
#ifndef SKPOL_LOWER_PRIVATE_H
#define SKPOL_LOWER_PRIVATE_H

#include "../grammar/arena.h"
#include "lower.h"
#include "weight.h"

enum {
	UDP_VALUE = 17,		/* linux/in.h */
	AF_INET6_VALUE = 10,	/* linux/socket.h */
	LINE = 64,		/* bytes of a cache's; .rodata begins with one */
	PAGE = 4096,		/* bytes, as the kernel maps .rodata */
};

struct table;
struct homes;

struct lower {
	struct arena *a;
	const struct lower_input *in;
	const struct homes *homes;	/* among in->blocks, or NULL */
	struct code *c;
	struct rodata *rodata;
	label *block_label;	/* by block; NO_LABEL = nobody jumps there yet */
	bool *emitted;		/* by block */
	uint32_t *uses;		/* by block: as a child of blocks that are not
				 * yet emitted, or not wholly */
	uint32_t *ready;	/* blocks with a label that nobody else jumps to */
	size_t nready, ready_cap;
	label *leaf_label;	/* by effect, of this window; or NO_LABEL */
	uint32_t *leaves;	/* effects that had a label in this window */
	size_t nleaves, leaves_cap;
	size_t window;		/* where it began */
	uint32_t *block_way, *split_way;	/* lower_table's, all ones */
	struct table **table;	/* by block: what it becomes, or NULL */
	bool *reached;		/* by block: code is emitted for it */
	label decide;		/* NO_LABEL until somebody jumps there */
	label *split_label;	/* by effect */
	uint32_t *splits;	/* effects whose code is to be emitted */
	size_t nsplits, splits_cap;
	uint32_t slots, interfaces, steps;	/* offsets in .rodata */
	uint32_t copied;	/* mask of IPv6 words that are in registers */
	int key;		/* the register that is compared */
};

/* The least one that is not below N: what a mask of indices needs. */
static inline size_t lower_power_of_two(size_t n)
{
	size_t size = 1;

	while (size < n)
		size *= 2;
	return size;
}

/* lower.c */
/* Nothing has been emitted of l->in's blocks and effects. */
void lower_begin(struct lower *l);
/* All blocks, from the root on, and their leaves. */
void lower_blocks(struct lower *l);
/* Those that are ready, but not the BEFORE that were so before. */
void lower_waiting(struct lower *l, size_t before);
/* A label of the block or leaf R, emitted by and by. */
label lower_label(struct lower *l, bref r);
/* Whether R needs not follow: others go there, too, and its code stands behind
 * them, or near. */
bool lower_is_elsewhere(const struct lower *l, bref r);
/* Goes to R: emits it right here when nobody else is going to jump there. */
void lower_goto(struct lower *l, bref r);

/* lower_tree.c */
/* DST = the word, as a number */
void lower_load(struct lower *l, int dst, enum word w);
void lower_load_context(struct lower *l, int dst, enum word w);
/* Chooses the words that are kept in registers where IPv6 begins. */
void lower_choose_copies(struct lower *l);
/* Loads them: both halves, whichever of them the program asks for. */
void lower_keep_words(struct lower *l);
/* key = the word of B, as a number: r1, or the register that it is kept in. */
void lower_load_key(struct lower *l, const struct block *b);
/* A compare of the key with a number (32 bits), or with r2 (64 bits). */
struct lower_test {
	uint8_t op;		/* BPF_JEQ, BPF_JNE, BPF_JGE, BPF_JLT */
	bool by_register;
	bool likely;		/* it holds more often than not */
	uint32_t value;
};
/* TO = 1 where the number of SIZE (BPF_W, ...) that is OFFSET bytes behind r3 is
 * less than r1, else 0. (lower_lookup.c) */
void lower_below(struct code *c, uint8_t size, uint8_t to, uint32_t offset);
/* Whether YES had better follow a jump than NO, which stands somewhere else, or
 * is a leaf. */
bool lower_follows(const struct lower *l, bref yes, bref no);
/* Goes to YES where the test holds, else to NO: one of them follows. */
void lower_either(struct lower *l, struct lower_test t, bref yes, bref no);
/* Compares the key with values that are met often: B is what is left. */
void lower_peel(struct lower *l, struct block *b);
/* Compares the key, and goes to one of the children BEGIN to END. */
void lower_tree(struct lower *l, const struct block *b, uint32_t begin,
		uint32_t end);

/* r1 = the word W, the first of its half of an address, and the next one */
void lower_load_pair(struct lower *l, enum word w);
/* key = these, if they are kept: false, if not */
bool lower_kept_pair(struct lower *l, enum word w);

/* lower_lone.c: all of a block that asks for one value or prefix; false: it is
 * another */
bool lower_lone(struct lower *l, const struct block *b);
/* The block whose code is part of that of B; NULL: there is none. */
const struct block *lower_lone_inner(const struct lower *l,
				     const struct block *b);

/* lower_table.c */
/* Chooses for every block what it becomes. */
void lower_plan(struct lower *l);
/* Loads the word of a block and does the rest; false: it is to be compared. */
bool lower_table(struct lower *l, uint32_t number);
/* The blocks that the table of block NUMBER leads to; NULL: it has no table. */
const bref *lower_table_children(const struct lower *l, uint32_t number,
				 size_t *n);

/* lower_forest.c: the trees of l->in->forest, and what they lead to */
void lower_forest(struct lower *l);

/* lower_hosts.c: what is done with packets of l->in->hosts; others go on here */
void lower_hosts(struct lower *l);

/* lower_products.c: all IPv4 packets, by l->in->products; others go on here */
void lower_products(struct lower *l);

/* lower_zone.c: looks up the zones of l->in->forest, into the stack: those that
 * tables may ask for, and with ROWS these */
void lower_zones(struct lower *l, bool rows);
/* B, which is compared, asks for its word instead of a zone of that. */
void lower_unzone(struct lower *l, struct block *b);

/* lower_leaf.c */
label decide_label(struct lower *l);
label leaf_label(struct lower *l, uint32_t effect);
/* Whether its code will stand near, for others, or is a split's. */
bool leaf_is_elsewhere(const struct lower *l, uint32_t effect);
void leaf_goto(struct lower *l, uint32_t effect);
/* Emits what is pending, and begins a new window, when this one is long or
 * the END is here. Only where no code falls through. */
void leaf_window(struct lower *l, bool end);
void lower_splits(struct lower *l);

/* lower_decide.c: what is done with the step in r7, to the end */
void lower_tables(struct lower *l);
void lower_decide(struct lower *l);

#endif
