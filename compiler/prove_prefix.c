/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove_prefix - whether the word begins with a prefix, asked without a branch
 *
 * In: see prove_value.h. Of two numbers of 32 bits n ^ X has no bit set where they
 * agree: in front of those that a shift takes away, it is 0 only for a prefix.
 * Only 0 less 1 is negative. Other uses of n ^ X are not understood.
 */
#include "prove_value.h"

/* The sign of ((n ^ X) >> up) - 1, for X and up to u->high. */
static void sign(struct run *u, struct val *d)
{
	uint64_t behind = ((uint64_t)1 << d->up) - 1;
	uint64_t low = d->n & ~behind, high = d->n | behind;
	bool inside = u->x >= low && u->x <= high;

	if (inside)
		val_lower_high(u, high);
	else if (u->x < low)
		val_lower_high(u, low - 1);
	*d = (struct val){ .kind = V_NUMBER, .n = inside };
}

bool prefix_alu(struct run *u, uint8_t op, struct val *d, const struct val *s)
{
	bool by_number = s->kind == V_NUMBER;

	if (op == BPF_XOR && d->kind == V_NUMBER && d->n <= UINT32_MAX &&
	    s->kind == V_WORD && val_is_x(u, s))
		*d = (struct val){ .kind = V_PREFIX, .word = s->word,
				   .n = d->n };
	else if (d->kind != V_PREFIX || !by_number)
		return false;
	else if (op == BPF_RSH && !d->shift && !d->up && s->n < 32)
		d->up = (uint8_t)s->n;
	else if (op == BPF_ADD && !d->shift && s->n == UINT64_MAX)
		d->shift = 1;
	else if (op == BPF_RSH && d->shift && s->n == 63)
		sign(u, d);
	else
		return false;
	return true;
}
