/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_diag - diagnostics as they reach the user
 *
 * Each case is a text, places in it, and exactly what is printed. Then the
 * JSON form, read back; levels; and the guess at what a name was meant to be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "../../grammar/arena.h"
#include "../../grammar/diag.h"

struct work {
	struct arena arena;
	struct source_set sources;
	struct diags diags;
	char *out;
	size_t size;
};

static struct work *work(const char *text)
{
	struct work *w = calloc(1, sizeof(*w));

	arena_init(&w->arena, NULL);
	source_init(&w->sources, &w->arena);
	diag_init(&w->diags, &w->arena, &w->sources);
	source_add(&w->sources, "edge.skl", text, strlen(text));
	return w;
}

static void done(struct work *w)
{
	free(w->out);
	arena_free(&w->arena);
	free(w);
}

/* The place of the first WORD in file FILE. */
static struct place find(struct work *w, uint32_t file, const char *word)
{
	const char *text = w->sources.files[file].text;
	const char *at = strstr(text, word);

	assert_non_null(at);
	return (struct place) { file, (uint32_t)(at - text),
				(uint32_t)(at - text + (long)strlen(word)) };
}

static struct diag *say(struct work *w, const char *word)
{
	struct place at = find(w, 0, word);

	return diag_add(&w->diags, DIAG_SYNTAX, &at, "no `%s` here", word);
}

static void also(struct work *w, struct diag *d, uint32_t file,
		 const char *word, const char *text)
{
	d->also.place = find(w, file, word);
	d->also.text = text;
}

static const char *printed(struct work *w, bool colour)
{
	FILE *f;

	free(w->out);
	f = open_memstream(&w->out, &w->size);
	assert_non_null(f);
	diag_print(&w->diags, f, colour);
	assert_int_equal(fclose(f), 0);
	return w->out;
}

/* ---------------------------------------------------------------- text */

static void one_place(void **state)
{
	struct work *w = work("one\ntwo three\nfour\n");
	struct diag *d = say(w, "three");

	(void)state;
	assert_string_equal(printed(w, false),
		"error[syntax]: no `three` here\n"
		" --> edge.skl:2:5\n"
		"  |\n"
		"2 | two three\n"
		"  |     ^^^^^\n");
	d->label = "never reached";
	d->note = "it was there";
	d->help = "take it away";
	assert_string_equal(printed(w, false),
		"error[syntax]: no `three` here\n"
		" --> edge.skl:2:5\n"
		"  |\n"
		"2 | two three\n"
		"  |     ^^^^^ never reached\n"
		"  |\n"
		"  = note: it was there\n"
		"  = help: take it away\n");
	done(w);
}

static void no_place(void **state)
{
	struct work *w = work("");
	struct diag *d = diag_add(&w->diags, DIAG_TOO_LARGE, NULL, "too big");

	(void)state;
	assert_string_equal(printed(w, false), "error[too-large]: too big\n");
	d->help = "make it smaller";
	assert_string_equal(printed(w, false),
			    "error[too-large]: too big\n"
			    "  = help: make it smaller\n");
	done(w);
}

