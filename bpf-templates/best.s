# SPDX-License-Identifier: BSD-2-Clause
#
# best - the lower of two ranks: what the trees so far found, and this one
#
# In:	r6 = context, r0 = the lowest rank so far, r7 = the rank of this tree
# Out:	r0 = the lower of both
# Lost:	r1, r7
# Without a branch. The verifier must not know r7: it would go through all that
# follows once for each rank. (The proof knows these instructions by heart:
# prove_forest.c.)
	w1 = *(u32 *)(r6 + 12)		# any 32 bits that it knows nothing of
	w7 ^= w1
	w7 ^= w1
	r7 -= r0			# below 0 when r7 is lower
	r1 = r7
	r1 s>>= 63
	r7 &= r1
	r0 += r7
