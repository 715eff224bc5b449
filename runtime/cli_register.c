/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_register - skpol register, skpol unregister
 *
 * Where the sockets are: in a process, at an address, among the descriptors
 * that a service manager passed to us (LISTEN_FDS and its two companions), or
 * in a command that we run.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auto.h"
#include "cli_register.h"
#include "inspect.h"
#include "process.h"

enum { LISTEN_FDS_START = 3, LISTEN_FDS_MAX = 65536 };

static int make_claim(const struct cli *c, struct skpol_claim *claim)
{
	bool tcp = cli_has(c, OPTION_TCP), udp = cli_has(c, OPTION_UDP);
	bool ip4 = cli_has(c, OPTION_IP4), ip6 = cli_has(c, OPTION_IP6);

	*claim = (struct skpol_claim){
		.size = sizeof(*claim), .name = c->args[0],
		.protocol = tcp == udp ? 0 : tcp ? IPPROTO_TCP : IPPROTO_UDP,
		.family = ip4 == ip6 ? 0 : ip4 ? 4 : 6,
		.replace = cli_has(c, OPTION_REPLACE),
		.local = c->values[OPTION_AT] ? c->values[OPTION_AT] :
			c->values[OPTION_LOCAL],
	};
	return 0;
}

static bool parse_number(const char *text, long least, long most, long *v)
{
	char *end;

	errno = 0;
	*v = strtol(text, &end, 10);
	end += strspn(end, " \t\r\n");
	return end != text && !*end && !errno && *v >= least && *v <= most;
}

static int by_broker(struct cli *c, const struct skpol_claim *claim,
		     bool fitting, const int *fds, size_t n, size_t *slots)
{
	struct via_answer a;

	if (cli_via(c->values[OPTION_VIA], claim, fitting, fds, n, &a))
		return cli_error((int)a.fault, "%s", a.text);
	*slots = a.slots;
	return 0;
}

/* The process is ours, so we need nobody's leave to look into it. */
static int pid_by_broker(struct cli *c, const struct skpol_claim *claim,
			 pid_t pid, size_t *filled)
{
	struct process_fd *v;
	AUTO_FREE int *fds = NULL;
	size_t n, kept = 0;
	struct facts f;
	int status;

	if (process_sockets(c->s, pid, &v, &n))
		return cli_fail(c);
	fds = calloc(n + 1, sizeof(*fds));
	for (size_t i = 0; fds && i < n; i++)
		if (inspect(c->s, v[i].fd, &f) == REFUSED_NONE)
			fds[kept++] = v[i].fd;
	if (!fds)
		status = cli_error(EXIT_SYSTEM, "out of memory");
	else if (!kept)
		status = cli_error(EXIT_INPUT, "process %d has no socket that "
				   "could be registered", (int)pid);
	else
		status = by_broker(c, claim, true, fds, kept, filled);
	process_close(v, n);
	return status;
}

static int by_pid(struct cli *c, const struct skpol_claim *claim,
		  size_t *filled)
{
	const char *file = c->values[OPTION_PIDFILE];
	AUTO_FREE char *text = NULL;
	size_t size;
	long pid;
	int err = file ? cli_read(file, &text, &size) : 0;

	if (err)
		return cli_error(EXIT_INPUT, "%s: %s", file, strerror(-err));
	if (!parse_number(file ? text : c->values[OPTION_PID], 1, INT32_MAX,
			  &pid))
		return cli_error(EXIT_INPUT, "%s is no process number",
				 file ? file : c->values[OPTION_PID]);
	if (cli_has(c, OPTION_VIA))
		return pid_by_broker(c, claim, (pid_t)pid, filled);
	err = skpol_register_pid(c->s, claim, (pid_t)pid, filled);
	return err ? cli_fail(c) : 0;
}

/* Whether the descriptor called FDNAME is meant for socket NAME. */
static bool is_meant(const char *fdname, size_t n, const char *name)
{
	size_t len = strlen(name);

	/* systemd's default is the name of the unit: web.socket */
	return n >= len && !memcmp(fdname, name, len) &&
		(n == len || (n == len + 7 &&
			      !memcmp(fdname + len, ".socket", 7)));
}

/* Those of N descriptors that are called NAME; all, if none has a name. */
static size_t pick(int *fds, size_t n, const char *names, const char *name)
{
	size_t picked = 0;

	for (size_t i = 0; i < n; i++) {
		size_t len = names ? strcspn(names, ":") : 0;

		if (!names || is_meant(names, len, name))
			fds[picked++] = LISTEN_FDS_START + (int)i;
		if (names)
			names += len + (names[len] == ':');
	}
	return picked;
}

/*
 * What was passed survived our exec; what has its place now, because nothing
 * was there, we have opened ourselves, to be closed on exec.
 */
