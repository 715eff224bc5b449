/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire_dial - a packet goes out, and whoever gets it answers
 *
 * In: a packet. Out: the name of the server that answered it, from the address
 * that was dialled. Beside the servers of the scenario there is always one at
 * that very address, named "pass": so a packet that a policy steers is seen to
 * leave it, and one that is refused is refused although somebody listens.
 */
#include "wire.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 16 };

struct connection {		/* accepted, and waiting for its byte */
	int fd;
	char name[WIRE_NAME_MAX];
};

struct call {			/* one packet under way */
	struct wire *w;
	int type;
	struct sockaddr_storage local, remote;
	int client;
	bool sent;
	unsigned char token;	/* the byte of this call, no other's */
	struct connection connections[CONNECTIONS];
	size_t nconnections;
	char answered[WIRE_NAME_MAX];
	const char *end;	/* set when it is over */
};

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* ------------------------------------------------------------- servers */

static void take_connection(struct call *c, const struct server *s)
{
	struct connection *n = &c->connections[c->nconnections];

	if (c->nconnections == CONNECTIONS)
		return;
	n->fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (n->fd < 0)
		return;
	memcpy(n->name, s->name, sizeof(n->name));
	c->nconnections++;
}

static void answer_stream(struct call *c, struct connection *n)
{
	unsigned char byte;

	if (recv(n->fd, &byte, 1, 0) != 1 || byte != c->token)
		return;
	memcpy(c->answered, n->name, sizeof(c->answered));
	if (send(n->fd, &byte, 1, MSG_NOSIGNAL) != 1)
		c->end = "no answer sent";
}

/* The address that was dialled, from the control message that names it. */
static bool dialled(struct msghdr *m, struct sockaddr_storage *out)
{
	struct cmsghdr *h;

	memset(out, 0, sizeof(*out));
	for (h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		if (h->cmsg_level == SOL_IP && h->cmsg_type == IP_ORIGDSTADDR)
			memcpy(out, CMSG_DATA(h), sizeof(struct sockaddr_in));
		else if (h->cmsg_level == SOL_IPV6 &&
			 h->cmsg_type == IPV6_ORIGDSTADDR)
			memcpy(out, CMSG_DATA(h), sizeof(struct sockaddr_in6));
	}
	wire_address_unmap(out);
	return out->ss_family != AF_UNSPEC;
}

