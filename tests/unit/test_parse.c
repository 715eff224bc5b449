/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_parse - the grammar, production by production, and every mistake of form
 *
 * Three tables. Right: a text and its normal form. Wrong: a text, and all that
 * must be reported for it, as name@line:column in order of place, nothing
 * more: so one run reports every mistake, and none twice. Words: what a
 * message must say. Files are test_parse_file.c's, bytes that are no policy
 * test_parse_bytes.c's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture_parse.h"

/* Behind every text, so that line and column are the text's own. */
#define TAIL "\npolicy p\ndefault -> pass\n"

static char *with_tail(const char *text)
{
	char *whole = malloc(strlen(text) + sizeof(TAIL));

	return strcat(strcpy(whole, text), TAIL);
}

/* --------------------------------------------------------------- right */

static const struct {
	const char *text, *normal;	/* without policy and default */
} right[] = {
	{ "", "" },
	{ ";;\n;", "" },
	{ "# only this", "" },
	/* socket */
	{ "socket a", "socket a\n" },
	{ "socket a tcp", "socket a tcp\n" },
	{ "socket a ip6", "socket a ip6\n" },
	{ "socket a udp ip4", "socket a udp ip4\n" },
	{ "socket a at 1.2.3.4 port 65535",
	  "socket a at 1.2.3.4 port 65535\n" },
	{ "socket a tcp ip6 at ::1 port 0",
	  "socket a tcp ip6 at ::1 port 0\n" },
	{ "socket a; socket b ;socket c;", "socket a\nsocket b\nsocket c\n" },
	/* names */
	{ "socket A_9-z-0_", "socket A_9-z-0_\n" },
	{ "socket policy1\nsocket my-tcp\nsocket tcp-in\nsocket dead\n",
	  "socket policy1\nsocket my-tcp\nsocket tcp-in\nsocket dead\n" },
	{ "socket aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaa",
	  "socket aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaa\n" },
	/* set */
	{ "set s = {}", "set s = { }\n" },
	{ "set s = {\n\n}", "set s = { }\n" },
	{ "set s = { 1 }", "set s = { 1 }\n" },
	{ "set s = { 1, }", "set s = { 1 }\n" },
	{ "set s = { 1;2,3\n4 ,\n\n,; 5\n}", "set s = { 1, 2, 3, 4, 5 }\n" },
	{ "set s = {1-2, 3 - 4, 5 -6}", "set s = { 1-2, 3-4, 5-6 }\n" },
	{ "set s = { t, \"eth0\", 1, 1.2.3.4-1.2.3.6, 1.0.0.0/8, ::1-::2,"
	  " ::/0 }",
	  "set s = { t, \"eth0\", 1, 1.0.0.0/8, 1.2.3.4-1.2.3.6, ::/0, "
	  "::1-::2 }\n" },
	{ "set s =\n{\n1\n}", "set s = { 1 }\n" },
	{ "set s = { # c\n1 # d\n# e\n, # f\n2 }", "set s = { 1, 2 }\n" },
	/* numbers and addresses */
	{ "set s = { 0, 00080, 4294967295 }",
	  "set s = { 0, 80, 4294967295 }\n" },
	{ "set s = { 0.0.0.0/0, 1.2.3.4/32, 128.0.0.0/1 }",
	  "set s = { 0.0.0.0/0, 1.2.3.4, 128.0.0.0/1 }\n" },
	{ "set s = { ::, ::/128, 8000::/1, ABCD:: , ::1.2.3.4 }",
	  "set s = { ::, ::102:304, 8000::/1, abcd:: }\n" },
	{ "dead: to dead::1 -> drop", "dead: to dead::1 -> drop\n" },
	{ "dead:to ::1->drop", "dead: to ::1 -> drop\n" },
	/* map */
	{ "map m by to {}", "map m by to {\n}\n" },
	{ "map m by to, port { }\nmap n by from port { }\nmap o by from { }\n"
	  "map q by on,from\nport { }",
	  "map m by to, port {\n}\nmap n by from port {\n}\n"
	  "map o by from {\n}\nmap q by on, from port {\n}\n" },
	{ "map m by to, port { 1.2.3.4 -> a\n ::1,s,::/0 port 1,2-3->pass;"
	  "default -> drop }",
	  "map m by to, port {\n    1.2.3.4 -> a\n"
	  "    s, ::/0, ::1 port 1, 2-3 -> pass\n    default -> drop\n}\n" },
	{ "map m by to { 1.2.3.4,\n::1 ->\na else\ndrop }",
	  "map m by to {\n    1.2.3.4, ::1 -> a\n}\n" },
	{ "map m by to { ::1 -> split by from { 100% a } }",
	  "map m by to {\n    ::1 -> split by from { 100% a }\n}\n" },
	/* match */
	{ "any -> drop", "any -> drop\n" },
	{ "tcp -> drop\nudp -> drop\nip4 -> drop\nip6 -> drop",
	  "tcp -> drop\nudp -> drop\nip4 -> drop\nip6 -> drop\n" },
	{ "on \"eth0\" port 1 to 1.2.3.4 from ::1 ip4 udp -> drop",
	  "udp ip4 to 1.2.3.4 port 1 from ::1 on \"eth0\" -> drop\n" },
	{ "to port 1 from port 2 -> drop", "port 1 from port 2 -> drop\n" },
	{ "to s port 1 from t port 2 -> drop",
	  "to s port 1 from t port 2 -> drop\n" },
	{ "from t port 2 port 1 -> drop", "port 1 from t port 2 -> drop\n" },
	{ "from port 2 port 1 -> drop", "port 1 from port 2 -> drop\n" },
	{ "from t tcp port 1 -> drop", "tcp port 1 from t -> drop\n" },
	{ "to not s port not { 1, 2 } on not 3 -> drop",
	  "to not s port not 1-2 on not 3 -> drop\n" },
	{ "to not {\n1.2.3.4\n} -> drop", "to not 1.2.3.4 -> drop\n" },
	{ "on \"\303\274 # ->\" -> drop", "on \"\303\274 # ->\" -> drop\n" },
	{ "on \"\" -> drop", "on \"\" -> drop\n" },
	/* verdict */
	{ "any -> pass count", "any -> pass count\n" },
	{ "any -> drop trace count", "any -> drop count trace\n" },
	{ "any -> a no-reuseport replace", "any -> a no-reuseport replace\n" },
	{ "any -> a replace else b no-reuseport else c else pass count",
	  "any -> a replace else b no-reuseport else c else pass count\n" },
	{ "any -> map m trace", "any -> map m trace\n" },
	{ "any -> split by from, from port, to, to port, on {50%a;50%b}",
	  "any -> split by from, from port, to, to port, on "
	  "{ 50% a, 50% b }\n" },
	{ "any -> split by from {\n 0.5% a\n 99.5% b\n} else a else pass count",
	  "any -> split by from { 0.5% a, 99.5% b } else a else pass count\n" },
	{ "any -> split by from { 0% a, 100.0000% b, } else drop",
	  "any -> split by from { 0% a, 100% b }\n" },
	/* statement */
	{ "x: tcp -> drop", "x: tcp -> drop\n" },
	{ "x:\nto\n1.2.3.4 ->\n\n# c\n\ndrop", "x: to 1.2.3.4 -> drop\n" },
	{ "when tcp { }", "when tcp {\n}\n" },
	{ "when tcp { udp -> drop }", "when tcp {\n    udp -> drop\n}\n" },
	{ "when to { ::1 } port { 1 } {\nx: udp -> drop; ;when any { } }",
	  "when to ::1 port 1 {\n    x: udp -> drop\n    when any {\n    }\n"
	  "}\n" },
	{ "when to not { } { }", "when to not { } {\n}\n" },
	{ "## a\n##  b \n##\n\n# c\nx: tcp -> drop ## no\n##tight\nudp -> drop",
	  "## a\n##  b\n##\nx: tcp -> drop\n## tight\nudp -> drop\n" },
	/* expect: its place is behind the default */
	{ "expect any -> pass", "\nexpect any -> pass\n" },
	{ "expect tcp to s -> { a }", "\nexpect tcp to s -> a\n" },
	{ "expect tcp -> { a, drop;\npass, }",
	  "\nexpect tcp -> { a, drop, pass }\n" },
};

