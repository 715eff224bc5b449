/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_wrap - skpol register NAME -- COMMAND...
 *
 * In: a command that will listen. Out: its sockets in the slots, and its exit
 * status. The command is started first, with all that we were started with,
 * unless the policy does not have the name; its process and those that it
 * starts are looked at until one has a socket that fits, and a little longer
 * for more. Then this process only hands signals on. A command whose sockets
 * cannot be registered is ended, and what it has started with it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "auto.h"
#include "cli_confirm.h"
#include "cli_register.h"
#include "inspect.h"
#include "privilege.h"
#include "process.h"
#include "register.h"

enum {
	TIMEOUT_MS = 30000,
	MORE_MS = 2000,		/* after the first socket, for others */
	STEP_MS = 20, STEP_MAX_MS = 200,
	END_MS = 10000,		/* between SIGTERM and SIGKILL */
	PIDS_MAX = 4096,
};

struct wrap {
	struct cli *c;
	const struct skpol_claim *claim;
	struct endpoint local;
	pid_t pid;
	int status;		/* of the command, as of a shell */
	bool ended;
	sigset_t signals, outside;
	size_t filled;
	char why[1024];		/* it is not registered yet */
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ------------------------------------------------------------- running */

static void exec_command(struct wrap *w, char **command, int report)
{
	sigprocmask(SIG_SETMASK, &w->outside, NULL);
	execvp(command[0], command);
	dprintf(report, "%d", errno);
	_exit(127);
}

/* 0, or the exit status of a shell that cannot run it. */
static int start_command(struct wrap *w, char **command)
{
	char text[16] = "";
	int report[2], err;
	ssize_t n;

	if (pipe2(report, O_CLOEXEC))
		return cli_error(EXIT_SYSTEM, "no pipe: %s", strerror(errno));
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	w->pid = fork();
	if (!w->pid)
		exec_command(w, command, report[1]);
	close(report[1]);
	n = w->pid < 0 ? -1 : read(report[0], text, sizeof(text) - 1);
	close(report[0]);
	if (w->pid < 0)
		return cli_error(EXIT_SYSTEM, "cannot fork: %s",
				 strerror(errno));
	if (n <= 0)
		return 0;
	err = atoi(text);
	waitpid(w->pid, NULL, 0);
	return cli_error(err == ENOENT ? 127 : 126, "cannot run %s: %s",
			 command[0], strerror(err));
}

static void bury(struct wrap *w)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != w->pid)
			continue;	/* an orphan of the command's */
		w->ended = true;
		w->status = WIFEXITED(status) ? WEXITSTATUS(status) :
			128 + WTERMSIG(status);
	}
}

/* Waits for a signal, MS at most (-1 = for ever), and hands it on. */
static void wait_ms(struct wrap *w, int64_t ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
	siginfo_t i;
	int n = ms < 0 ? sigwaitinfo(&w->signals, &i) :
		sigtimedwait(&w->signals, &i, &t);

	if (n == SIGCHLD)
		bury(w);
	/* what a terminal sends, it has sent to the command as well */
	else if (n > 0 && i.si_code <= 0 && kill(w->pid, n) && errno == EPERM)
		cli_error(0, "note: may not signal the command: needs "
			  "CAP_KILL");
}

/* ------------------------------------------------------------- looking */

struct family {
	struct { pid_t pid, parent; } all[PIDS_MAX];
	size_t n;
	pid_t ours[PIDS_MAX];
	size_t nours;
};

static pid_t parent_of(const char *pid)
{
	char path[64], line[512], *end;
	AUTO_FD fd = -1;
	ssize_t n;
	int parent = 0;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
	if (n <= 0)
		return 0;
	line[n] = '\0';
	end = strrchr(line, ')');	/* a name may hold anything */
	if (!end || sscanf(end, ") %*c %d", &parent) != 1)
		return 0;
	return parent;
}

static void read_processes(struct family *f)
{
	AUTO_DIR dir = opendir("/proc");
	struct dirent *e;

	while (dir && f->n < PIDS_MAX && (e = readdir(dir))) {
		pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);

		if (pid <= 0)
			continue;
		f->all[f->n].pid = pid;
		f->all[f->n++].parent = parent_of(e->d_name);
	}
}

/* The command and all that come of it; orphans are our own children. */
static void find_family(struct family *f)
{
	f->n = f->nours = 0;
	read_processes(f);
	f->ours[f->nours++] = getpid();
	for (size_t i = 0; i < f->nours; i++)
		for (size_t j = 0; j < f->n && f->nours < PIDS_MAX; j++)
			if (f->all[j].parent == f->ours[i])
				f->ours[f->nours++] = f->all[j].pid;
}

/* Out: to how many that still are. */
static size_t signal_family(struct wrap *w, struct family *f, int number)
{
	bury(w);
	find_family(f);
	for (size_t i = 1; i < f->nours; i++)
		kill(f->ours[i], number);
	return f->nours - 1;
}

/* The command first, which may know best how to end its own; then whatever it
 * has left. */
static void end_command(struct wrap *w)
{
	AUTO_FREE struct family *f = malloc(sizeof(*f));
	int64_t until = now_ms() + END_MS;

	kill(w->pid, SIGTERM);
	while (!w->ended && now_ms() < until)
		wait_ms(w, STEP_MAX_MS);
	if (f && signal_family(w, f, SIGTERM))
		while (signal_family(w, f, 0) && now_ms() < until)
			wait_ms(w, STEP_MAX_MS);
	/* not for ever: another user's process may be none that we may signal */
	until = now_ms() + END_MS;
	while (f && signal_family(w, f, SIGKILL) && now_ms() < until)
		wait_ms(w, STEP_MAX_MS);
	if (!w->ended)
		kill(w->pid, SIGKILL);
	while (!w->ended)
		wait_ms(w, STEP_MAX_MS);
}

