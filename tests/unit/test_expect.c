/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_expect - expectations and idle rules, against all packets
 *
 * A table of policies and the exact text that is printed for them. Then random
 * policies over few addresses and ports, whose packets are gone through one by
 * one with nothing but the clauses: what is reported must be just what they
 * show, every packet that is named must do what is said of it, and a rule that
 * is to be moved or removed must be a rule that can be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../compiler/expect.h"
#include "../../grammar/arena.h"
#include "fixture_policy.h"

static char *printed(struct fixture *w)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	diag_print(&w->diags, f, false);
	fclose(f);
	return text;
}

/* -------------------------------------------------------------- texts */

#define HEAD "policy p\nsocket web\nsocket l7\nsocket quic udp\n" \
	     "default -> pass\n"
#define USED "udp port 1 -> web else l7 else quic\n"

static const struct {
	const char *text, *expected;
} texts[] = {
	/* DESIGN's own example, with a packet that is written out */
	{ HEAD "set vips = { 192.0.2.0/24, 2001:db8:80::/48 }\n" USED
	  "all:  tcp to vips port 1-1024 -> l7\n"
	  "tls:  tcp to vips port 443    -> web\n",
	  "warning[unreachable-rule]: rule `tls` can never match\n"
	  " --> t.skl:9:7\n"
	  "  |\n"
	  "8 | all:  tcp to vips port 1-1024 -> l7\n"
	  "  |       ----------------------- already takes every packet of "
	  "`tls`, and sends it to `l7`\n"
	  "9 | tls:  tcp to vips port 443    -> web\n"
	  "  |       ^^^^^^^^^^^^^^^^^^^^ never reached\n"
	  "  |\n"
	  "  = note: the verdicts differ: today `tcp 203.0.113.9:50000 -> "
	  "192.0.2.1:443` goes to `l7`, not to `web`\n"
	  "  = help: move `tls` above `all`\n" },
	/* an expectation that the move would break: no help */
	{ HEAD USED "all: tcp port 1-9 -> l7\nx: tcp port 3 -> drop\n"
	  "expect tcp port 1-3 -> l7\n",
	  "warning[unreachable-rule]: rule `x` can never match\n"
	  " --> t.skl:8:4\n"
	  "  |\n"
	  "7 | all: tcp port 1-9 -> l7\n"
	  "  |      ------------ already takes every packet of `x`, and sends "
	  "it to `l7`\n"
	  "8 | x: tcp port 3 -> drop\n"
	  "  |    ^^^^^^^^^^ never reached\n"
	  "  |\n"
	  "  = note: the verdicts differ: today `tcp 203.0.113.9:50000 -> "
	  "192.0.2.1:3` goes to `l7`, and is not dropped\n" },
	/* equal matches, and a chain that differs behind its first choice */
	{ HEAD USED "a: tcp port 3 -> web else pass\nb: tcp port 3 -> web\n",
	  "warning[unreachable-rule]: rule `b` can never match\n"
	  " --> t.skl:8:4\n"
	  "  |\n"
	  "7 | a: tcp port 3 -> web else pass\n"
	  "  |    ---------- already takes every packet of `b`, and sends it "
	  "to `web`\n"
	  "8 | b: tcp port 3 -> web\n"
	  "  |    ^^^^^^^^^^ never reached\n"
	  "  |\n"
	  "  = note: the verdicts differ: `web else pass`, not "
	  "`web else drop`\n" },
	/* two rules take it all, out of a block; the same verdict */
	{ HEAD USED "when tcp {\nport 1-5 -> drop\nport 6-9 -> drop count\n}\n"
	  "c: tcp port 2-8 -> drop\n",
	  "warning[unreachable-rule]: rule `c` can never match\n"
	  "  --> t.skl:11:4\n"
	  "   |\n"
	  " 8 | port 1-5 -> drop\n"
	  "   | -------- takes packets of `c`, and 1 more rule takes the "
	  "others\n"
	  "...\n"
	  "11 | c: tcp port 2-8 -> drop\n"
	  "   |    ^^^^^^^^^^^^ never reached\n"
	  "   |\n"
	  "   = note: the verdicts are the same\n"
	  "   = help: remove `c`\n" },
	{ HEAD USED "r1: tcp port 80 -> web\nr2: tcp port 80-90 -> web\n",
	  "warning[redundant-rule]: rule `r1` changes no verdict\n"
	  " --> t.skl:7:5\n"
	  "  |\n"
	  "7 | r1: tcp port 80 -> web\n"
	  "  |     ^^^^^^^^^^^ every packet gets the same verdict without it\n"
	  "8 | r2: tcp port 80-90 -> web\n"
	  "  |     -------------- `r2` does the same\n"
	  "  |\n"
	  "  = note: without it, `tcp 203.0.113.9:50000 -> 192.0.2.1:80` goes "
	  "to `web` all the same, by `r2`\n"
	  "  = help: remove `r1`\n" },
	/* counted, or kept from being counted */
	{ HEAD USED "r1: tcp port 80 -> web\nr2: tcp port 80-90 -> web count\n"
	  "r3: tcp port 7 -> pass trace\n", "" },
	/* nothing said of empty sets, maps without entries, the default */
	{ HEAD USED "set none = {}\nmap m by to {}\ntcp to none -> web\n"
	  "udp port 2 -> map m\nany -> web count\n", "" },
	/* expectations */
	{ HEAD USED "tls: tcp port 443 -> web\n"
	  "expect tcp port 443 -> { l7, drop, pass }\n",
	  "error[expect-failed]: the expectation does not hold for every "
	  "packet\n"
	  " --> t.skl:8:1\n"
	  "  |\n"
	  "7 | tls: tcp port 443 -> web\n"
	  "  |      ------------ `tls` sends it to `web`\n"
	  "8 | expect tcp port 443 -> { l7, drop, pass }\n"
	  "  | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ expected `l7`, `drop` "
	  "or `pass`\n"
	  "  |\n"
	  "  = note: `tcp 203.0.113.9:50000 -> 192.0.2.1:443` goes to "
	  "`web`\n" },
	{ HEAD USED "q: port 5 -> quic\nexpect port 5 -> quic\n",
	  "error[expect-failed]: the expectation does not hold for every "
	  "packet\n"
	  " --> t.skl:8:1\n"
	  "  |\n"
	  "7 | q: port 5 -> quic\n"
	  "  |    ------ `q` drops it\n"
	  "8 | expect port 5 -> quic\n"
	  "  | ^^^^^^^^^^^^^^^^^^^^^ expected `quic`\n"
	  "  |\n"
	  "  = note: `tcp 203.0.113.9:50000 -> 192.0.2.1:5` is dropped\n" },
	{ HEAD USED "expect udp to 2001:db8::/32 port 7 on \"eth0\" -> l7\n",
	  "error[expect-failed]: the expectation does not hold for every "
	  "packet\n"
	  " --> t.skl:7:1\n"
	  "  |\n"
	  "5 | default -> pass\n"
	  "  | ------- `default` passes it\n"
	  "6 | udp port 1 -> web else l7 else quic\n"
	  "7 | expect udp to 2001:db8::/32 port 7 on \"eth0\" -> l7\n"
	  "  | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ expected "
	  "`l7`\n"
	  "  |\n"
	  "  = note: `udp [2001:db8::9]:50000 -> [2001:db8::1]:7 on eth0` is "
	  "passed\n" },
	/* splits: two clients that hash to one share each, and all clients */
	{ HEAD USED "s: udp port 9 -> split by from { 95% web, 5% quic }\n"
	  "expect udp from 203.0.113.9 to port 9 -> web\n"
	  "expect udp to port 9 -> { quic, web }\n"
	  "expect udp from 203.0.113.0/24 to port 9 -> web\n",
	  "error[expect-failed]: the expectation does not hold for every "
	  "packet\n"
	  "  --> t.skl:10:1\n"
	  "   |\n"
	  " 7 | s: udp port 9 -> split by from { 95% web, 5% quic }\n"
	  "   |    ---------- `s` sends it to `quic`\n"
	  "...\n"
	  "10 | expect udp from 203.0.113.0/24 to port 9 -> web\n"
	  "   | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ expected "
	  "`web`\n"
	  "   |\n"
	  "   = note: `udp 203.0.113.12:50000 -> 192.0.2.1:9` goes to "
	  "`quic`\n" },
	/* one in a million: said by its share when no packet is found */
	{ HEAD USED "u: tcp port 9 -> split by from { 99.9999% web, "
	  "0.0001% l7 }\nexpect ip6 tcp to port 9 -> web\n",
	  "error[expect-failed]: the expectation does not hold for every "
	  "packet\n"
	  " --> t.skl:8:1\n"
	  "  |\n"
	  "7 | u: tcp port 9 -> split by from { 99.9999% web, 0.0001% l7 }\n"
	  "  |    ---------- `u` sends it to `l7`\n"
	  "8 | expect ip6 tcp to port 9 -> web\n"
	  "  | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ expected `web`\n"
	  "  |\n"
	  "  = note: of packets like `tcp [2001:db8::9]:50000 -> "
	  "[2001:db8::1]:9`, 0.0001 % goes to `l7`\n" },
	/* the default does the same, and is never reached itself */
	{ HEAD USED "all: any -> pass\n",
	  "warning[redundant-rule]: rule `all` changes no verdict\n"
	  " --> t.skl:7:6\n"
	  "  |\n"
	  "5 | default -> pass\n"
	  "  | ------- `default` does the same\n"
	  "6 | udp port 1 -> web else l7 else quic\n"
	  "7 | all: any -> pass\n"
	  "  |      ^^^ every packet gets the same verdict without it\n"
	  "  |\n"
	  "  = note: without it, `tcp 203.0.113.9:50000 -> 192.0.2.1:443` is "
	  "passed all the same, by `default`\n"
	  "  = help: remove `all`\n" },
	/* a map is one rule; nobody stands behind a full one */
	{ HEAD USED "map m by to { 10.0.0.0/8 -> web; default -> l7 }\n"
	  "t: tcp port 5 -> map m\nv: tcp to 10.0.0.1 port 5 -> drop\n",
	  "warning[unreachable-rule]: rule `v` can never match\n"
	  " --> t.skl:9:4\n"
	  "  |\n"
	  "8 | t: tcp port 5 -> map m\n"
	  "  |    ---------- already takes every packet of `v`, and asks the "
	  "map `m`\n"
	  "9 | v: tcp to 10.0.0.1 port 5 -> drop\n"
	  "  |    ^^^^^^^^^^^^^^^^^^^^^^ never reached\n"
	  "  |\n"
	  "  = note: the verdicts differ: today `tcp 203.0.113.9:50000 -> "
	  "10.0.0.1:5` goes to `web`, and is not dropped\n"
	  "  = help: move `v` above `t`\n" },
};

