/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove_value - registers while a stretch of code is run; prove_*.c only
 *
 * In: an instruction and what is known of the registers. Out: what is known
 * behind it. What is known holds for all values of the stretch's word from X
 * to HIGH: an instruction whose result would change in between lowers HIGH.
 * Functions return NULL, or what they do not understand.
 */
#ifndef SKPOL_PROVE_VALUE_H
#define SKPOL_PROVE_VALUE_H

#include "prove_private.h"

enum val_kind {
	V_NONE, V_NUMBER, V_CONTEXT, V_TABLE,	/* n = number, offset */
	V_RAW,			/* word as it is in memory */
	V_MASKED,		/* that & n */
	V_WORD,			/* word >> shift */
	V_LINE,			/* n + (X >> shift << up), mod 2^64 */
	V_MINUS,		/* n - (X >> shift << up), mod 2^64 */
	V_CELLS,		/* the offset n + (X >> shift << up) */
	V_HIGH,			/* word << 32 */
	V_PAIR,			/* word << 32 and the next one, >> shift */
	V_INTERFACE,		/* n = index of the name */
	V_HIDDEN,		/* n ^ word; shift 1: as it is in memory */
	/* compared at once: */
	V_LANES,		/* the word four times, in each 16 bits */
	V_LESS_LANES,		/* (n - that) >> shift */
	V_PREFIX,		/* ((n ^ X) >> up) - shift, n < 2^32 */
};

struct val {
	uint8_t kind, word, shift, up;
	uint64_t n;
};

struct run {
	struct prove *p;
	struct val r[11];
	struct val slot;	/* the 32 bits of the stack at -4 */
	uint32_t word;		/* that X is a value of, or PW_NONE */
	uint64_t x, high;
	uint64_t from;
	bool wide;		/* X is of that word and the next one */
	uint32_t want_wide;	/* not 0: 1 + the word for which it must be */
	bool names;		/* X is an interface name */
	bool again;		/* as such */
	bool zoning;		/* to where a zone is stored */
	uint32_t pc, steps;
};

/* prove_value.c */
static inline bool val_is_plain(const struct val *v)
{
	return v->kind == V_WORD;
}

/* Whether V is X itself. */
bool val_is_x(const struct run *u, const struct val *v);
void val_lower_high(struct run *u, uint64_t high);
/* The same until X >> SHIFT is MORE than it is now, and one. */
void val_lower_units(struct run *u, unsigned int shift, uint64_t more);
/* The word, when it is the stretch's or may become it. */
struct val val_of_word(struct run *u, uint32_t word);
/* V, of a pair, is used: then the stretch is about both words. */
void val_use_pair(struct run *u, const struct val *v);
/* The number that V is for X, and for X to the new u->high; false if none. */
bool val_number(struct run *u, struct val *v);
const char *val_alu(struct run *u, const struct bpf_insn *i);
const char *val_swap(struct run *u, const struct bpf_insn *i);

/* prove_line.c: functions of X that are lines; false: D, or what comes of it, is
 * none, and is as it was */
bool line_of(struct run *u, const struct val *v, struct val *out);
bool line_shift_left(struct run *u, struct val *d, uint64_t n, bool wide);
/* Of bits that are the same for every X; of a line of 32 bits, if it is to be
 * one. */
bool line_shift_right(struct run *u, struct val *d, uint64_t n);
bool line_add(struct run *u, struct val *d, const struct val *s, bool wide);
bool line_and(struct run *u, struct val *d, uint64_t mask);
bool line_cut(struct run *u, struct val *d);	/* to 32 bits */
/* D = a number less a line. */
bool line_minus(struct run *u, struct val *d, const struct val *s);
/* D = 1 where such a difference is negative, else 0. */
bool line_sign(struct run *u, struct val *d);
/* The line D is not to pass UNTIL, nor 2^64. */
void line_until(struct run *u, const struct val *d, uint64_t until);
/* D is on a line, or an offset: what that is for X. */
uint64_t line_at(const struct run *u, const struct val *d);

/* prove_lane.c: what is done with lanes only; false: D is as it was, or plain */
bool lane_alu(struct run *u, uint8_t op, bool wide, struct val *d,
	      const struct val *s);

/* prove_prefix.c: whether the word has a prefix; false: D is as it was */
bool prefix_alu(struct run *u, uint8_t op, struct val *d, const struct val *s);

/* prove_load.c */
const char *val_load(struct run *u, const struct bpf_insn *i);
const char *val_store(struct run *u, const struct bpf_insn *i);
const char *val_wide_load(struct run *u, const struct bpf_insn *i);

/* prove_keys.c: FOUND: keys are looked up from u->pc on; then r2 is known, and
 * u->pc is the last instruction of it. */
const char *keys_found(struct run *u, bool *found);

/* prove_branch.c: moves u->pc, which is raised by one afterwards */
const char *val_jump(struct run *u, const struct bpf_insn *i);

#endif
