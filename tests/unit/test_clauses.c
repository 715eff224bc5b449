/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_clauses - what policies come to
 *
 * A text, packets, and the rule and first choice the clauses give, found by
 * looking at them one by one. Then what other stages read: slots, counters,
 * outcomes, interfaces, chains.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture_policy.h"

static struct fixture *compile(const char *text)
{
	static const char tail[] = "\npolicy p\ndefault -> pass\n";
	size_t size = strlen(text) + sizeof(tail);
	char *whole = malloc(size);
	struct fixture *w;

	snprintf(whole, size, "%s%s", text, tail);
	w = fixture_compile(whole);
	free(whole);
	return w;
}

static const char *decide(struct fixture *w, const char *text)
{
	const struct policy *p = w->policy;
	u128 v[FIELD_COUNT];
	char error[PACKET_ERROR_MAX];
	struct packet k;
	size_t i;

	if (!packet_parse(text, strlen(text), &k, error))
		fail_msg("%s: %s", text, error);
	policy_packet_fields(p, &k, v);
	for (i = 0; i < p->nclauses; i++) {
		const struct outcome *o;
		uint32_t action = p->clauses[i].action;

		if (!fixture_holds(&p->clauses[i].terms, v))
			continue;
		o = &p->outcomes[policy_action_outcome(p, action, v)];
		assert_int_equal(o->rule, p->actions[action].rule);
		return arena_printf(&w->arena, "%s: %s",
				    p->rules[o->rule].name,
				    policy_choice_name(p,
					policy_first_choice(p, o,
						v[FIELD_FAMILY],
						v[FIELD_PROTOCOL])));
	}
	fail_msg("no clause holds %s", text);
	return NULL;
}

static const char edge[] =
	"socket http tcp\nsocket quic udp\nsocket dns\nsocket six ip6\n"
	"set vips = { 192.0.2.0/24, 2001:db8:80::/48 }\n"
	"set spam = { 198.51.100.7, bad }\nset bad = { 198.51.100.64/26 }\n"
	"set web = { 80, 8080-8090 }\nset none = { }\n"
	"set nics = { \"eth0\", 7 }\n"
	"listed: from spam -> drop count\n"
	"never: to none -> drop\n"
	"when to vips {\n"
	"  acme: tcp port web -> http\n"
	"  h3: udp port 443 -> quic else drop\n"
	"  when ip6 {\n    v6: port 1-9 -> six else pass\n  }\n"
	"  both: to 192.0.2.128/25 from port 53 -> dns\n"
	"  notnet: port 77 from not 10.0.0.0/8 -> dns\n"
	"}\n"
	"nic: on nics port 5 -> dns\n"
	"nonic: on not { \"eth0\", \"eth1\", 7 } port 6 -> dns\n"
	"oport: to 203.0.113.1 port not web tcp -> http\n"
	"chain: to 203.0.113.2 -> http no-reuseport else quic replace else pass\n"
	"mixed: from vips to vips -> dns";

static const struct {
	const char *packet, *decision;
} table[] = {
	{ "tcp 198.51.100.7:1 -> 192.0.2.1:80", "listed: drop" },
	{ "tcp 198.51.100.127:1 -> 192.0.2.1:80", "listed: drop" },
	{ "tcp 198.51.100.128:1 -> 192.0.2.1:80", "acme: http" },
	{ "tcp 1.1.1.1:1 -> 192.0.2.1:8085", "acme: http" },
	{ "tcp 1.1.1.1:1 -> 192.0.2.1:8091", "default: pass" },
	{ "tcp [::1]:1 -> [2001:db8:80::1]:80", "acme: http" },
	{ "udp [::1]:1 -> [2001:db8:80::1]:443", "h3: quic" },
	{ "udp [::1]:1 -> [2001:db8:80::1]:9", "v6: six" },
	{ "udp 1.1.1.1:1 -> 192.0.2.1:9", "default: pass" },
	{ "tcp 1.1.1.1:53 -> 192.0.2.128:9", "both: dns" },
	{ "tcp 1.1.1.1:53 -> 192.0.2.127:9", "default: pass" },
	{ "tcp 10.1.1.1:1 -> 192.0.2.1:77", "default: pass" },
	{ "tcp 11.1.1.1:1 -> 192.0.2.1:77", "notnet: dns" },
	{ "tcp [::1]:1 -> [2001:db8:80::1]:77", "notnet: dns" },
	{ "tcp 1.1.1.1:1 -> 9.9.9.9:5 on eth0", "nic: dns" },
	{ "tcp 1.1.1.1:1 -> 9.9.9.9:5 on 7", "nic: dns" },
	{ "tcp 1.1.1.1:1 -> 9.9.9.9:5 on 8", "default: pass" },
	{ "tcp 1.1.1.1:1 -> 9.9.9.9:5", "default: pass" },
	{ "tcp 1.1.1.1:1 -> 9.9.9.9:6 on eth0", "default: pass" },
	{ "tcp 1.1.1.1:1 -> 9.9.9.9:6 on eth1", "default: pass" },
	{ "tcp 1.1.1.1:1 -> 9.9.9.9:6 on eth2", "nonic: dns" },
	{ "tcp 1.1.1.1:1 -> 9.9.9.9:6 on 7", "default: pass" },
	{ "tcp 1.1.1.1:1 -> 9.9.9.9:6", "nonic: dns" },
	{ "tcp 1.1.1.1:1 -> 203.0.113.1:80", "default: pass" },
	{ "tcp 1.1.1.1:1 -> 203.0.113.1:81", "oport: http" },
	{ "tcp 1.1.1.1:1 -> 203.0.113.2:81", "chain: http" },
	{ "udp 1.1.1.1:1 -> 203.0.113.2:81", "chain: quic" },
	{ "udp 192.0.2.1:1 -> 192.0.2.9:81", "mixed: dns" },
	{ "udp [2001:db8:80::1]:1 -> [2001:db8:80::2]:81", "mixed: dns" },
};

