/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_trace - skpol trace: a line, an object or a packet for each event
 *
 * Ends after --count events, with ctrl-C or SIGTERM, or when nobody reads any
 * more; then the program sends no more, and all that came before is written.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../grammar/packet.h"
#include "auto.h"
#include "cli.h"
#include "cli_json.h"
#include "handle.h"
#include "pcapng.h"
#include "report.h"

enum { WAIT_MS = 100 };

struct tracer {
	struct cli *c;
	FILE *out;
	struct skpol_trace *t;
	uint64_t events, lost, most;
};

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static void catch_signals(void)
{
	struct sigaction a = { .sa_handler = on_signal };

	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
	sigaction(SIGHUP, &a, NULL);
	a.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &a, NULL);
}

/* ------------------------------------------------------------ printing */

static u128 address(const uint8_t *bytes, int family)
{
	u128 v = 0;

	for (int i = 0; i < (family == 4 ? 4 : 16); i++)
		v = v << 8 | bytes[i];
	return v;
}

/* Names of interfaces are known in the caller's own namespace only. */
static char *print_packet(const struct tracer *t, const struct skpol_event *e,
			  char buf[PACKET_TEXT_MAX])
{
	struct packet p = {
		.family = e->family, .protocol = e->protocol,
		.local_port = e->local_port, .remote_port = e->remote_port,
		.local = address(e->local, e->family),
		.remote = address(e->remote, e->family),
		.ifindex = e->ifindex,
	};

	if (e->ifindex && t->c->s->netns_own &&
	    if_indextoname(e->ifindex, p.ifname))
		p.ifindex = 0;
	return packet_print(&p, buf);
}

/* "2026-11-28T15:20:01.123456Z" */
static char *print_time(uint64_t ns, char buf[40])
{
	time_t seconds = (time_t)(ns / 1000000000);
	struct tm tm;
	size_t n;

	gmtime_r(&seconds, &tm);
	n = strftime(buf, 40, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + n, 40 - n, ".%06uZ", (unsigned int)(ns / 1000 %
							   1000000));
	return buf;
}

static char *print_socket(const struct skpol_event *e, char *buf, size_t size)
{
	size_t n = 0;

	*buf = '\0';
	if (e->cookie)
		n = (size_t)snprintf(buf, size, "  cookie %" PRIu64,
				     e->cookie);
	if (e->pid)
		snprintf(buf + n, size - n, "  %s (%d)", e->process,
			 (int)e->pid);
	return buf;
}

static void print_text(const struct tracer *t, const struct skpol_event *e)
{
	char packet[PACKET_TEXT_MAX], at[40], socket[80];

	fprintf(t->out, "%s  %s  %s => %s%s\n", print_time(e->time, at),
		e->rule, print_packet(t, e, packet), e->verdict,
		print_socket(e, socket, sizeof(socket)));
}

static json_t *endpoint_json(const uint8_t *bytes, int family, uint16_t port)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(family == 4 ? AF_INET : AF_INET6, bytes, text, sizeof(text));
	return json_pack("{s:s, s:i}", "address", text, "port", (int)port);
}

static void print_object(const struct tracer *t, const struct skpol_event *e)
{
	char packet[PACKET_TEXT_MAX], at[40], cookie[24];
	AUTO_JSON j = json_pack("{s:i, s:s, s:I, s:s, s:s, s:s, s:s, s:o, "
		"s:o}", "version", 1, "time", print_time(e->time, at),
		"generation", (json_int_t)e->generation, "rule", e->rule,
		"verdict", e->verdict, "packet", print_packet(t, e, packet),
		"protocol", protocol_name(e->protocol),
		"local", endpoint_json(e->local, e->family, e->local_port),
		"remote", endpoint_json(e->remote, e->family,
					e->remote_port));

	snprintf(cookie, sizeof(cookie), "%" PRIu64, e->cookie);
	json_object_set_new(j, "interface", e->ifindex ?
			    json_integer(e->ifindex) : json_null());
	json_object_set_new(j, "cookie", e->cookie ? json_string(cookie) :
			    json_null());
	json_object_set_new(j, "pid", e->pid ? json_integer(e->pid) :
			    json_null());
	json_object_set_new(j, "process", e->pid ? json_string(e->process) :
			    json_null());
	json_object_set_new(j, "lost", report_number(e->lost));
	json_dumpf(j, t->out, JSON_COMPACT);
	putc('\n', t->out);
}

