/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fixture_world - random clauses that tell few packets apart
 *
 * Every field is cut into a few cells, and clauses are unions of products of
 * cells, over three fields besides family and protocol: so one packet of each
 * kind there is can be gone through. And what every diagram looks like.
 */
#ifndef FIXTURE_WORLD_H
#define FIXTURE_WORLD_H

#include "../../compiler/diagram.h"
#include "../../grammar/arena.h"

enum { CELLS = 5, DIMS = 3, CLAUSES_MAX = 14, ACTIONS = 6 };

/* What packets differ in besides family and protocol: IPv4's field, IPv6's. */
enum { NDIMS = 6, ADDRESS_DIMS = 2 };
extern const uint8_t world_dims[NDIMS][2];

struct world {			/* random clauses, and where they live */
	struct arena arena;
	uint8_t used[DIMS];	/* indices into world_dims, rising */
	struct clause clauses[CLAUSES_MAX];
	size_t n;
};

/* 0 to N - 1, the same series in every run. */
uint32_t world_rnd(uint32_t n);
struct world *world_new(size_t n);
void world_free(struct world *w);
/* The higher SPARE (to 3), the fewer fields it limits. */
struct term world_term(struct world *w, unsigned int spare);

bool world_in_term(const struct term *t, const u128 v[FIELD_COUNT]);
/* The leaf of V, found by going through the clauses. */
dref world_scan(const struct clause *c, size_t n, const u128 v[FIELD_COUNT]);
/* Packet number I of all kinds of packets of W; false behind the last. */
bool world_packet(const struct world *w, unsigned int i, u128 v[FIELD_COUNT]);

extern const uint8_t world_plain_order[FIELD_COUNT];
/* FAMILY first, the others anyhow. */
void world_random_order(uint8_t order[FIELD_COUNT]);

/* Ordered, reduced, every node once, all reached, children first. */
void world_assert_form(const struct diagram *d);
bool world_same_below(const struct diagram *x, dref r,
		      const struct diagram *y, dref s);

#endif
