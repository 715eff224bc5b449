# SPDX-License-Identifier: BSD-2-Clause
#
# decide - the row of an outcome and the packet to the first step
#
# In:	r6 = context, r7 = first step of the outcome's row
# Out:	r7 = the row's step for tcp4, tcp6, udp4 or udp6 (order of SLOT_KIND)
# Lost:	r1
# Without a branch: 17 is the only protocol of 6 and 17 with bit 4, 10 the only
# family of 2 and 10 with bit 3. Goes on at `locate`.
	w1 = *(u32 *)(r6 + 12)		# protocol
	w1 >>= 3
	w1 &= 2
	w7 += w1
	w1 = *(u32 *)(r6 + 8)		# family
	w1 >>= 3
	w1 &= 1
	w7 += w1
	# The verifier must not know more of r7 on one path than on another:
	# without CAP_PERFMON it refuses the address computed from it.
	w1 = *(u32 *)(r6 + 40)		# any 32 bits that it knows nothing of
	w7 ^= w1
	w7 ^= w1