struct found {
	int *fds;
	size_t n;
};

static void found_free(struct found *f)
{
	for (size_t i = 0; i < f->n; i++)
		close(f->fds[i]);
	free(f->fds);
}

/* Whether a socket could be meant: what else there is, is none of ours. */
static bool is_meant(const struct wrap *w, int fd)
{
	struct facts f;

	return inspect(w->c->s, fd, &f) == REFUSED_NONE &&
		(!w->claim->protocol || f.protocol == w->claim->protocol) &&
		(!w->claim->family || f.family == w->claim->family ||
		 f.both) &&
		(!w->claim->local || endpoint_equal(&f.local, &w->local));
}

static void look_into(struct wrap *w, pid_t pid, struct found *out)
{
	struct process_fd *v;
	size_t n;

	if (process_sockets(w->c->s, pid, &v, &n)) {
		snprintf(w->why, sizeof(w->why), "%s",
			 skpol_message(w->c->s));
		return;		/* it has ended, or is yet to be started */
	}
	for (size_t i = 0; i < n; i++) {
		int *more = is_meant(w, v[i].fd) ? realloc(out->fds,
			(out->n + 1) * sizeof(*more)) : NULL;

		if (!more)
			continue;
		out->fds = more;
		out->fds[out->n++] = v[i].fd;
		v[i].fd = -1;
	}
	process_close(v, n);
}

static int deliver(struct wrap *w, const struct found *f, size_t *filled)
{
	const char *via = w->c->values[OPTION_VIA];
	struct via_answer a;
	int err;

	if (!via) {
		err = register_fitting(w->c->s, w->claim, f->fds, f->n,
				       "the command", filled);
		if (err)
			snprintf(w->why, sizeof(w->why), "%s",
				 skpol_message(w->c->s));
		return err;
	}
	err = cli_via(via, w->claim, true, f->fds, f->n, &a);
	*filled = a.slots;
	if (err)
		snprintf(w->why, sizeof(w->why), "%s", a.text);
	return err;
}

/* Whether ERR may pass when more sockets are there. */
static bool may_pass(int err)
{
	return err == -ENOENT || err == -EPROTONOSUPPORT || err == -EAGAIN;
}

/* 0 when something was registered, 1 not yet, or a negative errno. */
static int try(struct wrap *w)
{
	AUTO_FREE struct family *f = malloc(sizeof(*f));
	struct found found = { NULL, 0 };
	size_t filled = 0;
	int err;

	if (!f)
		return -ENOMEM;
	find_family(f);
	snprintf(w->why, sizeof(w->why), "it does not listen");
	for (size_t i = 1; i < f->nours; i++)
		look_into(w, f->ours[i], &found);
	err = found.n ? deliver(w, &found, &filled) : 1;
	found_free(&found);
	w->filled += filled;
	return err < 0 && may_pass(err) ? 1 : err;
}

/* An exit status; 0 also when the command ended by itself. */
static int register_command(struct wrap *w, uint32_t timeout)
{
	int64_t until = now_ms() + timeout, step = STEP_MS;
	bool done = false;
	int err;

	while (!w->ended && now_ms() < until) {
		wait_ms(w, step);
		step = step * 2 < STEP_MAX_MS ? step * 2 : STEP_MAX_MS;
		err = w->ended ? 1 : try(w);
		if (err < 0 && !w->ended) {
			return cli_error(EXIT_INPUT, "the command is ended: "
					 "%s", w->why);
		}
		if (!err && !done)
			until = now_ms() + MORE_MS;
		done |= !err;
	}
	if (done || w->ended)
		return 0;
	return cli_error(EXIT_INPUT, "the command is ended: not registered "
			 "after %u seconds: %s", timeout / 1000, w->why);
}

static void catch_signals(struct wrap *w)
{
	static const int numbers[] = {
		SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH,
		SIGCONT, SIGCHLD,
	};

	sigemptyset(&w->signals);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		sigaddset(&w->signals, numbers[i]);
	sigprocmask(SIG_BLOCK, &w->signals, &w->outside);
}

static int run(struct wrap *w, uint32_t timeout)
{
	int status;

	/* its user may be another than ours: KILL, to hand signals on */
	if (privilege_drop(PRIVILEGE_CHANGE | PRIVILEGE_PROCESSES |
			   PRIVILEGE_SIGNAL | PRIVILEGE_SHARE))
		status = cli_error(EXIT_SYSTEM, "cannot drop capabilities");
	else
		status = register_command(w, timeout);
	if (status) {
		end_command(w);
		return status;
	}
	while (!w->ended)
		wait_ms(w, -1);
	if (!w->filled)
		cli_error(0, "note: the command ended before it was "
			  "registered");
	return w->status;
}

int cli_wrap(struct cli *c, const struct skpol_claim *claim, char **command)
{
	const char *text = c->values[OPTION_TIMEOUT];
	struct wrap w = { .c = c, .claim = claim };
	uint32_t timeout = TIMEOUT_MS;
	int status;

	if (text && !cli_parse_time(text, &timeout))
		return cli_error(EXIT_USAGE, "--timeout is a time like 30s");
	if (claim->local && !endpoint_parse(claim->local, &w.local))
		return cli_error(EXIT_USAGE, "`%s` is no ADDRESS:PORT",
				 claim->local);
	/* a broker may have another policy than is to be seen from here */
	if (!cli_has(c, OPTION_VIA) && register_check(c->s, claim))
		return cli_fail(c);
	catch_signals(&w);
	status = start_command(&w, command);
	return status ? status : run(&w, timeout);
}
