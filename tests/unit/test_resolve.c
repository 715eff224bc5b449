/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_resolve - policies to clauses, and every mistake of meaning
 *
 * Two tables. Mistakes: a text, and all that must be reported for it, as
 * name@line:column in order of place, nothing more. Meaning: a text, packets,
 * and the rule and first choice the clauses give, found by looking at them
 * one by one. Then what other stages read: slots, counters, outcomes,
 * interfaces, chains.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../compiler/policy.h"
#include "../../grammar/arena.h"
#include "../../grammar/parse.h"

/* Behind every text, so that line and column are the text's own. */
#define TAIL "\npolicy p\ndefault -> pass\n"

struct work {
	struct arena arena;
	struct source_set sources;
	struct diags diags;
	const struct ast *ast;
	struct policy *policy;
};

static struct work *compile_whole(const char *text)
{
	struct work *w = calloc(1, sizeof(*w));
	int file;

	arena_init(&w->arena, NULL);
	source_init(&w->sources, &w->arena);
	diag_init(&w->diags, &w->arena, &w->sources);
	file = source_add(&w->sources, "t.skl", text, strlen(text));
	w->ast = parse_policy(&w->arena, &w->sources, &w->diags, file);
	if (w->diags.nerrors) {
		diag_print(&w->diags, stderr, false);
		fail_msg("does not parse: %s", text);
	}
	w->policy = policy_resolve(&w->arena, w->ast, &w->diags);
	return w;
}

static struct work *compile(const char *text)
{
	size_t size = strlen(text) + sizeof(TAIL);
	char *whole = malloc(size);
	struct work *w;

	snprintf(whole, size, "%s" TAIL, text);
	w = compile_whole(whole);
	free(whole);
	return w;
}

static void done(struct work *w)
{
	arena_free(&w->arena);
	free(w);
}

static bool before(const struct diag *x, const struct diag *y)
{
	return x->place.begin < y->place.begin;
}

/* "name@line:column name@line:column", by place. */
static const char *reported(struct work *w)
{
	const struct diag *last = NULL, *d, *next;
	const char *out = "";

	for (;;) {
		struct source_position at;

		next = NULL;
		for (d = w->diags.first; d; d = d->next)
			if ((!last || before(last, d)) &&
			    (!next || before(d, next)))
				next = d;
		if (!next)
			return out;
		at = source_position(&w->sources, next->place.file,
				     next->place.begin);
		out = arena_printf(&w->arena, "%s%s%s@%u:%u", out,
				   *out ? " " : "", diag_name(next->id),
				   at.line, at.column);
		last = next;
	}
}

struct mistake {
	const char *text, *expected;
};

#define A "socket a\n"		/* one line in front */

