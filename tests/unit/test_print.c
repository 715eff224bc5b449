/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_print - what the printers promise
 *
 * Addresses have one spelling. Rules that say the same have one normalized
 * text, and rules that do not have two. The normal form of a policy, and its
 * formatted text, parse to the same policy, and printing them again changes
 * nothing; the formatter keeps every comment. A million elements are no
 * matter, nor is a line of many thousands.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../grammar/print.h"
#include "fixture_corpus.h"
#include "fixture_parse.h"

#define TAIL "\npolicy p\ndefault -> pass\n"

/* ----------------------------------------------------------- addresses */

static const struct {
	const char *written, *text;
} addresses[] = {
	{ "0.0.0.0", "0.0.0.0" },
	{ "255.255.255.255", "255.255.255.255" },
	{ "::", "::" },
	{ "0:0:0:0:0:0:0:1", "::1" },
	{ "1:0:0:0:0:0:0:0", "1::" },
	{ "2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
	{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
	{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
	{ "0:0:1::", "0:0:1::" },
	{ "::ffff:1.2.3.4", "::ffff:1.2.3.4" },
	{ "::ffff:0102:0304", "::ffff:1.2.3.4" },
	{ "::1.2.3.4", "::102:304" },
	{ "::ffff:0:0", "::ffff:0.0.0.0" },
	{ "0:0:0:0:ffff:0:1.2.3.4", "::ffff:0:102:304" },
	{ "00AB::0001", "ab::1" },
};

static void one_spelling(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(*addresses); i++) {
		char text[128];
		struct parsed *p;

		snprintf(text, sizeof(text), "to %s -> drop" TAIL,
			 addresses[i].written);
		p = parsed_text(text);
		parsed_expect(p, text, "");
		assert_string_equal(print_element(&p->arena,
			p->ast->statements->rule.match.to.address.elements.v),
			addresses[i].text);
		parsed_free(p);
	}
}

/* ------------------------------------------------------- text of rules */

/* The normalized text of the first rule of TEXT, blocks around it counted. */
static char *rule_text(struct parsed *p)
{
	const struct ast_statement *s = p->ast->statements;
	const struct ast_match *whens[8];
	size_t n = 0;

	for (; s->kind == AST_WHEN; s = s->body)
		whens[n++] = &s->when;
	return print_rule(&p->arena, whens, n, &s->rule);
}

static const struct {
	const char *written, *text;
} rules[] = {
	{ "any -> drop", "any -> drop" },
	{ "x: any->pass count trace", "any -> pass" },
	/* clauses have an order, a local port a place */
	{ "on \"e\" from ::1 port 2 to 1.2.3.4 port 1 ip4 tcp -> a",
	  "tcp ip4 to 1.2.3.4 port 1 from ::1 port 2 on \"e\" -> a" },
	{ "to port 80 -> a", "port 80 -> a" },
	{ "from 1.2.3.4 tcp port 80 -> a",
	  "tcp port 80 from 1.2.3.4 -> a" },
	{ "port 80 to s -> a", "to s port 80 -> a" },
	{ "from port 1 port 2 -> a", "port 2 from port 1 -> a" },
	/* sets: braces, order, spelling, overlaps, neighbours */
	{ "to { 1.2.3.4 } -> a", "to 1.2.3.4 -> a" },
	{ "to 1.2.3.4/32 -> a", "to 1.2.3.4 -> a" },
	{ "to ::/128 -> a", "to :: -> a" },
	{ "to { } -> a", "to { } -> a" },
	{ "to not { s } -> a", "to not s -> a" },
	{ "to 10.0.0.0-10.255.255.255 -> a", "to 10.0.0.0/8 -> a" },
	{ "to { 10.0.0.0/9, 10.128.0.0/9, 10.3.0.0/16 } -> a",
	  "to 10.0.0.0/8 -> a" },
	{ "to { 10.0.0.1, 10.0.0.0, 10.0.0.2 } -> a",
	  "to 10.0.0.0-10.0.0.2 -> a" },
	{ "to 0.0.0.0-255.255.255.255 -> a", "to 0.0.0.0/0 -> a" },
	{ "to { 8000::/1, ::/1 } -> a", "to ::/0 -> a" },
	{ "to { 255.255.255.255, ::, 0.0.0.0 } -> a",
	  "to { 0.0.0.0, 255.255.255.255, :: } -> a" },
	{ "to { ::1, 10.0.0.1, t, s, t } -> a",
	  "to { s, t, 10.0.0.1, ::1 } -> a" },
	{ "port { 443, 80 } -> a", "port { 80, 443 } -> a" },
	{ "port { 1-3, 4, 2-7 } -> a", "port 1-7 -> a" },
	{ "on { 2, \"b\", 1, \"a\", \"b\" } -> a",
	  "on { \"a\", \"b\", 1-2 } -> a" },
	/* verdicts: what is meant anyway is not said */
	{ "any -> a else drop", "any -> a" },
	{ "any -> a else pass", "any -> a else pass" },
	{ "any -> a replace no-reuseport else b",
	  "any -> a no-reuseport replace else b" },
	{ "any -> map m", "any -> map m" },
	{ "any -> split by from port, to { 5.50% a; 94.5000% b } else drop",
	  "any -> split by from port, to { 5.5% a, 94.5% b }" },
	{ "any -> split by on { 0.0001% a, 99.9999% b } else a else pass",
	  "any -> split by on { 0.0001% a, 99.9999% b } else a else pass" },
	/* blocks; `any` beside a condition says nothing */
	{ "when tcp { when to s { port 1 -> a } }",
	  "tcp & to s & port 1 -> a" },
	{ "when any { tcp -> a }", "tcp -> a" },
	{ "when tcp { any -> a }", "tcp -> a" },
	{ "when any { any -> a }", "any -> a" },
};

static void texts_of_rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		char text[256];
		struct parsed *p;
		char *got;

		snprintf(text, sizeof(text), "%s" TAIL, rules[i].written);
		p = parsed_text(text);
		parsed_expect(p, text, "");
		got = rule_text(p);
		if (strcmp(got, rules[i].text))
			fail_msg("%s\nis printed: %s\nexpected:   %s",
				 rules[i].written, got, rules[i].text);
		parsed_free(p);
	}
}

