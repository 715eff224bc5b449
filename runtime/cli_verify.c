/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_verify - skpol verify: does this policy run here
 *
 * A policy's text is compiled as the running one was: with its options. Exit
 * status 0 when it is the same, 1 when anything differs.
 */
#include <stdio.h>
#include <string.h>

#include "auto.h"
#include "cli.h"
#include "cli_json.h"
#include "verify.h"

static void print_list(const char *head, const json_t *list)
{
	json_t *e;
	size_t i;

	json_array_foreach(list, i, e)
		printf("%s: %s: %s\n", head, json_text(e, "what", "?"),
		       json_text(e, "text", "?"));
}

static int print(struct cli *c, const json_t *j)
{
	bool same = json_is_true(json_object_get(j, "same"));
	int status;

	if (cli_has(c, OPTION_JSON)) {
		status = cli_print_json(j);
	} else {
		if (same)
			printf("%s: generation %" JSON_INTEGER_FORMAT " runs, "
			       "and is this policy\n", json_text(j, "policy",
			       "?"), json_integer_value(json_object_get(j,
			       "generation")));
		print_list("differs", json_object_get(j, "differences"));
		print_list("not compared", json_object_get(j, "unknown"));
		status = cli_flush();
	}
	return status ? status : same ? 0 : EXIT_INPUT;
}

int cli_verify(struct cli *c)
{
	AUTO_JSON options = verify_options(c->s);
	struct objfile *object;
	AUTO_JSON j = NULL;
	int status = cli_object_like(c->args[0], options, &object);

	if (status)
		return status;
	handle_begin(c->s);
	j = report_verify(c->s, object);
	objfile_free(object);
	return j ? print(c, j) : cli_fail(c);
}