static void exact_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct fixture *w = fixture_compile(texts[i].text);
		char *text;

		assert_non_null(w->diagram);
		expect_prove(w->policy, w->diagram, &w->diags);
		expect_lint(w->policy, w->diagram, &w->diags);
		text = printed(w);
		assert_string_equal(text, texts[i].expected);
		free(text);
		fixture_free(w);
	}
}

/* ---------------------------------------------------- random policies */

enum { RULES = FIXTURE_RULES };

static bool same_doing(const struct policy *p, const struct clause *x,
		       const struct clause *y)
{
	const struct action *a = &p->actions[x->action];
	const struct action *b = &p->actions[y->action];
	const struct outcome *o = &p->outcomes[a->outcome];
	const struct outcome *q = &p->outcomes[b->outcome];

	if (a->split || b->split || p->rules[a->rule].count ||
	    p->rules[b->rule].count || o->pass != q->pass ||
	    o->nsteps != q->nsteps)
		return false;
	for (uint32_t i = 0; i < o->nsteps; i++)
		if (o->steps[i].socket != q->steps[i].socket ||
		    o->steps[i].flags != q->steps[i].flags)
			return false;
	return true;
}

struct truth {
	bool reached[RULES + 1], needed[RULES + 1];
};

static struct truth truth_of(const struct policy *p)
{
	u128 v[FIELD_COUNT];
	struct truth t = { { 0 }, { 0 } };

