/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shadow_value - numbers that know how far they reach
 *
 * In: numbers, each a function of one variable, or of none. Out: numbers. Where
 * a result is no such function, or a compare (shadow_compare.c) would turn out
 * another way for some value, the highest value of the variable is lowered. Values rise or
 * fall with their variable, so where that happens is found by bisection.
 */
#include <endian.h>
#include <linux/bpf.h>

#include "shadow_value.h"

enum { SMALL = 30, TINY = 20,	/* bits that leave room for products */
       FEW = 64,		/* values that are tried one after the other */
       LONG = 8 };		/* bits of a mask that are worth a line */

uint64_t value_mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9FB21C651E98DF25;
	return h ^ h >> 32;
}

struct value value_fixed(uint64_t v)
{
	return (struct value){ .kind = SHADOW_NUMBER, .v = v };
}

struct value value_line(const struct shadow_vars *s, unsigned int var)
{
	return (struct value){
		.kind = SHADOW_NUMBER, .form = LINE, .var = (uint8_t)var,
		.mul = 1, .v = s->x[var], .vars = (uint64_t)1 << var,
	};
}

uint64_t value_at(const struct value *v, uint64_t x)
{
	return (uint64_t)(v->mul * (int64_t)(x >> v->shift) + v->add);
}

uint64_t value_id(const struct value *v)
{
	uint64_t h = value_mix(v->form, v->kind);

	switch (v->form) {
	case FIXED:
		return value_mix(h, v->v);
	case LINE:
		h = value_mix(h, (uint64_t)v->var << 8 | v->shift);
		return value_mix(value_mix(h, (uint64_t)v->mul),
				 (uint64_t)v->add);
	case RAW:
		return value_mix(h, v->var);
	default:
		return v->term;
	}
}

/* ----------------------------------------------------------- reaching */

void value_lower(struct shadow_vars *s, unsigned int var, uint64_t high)
{
	s->depends |= s->entered && var > VAR_PROTOCOL && var < VAR_WORDS;
	if (high < s->high[var])
		s->high[var] = high;
}

void value_while(struct shadow_vars *s, const struct value *v,
		 holds *f, uint64_t n, unsigned int bits)
{
	uint64_t low = s->x[v->var], high = s->high[v->var];

	while (low < high) {
		uint64_t middle = high - (high - low) / 2;

		if (f(v, middle, n, bits))
			low = middle;
		else
			high = middle - 1;
	}
	value_lower(s, v->var, low);
}

static bool in_block(const struct value *v, uint64_t x, uint64_t block,
		     unsigned int bits)
{
	return (uint64_t)((int64_t)value_at(v, x) >> bits) == block;
}

int64_t value_block(struct shadow_vars *s, const struct value *v,
		    unsigned int bits)
{
	uint64_t block = (uint64_t)((int64_t)v->v >> bits);

	value_while(s, v, in_block, block, bits);
	return (int64_t)(block << bits);
}

static void pin(struct shadow_vars *s, uint64_t vars)
{
	for (unsigned int i = 0; i < VAR_PLACE; i++)
		if (vars >> i & 1)
			value_lower(s, i, s->x[i]);
}

/* A hash that is asked for is a variable of its own. */
static void name_hash(struct shadow_vars *s, struct value *v)
{
	unsigned int i = 0;

	while (i < VAR_HASHES && (!s->used[VAR_HASH + i] ||
				  s->term[i] != v->term))
		i++;
	for (unsigned int k = 0; i == VAR_HASHES && k < VAR_HASHES; k++)
		if (!s->used[VAR_HASH + k])
			i = k;
	if (i == VAR_HASHES) {
		pin(s, v->vars);
		*v = value_fixed(v->v);
		return;
	}
	s->term[i] = v->term;
	shadow_use(s, VAR_HASH + i);
	*v = value_line(s, VAR_HASH + i);
}

void value_known(struct shadow_vars *s, struct value *v)
{
	if (v->form == TERM && v->hashed && v->narrow) {
		name_hash(s, v);
	} else if (v->form == TERM && v->mask) {
		uint32_t mask = be32toh(v->mask);

		value_lower(s, v->var, s->x[v->var] | ((mask & -mask) - 1));
		*v = value_fixed(v->v);
	} else if (v->form == TERM || v->form == RAW) {
		pin(s, v->vars);
		v->form = FIXED;
		v->vars = 0;
	}
}

void value_fix(struct shadow_vars *s, struct value *v)
{
	value_known(s, v);
	if (v->form != LINE)
		return;
	value_lower(s, v->var, s->x[v->var] | (((uint64_t)1 << v->shift) - 1));
	v->form = FIXED;
	v->vars = 0;
}

