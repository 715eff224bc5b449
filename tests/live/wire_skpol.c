/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire_skpol - what a scenario asks of skpol, through its real commands
 *
 * In: servers, names. Out: sockets registered, counters read. Only wire_swap
 * goes past skpol, to put a socket where skpol itself would not.
 */
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <jansson.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SLOTS = 4 };		/* of one name: {tcp,udp} x {ip4,ip6} */

#define SOCKETS_PIN "/sys/fs/bpf/skpol/*/sockets"

/* As a service manager would hand them over: from 3 on, and their names. */
_Noreturn static void exec_register(const char *name, const int *fds, size_t n)
{
	char text[16], names[SLOTS * (WIRE_NAME_MAX + 1)] = "";
	int high[SLOTS];

	for (size_t i = 0; i < n; i++)	/* out of the way first */
		high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 64);
	for (size_t i = 0; i < n; i++) {
		if (dup2(high[i], 3 + (int)i) < 0)
			_exit(127);
		strcat(strcat(names, i ? ":" : ""), name);
	}
	snprintf(text, sizeof(text), "%d", getpid());
	setenv("LISTEN_PID", text, 1);
	snprintf(text, sizeof(text), "%zu", n);
	setenv("LISTEN_FDS", text, 1);
	setenv("LISTEN_FDNAMES", names, 1);
	execlp("skpol", "skpol", "register", name, "--fds", NULL);
	perror("wire: skpol");
	_exit(127);
}

static void hand_over(struct wire *w, const char *name, const int *fds,
		      size_t n)
{
	int status = 0;
	pid_t child;

	if (w->table)
		printf("$ skpol register %s --fds\n", name);
	fflush(stdout);
	child = fork();
	if (child == 0)
		exec_register(name, fds, n);
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		wire_die(w, WIRE_BROKEN, "skpol register %s failed", name);
}

void wire_register(struct wire *w, const char *name, struct server *s)
{
	hand_over(w, name, &s->fd, 1);
}

static json_t *read_json(struct wire *w, const char *command)
{
	FILE *in = popen(command, "r");
	json_error_t error;
	json_t *j;

	if (!in)
		wire_die(w, WIRE_BROKEN, "%s: %s", command, strerror(errno));
	j = json_loadf(in, JSON_DISABLE_EOF_CHECK, &error);
	if (pclose(in) || !j)
		wire_die(w, WIRE_BROKEN, "%s failed", command);
	return j;
}

