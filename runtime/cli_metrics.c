/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_metrics - skpol metrics: for Prometheus, to stdout or to a file
 */
#include <stdio.h>
#include <string.h>

#include "auto.h"
#include "cli.h"
#include "everywhere.h"
#include "metrics.h"

/* One exposition of every namespace: the samples of a family stand together. */
static int everywhere(const struct cli *c, bool openmetrics, char **text)
{
	struct skpol_options o = { .size = sizeof(o),
				   .bpffs = c->values[OPTION_BPFFS] };
	struct metrics *m = metrics_new();
	struct everywhere e;
	int err = everywhere_find(&o, &e), status = 0;
	size_t size;
	FILE *out;

	if (err)
		status = cli_error(EXIT_SYSTEM, "%s", e.message);
	for (size_t i = 0; m && !status && i < e.n; i++)
		if (metrics_add(m, e.v[i].s, e.v[i].name))
			status = cli_error(EXIT_SYSTEM, "%s",
					   skpol_message(e.v[i].s));
	out = open_memstream(text, &size);
	if (!status && (!m || !out || metrics_write(m, openmetrics, out)))
		status = cli_error(EXIT_SYSTEM, "out of memory");
	if (out)
		fclose(out);
	metrics_free(m);
	if (!err)
		everywhere_free(&e);
	return status;
}

int cli_metrics(struct cli *c)
{
	struct skpol_metrics_options o = {
		.size = sizeof(o), .netns = c->values[OPTION_NETNS],
		.openmetrics = cli_has(c, OPTION_OPENMETRICS),
	};
	const char *path = c->values[OPTION_OUTPUT];
	AUTO_FREE char *text = NULL;

	int status = 0;

	if (cli_has(c, OPTION_ALL))
		status = everywhere(c, o.openmetrics, &text);
	else if (skpol_metrics(c->s, &o, &text))
		status = cli_fail(c);
	if (status)
		return status;
	if (path && strcmp(path, "-"))
		return cli_write(path, text);
	fputs(text, stdout);
	return cli_flush();
}
