/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shadow_machine - what shadow.c shares with shadow_memory.c
 */
#ifndef SKPOL_TESTS_SHADOW_MACHINE_H
#define SKPOL_TESTS_SHADOW_MACHINE_H

#include "shadow.h"

enum { EVENT = 64, STACK = 512 };

struct machine {
	const struct image *m;
	struct shadow_vars *s;
	struct shadow_effect *out;
	struct value r[11];
	uint8_t stack[STACK];
	uint64_t sent[EVENT];	/* what each byte is a function of */
	uint32_t pc;
	bool listened;
};

uint64_t part_highest(const struct shadow_vars *s, unsigned int var);
void shadow_trap(struct machine *k, const char *why);

/* Bytes of the stack or of a counter; NULL when they are outside. */
uint8_t *shadow_place(struct machine *k, const struct value *at, int off,
		      unsigned int size);
struct value shadow_load(struct machine *k, struct value at, int off,
			 unsigned int size);
void shadow_store(struct machine *k, struct value at, int off,
		  unsigned int size, struct value v);

#endif
