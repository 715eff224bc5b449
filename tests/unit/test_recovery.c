/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_recovery - the parser goes on after a broken statement
 *
 * In: texts with mistakes of form. For each, all that must be reported, as
 * line:column in order, nothing more: a mistake hides no other, is not said
 * twice, and never holds the parser up (an alarm ends the test if it does).
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

#include "../../grammar/arena.h"
#include "../../grammar/parse.h"

#define TAIL "\npolicy p\ndefault -> pass\n"

static const struct {
	const char *text, *expected;
} table[] = {
	/* the head of a map is broken */
	{ "map m count" TAIL, "1:7" },
	{ "map m count\nmap m count\ntcp tcp 4 -> a" TAIL,
	  "1:7 2:7 3:5 3:9" },
	{ "map" TAIL, "2:1" },
	{ "map 1 {\n10.0.0.1 -> a b\n::1 - a\n}" TAIL, "1:5 2:15 3:7" },
	{ "map m by {\n10.0.0.1 -> a b\n}\ntcp 4 -> a" TAIL,
	  "1:10 2:15 4:5" },
	/* the head of a block is broken */
	{ "when 4 y {\ntcp 4 -> a\n}\ntcp 5 -> a" TAIL, "1:6 2:5 4:5" },
	{ "when when 5" TAIL, "1:6" },
	{ "when tcp { when }\ntcp 4 -> a" TAIL, "1:17 2:5" },
	{ "when tcp {\nwhen 4 {\nwhen 5\n}\n}\ntcp 4 -> a" TAIL,
	  "2:6 3:6 6:5" },
};

struct work {
	struct arena arena;
	struct source_set sources;
	struct diags diags;
};

static int by_offset(const void *a, const void *b)
{
	const struct diag *const *x = a, *const *y = b;

	return (*x)->place.begin < (*y)->place.begin ? -1 :
		(*x)->place.begin > (*y)->place.begin;
}

static void reported(struct work *w, char *out, size_t size)
{
	const struct diag *v[DIAG_MAX_ERRORS + 1], *d;
	size_t n = 0, i, at = 0;

	for (d = w->diags.first; d && n <= DIAG_MAX_ERRORS; d = d->next)
		v[n++] = d;
	qsort(v, n, sizeof(*v), by_offset);
	for (i = 0; i < n && at < size; i++) {
		struct source_position p = source_position(&w->sources,
				v[i]->place.file, v[i]->place.begin);

		at += (size_t)snprintf(out + at, size - at,
				       i ? " %u:%u" : "%u:%u", p.line,
				       p.column);
	}
}

static void recovers(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(*table); i++) {
		const char *text = table[i].text;
		char got[256] = "";
		struct work w;
		int file;

		arena_init(&w.arena, NULL);
		source_init(&w.sources, &w.arena);
		diag_init(&w.diags, &w.arena, &w.sources);
		file = source_add(&w.sources, "t.skl", text, strlen(text));
		alarm(20);
		parse_policy(&w.arena, &w.sources, &w.diags, (uint32_t)file);
		alarm(0);
		reported(&w, got, sizeof(got));
		if (strcmp(got, table[i].expected)) {
			diag_print(&w.diags, stderr, false);
			fail_msg("%s\nreported %s, and not %s", text, got,
				 table[i].expected);
		}
		arena_free(&w.arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(recovers) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
