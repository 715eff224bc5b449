# SPDX-License-Identifier: BSD-2-Clause
#
# locate - the number of a step to its address
#
# In:	r7 = index into skpol_steps
# Out:	r8 = address of the struct image_step
# Lost:	r1, r7
# Holes: STEP_MASK = number of steps - 1, a power of two less 1: shows the
#	verifier that no index leaves the table; STEPS = skpol_steps in .rodata
.set STEP_MASK, 0
.set STEPS, 0
	w7 &= STEP_MASK
	r7 <<= 4			# sizeof(struct image_step)
	r8 = skpol_rodata + STEPS ll
	r8 += r7
