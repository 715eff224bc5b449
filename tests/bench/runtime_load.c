/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runtime_load - connections and datagrams, one after the other, without end
 *
 * Clients dial 127.0.0.1:7007. The service that a policy sends them to is bound
 * to 127.0.0.2:8008; another one is bound to the very address that is dialled,
 * so a packet that is not steered is answered there, and seen.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime.h"

enum { DIALLED = 7007, BOUND = 8008, PAUSE_US = 100, LATE_MS = 1000 };

static struct sockaddr_in address(const char *text, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(port) };

	inet_pton(AF_INET, text, &a.sin_addr);
	return a;
}

static int bound(int type, const char *text, uint16_t port)
{
	struct sockaddr_in a = address(text, port);
	int fd = socket(AF_INET, type, 0);

	if (fd < 0 || bind(fd, (void *)&a, sizeof(a)) ||
	    (type == SOCK_STREAM && listen(fd, 128)))
		give_up("a server's socket");
	return fd;
}

/* --------------------------------------------------------------- servers */

struct server {
	struct load *load;
	bool elsewhere;
	int tcp, udp;
};

/* A word says who it is; the client ends the connection. */
static void answer(const struct server *s)
{
	char word = s->elsewhere ? 'e' : 's', end;
	int fd = accept(s->tcp, NULL, NULL);

	if (fd < 0)
		return;
	if (write(fd, &word, 1) == 1)
		while (read(fd, &end, 1) > 0)
			;
	close(fd);
}

static void take(const struct server *s)
{
	char word[8];

	if (recv(s->udp, word, sizeof(word), 0) < 0)
		return;
	if (s->elsewhere)
		s->load->received_elsewhere++;
	else
		s->load->received++;
}

static void serve_tcp(void *ctx)
{
	for (;;)
		answer(ctx);
}

static void serve_udp(void *ctx)
{
	for (;;)
		take(ctx);
}

/* --------------------------------------------------------------- clients */

static void connect_once(struct load *l, const struct sockaddr_in *to)
{
	struct linger reset = { .l_onoff = 1 };	/* no TIME_WAIT is left */
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char word = 0;

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	l->connects++;
	if (connect(fd, (const void *)to, sizeof(*to)))
		l->refused++;
	else if (read(fd, &word, 1) != 1)
		l->broken++;
	else if (word != 's')
		l->elsewhere++;
	close(fd);
}

static void connect_always(void *ctx)
{
	struct sockaddr_in to = address("127.0.0.1", DIALLED);
	struct load *l = ctx;

	while (!l->stop) {
		connect_once(l, &to);
		usleep(PAUSE_US);
	}
	_exit(0);
}

/* One at a time: the next when somebody has got it. */
static void send_once(struct load *l, int fd)
{
	uint64_t seen = l->received + l->received_elsewhere;
	uint64_t elsewhere = l->received_elsewhere;
	double begin = runtime_now();

	l->datagrams++;
	if (send(fd, "packet", 6, 0) != 6) {
		l->udp_refused++;
		return;
	}
	while (l->received + l->received_elsewhere == seen)
		if (runtime_now() - begin > LATE_MS) {
			l->udp_lost++;
			return;
		} else {
			usleep(10);
		}
	l->udp_elsewhere += l->received_elsewhere - elsewhere;
}

static void send_always(void *ctx)
{
	struct sockaddr_in to = address("127.0.0.1", DIALLED);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct load *l = ctx;

	if (connect(fd, (void *)&to, sizeof(to)))
		give_up("a client's socket");
	while (!l->stop) {
		send_once(l, fd);
		usleep(PAUSE_US);
	}
	_exit(0);
}

/* ------------------------------------------------------------------ both */

struct load *load_serve(void)
{
	struct load *l = mmap(NULL, sizeof(*l), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct server servers[] = {
		{ l, false, bound(SOCK_STREAM, "127.0.0.2", BOUND),
		  bound(SOCK_DGRAM, "127.0.0.2", BOUND) },
		{ l, true, bound(SOCK_STREAM, "127.0.0.1", DIALLED),
		  bound(SOCK_DGRAM, "127.0.0.1", DIALLED) },
	};

	if (l == MAP_FAILED)
		give_up("memory");
	for (int i = 0; i < 2; i++) {
		l->servers[2 * i] = runtime_child(serve_tcp, &servers[i]);
		l->servers[2 * i + 1] = runtime_child(serve_udp, &servers[i]);
	}
	for (int i = 0; i < 2; i++) {
		close(servers[i].tcp);
		close(servers[i].udp);
	}
	return l;
}

void load_dial(struct load *l)
{
	l->clients[0] = runtime_child(connect_always, l);
	l->clients[1] = runtime_child(send_always, l);
}

void load_stop(struct load *l)
{
	l->stop = true;
	for (int i = 0; i < 2; i++)
		waitpid(l->clients[i], NULL, 0);
	for (int i = 0; i < 4; i++)
		runtime_end(l->servers[i]);
}
