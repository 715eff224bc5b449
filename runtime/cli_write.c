/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_write - a file that is complete when it appears
 *
 * In: a path, a text. Out: the file. It is written beside, then renamed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "auto.h"
#include "cli.h"

/* Other users read it: a collector of text files seldom runs as root. */
enum { WRITE_MODE = 0644 };

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
	size_t n = strlen(text);
	int err = write_all(fd, text, n);

	if (!err && n && text[n - 1] != '\n')
		err = write_all(fd, "\n", 1);
	return !err && fchmod(fd, WRITE_MODE) ? -errno : err;
}

/* What it ends in is not what collectors look for (.prom). */
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

int cli_write(const char *path, const char *text)
{
	int err = replace(path, text);

	return err ? cli_error(EXIT_SYSTEM, "cannot write %s: %s", path,
			       strerror(-err)) : 0;
}
