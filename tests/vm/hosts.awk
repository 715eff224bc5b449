# SPDX-License-Identifier: BSD-2-Clause
#
# hosts.awk - pairs of hosts: code that is mostly constants, and tables of them
#
# Out: a policy of N rules, one in four about IPv4, the others about IPv6, whose
# constants have 64 bits; with -v packets=1 a packet for each of them, every third
# of another port. At -O2 IPv4 becomes tables of products, the IPv6 pairs a table of
# hosts behind them.
# To be read behind policy.awk.

function host4() {
	return "10." draw(256) "." draw(256) "." draw(256)
}

function host6(k) {
	host_text = "2001:db8"
	for (k = 0; k < 6; k++)
		host_text = host_text sprintf(":%x", 1 + draw(65535))
	return host_text
}

function said(i, from, to, port) {
	from = i % 4 ? host6() : host4()
	to = i % 4 ? host6() : host4()
	port = 1 + draw(60000)
	if (!packets)
		return "tcp from " from " to " to " port " port " -> s" i % 5
	if (i % 4) {
		from = "[" from "]"
		to = "[" to "]"
	}
	return "tcp " from ":" port " -> " to ":" port + !(i % 3)
}
