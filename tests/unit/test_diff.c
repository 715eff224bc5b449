/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_diff - two policies against each other
 *
 * Exact texts, exact JSON; then random policies and variants of them, whose
 * packets are gone through one by one: what differs must be listed, with the
 * right rules and verdicts, every packet in the list must differ, and the
 * statement that none does must be true. All of that with diagrams of all
 * packets and without.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../compiler/diff.h"
#include "../../grammar/arena.h"
#include "fixture_policy.h"

static json_t *diff_as(struct fixture *old, struct fixture *new, bool forest,
		       size_t budget)
{
	struct diff_side sides[2] = {
		{ old->policy, &old->sources, forest, NULL },
		{ new->policy, &new->sources, forest, NULL },
	};
	struct diff_options o = { .budget = budget };
	json_t *out;

	assert_int_equal(diff_json(&sides[0], &sides[1], &o, &out), 0);
	return out;
}

static json_t *diff(struct fixture *old, struct fixture *new)
{
	return diff_as(old, new, false, 0);
}

/* -------------------------------------------------------------- texts */

#define HEAD "policy p\nsocket a\nsocket b tcp\ndefault -> pass\n"
#define SAME "no packet is treated differently\n"

static const struct {
	const char *old, *new, *expected;
} texts[] = {
	{ HEAD, HEAD, SAME },
	/* other words, other names, other order */
	{ HEAD "x: tcp port 80-90 -> a\ny: tcp port 81 -> b\n",
	  "policy q\nsocket b tcp\nsocket a\ntcp port { 80, 81-90 } -> a count\n"
	  "default -> pass trace\n", SAME },
	/* a tcp-only socket is nothing to udp */
	{ HEAD "x: port 5 -> b else a\n",
	  HEAD "t: tcp port 5 -> b else a\nu: udp port 5 -> a\n", SAME },
	{ HEAD "x: tcp port 5 -> a else b\n", HEAD "x: tcp port 5 -> a\n",
	  "a -> a\n"
	  "  old: a else b else drop, by x, t.skl:5:1\n"
	  "  new: a else drop, by x, t.skl:5:1\n"
	  "    tcp 203.0.113.9:50000 -> 192.0.2.1:5\n"
	  "    tcp [2001:db8::9]:50000 -> [2001:db8::1]:5\n" },
	{ HEAD "x: ip4 tcp port 5 -> a\n",
	  HEAD "x: ip4 tcp port 5 -> a no-reuseport\n",
	  "a -> a\n"
	  "  old: a else drop, by x, t.skl:5:1\n"
	  "  new: a no-reuseport else drop, by x, t.skl:5:1\n"
	  "    tcp 203.0.113.9:50000 -> 192.0.2.1:5\n" },
	/* a swap */
	{ HEAD "all: ip4 tcp port 1-9 -> a\none: ip4 tcp port 5 -> b\n",
	  HEAD "one: ip4 tcp port 5 -> b\nall: ip4 tcp port 1-9 -> a\n",
	  "a -> b\n"
	  "  old: a, by all, t.skl:5:1\n"
	  "  new: b, by one, t.skl:5:1\n"
	  "    tcp 203.0.113.9:50000 -> 192.0.2.1:5\n" },
	/* many packets of one kind; a rule gone and one come */
	{ HEAD "x: ip4 tcp port { 1, 3, 5, 7, 9 } -> a\n",
	  HEAD "ip4 udp port 8 -> drop\n",
	  "a -> pass\n"
	  "  old: a, by x, t.skl:5:1\n"
	  "  new: pass, by default, t.skl:4:1\n"
	  "    tcp 203.0.113.9:50000 -> 192.0.2.1:1\n"
	  "    tcp 203.0.113.9:50000 -> 192.0.2.1:3\n"
	  "    tcp 203.0.113.9:50000 -> 192.0.2.1:5\n"
	  "    and others\n"
	  "\n"
	  "pass -> drop\n"
	  "  old: pass, by default, t.skl:4:1\n"
	  "  new: drop, by udp ip4 port 8 -> drop, t.skl:5:1\n"
	  "    udp 203.0.113.9:50000 -> 192.0.2.1:8\n" },
	/* interfaces are numbered by each policy as it likes */
	{ HEAD "x: ip4 tcp on { \"e0\", \"e1\" } -> a\n",
	  HEAD "x: ip4 tcp on \"e1\" -> a\ny: ip4 tcp on \"e0\" -> a\n"
	  "udp on \"e9\" -> pass\n", SAME },
	{ HEAD "x: ip4 tcp on not \"e1\" -> a\n",
	  HEAD "x: ip4 tcp on not { \"e9\", \"e1\" } -> a\n",
	  "a -> pass\n"
	  "  old: a, by x, t.skl:5:1\n"
	  "  new: pass, by default, t.skl:4:1\n"
	  "    tcp 203.0.113.9:50000 -> 192.0.2.1:443 on e9\n" },
	/* interfaces nobody names are one, and there is none above INT_MAX */
	{ HEAD "x: ip4 tcp on not \"e1\" -> a\n",
	  HEAD "y: ip4 tcp on \"e1\" -> pass\n",
	  "a -> pass\n"
	  "  old: a, by x, t.skl:5:1\n"
	  "  new: pass, by default, t.skl:4:1\n"
	  "    tcp 203.0.113.9:50000 -> 192.0.2.1:443\n" },
	{ HEAD "x: ip4 tcp on not 1-2147483647 -> a\n", HEAD,
	  "a -> pass\n"
	  "  old: a, by x, t.skl:5:1\n"
	  "  new: pass, by default, t.skl:4:1\n"
	  "    tcp 203.0.113.9:50000 -> 192.0.2.1:443\n" },
	/* regions that share what is below them count, each for itself */
	{ HEAD "x: ip4 tcp to { 10.0.0.1, 10.0.0.3 } port 5 -> a\n", HEAD,
	  "a -> pass\n"
	  "  old: a, by x, t.skl:5:1\n"
	  "  new: pass, by default, t.skl:4:1\n"
	  "    tcp 203.0.113.9:50000 -> 10.0.0.1:5\n"
	  "    tcp 203.0.113.9:50000 -> 10.0.0.3:5\n" },
	{ HEAD "x: ip4 tcp to { 10.0.0.1, 10.0.0.3 } port { 5, 7 } -> a\n",
	  HEAD,
	  "a -> pass\n"
	  "  old: a, by x, t.skl:5:1\n"
	  "  new: pass, by default, t.skl:4:1\n"
	  "    tcp 203.0.113.9:50000 -> 10.0.0.1:5\n"
	  "    tcp 203.0.113.9:50000 -> 10.0.0.1:7\n"
	  "    tcp 203.0.113.9:50000 -> 10.0.0.3:5\n"
	  "    and others\n" },
	/* a socket of another protocol under the same name */
	{ "policy p\nsocket a\nx: ip4 port 5 -> a else pass\n"
	  "default -> drop\n",
	  "policy p\nsocket a tcp\nx: ip4 port 5 -> a else pass\n"
	  "default -> drop\n",
	  "a -> pass\n"
	  "  old: a, by x, t.skl:3:1\n"
	  "  new: pass, by x, t.skl:3:1\n"
	  "    udp 203.0.113.9:50000 -> 192.0.2.1:5\n" },
	/* splits: the seed is the name, shares move what they must */
	{ HEAD "x: ip4 tcp port 5 -> split by from { 95% a, 5% b }\n",
	  HEAD "x: tcp ip4 port 5 -> split by from { 95% a, 5% b } else drop\n",
	  SAME },
	{ HEAD "x: ip4 tcp port 5 -> split by from { 95% a, 5% b }\n",
	  HEAD "x: ip4 tcp port 5 -> split by from { 90% a, 10% b }\n",
	  "a -> b\n"
	  "  old: a, by x, t.skl:5:1\n"
	  "  new: b, by x, t.skl:5:1\n"
	  "    tcp 203.0.113.26:50000 -> 192.0.2.1:5\n"
	  "    tcp 203.0.113.27:50000 -> 192.0.2.1:5\n"
	  "    tcp 203.0.113.30:50000 -> 192.0.2.1:5\n"
	  "    and others\n" },
	{ HEAD "x: ip4 tcp port 5 -> split by from { 50% a, 50% b }\n",
	  HEAD "y: ip4 tcp port 5 -> split by from { 50% a, 50% b }\n",
	  "a -> b\n"
	  "  old: a, by x, t.skl:5:1\n"
	  "  new: b, by y, t.skl:5:1\n"
	  "    tcp 203.0.113.11:50000 -> 192.0.2.1:5\n"
	  "    tcp 203.0.113.13:50000 -> 192.0.2.1:5\n"
	  "    tcp 203.0.113.15:50000 -> 192.0.2.1:5\n"
	  "    and others\n"
	  "\n"
	  "b -> a\n"
	  "  old: b, by x, t.skl:5:1\n"
	  "  new: a, by y, t.skl:5:1\n"
	  "    tcp 203.0.113.12:50000 -> 192.0.2.1:5\n"
	  "    tcp 203.0.113.14:50000 -> 192.0.2.1:5\n"
	  "    tcp 203.0.113.16:50000 -> 192.0.2.1:5\n"
	  "    and others\n" },
	/* one client, whom both shares send the same way */
	{ HEAD "x: ip4 tcp from 203.0.113.8 -> split by from { 50% a, 50% b }\n",
	  HEAD "x: ip4 tcp from 203.0.113.8 -> a\n", SAME },
	/* one in a million, and nobody found who is */
	{ HEAD "x: ip6 tcp -> split by from { 99.9999% a, 0.0001% b }\n",
	  HEAD "x: ip6 tcp -> a\n",
	  "b -> a\n"
	  "  old: b, by x, t.skl:5:1\n"
	  "  new: a, by x, t.skl:5:1\n"
	  "    a share of the packets\n" },
	/* all parts do the same */
	{ HEAD "x: tcp -> split by from { 50% a, 50% a } else b\n",
	  HEAD "x: tcp -> a else b\n", SAME },
};