/* TEXT without the two lines that every policy has. */
static void cut(char *text)
{
	static const char *const lines[] = {
		"policy p\n", "default -> pass\n",
	};

	for (int i = 0; i < 2; i++) {
		size_t len = strlen(lines[i]);
		char *at = strstr(text, lines[i]);

		assert_non_null(at);
		if (i && at[len])	/* expectations: mark the place */
			*at++ = '\n', len--;
		memmove(at, at + len, strlen(at + len) + 1);
	}
}

static void all_right(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++) {
		char *text = with_tail(right[i].text), *normal;
		struct parsed *p;

		p = parsed_text(text);
		parsed_expect(p, text, "");
		normal = parsed_normalized(p);
		cut(normal);
		if (strcmp(normal, right[i].normal))
			fail_msg("%s\nmeans:    %s\nexpected: %s",
				 right[i].text, normal, right[i].normal);
		parsed_free(p);
		free(text);
	}
}

/* Any newline that ends no statement may be there, with a comment before it. */
static void newlines_anywhere(void **state)
{
	static const char *const text =
		"policy p\n"
		"default -> split by from, to { 50% a, 50% b } else a\n"
		"socket a tcp at 1.2.3.4 port 1\n"
		"x: tcp from not { s, 1-2, 1.2.3.4-1.2.3.5 } port 1 -> a else b"
		" else drop\n"
		"set s = { 1 }\n"
		"map m by to, from port { ::1, ::2 port 3, 4 -> a else pass }\n"
		"when tcp { when udp { y: port 1 -> map m } }\n"
		"expect to s -> { a, drop }\n";
	/* words behind which a newline says nothing */
	static const char *const after[] = {
		"policy", "default", "->", "split", "by", "from,", "to ", "{",
		"else", "socket", "at", "port ", "x:", "not", "s,", "set", "=",
		"map", "to,", "from ", "::1,", "3,", "when", "expect", "a,",
		"1-", "1.2.3.4-",
	};
	struct parsed *p = parsed_text(text), *q;
	const char *normal = parsed_normalized(p);

	(void)state;
	parsed_expect(p, text, "");
	for (size_t i = 0; i < sizeof(after) / sizeof(*after); i++) {
		const char *at = text;
		size_t len = strlen(after[i]);

		assert_non_null(strstr(text, after[i]));
		while ((at = strstr(at, after[i]))) {
			char *broken = arena_printf(&p->arena, "%.*s%s%s",
				(int)(at - text + (long)len), text,
				" # why\n\n", at + len);

			q = parsed_text(broken);
			parsed_expect(q, broken, "");
			assert_string_equal(parsed_normalized(q), normal);
			parsed_free(q);
			at += len;
		}
	}
	parsed_free(p);
}