void value_move(struct value *v, int64_t by)
{
	v->add += by;
	v->v += (uint64_t)by;
}

void value_narrow(struct shadow_vars *s, struct value *v)
{
	if (v->form == LINE)
		value_move(v, -value_block(s, v, 32));
	else if (v->form == FIXED)
		v->v = (uint32_t)v->v;
	/* words in memory have 32 bits */
	if (v->form != TERM)
		return;
	if (!v->narrow)
		v->term = value_mix(v->term, 0x32);
	v->base = (uint32_t)v->base;
	v->narrow = true;
	v->v = (uint32_t)v->v;
}

/* --------------------------------------------------------- arithmetic */

static bool compute(uint8_t op, bool wide, uint64_t a, uint64_t b,
		    uint64_t *out)
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
	case BPF_DIV: a = b ? a / b : 0; break;
	case BPF_MOD: a = b ? a % b : a; break;
	case BPF_OR: a |= b; break;
	case BPF_AND: a &= b; break;
	case BPF_XOR: a ^= b; break;
	case BPF_LSH: a <<= b & mask; break;
	case BPF_RSH: a >>= b & mask; break;
	case BPF_NEG: a = -a; break;
	case BPF_ARSH:
		a = wide ? (uint64_t)((int64_t)a >> (b & mask)) :
			(uint32_t)((int32_t)a >> (b & mask));
		break;
	default:
		return false;
	}
	*out = wide ? a : (uint32_t)a;
	return true;
}

static bool small(int64_t v, unsigned int bits)
{
	int64_t most = (int64_t)1 << bits;

	return v < most && v > -most;
}

static int log_of(int64_t v)
{
	return v > 0 && !(v & (v - 1)) ? __builtin_ctzll((uint64_t)v) : -1;
}

/* What is added stays apart when none of its bits goes. */
static void shift_right(struct shadow_vars *s, struct value *d, unsigned int n)
{
	int64_t rest = d->add & (int64_t)(((uint64_t)1 << n) - 1);
	int log = log_of(d->mul);

	if (value_block(s, d, 63) || rest || log < 0) {
		value_block(s, d, n);
		*d = value_fixed(d->v >> n);
		return;
	}
	d->add >>= n;
	if ((unsigned int)log >= n) {
		d->mul >>= n;
	} else {
		d->mul = 1;
		d->shift = (uint8_t)(d->shift + n - (unsigned int)log);
		if (d->shift > 32)
			d->shift = 33;
	}
	d->v = value_at(d, s->x[d->var]);
}

/* N without bits that D has nowhere. */
static int64_t bits_had(const struct shadow_vars *s, const struct value *d,
			int64_t n)
{
	uint64_t high = value_at(d, s->high[d->var]);

	if (d->mul <= 0 || high < d->v || high > UINT32_MAX)
		return n;
	return high ? n & (int64_t)(UINT64_MAX >> __builtin_clzll(high)) : 0;
}

/* Of the bits from the lowest on a line is left, the others are fixed. */
static bool line_and(struct shadow_vars *s, struct value *d, int64_t n)
{
	unsigned int bits = (unsigned int)__builtin_ctzll(~(uint64_t)n);
	int64_t block;

	if (n < 0 || ((n & (n + 1)) && bits < LONG))
		return false;
	if (!n) {
		*d = value_fixed(0);
		return true;
	}
	block = value_block(s, d, bits);
	value_move(d, (block & n) - block);
	return true;
}

/* A line and a number that stay a line; false: they do not. */
static bool line_op(struct shadow_vars *s, uint8_t op, struct value *d,
		    int64_t n)
{
	switch (op) {
	case BPF_ADD:
	case BPF_SUB:
		if (!small(n, 40) || !small(d->add, 60))
			return false;
		value_move(d, op == BPF_ADD ? n : -n);
		return true;
	case BPF_LSH:
		if (n < 0 || n > TINY)
			return false;
		n = (int64_t)1 << n;
		/* fall through */
	case BPF_MUL:
		if (!n || !small(n, TINY + 1) || !small(d->mul, 8) ||
		    !small(d->add, 40))
			return false;
		d->mul *= n;
		d->add *= n;
		d->v *= (uint64_t)n;
		return true;
	case BPF_RSH:
		if (n < 0 || n > 63)
			return false;
		shift_right(s, d, (unsigned int)n);
		return true;
	case BPF_ARSH:
		if (n < 0 || n > 63)
			return false;
		value_block(s, d, (unsigned int)n);
		*d = value_fixed((uint64_t)((int64_t)d->v >> n));
		return true;
	case BPF_AND:
		return line_and(s, d, bits_had(s, d, n));
	}
	return false;
}

