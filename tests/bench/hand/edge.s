# SPDX-License-Identifier: BSD-2-Clause
# edge.skl by hand. Addresses are compared as they lie in memory.
	w1 = *(u32 *)(r6 + 8)
	if w1 == 10 goto six
	w1 = *(u32 *)(r6 + 16)		# remote
	w1 &= 0x80ffffff
	if w1 == 0x807100cb goto drop	# 203.0.113.128/25
	w1 = *(u32 *)(r6 + 40)		# local
	w1 &= 0xffffff
	if w1 != 0x0200c0 goto pass	# 192.0.2.0/24
ports:	w2 = *(u32 *)(r6 + 12)
	w1 = *(u32 *)(r6 + 60)
	if w2 != 6 goto udp
	if w1 == 443 goto https
	if w1 == 80 goto http
	if w1 == 8443 goto https
	w1 -= 9000
	if w1 < 100 goto bulk
	goto drop
udp:	if w1 == 443 goto quic
	goto drop
six:	w1 = *(u32 *)(r6 + 20)
	if w1 != 0xb80d0120 goto known	# 2001:db8
	w1 = *(u32 *)(r6 + 24)
	w1 &= 0xffff
	if w1 == 0xad0b goto drop	# :bad
known:	w1 = *(u32 *)(r6 + 44)
	if w1 != 0xb80d0120 goto pass
	w1 = *(u32 *)(r6 + 48)
	w1 &= 0xffff
	if w1 == 0x8000 goto ports	# :80
	goto pass
