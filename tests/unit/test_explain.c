/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_explain - why packets get their verdicts
 *
 * The exact text for packets that miss conditions of every kind, the exact
 * JSON for one of them, and random policies: what decides must be what the
 * clauses say, entry and share included, and every rule before it must have
 * missed by something that it asks for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../compiler/explain.h"
#include "../../grammar/arena.h"
#include "../../grammar/print.h"
#include "fixture_policy.h"

static const char policy[] =
	"policy edge\n"
	"socket http tcp\n"
	"socket https tcp\n"
	"socket quic udp\n"
	"set vips = { 192.0.2.0/24, 2001:db8:80::/48 }\n"
	"set spam = { 203.0.113.64/26, worse }\n"
	"set worse = { 198.51.100.0/24 }\n"
	"map tenant by to, port {\n"
	"  192.0.2.0/26 port 8080 -> http\n"
	"  192.0.2.0/26 -> https else pass\n"
	"  worse port 1-9 -> http\n"
	"}\n"
	"## no spam\n"
	"## at all\n"
	"listed: from spam -> drop count\n"
	"when to vips {\n"
	"  acme: tcp port 80 -> http\n"
	"  tls: tcp port { 443, 8443 } on not \"eth1\" -> https else http\n"
	"  when from port 1024-65535 {\n"
	"    h3: udp port 443 -> quic else drop\n"
	"  }\n"
	"  next: tcp port 9000-9099 -> split by from, from port "
	"{ 95% http, 4.5% https, 0.5% http } else https\n"
	"}\n"
	"six: ip6 port { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 } on 3 -> pass\n"
	"tcp port 8080-8090 -> map tenant\n"
	"last: from not { 203.0.113.0/24, ::/0 } on { \"eth0\", 3 } "
	"-> pass trace\n"
	"default -> drop\n";

