# SPDX-License-Identifier: BSD-2-Clause
#
# assign - one step of an else chain: select its socket
#
# In:	r6 = context, r8 = step
# Out:	falls out at its end when the kernel refused: r7 = -errno; the stack at
#	-4 = index in `sockets`, also on `missing`: `spare` goes on from there
# Ways:	drop, pass (this step is the last); missing (nothing in its slot);
#	assigned
# Lost:	r0-r5, r7, r9, the stack at -4
# Holes: SLOT_MASK = a power of two less 1, not less than any slot, so that
#	.rodata holds SLOT_MASK + 1 values from SLOTS on; SLOTS = skpol_slots
# The reference that the look-up takes is given back on every way.
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
	r1 = sockets ll
	r2 = r10
	r2 += -4
	call 1				# bpf_map_lookup_elem
	if r0 == 0 goto missing
	r9 = r0
	r1 = r6
	r2 = r0
	w3 = *(u32 *)(r8 + 0)
	w3 >>= 24			# flags
	call 124			# bpf_sk_assign
	r7 = r0
	r1 = r9
	call 86				# bpf_sk_release
	if w7 == 0 goto assigned
