/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * code - emitters, one an instruction
 *
 * In: operands. Out: one more instruction in the list. Promise: nothing is
 * written behind CODE_MAX; a label is placed at most once (assert).
 */
#include "code.h"

#include <assert.h>

#include "../grammar/arena.h"

void code_init(struct code *c, struct arena *a)
{
	*c = (struct code) { .arena = a };
}

label code_label(struct code *c)
{
	*arena_push(c->arena, c->labels, c->nlabels, c->labels_cap) =
		LABEL_UNPLACED;
	return (label)c->nlabels - 1;
}

void code_place(struct code *c, label l)
{
	assert(c->labels[l] == LABEL_UNPLACED);
	c->labels[l] = (uint32_t)c->n;
	c->placed = c->n;
}

bool code_take_back(struct code *c, label l)
{
	const struct insn *last = c->n ? &c->v[c->n - 1] : NULL;

	if (!last || last->code != (BPF_JMP | BPF_JA) || last->target != l ||
	    c->placed == c->n)
		return false;
	c->n--;
	return true;
}

void code_join(struct code *c, label l)
{
	code_take_back(c, l);
	code_place(c, l);
}

label code_here(struct code *c)
{
	label l = code_label(c);

	code_place(c, l);
	return l;
}

void emit(struct code *c, struct insn i)
{
	if (c->n >= CODE_MAX) {
		c->failed = true;
		return;
	}
	i.rule = c->rule;
	*arena_push(c->arena, c->v, c->n, c->cap) = i;
}

/* Everything but a jump and a map reference. */
static void plain(struct code *c, uint8_t code, int dst, int src, int off,
		  int64_t imm)
{
	emit(c, (struct insn) {
		.code = code, .dst = (uint8_t)dst, .src = (uint8_t)src,
		.off = (int16_t)off, .imm = imm,
		.map = IMAGE_NO_MAP, .target = NO_LABEL,
	});
}

void emit_load(struct code *c, uint8_t size, int dst, int src, int off)
{
	plain(c, BPF_LDX | BPF_MEM | size, dst, src, off, 0);
}

void emit_store(struct code *c, uint8_t size, int dst, int off, int src)
{
	plain(c, BPF_STX | BPF_MEM | size, dst, src, off, 0);
}

void emit_store_imm(struct code *c, uint8_t size, int dst, int off,
		    int32_t imm)
{
	plain(c, BPF_ST | BPF_MEM | size, dst, 0, off, imm);
}

void emit_alu64(struct code *c, uint8_t op, int dst, int src)
{
	plain(c, BPF_ALU64 | BPF_X | op, dst, src, 0, 0);
}

void emit_alu64_imm(struct code *c, uint8_t op, int dst, int32_t imm)
{
	plain(c, BPF_ALU64 | BPF_K | op, dst, 0, 0, imm);
}

void emit_alu32(struct code *c, uint8_t op, int dst, int src)
{
	plain(c, BPF_ALU | BPF_X | op, dst, src, 0, 0);
}

void emit_alu32_imm(struct code *c, uint8_t op, int dst, uint32_t imm)
{
	plain(c, BPF_ALU | BPF_K | op, dst, 0, 0, (int32_t)imm);
}

void emit_be(struct code *c, int dst, int bits)
{
	plain(c, BPF_ALU | BPF_END | BPF_TO_BE, dst, 0, 0, bits);
}

void emit_imm64(struct code *c, int dst, uint64_t imm)
{
	plain(c, BPF_LD | BPF_IMM | BPF_DW, dst, 0, 0, (int64_t)imm);
}

void emit_map(struct code *c, int dst, enum image_map map, uint32_t offset)
{
	emit(c, (struct insn) {
		.code = BPF_LD | BPF_IMM | BPF_DW, .dst = (uint8_t)dst,
		.imm = offset, .map = (uint8_t)map, .target = NO_LABEL,
	});
}

static void jump(struct code *c, uint8_t code, int dst, int src, int32_t imm,
		 label to)
{
	emit(c, (struct insn) {
		.code = code, .dst = (uint8_t)dst, .src = (uint8_t)src,
		.imm = imm, .map = IMAGE_NO_MAP, .target = to,
	});
}

void emit_jump32_imm(struct code *c, uint8_t op, int dst, uint32_t imm,
		     label to)
{
	jump(c, BPF_JMP32 | BPF_K | op, dst, 0, (int32_t)imm, to);
}

void emit_jump32(struct code *c, uint8_t op, int dst, int src, label to)
{
	jump(c, BPF_JMP32 | BPF_X | op, dst, src, 0, to);
}

void emit_jump64_imm(struct code *c, uint8_t op, int dst, int32_t imm,
		     label to)
{
	jump(c, BPF_JMP | BPF_K | op, dst, 0, imm, to);
}

void emit_jump64(struct code *c, uint8_t op, int dst, int src, label to)
{
	jump(c, BPF_JMP | BPF_X | op, dst, src, 0, to);
}

void emit_goto(struct code *c, label to)
{
	jump(c, BPF_JMP | BPF_JA, 0, 0, 0, to);
}

void emit_checkpoint(struct code *c)
{
	for (int i = 0; i < 2; i++) {
		label next = code_label(c);

		emit_goto(c, next);
		code_place(c, next);
	}
}

void emit_checkpoint_kept(struct code *c, int reg)
{
	label next = code_label(c);

	emit_jump32_imm(c, BPF_JLT, reg, 0, next);
	code_place(c, next);
}

void emit_call(struct code *c, int helper)
{
	plain(c, BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

void emit_exit(struct code *c)
{
	plain(c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}
