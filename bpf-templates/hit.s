# SPDX-License-Identifier: BSD-2-Clause
#
# hit - counts a packet for the rule that decided it
#
# In:	r8 = step
# Out:	hits of the step's counter is one more, if it has one
# Lost:	r0-r5, the stack at -4
# Counters are of one CPU: no atomic.
.equ NO_COUNTER, -1			# IMAGE_NO_COUNTER
	w1 = *(u32 *)(r8 + 4)		# counter
	if w1 == NO_COUNTER goto done
	*(u32 *)(r10 - 4) = w1
	r1 = counters ll
	r2 = r10
	r2 += -4
	call 1				# bpf_map_lookup_elem
	if r0 == 0 goto done
	r1 = *(u64 *)(r0 + 0)		# hits
	r1 += 1
	*(u64 *)(r0 + 0) = r1
done:
