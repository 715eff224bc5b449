/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policies - small ones of different shape, whose programs are mutated
 */
#ifndef SKPOL_TESTS_POLICIES_H
#define SKPOL_TESTS_POLICIES_H

/* Of which each block is a table of the kind N (lower.h). */
#define SHAPES(n) \
	"policy shapes-" n "\n" \
	"socket a\nsocket b\n" \
	"map m by to {\n" \
	"	10.0.0.0/24, 10.0.2.0/24, 10.5.7.0/26, 10.5.8.1 -> a\n" \
	"	10.0.4.0/23, 10.1.0.0/16, 128.0.0.0/2 -> b\n" \
	"}\n" \
	"x: tcp -> map m\n" \
	"y: udp port { 1, 3, 7-9, 64-127, 443, 1000-1999 } -> b\n" \
	"default -> drop\n"

/* Networks found by a hash, in buckets of the kind N; few, for each address goes its
 * own way. */
#define KEYS(n) \
	"policy shapes-" n "\n" \
	"socket a\nsocket b\n" \
	"map m by to {\n" \
	"	16.0.0.0/4, 48.0.0.0/4, 176.0.0.0/4 -> a\n" \
	"	32.0.0.0/4, 240.0.0.0/4 -> b\n" \
	"}\n" \
	"x: tcp -> map m\n" \
	"default -> pass\n"