static const struct mistake mistakes[] = {
	/* nothing wrong */
	{ A "tcp -> a", "" },
	{ A "x: tcp -> a\ny: udp -> a", "" },
	/* names */
	{ A "tcp -> aa\nudp -> a", "undefined-name@2:8" },
	{ A "tcp to vipz -> a\nset vips = { 1.2.3.4 }",
	  "undefined-name@2:8 unused-name@3:5" },
	{ A "tcp -> map m\nudp -> a", "undefined-name@2:12" },
	{ A "tcp -> a else b\n", "undefined-name@2:15" },
	{ A "tcp on eth0 -> a", "undefined-name@2:8" },
	{ A "set s = { t }\ntcp to s -> a", "undefined-name@2:11" },
	{ A "socket a udp\ntcp -> a", "duplicate-name@2:8" },
	{ A "set a = { 1 }\ntcp -> a", "duplicate-name@2:5" },
	{ A "map a by to {\n}\ntcp -> a", "duplicate-name@2:5" },
	{ A "x: tcp -> a\nx: udp -> a", "duplicate-name@3:1" },
	{ A "x: tcp -> a\nwhen udp {\nx: to 1.2.3.4 -> a\n}",
	  "duplicate-name@4:1" },
	{ A "tcp -> a\ntcp -> a", "redundant-rule@3:1" },
	{ A "when tcp {\nport 1 -> a\n}\nwhen udp {\nport 1 -> a\n}", "" },
	{ A "set s = { 1 }\nmap m by to {\n}",
	  "unused-name@1:8 unused-name@2:5 unused-name@3:5" },
	{ A "expect tcp -> a\n", "" },
	{ A "expect tcp -> b\ntcp -> a", "undefined-name@2:15" },
	/* kinds */
	{ A "tcp to a -> a", "kind-mismatch@2:8" },
	{ A "set s = { 1.2.3.4 }\ntcp -> s\nudp -> a", "kind-mismatch@3:8" },
	{ A "set s = { 1.2.3.4 }\ntcp -> map s\nudp -> a",
	  "kind-mismatch@3:12" },
	{ A "tcp to 443 -> a", "kind-mismatch@2:8" },
	{ A "tcp to { 1.2.3.4, 443, \"x\" } -> a",
	  "kind-mismatch@2:19 kind-mismatch@2:24" },
	{ A "tcp port 1.2.3.4 -> a", "kind-mismatch@2:10" },
	{ A "tcp port \"http\" -> a", "kind-mismatch@2:10" },
	{ A "tcp on 10.0.0.0/8 -> a", "kind-mismatch@2:8" },
	{ A "set s = { 80 }\ntcp to s -> a", "kind-mismatch@3:8" },
	{ A "set s = { ::/0 }\ntcp port s -> a", "kind-mismatch@3:10" },
	{ A "set s = { \"eth0\" }\ntcp port s -> a", "kind-mismatch@3:10" },
	{ A "set s = { 1.2.3.4, 80 }\ntcp to s -> a", "mixed-set@2:20" },
	{ A "set s = { 80 }\nset t = { 1.2.3.4, s }\ntcp to t -> a",
	  "mixed-set@3:20" },
	{ A "set s = { \"eth0\", 3 }\ntcp on s -> a", "" },
	{ A "set s = { s }\ntcp to s -> a", "set-cycle@2:11" },
	{ A "set s = { t }\nset t = { u, 1 }\nset u = { s }\n"
	    "tcp port t -> a", "set-cycle@2:11" },
	/* ports */
	{ A "tcp port https -> a", "service-name@2:10" },
	{ "socket http\ntcp port http -> http", "service-name@2:10" },
	{ A "set https = { 443 }\ntcp port https -> a", "" },
	{ A "set s = { 1, 70000 }\ntcp port s -> a\nudp port s -> a",
	  "port-range@2:14" },
	{ A "tcp on 0 -> a", "port-range@2:8" },
	{ A "tcp on 2147483647 -> a", "" },
	{ A "tcp on 2147483648 -> a", "port-range@2:8" },
	{ A "set s = { 0 }\ntcp port s -> a\nudp on s -> a",
	  "port-range@2:11" },
	{ A "tcp on \"an-interface-too-long\" -> a", "contradiction@2:8" },
	/* families and protocols */
	{ "socket a ip6 at 127.0.0.1 port 1\ntcp -> a",
	  "family-mismatch@1:14" },
	{ "socket a at ::1 port 0\ntcp -> a", "port-range@1:10" },
	{ A "ip4 to ::/0 -> a", "family-mismatch@2:8" },
	{ A "when ip6 {\nto 1.2.3.4 -> a\n}", "family-mismatch@3:4" },
	{ "socket a ip4\nsocket b\ntcp ip6 -> a else b\nudp -> b",
	  "family-mismatch@3:12" },
	{ "socket a ip4\nsocket b\ntcp to ::1 -> b else a",
	  "family-mismatch@3:22" },
	{ "socket a ip4\ntcp to { ::1, 1.2.3.4 } -> a", "" },
	{ "socket a tcp\nudp -> a", "socket-protocol@2:8" },
	{ "socket a tcp\nwhen udp {\nany -> a\n}", "socket-protocol@3:8" },
	{ "socket a tcp\nany -> a", "" },
	{ "socket a tcp\nsocket b\nudp -> split by from { 50% a, 50% b }",
	  "socket-protocol@3:28" },
	{ "socket a tcp\nudp -> map m\nmap m by to {\n1.2.3.4 -> a\n}",
	  "socket-protocol@2:12" },
	{ "socket a tcp\nudp -> map m\nmap m by to {\n1.2.3.4 -> a\n"
	  "default -> drop\n}", "socket-protocol@4:12" },
	{ "socket a tcp\nudp -> map m\ntcp -> map m\nmap m by to {\n"
	  "1.2.3.4 -> a\ndefault -> drop\n}", "" },
	{ "socket a tcp\ntcp -> map m\nudp -> map m\nmap m by to {\n"
	  "1.2.3.4 -> a\ndefault -> drop\n}", "" },
	{ "socket a ip6\ntcp -> map m\nmap m by to {\n1.2.3.4 -> a\n"
	  "::/0 -> a\n}", "family-mismatch@4:12" },
	/* contradictions */
	{ A "when tcp {\nudp -> a\n}", "contradiction@3:1" },
	{ A "when to 10.0.0.0/8 {\nto 11.0.0.0/8 -> a\n}",
	  "contradiction@3:4" },
	{ A "when to 10.0.0.0/8 {\nto 10.1.0.0/16 -> a\n}", "" },
	{ A "from 1.2.3.4 to ::1 -> a", "contradiction@2:17" },
	{ A "when port 1-100 {\nport 101 -> a\n}", "contradiction@3:6" },
	{ A "when from port 1-100 {\nport 101 -> a\n}", "" },
	{ A "when on \"eth0\" {\non \"eth1\" -> a\n}", "contradiction@3:4" },
	{ A "when on \"eth0\" {\non 3 -> a\n}", "" },
	{ A "port not 0-65535 -> a", "contradiction@2:6" },
	{ A "to not { 0.0.0.0/0, ::/0 } -> a", "contradiction@2:4" },
	{ A "when tcp {\nwhen udp {\nport 1 -> a\nto 4 -> a\n}\n}",
	  "contradiction@3:6 kind-mismatch@5:4" },
	{ A "expect tcp from 1.2.3.4 to ::1 -> a", "contradiction@2:28" },
	/* an empty set is no mistake, wherever it stands */
	{ A "set s = { }\nto s -> a", "" },
	{ A "set s = { }\nport s -> a\non s -> a\non not s -> a", "" },
	{ A "set s = { }\nwhen to s {\nto 1.2.3.4 -> a\n}", "" },
	{ A "to { } -> a", "" },
	/* splits */
	{ "socket a\nsocket b\nany -> split by from { 50% a, 49.5% b }",
	  "split-sum@3:8" },
	{ "socket a\nany -> split by from { 100% a, 1% a }",
	  "split-sum@2:8" },
	{ "socket a\nany -> split by from { 100% b } else c\nudp -> a",
	  "undefined-name@2:29 undefined-name@2:38" },
};