/* --------------------------------------------------------------- wrong */

static const struct {
	const char *text, *reports;
} wrong[] = {
	/* items */
	{ "policy", "syntax@2:1" },
	{ "policy a b", "syntax@1:10 missing-policy@2:8" },
	{ "socket", "syntax@2:1" },
	{ "socket tcp", "syntax@1:8" },
	{ "socket 1.2.3.4", "syntax@1:8" },
	{ "socket a b", "syntax@1:10" },
	{ "socket a tcp tcp", "repeated-clause@1:14" },
	{ "socket a ip4 ip6", "repeated-clause@1:14" },
	{ "socket a at 1.2.3.4", "syntax@1:20" },
	{ "socket a at s port 1", "syntax@1:13" },
	{ "socket a at ::/0 port 1", "syntax@1:13" },
	{ "socket a at ::1 port", "syntax@2:1" },
	{ "socket a at ::1 port 1-2", "syntax@1:23" },
	{ "socket a at ::1 port 65536", "port-range@1:22" },
	{ "socket a at ::1 port http", "service-name@1:22" },
	{ "socket a at ::1 port \"http\"", "service-name@1:22" },
	{ "set", "syntax@2:1" },
	{ "set s { 1 }", "syntax@1:7" },
	{ "set s = 1", "syntax@1:9" },
	{ "set s = s", "syntax@1:9" },
	{ "set s = { , 1 }", "syntax@1:11" },
	{ "set s = { 1 2 }", "syntax@1:13" },
	{ "set s = { 1- }", "syntax@1:14" },
	{ "set s = { -1 }", "syntax@1:11" },
	{ "set s = { 1-::1 }", "syntax@1:13" },
	{ "set s = { ::/0-::1 }", "syntax@1:15" },
	{ "set s = { { 1 } }", "syntax@1:11" },
	{ "set s = { not 1 }", "syntax@1:11" },
	{ "set s = file s", "syntax@1:14" },
	{ "map m { }", "syntax@1:7" },
	{ "map m by { }", "syntax@1:10" },
	{ "map m by port from { }", "syntax@1:15" },
	{ "map m by to to { }", "syntax@1:13" },
	{ "map m by to, to { }", "repeated-clause@1:14" },
	{ "map m by from port, from port { }", "repeated-clause@1:21" },
	{ "map m by to = { }", "syntax@1:15" },
	{ "map m by to { ::1 }", "syntax@1:19" },
	{ "map m by to {\n::1 -> map n\n::2 -> a\n}", "syntax@2:8" },
	{ "map m by to { ::1 -> a count }", "syntax@1:24" },
	{ "map m by to { ::1 ::2 -> a }", "syntax@1:19" },
	{ "map m by to { { ::1 } -> a }", "syntax@1:15" },
	{ "map m by to {\nport 1 -> a\nnot ::1 -> a\n when tcp { }\n"
	  "default port 1 -> a\n}",
	  "syntax@2:1 syntax@3:1 syntax@4:2 syntax@5:9" },
	{ "expect -> a", "syntax@1:8" },
	{ "expect tcp -> { }", "syntax@1:17" },
	{ "expect tcp -> map m", "syntax@1:15" },
	{ "expect tcp -> a else b", "syntax@1:17" },
	{ "expect tcp -> a count", "syntax@1:17" },
	{ "expect x: tcp -> a", "syntax@1:8" },
	{ "default drop", "syntax@1:9" },
	{ "default: any -> drop", "syntax@1:8" },
	{ "include more", "syntax@1:9" },
	{ "when tcp {\n include \"x\"\n socket a\n set s = { 1 }\n"
	  " map m by to {\n}\n policy q\n default -> drop\n"
	  " expect any -> a\ntcp tcp -> a\n}",
	  "syntax@2:2 syntax@3:2 syntax@4:2 syntax@5:2 syntax@7:2 syntax@8:2 "
	  "syntax@9:2 repeated-clause@10:5" },
	/* statements */
	{ "tcp", "syntax@1:4" },
	{ "tcp\n-> a", "syntax@1:4 syntax@2:1" },
	{ "-> a", "syntax@1:1" },
	{ "x tcp -> a", "syntax@1:3" },
	{ "x: y: tcp -> a", "syntax@1:4" },
	{ "x: when tcp { }", "syntax@1:4" },
	{ "tcp ->", "syntax@2:1" },
	{ "tcp -> -> a", "syntax@1:8" },
	{ "tcp any -> a", "syntax@1:5" },
	{ "any tcp -> a", "syntax@1:5" },
	{ "tcp -> a else", "syntax@2:1" },
	{ "tcp -> a else map m", "syntax@1:15" },
	{ "tcp -> pass else a", "syntax@1:13" },
	{ "tcp -> a count else b", "syntax@1:16" },
	{ "tcp -> pass replace", "syntax@1:13" },
	{ "tcp -> map m else a", "syntax@1:14" },
	{ "tcp -> a, b", "syntax@1:9" },
	{ "tcp -> a count count trace trace",
	  "repeated-clause@1:16 repeated-clause@1:28" },
	{ "tcp -> a replace replace", "repeated-clause@1:18" },
	{ "tcp -> a no-reuseport no-reuseport", "repeated-clause@1:23" },
	{ "tcp => a", "syntax@1:5" },
	{ "tcp -> split { 100% a }", "syntax@1:14" },
	{ "tcp -> split by { 100% a }", "syntax@1:17" },
	{ "tcp -> split by port { 100% a }", "syntax@1:17" },
	{ "tcp -> split by from { }", "syntax@1:24" },
	{ "tcp -> split by from { 100 a }", "syntax@1:24" },
	{ "tcp -> split by from { a 100% }", "syntax@1:24" },
	{ "tcp -> split by from { 100% pass }", "syntax@1:29" },
	{ "tcp -> split by from, from { 100% a }", "repeated-clause@1:23" },
	{ "tcp -> split by from { 100.1% a, 0.00001% b }",
	  "split-sum@1:24 syntax@1:34" },
	{ "tcp -> split by from { 99999999999999999999% a }",
	  "split-sum@1:24" },
	/* clauses said twice */
	{ "tcp udp -> a", "repeated-clause@1:5" },
	{ "ip4 ip4 -> a", "repeated-clause@1:5" },
	{ "to s from t to u from v -> a",
	  "repeated-clause@1:13 repeated-clause@1:18" },
	{ "port 1 to s port 2 -> a", "repeated-clause@1:18" },
	{ "to s port 1 tcp port 2 -> a", "repeated-clause@1:22" },
	{ "port 1 port 2 -> a", "repeated-clause@1:13" },
	{ "on 1 on 2 -> a", "repeated-clause@1:9" },
	{ "from s port 1 port 2 port 3 -> a", "repeated-clause@1:27" },
	/* operands */
	{ "to -> a", "syntax@1:4" },
	{ "to not not s -> a", "syntax@1:8" },
	{ "to tcp -> a", "syntax@1:4" },
	{ "port -> a", "syntax@1:6" },
	{ "port to 1 -> a", "syntax@1:6" },
	{ "to { s port 1 } -> a", "syntax@1:8" },
	{ "to s, t -> a", "syntax@1:5" },
	{ "to 1.2.3.4:80 -> a", "syntax@1:11" },
	{ "to [::1] -> a", "syntax@1:4" },
	{ "tcp ! port 1 -> a", "syntax@1:5" },
	{ "port 5-3 -> a", "empty-range@1:6" },
	{ "port 99999-80 -> a", "empty-range@1:6" },
	{ "on 99999-80 -> a", "empty-range@1:4" },
	{ "to { ::2-::1, 1.2.3.4-1.2.3.3 } -> a",
	  "empty-range@1:6 empty-range@1:15" },
	{ "to 1.2.3.4-::1 -> a", "kind-mismatch@1:4" },
	{ "port 65536 -> a", "port-range@1:6" },
	{ "port { 1, 2-65536 } from port 70000 -> a",
	  "port-range@1:11 port-range@1:31" },
	{ "port 4294967296 -> a", "port-range@1:6" },
	{ "port 99999999999999999999999999999999999 -> a", "port-range@1:6" },
	{ "port 80-99999999999 -> a", "port-range@1:9" },
	{ "port 99999999999-80 -> a", "port-range@1:6" },
	{ "on { 8-99999999999 } -> a", "port-range@1:8" },
	{ "to 192.0.2.9-192.0.2.999 -> a", "bad-address@1:14" },
	{ "to 2001:db8::1-2001::9::3 -> a", "bad-address@1:16" },
	{ "port 080x -> a", "syntax@1:6" },
	{ "port 0x50 -> a", "syntax@1:6" },
	{ "port 80% -> a", "syntax@1:6" },
	{ "port 1..2 -> a", "bad-address@1:6" },
	/* addresses and prefixes */
	{ "to { 1.2.3, 1.2.3.4.5, 256.0.0.1, 01.2.3.4, 1.2.3. } -> a",
	  "bad-address@1:6 bad-address@1:13 bad-address@1:24 "
	  "bad-address@1:35 bad-address@1:45" },
	{ "to { 1:2, ::1::, ::12345, 1:2:3:4:5:6:7:8:9 } -> a",
	  "syntax@1:7 bad-address@1:11 bad-address@1:18 bad-address@1:27" },
	{ "to { ::g, fe80::1%eth0, ::1.2.3 } -> a",
	  "bad-address@1:6 bad-address@1:11 bad-address@1:25" },
	{ "to { 10/8, 1.2/16, 1::2::/64 } -> a",
	  "bad-address@1:6 bad-address@1:12 bad-address@1:20" },
	{ "to { 0.0.0.0/33, ::/129, ::/, 0.0.0.0/x, ::/-1, 1.0.0.0/08 } -> a",
	  "prefix-length@1:6 prefix-length@1:18 prefix-length@1:26 "
	  "prefix-length@1:31 prefix-length@1:42 syntax@1:45 "
	  "prefix-length@1:49" },
	{ "to { 1.2.3.4/31, ::1/127, 1.2.3.5/31, ::3/127 } -> a",
	  "host-bits@1:18 host-bits@1:27 host-bits@1:39" },
	{ "socket a at 1.2.3 port 1", "bad-address@1:13" },
	/* strings */
	{ "on \"eth0 -> a\ntcp tcp -> a",
	  "syntax@1:4 repeated-clause@2:5" },
	{ "on 'eth0' -> a", "syntax@1:4" },
	{ "on \"a\tb\" -> a", "bad-byte@1:6" },
	/* names */
	{ "_a: tcp -> b", "syntax@1:1" },
	{ "4a: tcp -> b", "syntax@1:1" },
	{ "a-: tcp -> b", "syntax@1:2" },
	{ "a--b: tcp -> b", "syntax@1:2" },
	{ "tcp: tcp -> b", "syntax@1:4" },
	{ "socket aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaa", "name-too-long@1:8" },
	/* bytes */
	{ "\001tcp -> a", "bad-byte@1:1" },
	{ "tcp \200\201\202 -> a", "bad-byte@1:5" },
	{ "t\303\274: tcp -> a", "bad-byte@1:2" },
	{ "\357\273\277tcp tcp -> a", "repeated-clause@1:8" },
	{ "tcp \357\273\277 -> a", "bad-byte@1:5" },
	{ "tcp \r -> a", "bad-byte@1:5" },
	{ "tcp \f -> a", "bad-byte@1:5" },
	{ "tcp -> a # \177", "bad-byte@1:12" },
	{ "tcp -> a # \302\205", "bad-byte@1:12" },
	{ "tcp -> a # \xed\xa0\x80", "bad-byte@1:12" },
	{ "tcp -> a # \xc0\xaf \xf4\x90\x80\x80", "bad-byte@1:12" },
	{ "tcp -> a # \tn\303\274ch\xf0\x9f\x98\x80", "" },
	{ "on \"\xff\" -> a", "bad-byte@1:5" },
	/* braces */
	{ "tcp -> a }", "syntax@1:10" },
	{ "}", "syntax@1:1" },
	{ "set s = { 1, 2\nset t = { 3 }\ntcp tcp -> a",
	  "syntax@2:1 repeated-clause@3:5" },
	{ "when tcp {\nudp -> a", "syntax@3:1" },
	{ "when tcp { when udp {\nport 1 -> a\nset s = { 1 }\ntcp tcp -> a",
	  "syntax@3:1 repeated-clause@4:5" },
	{ "map m by to {\n::1 -> a\nwhen tcp {\nudp udp -> a\n}\n"
	  "map n by to {\n::1 -> a a\n}",
	  "syntax@3:1 repeated-clause@4:5 syntax@7:10" },
	{ "map m by to {\n::1 -> a\n", "syntax@4:1" },
	{ "when tcp {\nudp ->\nport 1 1 -> a\n}\ntcp tcp -> a",
	  "syntax@3:1 syntax@3:8 repeated-clause@5:5" },
	{ "when tcp { udp -> a } }", "syntax@1:23" },
	{ "when tcp", "syntax@1:9" },
	{ "when tcp -> a", "syntax@1:10" },
	{ "when { tcp -> a }", "syntax@1:6" },
	/* one mistake hides no other, in blocks neither */
	{ "when tcp tcp {\nudp udp -> a\nto -> a\nwhen udp {\nport x y -> a\n"
	  "on 1 on 2 -> a\n}\n}\nip4 ip4 -> a",
	  "repeated-clause@1:10 repeated-clause@2:5 syntax@3:4 syntax@5:8 "
	  "repeated-clause@6:9 repeated-clause@9:5" },
};

