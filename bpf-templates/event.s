# SPDX-License-Identifier: BSD-2-Clause
#
# event - begins the event of a rule with `trace`
#
# In:	r6 = context, r8 = the step that decided
# Out:	r7 = a struct image_event of the ring, filled, its ifindex 0. `submit`
#	must follow, with or without `ifindex` before it.
# Ways:	untraced: nothing to submit. Nobody listens, or not to this rule, or it
#	is not this one's turn, or the ring is full: then it is counted as lost.
# Lost:	r0-r5, r7, the stack at -4
# Holes: LISTENER = index of the struct image_listener in `counters`
# Each word of an IPv6 address is 0 for IPv4 and the IPv4 address 0 for IPv6:
# their OR is the address of either.
.equ NO_TRACE, -1			# IMAGE_NO_TRACE
.equ SLOT_BITS, 0xffffff		# IMAGE_SLOT_MASK
.set LISTENER, 0
	w1 = *(u32 *)(r8 + 12)		# rule
	if w1 == NO_TRACE goto untraced
	w1 = LISTENER
	*(u32 *)(r10 - 4) = w1
	r1 = counters ll
	r2 = r10
	r2 += -4
	call 1				# bpf_map_lookup_elem
	if r0 == 0 goto untraced
	r1 = *(u64 *)(r0 + 0)		# every
	if r1 == 0 goto untraced
	r2 = *(u64 *)(r0 + 8)		# rule, plus 1
	if r2 == 0 goto any
	w3 = *(u32 *)(r8 + 12)
	r3 += 1
	if r2 != r3 goto untraced
any:
	r2 = *(u64 *)(r0 + 16)		# skip
	if r2 == 0 goto turn
	r2 += -1
	*(u64 *)(r0 + 16) = r2
	goto untraced
turn:
	r1 += -1
	*(u64 *)(r0 + 16) = r1
	r7 = r0
	r1 = events ll
	r2 = 64				# sizeof(struct image_event)
	r3 = 0
	call 131			# bpf_ringbuf_reserve
	if r0 != 0 goto room
	r1 = *(u64 *)(r7 + 24)		# lost
	r1 += 1
	*(u64 *)(r7 + 24) = r1
	goto untraced
room:
	r7 = r0
	call 5				# bpf_ktime_get_ns
	*(u64 *)(r7 + 0) = r0
	w1 = *(u32 *)(r8 + 12)
	*(u32 *)(r7 + 8) = w1
	w1 = *(u32 *)(r8 + 0)		# slot, without its flags
	if w1 s< 0 goto whole		# IMAGE_PASS, IMAGE_DROP
	w1 &= SLOT_BITS
whole:
	*(u32 *)(r7 + 12) = w1
	w1 = 0
	*(u32 *)(r7 + 16) = w1		# ifindex
	*(u16 *)(r7 + 26) = w1		# unused
	*(u32 *)(r7 + 60) = w1		# unused2
	w1 = *(u32 *)(r6 + 8)		# family
	*(u8 *)(r7 + 20) = w1
	w1 = *(u32 *)(r6 + 12)		# protocol
	*(u8 *)(r7 + 21) = w1
	w1 = *(u32 *)(r6 + 60)		# local_port, host order
	*(u16 *)(r7 + 22) = w1
	r1 = *(u32 *)(r6 + 36)		# remote_port; 16 bits need 5.18
	r1 = be16 r1
	*(u16 *)(r7 + 24) = w1
	w1 = *(u32 *)(r6 + 40)		# local_ip4
	w2 = *(u32 *)(r6 + 44)		# local_ip6
	w1 |= w2
	*(u32 *)(r7 + 28) = w1
	w1 = *(u32 *)(r6 + 48)
	*(u32 *)(r7 + 32) = w1
	w1 = *(u32 *)(r6 + 52)
	*(u32 *)(r7 + 36) = w1
	w1 = *(u32 *)(r6 + 56)
	*(u32 *)(r7 + 40) = w1
	w1 = *(u32 *)(r6 + 16)		# remote_ip4
	w2 = *(u32 *)(r6 + 20)		# remote_ip6
	w1 |= w2
	*(u32 *)(r7 + 44) = w1
	w1 = *(u32 *)(r6 + 24)
	*(u32 *)(r7 + 48) = w1
	w1 = *(u32 *)(r6 + 28)
	*(u32 *)(r7 + 52) = w1
	w1 = *(u32 *)(r6 + 32)
	*(u32 *)(r7 + 56) = w1