static void meaning(void **state)
{
	struct fixture *w = compile(edge);
	size_t i;

	(void)state;
	if (!w->policy)
		diag_print(&w->diags, stderr, false);
	assert_non_null(w->policy);
	for (i = 0; i < sizeof(table) / sizeof(*table); i++) {
		const char *got = decide(w, table[i].packet);

		if (strcmp(got, table[i].decision))
			fail_msg("%s: %s, expected %s", table[i].packet, got,
				 table[i].decision);
	}
	fixture_free(w);
}

static const struct policy_rule *rule(const struct policy *p, const char *name)
{
	size_t i;

	for (i = 0; i < p->nrules; i++)
		if (!strcmp(p->rules[i].name, name))
			return &p->rules[i];
	fail_msg("no rule %s", name);
	return NULL;
}

static void tables(void **state)
{
	struct fixture *w = compile(edge);
	const struct policy *p = w->policy;
	const struct outcome *o;
	size_t i;

	(void)state;
	assert_string_equal(p->name, "p");
	assert_int_equal(p->nsockets, 4);
	assert_int_equal(p->nslots, 2 + 2 + 4 + 2);
	assert_int_equal(p->sockets[0].slot[SLOT_TCP6], 1);
	assert_int_equal(p->sockets[0].slot[SLOT_UDP4], NO_SLOT);
	assert_int_equal(p->sockets[1].slot[SLOT_UDP4], 2);
	assert_int_equal(p->sockets[2].slot[SLOT_UDP6], 7);
	assert_int_equal(p->sockets[3].slot[SLOT_TCP4], NO_SLOT);
	assert_int_equal(p->sockets[3].slot[SLOT_UDP6], 9);
	assert_int_equal(p->ninterfaces, 2);
	assert_string_equal(p->interfaces[0], "eth0");
	assert_string_equal(p->interfaces[1], "eth1");
	assert_string_equal(p->rules[p->nrules - 1].name, "default");
	assert_int_equal(p->nclauses, p->nrules);
	assert_int_equal(p->clauses[p->nclauses - 1].terms.n, 1);
	for (i = 0; i < FIELD_COUNT; i++)
		assert_null(p->clauses[p->nclauses - 1].terms.v[0].set[i]);
	assert_int_equal(p->longest_chain, 2);
	assert_int_equal(rule(p, "never")->terms.n, 0);
	assert_int_equal(rule(p, "mixed")->terms.n, 2);
	assert_int_equal(rule(p, "v6")->nwhens, 2);
	assert_int_equal(rule(p, "nic")->nwhens, 0);
	o = &p->outcomes[p->actions[p->clauses[rule(p, "chain") -
					       p->rules].action].outcome];
	assert_int_equal(o->nsteps, 2);
	assert_int_equal(o->steps[0].flags, 2);
	assert_int_equal(o->steps[1].flags, 1);
	assert_true(o->pass);
	fixture_free(w);
}