static void all_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		char *text = with_tail(wrong[i].text);
		struct parsed *p = parsed_text(text);

		parsed_expect(p, text, wrong[i].reports);
		parsed_free(p);
		free(text);
	}
}

/* Without the tail: what a policy must have, once. */
static const struct {
	const char *text, *reports;
} lines[] = {
	{ "policy p\ndefault -> pass", "" },
	{ "default -> pass; policy p", "" },
	{ "", "missing-policy@1:1 missing-default@1:1" },
	{ "\n\n# nothing\n", "missing-policy@1:1 missing-default@1:1" },
	{ "policy p", "missing-default@1:1" },
	{ "default -> pass", "missing-policy@1:1" },
	{ "policy p\npolicy p\ndefault -> pass", "missing-policy@2:8" },
	{ "policy p\ndefault -> pass\ndefault -> pass\ndefault -> drop",
	  "missing-default@3:1 missing-default@4:1" },
	/* broken or misspelt is not missing */
	{ "policy\ndefault ->", "syntax@2:1 syntax@2:11" },
	{ "policy 4\ndefault -> 4", "syntax@1:8 syntax@2:12" },
	{ "polcy p\ndefault -> pass", "syntax@1:7" },
	{ "policy p\ndefalt -> pass", "syntax@2:8" },
	{ "when tcp {\n policy p\n default -> pass\n}",
	  "missing-policy@1:1 missing-default@1:1 syntax@2:2 syntax@3:2" },
	{ "when tcp {\npolicy p\ndefault -> pass", "syntax@2:1" },
	{ "when tcp {\n policy p", "syntax@2:2 syntax@2:10" },
};

