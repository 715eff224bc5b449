# SPDX-License-Identifier: BSD-2-Clause
#
# hit - counts a packet for the rule that decided it
#
# In:	r8 = step
# Out:	hits of the step's counter is one more and last_hit is now, if it has
#	one
# Lost:	r0-r5, r7, the stack at -4
# Counters are of one CPU: no atomic. Jiffies, for the kernel makes one load of
# that call: bpf_ktime_get_ns would cost more than all the rest.
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
	r7 = r0
	call 118			# bpf_jiffies64
	*(u64 *)(r7 + 16) = r0		# last_hit
done:
