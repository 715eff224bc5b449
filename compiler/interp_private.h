/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interp_private - what the interpreter's files share; nobody else includes it
 *
 * interp_prepare.c decodes and checks the whole program, interp.c runs it,
 * interp_memory.c reads and writes, interp_call.c is the helpers. A fault on
 * the way does not return: it jumps out of the run.
 */
#ifndef SKPOL_INTERP_PRIVATE_H
#define SKPOL_INTERP_PRIVATE_H

#include <setjmp.h>
#include <stdarg.h>

#include "interp.h"

enum {
	INTERP_REGISTERS = 11, INTERP_STACK = 512, INTERP_CONTEXT = 72,
	INTERP_EVENT = sizeof(struct image_event), INTERP_TRAP_MAX = 96,
};

/* KIND(name, what a trap calls it) */
#define REG_KINDS(KIND)							     \
	KIND(NONE, "nothing")		/* never written, or lost in a call */ \
	KIND(NUMBER, "a number")					     \
	KIND(CONTEXT, "the context")	/* v = 0 */			     \
	KIND(STACK, "the stack")	/* v = offset from r10, negative */  \
	KIND(RODATA, ".rodata")		/* v = offset in it */		     \
	KIND(COUNTER, "a counter")	/* v = offset; object = its key */   \
	KIND(SOCKET, "a socket")	/* v = 0; object = its index */	     \
	KIND(RECORD, "an event")	/* v = offset */		     \
	KIND(MAP, "a map")		/* object = enum image_map */

enum reg_kind {
#define KIND(name, text) REG_##name,
	REG_KINDS(KIND)
#undef KIND
};

enum { MAYBE_NULL = 1,	/* of null: nobody has compared it with 0 yet */
       IS_NULL = 2 };	/* ... and it will be 0 */

struct reg {
	uint64_t v;
	uint32_t object;
	uint16_t id;		/* of the call it came from; copies share it */
	uint8_t kind;		/* enum reg_kind */
	uint8_t null;		/* MAYBE_NULL, IS_NULL */
};

/* Instructions that stand for an ld_imm64 that names a map. */
enum { CODE_MAP = BPF_LD | BPF_IMM | BPF_H,
       CODE_RODATA = BPF_LD | BPF_IMM | BPF_B };

struct op {
	uint8_t code;		/* of linux/bpf.h, or CODE_ */
	uint8_t dst, src;
	bool context;		/* a load that the context allows */
	union {
		int32_t off;	/* of a load or store */
		uint32_t target;	/* of a jump */
	};
	uint64_t imm;		/* its sign extended; CODE_MAP: the map,
				 * CODE_RODATA: the offset in it */
};

struct interp_program {
	struct op *ops;
	size_t n;
	bool refused;		/* as a whole, with `trap` */
	size_t at;		/* the instruction that is why */
	char trap[INTERP_TRAP_MAX];
};

struct machine {
	const struct interp *in;
	struct interp_program *p;
	struct interp_result *out;
	jmp_buf *trapped;
	const struct op *op;	/* being executed */
	size_t steps;
	struct reg r[INTERP_REGISTERS];
	uint16_t ids;		/* given so far */
	/* there is one to submit or release; or nobody knows that there is
	 * none, as the result is not yet compared with NULL */
	bool record_open, holds;
	uint16_t held;		/* id of the socket to release */
	uint64_t record_written;	/* a bit a byte of the record */
	uint64_t written[INTERP_STACK / 64];	/* a bit a byte */
	uint8_t context[INTERP_CONTEXT];
	/* From here on nothing is read that the program has not written. */
	uint8_t stack[INTERP_STACK];
	struct image_event record;
	struct image_counter scratch;	/* when nobody counts */
};

/* Writes "instruction AT: ..." as the program's trap. */
void interp_say(struct interp_program *p, size_t at, const char *fmt,
		va_list ap) __attribute__((format(printf, 3, 0)));

void interp_trap(struct machine *m, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), noreturn));
/* For traps: r as a number, and what it points to. */
unsigned int interp_register(const struct machine *m, const struct reg *r);
const char *interp_kind(const struct reg *r);
/* A fresh id, for a pointer that a call returns. */
uint16_t interp_id(struct machine *m);

/* Whether SIZE bytes at OFF of struct bpf_sk_lookup can be read as a number. */
bool interp_context_allows(uint64_t off, unsigned int size);
/* SIZE is 1, 2, 4 or 8 bytes */
struct reg interp_load(struct machine *m, const struct reg *at, int off,
		       unsigned int size);
void interp_store(struct machine *m, const struct reg *at, int off,
		  unsigned int size, uint64_t v);
/* N bytes for a helper to read: all must have been written. */
const uint8_t *interp_bytes(struct machine *m, const struct reg *at, size_t n);

void interp_call(struct machine *m, int helper);

#endif