/* A number minus a line, or plus one. */
static bool op_line(uint8_t op, struct value *d, struct value l)
{
	int64_t n = (int64_t)d->v;

	if (!small(n, 62) || !small(l.add, 60))
		return false;
	if (op == BPF_SUB) {
		l.mul = -l.mul;
		l.add = -l.add;
		l.v = -l.v;
	} else if (op != BPF_ADD) {
		return false;
	}
	value_move(&l, n);
	*d = l;
	return true;
}

static bool is_low(const struct value *v)
{
	return v->form == FIXED && v->v <= UINT32_MAX;
}

/* Of a word as it is in memory, or mixed into a number, a few bits are asked
 * for: those are in its first bytes. */
static bool few_bytes(struct shadow_vars *s, uint8_t op,
		      const struct value *d, const struct value *o)
{
	bool word = d->form == RAW ? d->var != VAR_REMOTE_PORT : d->form ==
		TERM && d->mixed;

	if (op != BPF_AND || !word || o->form != FIXED || o->v > UINT16_MAX)
		return false;
	value_lower(s, d->var, s->x[d->var] |
	      (o->v <= UINT8_MAX ? 0xffffff : 0xffff));
	return true;
}

/* Those bits of an address. */
static uint32_t some_bits(uint8_t op, const struct value *d,
			  const struct value *o)
{
	return op == BPF_AND && d->form == RAW && o->form == FIXED &&
		d->var != VAR_REMOTE_PORT ? (uint32_t)o->v : 0;
}

/* They are the first ones. */
static bool are_first(uint32_t bits)
{
	uint32_t open = ~be32toh(bits);

	return bits && !(open & (open + 1));
}

static void make_term(uint8_t op, bool wide, struct value *d,
		      const struct value *o, uint64_t v)
{
	bool commutes = op == BPF_ADD || op == BPF_MUL || op == BPF_OR ||
		op == BPF_AND || op == BPF_XOR;
	uint64_t x = value_id(d), y = value_id(o);
	bool turn = commutes && x > y;
	struct value t = {
		.kind = SHADOW_NUMBER, .form = TERM, .v = v,
		.term = value_mix(value_mix(value_mix(op, wide), turn ? y :
					    x), turn ? x : y),
		.vars = d->vars | o->vars,
		.narrow = !wide || (op == BPF_RSH && o->form == FIXED &&
				    (o->v & 63) >= 32) ||
			(op == BPF_AND && (is_low(d) || is_low(o))) ||
			((op == BPF_DIV || op == BPF_MOD) && is_low(d)),
		.hashed = d->hashed || o->hashed ||
			(op == BPF_MUL && wide && o->form == FIXED &&
			 o->v >> 32),
		.mask = some_bits(op, d, o),
		.zeros = op == BPF_LSH && wide && o->form == FIXED ?
			(uint8_t)(o->v & 63) : 0,
	};

	if (t.mask)
		t.var = d->var;
	if (op == BPF_XOR && d->form == FIXED) {
		t.base = d->v;
		t.with = value_id(o);
		t.mixed = o->form == RAW && o->var != VAR_REMOTE_PORT;
		t.var = o->var;
	}
	*d = t;
}

static bool needs_term(uint8_t op, const struct value *d,
		       const struct value *o)
{
	return d->form == TERM || o->form == TERM || d->form == RAW ||
	       o->form == RAW || op == BPF_XOR ||
	       (op == BPF_MUL && o->form == FIXED && o->v >> 32);
}

/* 0 less 1 is negative: whether the variable begins as the base does. */
static void answer(struct shadow_vars *s, struct value *d, uint64_t v)
{
	uint64_t behind = ((uint64_t)1 << d->behind) - 1;
	uint64_t base = d->raw ? htobe32((uint32_t)d->base) : d->base;

	if (v)
		value_lower(s, d->var, base | behind);
	else if (s->x[d->var] < (base & ~behind))
		value_lower(s, d->var, (base & ~behind) - 1);
	*d = value_fixed(v);
}

/* A word of an address, or its 32 bits as they are in memory. */
static bool is_word(const struct shadow_vars *s, const struct value *o)
{
	if (o->form == RAW)
		return o->var != VAR_REMOTE_PORT;
	return o->form == LINE && o->mul == 1 && !o->add && !o->shift &&
		s->high[o->var] <= UINT32_MAX;
}