static bool was_passed(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	return flags >= 0 && !(flags & FD_CLOEXEC);
}

static int by_fds(struct cli *c, const struct skpol_claim *claim,
		  size_t *filled)
{
	const char *count = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	const char *names = getenv("LISTEN_FDNAMES");
	AUTO_FREE int *fds = NULL;
	long n, owner;

	if (!count || !parse_number(count, 1, LISTEN_FDS_MAX, &n))
		return cli_error(EXIT_INPUT, "no descriptors were passed: "
				 "LISTEN_FDS is %s", count ? count :
				 "not set");
	if (pid && (!parse_number(pid, 1, INT32_MAX, &owner) ||
		    owner != getpid()))
		return cli_error(EXIT_INPUT, "the descriptors in LISTEN_FDS "
				 "are for process %s (LISTEN_PID), not for "
				 "skpol (%d)", pid, (int)getpid());
	fds = calloc((size_t)n, sizeof(*fds));
	if (!fds)
		return cli_error(EXIT_SYSTEM, "out of memory");
	n = (long)pick(fds, (size_t)n, names, claim->name);
	if (!n)
		return cli_error(EXIT_INPUT, "none of the descriptors is "
				 "called `%s`: LISTEN_FDNAMES is %s",
				 claim->name, names);
	for (long i = 0; i < n; i++)
		if (!was_passed(fds[i]))
			return cli_error(EXIT_INPUT, "LISTEN_FDS is %s, but "
					 "descriptor %d is not open", count,
					 fds[i]);
	if (cli_has(c, OPTION_VIA))
		return by_broker(c, claim, false, fds, (size_t)n, filled);
	return skpol_register_fds(c->s, claim, fds, (size_t)n, filled) ?
		cli_fail(c) : 0;
}

static void print_changed(const struct cli *c, const char *key, size_t n)
{
	if (cli_has(c, OPTION_JSON))
		printf("{\"version\":1,\"changed\":%s,\"%s\":%zu}\n",
		       n ? "true" : "false", key, n);
	else if (n)
		printf("%s: %zu slot%s %s\n", c->args[0], n, n == 1 ? "" : "s",
		       key);
	else
		printf("%s: nothing changed\n", c->args[0]);
}

static int check_options(const struct cli *c)
{
	static const enum option_id sources[] = {
		OPTION_PID, OPTION_PIDFILE, OPTION_FDS, OPTION_AT,
	};
	bool via = cli_has(c, OPTION_VIA), command = c->dashes && c->nargs > 1;
	int n = command;

	for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++)
		n += cli_has(c, sources[i]);
	if (c->nargs > 1 && !command)
		return cli_error(EXIT_USAGE, "usage: skpol register NAME [-- "
				 "COMMAND...]");
	if (n > 1 || (cli_has(c, OPTION_AT) && cli_has(c, OPTION_LOCAL)))
		return cli_error(EXIT_USAGE, "one of --pid, --pidfile, --fds, "
				 "--at and a command says where the socket is");
	if (via && (!n || cli_has(c, OPTION_AT) ||
		    (cli_has(c, OPTION_LOCAL) && !command)))
		return cli_error(EXIT_USAGE, "--via takes sockets of --fds, "
				 "--pid, --pidfile or a command");
	if (cli_has(c, OPTION_TIMEOUT) && !command)
		return cli_error(EXIT_USAGE, "--timeout is for a command");
	return 0;
}

int cli_register(struct cli *c)
{
	struct skpol_claim claim;
	size_t filled = 0;
	int status = check_options(c);

	if (status)
		return status;
	make_claim(c, &claim);
	if (c->nargs > 1)
		return cli_wrap(c, &claim, c->args + 1);
	if (cli_has(c, OPTION_PID) || cli_has(c, OPTION_PIDFILE))
		status = by_pid(c, &claim, &filled);
	else if (cli_has(c, OPTION_FDS))
		status = by_fds(c, &claim, &filled);
	else	/* at the address that is given, or that the policy says */
		status = skpol_register_at(c->s, &claim, &filled) ?
			cli_fail(c) : 0;
	if (status)
		return status;
	print_changed(c, "filled", filled);
	return cli_flush();
}

int cli_unregister(struct cli *c)
{
	struct skpol_claim claim;
	size_t emptied = 0;
	int status = 0;

	make_claim(c, &claim);
	if (cli_has(c, OPTION_VIA))
		status = by_broker(c, &claim, false, NULL, 0, &emptied);
	else if (skpol_unregister(c->s, &claim, &emptied))
		status = cli_fail(c);
	if (status)
		return status;
	print_changed(c, "emptied", emptied);
	return cli_flush();
}
