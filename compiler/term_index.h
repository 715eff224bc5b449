/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * term_index - which clauses may hold a packet, without asking all of them
 *
 * In: a policy. Out: for a packet, the first clause from some number on that
 * holds it; for a box, what the clauses that meet it leave of it. The values of
 * a field fall into a few cells; for each cell there is a bit a term, set where
 * the term has a value in it. So 64 terms are asked at once.
 */
#ifndef SKPOL_TERM_INDEX_H
#define SKPOL_TERM_INDEX_H

#include "policy.h"

struct arena;
struct term_index;

struct term_index *term_index_new(struct arena *a, const struct policy *p);

/* The first clause from number FROM on that holds V; there is one. */
uint32_t term_index_find(struct term_index *x, uint32_t from,
			 const u128 v[FIELD_COUNT]);
/* How many terms were asked for that so far, and what costs as much. */
size_t term_index_asked(const struct term_index *x);

/*
 * The terms of clauses FROM to TO - 1 that meet BOX, as far as they do (see
 * clauses_within), each as a clause of the number that LEAF gives it. *ALL: the
 * last one holds all of BOX, and those behind it are not there.
 */
struct near {
	struct clause *v;
	size_t n, cap;
	bool all;
};
typedef uint32_t near_leaf(const void *ctx, uint32_t clause);
void term_index_near(const struct term_index *x, struct arena *a,
		     const struct term *box, uint32_t from, uint32_t to,
		     near_leaf *leaf, const void *ctx, struct near *out);

#endif
