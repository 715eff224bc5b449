# SPDX-License-Identifier: BSD-2-Clause
#
# missing - counts a step whose slot was empty
#
# In:	r8 = step
# Out:	missing of the step's counter is one more, if it has one
# Lost:	r0-r5, the stack at -4
.equ NO_COUNTER, -1			# IMAGE_NO_COUNTER
	w1 = *(u32 *)(r8 + 8)		# counter
	if w1 == NO_COUNTER goto done
	*(u32 *)(r10 - 4) = w1
	r1 = counters ll
	r2 = r10
	r2 += -4
	call 1				# bpf_map_lookup_elem
	if r0 == 0 goto done
	r1 = *(u64 *)(r0 + 8)		# missing
	r1 += 1
	*(u64 *)(r0 + 8) = r1
done:
