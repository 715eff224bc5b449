/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runtime_scale - the commands where there is much of it
 *
 * `status`; ten thousand sockets, each at an address of its own, found by one
 * `apply`, and as one group of a process by one `register`; one entry of a
 * hundred thousand is changed, compiled and applied.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime.h"

enum { PORT = 7000, TRIES = 9 };

static double timed(const struct runtime *r, const char *arguments)
{
	double begin = runtime_now();

	if (runtime_command(r, "./skpol --bpffs %s %s >%s/said 2>&1", r->bpffs,
			    arguments, r->folder)) {
		runtime_command(r, "cat %s/said >&2", r->folder);
		give_up(arguments);
	}
	return runtime_now() - begin;
}

void runtime_status(struct runtime *r)
{
	double least = 1e9;

	for (int i = 0; i < TRIES; i++) {
		double ms = timed(r, "status");

		least = ms < least ? ms : least;
	}
	figure_ms(r, "skpol status, the process included", least, 20);
}

/* --------------------------------------------------------------- sockets */

struct crowd {
	size_t n;
	bool group;		/* SO_REUSEPORT, all at one address */
	int ready[2];
};

/* 127.1.0.0 and on */
static uint32_t nth(const struct crowd *c, size_t i)
{
	return c->group ? 0x7f020001 : 0x7f010000 + (uint32_t)i;
}

static void listen_on_all(void *ctx)
{
	struct crowd *c = ctx;
	char word = 'y';
	int on = 1;

	for (size_t i = 0; i < c->n; i++) {
		struct sockaddr_in a = {
			.sin_family = AF_INET, .sin_port = htons(PORT),
			.sin_addr.s_addr = htonl(nth(c, i)),
		};
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (c->group)
			setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on,
				   sizeof(on));
		if (fd < 0 || bind(fd, (void *)&a, sizeof(a)) || listen(fd, 1))
			give_up("thousands of sockets");
	}
	if (write(c->ready[1], &word, 1) != 1)
		give_up("a pipe");
	for (;;)
		pause();
}

/* A process with C's sockets, when it has them all. */
static pid_t gather(struct crowd *c)
{
	char word;
	pid_t pid;

	if (pipe(c->ready))
		give_up("a pipe");
	pid = runtime_child(listen_on_all, c);
	close(c->ready[1]);
	if (read(c->ready[0], &word, 1) != 1)
		give_up("thousands of sockets");
	close(c->ready[0]);
	return pid;
}

static char *crowd_policy(const struct crowd *c)
{
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	fprintf(f, "policy crowd\nsocket group tcp ip4\n");
	for (size_t i = 0; i < c->n; i++) {
		uint32_t a = nth(c, i);

		fprintf(f, "socket s%zu tcp ip4 at 127.%u.%u.%u port %d\n", i,
			a >> 16 & 255, a >> 8 & 255, a & 255, PORT);
	}
	fprintf(f, "map m by port {\n");
	for (size_t i = 0; i < c->n; i++)
		fprintf(f, "%zu -> s%zu\n", 20000 + i, i);
	fprintf(f, "}\ntcp ip4 -> map m\ntcp ip4 port 80 -> group\n"
		"default -> pass\n");
	fclose(f);
	return text;
}

static size_t filled(const struct runtime *r)
{
	struct skpol *s = runtime_open(r);
	json_t *status, *socket;
	size_t n = 0, i;
	char *text;

	if (skpol_status_json(s, &text))
		give_up(skpol_message(s));
	status = json_loads(text, 0, NULL);
	json_array_foreach(json_object_get(status, "sockets"), i, socket)
		n += json_is_string(json_object_get(socket, "cookie"));
	json_decref(status);
	free(text);
	skpol_close(s);
	return n;
}

static void allow_descriptors(size_t n)
{
	struct rlimit l = { n, n };

	if (setrlimit(RLIMIT_NOFILE, &l))
		give_up("so many descriptors");
}

void runtime_register(struct runtime *r)
{
	struct crowd each = { r->quick ? 100 : 10000, false, { 0 } };
	struct crowd group = { each.n, true, { 0 } };
	char *text = crowd_policy(&each), apply[128], name[128];
	pid_t pid, members;

	allow_descriptors(each.n + 1000);
	pid = gather(&each);
	runtime_compile(r, "crowd", text);
	snprintf(apply, sizeof(apply), "apply %s/crowd.o", r->folder);
	snprintf(name, sizeof(name), "%zu sockets found by `apply`", each.n);
	figure_ms(r, name, timed(r, apply), 2000);
	figure_count(r, "slots filled by it", filled(r), each.n);
	runtime_end(pid);
	members = gather(&group);
	snprintf(apply, sizeof(apply), "register group --pid %d", members);
	snprintf(name, sizeof(name), "a group of %zu sockets, one `register`",
		 group.n);
	figure_ms(r, name, timed(r, apply), 2000);
	runtime_end(members);
	free(text);
}

/* ---------------------------------------------------------------- change */

static char *map_policy(size_t n, size_t changed)
{
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	fprintf(f, "policy large\nsocket a tcp\nsocket b tcp\nmap m by to {\n");
	for (size_t i = 0; i < n; i++) {
		uint32_t a = (uint32_t)(i * 40503 % n) << 8;

		fprintf(f, "%u.%u.%u.0/24 -> %s\n", 16 + (a >> 24),
			a >> 16 & 255, a >> 8 & 255,
			(i == changed) != (i % 3 == 0) ? "a" : "b");
	}
	fprintf(f, "}\ntcp -> map m\ndefault -> pass\n");
	fclose(f);
	return text;
}

void runtime_change(struct runtime *r)
{
	size_t n = r->quick ? 1000 : 100000;
	char *before = map_policy(n, n), *after = map_policy(n, n / 2);
	char apply[128], name[128];
	double compiling, begin;

	runtime_compile(r, "before", before);
	snprintf(apply, sizeof(apply), "apply %s/before.o", r->folder);
	timed(r, apply);
	begin = runtime_now();
	runtime_compile(r, "after", after);
	compiling = runtime_now() - begin;
	snprintf(apply, sizeof(apply), "apply %s/after.o", r->folder);
	snprintf(name, sizeof(name), "%zu entries, one changed: skpolc", n);
	begin = timed(r, apply);
	figure_ms(r, name, compiling, 0);
	figure_ms(r, "skpol apply of it", begin, 0);
	figure_ms(r, "both", compiling + begin, 2000);
	free(before);
	free(after);
}