/* A rule's text is a rule of the same text; blocks aside. */
static void texts_are_rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		char text[256];
		struct parsed *p;

		if (strchr(rules[i].text, '&'))
			continue;
		snprintf(text, sizeof(text), "%s" TAIL, rules[i].text);
		p = parsed_text(text);
		parsed_expect(p, text, "");
		assert_string_equal(rule_text(p), rules[i].text);
		parsed_free(p);
	}
}

/* What differs in meaning differs in text. */
static const char *const different[][2] = {
	{ "from port 80 -> a", "port 80 -> a" },
	{ "from s port 80 -> a", "port 80 from s -> a" },
	{ "to s -> a", "from s -> a" },
	{ "to s -> a", "to not s -> a" },
	{ "tcp -> a", "udp -> a" },
	{ "to { } -> a", "any -> a" },
	{ "to 0.0.0.0/0 -> a", "any -> a" },
	{ "to { 1.2.3.4, 1.2.3.6 } -> a", "to 1.2.3.4-1.2.3.6 -> a" },
	{ "to ::1.2.3.4 -> a", "to 1.2.3.4 -> a" },
	{ "on \"1\" -> a", "on 1 -> a" },
	{ "any -> a else b", "any -> b else a" },
	{ "any -> a else pass", "any -> a" },
	{ "any -> a replace", "any -> a" },
	{ "any -> split by from { 50% a, 50% b }",
	  "any -> split by from { 50% b, 50% a }" },
	{ "any -> split by from, to { 100% a }",
	  "any -> split by to, from { 100% a }" },
	{ "any -> split by to { 100% a }",
	  "any -> split by to port { 100% a }" },
	{ "when tcp { port 1 -> a }", "when udp { port 1 -> a }" },
};

static void different_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(different) / sizeof(*different); i++) {
		struct parsed *p[2];

		for (int k = 0; k < 2; k++) {
			char text[256];

			snprintf(text, sizeof(text), "%s" TAIL,
				 different[i][k]);
			p[k] = parsed_text(text);
			parsed_expect(p[k], text, "");
		}
		assert_string_not_equal(rule_text(p[0]), rule_text(p[1]));
		parsed_free(p[0]);
		parsed_free(p[1]);
	}
}

/* ------------------------------------------------------ entries of maps */

