/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explore - whether two programs do the same with all packets
 *
 * In: two images of one policy. Out: yes, or a packet and answers of the kernel
 * for which they do not; or neither, when the work was too much. Both programs
 * are run with one packet; how far both runs reach is a box, and the next
 * packet is one outside of it: so after finitely many all have been tried.
 * In each box the interpreter is run as well, and must agree.
 */
#ifndef SKPOL_TESTS_EXPLORE_H
#define SKPOL_TESTS_EXPLORE_H

#include "../../compiler/interp.h"
#include "../../grammar/arena.h"
#include "shadow.h"

/* What the kernel answers: SHADOW_TAKEN, ... */
struct world_answers {
	uint8_t places[SHADOW_SLOTS][IMAGE_PLACES];
	struct image_listener listener;
	bool full;
};

struct explore_result {
	bool same, differs;	/* neither: see why */
	const char *why;
	uint64_t boxes;
	struct packet packet;
	struct world_answers answers;
};

void explore(struct arena *a, const struct image *good,
	     const struct image *bad, uint64_t most,
	     struct explore_result *out);

/* What one program does with a packet, by the interpreter. */
struct outcome_of {
	const char *trap;
	uint32_t verdict, slot, flags, nevents;
	struct image_counter counters[SHADOW_COUNTERS];
	struct image_event event;
};

void outcome_run(const struct image *m, struct interp_program *p,
		 const struct packet *k, const struct world_answers *w,
		 struct outcome_of *out);
bool outcome_same(const struct outcome_of *x, const struct outcome_of *y);

#endif
