/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * world - what the random tests draw from: numbers and interfaces
 *
 * One seed gives the same numbers everywhere, for ever. The interfaces are one
 * fixed world, so that every engine, whether it knows names or indices, sees
 * the same packet: index 1 is always `lo`, and no packet has a name without
 * its index.
 */
#ifndef SKPOL_TESTS_WORLD_H
#define SKPOL_TESTS_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "../../grammar/packet.h"

struct random {
	uint64_t state;
};

struct random random_new(uint64_t seed);
uint64_t random_next(struct random *r);
/* 0..N-1; N > 0. */
uint32_t random_below(struct random *r, uint32_t n);
/* True PERCENT times in a hundred. */
bool random_chance(struct random *r, unsigned int percent);
u128 random_address(struct random *r, unsigned int family);

/* Interfaces 1..WORLD_NAMED have names, those above have none. */
enum { WORLD_NAMED = 6, WORLD_INTERFACES = 9 };

const char *world_name(uint32_t ifindex);	/* "" above WORLD_NAMED */
uint32_t world_index(const char *name);		/* 0 = no interface of ours */
void world_set_interface(struct packet *p, uint32_t ifindex);

#endif