/* The end of a file, an empty line, an empty place, a place of two lines. */
static void odd_places(void **state)
{
	struct work *w = work("ab\n\ncd");
	static const struct { struct place at; const char *text; } cases[] = {
		{ { 0, 0, 0 }, "1:1\n  |\n1 | ab\n  | ^\n" },
		{ { 0, 2, 2 }, "1:3\n  |\n1 | ab\n  |   ^\n" },
		{ { 0, 3, 3 }, "2:1\n  |\n2 |\n  | ^\n" },
		{ { 0, 6, 6 }, "3:3\n  |\n3 | cd\n  |   ^\n" },
		{ { 0, 1, 5 }, "1:2\n  |\n1 | ab\n  |  ^\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		diag_init(&w->diags, &w->arena, &w->sources);
		diag_add(&w->diags, DIAG_SYNTAX, &cases[i].at, "x");
		assert_string_equal(strstr(printed(w, false), "edge.skl:") + 9,
				    cases[i].text);
	}
	done(w);
	w = work("");
	diag_add(&w->diags, DIAG_SYNTAX, &cases[0].at, "x");
	assert_string_equal(strstr(printed(w, false), "edge.skl:") + 9,
			    "1:1\n  |\n1 |\n  | ^\n");
	done(w);
}

static void two_places(void **state)
{
	static const struct {
		const char *text, *printed;
	} cases[] = {
		/* one line; neighbours, either order */
		{ "first second", "1:7\n  |\n1 | first second\n"
		  "  |       ^^^^^^ again\n  | ----- before\n" },
		{ "first\nsecond", "2:1\n  |\n1 | first\n  | ----- before\n"
		  "2 | second\n  | ^^^^^^ again\n" },
		{ "second\nfirst", "1:1\n  |\n1 | second\n"
		  "  | ^^^^^^ again\n2 | first\n  | ----- before\n" },
		/* one line between them is shown, more are not */
		{ "first\nx\nsecond", "3:1\n  |\n1 | first\n"
		  "  | ----- before\n2 | x\n3 | second\n"
		  "  | ^^^^^^ again\n" },
		{ "first\n\n\n\n\n\n\n\n\nsecond", "10:1\n   |\n"
		  " 1 | first\n   | ----- before\n...\n10 | second\n"
		  "   | ^^^^^^ again\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct work *w = work(cases[i].text);
		struct diag *d = say(w, "second");

		d->label = "again";
		also(w, d, 0, "first", "before");
		assert_string_equal(strstr(printed(w, false), "edge.skl:") + 9,
				    cases[i].printed);
		done(w);
	}
}

static void two_files(void **state)
{
	struct work *w = work("a\nsecond\n");
	struct diag *d = say(w, "second");

	(void)state;
	source_add(&w->sources, "sub/b.skl", "x first", 7);
	also(w, d, 1, "first", "before");
	assert_string_equal(printed(w, false),
		"error[syntax]: no `second` here\n"
		" --> edge.skl:2:1\n"
		"  |\n"
		"2 | second\n"
		"  | ^^^^^^\n"
		" ::: sub/b.skl:1:3\n"
		"  |\n"
		"1 | x first\n"
		"  |   ----- before\n");
	done(w);
}

/* In order of place, whatever was found first; an empty line between two. */
static void order(void **state)
{
	struct work *w = work("a b");

	(void)state;
	say(w, "b");
	say(w, "a");
	diag_add(&w->diags, DIAG_UNUSED_NAME, NULL, "nowhere");
	assert_string_equal(printed(w, false),
		"warning[unused-name]: nowhere\n"
		"\n"
		"error[syntax]: no `a` here\n"
		" --> edge.skl:1:1\n"
		"  |\n"
		"1 | a b\n"
		"  | ^\n"
		"\n"
		"error[syntax]: no `b` here\n"
		" --> edge.skl:1:3\n"
		"  |\n"
		"1 | a b\n"
		"  |   ^\n");
	done(w);
}

/* Carets stand below what they mean, whatever the bytes before it. */
static void what_does_not_print(void **state)
{
	static const struct {
		const char *text, *line, *carets;
	} cases[] = {
		{ "\t\tword", "  word", "  ^^^^" },
		{ "a\tword", "a word", "  ^^^^" },
		{ "\1\x1b[1mword", "\\x01\\x1b[1mword", "           ^^^^" },
		{ "\303\274 word", "\303\274 word", "  ^^^^" },
		{ "\377\303 word", "\\xff\\xc3 word", "         ^^^^" },
		{ "\xe2\x80\xae word", "\\xe2\\x80\\xae word",
		  "             ^^^^" },
		{ "\302\205word", "\\xc2\\x85word", "        ^^^^" },
		{ "word\r", "word", "^^^^" },
		{ "word\r\nx", "word", "^^^^" },
		{ "\rword", "\\x0dword", "    ^^^^" },
		{ "\177word", "\\x7fword", "    ^^^^" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct work *w = work(cases[i].text);
		char expected[200];

		say(w, "word");
		snprintf(expected, sizeof(expected), "  |\n1 | %s\n  | %s\n",
			 cases[i].line, cases[i].carets);
		assert_string_equal(strstr(printed(w, false), "  |\n"),
				    expected);
		done(w);
	}
}

/* Words that hold the user's text do not steer the terminal either. */
static void words_do_not_steer(void **state)
{
	struct work *w = work("a");
	struct diag *d = say(w, "a");

	(void)state;
	d->message = "\x1b]0;x\a";
	d->label = "\n";
	d->note = "\xc2\x9b";
	d->help = "\xff";
	also(w, d, 0, "a", "\r");
	w->sources.files[0].name = "\x1b.skl";
	assert_string_equal(printed(w, false),
		"error[syntax]: \\x1b]0;x\\x07\n"
		" --> \\x1b.skl:1:1\n"
		"  |\n"
		"1 | a\n"
		"  | ^ \\x0a\n"
		"  | - \\x0d\n"
		"  |\n"
		"  = note: \\xc2\\x9b\n"
		"  = help: \\xff\n");
	done(w);
}

static void windows(void **state)
{
	enum { N = 5000 };
	char *text = malloc(N + 1);
	struct work *w;
	const char *line, *carets;

	(void)state;
	for (int at = 0; at < N - 4; at += 7) {
		memset(text, 'x', N);
		text[N] = '\0';
		memcpy(text + at, "word", 4);
		w = work(text);
		say(w, "word");
		line = strstr(printed(w, false), "1 | ") + 4;
		carets = strstr(line, "\n  | ") + 5;
		assert_true(carets - line - 6 <= 106);
		assert_memory_equal(line + strspn(carets, " "), "word", 4);
		assert_string_equal(carets + strspn(carets, " "), "^^^^\n");
		assert_int_equal(!strncmp(line, "...", 3), at > 40);
		done(w);
	}
	free(text);
}

/* 100 columns are shown whole; more, with dots where something is missing. */
static void window_edges(void **state)
{
	char text[300], expected[400];
	struct work *w;

	(void)state;
	memset(text, '-', sizeof(text));
	memcpy(text, "word", 4);
	text[100] = '\0';
	w = work(text);
	say(w, "word");
	snprintf(expected, sizeof(expected), "1 | %s\n  | ^^^^\n", text);
	assert_string_equal(strstr(printed(w, false), "1 |"), expected);
	done(w);
	text[100] = '-';
	text[101] = '\0';
	w = work(text);
	say(w, "word");
	snprintf(expected, sizeof(expected), "1 | %.100s...\n  | ^^^^\n", text);
	assert_string_equal(strstr(printed(w, false), "1 |"), expected);
	done(w);
	/* a mark as long as the line ends with the window */
	memset(text, 'x', 299);
	text[299] = '\0';
	w = work(text);
	say(w, text);
	assert_int_equal(strlen(strstr(printed(w, false), "  | ^")),
			 4 + 100 + 1);
	done(w);
}

static void colours(void **state)
{
	struct work *w = work("a b");
	struct diag *d = say(w, "a");
	const char *text;
	char *plain, *out;

	(void)state;
	d->help = "x";
	also(w, d, 0, "b", "y");
	diag_add(&w->diags, DIAG_UNUSED_NAME, NULL, "z");
	plain = strdup(printed(w, false));
	assert_null(strchr(plain, '\033'));
	text = printed(w, true);
	assert_non_null(strstr(text, "\033[1;31merror[syntax]\033[0m"));
	assert_non_null(strstr(text, "\033[1;33mwarning[unused-name]\033[0m"));
	/* without its colours it is the same text */
	out = w->out;
	for (const char *p = text; *p; p++) {
		if (*p == '\033')
			p = strchr(p, 'm');
		else
			*out++ = *p;
	}
	*out = '\0';
	assert_string_equal(w->out, plain);
	free(plain);
	done(w);
}

/* ---------------------------------------------------------------- JSON */

static json_t *as_json(struct work *w)
{
	json_error_t error;
	json_t *root;
	FILE *f;

	free(w->out);
	f = open_memstream(&w->out, &w->size);
	assert_non_null(f);
	diag_print_json(&w->diags, f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(w->out[w->size - 1], '\n');
	root = json_loads(w->out, 0, &error);
	if (!root)
		fail_msg("%s: %s", error.text, w->out);
	return root;
}

static void is_text(const json_t *o, const char *key, const char *text)
{
	const json_t *v = json_object_get(o, key);

	assert_non_null(v);
	if (text)
		assert_string_equal(json_string_value(v), text);
	else
		assert_true(json_is_null(v));
}

static void is_number(const json_t *o, const char *key, json_int_t n)
{
	assert_true(json_is_integer(json_object_get(o, key)));
	assert_int_equal(json_integer_value(json_object_get(o, key)), n);
}

static void json_form(void **state)
{
	struct work *w = work("one\ntwo three\nfour\n");
	struct diag *d = say(w, "three");
	json_t *root, *list, *o;

	(void)state;
	d->label = "a \"label\"\n";
	d->help = "h\xff\x01";
	also(w, d, 0, "four", "there");
	diag_add(&w->diags, DIAG_UNUSED_NAME, NULL, "w");
	root = as_json(w);
	is_number(root, "version", 1);
	is_number(root, "errors", 1);
	is_number(root, "warnings", 1);
	list = json_object_get(root, "diagnostics");
	assert_int_equal(json_array_size(list), 2);
	o = json_array_get(list, 0);
	is_text(o, "level", "warning");
	is_text(o, "name", "unused-name");
	assert_null(json_object_get(o, "line"));
	o = json_array_get(list, 1);
	is_text(o, "level", "error");
	is_text(o, "name", "syntax");
	is_text(o, "message", "no `three` here");
	is_text(o, "file", "edge.skl");
	is_number(o, "line", 2);
	is_number(o, "column", 5);
	is_number(o, "end_line", 2);
	is_number(o, "end_column", 10);
	is_text(o, "label", "a \"label\"\\x0a");
	is_text(o, "note", NULL);
	is_text(o, "help", "h\\xff\\x01");
	o = json_object_get(o, "also");
	is_text(o, "label", "there");
	is_number(o, "line", 3);
	json_decref(root);
	done(w);
}

static void json_empty(void **state)
{
	struct work *w = work("");
	json_t *root = as_json(w);

	(void)state;
	is_number(root, "errors", 0);
	assert_int_equal(json_array_size(json_object_get(root,
							 "diagnostics")), 0);
	json_decref(root);
	done(w);
}

/* -------------------------------------------------------------- levels */

static void levels(void **state)
{
	struct work *w = work("a");
	struct diags *d = &w->diags;

	(void)state;
	diag_add(d, DIAG_UNUSED_NAME, NULL, "x");
	assert_int_equal(d->nwarnings, 1);
	d->denied[DIAG_UNUSED_NAME] = true;
	assert_int_equal(diag_add(d, DIAG_UNUSED_NAME, NULL, "x")->level,
			 DIAG_LEVEL_ERROR);
	assert_int_equal(d->nerrors, 1);
	d->silent[DIAG_UNREACHABLE_RULE] = true;
	diag_add(d, DIAG_UNREACHABLE_RULE, NULL, "x")->help = "y";
	assert_int_equal(d->nwarnings, 1);
	/* an error cannot be silenced, nor a warning that is denied */
	d->silent[DIAG_SYNTAX] = d->silent[DIAG_UNUSED_NAME] = true;
	diag_add(d, DIAG_SYNTAX, NULL, "x");
	diag_add(d, DIAG_UNUSED_NAME, NULL, "x");
	assert_int_equal(d->nerrors, 3);
	while (d->nerrors < DIAG_MAX_ERRORS) {
		assert_false(diag_full(d));
		diag_add(d, DIAG_SYNTAX, NULL, "x");
	}
	assert_true(diag_full(d));
	done(w);
}

/* Names are stable words, each one once. */
static void names(void **state)
{
	(void)state;
	for (enum diag_id id = 0; id < DIAG_COUNT; id++) {
		const char *name = diag_name(id);

		assert_int_equal(diag_by_name(name), id);
		assert_int_equal(name[strspn(name,
			"abcdefghijklmnopqrstuvwxyz-")], '\0');
	}
	assert_int_equal(diag_by_name("none"), DIAG_COUNT);
	assert_int_equal(diag_by_name(""), DIAG_COUNT);
}

static void nearest(void **state)
{
	static const char *const all[] = {
		"http", "https", "quic", "a", "edge-web-frontend", "vips",
	};
	static const struct { const char *name, *near; } cases[] = {
		{ "http", "http" }, { "htpt", "http" }, { "htp", "http" },
		{ "httpp", "http" }, { "htttps", "https" },
		{ "https2", "https" }, { "quik", "quic" }, { "b", NULL },
		{ "", NULL }, { "vip", "vips" }, { "VIPS", NULL },
		{ "edge-front", NULL }, { "edge-web-frontedn",
		  "edge-web-frontend" }, { "dns", NULL }, { "xttx", NULL },
	};
	char longest[200];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *got = diag_nearest(cases[i].name, all,
					       sizeof(all) / sizeof(*all));

		if (!cases[i].near)
			assert_null(got);
		else
			assert_string_equal(got, cases[i].near);
	}
	assert_null(diag_nearest("x", all, 0));
	memset(longest, 'h', sizeof(longest));
	longest[199] = '\0';
	assert_null(diag_nearest(longest, all, 6));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_place),
		cmocka_unit_test(no_place),
		cmocka_unit_test(odd_places),
		cmocka_unit_test(two_places),
		cmocka_unit_test(two_files),
		cmocka_unit_test(order),
		cmocka_unit_test(what_does_not_print),
		cmocka_unit_test(words_do_not_steer),
		cmocka_unit_test(windows),
		cmocka_unit_test(window_edges),
		cmocka_unit_test(colours),
		cmocka_unit_test(json_form),
		cmocka_unit_test(json_empty),
		cmocka_unit_test(levels),
		cmocka_unit_test(names),
		cmocka_unit_test(nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