	for (uint32_t i = 0; fixture_packet(p, i, v); i++)
		t.reached[fixture_rule(p, fixture_scan(p, NOBODY, v))] = true;
	for (uint32_t i = 0; fixture_packet(p, i, v); i++) {
		const struct clause *c = fixture_scan(p, NOBODY, v), *next;
		uint32_t rule = fixture_rule(p, c);

		if (rule == RULES)	/* the default */
			continue;
		next = fixture_scan(p, rule, v);
		if (!same_doing(p, c, next) ||
		    (fixture_rule(p, next) != RULES &&
		     !t.reached[fixture_rule(p, next)]))
			t.needed[rule] = true;
	}
	return t;
}

static bool holds_any(const struct policy *p, uint32_t rule)
{
	u128 v[FIELD_COUNT];

	for (uint32_t i = 0; fixture_packet(p, i, v); i++)
		for (size_t k = 0; k < p->nclauses; k++)
			if (fixture_rule(p, &p->clauses[k]) == rule &&
			    fixture_holds(&p->clauses[k].terms, v))
				return true;
	return false;
}

/* The rule `rN` named in TEXT behind WORD. */
static uint32_t named(const char *text, const char *word)
{
	const char *at = strstr(text, word);

	assert_non_null(at);
	return (uint32_t)atoi(at + strlen(word));
}

