/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_packet - packets and lines of .pkt files, as text and as numbers
 *
 * What parses prints as expected, and parses back to the same packet. What
 * does not has a sentence that says why. Nothing behind the length is read:
 * every text is in a buffer of its own size.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../grammar/packet.h"

/* TEXT without its NUL, at the end of its memory. */
static char *exact(const char *text, size_t len)
{
	char *copy = malloc(len ? len : 1);

	memcpy(copy, text, len);
	return copy;
}

static bool parse(const char *text, struct packet *p, char *error)
{
	size_t len = strlen(text);
	char *copy = exact(text, len);
	bool good = packet_parse(copy, len, p, error);

	free(copy);
	assert_int_equal(good, !*error);
	return good;
}

static const struct {
	const char *text, *printed;	/* NULL: as written */
} right[] = {
	{ "tcp 203.0.113.9:50000 -> 192.0.2.1:443", NULL },
	{ "udp [2001:db8::9]:50000 -> [2001:db8::1]:53 on eth0", NULL },
	{ "tcp 0.0.0.0:0 -> 255.255.255.255:65535", NULL },
	{ "tcp [::]:0 -> [::ffff:1.2.3.4]:65535 on 7", NULL },
	{ "tcp 1.2.3.4:1 -> 1.2.3.4:2 on 2147483647", NULL },
	{ "tcp 1.2.3.4:1 -> 1.2.3.4:2 on fifteen-bytes-0", NULL },
	{ "tcp 1.2.3.4:1 -> 1.2.3.4:2 on \"7\"", NULL },
	{ "tcp 1.2.3.4:1 -> 1.2.3.4:2 on \"eth0\"",
	  "tcp 1.2.3.4:1 -> 1.2.3.4:2 on eth0" },
	{ " \tudp\t1.2.3.4:00080  ->\n 5.6.7.8:1\r\n",
	  "udp 1.2.3.4:80 -> 5.6.7.8:1" },
	{ "tcp [2001:DB8:0:0:0:0:0:1]:1 -> [0:0::0]:2",
	  "tcp [2001:db8::1]:1 -> [::]:2" },
	{ "tcp [ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535 -> "
	  "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535 on "
	  "fifteen-bytes-0", NULL },
};

static void packets(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++) {
		const char *expected = right[i].printed ? right[i].printed :
			right[i].text;
		char error[PACKET_ERROR_MAX], text[PACKET_TEXT_MAX];
		struct packet p, q;

		if (!parse(right[i].text, &p, error))
			fail_msg("%s: %s", right[i].text, error);
		assert_string_equal(packet_print(&p, text), expected);
		assert_true(parse(text, &q, error));
		assert_memory_equal(&p, &q, sizeof(p));
	}
}

/* The left side is the remote one. */
static void sides(void **state)
{
	char error[PACKET_ERROR_MAX];
	struct packet p;

	(void)state;
	assert_true(parse("udp 1.2.3.4:5 -> 6.7.8.9:10 on 3", &p, error));
	assert_int_equal(p.family, 4);
	assert_int_equal(p.protocol, PACKET_UDP);
	assert_true(p.remote == 0x01020304 && p.local == 0x06070809);
	assert_int_equal(p.remote_port, 5);
	assert_int_equal(p.local_port, 10);
	assert_int_equal(p.ifindex, 3);
	assert_string_equal(p.ifname, "");
	assert_true(parse("tcp [::1]:5 -> [1::]:10 on e", &p, error));
	assert_int_equal(p.family, 6);
	assert_true(p.remote == 1 && p.local == (u128)1 << 112);
	assert_int_equal(p.ifindex, 0);
	assert_string_equal(p.ifname, "e");
}