/* The steps to that question, all of 64 bits; false: D is as it was. */
static bool question(struct shadow_vars *s, uint8_t op, struct value *d,
		     const struct value *o, uint64_t v)
{
	bool fixed = o->form == FIXED;
	int64_t less = (int64_t)(op == BPF_SUB ? o->v : -o->v);
	struct value next = { .var = d->var, .base = d->base, .asks = 1,
			      .behind = d->behind, .raw = d->raw };

	if (op == BPF_XOR && d->form == FIXED && d->v <= UINT32_MAX &&
	    is_word(s, o)) {
		next.base = d->v;
		next.var = o->var;
		next.raw = o->form == RAW;
	} else if (op == BPF_RSH && d->asks == 1 && fixed && !d->behind &&
		   (o->v & 63) < (d->raw ? 1 : 32)) {
		next.behind = (uint8_t)(o->v & 63);
	} else if (op == BPF_RSH && d->asks == 1 && fixed &&
		   (o->v & 63) >= 32) {
		*d = value_fixed(0);
		return true;
	} else if ((op == BPF_ADD || op == BPF_SUB) && d->asks == 1 && fixed &&
		   small((int64_t)o->v, 32)) {
		next.asks = less == 1 ? 2 : less < 0 ? 3 : 0;
	} else if (op == BPF_RSH && d->asks == 3 && fixed && o->v >= 33 &&
		   o->v < 64) {
		*d = value_fixed(v);
		return true;
	} else if (op == BPF_RSH && d->asks == 2 && fixed && o->v >= 32 &&
		   o->v < 64) {
		answer(s, d, v);
		return true;
	} else {
		return false;
	}
	make_term(op, true, d, o, v);
	d->var = next.var;
	d->base = next.base;
	d->asks = next.asks;
	d->behind = next.behind;
	d->raw = next.raw;
	return true;
}

/* Bits from the lowest of a mask on, where the line has few values of them. */
static bool few_above(struct shadow_vars *s, uint8_t op, struct value *d,
		      const struct value *o, uint64_t v)
{
	uint64_t low = d->v, high;
	unsigned int bits;

	if (op != BPF_AND || d->form != LINE || o->form != FIXED || !o->v)
		return false;
	bits = (unsigned int)__builtin_ctzll(o->v);
	high = value_at(d, s->high[d->var]);
	if (high < low || (high >> bits) - (low >> bits) > FEW)
		return false;
	value_block(s, d, bits);
	*d = value_fixed(v);
	return true;
}

/* Shifts that leave nothing of what a term can be. */
static bool shifts_all_out(uint8_t op, bool wide, const struct value *d,
			   const struct value *o)
{
	if (!wide || d->form != TERM || o->form != FIXED)
		return false;
	if (op == BPF_RSH)
		return d->narrow && (o->v & 63) >= 32;
	return op == BPF_LSH && d->zeros + (o->v & 63) >= 64;
}

bool value_alu(struct shadow_vars *s, uint8_t op, bool wide, struct value *d,
	       struct value o)
{
	uint64_t v;

	if (!compute(op, wide, d->v, o.v, &v))
		return false;
	if (wide && question(s, op, d, &o, v))
		return true;
	if (!wide) {
		value_narrow(s, d);
		value_narrow(s, &o);
	}
	if (d->form == FIXED && o.form == FIXED) {
		*d = value_fixed(v);
		return true;
	}
	if ((op == BPF_XOR || op == BPF_SUB) && value_id(d) == value_id(&o)) {
		*d = value_fixed(0);
		return true;
	}
	if (op == BPF_XOR && d->form == TERM && d->with &&
	    d->with == value_id(&o) && (!d->narrow || !wide || is_word(s, &o))) {
		*d = value_fixed(wide ? d->base : (uint32_t)d->base);
		return true;
	}
	if (op == BPF_AND && o.form == FIXED && value_part(s, d, o.v))
		return true;
	if (!are_first(some_bits(op, d, &o)) && few_bytes(s, op, d, &o)) {
		*d = value_fixed(v);
		return true;
	}
	if (shifts_all_out(op, wide, d, &o)) {
		*d = value_fixed(0);
		return true;
	}
	if (needs_term(op, d, &o)) {
		make_term(op, wide, d, &o, v);
		return true;
	}
	if (!(o.form == FIXED && line_op(s, op, d, (int64_t)o.v)) &&
	    !(d->form == FIXED && op_line(op, d, o))) {
		if (few_above(s, op, d, &o, v))
			return true;
		if (op == BPF_AND || op == BPF_DIV || op == BPF_MOD) {
			make_term(op, wide, d, &o, v);
			return true;
		}
		value_fix(s, d);
		value_fix(s, &o);
		*d = value_fixed(v);
		return true;
	}
	if (!wide)
		value_narrow(s, d);
	return true;
}