/* The packet in backquotes behind WORD, and what the text says it does. */
static const char *named_packet(const struct policy *p, const char *text,
				const char *word, u128 v[FIELD_COUNT])
{
	const char *begin = strstr(text, word), *end, *number;
	char error[PACKET_ERROR_MAX];
	struct packet k;

	assert_non_null(begin);
	begin += strlen(word);
	end = strchr(begin, '`');
	number = memmem(begin, (size_t)(end - begin), " (number ", 9);
	assert_true(packet_parse(begin, (size_t)((number ? number : end) -
						 begin), &k, error));
	if (number)
		k.ifindex = (uint32_t)atoi(number + 9);
	policy_packet_fields(p, &k, v);
	return end + 2;
}

static void assert_does(const struct policy *p, const char *text,
			uint32_t choice)
{
	char does[80];

	snprintf(does, sizeof(does), choice == GOAL_PASS ? "is passed" :
		 choice == GOAL_DROP ? "is dropped" : "goes to `%s`",
		 policy_choice_name(p, choice));
	assert_memory_equal(text, does, strlen(does));
}

/* The clauses with those of rule X moved before those of rule Y. */
static struct policy moved(struct arena *a, const struct policy *p,
			   uint32_t x, uint32_t y)
{
	struct policy q = *p;
	size_t n = 0;

	q.clauses = arena_array(a, p->nclauses, sizeof(*q.clauses));
	for (size_t i = 0; i < p->nclauses; i++) {
		if (fixture_rule(p, &p->clauses[i]) == y &&
		    (!i || fixture_rule(p, &p->clauses[i - 1]) != y))
			for (size_t k = 0; k < p->nclauses; k++)
				if (fixture_rule(p, &p->clauses[k]) == x)
					q.clauses[n++] = p->clauses[k];
		if (fixture_rule(p, &p->clauses[i]) != x)
			q.clauses[n++] = p->clauses[i];
	}
	assert_int_equal(n, p->nclauses);
	return q;
}

static bool expectation_holds(const struct policy *p,
			      const struct policy_expect *e)
{
	u128 v[FIELD_COUNT];

	for (uint32_t i = 0; fixture_packet(p, i, v); i++) {
		uint32_t got;
		size_t k = 0;

		if (!fixture_holds(&e->terms, v))
			continue;
		got = fixture_choice(p, fixture_scan(p, NOBODY, v), v);
		while (k < e->ngoals && e->goals[k] != got)
			k++;
		if (k == e->ngoals)
			return false;
	}
	return true;
}

static void assert_move(struct fixture *w, uint32_t x, uint32_t y)
{
	const struct policy *p = w->policy;
	struct policy q = moved(&w->arena, p, x, y);
	struct truth before = truth_of(p), after = truth_of(&q);
	u128 v[FIELD_COUNT];

	for (uint32_t i = 0; i <= RULES; i++)
		assert_int_equal(after.reached[i], before.reached[i] ||
				 i == x);
	for (uint32_t i = 0; fixture_packet(p, i, v); i++) {
		const struct clause *c = fixture_scan(&q, NOBODY, v);

		assert_true(fixture_rule(p, c) == x ||
			    c->action == fixture_scan(p, NOBODY, v)->action);
	}
	for (size_t i = 0; i < p->nexpects; i++)
		if (expectation_holds(p, &p->expects[i]))
			assert_true(expectation_holds(&q, &p->expects[i]));
}

static size_t moves;

static void check_unreachable(struct fixture *w, const struct diag *d,
			      uint32_t rule)
{
	const struct policy *p = w->policy;
	const char *rest;
	u128 v[FIELD_COUNT];

	if (d->help && !strncmp(d->help, "move", 4)) {
		assert_move(w, rule, named(d->help, "above `r"));
		moves++;
	}
	if (!d->note || !strstr(d->note, "today"))
		return;
	rest = named_packet(p, d->note, "today `", v);
	assert_true(fixture_holds(&p->rules[rule].terms, v));
	assert_does(p, rest, fixture_choice(p, fixture_scan(p, NOBODY, v), v));
}

