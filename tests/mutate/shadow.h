/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shadow - a program run with one packet, and how far that run reaches
 *
 * In: an image, a value for each variable: the words of the packet, what the
 * kernel answers, the hash of a split. Out: what the program did, and for each
 * variable the highest value for which it would have done the same, all other
 * variables up to theirs. Written for the tests alone: it shares no code with
 * the proof, and the interpreter is asked beside it (explore.c).
 */
#ifndef SKPOL_TESTS_SHADOW_H
#define SKPOL_TESTS_SHADOW_H

#include <stdbool.h>
#include <stdint.h>

#include "../../compiler/image.h"

enum {
	SHADOW_SLOTS = 12, SHADOW_COUNTERS = 16,
	VAR_FAMILY = 0, VAR_PROTOCOL, VAR_REMOTE4, VAR_REMOTE6,
	VAR_REMOTE_PORT = VAR_REMOTE6 + 4, VAR_LOCAL4, VAR_LOCAL6,
	VAR_LOCAL_PORT = VAR_LOCAL6 + 4, VAR_IFINDEX, VAR_WORDS,
	VAR_HASH = VAR_WORDS, VAR_HASHES = 6,	/* one for each expression */
	VAR_PART = VAR_HASH + VAR_HASHES,	/* bits of a word */
	VAR_PARTS = 6,
	VAR_PLACE = VAR_PART + VAR_PARTS,	/* SHADOW_TAKEN, ... */
	SHADOW_PLACES = SHADOW_SLOTS * IMAGE_PLACES,
	VAR_FULL = VAR_PLACE + SHADOW_PLACES,	/* no room for an event */
	VAR_LISTENER,				/* which one there is */
	VARS,
};
enum { SHADOW_LISTENERS = 8 };
#define SHADOW_JIFFIES ((uint64_t)0x1122334455667788)
/* What counters hold before. */
extern const struct image_counter shadow_before;
extern const struct image_listener shadow_listeners[SHADOW_LISTENERS];
enum { SHADOW_TAKEN, SHADOW_EMPTY, SHADOW_REFUSED };	/* + errno's number */

enum { SHADOW_ERRORS = 5 };
extern const int shadow_errors[SHADOW_ERRORS];

struct shadow_part {
	uint8_t var;
	uint64_t mask;
};

struct shadow_vars {
	uint64_t x[VARS], high[VARS];
	uint64_t term[VAR_HASHES];	/* what each hash is the value of */
	struct shadow_part part[VAR_PARTS];	/* what each is the bits of */
	uint8_t order[VARS];		/* in use, in order of first use */
	uint32_t n;
	bool used[VARS];
	bool entered;			/* the kernel was asked */
	bool depends;			/* and a word looked at after that */
};

uint64_t shadow_highest(const struct shadow_vars *v, unsigned int var);
/* The first value of a word in the box that has the bits that are tried. */
bool shadow_member(const struct shadow_vars *s, unsigned int var, uint64_t *x);
/* V is in use from now on; it begins with 0. */
void shadow_use(struct shadow_vars *v, unsigned int var);

struct shadow_effect {
	const char *trap;		/* the run ended here */
	bool hashed;			/* a hash was not the packet's own */
	uint64_t asked[VARS];		/* the machine's state where the
					 * kernel is first asked each */
	uint32_t verdict, slot, flags;
	struct image_counter counters[SHADOW_COUNTERS];
	uint32_t nevents;
	uint64_t event;			/* what was sent, as a function of
					 * the packet */
	size_t steps;
};

enum { SHADOW_NO_SLOT = UINT32_MAX, SHADOW_STEPS = 20000 };

void shadow_run(const struct image *m, struct shadow_vars *v,
		struct shadow_effect *out);

/* shadow_value.c */
enum shadow_kind {
	SHADOW_NONE, SHADOW_NUMBER, SHADOW_CONTEXT, SHADOW_STACK,
	SHADOW_RODATA, SHADOW_COUNTER, SHADOW_SOCKET, SHADOW_RECORD,
	SHADOW_MAP,
};
enum shadow_form {
	FIXED,		/* the same for all values up to the highest */
	LINE,		/* mul * (variable >> shift) + add */
	RAW,		/* a word of the packet as it is in memory */
	TERM,		/* a number that stands for an expression */
};

struct value {
	uint8_t kind, form, var, shift;
	bool null;		/* a pointer that is, or may be */
	bool is_null;
	bool narrow, hashed;	/* TERM: below 2^32; of a multiplication */
	bool mixed;		/* TERM: base ^ word VAR as it is in memory */
	bool half;		/* TERM: the first two bytes of a word */
	uint8_t asks;		/* TERM: 1: (base ^ VAR) >> BEHIND; 2: less 1;
				 * 3: and more */
	uint8_t behind;
	bool raw;		/* of VAR as it is in memory; BEHIND is 0 then */
	uint8_t zeros;		/* TERM: so many low bits are 0 */
	uint32_t mask;		/* TERM: word VAR as it is in memory, those bits
				 * of it, which come first; or 0 */
	uint32_t object;
	int64_t mul, add;
	uint64_t v;		/* the number now; the offset of a pointer */
	uint64_t term, base, with;	/* TERM; base ^ WITH */
	uint64_t vars;		/* a bit for each that it hangs on */
};

struct value value_fixed(uint64_t v);
struct value value_line(const struct shadow_vars *s, unsigned int var);
uint64_t value_at(const struct value *v, uint64_t x);
uint64_t value_id(const struct value *v);
uint64_t value_mix(uint64_t h, uint64_t v);
/* The same number for all values up to the highest. */
void value_fix(struct shadow_vars *s, struct value *v);
/* D = D op S of two numbers, 64 or 32 bits; false: no such operation */
bool value_alu(struct shadow_vars *s, uint8_t op, bool wide, struct value *d,
	       struct value o);
bool value_compare(struct shadow_vars *s, uint8_t op, bool wide,
		   struct value a, struct value b);
/* The low 32 bits. */
void value_narrow(struct shadow_vars *s, struct value *v);

#endif
