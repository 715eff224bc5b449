/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench - how long a program takes for one packet, net of everything else
 *
 * A stream of packets lies in .rodata; a program takes the next one by an
 * index that it keeps in a per-CPU array, as if it were the context. An empty
 * program does the same and ends: what it takes is subtracted. So every program
 * is measured in one way, its own packets cold or warm as the stream is.
 */
#ifndef SKPOL_TESTS_BENCH_H
#define SKPOL_TESTS_BENCH_H

#include "../../compiler/code.h"
#include "../../compiler/compile.h"
#include "../../compiler/rodata.h"

enum { STRIDE = 128, STREAM = 1 << 14 };	/* bytes; packets */

struct stream {
	const struct packet *packets;	/* STREAM of them */
};

/* r6 = the next packet of the stream CTX; shared by all programs. */
void bench_prologue(void *ctx, struct code *c, struct rodata *r);

struct bench_program {
	int program, rodata, counters, other;
	size_t ninsns, rodata_size;
	double load_seconds;
};

/* False, with a sentence on stderr, when the kernel refuses it. OTHER: a map
 * for IMAGE_SOCKETS, or -1; it is the program's from then on. */
bool bench_load(const struct image *m, int other, struct bench_program *out);
void bench_close(struct bench_program *p);

/* ns a run: the least of some means over many runs in one call. */
double bench_warm(const struct bench_program *p);
/* The mean of many calls of one run each, over packets in shuffled order. */
double bench_cold(const struct bench_program *p);

/* Code made by hand, laid out: CODE ends by itself. */
bool bench_image(struct arena *a, const struct code *c, struct rodata *r,
		 struct image *out);

/* ---------------------------------------------------- other designs */

struct bench_prefix {		/* local addresses */
	u128 low;
	uint8_t family, length;
	uint16_t value;
};

/* Programs of other kinds for the same question; false = not at this size. */
bool bench_trie(struct stream *s, const struct bench_prefix *v, size_t n,
		struct bench_program *out);
bool bench_hash(struct stream *s, const struct bench_prefix *v, size_t n,
		struct bench_program *out);
bool bench_empty(struct stream *s, struct bench_program *out);

#endif
