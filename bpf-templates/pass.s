# SPDX-License-Identifier: BSD-2-Clause
#
# pass - the packet goes where it went without skpol, or to what was assigned
#
# In, out: nothing
	w0 = 1				# SK_PASS
	exit
