/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * object_write - bytes to a file, all of them or none
 *
 * In: a path, bytes. Out: 0, or a negative errno. A regular file is replaced
 * by rename, so that nobody ever reads half an object and a full disk leaves
 * the old one; behind a symbolic link it is the file that is replaced, not the
 * link. The new one has the old one's mode, and its owner where that may be
 * given. What is no regular file (a pipe, /dev/stdout, /dev/null) is written to
 * as it is. A folder is refused.
 */
#include "object.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ATTEMPTS = 1000 };

static int write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

/* Network file systems say only here that the disk is full. */
static int close_written(int fd, int err)
{
	if (close(fd) && !err && errno != EINTR)
		err = -errno;
	return err;
}

static int write_in_place(const char *path, const void *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return -errno;
	return close_written(fd, write_all(fd, bytes, size));
}

/*
 * Makes a file in the folder of PATH that was not there, with the mode that
 * the umask gives; its name is put into *NAME, malloc'ed.
 */
static int open_beside(const char *path, char **name)
{
	const char *slash = strrchr(path, '/');
	int folder = slash ? (int)(slash - path) + 1 : 0;
	int i, fd = -1;

	for (i = 0; i < ATTEMPTS; i++) {
		if (asprintf(name, "%.*s.policy-%ld-%d.tmp", folder, path,
			     (long)getpid(), i) < 0)
			return -ENOMEM;
		fd = open(*name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
			  0666);
		if (fd >= 0)
			return fd;
		fd = -errno;
		free(*name);
		if (fd != -EEXIST)
			break;
	}
	return fd;
}

/*
 * As OLD says who may read and write it. It is ours: what fails does so for a
 * file system without owners or modes.
 */
static void take_mode(int fd, const struct stat *old)
{
	mode_t mode = old->st_mode & 0777;

	/* what was for another group is not for ours */
	if (fchown(fd, old->st_uid, old->st_gid) &&
	    fchown(fd, (uid_t)-1, old->st_gid))
		mode &= ~(mode_t)070;
	(void)!fchmod(fd, mode);
}

/* OLD is what is replaced, or NULL. */
static int replace(const char *path, const struct stat *old, const void *bytes,
		   size_t size)
{
	char *name;
	int fd = open_beside(path, &name), err;

	if (fd < 0)
		return fd;
	if (old)
		take_mode(fd, old);	/* before it has bytes */
	err = close_written(fd, write_all(fd, bytes, size));
	if (!err && rename(name, path))
		err = -errno;
	if (err)
		unlink(name);
	free(name);
	return err;
}

/* Replaces the file that PATH is, or is a symbolic link to. */
static int replace_target(const char *path, const struct stat *old,
			  const void *bytes, size_t size)
{
	char *target;
	int err;

	/* as cp does: who made the file read-only wants it kept */
	if (access(path, W_OK))
		return -errno;
	target = realpath(path, NULL);
	if (!target)
		return -errno;
	err = replace(target, old, bytes, size);
	free(target);
	return err;
}

/* Whether PATH is what standard output goes to (/dev/stdout > file). */
static bool is_stdout(const struct stat *st)
{
	struct stat out;

	return !fstat(STDOUT_FILENO, &out) && out.st_dev == st->st_dev &&
		out.st_ino == st->st_ino;
}

int object_write(const char *path, const void *bytes, size_t size)
{
	struct stat st;

	if (!strcmp(path, "-"))
		return write_all(STDOUT_FILENO, bytes, size);
	if (stat(path, &st))
		return errno == ENOENT ? replace(path, NULL, bytes, size) :
			-errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (is_stdout(&st))
		return write_all(STDOUT_FILENO, bytes, size);
	return S_ISREG(st.st_mode) ? replace_target(path, &st, bytes, size) :
		write_in_place(path, bytes, size);
}