static const char *const policies[] = {
	/* compares */
	"policy compares\n"
	"socket web tcp\nsocket dns\n"
	"a: tcp to 192.0.2.0/24 port { 80, 443, 8000-8099 } -> web count\n"
	"b: udp port 53 from 198.51.100.0/25 -> dns else pass\n"
	"c: tcp port 22 from not 203.0.113.0/24 -> drop\n"
	"default -> pass\n",
	/* tables of ports and of addresses */
	"policy tables\n"
	"socket a\nsocket b\n"
	"set many = { 10.0.0.0/24, 10.0.2.0/24, 10.0.4.0/23, 10.1.0.0/16,\n"
	"	10.3.0.0/16, 10.5.7.0/26, 10.5.8.1, 10.9.0.0/17,\n"
	"	172.16.0.0/12, 192.0.2.0/27, 192.0.2.64/26,\n"
	"	198.51.100.7, 203.0.113.0/24 }\n"
	"set ports = { 1, 3, 5, 7-9, 11, 80, 443, 1000-1999, 5000, 9000 }\n"
	"x: tcp to many port ports -> a\n"
	"y: udp to many -> b count\n"
	"default -> drop\n",
	SHAPES("1"), SHAPES("2"), SHAPES("3"), SHAPES("5"),
	KEYS("8"), KEYS("9"), KEYS("10"), KEYS("11"),
	/* verdicts in a table, no socket */
	"policy verdicts\n"
	"set bad = { 10.0.0.0/24, 10.0.2.0/24, 10.0.4.0/23, 10.1.0.0/16,\n"
	"	10.3.0.0/16, 10.5.7.0/26, 10.5.8.1, 10.9.0.0/17 }\n"
	"x: from bad -> drop\n"
	"default -> pass\n",
	/* the words of IPv6 */
	"policy six\n"
	"socket a\nsocket b tcp\n"
	"x: tcp port 443 to {\n"
	"	2001:db8:1::/48, 2001:db8:2:3::/64, 2001:db8:2:4::5\n"
	"} -> b else a count\n"
	"y: from 2001:db8::/33 to 2001:db8:ffff::/112 -> a no-reuseport\n"
	"z: to 2001:db8:1:2:3:4::/96 -> drop\n"
	"default -> pass\n",
	/* a split; of IPv6, too, where some packet has each hash */
	"policy shares\n"
	"socket a tcp\nsocket b tcp\nsocket c\nsocket d udp\n"
	"x: tcp port 80 -> split by from { 90% a, 10% b } else c\n"
	"y: udp to { 192.0.2.0/24, 2001:db8::/32 } ->\n"
	"	split by from port, to { 60% c, 40% d } count\n"
	"default -> drop\n",
	/* else chains and flags */
	"policy chains\n"
	"socket a tcp\nsocket b tcp ip4\nsocket c\n"
	"x: tcp port 80 -> a replace else b no-reuseport else\n"
	"	c else pass count\n"
	"y: tcp port 81 -> a no-reuseport else pass\n"
	"z: udp to 10.0.0.0/8 -> c replace else drop count\n"
	"default -> a else c\n",
	/* interfaces */
	"policy interfaces\n"
	"socket a\nsocket b tcp\n"
	"x: tcp on \"eth0\" port 80 -> b\n"
	"y: on { \"eth1\", \"eth2\" } from 10.0.0.0/8 -> a\n"
	"z: udp on 7 -> drop\n"
	"w: on not \"eth0\" port 443 -> a else pass\n"
	"default -> drop\n",
	/* counters and events */
	"policy counters\n"
	"socket a\nsocket b udp\n"
	"x: tcp port 80 -> a trace count\n"
	"y: udp port 80-90 -> b count\n"
	"z: from { 192.0.2.1, 2001:db8::1 } -> drop trace\n"
	"default -> pass count\n",
	/* a map */
	"policy tenants\n"
	"socket a\nsocket b\n"
	"map m by to, port {\n"
	"	192.0.2.0/24 port 80 -> a\n"
	"	192.0.2.0/26 -> b\n"
	"	198.51.100.0/24, 2001:db8::/32 port 443 -> b else pass\n"
	"	203.0.113.0/24 port 1000-2000 -> drop\n"
	"}\n"
	"x: tcp -> map m count\n"
	"y: udp port 53 -> a\n"
	"default -> pass\n",
	/* blocks, both sides, ports of the other side */
	"policy blocks\n"
	"socket a tcp\nsocket b\n"
	"set us = { 192.0.2.0/24, 2001:db8::/32 }\n"
	"when to us {\n"
	"	x: tcp from port 1024-65535 port 25 -> a else drop\n"
	"	y: from us -> b count\n"
	"	z: udp from port { 53, 123 } -> drop\n"
	"}\n"
	"default -> pass\n",
	/* bits of constants, and a small table */
	"policy bits\n"
	"socket a tcp\nsocket b\nsocket c tcp\n"
	"x: tcp port { 100, 102, 105-107, 131 } -> a\n"
	"y: udp to { 10.0.0.0/24, 10.0.3.0/24, 10.0.7.0/24,\n"
	"	10.0.60.0/24 } -> b\n"
	"z: tcp from { 192.0.2.1, 192.0.2.4 } -> a count\n"
	"w: tcp from { 192.0.2.2, 192.0.2.9 } -> c\n"
	"v: tcp from 192.0.2.3 -> b\n"
	"default -> pass\n",
	/* IPv4 by tables alone, of ports: exploring cuts an address that is looked up
	 * by parts of its bits into too many boxes (test_products has them) */
	"policy products\n"
	"socket a\nsocket b\n"
	"x: ip4 tcp from port 53 to port 443 -> a\n"
	"y: ip4 udp from port 1000-1999 to port 53-90 -> b count\n"
	"z: ip4 from port 53 to port 0-255 -> drop\n"
	"w: udp to 2001:db8::/32 -> b\n"
	"default -> pass\n",
	"policy products-more\n"
	"socket a\nsocket b\nsocket c\n"
	"x: ip4 tcp from port 53 to port 443 -> a\n"
	"y: ip4 udp from port 1000-1999 to port 53-90 -> b count\n"
	"z: ip4 from port 53 to port 0-255 -> drop\n"
	"v: ip4 tcp from port 60-90 to port 1000-5000 -> c\n"
	"u: ip4 tcp from port 70 to port 80 -> c else drop\n"
	"w: udp to 2001:db8::/32 -> b\n"
	"default -> pass\n",
	/* trees, and trees of which all is tables */
	"policy forest\n"
	"socket a\nsocket b\nsocket c\n"
	"r1: from 10.0.0.0/8 to 192.0.2.1 -> a\n"
	"r2: from 10.1.0.0/16 to 192.0.0.0/8 -> b count\n"
	"r3: tcp from 10.1.1.0/24 to 192.0.2.0/24 -> c\n"
	"r4: from fd00::/16 to 2001:db8::1 -> a\n"
	"r5: from fd00:1::/64 to 2001:db8::/64 -> drop\n"
	"default -> pass\n",
	"policy forest-data\n"
	"socket a\nsocket b\nsocket c\n"
	"r1: from 10.0.0.0/8 to 192.0.2.1 -> a\n"
	"r2: from 10.1.0.0/16 to 192.0.0.0/8 -> b count\n"
	"r3: tcp from 10.1.1.0/24 to 192.0.2.0/24 -> c\n"
	"r4: from fd00::/16 to 2001:db8::1 -> a\n"
	"r5: from fd00:1::/64 to 2001:db8::/64 -> drop\n"
	"default -> pass\n",
};

enum { POLICIES = sizeof(policies) / sizeof(*policies) };

#endif
