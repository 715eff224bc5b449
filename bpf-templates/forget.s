# SPDX-License-Identifier: BSD-2-Clause
#
# forget - the verifier forgets where r7 comes from
#
# In:	r6 = context
# In, out: r7, 32 bits
# Lost:	r2, the stack at -4
# It is an index from here on, and must be known precisely: the verifier would go
# back to every leaf that has put a number into it, and then on from each of
# them. It does not look behind half a slot of the stack, but for a 0; and without
# CAP_PERFMON it refuses an address that comes from other numbers on other ways.
# Of 32 bits of the context it knows nothing, so it knows nothing of r7 behind
# both XOR.
	*(u32 *)(r10 - 4) = w7
	w7 = *(u32 *)(r10 - 4)
	w2 = *(u32 *)(r6 + 16)
	w7 ^= w2
	w7 ^= w2
