# SPDX-License-Identifier: BSD-2-Clause
#
# next - the step to try after one that failed
#
# In:	r8 = step
# Out:	r7 = index into skpol_steps
	w7 = *(u32 *)(r8 + 8)