static const struct {
	const char *text, *error;	/* a part of the sentence */
} wrong[] = {
	{ "", "begins with `tcp` or `udp`" },
	{ "icmp 1.2.3.4:1 -> 1.2.3.4:2", "not `icmp`" },
	{ "TCP 1.2.3.4:1 -> 1.2.3.4:2", "not `TCP`" },
	{ "tcp", "found the end" },
	{ "tcp 1.2.3.4", "`1.2.3.4` is not ADDRESS:PORT" },
	{ "tcp 1.2.3.4: -> 1.2.3.4:2", "does not end in a port" },
	{ "tcp 1.2.3.4:65536 -> 1.2.3.4:2", "0 to 65535" },
	{ "tcp 1.2.3.4:99999999999999999999 -> 1.2.3.4:2", "0 to 65535" },
	{ "tcp 1.2.3.4:-1 -> 1.2.3.4:2", "0 to 65535" },
	{ "tcp 1.2.3:1 -> 1.2.3.4:2", "`1.2.3` is not an address" },
	{ "tcp :1 -> 1.2.3.4:2", "is not an address" },
	{ "tcp example.org:1 -> 1.2.3.4:2", "`example.org` is not an" },
	{ "tcp [1.2.3.4]:1 -> 1.2.3.4:2", "is not an address" },
	{ "tcp []:1 -> 1.2.3.4:2", "is not an address" },
	{ "tcp [:1 -> 1.2.3.4:2", "is not an address" },
	{ "tcp [::1:1 -> 1.2.3.4:2", "is not an address" },
	{ "tcp 2001:db8::1:443 -> [::1]:2", "[2001:db8::1]:443" },
	{ "tcp [fe80::1%lo]:1 -> [::1]:2", "is not an address" },
	{ "tcp 1.2.3.4:1", "expected `->`" },
	{ "tcp 1.2.3.4:1 1.2.3.4:2", "expected `->`" },
	{ "tcp 1.2.3.4:1 => 1.2.3.4:2", "expected `->`" },
	{ "tcp 1.2.3.4:1 ->", "found the end" },
	{ "tcp 1.2.3.4:1 -> [::1]:2", "different families" },
	{ "tcp 1.2.3.4:1 -> 1.2.3.4:2 eth0", "`eth0` is more than" },
	{ "tcp 1.2.3.4:1 -> 1.2.3.4:2 on", "is not an interface name" },
	{ "tcp 1.2.3.4:1 -> 1.2.3.4:2 on \"\"", "is not an interface name" },
	{ "tcp 1.2.3.4:1 -> 1.2.3.4:2 on sixteen-bytes-16", "1 to 15" },
	{ "tcp 1.2.3.4:1 -> 1.2.3.4:2 on 0", "is not an interface index" },
	{ "tcp 1.2.3.4:1 -> 1.2.3.4:2 on 2147483648", "interface index" },
	{ "tcp 1.2.3.4:1 -> 1.2.3.4:2 on e f", "`f` is more than" },
};

static void mistakes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		char error[PACKET_ERROR_MAX];
		struct packet p;

		if (parse(wrong[i].text, &p, error))
			fail_msg("is a packet: %s", wrong[i].text);
		if (!strstr(error, wrong[i].error))
			fail_msg("%s: %s\nexpected: %s", wrong[i].text, error,
				 wrong[i].error);
	}
}

static void any_bytes(void **state)
{
	static const char good[] = "tcp [2001:db8::1]:50 -> [::1]:443 on eth0";
	char error[PACKET_ERROR_MAX];
	struct packet p;

	(void)state;
	for (size_t i = 0; i < sizeof(good) - 1; i++)
		for (int c = 0; c < 256; c++) {
			char *text = exact(good, sizeof(good) - 1);

			text[i] = (char)c;
			packet_parse(text, sizeof(good) - 1, &p, error);
			assert_true(memchr(error, '\0', sizeof(error)));
			free(text);
		}
	for (size_t n = 0; n < sizeof(good) - 1; n++) {
		char *text = exact(good, n);

		packet_parse(text, n, &p, error);
		free(text);
	}
}

static void long_words(void **state)
{
	enum { N = 1 << 20 };
	char error[PACKET_ERROR_MAX], *text = malloc(N);
	struct packet p;

	(void)state;
	for (int c = 1; c < 128; c++) {
		memset(text, c, N);
		assert_false(packet_parse(text, N, &p, error));
		memcpy(text, "tcp ", 4);
		assert_false(packet_parse(text, N, &p, error));
		assert_true(strlen(error) < PACKET_ERROR_MAX);
	}
	free(text);
}

/* --------------------------------------------------------------- lines */

#define P "tcp 1.2.3.4:1 -> 1.2.3.4:2"

static const struct {
	const char *line;
	bool has_packet;
	const char *expected, *error;
} lines[] = {
	{ "", false, "", NULL },
	{ " \t\r", false, "", NULL },
	{ "# " P, false, "", NULL },
	{ "  # => x", false, "", NULL },
	{ P, true, "", NULL },
	{ P " => web", true, "web", NULL },
	{ P "=>web", true, "web", NULL },
	{ P " on eth0 => drop # why => not", true, "drop", NULL },
	{ P "\t=>\tpass\r", true, "pass", NULL },
	{ P " # => pass", true, "", NULL },
	{ P " on a#b => pass", true, "pass", NULL },
	{ P " =>", false, "", "found the end" },
	{ P " => # web", false, "", "found the end" },
	{ P " => a b", false, "", "`b` stands behind the verdict" },
	{ P " => aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaa", true, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaa", NULL },
	{ P " => aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaa", false, "", "is no verdict" },
	{ "=> web", false, "", "begins with `tcp`" },
	{ "tcp => web", false, "", "found the end" },
};

static void pkt_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		size_t len = strlen(lines[i].line);
		char *line = exact(lines[i].line, len);
		char expected[64], error[PACKET_ERROR_MAX];
		bool has_packet, good;
		struct packet p;

		good = packet_parse_line(line, len, &p, &has_packet, expected,
					 error);
		if (good != !lines[i].error)
			fail_msg("%s: %s", lines[i].line, error);
		if (good) {
			assert_int_equal(has_packet, lines[i].has_packet);
			assert_string_equal(expected, lines[i].expected);
		} else if (!strstr(error, lines[i].error)) {
			fail_msg("%s: %s", lines[i].line, error);
		}
		free(line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets),
		cmocka_unit_test(sides),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(any_bytes),
		cmocka_unit_test(long_words),
		cmocka_unit_test(pkt_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
