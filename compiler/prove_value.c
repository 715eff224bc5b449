/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove_value - words of the packet, and arithmetic with them
 *
 * In: see prove_value.h. A register is a number, or a function of the word
 * that can be followed without one: the word shifted, or a line over that
 * (prove_line.c). Any other becomes the number that it is for X.
 */
#include "prove_value.h"

/* The word that this stretch is about; where it is wide, it and the next. */
static void bind(struct run *u, uint32_t word)
{
	struct range zones;
	const struct range *b = &zones;
	uint64_t low;

	if (u->word != PW_NONE)
		return;
	if (word >= PW_ZONE)
		zones = zone_box(u->p, word - PW_ZONE);
	else
		b = &u->p->box[word];
	low = b->low;
	u->word = word;
	u->high = b->high;
	if (u->wide) {
		low = low << 32 | b[1].low;
		u->high = u->high << 32 | b[1].high;
	}
	u->x = u->from > low ? u->from : low;
}

struct val val_of_word(struct run *u, uint32_t word)
{
	static const uint32_t family[] = { 2, 10 }, protocol[] = { 6, 17 };

	bind(u, word);
	if (word == u->word && (word == PW_FAMILY || word == PW_PROTOCOL)) {
		u->high = u->x;
		return (struct val){ .kind = V_NUMBER, .n = word == PW_FAMILY ?
				     family[u->x & 1] : protocol[u->x & 1] };
	}
	return (struct val){ .kind = V_WORD, .word = (uint8_t)word };
}

void val_lower_high(struct run *u, uint64_t high)
{
	if (high < u->high)
		u->high = high;
}

void val_lower_units(struct run *u, unsigned int shift, uint64_t more)
{
	uint64_t unit = u->x >> shift, least = ((uint64_t)1 << shift) - 1;

	if (more <= (UINT64_MAX >> shift) - unit)
		val_lower_high(u, (unit + more) << shift | least);
}

/* X >> SHIFT, and that it is the same up to where that changes. */
static uint64_t shifted(struct run *u, unsigned int shift)
{
	val_lower_units(u, shift, 0);
	return u->x >> shift;
}

static bool number_of_word(struct run *u, struct val *v)
{
	if (!u->wide && v->word == u->word)
		v->n = shifted(u, v->shift);
	else if (u->wide && v->word == u->word)
		v->n = shifted(u, v->shift + 32u);
	else if (u->wide && v->word == u->word + 1)
		v->n = (uint32_t)shifted(u, 0) >> v->shift;
	else
		return false;
	return true;
}

void val_use_pair(struct run *u, const struct val *v)
{
	if (v->kind != V_PAIR)
		return;
	if (u->wide)
		bind(u, v->word);
	else if (u->word == PW_NONE || u->word == v->word)
		u->want_wide = v->word + 1u;
}

bool val_number(struct run *u, struct val *v)
{
	if (v->kind == V_NUMBER)
		return true;
	if (u->word == PW_IFNAME)
		return false;
	val_use_pair(u, v);
	if (v->kind == V_PAIR && u->wide && v->word == u->word) {
		v->n = shifted(u, v->shift);
	} else if (v->kind == V_LINE || v->kind == V_MINUS) {
		val_lower_units(u, v->shift, 0);
		v->n = line_at(u, v);
	} else if (v->kind != V_WORD || !number_of_word(u, v)) {
		return false;
	}
	*v = (struct val){ .kind = V_NUMBER, .n = v->n };
	return true;
}

bool val_is_x(const struct run *u, const struct val *v)
{
	return v->kind == (u->wide ? V_PAIR : V_WORD) && !v->shift &&
		v->word == u->word;
}

/* ------------------------------------------------------------ arithmetic */

static uint64_t compute(uint8_t op, uint64_t a, uint64_t b, bool wide)
{
	unsigned int mask = wide ? 63 : 31;

	if (!wide) {
		a = (uint32_t)a;
		b = (uint32_t)b;
	}
	switch (op) {
	case BPF_ADD: a += b; break;
	case BPF_SUB: a -= b; break;
	case BPF_MUL: a *= b; break;
	case BPF_OR: a |= b; break;
	case BPF_AND: a &= b; break;
	case BPF_XOR: a ^= b; break;
	case BPF_LSH: a <<= b & mask; break;
	case BPF_RSH: a >>= b & mask; break;
	case BPF_MOV: a = b; break;
	}
	return wide ? a : (uint32_t)a;
}

/* A number ^ the word, or that ^ the word again: so bounds are hidden. */
static bool hide(struct val *d, const struct val *s)
{
	bool raw = s->kind == V_RAW;

	if (!raw && (!val_is_plain(s) || s->shift))
		return false;
	if (d->kind == V_NUMBER && d->n <= UINT32_MAX)
		*d = (struct val){ V_HIDDEN, s->word, raw, 0, d->n };
	else if (d->kind == V_HIDDEN && d->word == s->word && d->shift == raw)
		*d = (struct val){ .kind = V_NUMBER, .n = d->n };
	else
		return false;
	return true;
}

/* Shifts of a word, or of a pair: what they make of it. */
static bool shift_right(struct run *u, struct val *d, uint64_t n, bool wide)
{
	if (val_is_plain(d)) {
		if (d->shift + n < 32)
			d->shift += (uint8_t)n;
		else
			*d = (struct val){ .kind = V_NUMBER };
		return true;
	}
	if (d->kind == V_LINE)
		return (wide || line_cut(u, d)) && line_shift_right(u, d, n);
	if (d->kind != V_PAIR || !wide || d->shift + n >= 64)
		return false;
	if (n == 32 && !d->shift && !u->wide)
		*d = val_of_word(u, d->word);
	else
		d->shift += (uint8_t)n;
	return true;
}

