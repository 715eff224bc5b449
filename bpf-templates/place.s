# SPDX-License-Identifier: BSD-2-Clause
#
# place - the first place of a step's slot
#
# In:	r8 = step
# Out:	falls out at its end: the stack at -4 = index in `sockets`; `assign`
#	goes on from there
# Ways:	drop, pass (this step is the last)
# Lost:	r1, r2, the stack at -4
# Holes: SLOT_MASK = a power of two less 1, not less than any slot, so that
#	.rodata holds SLOT_MASK + 1 values from SLOTS on; SLOTS = skpol_slots
.equ DROP, -1				# IMAGE_DROP
.equ PASS, -2				# IMAGE_PASS
.set SLOT_MASK, 0
.set SLOTS, 0
	w1 = *(u32 *)(r8 + 0)		# slot
	if w1 == DROP goto drop
	if w1 == PASS goto pass
	w1 &= SLOT_MASK
	w1 <<= 2
	r2 = skpol_rodata + SLOTS ll
	r2 += r1
	w1 = *(u32 *)(r2 + 0)
	*(u32 *)(r10 - 4) = w1