static void exact_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct fixture *old = fixture_compile(texts[i].old);
		struct fixture *new = fixture_compile(texts[i].new);
		char *text = NULL;
		size_t len = 0;
		FILE *f = open_memstream(&text, &len);
		json_t *x;

		if (!old->policy || !new->policy)
			fail_msg("%zu does not compile", i);
		x = diff(old, new);
		diff_text(x, f);
		fclose(f);
		assert_string_equal(text, texts[i].expected);
		free(text);
		json_decref(x);
		fixture_free(old);
		fixture_free(new);
	}
}

static void exact_json(void **state)
{
	struct fixture *old = fixture_compile(HEAD "x: ip4 tcp port 5 -> a\n");
	struct fixture *new = fixture_compile(HEAD "x: tcp -> a\n"
					      "udp port 7 -> drop\n");
	json_t *x = diff(old, old);
	char *text = json_dumps(x, JSON_COMPACT);

	(void)state;
	assert_string_equal(text, "{\"old\":\"p\",\"new\":\"p\","
			    "\"same\":true,\"changes\":[],\"unknown\":[]}");
	free(text);
	json_decref(x);
	x = diff(new, old);
	text = json_dumps(x, JSON_COMPACT);
	assert_string_equal(text,
		"{\"old\":\"p\",\"new\":\"p\",\"same\":false,\"changes\":["
		"{\"old\":{\"verdict\":\"a\",\"outcome\":\"a else drop\","
		"\"rule\":\"x\",\"file\":\"t.skl\",\"line\":5,\"column\":1},"
		"\"new\":{\"verdict\":\"pass\",\"outcome\":\"pass\","
		"\"rule\":\"default\",\"file\":\"t.skl\",\"line\":4,"
		"\"column\":1},\"packets\":["
		"\"tcp 203.0.113.9:50000 -> 192.0.2.1:443\","
		"\"tcp [2001:db8::9]:50000 -> [2001:db8::1]:443\"],"
		"\"more\":true},"
		"{\"old\":{\"verdict\":\"drop\",\"outcome\":\"drop\","
		"\"rule\":\"udp port 7 -> drop\",\"file\":\"t.skl\","
		"\"line\":6,\"column\":1},"
		"\"new\":{\"verdict\":\"pass\",\"outcome\":\"pass\","
		"\"rule\":\"default\",\"file\":\"t.skl\",\"line\":4,"
		"\"column\":1},\"packets\":["
		"\"udp 203.0.113.9:50000 -> 192.0.2.1:7\","
		"\"udp [2001:db8::9]:50000 -> [2001:db8::1]:7\"],"
		"\"more\":false}],\"unknown\":[]}");
	free(text);
	json_decref(x);
	fixture_free(old);
	fixture_free(new);
}

