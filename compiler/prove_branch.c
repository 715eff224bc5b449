/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove_branch - jumps, and compares of the word or of numbers
 *
 * In: see prove_value.h. A compare of the word itself holds up to where it
 * changes; one with an interface is of names, which is another word.
 */
#include "prove_value.h"

static bool holds(uint8_t op, uint64_t a, uint64_t b)
{
	switch (op) {
	case BPF_JEQ: return a == b;
	case BPF_JNE: return a != b;
	case BPF_JGT: return a > b;
	case BPF_JGE: return a >= b;
	case BPF_JLT: return a < b;
	case BPF_JLE: return a <= b;
	default: return a & b;
	}
}

/* A compare of the word itself: the same up to where it changes. */
static bool compare_word(struct run *u, uint8_t op, uint64_t n, bool *taken)
{
	*taken = holds(op, u->x, n);
	switch (op) {
	case BPF_JEQ:
	case BPF_JNE:
		if (u->x < n)
			val_lower_high(u, n - 1);
		else if (u->x == n)
			val_lower_high(u, n);
		return true;
	case BPF_JGE:
	case BPF_JLT:
		if (u->x < n)
			val_lower_high(u, n - 1);
		return true;
	case BPF_JGT:
	case BPF_JLE:
		if (u->x <= n)
			val_lower_high(u, n);
		return true;
	}
	return false;
}

static const char *compare(struct run *u, const struct bpf_insn *i,
			   bool *taken)
{
	bool wide = BPF_CLASS(i->code) == BPF_JMP;
	uint8_t op = BPF_OP(i->code);
	struct val d, s = { .kind = V_NUMBER,
			    .n = (uint64_t)(int64_t)i->imm };

	if (i->dst_reg > 9 || i->src_reg > 9)
		return "a compare of no register";
	d = u->r[i->dst_reg];
	if (BPF_SRC(i->code) == BPF_X)
		s = u->r[i->src_reg];
	if (!wide && s.kind == V_NUMBER)
		s.n = (uint32_t)s.n;
	if (op == BPF_JSGT || op == BPF_JSGE || op == BPF_JSLT ||
	    op == BPF_JSLE)
		return "a signed compare";
	if (s.kind == V_INTERFACE && val_is_x(u, &d)) {
		/* names have no order */
		if (op != BPF_JEQ && op != BPF_JNE)
			return "a compare with an interface";
		if (u->word == PW_IFINDEX)
			u->again = true;
		else if (u->word != PW_IFNAME || u->again)
			return "a compare with an interface";
		return compare_word(u, op, s.n, taken) ? NULL :
			"a compare with an interface";
	}
	if (s.kind == V_NUMBER && val_is_x(u, &d) && u->word != PW_IFNAME &&
	    (wide || !u->wide) && compare_word(u, op, s.n, taken))
		return NULL;
	if (!val_number(u, &d) || !val_number(u, &s))
		return "a compare that is not understood";
	*taken = wide ? holds(op, d.n, s.n) :
		holds(op, (uint32_t)d.n, (uint32_t)s.n);
	return NULL;
}

const char *val_jump(struct run *u, const struct bpf_insn *i)
{
	bool taken = true;
	int64_t off = i->off;
	const char *why = NULL;

	if (BPF_OP(i->code) == BPF_JA) {
		if (BPF_CLASS(i->code) == BPF_JMP32)
			off = i->imm;
	} else if (BPF_OP(i->code) == BPF_CALL || BPF_OP(i->code) > BPF_JSLE) {
		return "a call, or no instruction that is known";
	} else {
		why = compare(u, i, &taken);
	}
	if (taken && !why)
		u->pc = (uint32_t)((int64_t)u->pc + off);
	return why;
}
