/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_file - the files that skpol reads
 *
 * In: a path, "-" is standard input. Out: its bytes, or an object; a policy's
 * text is compiled on the way.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auto.h"
#include "cli.h"
#include "objfile.h"

enum { STEP = 1 << 16, FILE_MAX = 1 << 30 };

static int grow(char **bytes, size_t *cap, size_t need)
{
	char *more;

	if (need <= *cap)
		return 0;
	*cap = need > 2 * *cap ? need : 2 * *cap;
	more = realloc(*bytes, *cap);
	if (!more)
		return -ENOMEM;
	*bytes = more;
	return 0;
}

static int read_all(int fd, char **bytes, size_t *size)
{
	size_t cap = 0;
	ssize_t n = 1;
	int err = 0;

	while (!err && n) {
		err = *size > FILE_MAX ? -EFBIG :
			grow(bytes, &cap, *size + STEP + 1);
		n = err ? 0 : read(fd, *bytes + *size, STEP);
		if (n < 0 && errno != EINTR)
			err = -errno;
		else if (n > 0)
			*size += (size_t)n;
	}
	if (!err)
		(*bytes)[*size] = '\0';
	return err;
}

int cli_read(const char *path, char **bytes, size_t *size)
{
	AUTO_FD fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) :
		dup(STDIN_FILENO);
	int err;

	*bytes = NULL;
	*size = 0;
	err = fd < 0 ? -errno : read_all(fd, bytes, size);
	if (err) {
		free(*bytes);
		*bytes = NULL;
	}
	return err;
}

static bool has_suffix(const char *path, const char *suffix)
{
	size_t n = strlen(path), m = strlen(suffix);

	return n >= m && !strcmp(path + n - m, suffix);
}

int cli_object(const char *path, struct objfile **out)
{
	return cli_object_like(path, NULL, out);
}

static int read_object(const char *path, const json_t *options, void **bytes,
		       size_t *size)
{
	char *text;
	int err;

	if (has_suffix(path, ".skl"))
		return cli_compile(path, options, bytes, size);
	err = cli_read(path, &text, size);
	*bytes = text;
	return err ? cli_error(EXIT_INPUT, "%s: %s", path, strerror(-err)) : 0;
}

static bool is_elf(const void *bytes, size_t size)
{
	return size >= SELFMAG && !memcmp(bytes, ELFMAG, SELFMAG);
}

int cli_object_like(const char *path, const json_t *options,
		    struct objfile **out)
{
	char error[OBJFILE_ERROR_MAX];
	AUTO_FREE void *bytes = NULL;
	size_t size;
	int status = read_object(path, options, &bytes, &size), err;

	*out = NULL;
	if (status)
		return status;
	err = objfile_from_bytes(bytes, size, out, error);
	if (err == -ENOMEM)
		return cli_error(EXIT_SYSTEM, "out of memory");
	return err ? cli_error(EXIT_INPUT, "%s: %s%s", path, error,
			       is_elf(bytes, size) ? "" : "; a policy's text "
			       "must be called NAME.skl") : 0;
}
