/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_eval - the reference against verdicts worked out by hand
 *
 * Everything else is compared with the reference, so here nothing is computed:
 * a table of policies and packets, each with the rule and the first choice
 * that a reader of the language's description gets with pencil and paper (the
 * hashes of the splits, from the words in policy.h, with another tool). Then
 * sets and maps of 1,000,000 lines, whose members are known by arithmetic.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../compiler/eval.h"
#include "../../grammar/arena.h"
#include "../../grammar/parse.h"

struct work {
	struct arena arena;
	struct source_set sources;
	struct diags diags;
	struct eval *eval;
};

static struct work *prepare(const char *text)
{
	struct work *w = calloc(1, sizeof(*w));
	struct ast *ast;
	int file;

	arena_init(&w->arena, NULL);
	source_init(&w->sources, &w->arena);
	diag_init(&w->diags, &w->arena, &w->sources);
	file = source_add(&w->sources, "t.skl", text, strlen(text));
	ast = parse_policy(&w->arena, &w->sources, &w->diags, file);
	if (w->diags.nerrors) {
		diag_print(&w->diags, stderr, false);
		fail_msg("does not parse: %s", text);
	}
	w->eval = eval_new(&w->arena, ast);
	return w;
}

static void done(struct work *w)
{
	arena_free(&w->arena);
	free(w);
}

/* "rule: verdict"; a rule without a name is `-`. */
static const char *ask(struct work *w, const char *packet)
{
	static char answer[160];
	char error[PACKET_ERROR_MAX];
	struct eval_result r;
	struct packet p;

	if (!packet_parse(packet, strlen(packet), &p, error))
		fail_msg("%s: %s", packet, error);
	r = eval_packet(w->eval, &p);
	snprintf(answer, sizeof(answer), "%s: %s",
		 r.rule->name.text ? r.rule->name.text : "-", r.verdict);
	return answer;
}

struct question {
	const char *packet, *answer;
};

struct hand {
	const char *text;
	struct question q[34];
};

/* -------------------------------------------------------- the language */

static const struct hand edge = {
	"policy edge-web\n"
	"socket http  tcp\n"
	"socket https tcp at 127.0.0.1 port 8443\n"
	"socket quic  udp\n"
	"socket dns\n"
	"set vips = { 192.0.2.0/24, 2001:db8:80::/48 }\n"
	"set spam = { 198.51.100.0/25, 2001:db8:bad::/48 }\n"
	"map tenant by to {\n"
	"	192.0.2.0/26, 2001:db8:80:a::/64 -> http\n"
	"	192.0.2.0/28 -> dns\n"
	"	default -> https else drop\n"
	"}\n"
	"listed: from spam -> drop count\n"
	"when to vips {\n"
	"	acme: tcp port 80 -> http\n"
	"	tls: tcp port { 443, 8443 } -> https else http count\n"
	"	h3: udp port 443 -> quic else drop\n"
	"	next: tcp port 9000-9099 -> http\n"
	"	both: port 53 -> https else quic\n"
	"}\n"
	"mgmt: tcp to 192.0.2.250 port 22 on { \"eth0\", \"eth1\" } "
	"-> pass trace\n"
	"tenants: tcp port 8080 -> map tenant\n"
	"default -> pass\n",
	{
		{ "tcp 203.0.113.9:50000 -> 192.0.2.77:80", "acme: http" },
		{ "tcp 198.51.100.127:1 -> 192.0.2.77:80", "listed: drop" },
		{ "tcp 198.51.100.128:1 -> 192.0.2.77:80", "acme: http" },
		{ "udp [2001:db8:bad::1]:1 -> [2001:db8:80::1]:443",
		  "listed: drop" },
		{ "udp [2001:db8:bae::1]:1 -> [2001:db8:80::1]:443",
		  "h3: quic" },
		{ "tcp 203.0.113.9:1 -> 192.0.2.0:443", "tls: https" },
		{ "tcp 203.0.113.9:1 -> 192.0.2.255:8443", "tls: https" },
		{ "tcp 203.0.113.9:1 -> 192.0.3.0:443", "-: pass" },
		{ "tcp 203.0.113.9:1 -> 192.0.1.255:443", "-: pass" },
		{ "tcp [::1]:1 -> [2001:db8:80:ffff:ffff:ffff:ffff:ffff]:443",
		  "tls: https" },
		{ "tcp [::1]:1 -> [2001:db8:81::]:443", "-: pass" },
		{ "tcp 203.0.113.9:1 -> 192.0.2.1:8999", "-: pass" },
		{ "tcp 203.0.113.9:1 -> 192.0.2.1:9000", "next: http" },
		{ "tcp 203.0.113.9:1 -> 192.0.2.1:9099", "next: http" },
		{ "tcp 203.0.113.9:1 -> 192.0.2.1:9100", "-: pass" },
		{ "udp 203.0.113.9:1 -> 192.0.2.1:9050", "-: pass" },
		{ "tcp 203.0.113.9:1 -> 192.0.2.1:53", "both: https" },
		{ "udp 203.0.113.9:1 -> 192.0.2.1:53", "both: quic" },
		{ "tcp 203.0.113.9:1 -> 192.0.2.250:22 on eth1",
		  "mgmt: pass" },
		{ "tcp 203.0.113.9:1 -> 192.0.2.250:22 on eth2", "-: pass" },
		{ "tcp 203.0.113.9:1 -> 192.0.2.250:22", "-: pass" },
		{ "tcp 203.0.113.9:1 -> 192.0.2.15:8080", "tenants: dns" },
		{ "tcp 203.0.113.9:1 -> 192.0.2.16:8080", "tenants: http" },
		{ "tcp 203.0.113.9:1 -> 192.0.2.63:8080", "tenants: http" },
		{ "tcp 203.0.113.9:1 -> 192.0.2.64:8080", "tenants: https" },
		{ "tcp 203.0.113.9:1 -> 9.9.9.9:8080", "tenants: https" },
		{ "tcp [::]:1 -> [2001:db8:80:a::]:8080", "tenants: http" },
		{ "udp 203.0.113.9:1 -> 192.0.2.16:8080", "-: pass" },
	},
};