static const struct {
	const char *packet, *expected;
} texts[] = {
	{ "tcp 203.0.113.9:50000 -> 192.0.2.1:443 on eth0",
	  "tcp 203.0.113.9:50000 -> 192.0.2.1:443 on eth0 => https\n"
	  "  rule     tls, t.skl:18:3\n"
	  "           to vips & tcp port { 443, 8443 } on not \"eth1\" -> "
	  "https else http\n"
	  "  outcome  https else http else drop\n"
	  "earlier rules:\n"
	  "  listed: remote address 203.0.113.9 is not in spam, t.skl:15:14\n"
	  "  acme: local port 443 is not in 80, t.skl:17:18\n" },
	{ "tcp 198.51.100.1:1 -> 192.0.2.1:443",
	  "tcp 198.51.100.1:1 -> 192.0.2.1:443 => drop\n"
	  "  rule     listed, t.skl:15:1\n"
	  "           from spam -> drop\n"
	  "           ## no spam\n"
	  "           ## at all\n"
	  "  outcome  drop\n" },
	{ "tcp 203.0.113.9:1023 -> 192.0.2.1:9001 on eth1",
	  "tcp 203.0.113.9:1023 -> 192.0.2.1:9001 on eth1 => http\n"
	  "  rule     next, t.skl:22:3\n"
	  "           to vips & tcp port 9000-9099 -> split by from, from "
	  "port { 95% http, 4.5% https, 0.5% http } else https\n"
	  "  outcome  http else https else drop\n"
	  "  split    by from, from port: hash 0x71ac6baf is in the 95.5% of "
	  "http\n"
	  "earlier rules:\n"
	  "  listed: remote address 203.0.113.9 is not in spam, t.skl:15:14\n"
	  "  acme: local port 9001 is not in 80, t.skl:17:18\n"
	  "  tls: local port 9001 is not in { 443, 8443 }, t.skl:18:17\n"
	  "  h3: remote port 1023 is not in 1024-65535, t.skl:19:18\n" },
	{ "tcp 203.0.113.9:2000 -> 192.0.2.1:8443 on eth1",
	  "tcp 203.0.113.9:2000 -> 192.0.2.1:8443 on eth1 => drop\n"
	  "  rule     default, t.skl:27:1\n"
	  "           any -> drop\n"
	  "  outcome  drop\n"
	  "earlier rules:\n"
	  "  listed: remote address 203.0.113.9 is not in spam, t.skl:15:14\n"
	  "  acme: local port 8443 is not in 80, t.skl:17:18\n"
	  "  tls: interface eth1 is in \"eth1\", t.skl:18:34\n"
	  "  h3: protocol tcp is not udp, t.skl:20:9\n"
	  "  next: local port 8443 is not in 9000-9099, t.skl:22:18\n"
	  "  six: family ip4 is not ip6, t.skl:24:6\n"
	  "  tcp port 8080-8090 -> map tenant: local port 8443 is not in "
	  "8080-8090, t.skl:25:10\n"
	  "  last: remote address 203.0.113.9 is in { 203.0.113.0/24, ::/0 }, "
	  "t.skl:26:12\n" },
	{ "tcp 192.0.2.9:1 -> 192.0.2.1:8081",
	  "tcp 192.0.2.9:1 -> 192.0.2.1:8081 => https\n"
	  "  rule     tcp port 8080-8090 -> map tenant, t.skl:25:1\n"
	  "  outcome  https else pass\n"
	  "  entry    192.0.2.0/26 -> https else pass of map tenant, "
	  "t.skl:10:3\n"
	  "earlier rules:\n"
	  "  listed: remote address 192.0.2.9 is not in spam, t.skl:15:14\n"
	  "  acme: local port 8081 is not in 80, t.skl:17:18\n"
	  "  tls: local port 8081 is not in { 443, 8443 }, t.skl:18:17\n"
	  "  h3: remote port 1 is not in 1024-65535, t.skl:19:18\n"
	  "  next: local port 8081 is not in 9000-9099, t.skl:22:18\n"
	  "  six: family ip4 is not ip6, t.skl:24:6\n" },
	{ "tcp 192.0.2.9:1 -> 192.0.2.64:8080 on 4",
	  "tcp 192.0.2.9:1 -> 192.0.2.64:8080 on 4 => drop\n"
	  "  rule     default, t.skl:27:1\n"
	  "           any -> drop\n"
	  "  outcome  drop\n"
	  "earlier rules:\n"
	  "  listed: remote address 192.0.2.9 is not in spam, t.skl:15:14\n"
	  "  acme: local port 8080 is not in 80, t.skl:17:18\n"
	  "  tls: local port 8080 is not in { 443, 8443 }, t.skl:18:17\n"
	  "  h3: remote port 1 is not in 1024-65535, t.skl:19:18\n"
	  "  next: local port 8080 is not in 9000-9099, t.skl:22:18\n"
	  "  six: family ip4 is not ip6, t.skl:24:6\n"
	  "  tcp port 8080-8090 -> map tenant: no entry of map tenant holds "
	  "local address 192.0.2.64, local port 8080, t.skl:25:27\n"
	  "  last: interface 4 is not in { \"eth0\", 3 }, t.skl:26:44\n" },
	{ "udp [2001:db8::9]:1 -> [2001:db8::1]:11",
	  "udp [2001:db8::9]:1 -> [2001:db8::1]:11 => drop\n"
	  "  rule     default, t.skl:27:1\n"
	  "           any -> drop\n"
	  "  outcome  drop\n"
	  "earlier rules:\n"
	  "  listed: remote address 2001:db8::9 is not in spam, "
	  "t.skl:15:14\n"
	  "  acme: local address 2001:db8::1 is not in vips, t.skl:16:9\n"
	  "  tls: local address 2001:db8::1 is not in vips, t.skl:16:9\n"
	  "  h3: local address 2001:db8::1 is not in vips, t.skl:16:9\n"
	  "  next: local address 2001:db8::1 is not in vips, t.skl:16:9\n"
	  "  six: local port 11 is not in { 1, 2, 3, 4, 5, 6, 7, 8 and 2 more "
	  "}, t.skl:24:15\n"
	  "  tcp port 8080-8090 -> map tenant: protocol udp is not tcp, "
	  "t.skl:25:1\n"
	  "  last: remote address 2001:db8::9 is in { 203.0.113.0/24, ::/0 }, "
	  "t.skl:26:12\n" },
	{ "udp [::9]:1 -> [::1]:10",
	  "udp [::9]:1 -> [::1]:10 => drop\n"
	  "  rule     default, t.skl:27:1\n"
	  "           any -> drop\n"
	  "  outcome  drop\n"
	  "earlier rules:\n"
	  "  listed: remote address ::9 is not in spam, t.skl:15:14\n"
	  "  acme: local address ::1 is not in vips, t.skl:16:9\n"
	  "  tls: local address ::1 is not in vips, t.skl:16:9\n"
	  "  h3: local address ::1 is not in vips, t.skl:16:9\n"
	  "  next: local address ::1 is not in vips, t.skl:16:9\n"
	  "  six: an unknown interface is not in 3, t.skl:24:52\n"
	  "  tcp port 8080-8090 -> map tenant: protocol udp is not tcp, "
	  "t.skl:25:1\n"
	  "  last: remote address ::9 is in { 203.0.113.0/24, ::/0 }, "
	  "t.skl:26:12\n" },
};

