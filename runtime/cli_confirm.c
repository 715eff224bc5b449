/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_confirm - skpol confirm, and the process that waits for it
 *
 * The watcher of `apply --confirm` has to outlive the shell, the terminal and
 * the connection that the new policy may have cut: it is a session of its own
 * without a descriptor of ours. It is started before the policy is switched,
 * and lets go at the end of the pipe that apply holds, however apply ends. When
 * it is killed, the deadline in the state is still there (confirm.h).
 */
#include "cli_confirm.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "auto.h"
#include "cli.h"
#include "handle.h"

enum {
	STEP_MS = 1000,		/* how soon it ends after a confirmation */
	TRIES = 120,		/* when the state cannot be read or locked */
	TRIAL_MAX_S = 86400,
};

bool cli_parse_time(const char *text, uint32_t *ms)
{
	static const struct { char unit; unsigned int seconds; } units[] = {
		{ 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { '\0', 1 },
	};
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || !n || n > TRIAL_MAX_S ||
	    (*end && end[1]))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (*end == units[i].unit &&
		    n * units[i].seconds <= TRIAL_MAX_S) {
			*ms = (uint32_t)(n * units[i].seconds * 1000);
			return true;
		}
	return false;
}

/* ------------------------------------------------------------ the watcher */

static void say(void *ctx, const char *text)
{
	(void)ctx;
	syslog(LOG_WARNING, "%s", text);
}

static void keep_only(int a, int b)
{
	int low = a < b ? a : b, high = a < b ? b : a;
	int null = open("/dev/null", O_RDWR);

	for (int fd = 0; null >= 0 && fd < 3; fd++)
		dup2(null, fd);
	if (low > 3)
		close_range(3, (unsigned int)low - 1, 0);
	if (high > low + 1)
		close_range((unsigned int)low + 1, (unsigned int)high - 1, 0);
	close_range((unsigned int)high + 1, ~0u, 0);
}

static void become_nobodys(struct cli *c, int hold)
{
	setsid();
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	keep_only(hold, c->s->netns);
	if (*c->s->root == '/' && chdir("/"))
		_exit(1);
	prctl(PR_SET_NAME, "skpol-confirm");
	openlog("skpol", LOG_PID, LOG_DAEMON);
	c->s->note = say;
}

static void sleep_ms(int64_t ms)
{
	struct timespec t = { .tv_sec = ms / 1000,
			      .tv_nsec = ms % 1000 * 1000000 };

	clock_nanosleep(CLOCK_BOOTTIME, 0, &t, NULL);
}

/* Until there is nothing to wait for, or it has been rolled back. */
_Noreturn static void watch(struct cli *c)
{
	for (int tries = 0; tries < TRIES; ) {
		bool changed;
		int64_t left;
		int err = skpol_confirm_enforce(c->s, &left, &changed);

		if (!err && (changed || left < 0))
			_exit(0);
		tries = err || !left ? tries + 1 : 0;
		sleep_ms(!err && left && left < STEP_MS ? left : STEP_MS);
	}
	syslog(LOG_ERR, "cannot roll back: %s", skpol_message(c->s));
	_exit(1);
}

_Noreturn static void wait_and_watch(struct cli *c, int hold)
{
	char byte;

	become_nobodys(c, hold);
	while (read(hold, &byte, 1) < 0 && errno == EINTR)
		;
	watch(c);
}

int cli_confirm_start(struct cli *c)
{
	int ends[2], status = 0;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return cli_error(EXIT_SYSTEM, "cannot make a pipe: %s",
				 strerror(errno));
	pid = fork();
	if (!pid) {
		pid = fork();
		if (!pid) {
			close(ends[1]);
			wait_and_watch(c, ends[0]);
		}
		_exit(pid < 0);
	}
	close(ends[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		return cli_error(EXIT_SYSTEM, "cannot start the process that "
				 "waits for `skpol confirm`");
	return 0;	/* ends[1] is held until we end */
}

/* ------------------------------------------------------------ the verb */

int cli_confirm(struct cli *c)
{
	struct skpol_applied a;

	if (skpol_confirm(c->s, &a))
		return cli_fail(c);
	if (cli_has(c, OPTION_JSON))
		printf("{\"version\":1,\"changed\":%s,\"generation\":%" PRIu32
		       ",\"policy\":\"%s\"}\n", a.changed ? "true" : "false",
		       a.generation, a.policy);
	else
		printf("%s: generation %" PRIu32 " %s\n", a.policy,
		       a.generation, a.changed ? "is confirmed" :
		       "is confirmed already, nothing changed");
	return cli_flush();
}
