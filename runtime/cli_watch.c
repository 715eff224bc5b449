/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_watch - skpol watch: the daemon around watch.h
 *
 * In: signals, time. Out: a line an event on stdout, READY and the like to a
 * service manager. SIGTERM and SIGINT end it, status 0.
 */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "auto.h"
#include "broker.h"
#include "cli.h"
#include "handle.h"
#include "notify.h"
#include "watch.h"

static volatile sig_atomic_t stopped;

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

static void print_text(const struct watch_event *e)
{
	/* the level of a line, as the journal reads it, and only there */
	if (getenv("JOURNAL_STREAM"))
		printf("<%d>", e->kind == WATCH_FILLED || e->kind == WATCH_NOTE ||
		       e->kind == WATCH_BROKER ? 6 : 4);
	puts(e->text);
}

static void print_json(const struct watch_event *e)
{
	AUTO_JSON j = json_pack("{s:i, s:s, s:s*, s:s*, s:s*, s:s}",
				"version", 1,
				"event", watch_kind_name(e->kind),
				"name", e->name,
				"protocol", e->name ?
				protocol_name(e->protocol) : NULL,
				"family", e->name ? family_name(e->family) :
				NULL, "text", e->text);

	if (j && !json_dumpf(j, stdout, JSON_COMPACT))
		putchar('\n');
}

static void print_event(void *ctx, const struct watch_event *e)
{
	if (cli_has(ctx, OPTION_JSON))
		print_json(e);
	else
		print_text(e);
	fflush(stdout);
}

/* ------------------------------------------------------------- broker */

static void log_broker(void *ctx, const char *text)
{
	struct watch_event e = { .kind = WATCH_BROKER, .text = text };

	print_event(ctx, &e);
}

/* Descriptor 3 of a service manager, when it is for us; else -1. */
static int passed_socket(void)
{
	const char *count = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");

	return count && pid && atoi(count) > 0 && atoi(pid) == getpid() ? 3 :
		-1;
}

/* *OUT is NULL when none is asked for. */
static int open_broker(struct cli *c, struct broker **out)
{
	const char *path = c->values[OPTION_BROKER];
	const char *allow = c->values[OPTION_ALLOW];
	int fd = path ? -1 : passed_socket();

	*out = NULL;
	if (!path && fd < 0)
		return allow ? cli_error(EXIT_USAGE, "--allow is for a broker:"
					 " say --broker PATH, or start it by a "
					 "socket unit") : 0;
	if (!allow)
		return cli_error(EXIT_USAGE, "a broker needs --allow NAME=WHO");
	return broker_open(c->s, fd, path, allow, log_broker, c, out) ?
		cli_fail(c) : 0;
}

/* ------------------------------------------------------------- the loop */

/* Signals are let in only where the loop waits: none is missed. */
static void catch_signals(sigset_t *outside)
{
	struct sigaction a = { .sa_handler = stop };
	sigset_t ours;

	sigemptyset(&ours);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGINT);
	sigprocmask(SIG_BLOCK, &ours, outside);
	sigdelset(outside, SIGTERM);
	sigdelset(outside, SIGINT);
	sigaction(SIGTERM, &a, NULL);
	sigaction(SIGINT, &a, NULL);
}

/* Serves the broker, if any, until it is time to look again. */
static void wait_ms(int ms, struct broker *b, const sigset_t *outside)
{
	struct timespec now, end;
	struct pollfd p = { .fd = b ? broker_fd(b) : -1, .events = POLLIN };

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += ms / 1000;
	end.tv_nsec += ms % 1000 * 1000000L;
	while (!stopped) {
		struct timespec t;
		int64_t left;

		clock_gettime(CLOCK_MONOTONIC, &now);
		left = (int64_t)(end.tv_sec - now.tv_sec) * 1000000000 +
			end.tv_nsec - now.tv_nsec;
		if (left <= 0)
			return;
		t.tv_sec = left / 1000000000;
		t.tv_nsec = left % 1000000000;
		if (ppoll(&p, 1, &t, outside) > 0)
			broker_serve(b);
	}
}

static void watch_until_stopped(struct watch *w, struct broker *b,
				const sigset_t *outside)
{
	int watchdog = notify_watchdog_ms(), wait = watch_tick(w);

	notify_send("READY=1\nSTATUS=watching%s", b ? ", and taking sockets" :
		    "");
	while (!stopped) {
		wait_ms(watchdog && watchdog < wait ? watchdog : wait, b,
			outside);
		if (stopped)
			break;
		wait = watch_tick(w);
		if (watchdog)
			notify_send("WATCHDOG=1");
	}
	notify_send("STOPPING=1");
}

int cli_watch(struct cli *c)
{
	struct broker *b;
	struct watch *w;
	sigset_t outside;
	int status = open_broker(c, &b);

	if (status)
		return status;
	w = watch_open(c->s, print_event, c);
	if (!w)
		return cli_error(EXIT_SYSTEM, "out of memory");
	status = watch_allowed(w) ? cli_fail(c) : 0;
	if (!status) {
		catch_signals(&outside);
		watch_until_stopped(w, b, &outside);
		status = cli_flush();
	}
	watch_close(w);
	if (b)
		broker_close(b);
	return status;
}
