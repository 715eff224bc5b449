# SPDX-License-Identifier: BSD-2-Clause
#
# ifindex - the interface of an event; for kernels from 5.17 on only
#
# In:	r6 = context, r7 = the event
# Lost:	r1
	w1 = *(u32 *)(r6 + 64)		# ingress_ifindex
	*(u32 *)(r7 + 16) = w1
