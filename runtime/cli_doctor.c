/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_doctor - skpol doctor: findings for a person, or as JSON
 *
 * Exit status 3 when a finding is `fail`: the system is not in order. A warning
 * alone is 0, so that a check in a pipeline stops for what cannot work only.
 */
#include <stdio.h>

#include "auto.h"
#include "cli.h"
#include "cli_json.h"
#include "doctor.h"

static void print_finding(const json_t *f)
{
	const char *advice = json_text(f, "advice", NULL);

	printf("%-7s  %-12s  %s\n", json_text(f, "state", "?"),
	       json_text(f, "check", "?"), json_text(f, "text", ""));
	if (advice)
		printf("%*s-> %s\n", 23, "", advice);
}

int cli_doctor(struct cli *c)
{
	AUTO_JSON j = report_doctor(c->s);
	json_t *f;
	size_t i;
	int status;

	if (!j)
		return cli_fail(c);
	if (cli_has(c, OPTION_JSON)) {
		status = cli_print_json(j);
	} else {
		json_array_foreach(json_object_get(j, "checks"), i, f)
			print_finding(f);
		status = cli_flush();
	}
	return status ? status : json_is_true(json_object_get(j, "ok")) ? 0 :
		EXIT_SYSTEM;
}
