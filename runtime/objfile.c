/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * objfile - a policy.o that somebody hands us: read, and taken apart
 *
 * In: a path, or bytes. Out: an objfile that owns a copy of the bytes; all that
 * it shows points into them, or was checked.
 */
#include "objfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sha2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "objfile_private.h"

enum { READ_STEP = 1 << 16, FILE_MAX = 1 << 30 };

int objfile_fault(char error[OBJFILE_ERROR_MAX], int err, const char *fmt, ...)
{
	va_list ap;
	char *p;

	va_start(ap, fmt);
	vsnprintf(error, OBJFILE_ERROR_MAX, fmt, ap);
	va_end(ap);
	/* names come from the file, and end on a terminal */
	for (p = error; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	return err;
}

const struct objfile_variable *objfile_variable(const struct objfile *o,
						const char *name)
{
	size_t i;

	for (i = 0; i < o->nvariables; i++)
		if (!strcmp(o->variables[i].name, name))
			return &o->variables[i];
	return NULL;
}

void objfile_free(struct objfile *o)
{
	if (!o)
		return;
	json_decref(o->manifest);
	free(o->relocs);
	free(o->variables);
	free((void *)o->bytes);
	free(o);
}

static void digest(struct objfile *o)
{
	SHA2_CTX sha;

	SHA256Init(&sha);
	SHA256Update(&sha, o->bytes, o->size);
	SHA256End(&sha, o->sha256);
}

static int take_apart(struct objfile *o, char error[OBJFILE_ERROR_MAX])
{
	struct objfile_span manifest = { 0 }, sum = { 0 };
	int err = objfile_read_elf(o, &manifest, &sum, error);

	if (!err)
		err = objfile_read_manifest(o, manifest, error);
	if (!err)
		err = objfile_check_schema(o, error);
	/* last: what is wrong with a part says more than that it changed */
	if (!err)
		err = objfile_check_sum(o, sum, error);
	if (!err)
		digest(o);
	return err;
}

/* Takes BYTES over, malloc'ed, in any case. */
static int adopt(void *bytes, size_t size, struct objfile **out,
		 char error[OBJFILE_ERROR_MAX])
{
	struct objfile *o = calloc(1, sizeof(*o));
	int err;

	if (!o) {
		free(bytes);
		return objfile_fault(error, -ENOMEM,
				     "no memory for the object");
	}
	o->bytes = bytes;
	o->size = size;
	err = take_apart(o, error);
	if (err)
		objfile_free(o);
	else
		*out = o;
	return err;
}

int objfile_from_bytes(const void *bytes, size_t size, struct objfile **out,
		       char error[OBJFILE_ERROR_MAX])
{
	void *copy;

	if (size > FILE_MAX)
		return objfile_fault(error, -EFBIG, "larger than %d MiB",
				     FILE_MAX >> 20);
	copy = malloc(size ? size : 1);
	if (!copy)
		return objfile_fault(error, -ENOMEM,
				     "no memory for the object");
	if (size)
		memcpy(copy, bytes, size);
	return adopt(copy, size, out, error);
}

/* ---------------------------------------------------------------- reading */

static bool enlarge(char **p, size_t *cap, size_t need)
{
	size_t room = *cap + *cap / 2;
	char *more;

	if (need <= *cap)
		return true;
	room = room < need ? need : room;
	more = realloc(*p, room);
	if (!more)
		return false;
	*p = more;
	*cap = room;
	return true;
}

/* Reads FD to its end; HINT is the size to expect. 0 or a negative errno. */
static int read_all(int fd, size_t hint, char **bytes, size_t *size)
{
	size_t cap = 0, n = 0;

	for (;;) {
		size_t room = n < hint ? hint - n + 1 : READ_STEP;
		ssize_t got;

		if (n + room > FILE_MAX)
			return -EFBIG;
		if (!enlarge(bytes, &cap, n + room))
			return -ENOMEM;
		got = read(fd, *bytes + n, room);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			break;
		n += (size_t)got;
	}
	*size = n;
	return 0;
}

static int read_file(int fd, char **bytes, size_t *size)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (st.st_size >= FILE_MAX)
		return -EFBIG;
	return read_all(fd, (size_t)st.st_size, bytes, size);
}

int objfile_open(const char *path, struct objfile **out,
		 char error[OBJFILE_ERROR_MAX])
{
	bool standard = !strcmp(path, "-");
	char *bytes = NULL;
	size_t size = 0;
	int fd, err;

	fd = standard ? STDIN_FILENO :
		open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	err = fd < 0 ? -errno : read_file(fd, &bytes, &size);
	if (fd >= 0 && !standard)
		close(fd);
	if (!err)
		return adopt(bytes, size, out, error);
	free(bytes);
	if (err == -EFBIG)
		return objfile_fault(error, err, "larger than %d MiB",
				     FILE_MAX >> 20);
	return objfile_fault(error, err, "cannot read it: %s", strerror(-err));
}
