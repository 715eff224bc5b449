/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fixture_interp - programs and what becomes of them, in a small world
 *
 * The same programs are run by the interpreter (test_interp) and by the kernel
 * (test_interp_kernel), each told apart from the other by nothing. The world:
 * .rodata of the words 1, 0, 7, 0x80000000; two counters; two slots of which
 * only 1 holds a socket (TCP over IPv4); the packet of fixture_packet().
 */
#ifndef SKPOL_FIXTURE_INTERP_H
#define SKPOL_FIXTURE_INTERP_H

#include "../../compiler/image.h"
#include "../../grammar/packet.h"

enum { FIXTURE_COUNTERS = 2, FIXTURE_SLOTS = 2, FIXTURE_SOCKET = 1 };

struct program {
	const char *text;
	const char *trap;	/* part of it; NULL = it runs */
	uint32_t verdict;
	bool selects;		/* slot FIXTURE_SOCKET */
	bool stricter;		/* some kernels would take what traps */
};
extern const struct program programs[];
extern const size_t nprograms;

/* TEXT in this world. Exits when it cannot be assembled. */
void fixture_image(struct arena *a, const char *text, struct image *out);
void fixture_packet(struct packet *p);

/*
 * EACH is called with programs that pass when every operation means what it
 * should: operands at the edges, results by another arithmetic.
 */
void each_operation(void (*each)(void *ctx, const char *text), void *ctx);

#endif