static void check_redundant(struct fixture *w, const struct diag *d,
			    uint32_t rule)
{
	const struct policy *p = w->policy;
	u128 v[FIELD_COUNT];
	const char *rest;

	rest = named_packet(p, d->note, "without it, `", v);
	assert_int_equal(fixture_rule(p, fixture_scan(p, NOBODY, v)), rule);
	assert_does(p, rest, fixture_choice(p, fixture_scan(p, rule, v), v));
}

static void lint_one(size_t found[2])
{
	struct fixture *w = fixture_random();
	struct truth t = truth_of(w->policy);
	bool said[2][RULES + 1] = { { false } };

	expect_lint(w->policy, w->diagram, &w->diags);
	for (const struct diag *d = w->diags.first; d; d = d->next) {
		uint32_t rule = named(d->message, "rule `r");
		bool redundant = d->id == DIAG_REDUNDANT_RULE;

		assert_false(said[redundant][rule]);
		said[redundant][rule] = true;
		found[redundant]++;
		if (redundant)
			check_redundant(w, d, rule);
		else
			check_unreachable(w, d, rule);
	}
	for (uint32_t i = 0; i < RULES; i++) {
		assert_int_equal(said[0][i], !t.reached[i] &&
				 holds_any(w->policy, i));
		assert_int_equal(said[1][i], t.reached[i] && !t.needed[i]);
	}
	fixture_free(w);
}

static void random_lint(void **state)
{
	size_t found[2] = { 0, 0 };

	(void)state;
	for (int i = 0; i < 250; i++)
		lint_one(found);
	assert_true(found[0] > 100 && found[1] > 30 && moves > 20);
}

static void check_failure(const struct policy *p, const struct diag *d,
			  const struct policy_expect *e)
{
	u128 v[FIELD_COUNT];
	const char *rest = named_packet(p, d->note, "`", v);
	uint32_t got = fixture_choice(p, fixture_scan(p, NOBODY, v), v);

	assert_true(fixture_holds(&e->terms, v));
	assert_does(p, rest, got);
	for (size_t i = 0; i < e->ngoals; i++)
		assert_int_not_equal(e->goals[i], got);
	assert_true(!memcmp(&d->place, &e->ast->place, sizeof(d->place)));
}

static void random_expects(void **state)
{
	size_t failed = 0, held = 0;

	(void)state;
	for (int i = 0; i < 250; i++) {
		struct fixture *w = fixture_random();
		const struct diag *d;

		expect_prove(w->policy, w->diagram, &w->diags);
		d = w->diags.first;
		for (size_t k = 0; k < w->policy->nexpects; k++) {
			const struct policy_expect *e = &w->policy->expects[k];

			if (expectation_holds(w->policy, e)) {
				held++;
				continue;
			}
			failed++;
			assert_non_null(d);
			check_failure(w->policy, d, e);
			d = d->next;
		}
		assert_null(d);
		fixture_free(w);
	}
	assert_true(failed > 100 && held > 100);
}

/* ------------------------------------------------------------- size */

/* Thousands of idle rules: said of all, packets for the first ones. */
static void many_rules(void **state)
{
	enum { N = 5000 };
	char *text = malloc(N * 64), *at = text;
	size_t noted = 0, n = 0;
	struct fixture *w;

	(void)state;
	at += sprintf(at, "policy p\nsocket a\nany -> a\ndefault -> pass\n");
	for (uint32_t i = 0; i < N; i++)
		at += sprintf(at, "tcp from 10.%u.%u.0/24 port %u -> drop\n", i >> 8,
		    i & 255, i);
	w = fixture_compile(text);
	expect_lint(w->policy, w->diagram, &w->diags);
	assert_int_equal(w->diags.nwarnings, N);
	for (const struct diag *d = w->diags.first; d; d = d->next, n++) {
		assert_int_equal(d->id, DIAG_UNREACHABLE_RULE);
		noted += !!d->note;
	}
	assert_int_equal(n, N);
	assert_int_equal(noted, 200);
	fixture_free(w);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact_texts),
		cmocka_unit_test(random_lint),
		cmocka_unit_test(random_expects),
		cmocka_unit_test(many_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
