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

/* A compare of a line, which rises: the same up to where it changes. */
static bool compare_line(struct run *u, uint8_t op, const struct val *line,
			 uint64_t n, bool *taken)
{
	uint64_t y = line_at(u, line), until = UINT64_MAX;

	*taken = holds(op, y, n);
	switch (op) {
	case BPF_JEQ:
	case BPF_JNE:
		if (y <= n)
			until = y < n ? n - 1 : n;
		break;
	case BPF_JGE:
	case BPF_JLT:
		if (y < n)
			until = n - 1;
		break;
	case BPF_JGT:
	case BPF_JLE:
		if (y <= n)
			until = n;
		break;
	default:
		return false;
	}
	line_until(u, line, until);
	return true;
}

/* With N, as they lie in memory: of the word, all bits or the first ones. */
static bool compare_raw(struct run *u, uint8_t op, const struct val *raw,
			uint64_t n, bool *taken)
{
	uint32_t value = __builtin_bswap32((uint32_t)n), open = 0;
	struct val v = val_of_word(u, raw->word), line;

	if (raw->kind == V_MASKED)
		open = ~__builtin_bswap32((uint32_t)raw->n);
	v.shift = (uint8_t)__builtin_popcount(open);
	if ((op != BPF_JEQ && op != BPF_JNE) || (open & (open + 1)) ||
	    prove_words[raw->word].load != PROVE_BE32 ||
	    !line_of(u, &v, &line))
		return false;
	*taken = op == BPF_JNE;
	return (value & open) ||
		compare_line(u, op, &line, value >> v.shift, taken);
}

/* Of names, which have no order. */
static const char *compare_interface(struct run *u, uint8_t op, uint64_t n,
				     bool *taken)
{
	const struct val x = { .kind = V_LINE };
	bool names = u->word == PW_IFNAME && !u->again;

	if ((op != BPF_JEQ && op != BPF_JNE) ||
	    (u->word != PW_IFINDEX && !names))
		return "a compare with an interface";
	if (u->word == PW_IFINDEX)
		u->again = true;
	(void)compare_line(u, op, &x, n, taken);
	return NULL;
}

static const char *compare(struct run *u, const struct bpf_insn *i,
			   bool *taken)
{
	bool wide = BPF_CLASS(i->code) == BPF_JMP;
	uint8_t op = BPF_OP(i->code);
	struct val d, line, s = { .kind = V_NUMBER,
				  .n = (uint64_t)(int64_t)i->imm };

	if (i->dst_reg > 9 || i->src_reg > 9)
		return "a compare of no register";
	d = u->r[i->dst_reg];
	if (BPF_SRC(i->code) == BPF_X)
		s = u->r[i->src_reg];
	if (!wide && s.kind == V_NUMBER)
		s.n = (uint32_t)s.n;
	if (!wide && d.kind == V_PAIR && !d.shift)
		d = val_of_word(u, d.word + 1u);
	if (op == BPF_JSGT || op == BPF_JSGE || op == BPF_JSLT ||
	    op == BPF_JSLE)
		return "a signed compare";
	if (s.kind == V_INTERFACE && val_is_x(u, &d))
		return compare_interface(u, op, s.n, taken);
	if (s.kind == V_NUMBER && !wide &&
	    (d.kind == V_RAW || d.kind == V_MASKED))
		return compare_raw(u, op, &d, s.n, taken) ? NULL :
			"a compare of bytes as they lie in memory";
	if (s.kind == V_NUMBER && line_of(u, &d, &line)) {
		if (!wide)
			(void)line_cut(u, &line);
		if (compare_line(u, op, &line, s.n, taken))
			return NULL;
	}
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
