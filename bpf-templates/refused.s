# SPDX-License-Identifier: BSD-2-Clause
#
# refused - counts a socket that bpf_sk_assign refused, by errno
#
# In:	r7 = -errno, r8 = step
# Out:	one field of the step's counter is one more, if it has one
# Lost:	r0-r5, the stack at -4
# Offsets are those of struct image_counter.
.equ NO_COUNTER, -1			# IMAGE_NO_COUNTER
.equ EPROTOTYPE, -91
.equ EAFNOSUPPORT, -97
.equ ESOCKTNOSUPPORT, -94
.equ EEXIST, -17
	w1 = *(u32 *)(r8 + 8)		# counter
	if w1 == NO_COUNTER goto done
	*(u32 *)(r10 - 4) = w1
	r1 = counters ll
	r2 = r10
	r2 += -4
	call 1				# bpf_map_lookup_elem
	if r0 == 0 goto done
	r1 = 24				# eprototype
	if w7 == EPROTOTYPE goto count
	r1 = 32				# eafnosupport
	if w7 == EAFNOSUPPORT goto count
	r1 = 40				# esocktnosupport
	if w7 == ESOCKTNOSUPPORT goto count
	r1 = 48				# eexist
	if w7 == EEXIST goto count
	r1 = 56				# other
count:
	r0 += r1
	r1 = *(u64 *)(r0 + 0)
	r1 += 1
	*(u64 *)(r0 + 0) = r1
done:
