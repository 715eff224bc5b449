/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_write - a file that is complete when it appears
 *
 * In: a path, a text. Out: the file. It is written beside, then renamed; what
 * is a device or a pipe is written to. A symbolic link is replaced, as whoever
 * owns the folder could have put it there, but not those of standard output.
 */
#include <errno.h>
#include <fcntl.h>
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

	return !err && n && text[n - 1] != '\n' ? write_all(fd, "\n", 1) : err;
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
	if (!err && (fchmod(fd, WRITE_MODE) || rename(beside, path)))
		err = -errno;
	if (err)
		unlink(beside);
	return err;
}

/* STDOUT_FILENO or STDERR_FILENO where PATH is what that goes to, else -1. */
static int standard(const char *path)
{
	struct stat st, out;

	if (stat(path, &st))
		return -1;
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		if (!fstat(fd, &out) && out.st_dev == st.st_dev &&
		    out.st_ino == st.st_ino)
			return fd;
	return -1;
}

static int write_in_place(const char *path, const char *text)
{
	AUTO_FD fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

	return fd < 0 ? -errno : fill(fd, text);
}

static int write_file(const char *path, const char *text)
{
	struct stat st;
	int fd = standard(path);

	if (fd >= 0)
		return fill(fd, text);
	if (lstat(path, &st) || S_ISREG(st.st_mode) || S_ISLNK(st.st_mode))
		return replace(path, text);
	return S_ISDIR(st.st_mode) ? -EISDIR : write_in_place(path, text);
}

int cli_write(const char *path, const char *text)
{
	int err = write_file(path, text);

	return err ? cli_error(EXIT_SYSTEM, "cannot write %s: %s", path,
			       strerror(-err)) : 0;
}