static void print_capture(const struct tracer *t, const struct skpol_event *e)
{
	char comment[1200], socket[80];

	snprintf(comment, sizeof(comment), "%.1000s => %s%s", e->rule,
		 e->verdict, print_socket(e, socket, sizeof(socket)));
	pcapng_event(t->out, e, comment);
}

static void print_event(void *ctx, const struct skpol_event *e)
{
	struct tracer *t = ctx;

	t->events++;
	if (cli_has(t->c, OPTION_PCAPNG))
		print_capture(t, e);
	else if (cli_has(t->c, OPTION_JSON))
		print_object(t, e);
	else
		print_text(t, e);
}

/* ------------------------------------------------------------ running */

/* Never silently: as soon as it is known, though no event may follow. */
static void say_lost(struct tracer *t)
{
	uint64_t lost = skpol_trace_lost(t->t);

	if (lost > t->lost)
		fprintf(stderr, "skpol: note: %" PRIu64 " event%s lost: they "
			"came faster than they were read\n", lost - t->lost,
			lost - t->lost == 1 ? " was" : "s were");
	t->lost = lost;
}

static int flush(struct tracer *t)
{
	if (!fflush(t->out) && !ferror(t->out))
		return 0;
	if (errno == EPIPE)
		stop = 1;	/* who read has seen enough */
	return stop ? 0 : cli_error(EXIT_SYSTEM, "cannot write the output");
}

static int run(struct tracer *t)
{
	int status = 0;

	if (cli_has(t->c, OPTION_PCAPNG))
		pcapng_begin(t->out);
	status = flush(t);
	while (!status && !stop && (!t->most || t->events < t->most)) {
		uint64_t left = t->most ? t->most - t->events : 0;
		int n = skpol_trace_read(t->t, WAIT_MS, left < UINT32_MAX ?
					 (unsigned int)left : 0, print_event,
					 t);

		status = n < 0 ? cli_fail(t->c) : flush(t);
		say_lost(t);
	}
	if (cli_has(t->c, OPTION_PCAPNG))
		pcapng_end(t->out, (uint64_t)time(NULL) * 1000000000,
			   t->events, t->lost);
	return status ? status : flush(t);
}

static int parse_number(struct cli *c, enum option_id id, const char *name,
			uint64_t *v)
{
	const char *text = c->values[id];
	char *end;

	*v = 0;
	if (!text)
		return 0;
	*v = strtoull(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end && *v && *v <= UINT32_MAX)
		return 0;
	return cli_error(EXIT_USAGE, "%s takes a number from 1 on", name);
}

static int open_output(struct tracer *t)
{
	const char *path = t->c->values[OPTION_OUTPUT];

	t->out = stdout;
	if (path && strcmp(path, "-"))
		t->out = fopen(path, "we");
	if (!t->out)
		return cli_error(EXIT_SYSTEM, "cannot write %s: %s", path,
				 strerror(errno));
	if (cli_has(t->c, OPTION_PCAPNG) && isatty(fileno(t->out)))
		return cli_error(EXIT_USAGE, "a capture is not for a terminal: "
				 "use -o FILE, or a pipe");
	return 0;
}

int cli_trace(struct cli *c)
{
	struct skpol_trace_options o = { .size = sizeof(o),
					 .rule = c->values[OPTION_RULE] };
	struct tracer t = { .c = c };
	uint64_t sample;
	int status = parse_number(c, OPTION_SAMPLE, "--sample", &sample);

	if (!status)
		status = parse_number(c, OPTION_EVENTS, "--count", &t.most);
	if (!status && cli_has(c, OPTION_JSON) && cli_has(c, OPTION_PCAPNG))
		status = cli_error(EXIT_USAGE, "either --json or --pcapng");
	if (!status)
		status = open_output(&t);
	if (status)
		return status;
	o.sample = (uint32_t)sample;
	catch_signals();
	status = skpol_trace_open(c->s, &o, &t.t) ? cli_fail(c) : run(&t);
	skpol_trace_close(t.t);
	if (t.out != stdout && fclose(t.out) && !status)
		status = cli_error(EXIT_SYSTEM, "cannot write the output");
	return status;
}
