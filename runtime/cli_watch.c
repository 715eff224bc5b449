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
		printf("<%d>", e->kind == WATCH_FILLED || e->kind == WATCH_NOTE ?
		       6 : 4);
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

static void wait_ms(int ms, const sigset_t *outside)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	ppoll(NULL, 0, &t, outside);
}

int cli_watch(struct cli *c)
{
	struct watch *w = watch_open(c->s, print_event, c);
	int watchdog = notify_watchdog_ms(), wait;
	sigset_t outside;

	if (!w)
		return cli_error(EXIT_SYSTEM, "out of memory");
	catch_signals(&outside);
	wait = watch_tick(w);
	notify_send("READY=1\nSTATUS=watching");
	while (!stopped) {
		wait_ms(watchdog && watchdog < wait ? watchdog : wait,
			&outside);
		if (!stopped)
			wait = watch_tick(w);
		if (watchdog)
			notify_send("WATCHDOG=1");
	}
	notify_send("STOPPING=1");
	watch_close(w);
	return cli_flush();
}
