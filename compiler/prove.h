/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove - the final bytes do what the rules say, for all packets
 *
 * In: a policy, and the image that was made of it. Out: proved; or a packet
 * that the bytes treat in another way than the rules; or neither, when the
 * bounded work was not enough or the bytes are of a kind that is not
 * understood. Shares no code with what made the image: the rules are the
 * clauses of policy.h, the bytes are instructions and .rodata.
 */
#ifndef SKPOL_PROVE_H
#define SKPOL_PROVE_H

#include "image.h"
#include "policy.h"

enum { PROVE_TAKEN = 0, PROVE_ABSENT = 1 };

struct prove_result {
	bool ok;
	bool unproved;		/* not ok: the work was not enough */
	bool no_memory;		/* not ok: there was not enough */
	bool has_witness;	/* a packet that really differs */
	struct packet witness;
	/* what the kernel must answer for it to differ, about the sockets
	 * that the rules name for it, place by place (IMAGE_PLACES each):
	 * PROVE_ABSENT or a negative errno; then PROVE_TAKEN */
	const int16_t *places;
	uint32_t nplaces;
	const uint32_t *interfaces;	/* numbers of the policy's names */
	struct image_listener listener;	/* to events */
	bool events_full;	/* no event has room */
	const char *answers;	/* the same in words, behind the packet */
	const char *why;	/* not ok: what could not be shown */
	const char *rules;	/* what the rules say of the witness */
	const char *bytes;	/* what the bytes do */
	uint64_t states, pieces;
};

enum { PROVE_TREES = 16 };	/* at most */

/*
 * How the maker of a program of several trees says that it split the rules, and
 * which of them the hosts answer that are looked up before; it is not believed
 * (prove_forest.c, prove_hosts.c).
 */
struct prove_forest {
	size_t ntrees;		/* 0: one diagram, as if it were the first */
	/* by term, clause after clause: a tree, or a number above for none */
	const uint8_t *tree_of;
	const uint32_t *rank;	/* by clause; of trees */
};

/* out->ok; texts are the arena's. */
bool prove_image(struct arena *a, const struct policy *p,
		 const struct image *m, struct prove_result *out);
bool prove_forest_image(struct arena *a, const struct policy *p,
			const struct image *m, const struct prove_forest *f,
			struct prove_result *out);

#endif