static const struct hand hands[] = {
	/* the live scenarios "Rules" */
	{ "policy p\nsocket a\nsocket b\n"
	  "hole: to 10.1.2.0/24 port 7777 -> pass\n"
	  "all: to 10.1.2.0/24 -> a\n"
	  "one: port 80 to 10.0.0.1 -> a\n"
	  "two: port 80 to 10.0.0.2 -> b\n"
	  "low: to 10.3.0.0/25 -> a\nhigh: to 10.3.0.128/25 -> b\n"
	  "peer: from 172.16.0.0/12 port 5000 to port 90 -> a\n"
	  "sport: from port 5001 port 90 -> b\n"
	  "nic: on \"lo\" port 91 -> a\nnonic: on 7 port 91 -> b\n"
	  "default -> drop\n",
	  {
		{ "tcp 1.1.1.1:1 -> 10.1.2.0:0", "all: a" },
		{ "udp 1.1.1.1:1 -> 10.1.2.255:65535", "all: a" },
		{ "udp 1.1.1.1:1 -> 10.1.2.9:7776", "all: a" },
		{ "udp 1.1.1.1:1 -> 10.1.2.9:7777", "hole: pass" },
		{ "tcp 1.1.1.1:1 -> 10.1.3.0:80", "-: drop" },
		{ "tcp 1.1.1.1:1 -> 10.0.0.1:80", "one: a" },
		{ "tcp 1.1.1.1:1 -> 10.0.0.2:80", "two: b" },
		{ "tcp 1.1.1.1:1 -> 10.0.0.3:80", "-: drop" },
		{ "tcp 1.1.1.1:1 -> 10.3.0.127:80", "low: a" },
		{ "tcp 1.1.1.1:1 -> 10.3.0.128:80", "high: b" },
		{ "tcp 172.16.0.0:5000 -> 9.9.9.9:90", "peer: a" },
		{ "tcp 172.32.0.0:5000 -> 9.9.9.9:90", "-: drop" },
		{ "tcp 172.31.255.255:5000 -> 9.9.9.9:90", "peer: a" },
		{ "tcp 172.16.0.0:5001 -> 9.9.9.9:90", "sport: b" },
		{ "tcp 172.16.0.0:90 -> 9.9.9.9:5001", "-: drop" },
		{ "tcp 1.1.1.1:1 -> 9.9.9.9:91 on lo", "nic: a" },
		{ "tcp 1.1.1.1:1 -> 9.9.9.9:91 on 7", "nonic: b" },
		{ "tcp 1.1.1.1:1 -> 9.9.9.9:91 on eth0", "-: drop" },
	  } },
	{ "policy p\nsocket a\nsocket b\nsocket c\n"
	  "map m by to, port {\n1.2.3.0/24 -> a\n1.2.3.0/24 port 443 -> b\n"
	  "1.2.3.4/32 -> a\n1.2.3.4/32 port 80 -> b\n"
	  "4.3.2.0/24 port 443 -> b\n4.3.2.0/25 port 443 -> c\n}\n"
	  "m: any -> map m\ndefault -> drop\n",
	  {
		{ "tcp 9.9.9.9:1 -> 1.2.3.1:80", "m: a" },
		{ "tcp 9.9.9.9:1 -> 1.2.3.1:443", "m: b" },
		{ "tcp 9.9.9.9:1 -> 1.2.3.4:443", "m: a" },
		{ "tcp 9.9.9.9:1 -> 1.2.3.4:80", "m: b" },
		{ "tcp 9.9.9.9:1 -> 4.3.2.1:443", "m: c" },
		{ "tcp 9.9.9.9:1 -> 4.3.2.128:443", "m: b" },
		{ "tcp 9.9.9.9:1 -> 4.3.2.1:444", "-: drop" },
	  } },
	{ "policy p\nsocket a\nsocket b\nsix: to ::/0 port 1 -> a\n"
	  "four: to 0.0.0.0/0 port 1 -> b\ndefault -> pass\n",
	  {
		{ "tcp 1.1.1.1:1 -> 255.255.255.255:1", "four: b" },
		{ "tcp [::]:1 -> [::]:1", "six: a" },
		{ "tcp [::]:1 -> [::ffff:1.2.3.4]:1", "six: a" },
		{ "tcp [::]:1 -> [::]:2", "-: pass" },
	  } },
	/* sets, and what is not in them */
	{ "policy p\nsocket a\n"
	  "not10: to not { 10.0.0.0/8 } port 1 -> a\n"
	  "notmix: port 2 from not mix -> a\n"
	  "notnone: to not none port 3 -> a\n"
	  "none: to none -> a\n"
	  "nest: to outer port 4 -> a\n"
	  "range: to 10.0.0.5-10.0.1.4 port 5 -> a\n"
	  "range6: to ::5-::1:0 port 5 -> a\n"
	  "notport: port not { 6-8, 10 } from port 9 -> a\n"
	  "ports: to port ports from port 11 -> a\n"
	  "over: to { 10.0.0.0/8, 10.1.0.0/16, 10.0.0.1 } port 12 -> a\n"
	  "edge: to { 0.0.0.0, 255.255.255.255 } port 13 -> a\n"
	  "set none = { }\n"
	  "set mix = { 10.0.0.0/8, ::/1 }\n"
	  "set outer = { inner, 192.0.2.1 }\n"
	  "set inner = { 192.0.2.8/30, deep }\nset deep = { ::8, outest }\n"
	  "set outest = { 1.1.1.1 }\n"
	  "set ports = { 0, 65535, 100-102 }\ndefault -> pass\n",
	  {
		{ "tcp 1.1.1.1:1 -> 10.255.255.255:1", "-: pass" },
		{ "tcp 1.1.1.1:1 -> 11.0.0.0:1", "not10: a" },
		{ "tcp [::]:1 -> [::]:1", "not10: a" },
		{ "tcp 10.0.0.0:1 -> 1.1.1.1:2", "-: pass" },
		{ "tcp 9.0.0.0:1 -> 1.1.1.1:2", "notmix: a" },
		{ "tcp [7fff::]:1 -> [::]:2", "-: pass" },
		{ "tcp [8000::]:1 -> [::]:2", "notmix: a" },
		{ "tcp 9.0.0.0:1 -> 1.1.1.1:3", "notnone: a" },
		{ "tcp [::]:1 -> [::]:3", "notnone: a" },
		{ "tcp 9.0.0.0:1 -> 192.0.2.1:4", "nest: a" },
		{ "tcp 9.0.0.0:1 -> 192.0.2.11:4", "nest: a" },
		{ "tcp 9.0.0.0:1 -> 192.0.2.12:4", "-: pass" },
		{ "tcp 9.0.0.0:1 -> 1.1.1.1:4", "nest: a" },
		{ "tcp [::1]:1 -> [::8]:4", "nest: a" },
		{ "tcp [::1]:1 -> [::9]:4", "-: pass" },
		{ "tcp 9.0.0.0:1 -> 10.0.0.4:5", "-: pass" },
		{ "tcp 9.0.0.0:1 -> 10.0.0.5:5", "range: a" },
		{ "tcp 9.0.0.0:1 -> 10.0.1.4:5", "range: a" },
		{ "tcp 9.0.0.0:1 -> 10.0.1.5:5", "-: pass" },
		{ "tcp [::1]:1 -> [::1:0]:5", "range6: a" },
		{ "tcp [::1]:1 -> [::1:1]:5", "-: pass" },
		{ "tcp 9.0.0.0:9 -> 1.1.1.2:5", "notport: a" },
		{ "tcp 9.0.0.0:9 -> 1.1.1.2:7", "-: pass" },
		{ "tcp 9.0.0.0:9 -> 1.1.1.2:9", "notport: a" },
		{ "tcp 9.0.0.0:9 -> 1.1.1.2:10", "-: pass" },
		{ "tcp 9.0.0.0:11 -> 1.1.1.2:0", "ports: a" },
		{ "tcp 9.0.0.0:11 -> 1.1.1.2:65535", "ports: a" },
		{ "tcp 9.0.0.0:11 -> 1.1.1.2:103", "-: pass" },
		{ "tcp 9.0.0.0:11 -> 10.2.0.0:12", "over: a" },
		{ "tcp 9.0.0.0:11 -> 0.0.0.0:13", "edge: a" },
		{ "tcp 9.0.0.0:11 -> 255.255.255.255:13", "edge: a" },
		{ "tcp [::]:11 -> [::]:13", "-: pass" },
	  } },
	/* interfaces, named and numbered */
	{ "policy p\nsocket a\nset nics = { \"eth0\", 7, 10-12 }\n"
	  "in: on nics port 1 -> a\nout: on not nics port 2 -> a\n"
	  "noname: on not \"eth0\" port 3 -> a\n"
	  "nonum: on not 7 port 4 -> a\ndefault -> pass\n",
	  {
		{ "tcp 1.1.1.1:1 -> 1.1.1.1:1 on eth0", "in: a" },
		{ "tcp 1.1.1.1:1 -> 1.1.1.1:1 on 7", "in: a" },
		{ "tcp 1.1.1.1:1 -> 1.1.1.1:1 on 12", "in: a" },
		{ "tcp 1.1.1.1:1 -> 1.1.1.1:1 on 13", "-: pass" },
		{ "tcp 1.1.1.1:1 -> 1.1.1.1:1", "-: pass" },
		{ "tcp 1.1.1.1:1 -> 1.1.1.1:2 on eth0", "-: pass" },
		{ "tcp 1.1.1.1:1 -> 1.1.1.1:2 on 11", "-: pass" },
		{ "tcp 1.1.1.1:1 -> 1.1.1.1:2 on eth1", "out: a" },
		{ "tcp 1.1.1.1:1 -> 1.1.1.1:2", "out: a" },
		{ "tcp 1.1.1.1:1 -> 1.1.1.1:3", "noname: a" },
		{ "tcp 1.1.1.1:1 -> 1.1.1.1:3 on 7", "noname: a" },
		{ "tcp 1.1.1.1:1 -> 1.1.1.1:3 on eth0", "-: pass" },
		{ "tcp 1.1.1.1:1 -> 1.1.1.1:4 on eth0", "nonum: a" },
		{ "tcp 1.1.1.1:1 -> 1.1.1.1:4 on 7", "-: pass" },
	  } },
	/* blocks in blocks; one that has nothing is gone through */
	{ "policy p\nsocket a\nsocket b\nwhen tcp {\n"
	  "when ip4 to 10.0.0.0/8 {\nx: port 1 -> a\n"
	  "when from not 192.0.2.0/24 { y: port 2 -> a }\n}\n"
	  "z: port 1-2 -> b\n}\nwhen to { } {\nnever: any -> drop\n}\n"
	  "w: port 2 -> a else b\ndefault -> pass\n",
	  {
		{ "tcp 1.1.1.1:1 -> 10.0.0.1:1", "x: a" },
		{ "tcp 1.1.1.1:1 -> 10.0.0.1:2", "y: a" },
		{ "tcp 192.0.2.1:1 -> 10.0.0.1:2", "z: b" },
		{ "tcp 1.1.1.1:1 -> 11.0.0.1:1", "z: b" },
		{ "tcp [::]:1 -> [::]:2", "z: b" },
		{ "udp 1.1.1.1:1 -> 10.0.0.1:2", "w: a" },
		{ "udp 1.1.1.1:1 -> 10.0.0.1:1", "-: pass" },
		{ "tcp 1.1.1.1:1 -> 10.0.0.1:3", "-: pass" },
	  } },
	/* the first in the chain that has a slot */
	{ "policy p\ndefault -> t4 else u6 no-reuseport else pass\n"
	  "socket t4 tcp ip4\nsocket u6 ip6 udp\nsocket t tcp\nsocket six ip6\n"
	  "a: port 1 -> t4 else u6\nb: port 2 -> t else six replace else drop\n"
	  "c: port 3 -> six else t else pass\n"
	  "d: port 4 -> split by from { 100% t } else six else pass\n",
	  {
		{ "tcp 1.1.1.1:1 -> 1.1.1.1:1", "a: t4" },
		{ "udp 1.1.1.1:1 -> 1.1.1.1:1", "a: drop" },
		{ "udp [::]:1 -> [::]:1", "a: u6" },
		{ "tcp [::]:1 -> [::]:1", "a: drop" },
		{ "tcp [::]:1 -> [::]:2", "b: t" },
		{ "udp [::]:1 -> [::]:2", "b: six" },
		{ "udp 1.1.1.1:1 -> 1.1.1.1:2", "b: drop" },
		{ "tcp [::]:1 -> [::]:3", "c: six" },
		{ "tcp 1.1.1.1:1 -> 1.1.1.1:3", "c: t" },
		{ "udp 1.1.1.1:1 -> 1.1.1.1:3", "c: pass" },
		{ "tcp 1.1.1.1:1 -> 1.1.1.1:4", "d: t" },
		{ "udp [::]:1 -> [::]:4", "d: six" },
		{ "udp 1.1.1.1:1 -> 1.1.1.1:4", "d: pass" },
		{ "tcp 1.1.1.1:1 -> 1.1.1.1:5", "-: t4" },
		{ "tcp [::]:1 -> [::]:5", "-: pass" },
		{ "udp [::]:1 -> [::]:5", "-: u6" },
	  } },
	/* maps: every key; nothing found goes on; sets as keys */
	{ "policy p\nsocket a\nsocket b\nsocket c\nsocket d\n"
	  "set some = { 10.9.0.0/16, 10.9.9.9, ::9 }\nset few = { 21, 30-39 }\n"
	  "map by-to by to { 10.0.0.0/8 -> a; some -> b; 10.9.9.0/24 -> c }\n"
	  "map by-from by from { ::/0 -> a; ::/128 -> b; 0.0.0.0/0 -> c }\n"
	  "map by-port by port { 1-10 -> a; 2-4 -> b; 3 -> c; few -> d\n"
	  "0-65535 -> b else pass }\n"
	  "map by-peer by from port { 7 -> a; 0, 65535 -> b }\n"
	  "map by-nic by on, port { \"eth0\" port 1 -> a; \"eth0\" -> b\n"
	  "3 port 1-9 -> c; 4, \"lo\" -> d }\n"
	  "map both by port, to { 10.0.0.0/8 port 5 -> a; 10.0.0.0/9 -> b\n"
	  "10.0.0.0/8 port 1-100 -> c; default -> d }\n"
	  "map peers by from, from port { 10.0.0.0/8 port 5 -> a\n"
	  "10.0.0.1 port 6, 8 -> b }\n"
	  "t: port 1 from port 1 -> map by-to\n"
	  "f: port 1 from port 2 -> map by-from\n"
	  "o: from port 3 -> map by-port\n"
	  "peer: port 2 -> map by-peer\n"
	  "when from port 4 { nic: any -> map by-nic }\n"
	  "both: from port 5 -> map both\npeers: port 3 -> map peers\n"
	  "default -> pass\n",
	  {
		{ "tcp 1.1.1.1:1 -> 10.0.0.1:1", "t: a" },
		{ "tcp 1.1.1.1:1 -> 10.9.0.1:1", "t: b" },
		{ "tcp 1.1.1.1:1 -> 10.9.9.1:1", "t: c" },
		{ "tcp 1.1.1.1:1 -> 10.9.9.9:1", "t: b" },
		{ "tcp 1.1.1.1:1 -> 11.0.0.0:1", "-: pass" },
		{ "tcp [::]:1 -> [::9]:1", "t: b" },
		{ "tcp [::]:2 -> [::9]:1", "f: b" },
		{ "tcp [::1]:2 -> [::9]:1", "f: a" },
		{ "tcp 1.1.1.1:2 -> 10.0.0.1:1", "f: c" },
		{ "tcp 1.1.1.1:3 -> 10.0.0.1:1", "o: a" },
		{ "tcp 1.1.1.1:3 -> 10.0.0.1:4", "o: b" },
		{ "tcp 1.1.1.1:3 -> 10.0.0.1:3", "o: c" },
		{ "tcp 1.1.1.1:3 -> 10.0.0.1:39", "o: d" },
		{ "tcp 1.1.1.1:3 -> 10.0.0.1:40", "o: b" },
		{ "tcp 1.1.1.1:7 -> 10.0.0.1:2", "peer: a" },
		{ "tcp 1.1.1.1:65535 -> 10.0.0.1:2", "peer: b" },
		{ "tcp 1.1.1.1:8 -> 10.0.0.1:2", "-: pass" },
		{ "tcp 1.1.1.1:4 -> 1.1.1.1:1 on eth0", "nic: a" },
		{ "tcp 1.1.1.1:4 -> 1.1.1.1:4 on eth0", "nic: b" },
		{ "tcp 1.1.1.1:4 -> 1.1.1.1:9 on 3", "nic: c" },
		{ "tcp 1.1.1.1:4 -> 1.1.1.1:10 on 3", "-: pass" },
		{ "tcp 1.1.1.1:4 -> 1.1.1.1:10 on lo", "nic: d" },
		{ "tcp 1.1.1.1:4 -> 1.1.1.1:10 on 4", "nic: d" },
		{ "tcp 1.1.1.1:4 -> 1.1.1.1:10", "-: pass" },
		/* the longest prefix, whatever stands first after `by` */
		{ "tcp 1.1.1.1:5 -> 10.0.0.1:5", "both: b" },
		{ "tcp 1.1.1.1:5 -> 10.128.0.1:5", "both: a" },
		{ "tcp 1.1.1.1:5 -> 10.128.0.1:6", "both: c" },
		{ "tcp 1.1.1.1:5 -> 10.128.0.1:101", "both: d" },
		{ "tcp [::]:5 -> [::1]:5", "both: d" },
		{ "tcp 10.0.0.1:8 -> 1.1.1.1:3", "peers: b" },
		{ "tcp 10.2.0.1:6 -> 1.1.1.1:3", "-: pass" },
	  } },
	/* an entry's verdict has slots and splits too */
	{ "policy p\nsocket t tcp\nsocket u udp\nsocket a\nsocket b\n"
	  "map m by to { 1.0.0.0/8 -> t else u; 2.0.0.0/8 -> t\n"
	  "3.0.0.0/8 -> drop\n"
	  "10.0.0.0/8 -> split by from { 50% a, 50% b }\n"
	  "default -> split by from { 50% a, 50% b } else pass }\n"
	  "x: port 1 -> map m\ny: port 2 -> map m\n"
	  "default -> map m\n",
	  {
		{ "tcp 9.9.9.9:1 -> 1.1.1.1:1", "x: t" },
		{ "udp 9.9.9.9:1 -> 1.1.1.1:1", "x: u" },
		{ "udp 9.9.9.9:1 -> 2.1.1.1:1", "x: drop" },
		{ "udp 9.9.9.9:1 -> 3.1.1.1:2", "y: drop" },
		{ "udp 9.9.9.9:1 -> 3.1.1.1:3", "-: drop" },
		/* "x\n10.0.0.0/8", "y\n10.0.0.0/8", "x\ndefault" */
		{ "tcp 203.0.113.10:1 -> 10.1.1.1:1", "x: a" },
		{ "tcp 203.0.113.10:1 -> 10.1.1.1:2", "y: b" },
		{ "tcp 203.0.113.10:1 -> 11.1.1.1:1", "x: b" },
		{ "tcp 203.0.113.11:1 -> 11.1.1.1:1", "x: a" },
	  } },
	/* splits: seeded by the rule's name, the first share has the rest */
	{ "policy p\nsocket a\nsocket b\nsocket c\nsocket d\n"
	  "x: port 1 -> split by from { 50% a, 50% b }\n"
	  "y: port 2 -> split by from { 50% a, 50% b }\n"
	  "tcp port 80 -> split by from, from port, to, to port, on "
	  "{ 20% a, 30% b, 50% c }\n"
	  "default -> drop\n",
	  {
		{ "tcp 203.0.113.9:1 -> 1.1.1.1:1", "x: b" },
		{ "tcp 203.0.113.10:9 -> 9.9.9.9:1 on 3", "x: b" },
		{ "tcp 203.0.113.11:1 -> 1.1.1.1:1", "x: a" },
		{ "tcp 203.0.113.12:1 -> 1.1.1.1:1", "x: b" },
		{ "tcp 203.0.113.9:1 -> 1.1.1.1:2", "y: b" },
		{ "tcp 203.0.113.12:1 -> 1.1.1.1:2", "y: a" },
		{ "tcp [2001:db8::1]:1 -> [::1]:1", "x: a" },
		{ "tcp [2001:db8::2]:1 -> [::1]:1", "x: b" },
		{ "tcp [2001:db8::3]:1 -> [::1]:1", "x: a" },
		{ "tcp [2001:db8::4]:1 -> [::1]:1", "x: b" },
		{ "tcp 203.0.113.9:1 -> 192.0.2.1:80 on 7", "-: c" },
		{ "tcp 203.0.113.9:2 -> 192.0.2.1:80 on 7", "-: b" },
		{ "tcp 203.0.113.9:3 -> 192.0.2.1:80 on 7", "-: c" },
		{ "tcp 203.0.113.9:4 -> 192.0.2.1:80 on 7", "-: c" },
	  } },
	{ "policy p\nsocket a\nsocket b\nsocket c\nsocket d\n"
	  "x: port 1 -> split by from { 25% a, 25% b, 25% c, 25% d }\n"
	  "default -> drop\n",
	  {
		{ "tcp 203.0.113.9:1 -> 1.1.1.1:1", "x: b" },
		{ "tcp 203.0.113.10:1 -> 1.1.1.1:1", "x: d" },
		{ "tcp 203.0.113.11:1 -> 1.1.1.1:1", "x: c" },
		{ "tcp [2001:db8::3]:1 -> [::1]:1", "x: a" },
	  } },
	/* corners */
	{ "policy p\ndefault -> drop\n",
	  { { "tcp 0.0.0.0:0 -> 0.0.0.0:0", "-: drop" } } },
	{ "policy p\ndefault -> pass\nx: any -> drop\ny: any -> pass\n",
	  { { "udp [::]:0 -> [::]:65535", "x: drop" } } },
	{ "policy p\ndefault -> pass\nx: to 0.0.0.0/0 port 0 -> drop\n"
	  "y: ip6 from port 65535 -> drop\nz: ip4 udp -> drop\n",
	  {
		{ "tcp 1.1.1.1:1 -> 1.1.1.1:0", "x: drop" },
		{ "tcp 1.1.1.1:1 -> 1.1.1.1:1", "-: pass" },
		{ "udp 1.1.1.1:1 -> 1.1.1.1:1", "z: drop" },
		{ "udp [::]:65535 -> [::]:0", "y: drop" },
		{ "udp [::]:65534 -> [::]:0", "-: pass" },
	  } },
};

