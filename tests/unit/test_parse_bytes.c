/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_parse_bytes - bytes that no one wrote as a policy
 *
 * NULs, every two bytes, nesting without end, lines of a hundred million
 * bytes: errors, in bounded time and memory, whatever the bytes are.
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

#include "fixture_parse.h"

#define TAIL "\npolicy p\ndefault -> pass\n"

static void nul_bytes(void **state)
{
	static const char inside[] = "policy p\ndefault -> pass\n"
				     "\0tcp -> drop\n";
	static const char comment[] = "policy p # \0\ndefault -> pass\n";
	static const char string[] = "policy p\non \"\0\" -> drop\n"
				     "default -> pass\n";
	struct parsed *p = parsed_bytes(inside, sizeof(inside) - 1);

	(void)state;
	parsed_expect(p, "a NUL", "bad-byte@3:1");
	assert_non_null(strstr(p->diags.first->help, "binary"));
	parsed_free(p);
	p = parsed_bytes(comment, sizeof(comment) - 1);
	parsed_expect(p, "a NUL in a comment", "bad-byte@1:12");
	parsed_free(p);
	p = parsed_bytes(string, sizeof(string) - 1);
	parsed_expect(p, "a NUL in a string", "bad-byte@2:5");
	parsed_free(p);
	for (size_t n = 0; n < 4; n++) {
		p = parsed_bytes("\0\0\0\0", n);
		parsed_expect(p, "NULs only", n ? "bad-byte@1:1 "
			      "missing-policy@1:1 missing-default@1:1" :
			      "missing-policy@1:1 missing-default@1:1");
		parsed_free(p);
	}
}

static void every_byte(void **state)
{
	(void)state;
	for (int a = 0; a < 256; a++)
		for (int b = 0; b < 256; b++) {
			char text[] = { (char)a, (char)b };
			struct parsed *p = parsed_bytes(text, 2);

			assert_true(p->diags.nerrors >= 1);
			parsed_free(p);
		}
}

static void is_deep(const char *open, const char *close, size_t n)
{
	size_t len = n * (strlen(open) + strlen(close));
	char *text = malloc(len + sizeof(TAIL)), *at = text;
	struct parsed *p;

	for (size_t i = 0; i < n; i++)
		at = stpcpy(at, open);
	for (size_t i = 0; i < n; i++)
		at = stpcpy(at, close);
	strcpy(at, TAIL);
	p = parsed_text(text);
	assert_int_equal(p->diags.nerrors != 0, n > 500 || !*close);
	free(text);
	if (!p->diags.nerrors) {
		struct parsed *q = parsed_text(parsed_normalized(p));

		assert_string_equal(parsed_normalized(q),
				    parsed_normalized(p));
		parsed_free(q);
	}
	parsed_free(p);
}

static void deep(void **state)
{
	(void)state;
	alarm(120);
	is_deep("when tcp { ", "} ", 500);
	is_deep("when tcp { ", "} ", 1000000);
	is_deep("when tcp {\n", "", 1000000);
	is_deep("to { ", "", 1000000);
	is_deep("to not ", "", 1000000);
	is_deep("map m by to { ", "", 1000000);
	is_deep("split by from { ", "", 1000000);
	is_deep("{ ", "", 1000000);
	is_deep("} ", "", 1000000);
	is_deep("x: ", "", 1000000);
	alarm(0);
}

/* ----------------------------------------------------------- long lines */

enum { LONG = 100 * 1000 * 1000, SHORTER = 5 * 1000 * 1000 };

static const struct {
	const char *head, *again;
	size_t size;
} long_lines[] = {
	{ "", "a", LONG },
	{ "on ", "\"", LONG },
	{ "on \"", "x", LONG },
	{ "tcp ", "{", LONG },
	{ "", "a-", SHORTER },
	{ "", "a:", SHORTER },
	{ "", "1", SHORTER },
	{ "", "1.", SHORTER },
	{ "", "1:", SHORTER },
	{ "", "::1/", SHORTER },
	{ "", "1-", SHORTER },
	{ "", "1%", SHORTER },
	{ "", "_", SHORTER },
	{ "", " ", SHORTER },
	{ "", "\t#", SHORTER },
	{ "## ", "x", SHORTER },
	{ "", "!", SHORTER },
	{ "", "\1", SHORTER },
	{ "", "\1 ", SHORTER },
	{ "", "#\1\n", SHORTER },
	{ "", "\377", SHORTER },
	{ "", "\303\274", SHORTER },
	{ "", "}", SHORTER },
	{ "", "when tcp {", SHORTER },
	{ "to ", "not ", SHORTER },
	{ "tcp tcp tcp ", "tcp ", SHORTER },
	{ "tcp (", "on \"a\" ", SHORTER },
	{ "tcp -> a ", "else a ", SHORTER / 50 },
	{ "", ";", SHORTER },
};

/* Errors in words and as JSON, of a size that does not know the line's. */
static void is_printed(struct parsed *p)
{
	char *out;
	size_t size;
	FILE *f;

	for (int json = 0; json < 2; json++) {
		f = open_memstream(&out, &size);
		assert_non_null(f);
		if (json)
			diag_print_json(&p->diags, f);
		else
			diag_print(&p->diags, f, true);
		assert_int_equal(fclose(f), 0);
		assert_true(size > 0 && size < 40000);
		free(out);
	}
}

static void is_bounded(const char *head, const char *again, size_t size)
{
	char *text = malloc(size + 1), *at = stpcpy(text, head);
	size_t len = strlen(again);
	struct parsed *p;

	while ((size_t)(at - text) + len < size)
		at = mempcpy(at, again, len);
	p = parsed_bytes(text, (size_t)(at - text));
	free(text);
	assert_true(p->diags.nerrors > 0);
	assert_true(p->diags.nerrors <= DIAG_MAX_ERRORS + 2);
	/* the text itself, a description of it, and what is kept besides */
	assert_true(p->arena.used < 4 * size + (16 << 20));
	is_printed(p);
	parsed_free(p);
}

static void long_line(void **state)
{
	(void)state;
	alarm(300);	/* takes a few seconds */
	for (size_t i = 0; i < sizeof(long_lines) / sizeof(*long_lines); i++)
		is_bounded(long_lines[i].head, long_lines[i].again,
			   long_lines[i].size);
	alarm(0);
}

/* What is legal stays so at any length. */
static void long_comment(void **state)
{
	size_t size = SHORTER;
	char *text = malloc(size + sizeof(TAIL));
	struct parsed *p;

	(void)state;
	memset(text, '#', size);
	strcpy(text + size, TAIL);
	p = parsed_text(text);
	parsed_expect(p, "a long comment", "");
	parsed_free(p);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nul_bytes),
		cmocka_unit_test(every_byte),
		cmocka_unit_test(deep),
		cmocka_unit_test(long_line),
		cmocka_unit_test(long_comment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
