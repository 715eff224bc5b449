/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fixture_parse - the front end alone, for tests: text to tree and mistakes
 */
#ifndef FIXTURE_PARSE_H
#define FIXTURE_PARSE_H

#include "../../grammar/arena.h"
#include "../../grammar/parse.h"

struct parsed {
	struct arena arena;
	struct source_set sources;
	struct diags diags;
	struct ast *ast;	/* NULL: the file could not be opened */
};

struct parsed *parsed_bytes(const char *text, size_t len);
struct parsed *parsed_text(const char *text);
struct parsed *parsed_file(const char *path);
void parsed_free(struct parsed *p);

/*
 * What was reported, "name@line:column name@line:column" in order of place;
 * of any file but the first, "name@file:line:column".
 */
const char *parsed_reports(struct parsed *p);
/* Fails, and shows them on stderr, unless these and no others were reported. */
void parsed_expect(struct parsed *p, const char *what, const char *reports);

char *parsed_normalized(struct parsed *p);
char *parsed_formatted(struct parsed *p);

#endif