static void all_mistakes(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
		const struct mistake *m = &mistakes[i];
		struct work *w = compile(m->text);
		const char *got = reported(w);

		if (strcmp(got, m->expected)) {
			diag_print(&w->diags, stderr, false);
			fail_msg("%s\nexpected: %s\nreported: %s", m->text,
				 m->expected, got);
		}
		assert_true(!w->policy == !!w->diags.nerrors);
		done(w);
	}
}

/* No rule comes after the default: its map must take every packet. */
static void default_map(void **state)
{
	struct work *w;

	(void)state;
	w = compile_whole("policy p\nsocket a\ndefault -> map m\n"
			  "map m by to {\n0.0.0.0/0, ::/0 -> a\n}\n");
	assert_string_equal(reported(w), "missing-default@3:16");
	done(w);
	w = compile_whole("policy p\nsocket a\ndefault -> map m\n"
			  "map m by to {\ndefault -> pass\n::/0 -> a\n}\n");
	assert_string_equal(reported(w), "");
	assert_int_equal(w->policy->nclauses, 2);
	done(w);
	w = compile_whole("policy p\nsocket a\ndefault -> map mm\n"
			  "map m by to {\n::/0 -> a\n}\ntcp -> map m\n");
	assert_string_equal(reported(w), "undefined-name@3:16");
	done(w);
}