static void policy_and_default(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct parsed *p = parsed_text(lines[i].text);

		parsed_expect(p, lines[i].text, lines[i].reports);
		parsed_free(p);
	}
}

/* ----------------------------------------------------------- the words */

static const struct {
	const char *text;
	const char *message, *help;	/* parts of them */
} words[] = {
	{ "tcp port -> a", "expected a port, a range, a set or `{`, found `->`",
	  NULL },
	{ "tcp to 10/8 -> a", "`10/8` is not a prefix", "`10.0.0.0/8`" },
	{ "to 10.1.2.3/8 -> a", "`10.1.2.3/8` has bits set",
	  "write `10.0.0.0/8` for the network, `10.1.2.3` for the one" },
	{ "port 9-7 -> a", "ends before it begins", "write `7-9`" },
	{ "port 99999-7 -> a", "ends before it begins", NULL },
	{ "port 9, 7 -> a", "found `,`", "in braces: `{ 80, 443 }`" },
	{ "when to ::1, s {", "found `,`", "in braces" },
	{ "tcp -> a, a", "found `,`", NULL },
	{ "port 1..3 -> a", "is not an IPv4 address", "written with `-`" },
	{ "to 1.2.3.4:80 -> a", "found `:`", "`192.0.2.1 port 443`" },
	{ "to fe80::1%lo -> a", "is not an IPv6 address", "`on \"eth0\"`" },
	{ "socket tcp", "`tcp` is a word of the language", "`tcp1`" },
	{ "default: tcp -> a", "cannot name a rule", "`my-default`" },
	{ "tpc port 1 -> a", "expected `:`", "did you mean `tcp`?" },
	{ "xyz port 1 -> a", "expected `:`", "followed by `:`" },
	{ "tcp prot 1 -> a", "found `prot`", "did you mean `port`?" },
	{ "tcp\n  -> a", "found the end of the line", NULL },
	{ "tcp => a", "an arrow is written `->`", NULL },
	{ "tcp -> drop else a", "found `else`", "never fail" },
	{ "map m by to { ::1 -> map n }", "found `map`", "cannot ask a map" },
	{ "tcp ! -> a", "`!` means nothing", "written `not`" },
	{ "tcp / -> a", "`/` means nothing", "`#`" },
	{ "on 'a' -> a", "`'` means nothing", "double quotes" },
	{ "on \"a -> a", "a string that does not end", "on the same line" },
	{ "tcp \303\274 -> a", "byte 0xc3 at offset 4", "comments" },
	{ "tcp \xff -> a", "byte 0xff at offset 4", "UTF-8" },
	{ "socket 4a", "neither a name nor a number", "begins with a letter" },
	{ "set s = { 1", "found `policy`", NULL },
	{ "tcp -> split by from { 101% a }", "more than 100 %", NULL },
};