static void answer_all(const struct hand *h)
{
	struct work *w = prepare(h->text);
	const struct question *q;

	for (q = h->q; q->packet; q++) {
		const char *got = ask(w, q->packet);

		if (strcmp(got, q->answer))
			fail_msg("%s\n%s: %s, and not %s", h->text, q->packet,
				 got, q->answer);
	}
	done(w);
}

static void language(void **state)
{
	(void)state;
	answer_all(&edge);
}

static void by_hand(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(hands) / sizeof(*hands); i++)
		answer_all(&hands[i]);
}

/* The entry of a map is part of the answer. */
static void entries(void **state)
{
	struct work *w = prepare("policy p\nsocket a\nmap m by to {\n"
				 "1.0.0.0/8 -> a\ndefault -> a\n}\n"
				 "x: tcp -> map m\ndefault -> a\n");
	struct packet p = { .family = 4, .protocol = PACKET_TCP,
			    .local = 0x01020304 };
	struct eval_result r;

	(void)state;
	r = eval_packet(w->eval, &p);
	assert_non_null(r.entry);
	assert_false(r.entry->is_default);
	p.local = 0x02020304;
	r = eval_packet(w->eval, &p);
	assert_true(r.entry->is_default);
	p.protocol = PACKET_UDP;
	r = eval_packet(w->eval, &p);
	assert_null(r.entry);
	done(w);
}

