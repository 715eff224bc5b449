/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shadow_bits - some bits of a word
 *
 * In: a word of which a mask leaves a few bits. Out: the number that they are.
 * Those bits are a variable of their own, each value of which is tried whatever
 * the word is: so the word goes on in large steps. Then a box is those words in
 * it of which all such bits are what was tried; if there is none, it is empty.
 */
#include <endian.h>
#include <linux/bpf.h>

#include "shadow_machine.h"
#include "shadow_value.h"

enum { FEW_BITS = 6, BLOCKS = 1 << 10 };

/* The bits of N, from the lowest on, to where MASK has some. */
static uint64_t spread(uint64_t n, uint64_t mask)
{
	uint64_t v = 0;

	for (; mask; mask &= mask - 1, n >>= 1)
		v |= n & 1 ? mask & -mask : 0;
	return v;
}

bool bits_next(uint64_t from, uint64_t mask, uint64_t bits, uint64_t *next)
{
	uint64_t differ = (from ^ bits) & mask, top, free;

	if (bits & ~mask)
		return false;
	*next = from;
	if (!differ)
		return true;
	top = (uint64_t)1 << (63 - __builtin_clzll(differ));
	if (!(bits & top)) {		/* only after a carry */
		free = ~(mask | from) & ~(top | (top - 1));
		if (!free)
			return false;
		top = free & -free;
		from |= top;
	}
	*next = (from & ~mask & ~(top - 1)) | bits;
	return true;
}

bool shadow_member(const struct shadow_vars *s, unsigned int var, uint64_t *x)
{
	uint64_t mask = 0, bits = 0;

	for (unsigned int i = 0; i < VAR_PARTS; i++) {
		const struct shadow_part *p = &s->part[i];
		uint64_t now;

		if (!s->used[VAR_PART + i] || p->var != var)
			continue;
		now = spread(s->x[VAR_PART + i], p->mask);
		if ((now ^ bits) & p->mask & mask)
			return false;
		mask |= p->mask;
		bits |= now;
	}
	return bits_next(s->x[var], mask, bits, x) && *x <= s->high[var];
}

uint64_t part_highest(const struct shadow_vars *s, unsigned int var)
{
	return ((uint64_t)1 << __builtin_popcountll(s->part[var -
				VAR_PART].mask)) - 1;
}

/* The variable that is those bits; VARS: there is none left. */
static unsigned int part_of(struct shadow_vars *s, unsigned int var,
			    uint64_t mask)
{
	unsigned int none = VARS;

	for (unsigned int i = VAR_PARTS; i-- > 0;) {
		if (!s->used[VAR_PART + i])
			none = VAR_PART + i;
		else if (s->part[i].var == var && s->part[i].mask == mask)
			return VAR_PART + i;
	}
	if (none != VARS) {
		s->part[none - VAR_PART] = (struct shadow_part){
			(uint8_t)var, mask };
		shadow_use(s, none);
	}
	return none;
}

static bool is_port(const struct value *v)
{
	return v->var == VAR_REMOTE_PORT;
}

/* Of which bits of its variable D & N is made; 0: that is not known. */
static uint64_t mask_of(const struct value *d, uint64_t n)
{
	if (d->form == RAW)
		return is_port(d) ? be16toh((uint16_t)n) :
			be32toh((uint32_t)n);
	if (d->form == TERM && d->mixed && n <= UINT32_MAX)
		return be32toh((uint32_t)n);
	if (d->form != LINE || d->add || d->mul <= 0 ||
	    d->mul & (d->mul - 1) || d->shift > 32)
		return 0;
	return n >> __builtin_ctzll((uint64_t)d->mul) << d->shift;
}

/* What D would be if its variable were X. */
static uint64_t number_at(const struct value *d, uint64_t x)
{
	uint64_t raw = is_port(d) ? htobe16((uint16_t)x) :
		htobe32((uint32_t)x);

	if (d->form == LINE)
		return value_at(d, x);
	return d->form == RAW ? raw : d->base ^ raw;
}

bool value_part(struct shadow_vars *s, struct value *d, uint64_t n)
{
	uint64_t mask = mask_of(d, n) & shadow_highest(s, d->var), left;
	unsigned int part;

	if (d->var >= VAR_WORDS || !mask ||
	    __builtin_popcountll(mask) > FEW_BITS)
		return false;
	left = s->high[d->var] - s->x[d->var];
	if (left >> __builtin_ctzll(mask) < BLOCKS)
		return false;
	part = part_of(s, d->var, mask);
	if (part == VARS)
		return false;
	s->high[part] = s->x[part];
	s->depends |= s->entered;
	*d = value_fixed(number_at(d, spread(s->x[part], mask)) & n);
	return true;
}
