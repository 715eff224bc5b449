/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load - a checked object to a program in the kernel, attached to nothing
 *
 * In: an object, a socket map, the numbers for its slots and interfaces. Out:
 * descriptors. The object's parts are handed to the kernel one by one, not
 * through libbpf's own ELF reader: that prints, keeps its settings in globals,
 * and trusts what it reads.
 */
#ifndef SKPOL_LOAD_H
#define SKPOL_LOAD_H

#include "handle.h"
#include "objfile.h"

struct load_input {
	const struct objfile *object;
	int sockets;			/* the map */
	const uint32_t *slots;		/* by compile-time slot */
	size_t nslots;
	const uint32_t *interfaces;	/* by compile-time number */
	size_t ninterfaces;
	void (*verifier_log)(void *ctx, const char *text);	/* or NULL */
	void *ctx;
};

struct loaded {
	int program, counters, events;	/* -1 = the object uses none */
};

int load_program(struct skpol *s, const struct load_input *in,
		 struct loaded *out);
void load_close(struct loaded *l);

#endif
