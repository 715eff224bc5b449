# SPDX-License-Identifier: BSD-2-Clause
#
# forget - the verifier forgets where r7 comes from
#
# In, out: r7, 32 bits
# Lost:	the stack at -4
# It is an index from here on, and must be known precisely: the verifier would go
# back to every leaf that has put a number into it, and then on from each of
# them. It does not look behind half a slot of the stack.
	*(u32 *)(r10 - 4) = w7
	w7 = *(u32 *)(r10 - 4)
