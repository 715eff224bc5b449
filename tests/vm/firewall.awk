# SPDX-License-Identifier: BSD-2-Clause
#
# firewall.awk - rules that overlap too much for one diagram
#
# Out: a policy of N rules; with -v packets=1 a packet for each of them, which
# another rule may take.
# To be read behind policy.awk.

function end(net, wide) {
	base = wide ? net "." 32 * draw(8) ".0" : \
		net "." draw(256) "." 4 * draw(64)
	bits = wide ? 11 + draw(3) : 22 + draw(3)
}

function rule(i) {
	protocol = draw(2) ? "tcp" : "udp"
	end(10, i % 3 == 0)
	from = base ".0/" bits
	client = base "." draw(256)
	end(172, i % 3 == 1)
	to = base ".0/" bits
	server = base "." draw(256)
	low = draw(4) ? 100 * draw(60) : 0
	high = low ? low + draw(200) : 65535
	port = draw(65536)
}

function said(i) {
	rule(i)
	if (packets)
		return protocol " " client ":" port " -> " server ":" low
	return protocol " from " from " to " to " port " low "-" high " -> " \
		(i % 7 ? "s" i % 5 : "drop")
}