/* ---------------------------------------------------- random policies */

struct answer {			/* of one policy for one packet */
	const char *verdict, *rule;
	char chain[256];	/* what is left of it for such packets */
};

static struct answer answer_of(const struct policy *p,
			       const u128 v[FIELD_COUNT])
{
	const struct clause *c = fixture_scan(p, NOBODY, v);
	const struct outcome *o =
		&p->outcomes[policy_action_outcome(p, c->action, v)];
	unsigned int kind = SLOT_KIND(v[FIELD_FAMILY], v[FIELD_PROTOCOL]);
	struct answer a = { .rule = p->rules[fixture_rule(p, c)].name };
	char *at = a.chain;

	for (uint32_t i = 0; i < o->nsteps; i++) {
		const struct policy_socket *s = &p->sockets[o->steps[i].socket];

		if (s->slot[kind] != NO_SLOT)
			at += sprintf(at, "%s/%u ", s->name,
				      o->steps[i].flags);
	}
	strcpy(at, o->pass ? "pass" : "drop");
	a.verdict = policy_choice_name(p, fixture_choice(p, c, v));
	return a;
}

static bool is_side(const json_t *change, const char *side,
		    const struct answer *a)
{
	const json_t *o = json_object_get(change, side);

	return !strcmp(json_string_value(json_object_get(o, "verdict")),
		       a->verdict) &&
	       !strcmp(json_string_value(json_object_get(o, "rule")),
		       a->rule);
}

