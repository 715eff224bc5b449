# SPDX-License-Identifier: BSD-2-Clause
#
# hosts.awk - pairs of IPv6 hosts: code that is mostly constants of 64 bits
#
# Out: a policy of N rules; with -v packets=1 a packet for each of them, every
# third of another port.
# To be read behind policy.awk.

function host(k) {
	host_text = "2001:db8"
	for (k = 0; k < 6; k++)
		host_text = host_text sprintf(":%x", 1 + draw(65535))
	return host_text
}

function said(i, from, to, port) {
	from = host()
	to = host()
	port = 1 + draw(60000)
	if (packets)
		return "tcp [" from "]:" port " -> [" to "]:" port + !(i % 3)
	return "tcp from " from " to " to " port " port " -> s" i % 5
}
