/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_metrics - skpol metrics: for Prometheus, to stdout or to a file
 */
#include <stdio.h>
#include <string.h>

#include "auto.h"
#include "cli.h"

int cli_metrics(struct cli *c)
{
	struct skpol_metrics_options o = {
		.size = sizeof(o), .netns = c->values[OPTION_NETNS],
		.openmetrics = cli_has(c, OPTION_OPENMETRICS),
	};
	const char *path = c->values[OPTION_OUTPUT];
	AUTO_FREE char *text = NULL;

	if (skpol_metrics(c->s, &o, &text))
		return cli_fail(c);
	if (path && strcmp(path, "-"))
		return cli_write(path, text);
	fputs(text, stdout);
	return cli_flush();
}
