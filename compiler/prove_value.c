/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove_value - words of the packet, and arithmetic with them
 *
 * In: see prove_value.h. A register is a number, or a function of the word
 * that can be followed without one: the word shifted, and added to, and
 * subtracted from a number. Any other becomes the number that it is for X.
 */
#include "prove_value.h"

/* The word that this stretch is about. */
static void bind(struct run *u, uint32_t word)
{
	const struct range *b = &u->p->box[word];

	if (u->word != PW_NONE)
		return;
	u->word = word;
	u->x = u->from > b->low ? u->from : b->low;
	u->high = b->high;
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

bool val_number(struct run *u, struct val *v)
{
	if (v->kind == V_NUMBER)
		return true;
	if ((v->kind != V_WORD && v->kind != V_MINUS) || v->word != u->word ||
	    u->word == PW_IFNAME)
		return false;
	if (v->kind == V_MINUS) {
		val_lower_high(u, u->x);
		v->n -= u->x;
	} else {
		val_lower_high(u, u->x | (((uint64_t)1 << v->shift) - 1));
		v->n += u->x >> v->shift;
	}
	v->kind = V_NUMBER;
	v->shift = 0;
	return true;
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
		*d = (struct val){ V_HIDDEN, s->word, raw, d->n };
	else if (d->kind == V_HIDDEN && d->word == s->word && d->shift == raw)
		*d = (struct val){ .kind = V_NUMBER, .n = d->n };
	else
		return false;
	return true;
}

/* The forms that stay a function of the word; false: not one of them. */
static bool symbolic(struct run *u, uint8_t op, bool wide, struct val *d,
		     const struct val *s)
{
	bool by_number = s->kind == V_NUMBER;

	if (op == BPF_MOV && (wide || val_is_plain(s))) {
		*d = *s;
	} else if (op == BPF_MOV && s->kind == V_PAIR) {
		*d = val_of_word(u, s->word + 1u);
	} else if (op == BPF_RSH && d->kind == V_PAIR && by_number && wide &&
		   s->n == 32) {
		*d = val_of_word(u, d->word);
	} else if (op == BPF_RSH && val_is_plain(d) && by_number &&
		   d->shift + s->n < 32) {
		d->shift += (uint8_t)s->n;
	} else if (op == BPF_LSH && val_is_plain(d) && !d->shift && by_number &&
		   wide && s->n == 32 &&
		   d->word < PW_COUNT && prove_words[d->word].shift) {
		d->kind = V_HIGH;
	} else if (op == BPF_OR && d->kind == V_HIGH && val_is_plain(s) &&
		   !s->shift && wide && s->word == d->word + 1) {
		d->kind = V_PAIR;
	} else if (op == BPF_AND && val_is_plain(d) && by_number &&
		   d->word == u->word && !(s->n & (s->n + 1)) &&
		   u->high >> d->shift <= s->n) {
		;		/* the mask takes nothing away */
	} else if (op == BPF_ADD && wide && d->kind == V_WORD && !d->shift &&
		   by_number && s->n < 1u << 31) {
		d->n += s->n;
	} else if (op == BPF_SUB && wide && d->kind == V_NUMBER &&
		   s->kind == V_WORD && !s->shift && d->n <= UINT32_MAX &&
		   s->n < 1u << 31) {
		*d = (struct val){ V_MINUS, s->word, 0, d->n - s->n };
	} else {
		return op == BPF_XOR && !wide && hide(d, s);
	}
	return true;
}

/* n - word, as a sign: 1 for all words above n. */
static bool sign(struct run *u, struct val *d, const struct val *s)
{
	bool negative = (int64_t)d->n < (int64_t)u->x;

	if (d->kind != V_MINUS || d->word != u->word || s->kind != V_NUMBER ||
	    s->n != 63)
		return false;
	if (!negative)
		val_lower_high(u, d->n);
	*d = (struct val){ .kind = V_NUMBER, .n = negative };
	return true;
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
	if (symbolic(u, op, wide, d, &s) ||
	    (op == BPF_RSH && wide && sign(u, d, &s)))
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
