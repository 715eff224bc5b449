/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove_lane - a zone in each of four lanes, compared with four cuts at once
 *
 * In: see prove_value.h. Of n - lanes, where each 16 bits of n are not below the
 * zone, no lane borrows from the next: its top bit stays as long as the zone is
 * not above the 15 bits below that. Other uses of lanes are not understood.
 */
#include "prove_value.h"

enum { LANES = 4, LANE_BITS = 16, TOP = 0x8000 };

/* The bits TOP of each lane of N less the zone, for X and up to u->high. */
static bool tops(struct run *u, uint64_t n, uint64_t *out)
{
	*out = 0;
	if (u->x > ZONE_LAST)
		return false;
	val_lower_high(u, ZONE_LAST);
	for (unsigned int i = 0; i < LANES; i++) {
		uint64_t lane = n >> i * LANE_BITS & 0xffff;

		if (lane < ZONE_LAST)
			return false;
		if (lane < TOP || u->x > lane - TOP)
			continue;
		val_lower_high(u, lane - TOP);
		*out |= (uint64_t)TOP << i * LANE_BITS;
	}
	return true;
}

static bool count(struct run *u, struct val *d, uint64_t mask)
{
	uint64_t n;

	if (d->shift >= LANE_BITS || mask != (uint64_t)ZONE_ONES <<
	    (LANE_BITS - 1 - d->shift) || !tops(u, d->n, &n))
		return false;
	*d = (struct val){ .kind = V_NUMBER, .n = n >> d->shift };
	return true;
}

bool lane_alu(struct run *u, uint8_t op, bool wide, struct val *d,
	      const struct val *s)
{
	bool by_number = s->kind == V_NUMBER;

	if (op == BPF_SUB && wide && d->kind == V_NUMBER &&
	    s->kind == V_LANES && s->word == u->word && !u->wide) {
		*d = (struct val){ .kind = V_LESS_LANES, .word = s->word,
				   .n = d->n };
		return true;
	}
	if (op == BPF_RSH && wide && d->kind == V_LESS_LANES && !d->shift &&
	    by_number && s->n < LANE_BITS) {
		d->shift = (uint8_t)s->n;
		return true;
	}
	if (op == BPF_AND && wide && d->kind == V_LESS_LANES && by_number)
		return count(u, d, s->n);
	if (op == BPF_AND && d->kind == V_LANES && by_number && s->n <= 0xffff)
		d->kind = V_WORD;	/* one of them */
	return false;
}
