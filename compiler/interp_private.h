/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interp_private - what the interpreter's files share; nobody else includes it
 *
 * interp.c decodes and runs, interp_memory.c reads and writes, interp_call.c
 * is the helpers. A fault sets `trap` once; everybody stops at the next look.
 */
#ifndef SKPOL_INTERP_PRIVATE_H
#define SKPOL_INTERP_PRIVATE_H

#include "interp.h"

enum {
	INTERP_REGISTERS = 11, INTERP_STACK = 512, INTERP_CONTEXT = 72,
	INTERP_EVENT = sizeof(struct image_event),
};

enum reg_kind {
	REG_NONE,		/* never written, or lost in a call */
	REG_NUMBER,
	REG_CONTEXT,
	REG_STACK,		/* v = offset from r10, negative */
	REG_RODATA,		/* v = offset in .rodata */
	REG_COUNTER,		/* v = offset in the value; object = its key */
	REG_SOCKET,		/* object = its index; v = 0 */
	REG_RECORD,		/* of the ring buffer; v = offset */
	REG_MAP,		/* object = enum image_map */
};

struct reg {
	uint64_t v;
	uint32_t object;
	uint8_t kind;		/* enum reg_kind */
	bool maybe_null;	/* nobody has compared it with 0 yet */
	bool null;		/* it is 0 */
};

struct machine {
	const struct interp *in;
	const struct interp_program *p;
	struct interp_result *out;
	struct reg r[INTERP_REGISTERS];
	size_t pc;
	uint8_t context[INTERP_CONTEXT];
	uint8_t stack[INTERP_STACK];
	uint64_t written[INTERP_STACK / 64];	/* a bit a byte */
	struct image_counter scratch;	/* when nobody counts */
	struct image_event record;
	uint64_t record_written;	/* a bit a byte of the record */
	bool record_open;
	uint32_t held;		/* index of the socket to release, or none */
	bool holds;
};

void interp_trap(struct machine *m, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* SIZE is 1, 2, 4 or 8 bytes */
uint64_t interp_load(struct machine *m, const struct reg *at, int off,
		     unsigned int size);
void interp_store(struct machine *m, const struct reg *at, int off,
		  unsigned int size, uint64_t v);
/* N bytes for a helper to read: all must have been written. */
const uint8_t *interp_bytes(struct machine *m, const struct reg *at, size_t n);

void interp_call(struct machine *m, int helper);

#endif
