# SPDX-License-Identifier: BSD-2-Clause
#
# failed - counts a slot without a socket, or with refused ones, by errno
#
# In:	r7 = -errno of the last bpf_sk_assign, or 0 when all places were empty;
#	r8 = step
# Out:	one field of the step's counter is one more, if it has one
# Lost:	r0-r5, the stack at -4
# Offsets are those of struct image_counter. Each field is written at an offset
# of its own: without CAP_PERFMON the verifier takes no pointer that several
# paths have moved by different numbers.
.equ NO_COUNTER, -1			# IMAGE_NO_COUNTER
.equ EPROTOTYPE, -91
.equ EAFNOSUPPORT, -97
.equ ESOCKTNOSUPPORT, -94
.equ EEXIST, -17
	w1 = *(u32 *)(r8 + 4)		# counter
	if w1 == NO_COUNTER goto done
	*(u32 *)(r10 - 4) = w1
	r1 = counters ll
	r2 = r10
	r2 += -4
	call 1				# bpf_map_lookup_elem
	if r0 == 0 goto done
	if w7 == 0 goto missing
	if w7 == EPROTOTYPE goto eprototype
	if w7 == EAFNOSUPPORT goto eafnosupport
	if w7 == ESOCKTNOSUPPORT goto esocktnosupport
	if w7 == EEXIST goto eexist
	r1 = *(u64 *)(r0 + 56)		# other
	r1 += 1
	*(u64 *)(r0 + 56) = r1
	goto done
missing:
	r1 = *(u64 *)(r0 + 8)
	r1 += 1
	*(u64 *)(r0 + 8) = r1
	goto done
eprototype:
	r1 = *(u64 *)(r0 + 24)
	r1 += 1
	*(u64 *)(r0 + 24) = r1
	goto done
eafnosupport:
	r1 = *(u64 *)(r0 + 32)
	r1 += 1
	*(u64 *)(r0 + 32) = r1
	goto done
esocktnosupport:
	r1 = *(u64 *)(r0 + 40)
	r1 += 1
	*(u64 *)(r0 + 40) = r1
	goto done
eexist:
	r1 = *(u64 *)(r0 + 48)
	r1 += 1
	*(u64 *)(r0 + 48) = r1
done:
