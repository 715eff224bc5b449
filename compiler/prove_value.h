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
	V_WORD,			/* (word >> shift) + n */
	V_MINUS,		/* n - X */
	V_HIGH,			/* word << 32 */
	V_PAIR,			/* word << 32 and the next one, >> shift */
	V_INTERFACE,		/* n = index of the name */
	V_HIDDEN,		/* n ^ word; shift 1: as it is in memory */
};

struct val {
	uint8_t kind, word, shift;
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
	uint32_t pc, steps;
};

/* prove_value.c */
static inline bool val_is_plain(const struct val *v)
{
	return v->kind == V_WORD && !v->n;
}

/* Whether V is X itself. */
bool val_is_x(const struct run *u, const struct val *v);
void val_lower_high(struct run *u, uint64_t high);
/* The word, when it is the stretch's or may become it. */
struct val val_of_word(struct run *u, uint32_t word);
/* The number that V is for X, and for X to the new u->high; false if none. */
bool val_number(struct run *u, struct val *v);
const char *val_alu(struct run *u, const struct bpf_insn *i);
const char *val_swap(struct run *u, const struct bpf_insn *i);

/* prove_load.c */
const char *val_load(struct run *u, const struct bpf_insn *i);
const char *val_store(struct run *u, const struct bpf_insn *i);
const char *val_wide_load(struct run *u, const struct bpf_insn *i);

/* prove_branch.c: moves u->pc, which is raised by one afterwards */
const char *val_jump(struct run *u, const struct bpf_insn *i);

#endif
