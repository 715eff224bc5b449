# SPDX-License-Identifier: BSD-2-Clause
#
# part - what is done by the rule of the lowest rank, which stands in its number
#
# In:	r0 = number of a rank
# Out:	r7 = its low bits
# Lost:	r2, the stack at -4
# Hole: LOW_MASK = a power of two less 1
# As in choose.s, the verifier does not look behind half a slot of the stack, and
# the proof knows the first two instructions.
.set LOW_MASK, 0
	*(u32 *)(r10 - 4) = w0
	w2 = *(u32 *)(r10 - 4)
	w7 = w2
	w7 &= LOW_MASK
