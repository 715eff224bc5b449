/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_via - a client of the broker (broker.h)
 *
 * In: a path, a claim, descriptors. Out: what the broker answers; its notes go
 * to stderr. It needs no privilege.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "auto.h"
#include "broker.h"
#include "cli_register.h"

static int fail(struct via_answer *out, enum skpol_fault f, int err,
		const char *path, const char *what)
{
	out->fault = f;
	snprintf(out->text, sizeof(out->text), "%s %s: %s", what, path,
		 strerror(-err));
	return err;
}

static int dial(const char *path, struct via_answer *out)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	AUTO_FD fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct timeval patience = {
		.tv_sec = BROKER_READ_SECONDS + BROKER_WORK_SECONDS,
	};

	if (strlen(path) >= sizeof(sa.sun_path))
		return fail(out, SKPOL_FAULT_INPUT, -ENAMETOOLONG, path,
			    "no broker can be at");
	strcpy(sa.sun_path, path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
		return fail(out, SKPOL_FAULT_SYSTEM, -errno, path,
			    "cannot reach the broker at");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return take_fd(&fd);
}

static size_t write_request(const struct skpol_claim *c, bool unregister,
			    bool fitting, char text[BROKER_REQUEST_MAX])
{
	int n = snprintf(text, BROKER_REQUEST_MAX, "%s %.*s%s%s%s%s\n",
			 unregister ? "unregister" : "register",
			 BROKER_REQUEST_MAX / 2, c->name,
			 !c->protocol ? "" : c->protocol == IPPROTO_TCP ?
			 " tcp" : " udp",
			 !c->family ? "" : c->family == 4 ? " ip4" : " ip6",
			 c->replace && !unregister ? " replace" : "",
			 fitting ? " fitting" : "");

	return (size_t)n;
}

static int send_request(int fd, char *text, size_t size, const int *fds,
			size_t n)
{
	char control[CMSG_SPACE(BROKER_FDS_MAX * sizeof(int))] = { 0 };
	struct iovec v = { text, size };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

	if (n) {
		struct cmsghdr *c;

		m.msg_control = control;
		m.msg_controllen = CMSG_SPACE(n * sizeof(int));
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	return sendmsg(fd, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* One line of the answer; true when it is the last. */
static bool read_line(char *line, struct via_answer *out, int *err)
{
	int fault, number, at = 0;

	*err = -EPROTO;
	if (!strncmp(line, "note ", 5)) {
		fprintf(stderr, "skpol: note: %s\n", line + 5);
		return false;
	}
	if (sscanf(line, "ok %zu", &out->slots) == 1) {
		*err = 0;
	} else if (sscanf(line, "error %d %d %n", &fault, &number, &at) == 2 &&
		   at && number > 0) {
		out->fault = fault == SKPOL_FAULT_INPUT ? SKPOL_FAULT_INPUT :
			SKPOL_FAULT_SYSTEM;
		*err = -number;
		snprintf(out->text, sizeof(out->text), "%s", line + at);
	}
	return true;
}

/* One who is turned away at once finds the answer behind an error. */
static int read_answer(int fd, const char *path, struct via_answer *out)
{
	char text[BROKER_REPLY_MAX], *rest, *line;
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);
	int err = -EPROTO;

	if (n < 0 && errno == ECONNRESET)
		n = recv(fd, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return fail(out, SKPOL_FAULT_SYSTEM, n ? -errno : -ECONNRESET,
			    path, "no answer from the broker at");
	text[n] = '\0';
	for (line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest))
		if (read_line(line, out, &err))
			break;
	if (err == -EPROTO && !*out->text)
		return fail(out, SKPOL_FAULT_SYSTEM, err, path,
			    "no sense in the answer from");
	return err;
}

int cli_via(const char *path, const struct skpol_claim *claim, bool fitting,
	    const int *fds, size_t n, struct via_answer *out)
{
	char text[BROKER_REQUEST_MAX];
	size_t size = write_request(claim, !fds, fitting, text);
	AUTO_FD fd = -1;
	int err;

	*out = (struct via_answer){ .slots = 0 };
	fd = dial(path, out);
	if (fd < 0)
		return fd;
	if (n > BROKER_FDS_MAX) {
		fprintf(stderr, "skpol: note: only the first %d of %zu sockets "
			"are sent\n", BROKER_FDS_MAX, n);
		n = BROKER_FDS_MAX;
	}
	err = send_request(fd, text, size, fds, n);
	if (err && err != -EPIPE && err != -ECONNRESET)
		return fail(out, SKPOL_FAULT_SYSTEM, err, path,
			    "cannot send to the broker at");
	return read_answer(fd, path, out);
}
