/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * generate - random policies, as text
 *
 * In: a seed. Out: a policy that uses the whole language (what needs no file)
 * and that the compiler should accept: each rule is written around a packet
 * that it holds, so no match contradicts itself and no socket is out of place.
 * Values come from a few blocks of addresses and a few ports, so rules overlap,
 * hide and cut each other. What is generated for a seed never depends on
 * anything else.
 */
#ifndef SKPOL_TESTS_GENERATE_H
#define SKPOL_TESTS_GENERATE_H

#include <stdint.h>

struct arena;

enum { GENERATE_RULES_MAX = 40 };

/* About RULES rules; 0 = as many as the seed says, mostly few. */
char *generate_policy(struct arena *a, uint64_t seed, unsigned int rules);

#endif
