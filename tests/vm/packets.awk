# SPDX-License-Identifier: BSD-2-Clause
#
# packets - packets made of the numbers and addresses written in a policy
#
# In: a policy. Out: 40 packets, the same each time for one `seed`.

function pick(pool, n) { return pool[int(rand() * n)] }

function port() {
	p = rand() < 0.7 ? pick(ports, nports) : int(rand() * 65536)
	if (rand() < 0.2)
		p++
	return p > 65535 ? 65535 : p
}

function end(family) {
	return (family == 4 ? pick(four, nfour) : \
		"[" pick(six, nsix) "]") ":" port()
}

BEGIN {
	four[nfour++] = "192.0.2.1"
	four[nfour++] = "255.255.255.255"
	six[nsix++] = "2001:db8:80::1"
	six[nsix++] = "::"
	ports[nports++] = 443
}

{
	sub(/#.*/, "")
	n = split($0, words, /[^0-9a-zA-Z.:]+/)
	for (i = 1; i <= n; i++) {
		w = words[i]
		if (w ~ /^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$/)
			four[nfour++] = w
		else if (w ~ /^[0-9a-f:]+$/ && w ~ /:.*:/)
			six[nsix++] = w
		else if (w ~ /^[0-9]+$/ && w + 0 <= 65535)
			ports[nports++] = w + 0
	}
}

END {
	srand(seed)
	for (i = 0; i < 40; i++) {
		family = rand() < 0.5 ? 4 : 6
		print (rand() < 0.5 ? "tcp " : "udp ") end(family) \
			" -> " end(family)
	}
}