static void entries(void **state)
{
	struct parsed *p = parsed_text(
		"map m by to, port {\n"
		"  ::1, 10.0.0.0/8, s, 10.0.0.0/16, 1.2.3.4/32, s port 9, 1-3,"
		" 9 -> a else drop\n"
		"  10.0.0.0/9, 10.128.0.0/9 port 0-65535 -> pass\n"
		"  default -> split by from { 100% a } else pass\n"
		"}" TAIL);
	const struct ast_map *m = p->ast->maps;

	(void)state;
	parsed_expect(p, "entries", "");
	/* a /16 in a /8 is a key of its own, and so are two halves */
	assert_string_equal(print_entry(&p->arena, m, &m->entries[0]),
		"s, 1.2.3.4, 10.0.0.0/8, 10.0.0.0/16, ::1 port 1-3, 9 -> a");
	assert_string_equal(print_entry(&p->arena, m, &m->entries[1]),
			    "10.0.0.0/9, 10.128.0.0/9 -> pass");
	assert_string_equal(print_entry(&p->arena, m, &m->entries[2]),
		"default -> split by from { 100% a } else pass");
	parsed_free(p);
}

/* ------------------------------------------------------- whole policies */

static const char written[] =
	"expect to port 1 -> {a;pass}\n"
	"default -> drop count # last all the same\n"
	"## one\n##\n## two\nx : from s tcp ->\n a else drop trace count\n"
	"when tcp {\nwhen udp{}\n##in\nto{4}->b\n}\n"
	"## how many\nset s = { 7, 1-2;3 }\nset none={}\n"
	"map m by from,on { default->drop; 1.2.3.4->a }\n"
	"socket b udp\nsocket a at 0:0::1 port 080\npolicy p";

static const char normalized[] =
	"policy p\n"
	"socket b udp\n"
	"socket a at ::1 port 80\n"
	"## how many\n"
	"set s = { 1-2, 3, 7 }\n"
	"set none = { }\n"
	"map m by from, on {\n"
	"    default -> drop\n"
	"    1.2.3.4 -> a\n"
	"}\n"
	"## one\n##\n## two\n"
	"x: tcp from s -> a count trace\n"
	"when tcp {\n"
	"    when udp {\n"
	"    }\n"
	"    ## in\n"
	"    to 4 -> b\n"
	"}\n"
	"default -> drop count\n"
	"expect port 1 -> { a, pass }\n";

static void normal_form(void **state)
{
	struct parsed *p = parsed_text(written), *again;

	(void)state;
	parsed_expect(p, written, "");
	assert_string_equal(parsed_normalized(p), normalized);
	again = parsed_text(normalized);
	parsed_expect(again, normalized, "");
	assert_string_equal(parsed_normalized(again), normalized);
	parsed_free(again);
	parsed_free(p);
}

/* Every comment of FROM is in TO, in the same order. */
static void keeps_comments(const char *from, const char *to)
{
	while ((from = strchr(from, '#'))) {
		size_t len = strcspn(from, "\n");
		char *line = strndup(from, len);

		to = strstr(to, line);
		if (!to)
			fail_msg("the comment is lost: %s", line);
		free(line);
		to += len;
		from += len;
	}
}

static void round_trip(const char *text)
{
	struct parsed *p = parsed_text(text), *n, *f;
	char *normal, *format;

	parsed_expect(p, text, "");
	normal = parsed_normalized(p);
	n = parsed_text(normal);
	parsed_expect(n, normal, "");
	assert_string_equal(parsed_normalized(n), normal);
	format = parsed_formatted(p);
	f = parsed_text(format);
	parsed_expect(f, format, "");
	assert_string_equal(parsed_normalized(f), normal);
	assert_string_equal(parsed_formatted(f), format);
	keeps_comments(text, format);
	parsed_free(f);
	parsed_free(n);
	parsed_free(p);
}

static void round_trips(void **state)
{
	(void)state;
	for (size_t i = 0; i < corpus_size; i++)
		round_trip(corpus[i]);
}

/* With the newlines of Windows, too: none of them is left. */
static void carriage_returns(void **state)
{
	(void)state;
	for (size_t i = 0; i < corpus_size; i++) {
		const char *s = corpus[i];
		char *text = malloc(2 * strlen(s) + 1), *at = text;
		struct parsed *p, *q = parsed_text(s);
		char *format;

		for (; *s; s++) {
			if (*s == '\n')
				*at++ = '\r';
			*at++ = *s;
		}
		*at = '\0';
		p = parsed_text(text);
		parsed_expect(p, text, "");
		assert_string_equal(parsed_normalized(p),
				    parsed_normalized(q));
		format = parsed_formatted(p);
		assert_null(strchr(format, '\r'));
		assert_string_equal(format, parsed_formatted(q));
		parsed_free(q);
		parsed_free(p);
		free(text);
	}
}

