# SPDX-License-Identifier: BSD-2-Clause
# web.skl by hand: one load and one test of each field, the likely port first.
	w1 = *(u32 *)(r6 + 40)		# local IPv4, as it lies in memory
	w1 &= 0xffffff
	if w1 != 0x0200c0 goto pass	# 192.0.2.0/24; IPv6 is 0
	w1 = *(u32 *)(r6 + 12)
	if w1 != 6 goto pass
	w1 = *(u32 *)(r6 + 60)
	if w1 == 443 goto https
	if w1 == 80 goto http
	goto pass