/* The bits of a mask, before the bytes are turned around. */
static bool mask_raw(uint8_t op, bool wide, struct val *d,
		     const struct val *s)
{
	if (op != BPF_AND || wide || d->kind != V_RAW ||
	    s->kind != V_NUMBER || !s->n)
		return false;
	*d = (struct val){ .kind = V_MASKED, .word = d->word, .n = s->n };
	return true;
}

/* The forms that stay a function of the word; false: not one of them. */
static bool symbolic(struct run *u, uint8_t op, bool wide, struct val *d,
		     const struct val *s)
{
	bool by_number = s->kind == V_NUMBER;

	if (mask_raw(op, wide, d, s))
		return true;
	if (op == BPF_MOV && (wide || val_is_plain(s))) {
		*d = *s;
	} else if (op == BPF_MOV && s->kind == V_LINE) {
		*d = *s;
		return line_cut(u, d);
	} else if (op == BPF_MOV && s->kind == V_PAIR && !s->shift) {
		*d = val_of_word(u, s->word + 1u);
	} else if (op == BPF_RSH && by_number) {
		if (d->kind == V_MINUS && s->n == 63 && wide)
			return line_sign(u, d);
		return shift_right(u, d, s->n, wide);
	} else if (op == BPF_LSH && val_is_plain(d) && !d->shift &&
		   by_number && wide && s->n == 32 &&
		   d->word < PW_COUNT && prove_words[d->word].shift) {
		d->kind = V_HIGH;
	} else if (op == BPF_OR && d->kind == V_HIGH && val_is_plain(s) &&
		   !s->shift && wide && s->word == d->word + 1) {
		d->kind = V_PAIR;
	} else if (op == BPF_AND && val_is_plain(d) && by_number &&
		   d->word == u->word && !u->wide && !(s->n & (s->n + 1)) &&
		   u->high >> d->shift <= s->n) {
		;		/* the mask takes nothing away */
	} else if (op == BPF_AND && by_number) {
		return line_and(u, d, s->n);
	} else if (op == BPF_LSH && by_number) {
		return line_shift_left(u, d, s->n, wide);
	} else if (op == BPF_ADD) {
		return line_add(u, d, s, wide);
	} else if (op == BPF_SUB && by_number) {
		struct val n = { .kind = V_NUMBER, .n = -s->n };

		return line_add(u, d, &n, wide);
	} else if (op == BPF_SUB && wide) {
		return line_minus(u, d, s);
	} else {
		return op == BPF_XOR && !wide && hide(d, s);
	}
	return true;
}

/* With lanes, or a prefix. */
static bool compared_at_once(struct run *u, uint8_t op, bool wide,
			     struct val *d, const struct val *s)
{
	if (d->kind >= V_LANES || s->kind >= V_LANES)
		return lane_alu(u, op, wide, d, s) ||
			(wide && prefix_alu(u, op, d, s));
	return op == BPF_XOR && wide && prefix_alu(u, op, d, s);
}

const char *val_alu(struct run *u, const struct bpf_insn *i)
{
	bool wide = BPF_CLASS(i->code) == BPF_ALU64;
	uint8_t op = BPF_OP(i->code);
	struct val *d = &u->r[i->dst_reg], s;

	if (i->dst_reg > 9 || i->src_reg > 9 || i->off)
		return "a register or offset that no stretch uses";
	s = BPF_SRC(i->code) == BPF_X ? u->r[i->src_reg] :
		(struct val){ .kind = V_NUMBER,
			      .n = (uint64_t)(int64_t)i->imm };
	if (!wide && s.kind == V_NUMBER)
		s.n = (uint32_t)s.n;
	if (BPF_SRC(i->code) == BPF_X && s.kind == V_NONE)
		return "reads a register that nothing is known of";
	if (op != BPF_MOV && d->kind == V_NONE)
		return "changes a register that nothing is known of";
	if (op > BPF_MOV || op == BPF_DIV || op == BPF_NEG || op == BPF_MOD)
		return "arithmetic that no stretch uses";
	if ((op == BPF_LSH || op == BPF_RSH) && s.kind == V_NUMBER &&
	    s.n >= (wide ? 64 : 32))
		return "a shift by more bits than there are";
	if (s.kind == V_NUMBER && (op == BPF_MOV || d->kind == V_NUMBER)) {
		*d = (struct val){ .kind = V_NUMBER,
				   .n = compute(op, d->n, s.n, wide) };
		return NULL;
	}
	if (compared_at_once(u, op, wide, d, &s) ||
	    symbolic(u, op, wide, d, &s))
		return NULL;
	if (op == BPF_ADD && wide && d->kind == V_TABLE && val_number(u, &s)) {
		d->n += s.n;
		return NULL;
	}
	if (!val_number(u, &s) || (op != BPF_MOV && !val_number(u, d)))
		return "arithmetic that is not understood";
	*d = (struct val){ .kind = V_NUMBER,
			   .n = compute(op, d->n, s.n, wide) };
	return NULL;
}

const char *val_swap(struct run *u, const struct bpf_insn *i)
{
	struct val *d = &u->r[i->dst_reg];
	uint8_t load = d->kind == V_RAW ? prove_words[d->word].load : 0;

	if (i->dst_reg > 9 || i->src_reg || i->off ||
	    i->code != (BPF_ALU | BPF_END | BPF_TO_BE) ||
	    i->imm != (load == PROVE_BE32 ? 32 : load == PROVE_BE16 ? 16 : 0))
		return "a swap of bytes that is not understood";
	*d = val_of_word(u, d->word);
	return NULL;
}