static void long_lines(void **state)
{
	static const char text[] =
		"policy p\ndefault -> pass\nwhen tcp {\n"
		"x: to { 10.0.0.1, 10.0.0.3, 10.0.0.5, 10.0.0.7, 10.0.0.9,"
		" 10.0.0.11, 10.0.0.13 } port 80 -> first else second else"
		" third else a-very-long-name-of-a-socket-that-is-the-last"
		" no-reuseport else pass count  # why\n}\n";
	struct parsed *p = parsed_text(text);

	(void)state;
	parsed_expect(p, text, "");
	assert_string_equal(parsed_formatted(p),
		"policy p\n"
		"default -> pass\n"
		"when tcp {\n"
		"    x: to { 10.0.0.1, 10.0.0.3, 10.0.0.5, 10.0.0.7,"
		" 10.0.0.9, 10.0.0.11,\n"
		"        10.0.0.13 } port 80 -> first else second else"
		" third else\n"
		"        a-very-long-name-of-a-socket-that-is-the-last"
		" no-reuseport else\n"
		"        pass count  # why\n"
		"}\n");
	parsed_free(p);
	round_trip(text);
}

/* Arrows in one column, but not at the cost of a line too long. */
static void arrows(void **state)
{
	static const char text[] =
		"policy p\n"
		"x: tcp to 192.0.2.1 port 443 -> a\n"
		"default -> split by from port { 33% first-socket, 33%"
		" second, 34% third-one } else pass\n"
		"yy:any->b\n";
	struct parsed *p = parsed_text(text);

	(void)state;
	assert_string_equal(parsed_formatted(p),
		"policy p\n"
		"x: tcp to 192.0.2.1 port 443 -> a\n"
		"default ->\n"
		"    split by from port { 33% first-socket, 33% second,"
		" 34% third-one } else pass\n"
		"yy: any -> b\n");
	parsed_free(p);
	round_trip(text);
}

/* --------------------------------------------------------------- large */

enum { LARGE = 1000000, LINE = 200000 };

static char *large(uint32_t n, const char *head, const char *entry,
		   const char *tail)
{
	char *text = malloc((size_t)n * 40 + 256), *at = text;

	at += sprintf(at, "policy p\ndefault -> pass\nsocket a\n%s", head);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t v = i * 2654435761u;	/* in no order */

		at += sprintf(at, "%u.%u.%u.%u%s", v >> 24, v >> 16 & 255,
			      v >> 8 & 255, v & 255, entry);
	}
	strcpy(at, tail);
	return text;
}

static void is_large(uint32_t n, const char *head, const char *entry,
		     const char *tail)
{
	char *text = large(n, head, entry, tail), *normal;
	struct parsed *p, *again;

	alarm(300);	/* takes two or three seconds */
	p = parsed_text(text);
	free(text);
	parsed_expect(p, head, "");
	normal = parsed_normalized(p);
	again = parsed_text(parsed_formatted(p));
	assert_string_equal(parsed_normalized(again), normal);
	parsed_free(again);
	again = parsed_text(normal);
	assert_string_equal(parsed_normalized(again), normal);
	assert_true(strlen(parsed_formatted(again)) > n);
	alarm(0);
	parsed_free(again);
	parsed_free(p);
}

static void million_elements(void **state)
{
	(void)state;
	is_large(LARGE, "set s = {\n", "\n", "}\n");
}

static void million_entries(void **state)
{
	(void)state;
	is_large(LARGE, "map m by to {\n", " -> a\n", "}\n");
}

static void one_line(void **state)
{
	(void)state;
	is_large(LINE, "set s = { ", ", ", "}\n");
	is_large(LINE, "map m by to { ", " -> a; ", "}\n");
	is_large(LINE, "to { ", ", ", "} -> a\n");
}

static int enter(void **state)
{
	char *folder = strdup("/tmp/test_print.XXXXXX");

	*state = folder;
	if (!mkdtemp(folder) || chdir(folder))
		return -1;
	corpus_write_files();
	return 0;
}

static int leave(void **state)
{
	corpus_remove_files();
	if (chdir("/") || rmdir(*state))
		return -1;
	free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_spelling),
		cmocka_unit_test(texts_of_rules),
		cmocka_unit_test(texts_are_rules),
		cmocka_unit_test(different_texts),
		cmocka_unit_test(entries),
		cmocka_unit_test(normal_form),
		cmocka_unit_test(round_trips),
		cmocka_unit_test(carriage_returns),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(arrows),
		cmocka_unit_test(million_elements),
		cmocka_unit_test(million_entries),
		cmocka_unit_test(one_line),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
