/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_format - the two printers of whole policies, on random ones
 *
 * In: policies of the random generator, the spaces in them stretched. Out: a
 * failure where formatted or normalized text means something else than the
 * original, or changes when it is printed once more. Then the layout of a few
 * texts by eye.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../grammar/arena.h"
#include "../../grammar/parse.h"
#include "../../grammar/print.h"
#include "../random/generate.h"
#include "../random/world.h"

enum { POLICIES = 400 };

struct parsed {
	struct source_set sources;
	struct diags diags;
	const struct ast *ast;
};

static struct parsed *parse(struct arena *a, const char *text)
{
	struct parsed *p = arena_alloc(a, sizeof(*p));
	int file;

	source_init(&p->sources, a);
	diag_init(&p->diags, a, &p->sources);
	file = source_add(&p->sources, "t.skl", text, strlen(text));
	p->ast = parse_policy(a, &p->sources, &p->diags, (uint32_t)file);
	if (p->diags.nerrors) {
		diag_print(&p->diags, stderr, false);
		fail_msg("does not parse:\n%s", text);
	}
	return p;
}

static char *normalized(struct arena *a, const char *text)
{
	size_t len;

	return print_normalized(a, parse(a, text)->ast, &len);
}

static char *formatted(struct arena *a, const char *text)
{
	size_t len;

	return print_format(a, &parse(a, text)->sources, 0, &len);
}

/* Blanks become several, outside strings and comments. */
static char *stretched(struct arena *a, const char *text, struct random *r)
{
	char *out = arena_alloc(a, 4 * strlen(text) + 1), *at = out;
	bool string = false, comment = false;

	for (; *text; text++) {
		comment = *text != '\n' && (comment || (*text == '#' && !string));
		string ^= *text == '"' && !comment;
		*at++ = *text;
		for (uint32_t n = random_below(r, 4); *text == ' ' && !string &&
		     !comment && n; n--)
			*at++ = n % 2 ? ' ' : '\t';
	}
	return out;
}

static void one_policy(uint64_t seed)
{
	struct random r = random_new(seed);
	struct arena a;
	char *text, *first, *second;

	arena_init(&a, NULL);
	text = generate_policy(&a, seed, 8);
	first = formatted(&a, stretched(&a, text, &r));
	assert_string_equal(normalized(&a, first), normalized(&a, text));
	second = formatted(&a, first);
	assert_string_equal(second, first);
	first = normalized(&a, text);
	assert_string_equal(normalized(&a, first), first);
	arena_free(&a);
}

static void random_policies(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= POLICIES; seed++)
		one_policy(seed);
}

static void layout(void **state)
{
	static const char *const cases[][2] = {
		{ "policy  p   # why\n\n\n\ndefault->pass\n\n",
		  "policy p  # why\n\ndefault -> pass\n" },
		{ "policy p\nwhen tcp{\na:port 1->drop\n# x\nbb : port 2 ->"
		  " pass\n}\ndefault -> pass",
		  "policy p\nwhen tcp {\n    a: port 1 -> drop\n    # x\n"
		  "    bb: port 2 -> pass\n}\ndefault -> pass\n" },
		{ "policy p\nset s={1 - 2,\n3,\n}\nudp port s ->\ndrop\n"
		  "default -> pass\n",
		  "policy p\nset s = { 1-2,\n    3,\n}\nudp port s ->\n"
		  "    drop\ndefault -> pass\n" },
		{ "policy p\nx: to 2001:db8::-2001:db8::5 -> drop\nyy: tcp -> "
		  "drop\ndefault -> pass\n",
		  "policy p\nx: to 2001:db8::-2001:db8::5 -> drop\nyy: tcp"
		  "                      -> drop\ndefault"
		  "                      -> pass\n" },
	};
	struct arena a;

	(void)state;
	arena_init(&a, NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(formatted(&a, cases[i][0]), cases[i][1]);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_policies),
		cmocka_unit_test(layout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
