/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_stats - skpol stats: counters by rule, for a person or as JSON
 *
 * What a person reads is made from the JSON, so that both say the same.
 */
#include "cli_stats.h"

#include <stdio.h>
#include <string.h>

#include "auto.h"
#include "cli.h"
#include "cli_json.h"
#include "report.h"

/* The profile of a compile: to stdout, or to a file, whole or not at all. */
static int profile(struct cli *c)
{
	const char *path = c->values[OPTION_PROFILE];
	AUTO_FREE char *text = NULL;

	if (skpol_profile_json(c->s, &text))
		return cli_fail(c);
	if (*path && strcmp(path, "-"))
		return cli_write(path, text);
	puts(text);
	return cli_flush();
}

int cli_stats(struct cli *c)
{
	AUTO_JSON j = NULL;

	if (cli_has(c, OPTION_PROFILE))
		return profile(c);
	if (cli_has(c, OPTION_WATCH))
		return cli_repeat(c, STATS_BY_POLICY);
	j = report_stats(c->s);
	if (!j)
		return cli_fail(c);
	if (cli_has(c, OPTION_JSON))
		return cli_print_json(j);
	if (stats_none(j))
		return cli_error(0, "%s", stats_none(j));
	stats_print(stdout, j, NULL, &(struct stats_view){ .columns = 0 });
	return cli_flush();
}

int cli_top(struct cli *c)
{
	return cli_repeat(c, STATS_BY_RATE);
}
