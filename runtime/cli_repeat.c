/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_repeat - a table of counters again and again: stats --watch, top
 *
 * In: seconds between two. Out: on a terminal the same place is written anew,
 * and `top` has the screen to itself until it ends; elsewhere block after
 * block, or a line of JSON each. Ends with `q`, ctrl-C or SIGTERM, and leaves
 * the terminal as it was.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <time.h>

#include "auto.h"
#include "cli.h"
#include "cli_json.h"
#include "cli_stats.h"
#include "clock.h"
#include "report.h"

/* What a terminal of ECMA-48 understands. */
#define HOME "\033[H"
#define CLEAR_LINE "\033[K"
#define CLEAR_BELOW "\033[J"
#define SCREEN_OWN "\033[?1049h\033[?25l"
#define SCREEN_BACK "\033[?25h\033[?1049l"
#define REVERSE "\033[7m"
#define PLAIN "\033[m"

enum { DEFAULT_SECONDS = 2, SECONDS_MAX = 86400 };

struct repeat {
	struct cli *c;
	int ms;
	bool screen;		/* write over the last one */
	bool colour;
	int signals;		/* a signalfd, or -1 */
	struct termios was;
	bool raw;
	json_t *stats;
	struct stats_before before;
	struct stats_view view;
	bool end;
};

static int parse_seconds(const char *text, int *ms)
{
	char *end;
	double v = *text ? strtod(text, &end) : DEFAULT_SECONDS;

	*ms = (int)(v * 1000);
	if ((*text && *end) || !(v >= 0.1 && v <= SECONDS_MAX))
		return cli_error(EXIT_USAGE, "--watch takes seconds, 0.1 to "
				 "%d", SECONDS_MAX);
	return 0;
}

static void take_terminal(struct repeat *r)
{
	struct termios t;

	if (!isatty(0) || tcgetattr(0, &r->was))
		return;
	t = r->was;
	t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	r->raw = !tcsetattr(0, TCSANOW, &t);
}

static void begin(struct repeat *r)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, NULL);
	r->signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (!r->screen)
		return;
	take_terminal(r);
	fputs(SCREEN_OWN, stdout);
}

static void end(struct repeat *r)
{
	if (r->screen)
		fputs(SCREEN_BACK, stdout);
	if (r->raw)
		tcsetattr(0, TCSANOW, &r->was);
	fflush(stdout);
	auto_close(&r->signals);
	json_decref(r->before.rules);
	json_decref(r->stats);
}

static void measure(struct repeat *r)
{
	struct winsize w;

	if (!r->screen || ioctl(1, TIOCGWINSZ, &w) || !w.ws_col || !w.ws_row)
		return;
	r->view.columns = w.ws_col;
	r->view.rows = w.ws_row;
}

static void print_title(const struct repeat *r, const json_t *stats)
{
	char at[CLOCK_TEXT_MAX], line[256];
	const char *policy = json_text(stats, "policy", "no policy");

	snprintf(line, sizeof(line), "%s  %s", clock_print(
			 (uint64_t)time(NULL), at), policy);
	if (r->screen && (size_t)r->view.columns < strlen(line))
		line[r->view.columns] = '\0';
	printf("%s%s%s%s\n", r->screen ? CLEAR_LINE : "",
	       r->colour ? REVERSE : "", line, r->colour ? PLAIN : "");
}

/*
 * TEXT on the terminal, each line without what was there before: cleared first,
 * for the last column may be in use.
 */
static void print_over(const char *text)
{
	const char *end;

	for (; (end = strchr(text, '\n')); text = end + 1)
		printf(CLEAR_LINE "%.*s%s", (int)(end - text), text,
		       end[1] ? "\n" : "");
	fputs(CLEAR_BELOW, stdout);
}

static int show(struct repeat *r)
{
	const char *none = stats_none(r->stats);
	AUTO_FREE char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return cli_error(EXIT_SYSTEM, "out of memory");
	measure(r);
	if (none)
		fprintf(f, "%s\n", none);
	else
		stats_print(f, r->stats, &r->before, &r->view);
	fclose(f);
	if (r->screen)
		fputs(HOME, stdout);
	print_title(r, r->stats);
	if (r->screen)
		print_over(text);
	else
		printf("%s\n", text);
	return cli_flush();
}

static int show_next(struct repeat *r)
{
	json_t *stats = report_stats(r->c->s);

	if (!stats)
		return cli_fail(r->c);
	stats_elapse(&r->before);
	if (r->stats)
		stats_keep(&r->before, r->stats);
	json_decref(r->stats);
	r->stats = stats;
	return cli_has(r->c, OPTION_JSON) ? cli_print_json(stats) : show(r);
}

static void read_key(struct repeat *r)
{
	char key;

	if (read(0, &key, 1) != 1)
		r->raw = false;		/* the terminal is gone */
	else if (key == 'q' || key == 'Q' || key == 3 || key == 27)
		r->end = true;
}

static void read_signal(struct repeat *r)
{
	struct signalfd_siginfo s;

	if (read(r->signals, &s, sizeof(s)) != sizeof(s))
		return;
	if (s.ssi_signo != SIGWINCH)
		r->end = true;
	else if (r->screen)
		show(r);
}

static int64_t now_ms(void)
{
	struct timespec t = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Until it is time for the next one, or to stop. */
static void wait_for_next(struct repeat *r)
{
	int64_t until = now_ms() + r->ms, left;

	while (!r->end && (left = until - now_ms()) > 0) {
		struct pollfd p[2] = {
			{ .fd = r->signals, .events = POLLIN },
			{ .fd = r->raw ? 0 : -1, .events = POLLIN },
		};
		int n = poll(p, 2, (int)left);

		if (n < 0 && errno != EINTR)
			r->end = true;
		if (n > 0 && p[1].revents)
			read_key(r);
		if (n > 0 && p[0].revents)
			read_signal(r);
	}
}

int cli_repeat(struct cli *c, int order)
{
	const char *no_colour = getenv("NO_COLOR");
	struct repeat r = { .c = c, .signals = -1,
			    .view.order = (enum stats_order)order };
	const char *seconds = c->values[OPTION_WATCH];
	int status = parse_seconds(seconds ? seconds : "", &r.ms);

	if (status)
		return status;
	r.screen = isatty(1) && !cli_has(c, OPTION_JSON);
	r.colour = r.screen && !(no_colour && *no_colour);
	begin(&r);
	while (!status && !r.end) {
		status = show_next(&r);
		if (!status)
			wait_for_next(&r);
	}
	end(&r);
	return status;
}
