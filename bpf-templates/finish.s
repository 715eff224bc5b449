# SPDX-License-Identifier: BSD-2-Clause
#
# finish - the end of the hash of a split (policy.h)
#
# In:	r1 = hash after all rounds
# Out:	r1 = 32 bits to look up the share with
# Lost:	r2
	r2 = 0xD6E8FEB86659FD93 ll
	r1 *= r2
	r1 >>= 32
