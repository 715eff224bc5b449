/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interp - runs the bytes of an image without a kernel
 *
 * In: an image, a packet, the state of the sockets. Out: what the kernel would
 * have done. It executes exactly what the kernel would be given, and traps
 * what the verifier would refuse. In the whole program: an instruction or a
 * map that it does not know, a jump outside, an instruction that no way leads
 * to, an end without `exit`, r10 written. On the way that the packet takes: an
 * uninitialized register or byte of the stack, a read or write that is not
 * inside and aligned, a pointer used as a number, a result used before it is
 * compared with NULL, a socket not released, an event not submitted.
 * It is stricter where a policy needs less: a pointer is never spilled to the
 * stack nor compared but with NULL, one socket is held and one event is open
 * at a time, and an event is wholly written and submitted without flags.
 */
#ifndef SKPOL_INTERP_H
#define SKPOL_INTERP_H

#include "../grammar/packet.h"
#include "image.h"

struct interp_sockets {
	void *ctx;
	/* Whether index INDEX of the socket map holds a socket; NULL = all of
	 * the image's slots do. */
	bool (*present)(void *ctx, uint32_t index);
	/* 0, or the negative errno with which bpf_sk_assign refuses the
	 * socket; NULL = always 0. Flags are looked at by the interpreter. */
	int (*assign)(void *ctx, uint32_t index, uint64_t flags);
};

/* An image decoded and checked once, to be run often; the arena's memory. */
struct interp_program;
struct interp_program *interp_prepare(struct arena *a, const struct image *m);
/* Why it is refused whatever the packet, or NULL. */
const char *interp_refused(const struct interp_program *p);

struct interp {
	const struct image *image;
	struct interp_program *program;	/* of the image */
	struct interp_sockets sockets;
	struct image_counter *counters;	/* image->ncounters, or NULL */
	/* called for each event submitted, or NULL */
	void (*event)(void *ctx, const struct image_event *e);
	void *event_ctx;
	bool events_full;		/* there is no room for an event */
	uint64_t jiffies;		/* what bpf_jiffies64 returns */
};

/* Of an image with events, in m->counters. */
static inline struct image_listener *interp_listener(const struct interp *m)
{
	return (struct image_listener *)&m->counters[m->image->ncounters - 1];
}

enum { INTERP_NO_SOCKET = UINT32_MAX, INTERP_STEPS_MAX = 1000000 };

struct interp_result {
	const char *trap;	/* NULL, or what the verifier would not accept:
				 * the program's, until it is run again */
	size_t at;		/* the instruction that trapped, or `exit` */
	uint32_t verdict;	/* R0: SK_DROP 0, SK_PASS 1 */
	uint32_t slot;		/* index assigned in the socket map, or
				 * INTERP_NO_SOCKET */
	uint64_t flags;		/* of that assignment */
	size_t steps;		/* instructions executed */
};

/* Interface names of P are not looked at: ifindex decides. */
void interp_run(const struct interp *m, const struct packet *p,
		struct interp_result *out);

/* The 72 bytes of struct bpf_sk_lookup for P, as the kernel shows them. */
void interp_context(const struct packet *p, uint8_t ctx[72]);

#endif