static bool is_absent(void *ctx, const struct ast_socket *s)
{
	return strchr(ctx, *s->name.text);
}

static const char *without(struct work *w, const struct packet *p,
			   const char *absent, unsigned int flags)
{
	struct eval_result r = eval_packet_without(w->eval, p, is_absent,
						   (void *)absent);

	assert_int_equal(r.flags, flags);
	return r.verdict;
}

/* What `else` is for: the slots of some sockets are empty. */
static void empty_slots(void **state)
{
	struct work *w = prepare(
		"policy p\nsocket a\nsocket b\nsocket c tcp\nsocket d\n"
		"x: tcp -> a replace else b no-reuseport replace else c\n"
		"y: udp port 1 -> split by from { 100% a } else b else pass\n"
		"default -> c else d\n");
	struct packet p = { .family = 4, .protocol = PACKET_TCP };

	(void)state;
	assert_string_equal(without(w, &p, "", AST_REPLACE), "a");
	assert_string_equal(without(w, &p, "acd", AST_REPLACE |
				    AST_NO_REUSEPORT), "b");
	assert_string_equal(without(w, &p, "ab", 0), "c");
	assert_string_equal(without(w, &p, "abc", 0), "drop");
	p.protocol = PACKET_UDP;
	assert_string_equal(without(w, &p, "a", 0), "d");
	assert_string_equal(without(w, &p, "d", 0), "drop");
	p.local_port = 1;
	assert_string_equal(without(w, &p, "b", 0), "a");
	assert_string_equal(without(w, &p, "a", 0), "b");
	assert_string_equal(without(w, &p, "ab", 0), "pass");
	done(w);
}