/* Large sets are shared: a rule costs the same whatever the set's size. */
static void sharing(void **state)
{
	struct fixture *w = compile("socket a\nset s = { 10.0.0.0/8, ::/8 }\n"
				 "x: tcp to s port 1 -> a\n"
				 "when to s {\ny: port 2 -> a\n}\n"
				 "z: from not s -> a\nq: udp from not s -> a");
	const struct policy *p = w->policy;

	(void)state;
	assert_non_null(p);
	assert_ptr_equal(rule(p, "x")->terms.v[0].set[FIELD_LADDR4],
			 rule(p, "y")->terms.v[0].set[FIELD_LADDR4]);
	assert_ptr_equal(rule(p, "x")->terms.v[1].set[FIELD_LADDR6],
			 rule(p, "y")->terms.v[1].set[FIELD_LADDR6]);
	assert_ptr_equal(rule(p, "z")->terms.v[1].set[FIELD_RADDR6],
			 rule(p, "q")->terms.v[1].set[FIELD_RADDR6]);
	fixture_free(w);
}

static void counters(void **state)
{
	struct fixture *w = compile("socket a\ntcp -> a\nudp -> a count\n"
				 "x: ip4 -> a trace\nip6 -> drop\n"
				 "y: any -> a count trace");
	const struct policy *p = w->policy;

	(void)state;
	assert_non_null(p);
	assert_int_equal(p->ncounters, 3);
	assert_int_equal(p->rules[0].counter, NO_COUNTER);
	assert_int_equal(p->rules[1].counter, 0);
	assert_int_equal(p->rules[2].counter, 1);
	assert_true(p->rules[2].trace && !p->rules[2].count);
	assert_int_equal(p->rules[4].counter, 2);
	assert_int_equal(p->rules[5].counter, NO_COUNTER);
	fixture_free(w);
	w = compile("socket a\ntcp -> a count\nudp -> a count\n"
		    "tcp -> a count");
	p = w->policy;
	assert_non_null(p);
	assert_int_equal(p->ncounters, 2);
	assert_int_equal(p->rules[2].counter, p->rules[0].counter);
	assert_int_equal(w->diags.nwarnings, 1);
	fixture_free(w);
}

static void splits(void **state)
{
	struct fixture *w = compile(
		"socket a\nsocket b\nsocket c tcp\n"
		"x: tcp -> split by from, to port { 95% a, 5% b } else c else pass\n"
		"y: udp -> split by from { 50% a, 50% a }");
	const struct policy *p = w->policy;
	const struct split *s;

	(void)state;
	assert_non_null(p);
	s = p->actions[p->clauses[0].action].split;
	assert_non_null(s);
	assert_int_equal(s->nkeys, 2);
	assert_int_equal(s->keys[1], AST_KEY_PORT);
	assert_int_equal(s->nparts, 2);
	assert_int_equal(s->starts[1], 0x0ccccccc);
	assert_int_equal(p->outcomes[s->outcomes[0]].steps[0].socket, 1);
	assert_int_equal(p->outcomes[s->outcomes[1]].steps[0].socket, 0);
	assert_int_equal(p->outcomes[s->outcomes[1]].steps[1].socket, 2);
	assert_true(p->outcomes[s->outcomes[1]].pass);
	/* sha256("x") begins 2d711642b726b044 */
	assert_true(s->seed == 0x44b026b74216712d);
	assert_int_equal(p->longest_chain, 2);
	s = p->actions[p->clauses[1].action].split;
	assert_int_equal(s->outcomes[0], s->outcomes[s->nparts - 1]);
	fixture_free(w);
}

static void expects(void **state)
{
	struct fixture *w = compile("socket a\ntcp -> a\n"
				 "expect tcp -> { a, drop, pass }\n"
				 "expect tcp to { } -> a");
	const struct policy *p = w->policy;

	(void)state;
	assert_non_null(p);
	assert_int_equal(p->nexpects, 2);
	assert_int_equal(p->expects[0].ngoals, 3);
	assert_int_equal(p->expects[0].goals[0], 0);
	assert_int_equal(p->expects[0].goals[1], GOAL_DROP);
	assert_int_equal(p->expects[0].goals[2], GOAL_PASS);
	assert_int_equal(p->expects[0].terms.n, 1);
	assert_int_equal(p->expects[1].terms.n, 0);
	fixture_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(meaning),
		cmocka_unit_test(tables),
		cmocka_unit_test(sharing),
		cmocka_unit_test(counters),
		cmocka_unit_test(splits),
		cmocka_unit_test(expects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
