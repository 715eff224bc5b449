# SPDX-License-Identifier: BSD-2-Clause
#
# mix - one round of the hash of a split (policy.h)
#
# In:	r1 = hash so far, r2 = the next value
# Out:	r1 = hash
# Lost:	r2
	r1 ^= r2
	r2 = 0x9E3779B97F4A7C15 ll
	r1 *= r2
	r2 = r1
	r2 >>= 32
	r1 ^= r2
