/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_json - what the verbs that report do with a report
 *
 * In: JSON. Out: parts of it, or all of it on stdout.
 */
#include "cli_json.h"

#include <stdio.h>
#include <string.h>

#include "cli.h"

const char *json_text(const json_t *j, const char *key, const char *none)
{
	const char *t = json_string_value(json_object_get(j, key));

	return t ? t : none;
}

int json_width(const json_t *list, const char *key, int least)
{
	json_t *e;
	size_t i;

	json_array_foreach(list, i, e) {
		int n = (int)strlen(json_text(e, key, ""));

		if (n > least)
			least = n;
	}
	return least;
}

int cli_print_json(const json_t *j)
{
	if (json_dumpf(j, stdout, JSON_COMPACT))
		return cli_error(EXIT_SYSTEM, "cannot write the output");
	putchar('\n');
	return cli_flush();
}
