/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netns - a network namespace by descriptor, without moving the caller there
 *
 * In: a name, a path or pid:N. Out: a descriptor, its identity, sockets born
 * in it. Promise: the calling thread stays where it is; a namespace is told
 * from its successors by cookie, since inode numbers are used again.
 */
#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "auto.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif
/* Linux 6.18; _IOR(NSIO, 0xd, __u64) of <linux/nsfs.h> */
#define SKPOL_NS_GET_ID _IOR(0xb7, 0xd, uint64_t)

struct visit {			/* what a thread is sent to do, and brings back */
	int netns;		/* -1 = a new one */
	int (*work)(void *ctx);
	void *ctx;
	int result;
};

static void *visit_thread(void *arg)
{
	struct visit *v = arg;
	int err = v->netns < 0 ? unshare(CLONE_NEWNET) :
		setns(v->netns, CLONE_NEWNET);

	v->result = err ? -errno : v->work(v->ctx);
	return NULL;
}

static int visit(int netns, int (*work)(void *ctx), void *ctx)
{
	struct visit v = { .netns = netns, .work = work, .ctx = ctx };
	pthread_t thread;
	int err = pthread_create(&thread, NULL, visit_thread, &v);

	if (err)
		return -err;
	pthread_join(thread, NULL);
	return v.result;
}

int netns_visit(const struct skpol *s, int (*work)(void *ctx), void *ctx)
{
	if (s->netns < 0)
		return -ENODEV;
	return s->netns_own ? work(ctx) : visit(s->netns, work, ctx);
}

int netns_private(int (*work)(void *ctx), void *ctx)
{
	return visit(-1, work, ctx);
}

struct socket_args { int domain, type, protocol; };

static int make_socket(void *ctx)
{
	const struct socket_args *a = ctx;
	int fd = socket(a->domain, a->type | SOCK_CLOEXEC, a->protocol);

	return fd < 0 ? -errno : fd;
}

int netns_socket(struct skpol *s, int domain, int type, int protocol)
{
	struct socket_args a = { domain, type, protocol };
	int fd = netns_visit(s, make_socket, &a);

	if (fd == -ENODEV && s->netns < 0)
		return fail_system(s, fd, "no name and no process leads to "
				   "this network namespace");
	if (fd == -EPERM)
		return fail_system(s, fd, "may not enter the network namespace:"
				   " needs CAP_SYS_ADMIN (or run inside it: "
				   "nsenter --net=...)");
	if (fd < 0)
		return fail_system(s, fd, "cannot open a socket in the network "
				   "namespace: %s", strerror(-fd));
	return fd;
}

/* SO_NETNS_COOKIE of a socket made there; else what the kernel calls it. */
static void read_cookie(struct skpol *s)
{
	struct socket_args a = { AF_UNIX, SOCK_DGRAM, 0 };
	AUTO_FD fd = netns_visit(s, make_socket, &a);
	socklen_t len = sizeof(s->cookie);

	if (fd >= 0 && !getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &s->cookie,
				   &len))
		return;
	if (fd >= 0 || ioctl(s->netns, SKPOL_NS_GET_ID, &s->cookie))
		s->cookie = 0;
}

static int identify(struct skpol *s, const char *name)
{
	struct stat st, own;
	struct statfs fs;

	if (fstat(s->netns, &st) || fstatfs(s->netns, &fs))
		return fail_system(s, -errno, "cannot look at network "
				   "namespace `%s`: %s", name, strerror(errno));
	if (fs.f_type != NSFS_MAGIC ||
	    ioctl(s->netns, NS_GET_NSTYPE) != CLONE_NEWNET)
		return fail_input(s, -EINVAL, "`%s` is no network namespace",
				  name);
	s->netns_ino = st.st_ino;
	s->netns_own = !stat("/proc/thread-self/ns/net", &own) &&
		own.st_ino == st.st_ino && own.st_dev == st.st_dev;
	read_cookie(s);
	if (s->cookie)
		snprintf(s->identity, sizeof(s->identity), "%" PRIu64,
			 s->cookie);
	else
		snprintf(s->identity, sizeof(s->identity), "i%" PRIu64,
			 s->netns_ino);
	return 0;
}

/* NAME -> the file that stands for it. */
static void netns_path(char *path, size_t size, const char *name)
{
	if (!name)
		snprintf(path, size, "/proc/thread-self/ns/net");
	else if (!strncmp(name, "pid:", 4))
		snprintf(path, size, "/proc/%s/ns/net", name + 4);
	else if (strchr(name, '/'))
		snprintf(path, size, "%s", name);
	else
		snprintf(path, size, "/run/netns/%s", name);
}

int netns_open(struct skpol *s, const char *name)
{
	char path[PATH_MAX];
	const char *pid = name && !strncmp(name, "pid:", 4) ? name + 4 : NULL;

	if (name && (!*name || (pid && (!*pid || pid[strspn(pid,
							"0123456789")]))))
		return fail_input(s, -EINVAL, "`%s` names no network "
				  "namespace: give a name of `ip netns`, a "
				  "path, or pid:N", name);
	netns_path(path, sizeof(path), name);
	/* a FIFO would wait for a writer */
	s->netns = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (s->netns < 0 && (errno == ENOENT || errno == ESRCH))
		return fail_input(s, -errno, "there is no network namespace "
				  "`%s` (%s)", name ? name : "net", path);
	if (s->netns < 0 && (errno == EACCES || errno == EPERM))
		return fail_system(s, -errno, "may not open network namespace "
				   "%s: that of another user's process needs "
				   "CAP_SYS_PTRACE (or run as root)", path);
	if (s->netns < 0)
		return fail_system(s, -errno, "cannot open network namespace "
				   "%s: %s", path, strerror(errno));
	return identify(s, name ? name : path);
}

int netns_holds(const struct skpol *s, int fd)
{
	uint64_t cookie;
	socklen_t len = sizeof(cookie);
	struct stat st;

	if (s->cookie && !getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie,
				     &len))
		return cookie == s->cookie;
	{	/* before Linux 5.14: needs CAP_NET_ADMIN there */
		AUTO_FD ns = ioctl(fd, SIOCGSKNS);

		if (ns < 0 || fstat(ns, &st))
			return -errno;
		return st.st_ino == s->netns_ino;
	}
}
