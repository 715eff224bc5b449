/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_resolve - every mistake of meaning
 *
 * A text, and all that must be reported for it, as name@line:column in order of
 * place, nothing more. Then what some messages say, and policies as large as
 * they may be.
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

/* What a message must say beyond its place. */
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
		cmocka_unit_test(deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
