# SPDX-License-Identifier: BSD-2-Clause
#
# drop - the packet is refused
#
# In, out: nothing
	w0 = 0				# SK_DROP
	exit
