# SPDX-License-Identifier: BSD-2-Clause
#
# drop.awk - writes drop.txt: awk -f drop.awk >drop.txt
#
# 4,096 prefixes that never overlap, the same on every run, all of ranges set
# aside for documentation and benchmarks: one /27 to /32 out of each /27 of
# 198.18.0.0/16, and one /56 to /64 out of each /44 of 2001:db8:8000::/33, in
# an order as mixed as a real feed's.
function random(n) {
	seed = (seed * 16807) % 2147483647
	return seed % n
}

BEGIN {
	seed = 20
	print "# SPDX-License-Identifier: BSD-2-Clause"
	print "# Made by drop.awk: prefixes of no real network, for an example."
	for (i = 0; i < 2048; i++) {
		slot = (i * 1153) % 2048
		length4 = 27 + random(6)
		offset = int(random(32) / 2 ^ (32 - length4)) * 2 ^ (32 - length4)
		address = slot * 32 + offset
		printf "198.18.%d.%d", int(address / 256), address % 256
		print length4 == 32 ? "" : "/" length4

		slot = (i * 769) % 2048
		printf "2001:db8:%x:%x::/%d\n", 32768 + slot * 16 + random(16),
			random(256) * 256, 56 + random(9)
	}
}
