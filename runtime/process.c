/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * process - the sockets of other processes
 *
 * In: pids and inodes. Out: copies of descriptors. Descriptor tables are read
 * from /proc: they have gaps of any length. O_PATH descriptors look like
 * sockets there and are none; inspect() tells.
 */
#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "auto.h"

static int pidfd_open(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : fd;
}

static int pidfd_getfd(int pidfd, int number)
{
	int fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);

	return fd < 0 ? -errno : fd;
}

static bool is_number(const char *text, int *v)
{
	char *end;
	long n = strtol(text, &end, 10);

	*v = (int)n;
	return *text >= '0' && *text <= '9' && !*end && n <= INT_MAX;
}

/* The inode when entry NAME of the open folder is a socket, else 0. */
static uint32_t socket_inode(DIR *dir, const char *name)
{
	char target[64];
	unsigned int inode;
	ssize_t n = readlinkat(dirfd(dir), name, target, sizeof(target) - 1);

	if (n <= 0)
		return 0;
	target[n] = '\0';
	return sscanf(target, "socket:[%u]", &inode) == 1 ? inode : 0;
}

static DIR *open_table(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	return opendir(path);
}

static int fail_process(struct skpol *s, int err, pid_t pid)
{
	if (err == -ESRCH || err == -ENOENT)
		return fail_input(s, -ESRCH, "there is no process %d",
				  (int)pid);
	if (err == -EPERM || err == -EACCES)
		return fail_system(s, err, "may not take the descriptors of "
				   "process %d: needs CAP_SYS_PTRACE and "
				   "CAP_DAC_READ_SEARCH, or to run "
				   "as its user", (int)pid);
	return fail_system(s, err, "cannot look into process %d: %s",
			   (int)pid, strerror(-err));
}

static int push(struct process_fd **v, size_t *n, struct process_fd e)
{
	struct process_fd *more;

	if (!(*n & (*n - 1))) {		/* room for twice at powers of two */
		more = realloc(*v, (*n ? 2 * *n : 1) * sizeof(**v));
		if (!more)
			return -ENOMEM;
		*v = more;
	}
	(*v)[(*n)++] = e;
	return 0;
}

static int compare_numbers(const void *a, const void *b)
{
	return ((const struct process_fd *)a)->number -
		((const struct process_fd *)b)->number;
}

/* One that was closed since the table was read is none. */
static int copy_all(DIR *dir, int pidfd, struct process_fd **v, size_t *n)
{
	struct dirent *e;
	int number, err;

	while ((e = readdir(dir))) {
		AUTO_FD fd = -1;

		if (!is_number(e->d_name, &number) ||
		    !socket_inode(dir, e->d_name))
			continue;
		fd = pidfd_getfd(pidfd, number);
		if (fd == -EBADF)
			continue;
		if (fd < 0)
			return fd;
		err = push(v, n, (struct process_fd){ fd, number });
		if (err)
			return err;
		take_fd(&fd);
	}
	return 0;
}

int process_sockets(struct skpol *s, pid_t pid, struct process_fd **v,
		    size_t *n)
{
	AUTO_FD pidfd = pid > 0 ? pidfd_open(pid) : -ESRCH;
	AUTO_DIR dir = NULL;
	int err = pidfd;

	*v = NULL;
	*n = 0;
	if (pidfd >= 0) {
		dir = open_table(pid);
		err = dir ? copy_all(dir, pidfd, v, n) : -errno;
	}
	if (err) {
		process_close(*v, *n);
		*v = NULL;
		*n = 0;
		return fail_process(s, err, pid);
	}
	if (*n)
		qsort(*v, *n, sizeof(**v), compare_numbers);
	return 0;
}

void process_close(struct process_fd *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(v[i].fd);
	free(v);
}

static int compare_inodes(const void *a, const void *b)
{
	uint32_t x = ((const struct owner *)a)->inode;
	uint32_t y = ((const struct owner *)b)->inode;

	return x < y ? -1 : x > y;
}

static void read_name(pid_t pid, char name[16])
{
	char path[32];
	ssize_t n;
	AUTO_FD fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, name, 15);
	if (n < 0)
		n = 0;
	while (n && name[n - 1] == '\n')
		n--;
	name[n] = '\0';
}

/* The first with that inode: there may be several. */
static struct owner *lookup(const struct owner *v, size_t n, uint32_t inode)
{
	struct owner key = { .inode = inode };
	struct owner *o = inode ? bsearch(&key, v, n, sizeof(*v),
					  compare_inodes) : NULL;

	while (o && o > v && o[-1].inode == inode)
		o--;
	return o;
}

/* How many of N that had no owner PID has. */
static size_t search(pid_t pid, struct owner *v, size_t n)
{
	AUTO_DIR dir = open_table(pid);
	struct dirent *e;
	size_t found = 0;

	while (dir && (e = readdir(dir))) {
		struct owner *o = NULL;
		int number;

		if (is_number(e->d_name, &number))
			o = lookup(v, n, socket_inode(dir, e->d_name));
		if (!o || o->pid)
			continue;
		o->pid = pid;
		o->number = number;
		read_name(pid, o->name);
		found++;
	}
	return found;
}

/* Different inodes among N that are sorted, 0 not counted. */
static size_t count_inodes(const struct owner *v, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += v[i].inode && (!i || v[i].inode != v[i - 1].inode);
	return count;
}

int owners_find(struct skpol *s, struct owner *v, size_t n)
{
	AUTO_DIR dir = n ? opendir("/proc") : NULL;
	struct dirent *e;
	size_t missing;
	int pid;

	if (!n)
		return 0;
	if (!dir)
		return fail_system(s, -errno, "cannot read /proc: %s",
				   strerror(errno));
	qsort(v, n, sizeof(*v), compare_inodes);
	missing = count_inodes(v, n);
	while (missing && (e = readdir(dir)))
		if (is_number(e->d_name, &pid))
			missing -= search(pid, v, n);
	return 0;
}

const struct owner *owners_get(const struct owner *v, size_t n,
			       uint32_t inode)
{
	const struct owner *o = lookup(v, n, inode);

	return o && o->pid ? o : NULL;
}

int owner_take(struct skpol *s, const struct owner *o)
{
	AUTO_FD pidfd = pidfd_open(o->pid);
	int fd = pidfd < 0 ? pidfd : pidfd_getfd(pidfd, o->number);

	return fd < 0 ? fail_process(s, fd, o->pid) : fd;
}
