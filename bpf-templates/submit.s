# SPDX-License-Identifier: BSD-2-Clause
#
# submit - sends the event that `event` began
#
# In:	r7 = the event
# Lost:	r0-r5, r7
	r1 = r7
	r2 = 0
	call 132			# bpf_ringbuf_submit
