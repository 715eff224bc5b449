/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fixture_code - code to bytes, one to one; code at random
 *
 * In: code whose jumps are all in reach and whose labels are all placed. Out:
 * its instructions and relocations as they stand. Unlike layout.c it keeps
 * `goto` and `gotol` as they were written.
 */
#ifndef SKPOL_FIXTURE_CODE_H
#define SKPOL_FIXTURE_CODE_H

#include "../../compiler/code.h"
#include "../../compiler/opcode.h"

void code_to_image(struct arena *a, const struct code *c, struct image *out);

/* The same numbers in every run. */
uint32_t random_below(uint32_t below);
uint32_t random_word(void);
/* N instructions of opcodes that are WANTED (NULL: of all of them). */
void random_image(struct arena *a, uint32_t n,
		  bool (*wanted)(const struct opcode *), struct image *out);

#endif