static bool is_listed(const json_t *x, const struct answer *old,
		      const struct answer *new)
{
	const json_t *changes = json_object_get(x, "changes"), *change;
	size_t i;

	json_array_foreach(changes, i, change)
		if (is_side(change, "old", old) && is_side(change, "new", new))
			return true;
	return false;
}

static void parse(const struct policy *p, const char *text,
		  u128 v[FIELD_COUNT])
{
	const char *number = strstr(text, " (number ");
	size_t len = number ? (size_t)(number - text) : strlen(text);
	char error[PACKET_ERROR_MAX];
	struct packet k;

	assert_true(packet_parse(text, len, &k, error));
	if (number)
		k.ifindex = (uint32_t)atoi(number + 9);
	policy_packet_fields(p, &k, v);
}

/* Every packet that is named does what is said of it, and is named once. */
static void assert_packets(struct fixture *old, struct fixture *new,
			   const json_t *x)
{
	const json_t *changes = json_object_get(x, "changes"), *change;
	size_t i, k;

	json_array_foreach(changes, i, change) {
		const json_t *packets = json_object_get(change, "packets");
		const json_t *packet;

		assert_true(json_array_size(packets) > 0);
		json_array_foreach(packets, k, packet) {
			const char *text = json_string_value(packet);
			struct answer a, b;
			u128 v[FIELD_COUNT];

			parse(old->policy, text, v);
			a = answer_of(old->policy, v);
			parse(new->policy, text, v);
			b = answer_of(new->policy, v);
			assert_true(is_side(change, "old", &a));
			assert_true(is_side(change, "new", &b));
			assert_string_not_equal(a.chain, b.chain);
			for (size_t j = 0; j < k; j++)
				assert_false(json_equal(packet,
					json_array_get(packets, j)));
		}
	}
}

static bool one_pair(struct fixture *old, struct fixture *new, bool forest)
{
	json_t *x = diff_as(old, new, forest, 0);
	bool same = diff_same(x);
	u128 v[FIELD_COUNT];

	assert_packets(old, new, x);
	for (uint32_t i = 0; fixture_packet(old->policy, i, v); i++) {
		struct answer a = answer_of(old->policy, v), b;

		fixture_packet(new->policy, i, v);
		b = answer_of(new->policy, v);
		if (strcmp(a.chain, b.chain) && !is_listed(x, &a, &b)) {
			diff_text(x, stderr);
			fail_msg("%s by %s (%s) and %s by %s (%s)", a.verdict,
				 a.rule, a.chain, b.verdict, b.rule, b.chain);
		}
	}
	json_decref(x);
	return same;
}

static void random_pairs(void **state)
{
	size_t same = 0, different = 0;

	(void)state;
	for (int i = 0; i < 150; i++) {
		struct fixture *old = fixture_random();
		struct fixture *new = i % 10 ? fixture_variant() :
			fixture_random();
		bool equal = one_pair(old, new, false);

		assert_int_equal(one_pair(old, new, true), equal);
		same += equal;
		different += !equal;
		fixture_free(old);
		fixture_free(new);
	}
	assert_true(same > 30 && different > 30);
}

/* --------------------------------------------------------------- size */

