/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shadow_value - what the files shadow_*.c share of numbers; nobody else
 * includes it
 */
#ifndef SKPOL_SHADOW_VALUE_H
#define SKPOL_SHADOW_VALUE_H

#include "shadow.h"

/* Something about V where its variable is X. */
typedef bool holds(const struct value *v, uint64_t x, uint64_t n,
		   unsigned int bits);

/* The variable goes up to HIGH, at most. */
void value_lower(struct shadow_vars *s, unsigned int var, uint64_t high);
/* As long as F holds, which it does now, and never again once it did not. */
void value_while(struct shadow_vars *s, const struct value *v, holds *f,
		 uint64_t n, unsigned int bits);
/* All of V is in one block of 2^BITS numbers; where it begins. */
int64_t value_block(struct shadow_vars *s, const struct value *v,
		    unsigned int bits);
/* V += BY */
void value_move(struct value *v, int64_t by);
/* The first one from FROM on that has BITS where MASK has; false: none. */
bool bits_next(uint64_t from, uint64_t mask, uint64_t bits, uint64_t *next);
/* D &= N, which are few bits of a large word; false: D is as it was. */
bool value_part(struct shadow_vars *s, struct value *d, uint64_t n);
/* A line, or fixed. */
void value_known(struct shadow_vars *s, struct value *v);

#endif
