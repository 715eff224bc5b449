/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * embed - a service that steers its own packets
 *
 * Both libraries in one program: the policy is a string, libskpolc makes an
 * object of it in memory, libskpol applies it to the network namespace that
 * the program runs in and registers the program's own socket. Then a client
 * dials an address and a port at which nobody listens, and is answered.
 *
 *	cc embed.c -o embed $(pkg-config --cflags --libs skpol skpolc)
 *	./embed [BPFFS]
 *
 * It needs CAP_BPF and CAP_NET_ADMIN, and a bpf file system (/sys/fs/bpf).
 */
#include <arpa/inet.h>
#include <skpol.h>
#include <skpolc.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char policy[] =
	"policy embed\n"
	"socket service tcp ip4\n"
	"## whatever is dialled in these thousand ports\n"
	"all: tcp to 127.0.0.0/8 port 7000-7999 -> service count\n"
	"default -> pass\n";

/* ---------------------------------------------------- text to object */

static void print_diagnostic(void *ctx, const struct skpolc_diagnostic *d)
{
	(void)ctx;
	fprintf(stderr, "%s:%u:%u: %s[%s]: %s\n", d->place.file ?
		d->place.file : "policy", d->place.line, d->place.column,
		d->level == SKPOLC_ERROR ? "error" : "warning", d->name,
		d->message);
}

static struct skpolc *compile(void)
{
	struct skpolc_options o = {
		.size = sizeof(o), .diagnostic = print_diagnostic,
	};
	struct skpolc *c;

	if (!skpolc_compile_text(&o, "embed.skl", policy, strlen(policy), &c))
		return c;
	fprintf(stderr, "embed: %s\n", skpolc_message(c));
	skpolc_free(c);
	return NULL;
}

/* -------------------------------------------------- object to kernel */

static int failed(const struct skpol *s)
{
	fprintf(stderr, "embed: %s\n", skpol_message(s));
	return 1;
}

static int apply(struct skpol *s, const struct skpolc *c, int listener)
{
	struct skpol_claim claim = {
		.size = sizeof(claim), .name = "service", .replace = true,
	};
	struct skpol_applied applied;
	size_t size, filled;
	const void *object = skpolc_object(c, &size);

	if (skpol_apply(s, object, size, NULL, &applied))
		return failed(s);
	if (skpol_register_fds(s, &claim, &listener, 1, &filled))
		return failed(s);
	printf("%s: generation %u, %zu socket registered\n", applied.policy,
	       applied.generation, filled);
	return 0;
}

/* ------------------------------------------------- one lookup steered */

static struct sockaddr_in address(const char *text, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(port) };

	inet_pton(AF_INET, text, &a.sin_addr);
	return a;
}

static int listen_anywhere(void)
{
	struct sockaddr_in a = address("127.0.0.1", 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && !bind(fd, (struct sockaddr *)&a, sizeof(a)) &&
	    !listen(fd, 16))
		return fd;
	perror("embed: no socket");
	return -1;
}

static int dial(int listener)
{
	struct sockaddr_in a = address("127.7.7.7", 7777), at;
	socklen_t size = sizeof(at);
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), server;

	if (client < 0 || connect(client, (struct sockaddr *)&a, sizeof(a))) {
		perror("embed: 127.7.7.7:7777");
		return 1;
	}
	server = accept(listener, NULL, NULL);
	getsockname(listener, (struct sockaddr *)&at, &size);
	printf("127.7.7.7:7777 was answered by the socket at 127.0.0.1:%u\n",
	       ntohs(at.sin_port));
	close(server);
	close(client);
	return server < 0;
}

static void print_rule(void *ctx, const struct skpol_rule_stats *r)
{
	(void)ctx;
	printf("rule %s: %llu packets\n", r->name, (unsigned long long)r->hits);
}

static int steer(struct skpol *s, const struct skpolc *c)
{
	int listener = listen_anywhere();
	int status = listener < 0 || apply(s, c, listener) || dial(listener);
	bool changed;

	if (!status && skpol_stats(s, print_rule, NULL))
		status = failed(s);
	if (listener >= 0)
		close(listener);
	if (skpol_remove(s, true, &changed))
		status = failed(s);
	return status;
}

int main(int argc, char **argv)
{
	struct skpol_options o = {
		.size = sizeof(o), .bpffs = argc > 1 ? argv[1] : NULL,
	};
	struct skpolc *c = compile();
	struct skpol *s;
	int status;

	if (!c)
		return 1;
	status = skpol_open(&o, &s) ? failed(s) : steer(s, c);
	skpol_close(s);
	skpolc_free(c);
	return status;
}
