/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_progress - the line that is drawn while a compile takes long
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "../../compiler/compile.h"
#include "../../grammar/progress_bar.h"

static unsigned int percent_of(const struct progress *p)
{
	char line[80], bar[32];
	unsigned int percent, seconds;

	progress_bar_line(p, 7, line, sizeof(line));
	assert_int_equal(sscanf(line, "[%25[# ]] %u%% %u s", bar, &percent,
				&seconds), 3);
	assert_int_equal(strlen(bar), 24);
	assert_int_equal(strspn(bar, "#"), percent * 24 / 100);
	assert_int_equal(seconds, 7);
	return percent;
}

/* It never goes back, and ends at 100. */
static void rising(void **state)
{
	struct progress p = { 0 };
	unsigned int last = 0;

	(void)state;
	for (unsigned int s = 0; s < PROGRESS_COUNT; s++) {
		progress_enter(&p, s);
		assert_int_equal(percent_of(&p), last);
		for (uint64_t done = 0; done <= 10; done++) {
			unsigned int now;

			progress_say(&p, done, 10);
			now = percent_of(&p);
			assert_true(now >= last);
			last = now;
		}
		progress_say(&p, 11, 10);
		assert_int_equal(percent_of(&p), last);
	}
	assert_int_equal(last, 100);
}

static void fits(void **state)
{
	struct progress p = { 0 };
	char line[80];

	(void)state;
	for (unsigned int s = 0; s < PROGRESS_COUNT; s++) {
		progress_enter(&p, s);
		progress_bar_line(&p, 86400, line, sizeof(line));
		assert_true(strlen(line) < 79);
	}
}

/* A compile says where it is, to its end; nobody need listen. */
static void said_by_a_compile(void **state)
{
	static const char text[] = "policy p\nsocket a\nset s = {\n192.0.2.1\n"
		"192.0.2.2\n}\nto s -> a\ndefault -> pass\n";
	struct progress p = { 0 };
	struct compile_options o = { .optimize = 2, .until = COMPILE_ALL,
		.name = "p.skl", .text = text, .size = sizeof(text) - 1,
		.progress = &p };
	struct compiled c;

	(void)state;
	assert_int_equal(compile(&c, NULL, &o), 0);
	assert_int_equal(c.diags.nerrors, 0);
	assert_int_equal(atomic_load(&p.stage), PROGRESS_PROVE);
	assert_int_equal(atomic_load(&p.done), sizeof(text) - 1);
	compiled_free(&c);
	o.progress = NULL;
	assert_int_equal(compile(&c, NULL, &o), 0);
	compiled_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rising),
		cmocka_unit_test(fits),
		cmocka_unit_test(said_by_a_compile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
