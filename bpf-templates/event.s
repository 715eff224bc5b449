# SPDX-License-Identifier: BSD-2-Clause
#
# event - begins the event of a rule with `trace`
#
# In:	r6 = context, r8 = the step that decided
# Out:	r7 = a struct image_event of the ring, filled, its ifindex 0. `submit`
#	must follow, with or without `ifindex` before it.
# Ways:	untraced (nobody asked, or the ring is full): nothing to submit
# Lost:	r0-r5
# Each word of an IPv6 address is 0 for IPv4 and the IPv4 address 0 for IPv6:
# their OR is the address of either.
.equ NO_TRACE, -1			# IMAGE_NO_TRACE
.equ SLOT_BITS, 0xffffff		# IMAGE_SLOT_MASK
	w1 = *(u32 *)(r8 + 12)		# rule
	if w1 == NO_TRACE goto untraced
	r1 = events ll
	r2 = 64				# sizeof(struct image_event)
	r3 = 0
	call 131			# bpf_ringbuf_reserve
	if r0 == 0 goto untraced
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