static json_t *explained(struct fixture *w, const char *packet)
{
	char error[PACKET_ERROR_MAX];
	struct packet k;

	assert_true(packet_parse(packet, strlen(packet), &k, error));
	return explain_json(&(struct explain_input){ w->policy, w->diagram,
			    NULL, &w->sources }, &k);
}

/* Without the way through the diagram, which has a test of its own. */
static char *as_text(json_t *x)
{
	size_t len = 0;
	char *text = NULL;
	FILE *f = open_memstream(&text, &len);

	json_object_set_new(x, "path", json_array());
	explain_text(x, f);
	fclose(f);
	return text;
}

static void exact_texts(void **state)
{
	struct fixture *w = fixture_compile(policy);

	(void)state;
	assert_non_null(w->diagram);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		json_t *x = explained(w, texts[i].packet);
		char *text = as_text(x);

		assert_string_equal(text, texts[i].expected);
		free(text);
		json_decref(x);
	}
	fixture_free(w);
}

static void exact_json(void **state)
{
	struct fixture *w = fixture_compile(
		"policy p\nsocket a\nmap m by port { 5-9 -> a; default -> drop }\n"
		"x: tcp port 1-9 to 10.0.0.0/8 on \"eth0\" -> map m\n"
		"default -> pass\n");
	static const uint8_t order[FIELD_COUNT] = {
		FIELD_FAMILY, FIELD_PROTOCOL, FIELD_LADDR4, FIELD_LADDR6,
		FIELD_LPORT, FIELD_RADDR4, FIELD_RADDR6, FIELD_RPORT,
		FIELD_IFNAME, FIELD_IFINDEX,
	};
	const struct diagram_options o = { .order = order };
	char *text, *shown = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&shown, &len);
	json_t *x;

	(void)state;
	w->diagram = diagram_build(&w->arena, w->policy, &o);
	x = explained(w, "tcp 1.2.3.4:5 -> 10.0.0.1:7 on eth0");
	text = json_dumps(x, JSON_COMPACT);
	assert_string_equal(text,
		"{\"packet\":\"tcp 1.2.3.4:5 -> 10.0.0.1:7 on eth0\","
		"\"verdict\":\"a\",\"rule\":{\"name\":\"x\","
		"\"file\":\"t.skl\",\"line\":4,\"column\":1,"
		"\"text\":\"tcp to 10.0.0.0/8 port 1-9 on \\\"eth0\\\" -> "
		"map m\"},\"outcome\":\"a else drop\",\"entry\":{"
		"\"map\":\"m\",\"key\":\"5-9\",\"verdict\":\"a\","
		"\"file\":\"t.skl\",\"line\":3,\"column\":17},"
		"\"path\":["
		"{\"field\":\"family\",\"value\":\"ip4\",\"low\":\"ip4\","
		"\"high\":\"ip4\"},"
		"{\"field\":\"protocol\",\"value\":\"tcp\",\"low\":\"tcp\","
		"\"high\":\"tcp\"},"
		"{\"field\":\"local-ip4\",\"value\":\"10.0.0.1\","
		"\"low\":\"10.0.0.0\",\"high\":\"10.255.255.255\"},"
		"{\"field\":\"local-port\",\"value\":7,\"low\":5,\"high\":9},"
		"{\"field\":\"interface\",\"value\":\"eth0\","
		"\"low\":\"eth0\",\"high\":\"eth0\"}],"
		"\"missed\":[]}");
	explain_text(x, f);
	fclose(f);
	assert_string_equal(shown,
		"tcp 1.2.3.4:5 -> 10.0.0.1:7 on eth0 => a\n"
		"  rule     x, t.skl:4:1\n"
		"           tcp to 10.0.0.0/8 port 1-9 on \"eth0\" -> map m\n"
		"  outcome  a else drop\n"
		"  entry    5-9 -> a of map m, t.skl:3:17\n"
		"  diagram  family ip4\n"
		"           protocol tcp\n"
		"           local-ip4 10.0.0.1 in 10.0.0.0-10.255.255.255\n"
		"           local-port 7 in 5-9\n"
		"           interface eth0\n");
	free(text);
	free(shown);
	json_decref(x);
	fixture_free(w);
}

