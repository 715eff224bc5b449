/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove_line - registers that are lines over the word
 *
 * In: see prove_value.h. Such a register is n + (X >> shift << up), all of it
 * modulo 2^64, for every X up to u->high: what makes that untrue for a larger
 * one lowers u->high at once. So nothing has to be known of X itself, as long
 * as a line leads to a cell of a table: the cells behind it that hold the same
 * are read at once (prove_load.c). Sums and shifts to the left are exact
 * modulo 2^64; a mask of low bits is, as long as what it takes away stays the
 * same, and so is a result of 32 bits, or a shift to the right of bits that are
 * the same. Up to where it wraps a line rises, so a compare of it, too, is known
 * for more than one X.
 */
#include "prove_value.h"

uint64_t line_at(const struct run *u, const struct val *d)
{
	uint64_t y = u->x >> d->shift << d->up;

	return d->kind == V_MINUS ? d->n - y : d->n + y;
}

/* A name has no order, so no lines lead over names. */
bool line_of(struct run *u, const struct val *v, struct val *out)
{
	unsigned int shift = v->shift;

	if (u->word == PW_IFNAME)
		return false;
	val_use_pair(u, v);
	if (v->kind == V_LINE) {
		*out = *v;
		return true;
	}
	if (v->word != u->word || (v->kind != V_WORD && v->kind != V_PAIR) ||
	    (v->kind == V_PAIR && !u->wide))
		return false;
	if (v->kind == V_WORD && u->wide)
		shift += 32;
	*out = (struct val){ .kind = V_LINE, .shift = (uint8_t)shift };
	return true;
}

/* Of the line in D only the bits of MASK are left. */
static void keep_low(struct run *u, struct val *d, uint64_t mask)
{
	uint64_t whole = line_at(u, d), low = whole & mask;

	d->n -= whole - low;
	val_lower_units(u, d->shift, (mask - low) >> d->up);
}

bool line_cut(struct run *u, struct val *d)
{
	keep_low(u, d, UINT32_MAX);
	return true;
}

bool line_shift_left(struct run *u, struct val *d, uint64_t n, bool wide)
{
	struct val line;

	if (!line_of(u, d, &line) || line.up + n >= 64)
		return false;
	line.n <<= n;
	line.up += (uint8_t)n;
	*d = line;
	return wide || line_cut(u, d);
}

void line_until(struct run *u, const struct val *d, uint64_t until)
{
	val_lower_units(u, d->shift, (until - line_at(u, d)) >> d->up);
}

bool line_shift_right(struct run *u, struct val *d, uint64_t n)
{
	uint64_t at = line_at(u, d);
	bool back = d->up >= n;

	if (d->kind != V_LINE || (!back && (d->up || d->shift + n >= 64 ||
					    d->n & (((uint64_t)1 << n) - 1))))
		return false;
	line_until(u, d, UINT64_MAX);
	if (back)
		d->up -= (uint8_t)n;
	else
		d->shift += (uint8_t)n;
	d->n = (at >> n) - (u->x >> d->shift << d->up);
	return true;
}

bool line_add(struct run *u, struct val *d, const struct val *s, bool wide)
{
	struct val line;

	if (s->kind == V_NUMBER && line_of(u, d, &line)) {
		line.n += s->n;
	} else if (d->kind == V_NUMBER && line_of(u, s, &line)) {
		line.n += d->n;
	} else if (d->kind == V_TABLE && wide && line_of(u, s, &line)) {
		line.kind = V_CELLS;
		line.n += d->n;
	} else if (d->kind == V_CELLS && wide && s->kind == V_NUMBER) {
		line = *d;
		line.n += s->n;
	} else {
		return false;
	}
	*d = line;
	return wide || line_cut(u, d);
}

bool line_and(struct run *u, struct val *d, uint64_t mask)
{
	struct val line;

	if (mask & (mask + 1) || !line_of(u, d, &line))
		return false;
	*d = line;
	keep_low(u, d, mask);
	return true;
}

bool line_minus(struct run *u, struct val *d, const struct val *s)
{
	struct val line;

	if (d->kind != V_NUMBER || !line_of(u, s, &line))
		return false;
	line.kind = V_MINUS;
	line.n = d->n - line.n;
	*d = line;
	return true;
}

/* The sign is the same until the difference passes 0, or wraps. */
bool line_sign(struct run *u, struct val *d)
{
	const uint64_t half = (uint64_t)1 << 63;
	uint64_t n = line_at(u, d);

	val_lower_units(u, d->shift, (n & (half - 1)) >> d->up);
	*d = (struct val){ .kind = V_NUMBER, .n = n >= half };
	return true;
}