static struct fixture *large(uint32_t moved)
{
	enum { N = 20000 };
	char *text = malloc(N * 80), *at = text;
	struct fixture *w;

	at += sprintf(at, "policy p\nsocket a\nsocket b\nsocket c\n"
		      "default -> pass\nmap m by to {\n");
	for (uint32_t i = 0; i < N; i++)
		at += sprintf(at, "10.%u.%u.%u/30 -> %c\n", i >> 12,
			      i >> 4 & 255, i % 16 * 16,
			      'a' + (i + (i == moved)) % 3);
	sprintf(at, "}\nx: tcp -> map m\n");
	w = fixture_compile(text);
	assert_non_null(w->policy);
	free(text);
	return w;
}

/* One entry of 20,000 differs. */
static void one_of_many(void **state)
{
	struct fixture *old = large(UINT32_MAX), *new = large(12345);

	(void)state;
	for (int forest = 0; forest < 2; forest++) {
		json_t *x = diff_as(old, new, forest, 0), *change;

		change = json_array_get(json_object_get(x, "changes"), 0);
		assert_int_equal(json_array_size(json_object_get(x,
								 "changes")),
				 1);
		assert_string_equal(json_string_value(json_array_get(
				json_object_get(change, "packets"), 0)),
			"tcp 203.0.113.9:50000 -> 10.3.3.144:443");
		json_decref(x);
		x = diff_as(old, old, forest, 0);
		assert_true(diff_same(x));
		json_decref(x);
	}
	fixture_free(old);
	fixture_free(new);
}

/* ------------------------------------------------------------- forests */

enum { CROSSED = 600 };

/* Rules wide in one address over rules wide in the other; the one of number
 * OTHER goes elsewhere, LAST is the last. */
static struct fixture *crossed(uint32_t other, const char *last)
{
	char *text = malloc(CROSSED * 140 + 300), *at = text;
	struct fixture *w;

	at += sprintf(at, "policy p\nsocket a\nsocket b\ndefault -> pass\n");
	for (uint32_t i = 0; i < CROSSED; i++)
		at += sprintf(at, "r%u: from 10.%u.%u.0/24 to %u.0.0.0/8 -> "
			      "%c\nq%u: from %u.0.0.0/8 to 11.%u.%u.0/24 -> %c\n",
			      i, i / 256, i % 256, i % 100,
			      'a' + (i + (i == other)) % 2,
			      i, i % 100, i / 256, i % 256, 'b' - i % 2);
	sprintf(at, "%s\n", last);
	w = fixture_compile(text);
	assert_non_null(w->policy);
	free(text);
	return w;
}

static void one_of_crossed(void **state)
{
	struct fixture *old = crossed(CROSSED, "");
	struct fixture *new = crossed(321, "");
	json_t *x = diff_as(old, new, true, 0), *changes, *side;

	(void)state;
	assert_packets(old, new, x);
	changes = json_object_get(x, "changes");
	side = json_object_get(json_array_get(changes, 0), "new");
	assert_int_equal(json_array_size(changes), 1);
	assert_string_equal(json_string_value(json_object_get(side, "rule")),
			    "r321");
	json_decref(x);
	fixture_free(old);
	fixture_free(new);
}

/* What the wide rules leave of one is compared, or it is said what is not. */
static void crossed_rules(void **state)
{
	struct fixture *old = crossed(CROSSED, "z: tcp -> a");
	struct fixture *new = crossed(CROSSED, "z: tcp -> b");
	json_t *x = diff_as(old, new, true, 0), *unknown;

	(void)state;
	assert_packets(old, new, x);
	assert_int_equal(json_array_size(json_object_get(x, "changes")), 1);
	assert_int_equal(json_array_size(json_object_get(x, "unknown")), 0);
	json_decref(x);
	x = diff_as(old, new, true, CROSSED);
	unknown = json_object_get(x, "unknown");
	assert_false(diff_same(x));
	assert_int_equal(json_array_size(json_object_get(x, "changes")), 0);
	assert_int_equal(json_array_size(unknown), 2);
	assert_string_equal(json_string_value(json_object_get(
		json_array_get(unknown, 1), "rule")), "z");
	json_decref(x);
	fixture_free(old);
	fixture_free(new);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact_texts),
		cmocka_unit_test(exact_json),
		cmocka_unit_test(random_pairs),
		cmocka_unit_test(one_of_many),
		cmocka_unit_test(one_of_crossed),
		cmocka_unit_test(crossed_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