/* ---------------------------------------------------------------- size */

enum { LINES = 1000000, SEED = 12345, QUESTIONS = 200000 };

/*
 * Line i is the address 10.0.0.0 + 4 * i; in the map, to socket i % 3.
 * In no order: line numbers go round by a step that has no factor of LINES.
 */
static char *many_lines(void)
{
	char *text = malloc(LINES * 64u), *at = text;
	uint32_t i, line = 0;

	at += sprintf(at, "policy p\nsocket s0\nsocket s1\nsocket s2\n"
		      "x: tcp to s -> drop\ny: udp -> map m\n"
		      "default -> pass\nset s = {\n");
	for (i = 0; i < LINES; i++, line = (line + 7919) % LINES)
		at += sprintf(at, "10.%u.%u.%u\n", line >> 14,
			      line >> 6 & 255, (line & 63) * 4);
	at += sprintf(at, "}\nmap m by to {\n");
	for (i = 0; i < LINES; i++, line = (line + 7919) % LINES)
		at += sprintf(at, "10.%u.%u.%u -> s%u\n", line >> 14,
			      line >> 6 & 255, (line & 63) * 4, line % 3);
	sprintf(at, "}\n");
	return text;
}

static void million(void **state)
{
	static const char *const names[] = { "s0", "s1", "s2" };
	char *text = many_lines();
	struct work *w = prepare(text);
	uint32_t x = SEED;
	int i;

	(void)state;
	for (i = 0; i < QUESTIONS; i++) {
		struct packet p = { .family = 4 };
		uint32_t line = (x = x * 1664525 + 1013904223) >> 11;
		bool member = line < LINES && !(i & 4);
		const char *want = "pass", *got;

		p.protocol = i & 1 ? PACKET_TCP : PACKET_UDP;
		p.local = 0x0a000000 + line * 4 + (i & 4 ? 1 + i % 3 : 0);
		if (member)
			want = i & 1 ? "drop" : names[line % 3];
		got = eval_packet(w->eval, &p).verdict;
		if (strcmp(got, want))
			fail_msg("line %u: %s, and not %s", line, got, want);
	}
	done(w);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(language),
		cmocka_unit_test(by_hand),
		cmocka_unit_test(entries),
		cmocka_unit_test(empty_slots),
		cmocka_unit_test(million),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
