# SPDX-License-Identifier: BSD-2-Clause
#
# assign - select the socket in one place of a step's slot
#
# In:	r6 = context, r8 = step, the stack at -4 = index in `sockets`
# Out:	falls out at its end when the kernel refused: r7 = -errno
# Ways:	missing (nothing in this place; r7 as it was); assigned
# Lost:	r0-r5, r9; r7 on `assigned`
# The reference that the look-up takes is given back on every way.
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