/* What a message must say beyond its place. */
/* 65,536 slots, and one socket more. */
static void slots(void **state)
{
	enum { SOCKETS = 16384, LINE = 32 };
	char *text = malloc((SOCKETS + 1) * LINE);
	struct work *w;
	size_t n = 0;

	(void)state;
	for (int i = 0; i < SOCKETS; i++)
		n += (size_t)snprintf(text + n, LINE, "socket s%d\n", i);
	w = compile(text);
	assert_non_null(w->policy);
	assert_int_equal(w->policy->nslots, 65536);
	done(w);
	snprintf(text + n, LINE, "socket one tcp ip4\nsocket two\n");
	w = compile(text);
	assert_int_equal(w->diags.nerrors, 1);
	assert_non_null(strstr(reported(w), "too-large@16385:8"));
	assert_null(w->policy);
	done(w);
	free(text);
}

static void words(void **state)
{
	struct work *w;

	(void)state;
	w = compile("socket http\ntcp -> htpt\nudp port ssh -> http\n"
		    "ip4 -> split by from { 50% http, 49.25% http }\n");
	assert_int_equal(w->diags.nerrors, 3);
	assert_string_equal(w->diags.first->message,
			    "there is no socket `htpt`");
	assert_string_equal(w->diags.first->help, "did you mean `http`?");
	assert_non_null(strstr(w->diags.first->next->help, "`22`"));
	assert_non_null(strstr(w->diags.first->next->next->message,
			       "99.25 %"));
	done(w);
	w = compile("set vips = { 1.2.3.4 }\ntcp -> vips\n");
	assert_non_null(strstr(w->diags.first->message, "is a set"));
	assert_non_null(w->diags.first->also.text);
	done(w);
}

/* ----------------------------------------------------------- meaning */

static bool holds(const struct terms *t, const u128 v[FIELD_COUNT])
{
	size_t i;
	int f;

	for (i = 0; i < t->n; i++) {
		for (f = 0; f < FIELD_COUNT; f++)
			if (t->v[i].set[f] &&
			    !iset_contains(t->v[i].set[f], v[f]))
				break;
		if (f == FIELD_COUNT)
			return true;
	}
	return false;
}

static const char *decide(struct work *w, const char *text)
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

		if (!holds(&p->clauses[i].terms, v))
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
	struct work *w = compile(edge);
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
	done(w);
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
	struct work *w = compile(edge);
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
	done(w);
}

/* Large sets are shared: a rule costs the same whatever the set's size. */
static void sharing(void **state)
{
	struct work *w = compile("socket a\nset s = { 10.0.0.0/8, ::/8 }\n"
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
	done(w);
}

static void counters(void **state)
{
	struct work *w = compile("socket a\ntcp -> a\nudp -> a count\n"
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
	done(w);
	w = compile("socket a\ntcp -> a count\nudp -> a count\n"
		    "tcp -> a count");
	p = w->policy;
	assert_non_null(p);
	assert_int_equal(p->ncounters, 2);
	assert_int_equal(p->rules[2].counter, p->rules[0].counter);
	assert_int_equal(w->diags.nwarnings, 1);
	done(w);
}

static void splits(void **state)
{
	struct work *w = compile(
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
	done(w);
}

static void expects(void **state)
{
	struct work *w = compile("socket a\ntcp -> a\n"
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
	done(w);
}

/* As deep and as long as a file can make them. */
static void deep(void **state)
{
	enum { N = 20000 };
	char *text = malloc(N * 64), *at = text;
	struct work *w;
	int i;

	(void)state;
	at += sprintf(at, "socket a\nto s0 -> a\n");
	for (i = 0; i < N; i++)
		at += sprintf(at, "set s%d = { s%d }\n", i, i + 1);
	sprintf(at, "set s%d = { 10.0.0.0/8 }\n", N);
	w = compile(text);
	assert_non_null(w->policy);
	assert_int_equal(w->policy->rules[0].terms.n, 1);
	done(w);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_mistakes),
		cmocka_unit_test(default_map),
		cmocka_unit_test(slots),
		cmocka_unit_test(words),
		cmocka_unit_test(meaning),
		cmocka_unit_test(tables),
		cmocka_unit_test(sharing),
		cmocka_unit_test(counters),
		cmocka_unit_test(splits),
		cmocka_unit_test(expects),
		cmocka_unit_test(deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