static const char *text(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

/* A server for one slot, on a free port of the loopback address. */
static int slot_server(struct wire *w, const json_t *slot)
{
	const struct server_options o = { .v6only = true };
	const char *name = text(slot, "name");
	bool six = !strcmp(text(slot, "family"), "ip6");
	int type = strcmp(text(slot, "protocol"), "udp") ? SOCK_STREAM :
							    SOCK_DGRAM;
	struct sockaddr_storage at;
	int fd;

	wire_address(six ? "[::1]:0" : "127.0.0.1:0", &at);
	fd = wire_open(type, &at, o);
	if (fd < 0)
		wire_die(w, WIRE_BROKEN, "a server for %s: %s", name,
			 strerror(errno));
	wire_serve(w, name, type, fd);
	return fd;
}

/* The empty slots of the name of SOCKETS[*i], which is moved behind them. */
static void fill_name(struct wire *w, const json_t *sockets, size_t *i)
{
	const char *name = text(json_array_get(sockets, *i), "name");
	const json_t *slot;
	int fds[SLOTS];
	size_t n = 0;

	for (; (slot = json_array_get(sockets, *i)) &&
	     !strcmp(text(slot, "name"), name); ++*i)
		if (n < SLOTS && json_is_null(json_object_get(slot, "cookie")))
			fds[n++] = slot_server(w, slot);
	if (n)
		hand_over(w, name, fds, n);
}

void wire_fill(struct wire *w)
{
	json_t *status = read_json(w, "skpol status --json");
	const json_t *sockets = json_object_get(status, "sockets");
	size_t i = 0;

	if (!json_is_array(sockets))
		wire_die(w, WIRE_BROKEN, "skpol status: no sockets");
	while (i < json_array_size(sockets))
		fill_name(w, sockets, &i);
	json_decref(status);
}

/* ---------------------------------------------------------- the socket map */

static int bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static int open_sockets(struct wire *w)
{
	union bpf_attr attr = { 0 };
	glob_t g;
	int fd = -1;

	if (glob(SOCKETS_PIN, 0, NULL, &g) || g.gl_pathc != 1)
		wire_die(w, WIRE_BROKEN, "no single " SOCKETS_PIN);
	attr.pathname = (uintptr_t)g.gl_pathv[0];
	fd = bpf(BPF_OBJ_GET, &attr);
	if (fd < 0)
		wire_die(w, WIRE_BROKEN, "%s: %s", g.gl_pathv[0],
			 strerror(errno));
	globfree(&g);
	return fd;
}

static uint64_t cookie(struct server *s)
{
	uint64_t v = 0;
	socklen_t size = sizeof(v);

	getsockopt(s->fd, SOL_SOCKET, SO_COOKIE, &v, &size);
	return v;
}

void wire_swap(struct wire *w, struct server *a, struct server *b)
{
	int map = open_sockets(w);
	uint32_t key = 0, swapped = 0;
	uint64_t value;
	union bpf_attr next = {
		.map_fd = (uint32_t)map, .next_key = (uintptr_t)&key,
	};

	while (!bpf(BPF_MAP_GET_NEXT_KEY, &next)) {
		union bpf_attr element = {
			.map_fd = (uint32_t)map, .key = (uintptr_t)&key,
			.value = (uintptr_t)&value,
		};

		next.key = (uintptr_t)&key;
		if (bpf(BPF_MAP_LOOKUP_ELEM, &element) || value != cookie(a))
			continue;
		value = (uint64_t)b->fd;
		if (bpf(BPF_MAP_UPDATE_ELEM, &element))
			wire_die(w, WIRE_BROKEN, "%s into the map: %s",
				 b->name, strerror(errno));
		swapped++;
	}
	close(map);
	if (!swapped)
		wire_die(w, WIRE_BROKEN, "%s is in no slot", a->name);
}

/* ---------------------------------------------------------------- counters */

/* Numbers beyond 2^53 are strings. */
static long long number(const json_t *v)
{
	if (json_is_string(v))
		return strtoll(json_string_value(v), NULL, 10);
	return json_is_integer(v) ? json_integer_value(v) : -1;
}

static const json_t *find_rule(const json_t *stats, const char *name)
{
	const json_t *rules = json_object_get(stats, "rules");

	for (size_t i = 0; i < json_array_size(rules); i++)
		if (!strcmp(text(json_array_get(rules, i), "name"), name))
			return json_array_get(rules, i);
	return NULL;
}

long long wire_counter(struct wire *w, const char *rule, const char *counter)
{
	json_t *stats = read_json(w, "skpol stats --json");
	const json_t *r = find_rule(stats, rule);
	long long v;

	if (!r)
		wire_die(w, WIRE_BROKEN, "no counters of rule `%s`", rule);
	v = number(json_object_get(r, counter));
	json_decref(stats);
	return v;
}

const char *wire_counted(struct wire *w, char *buf, size_t size)
{
	static json_t *last;
	json_t *stats = read_json(w, "skpol stats --json");
	const json_t *rules = json_object_get(stats, "rules");

	snprintf(buf, size, "-");
	for (size_t i = 0; i < json_array_size(rules); i++) {
		const json_t *r = json_array_get(rules, i);
		const json_t *old = find_rule(last, text(r, "name"));
		long long hits = number(json_object_get(r, "hits"));

		if (hits > (old ? number(json_object_get(old, "hits")) : 0))
			snprintf(buf, size, "%s %lld", text(r, "name"), hits);
	}
	json_decref(last);
	last = stats;
	return buf;
}
