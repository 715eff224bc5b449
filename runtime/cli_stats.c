/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_stats - skpol stats: counters by rule, for a person or as JSON
 *
 * What a person reads is made from the JSON, so that both say the same.
 */
#include <inttypes.h>
#include <stdio.h>

#include "auto.h"
#include "cli.h"
#include "cli_json.h"
#include "report.h"

static void print_errors(const json_t *errors)
{
	const char *name, *before = "  (";
	json_t *n;

	json_object_foreach((json_t *)errors, name, n) {
		if (!report_value(n))
			continue;
		printf("%s%s %" PRIu64, before, name, report_value(n));
		before = ", ";
	}
	if (*before == ',')
		putchar(')');
}

int cli_stats(struct cli *c)
{
	AUTO_JSON j = report_stats(c->s);
	const json_t *rules = json_object_get(j, "rules");
	int names = json_width(rules, "name", 4);
	json_t *r;
	size_t i;

	if (!j)
		return cli_fail(c);
	if (cli_has(c, OPTION_JSON))
		return cli_print_json(j);
	if (!json_is_string(json_object_get(j, "policy")))
		return cli_error(0, "no policy here");
	if (!json_array_size(rules))
		return cli_error(0, "no rule of this policy says `count`");
	printf("%-*s  %12s  %12s  %12s  verdict\n", names, "rule", "hits",
	       "missing", "refused");
	json_array_foreach(rules, i, r) {
		printf("%-*s  %12" PRIu64 "  %12" PRIu64 "  %12" PRIu64 "  %s",
		       names, json_text(r, "name", "?"),
		       report_value(json_object_get(r, "hits")),
		       report_value(json_object_get(r, "missing")),
		       report_value(json_object_get(r, "refused")),
		       json_text(r, "verdict", "?"));
		print_errors(json_object_get(r, "errors"));
		putchar('\n');
	}
	return cli_flush();
}