/* From FROM, which may be bound by others and need not be ours. */
static bool send_from(const struct sockaddr_storage *from,
		      const struct sockaddr_storage *to, unsigned char byte)
{
	int fd = socket(from->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok;

	if (fd < 0)
		return false;
	ok = wire_bind(fd, from) &&
	     sendto(fd, &byte, 1, 0, (const void *)to,
		    wire_address_size(to)) == 1;
	close(fd);
	return ok;
}

static void answer_datagram(struct call *c, const struct server *s)
{
	union {
		struct cmsghdr align;
		char room[256];
	} control;
	struct sockaddr_storage client, at;
	unsigned char byte;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr m = {
		.msg_name = &client, .msg_namelen = sizeof(client),
		.msg_iov = &data, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};

	if (recvmsg(s->fd, &m, 0) != 1 || byte != c->token)
		return;
	memcpy(c->answered, s->name, sizeof(c->answered));
	wire_address_unmap(&client);
	if (!dialled(&m, &at) || !send_from(&at, &client, byte))
		c->end = "no answer sent";
}

/* -------------------------------------------------------------- client */

static const char *errno_end(int error)
{
	return error == ECONNREFUSED ? "drop" : strerror(error);
}

static int client_socket(struct call *c, const struct packet *k)
{
	const struct wire *w = c->w;
	int netns = -1, fd;

	for (size_t i = 0; i < w->nlinks; i++)
		if (!strcmp(w->links[i].ifname, k->ifname))
			netns = w->links[i].netns;
	if (k->ifname[0] && netns < 0 && strcmp(k->ifname, "lo"))
		wire_die(w, WIRE_BROKEN, "no link `%s`", k->ifname);
	if (netns >= 0 && setns(netns, CLONE_NEWNET))
		wire_die(w, WIRE_BROKEN, "setns: %s", strerror(errno));
	fd = socket(c->remote.ss_family,
		    c->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (netns >= 0 && setns(w->home, CLONE_NEWNET))
		wire_die(w, WIRE_BROKEN, "setns: %s", strerror(errno));
	if (fd < 0)
		wire_die(w, WIRE_BROKEN, "socket: %s", strerror(errno));
	return fd;
}

/* The port is taken again by the next packet: no TIME_WAIT is left behind. */
static void client_start(struct call *c, const struct packet *k)
{
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	c->client = client_socket(c, k);
	setsockopt(c->client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (!wire_bind(c->client, &c->remote))
		wire_die(c->w, WIRE_BROKEN, "bind to the source: %s",
			 strerror(errno));
	if (connect(c->client, (void *)&c->local,
		    wire_address_size(&c->local)) && errno != EINPROGRESS)
		c->end = errno_end(errno);
}

static void client_event(struct call *c)
{
	unsigned char byte;
	socklen_t size = sizeof(int);
	int error = 0;

	getsockopt(c->client, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error) {
		c->end = errno_end(error);
		return;
	}
	if (!c->sent) {
		if (send(c->client, &c->token, 1, MSG_NOSIGNAL) != 1)
			c->end = errno_end(errno);
		c->sent = true;
		return;
	}
	if (recv(c->client, &byte, 1, 0) == 1 && byte == c->token)
		c->end = c->answered;
	else
		c->end = errno ? errno_end(errno) : "closed";
}

/* ---------------------------------------------------------------- both */

static struct pollfd waits(int fd, short events)
{
	return (struct pollfd) { .fd = fd, .events = events };
}

static void call_step(struct call *c, int timeout)
{
	struct pollfd p[1 + WIRE_SERVERS + CONNECTIONS];
	const size_t servers = c->w->nservers, connections = c->nconnections;
	size_t n = 0;

	p[n++] = waits(c->client, c->sent ? POLLIN : POLLOUT);
	for (size_t i = 0; i < servers; i++)
		p[n++] = waits(c->w->servers[i].answers ?
			       c->w->servers[i].fd : -1, POLLIN);
	for (size_t i = 0; i < connections; i++)
		p[n++] = waits(c->connections[i].fd, POLLIN);
	if (poll(p, n, timeout) <= 0)
		return;
	for (size_t i = 0; i < servers; i++) {
		const struct server *s = &c->w->servers[i];

		if (p[1 + i].revents && s->type == SOCK_STREAM)
			take_connection(c, s);
		else if (p[1 + i].revents)
			answer_datagram(c, s);
	}
	for (size_t i = 0; i < connections; i++)
		if (p[1 + servers + i].revents)
			answer_stream(c, &c->connections[i]);
	if (p[0].revents && !c->end)
		client_event(c);
}

/* The server at the address itself, unless the scenario has one there. */
static bool pass_server(struct call *c)
{
	const struct server_options o = { .v6only = true };
	struct wire *w = c->w;
	int fd;

	for (size_t i = 0; i < w->nservers; i++) {
		struct sockaddr_storage at = w->servers[i].at;

		wire_address_unmap(&at);
		if (w->servers[i].type == c->type &&
		    wire_address_equal(&at, &c->local))
			return false;
	}
	fd = wire_open(c->type, &c->local, o);
	if (fd < 0)
		wire_die(w, WIRE_BROKEN, "a server at the dialled address: %s",
			 strerror(errno));
	wire_serve(w, "pass", c->type, fd);
	return true;
}

const char *wire_dial(struct wire *w, const struct packet *k)
{
	static struct call c;
	static unsigned char token;
	bool pass;
	long long deadline = now_ms() + WIRE_LIMIT_MS, left;

	memset(&c, 0, sizeof(c));
	c.w = w;
	c.type = k->protocol == PACKET_TCP ? SOCK_STREAM : SOCK_DGRAM;
	c.token = ++token;
	wire_end(&c.local, k->family, k->local, k->local_port);
	wire_end(&c.remote, k->family, k->remote, k->remote_port);
	pass = pass_server(&c);
	client_start(&c, k);
	while (!c.end && (left = deadline - now_ms()) > 0)
		call_step(&c, (int)left);
	close(c.client);
	for (size_t i = 0; i < c.nconnections; i++)
		close(c.connections[i].fd);
	if (pass)
		wire_close(w, "pass");
	return c.end ? c.end : "timeout";
}
