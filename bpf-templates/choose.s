# SPDX-License-Identifier: BSD-2-Clause
#
# choose - what is done by the rule of the lowest rank
#
# In:	r0 = rank
# Out:	r7 = what the table RANKS has for it
# Lost:	r2, r3, the stack at -4
# Holes: RANK_MASK = number of ranks - 1, at least, a power of two less 1;
#	RANKS = skpol_ranks in .rodata
# Half a slot of the stack hides from the verifier where the rank came from: an
# index must be known precisely, and it would go back to every leaf. (The proof
# knows the first two instructions by heart: prove_forest.c.)
.set RANK_MASK, 0
.set RANKS, 0
	*(u32 *)(r10 - 4) = w0
	w2 = *(u32 *)(r10 - 4)
	w2 &= RANK_MASK
	w2 <<= 2
	r3 = skpol_rodata + RANKS ll
	r3 += r2
	w7 = *(u32 *)(r3 + 0)