static void all_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		char *text = with_tail(words[i].text);
		struct parsed *p = parsed_text(text);
		const struct diag *d = p->diags.first;

		if (!d || !strstr(d->message, words[i].message) ||
		    (words[i].help &&
		     (!d->help || !strstr(d->help, words[i].help)))) {
			diag_print(&p->diags, stderr, false);
			fail_msg("%s\nexpected: %s\n%s", words[i].text,
				 words[i].message, words[i].help ?
				 words[i].help : "");
		}
		parsed_free(p);
		free(text);
	}
}

/* The place that imposes the constraint. */
static void second_places(void **state)
{
	struct parsed *p = parsed_text("tcp port 1 udp -> a" TAIL);

	(void)state;
	assert_int_equal(p->diags.first->also.place.begin, 0);
	assert_int_equal(p->diags.first->also.place.end, 3);
	parsed_free(p);
	p = parsed_text("when tcp {\nset s = {");
	assert_int_equal(p->diags.first->also.place.begin, 9);
	parsed_free(p);
	p = parsed_text("when tcp {\nudp -> a");
	assert_string_equal(p->diags.first->also.text, "this `{` is open");
	assert_int_equal(p->diags.first->also.place.begin, 9);
	parsed_free(p);
}

static void stops_after_twenty(void **state)
{
	char text[4096] = "", *at = text;
	struct parsed *p;

	(void)state;
	for (int i = 0; i < 100; i++)
		at += sprintf(at, "tcp %d -> a\n", i);
	p = parsed_text(text);
	assert_int_equal(p->diags.nerrors, DIAG_MAX_ERRORS);
	assert_non_null(strstr(parsed_reports(p), " syntax@20:5"));
	parsed_free(p);
	/* of one clause, too */
	at = stpcpy(text, "port { ");
	for (int i = 0; i < 100; i++)
		at = stpcpy(at, "70000, ");
	strcpy(at, "} -> a\n");
	p = parsed_text(text);
	assert_int_equal(p->diags.nerrors, DIAG_MAX_ERRORS);
	parsed_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_right),
		cmocka_unit_test(newlines_anywhere),
		cmocka_unit_test(all_wrong),
		cmocka_unit_test(policy_and_default),
		cmocka_unit_test(all_words),
		cmocka_unit_test(second_places),
		cmocka_unit_test(stops_after_twenty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
