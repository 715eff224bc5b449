/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shadow_compare - how compares turn out, and for how long
 *
 * In: two numbers (shadow_value.h). Out: whether the compare holds; the highest
 * value of a variable is lowered to where it would turn out another way.
 */
#include <endian.h>
#include <linux/bpf.h>

#include "shadow_value.h"

static bool condition(uint8_t op, uint64_t a, uint64_t b)
{
	switch (op) {
	case BPF_JEQ: return a == b;
	case BPF_JNE: return a != b;
	case BPF_JGT: return a > b;
	case BPF_JGE: return a >= b;
	case BPF_JLT: return a < b;
	case BPF_JLE: return a <= b;
	case BPF_JSET: return a & b;
	case BPF_JSGT: return (int64_t)a > (int64_t)b;
	case BPF_JSGE: return (int64_t)a >= (int64_t)b;
	case BPF_JSLT: return (int64_t)a < (int64_t)b;
	default: return (int64_t)a <= (int64_t)b;
	}
}

#define HOLDS(name, op) \
static bool name(const struct value *v, uint64_t x, uint64_t n, \
		 unsigned int bits) \
{ \
	(void)bits; \
	return condition(op, value_at(v, x), n); \
}
HOLDS(is_above, BPF_JGT)
HOLDS(is_not_below, BPF_JGE)
HOLDS(is_below, BPF_JLT)
HOLDS(is_not_above, BPF_JLE)
HOLDS(is_more, BPF_JSGT)
HOLDS(is_not_less, BPF_JSGE)
HOLDS(is_less, BPF_JSLT)
HOLDS(is_not_more, BPF_JSLE)

/* The side of N on which V is now, and how long it stays there. */
static void stay(struct shadow_vars *s, uint8_t op, const struct value *v,
		 uint64_t n)
{
	bool yes = condition(op, v->v, n);
	struct value copy = *v;

	switch (op) {
	case BPF_JGT:
	case BPF_JLE:
		value_while(s, v, yes == (op == BPF_JGT) ? is_above :
			    is_not_above, n, 0);
		return;
	case BPF_JGE:
	case BPF_JLT:
		value_while(s, v, yes == (op == BPF_JGE) ? is_not_below :
			    is_below, n, 0);
		return;
	case BPF_JSGT:
	case BPF_JSLE:
		value_while(s, v, yes == (op == BPF_JSGT) ? is_more :
			    is_not_more, n, 0);
		return;
	case BPF_JSGE:
	case BPF_JSLT:
		value_while(s, v, yes == (op == BPF_JSGE) ? is_not_less :
			    is_less, n, 0);
		return;
	case BPF_JEQ:
	case BPF_JNE:
		if (v->v != n) {
			value_while(s, v, v->v > n ? is_above : is_below, n, 0);
			return;
		}
		break;
	}
	value_fix(s, &copy);
}

/* All of V has one sign as SIGNED or one top half, so that it is in order. */
static void in_order(struct shadow_vars *s, struct value *v, bool wide,
		     bool is_signed)
{
	if (!wide) {
		value_narrow(s, v);
		if (is_signed && v->form == LINE &&
		    value_block(s, v, 31))
			value_move(v, -((int64_t)1 << 32));
		else if (is_signed && v->form == FIXED)
			v->v = (uint64_t)(int64_t)(int32_t)v->v;
	} else if (v->form == LINE && !is_signed) {
		value_block(s, v, 63);
	}
}

static uint8_t turned(uint8_t op)
{
	switch (op) {
	case BPF_JGT: return BPF_JLT;
	case BPF_JGE: return BPF_JLE;
	case BPF_JLT: return BPF_JGT;
	case BPF_JLE: return BPF_JGE;
	case BPF_JSGT: return BPF_JSLT;
	case BPF_JSGE: return BPF_JSLE;
	case BPF_JSLT: return BPF_JSGT;
	case BPF_JSLE: return BPF_JSGE;
	default: return op;
	}
}

/* What is said of V and B is whether V is 0. */
static bool about_zero(uint8_t *op, const struct value *b)
{
	if (b->v == 1 && (*op == BPF_JGE || *op == BPF_JLT))
		*op = *op == BPF_JGE ? BPF_JNE : BPF_JEQ;
	else if (!b->v && (*op == BPF_JGT || *op == BPF_JLE))
		*op = *op == BPF_JGT ? BPF_JNE : BPF_JEQ;
	else
		return false;
	return true;
}

/* A word as it is in memory equals a number when it equals the swapped one. */
static void swapped(const struct shadow_vars *s, uint8_t *op, struct value *a,
		    struct value *b)
{
	bool port = a->var == VAR_REMOTE_PORT;
	uint32_t n;

	if (a->form != RAW || b->form != FIXED)
		return;
	if (about_zero(op, b))
		b->v = 0;
	n = (uint32_t)b->v;
	if ((*op != BPF_JEQ && *op != BPF_JNE) || (port && n > UINT16_MAX))
		return;
	*b = value_fixed(port ? htobe16((uint16_t)n) : htobe32(n));
	*a = value_line(s, a->var);
}

/* So do some bits of one; false: it is no such compare. */
static bool masked(struct shadow_vars *s, uint8_t op, const struct value *a,
		   const struct value *b, bool *equal)
{
	uint32_t mask = be32toh(a->mask), n = be32toh((uint32_t)b->v);
	uint64_t x = s->x[a->var], next;

	if (a->form != TERM || !a->mask || b->form != FIXED ||
	    (op != BPF_JEQ && op != BPF_JNE))
		return false;
	*equal = (x & mask) == n;
	if (*equal)
		value_lower(s, a->var, x | ((mask & -mask) - 1));
	else if (bits_next(x, mask, n, &next))
		value_lower(s, a->var, next - 1);
	return true;
}

bool value_compare(struct shadow_vars *s, uint8_t op, bool wide,
		   struct value a, struct value b)
{
	bool is_signed = op == BPF_JSGT || op == BPF_JSGE || op == BPF_JSLT ||
		op == BPF_JSLE;
	bool equal;

	if (!wide) {
		swapped(s, &op, &a, &b);
		if (masked(s, op, &a, &b, &equal))
			return equal == (op == BPF_JEQ);
	}
	value_known(s, &a);
	value_known(s, &b);
	in_order(s, &a, wide, is_signed);
	in_order(s, &b, wide, is_signed);
	if (a.form == LINE && b.form == LINE)
		value_fix(s, &b);
	if (a.form == LINE)
		stay(s, op, &a, b.v);
	else if (b.form == LINE)
		stay(s, turned(op), &b, a.v);
	return condition(op, a.v, b.v);
}
