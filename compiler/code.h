/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * code - a program while it is written: instructions that jump to labels
 *
 * In: calls, one an instruction. Out: a list of instructions whose jumps name
 * labels; layout.c turns them into offsets, and nobody else writes one. An
 * emitter is void: a program too large sets `failed`, and the one who asked
 * for the code looks at it once, at the end.
 *
 * Registers of the program (the contract of every block and template):
 *	r6	the context, from the first instruction to the last
 *	r7	at `decide`: index into skpol_steps of the step to try
 *	r5, r7, r8, r9	the IPv6 addresses, on IPv6 paths of programs that load
 *		them often (lower_tree.c); else free
 *	r0-r4	free, dead at every label but where a block says otherwise
 * The stack holds zones in programs of several trees (block.h), up to `decide`.
 * A block that tests a field loads it first: nothing is carried in a register
 * from one tree into the next, so that the verifier's states stay equal.
 */
#ifndef SKPOL_CODE_H
#define SKPOL_CODE_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image.h"

struct arena;

typedef uint32_t label;
enum { NO_LABEL = UINT32_MAX };

struct insn {
	uint8_t code;		/* the opcode byte of linux/bpf.h */
	uint8_t dst, src;
	uint8_t map;		/* ld_imm64: enum image_map, else IMAGE_NO_MAP */
	int16_t off;		/* of a load or store; a jump has none yet */
	int64_t imm;		/* ld_imm64: 64 bits, or the offset in the map */
	label target;		/* of a jump, else NO_LABEL */
	uint32_t rule;		/* whose text this is for; policy's nrules = nobody */
};

struct code {
	struct arena *arena;
	struct insn *v;
	size_t n, cap;
	size_t placed;		/* where the last label was */
	uint32_t *labels;	/* instruction each label stands before */
	size_t nlabels, labels_cap;
	uint32_t rule;		/* given to each instruction emitted */
	bool failed;		/* more than CODE_MAX instructions */
};

enum { CODE_MAX = 1000000, LABEL_UNPLACED = UINT32_MAX };

void code_init(struct code *c, struct arena *a);
label code_label(struct code *c);
/* L is the next instruction to be emitted. Each label is placed once. */
void code_place(struct code *c, label l);
/* Takes back the last instruction if it is a goto to L, whose code is to follow,
 * and no label stands behind it. */
bool code_take_back(struct code *c, label l);
/* Places L; a goto to it that would come just before is taken back. */
void code_join(struct code *c, label l);
/* Places a fresh label here. */
label code_here(struct code *c);

void emit(struct code *c, struct insn i);
/* dst = *(size *)(src + off); SIZE is BPF_B, BPF_H, BPF_W or BPF_DW */
void emit_load(struct code *c, uint8_t size, int dst, int src, int off);
void emit_store(struct code *c, uint8_t size, int dst, int off, int src);
void emit_store_imm(struct code *c, uint8_t size, int dst, int off,
		    int32_t imm);
/* OP is BPF_ADD, BPF_MOV, ...: 64-bit, or 32-bit that zeroes the upper half */
void emit_alu64(struct code *c, uint8_t op, int dst, int src);
void emit_alu64_imm(struct code *c, uint8_t op, int dst, int32_t imm);
void emit_alu32(struct code *c, uint8_t op, int dst, int src);
void emit_alu32_imm(struct code *c, uint8_t op, int dst, uint32_t imm);
/* Big endian of BITS (16, 32, 64) to host order, or back. */
void emit_be(struct code *c, int dst, int bits);
void emit_imm64(struct code *c, int dst, uint64_t imm);
/* dst = address of MAP; for IMAGE_RODATA of the value at OFFSET in it */
void emit_map(struct code *c, int dst, enum image_map map, uint32_t offset);
/* OP is BPF_JEQ, BPF_JGE, ...: an unsigned 32-bit compare */
void emit_jump32_imm(struct code *c, uint8_t op, int dst, uint32_t imm,
		     label to);
void emit_jump32(struct code *c, uint8_t op, int dst, int src, label to);
void emit_jump64_imm(struct code *c, uint8_t op, int dst, int32_t imm,
		     label to);
void emit_jump64(struct code *c, uint8_t op, int dst, int src, label to);
void emit_goto(struct code *c, label to);
/*
 * Two jumps to where they stand; the kernel takes them out after it has verified
 * them. For a process without CAP_PERFMON the verifier follows each address that
 * depends on the packet twice, as it is and as a misled processor might see it.
 * It compares what it knows with what it knew only after some jumps: in a search
 * of n steps without one it would go 2^n ways. Only where there are few: each
 * that is taken out moves the whole program.
 */
void emit_checkpoint(struct code *c);
/*
 * One jump that is never taken, and stays: for searches of which there may be
 * thousands. REG holds a number.
 */
void emit_checkpoint_kept(struct code *c, int reg);
void emit_call(struct code *c, int helper);
void emit_exit(struct code *c);

#endif
