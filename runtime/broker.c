/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * broker - lets service accounts fill their own slots, and no others
 *
 * In: connections. Out: a process for each that a rule may be about. This
 * process reads nothing from a client and takes no descriptor of one.
 */
#include "broker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auto.h"
#include "broker_private.h"

enum { BACKLOG = 64, ACCEPTS_AT_ONCE = 16 };

struct client {
	pid_t pid;		/* of the process that serves it; 0 = free */
	uint32_t uid;
};

struct broker {
	struct skpol *s;
	struct rules rules;
	int fd;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];	/* ours, or "" */
	struct client clients[BROKER_CLIENTS];
	broker_log *log;
	void *ctx;
};

/* ------------------------------------------------------------- listening */

/* A socket that was left behind by a process that is gone. */
static bool is_stale(const struct sockaddr_un *sa)
{
	AUTO_FD fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC |
			    SOCK_NONBLOCK, 0);
	struct stat st;

	return fd >= 0 && !lstat(sa->sun_path, &st) && S_ISSOCK(st.st_mode) &&
		connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) &&
		errno == ECONNREFUSED;
}

/* Anybody may connect: what they may do is for the rules to say. */
static int listen_at(struct broker *b, const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	AUTO_FD fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC |
			    SOCK_NONBLOCK, 0);
	int err = fd < 0 ? -errno : 0;

	if (strlen(path) >= sizeof(sa.sun_path))
		return fail_input(b->s, -ENAMETOOLONG, "%s is too long for "
				  "the path of a socket", path);
	strcpy(sa.sun_path, path);
	if (!err && is_stale(&sa))
		unlink(path);
	if (!err && (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) ||
		     chmod(path, 0666) || listen(fd, BACKLOG)))
		err = -errno;
	if (err)
		return fail_system(b->s, err, "cannot listen at %s: %s", path,
				   strerror(-err));
	strcpy(b->path, path);
	b->fd = take_fd(&fd);
	return 0;
}

static int option(int fd, int name)
{
	int v = -1;
	socklen_t len = sizeof(v);

	return getsockopt(fd, SOL_SOCKET, name, &v, &len) ? -1 : v;
}

/* One that a service manager made for us. */
static int adopt(struct broker *b, int fd)
{
	if (option(fd, SO_DOMAIN) != AF_UNIX ||
	    option(fd, SO_TYPE) != SOCK_SEQPACKET ||
	    option(fd, SO_ACCEPTCONN) != 1)
		return fail_input(b->s, -EINVAL, "descriptor %d is no unix "
				  "socket that listens for messages "
				  "(ListenSequentialPacket=)", fd);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	b->fd = fd;
	return 0;
}

int broker_open(struct skpol *s, int fd, const char *path, const char *rules,
		broker_log *log, void *ctx, struct broker **out)
{
	struct broker *b = calloc(1, sizeof(*b));
	int err;

	*out = b;
	if (!b)
		return fail_memory(s);
	b->s = s;
	b->fd = -1;
	b->log = log;
	b->ctx = ctx;
	err = rules_parse(s, rules, &b->rules);
	if (!err) {
		rules_compare(s, &b->rules);
		err = fd < 0 ? listen_at(b, path) : adopt(b, fd);
	}
	if (err) {
		broker_close(b);
		*out = NULL;
	}
	return err;
}

void broker_close(struct broker *b)
{
	if (*b->path)
		unlink(b->path);
	auto_close(&b->fd);
	free(b->rules.v);
	free(b);
}

int broker_fd(const struct broker *b)
{
	return b->fd;
}

/* ------------------------------------------------------------- serving */

static void bury(struct broker *b)
{
	for (int i = 0; i < BROKER_CLIENTS; i++) {
		struct client *c = &b->clients[i];

		if (c->pid && waitpid(c->pid, NULL, WNOHANG) == c->pid)
			c->pid = 0;
	}
}

/* A free entry, or NULL when there are too many, in all or of this user. */
static struct client *admit(struct broker *b, uint32_t uid)
{
	struct client *chosen = NULL;
	int n = 0;

	for (int i = 0; i < BROKER_CLIENTS; i++) {
		struct client *c = &b->clients[i];

		if (!c->pid)
			chosen = c;
		else
			n += c->uid == uid;
	}
	return n < BROKER_CLIENTS_OF_USER ? chosen : NULL;
}

static void turn_away(int fd, int err, const char *text)
{
	char reply[256];
	int n = snprintf(reply, sizeof(reply), "error %d %d %s\n",
			 err == EPERM ? (int)SKPOL_FAULT_INPUT :
			 (int)SKPOL_FAULT_SYSTEM, err, text);

	send(fd, reply, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void serve(struct broker *b, int fd, const struct peer *p)
{
	struct client *c;
	pid_t pid;

	if (!rules_allow(&b->rules, p, NULL)) {
		turn_away(fd, EPERM, "no --allow rule of the broker is for "
			  "this user");
		return;
	}
	bury(b);
	c = admit(b, p->uid);
	pid = c ? fork() : -1;
	if (pid < 0) {
		turn_away(fd, EAGAIN, "too many requests at once: try again");
	} else if (!pid) {
		close(b->fd);
		broker_request(b->s, &b->rules, p, fd, b->log, b->ctx);
	} else {
		*c = (struct client){ pid, p->uid };
	}
}

void broker_serve(struct broker *b)
{
	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		AUTO_FD fd = accept4(b->fd, NULL, NULL, SOCK_CLOEXEC);
		struct peer p;

		if (fd < 0)
			return;
		if (!peer_of(fd, &p))
			serve(b, fd, &p);
		free(p.groups);
	}
}
