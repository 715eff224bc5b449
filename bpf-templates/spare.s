# SPDX-License-Identifier: BSD-2-Clause
#
# spare - the next place of a slot, when the one before did not do
#
# In:	the stack at -4 = index of the place before
# Out:	falls out at its end: the stack at -4 = index of this place; `assign`
#	goes on from there
# Lost:	r1
# Only a packet whose first socket is gone comes here.
.equ SLOTS_MAX, 65536			# IMAGE_SLOTS_MAX
	w1 = *(u32 *)(r10 - 4)
	w1 += SLOTS_MAX
	*(u32 *)(r10 - 4) = w1