static const char *text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static void assert_missed(struct fixture *w, const json_t *x,
			  const u128 v[FIELD_COUNT])
{
	const json_t *missed = json_object_get(x, "missed"), *m;
	size_t i;

	json_array_foreach(missed, i, m) {
		const struct policy_rule *rule = &w->policy->rules[i];
		bool no_entry = !strncmp(text_of(m, "because"), "no entry", 8);

		assert_string_equal(text_of(m, "name"), rule->name);
		assert_int_equal(fixture_holds(&rule->terms, v), no_entry);
	}
}

static void assert_explained(struct fixture *w, const u128 v[FIELD_COUNT])
{
	const struct policy *p = w->policy;
	const struct clause *c = fixture_scan(p, NOBODY, v);
	const json_t *missed, *entry;
	struct packet k;
	json_t *x;

	diagram_packet(p, v, &k);
	x = explain_json(&(struct explain_input){ p, w->diagram, NULL,
				 &w->sources }, &k);
	missed = json_object_get(x, "missed");
	entry = json_object_get(x, "entry");
	assert_string_equal(text_of(x, "verdict"), policy_choice_name(p,
		fixture_choice(p, c, v)));
	assert_int_equal(json_array_size(missed), fixture_rule(p, c));
	assert_int_equal(!!entry, !!c->entry);
	if (entry)
		assert_string_equal(text_of(entry, "verdict"),
				    print_verdict(&w->arena,
						  &c->entry->verdict));
	assert_int_equal(!!json_object_get(x, "split"),
			 !!p->actions[c->action].split);
	assert_missed(w, x, v);
	json_decref(x);
}

static void random_policies(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		struct fixture *w = fixture_random();
		uint32_t number = fixture_rnd(29);
		u128 v[FIELD_COUNT];

		for (; fixture_packet(w->policy, number, v); number += 29)
			assert_explained(w, v);
		fixture_free(w);
	}
}

/* The longer prefix goes first, whatever the order of the keys. */
static void order_of_keys(void **state)
{
	static const char *const keys[] = { "from, port", "port, from" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		char text[256];
		struct fixture *w;
		json_t *x, *entry;

		sprintf(text, "policy p\nsocket a\nx: ip4 -> map m\n"
			"map m by %s {\n10.0.0.0/24 -> a\n"
			"10.0.0.0/8 port 80 -> pass\n}\ndefault -> drop\n",
			keys[i]);
		w = fixture_compile(text);
		assert_non_null(w->diagram);
		x = explained(w, "tcp 10.0.0.1:5 -> 192.0.2.1:80");
		entry = json_object_get(x, "entry");
		assert_string_equal(text_of(x, "verdict"), "a");
		assert_string_equal(text_of(entry, "key"), "10.0.0.0/24");
		json_decref(x);
		x = explained(w, "tcp 10.0.1.1:5 -> 192.0.2.1:80");
		entry = json_object_get(x, "entry");
		assert_string_equal(text_of(x, "verdict"), "pass");
		assert_string_equal(text_of(entry, "key"),
				    "10.0.0.0/8 port 80");
		json_decref(x);
		fixture_free(w);
	}
}

/* Sets that nest deeper than a stack may go, and name each other twice. */
static void deep_sets(void **state)
{
	enum { DEPTH = 20000 };
	char *text = malloc(DEPTH * 40), *at = text;
	struct fixture *w;
	json_t *x;

	(void)state;
	at += sprintf(at, "policy p\ndefault -> pass\nx: from s0 -> drop\n");
	for (int i = 0; i < DEPTH; i++)
		at += sprintf(at, "set s%d = { s%d, s%d }\n", i, i + 1, i + 1);
	sprintf(at, "set s%d = { 10.0.0.1 }\n", DEPTH);
	w = fixture_compile(text);
	assert_non_null(w->diagram);
	x = explained(w, "tcp 10.0.0.1:1 -> 10.0.0.2:2");
	assert_string_equal(text_of(x, "verdict"), "drop");
	json_decref(x);
	x = explained(w, "tcp 10.0.0.2:1 -> 10.0.0.2:2");
	assert_string_equal(text_of(json_array_get(json_object_get(x,
			"missed"), 0), "because"),
		"remote address 10.0.0.2 is not in s0");
	json_decref(x);
	fixture_free(w);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact_texts),
		cmocka_unit_test(exact_json),
		cmocka_unit_test(random_policies),
		cmocka_unit_test(order_of_keys),
		cmocka_unit_test(deep_sets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
