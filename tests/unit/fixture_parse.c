/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fixture_parse - the front end alone, for tests: text to tree and mistakes
 */
#include "fixture_parse.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../grammar/print.h"

static struct parsed *new(void)
{
	struct parsed *p = calloc(1, sizeof(*p));

	arena_init(&p->arena, NULL);
	source_init(&p->sources, &p->arena);
	diag_init(&p->diags, &p->arena, &p->sources);
	return p;
}

struct parsed *parsed_bytes(const char *text, size_t len)
{
	struct parsed *p = new();
	int file = source_add(&p->sources, "t.skl", text, len);

	p->ast = parse_policy(&p->arena, &p->sources, &p->diags,
			      (uint32_t)file);
	return p;
}

struct parsed *parsed_text(const char *text)
{
	return parsed_bytes(text, strlen(text));
}

struct parsed *parsed_file(const char *path)
{
	struct parsed *p = new();
	int file = source_open(&p->sources, path, -1);

	if (file >= 0)
		p->ast = parse_policy(&p->arena, &p->sources, &p->diags,
				      (uint32_t)file);
	return p;
}

void parsed_free(struct parsed *p)
{
	arena_free(&p->arena);
	free(p);
}

static int by_place(const void *x, const void *y)
{
	const struct place *a = &(*(const struct diag *const *)x)->place;
	const struct place *b = &(*(const struct diag *const *)y)->place;

	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	return a->begin < b->begin ? -1 : a->begin > b->begin;
}

const char *parsed_reports(struct parsed *p)
{
	const struct diag *v[64], *d;
	const char *out = "";
	size_t n = 0;

	for (d = p->diags.first; d && n < 64; d = d->next)
		v[n++] = d;
	qsort(v, n, sizeof(*v), by_place);
	for (size_t i = 0; i < n; i++) {
		struct place at = v[i]->place;
		struct source_position where =
			source_position(&p->sources, at.file, at.begin);
		bool other = at.file > 0;

		out = arena_printf(&p->arena, "%s%s%s@%s%s%u:%u", out,
				   i ? " " : "", diag_name(v[i]->id), other ?
				   p->sources.files[at.file].name : "",
				   other ? ":" : "", where.line,
				   where.column);
	}
	return out;
}

void parsed_expect(struct parsed *p, const char *what, const char *reports)
{
	const char *got = parsed_reports(p);

	if (!strcmp(got, reports))
		return;
	diag_print(&p->diags, stderr, false);
	fail_msg("%.2000s\nexpected: %s\nreported: %s", what, reports, got);
}

char *parsed_normalized(struct parsed *p)
{
	size_t len;

	return print_normalized(&p->arena, p->ast, &len);
}

char *parsed_formatted(struct parsed *p)
{
	size_t len;

	return print_format(&p->arena, &p->sources, 0, &len);
}
