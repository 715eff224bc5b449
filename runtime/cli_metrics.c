/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_metrics - skpol metrics: for Prometheus, to stdout or to a file
 *
 * A file is complete when it appears: it is written beside, then renamed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "auto.h"
#include "cli.h"

/* Other users read it: a collector of text files seldom runs as root. */
enum { METRICS_MODE = 0644 };

static int write_all(int fd, const char *text, size_t size)
{
	while (size) {
		ssize_t n = write(fd, text, size);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			text += n;
			size -= (size_t)n;
		}
	}
	return 0;
}

static int fill(int fd, const char *text)
{
	int err = write_all(fd, text, strlen(text));

	return !err && fchmod(fd, METRICS_MODE) ? -errno : err;
}

/* The name of the new file must not end in .prom: it would be collected. */
static int replace(const char *path, const char *text)
{
	AUTO_FREE char *beside = NULL;
	AUTO_FD fd = -1;
	int err;

	if (asprintf(&beside, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	fd = mkstemp(beside);
	if (fd < 0)
		return -errno;
	err = fill(fd, text);
	if (!err && rename(beside, path))
		err = -errno;
	if (err)
		unlink(beside);
	return err;
}

int cli_metrics(struct cli *c)
{
	struct skpol_metrics_options o = {
		.size = sizeof(o), .netns = c->values[OPTION_NETNS],
		.openmetrics = cli_has(c, OPTION_OPENMETRICS),
	};
	const char *path = c->values[OPTION_OUTPUT];
	AUTO_FREE char *text = NULL;
	int err;

	if (skpol_metrics(c->s, &o, &text))
		return cli_fail(c);
	if (!path || !strcmp(path, "-")) {
		fputs(text, stdout);
		return cli_flush();
	}
	err = replace(path, text);
	return err ? cli_error(EXIT_SYSTEM, "cannot write %s: %s", path,
			       strerror(-err)) : 0;
}
