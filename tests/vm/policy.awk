# SPDX-License-Identifier: BSD-2-Clause
#
# policy.awk - what the generators of policies share
#
# In: said(i), rule I or, with -v packets=1, a packet for it; -v name=, -v n=.
# Out: a policy of N rules, or the packets. The same on every host: it has its
# own numbers.

function draw(n) {
	x = (x * 16807) % 2147483647
	return int(x / 2147483647 * n)
}

BEGIN {
	x = 4711
	if (!packets) {
		print "policy " name
		for (i = 0; i < 5; i++)
			print "socket s" i
	}
	for (i = 0; i < n; i++)
		print said(i)
	if (!packets)
		print "default -> pass"
}
