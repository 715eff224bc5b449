/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_verdicts - skpol verdicts: what the kernel says about a list of packets
 *
 * Prints every packet with its verdict; a line that expects another verdict is
 * named on stderr, as is one that cannot be run. Exit status 1 if there is any.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "auto.h"
#include "cli.h"
#include "trial.h"

struct run {
	struct cli *c;
	struct trial *trial;
	const char *path;
	size_t line, wrong;
	int status;
};

static void complain(struct run *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void complain(struct run *r, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%zu: ", r->path, r->line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	r->wrong++;
}

static void run_line(struct run *r, const char *line, size_t len)
{
	char error[PACKET_ERROR_MAX], expected[64], text[PACKET_TEXT_MAX];
	const char *verdict;
	struct packet p;
	bool has_packet;

	if (!packet_parse_line(line, len, &p, &has_packet, expected, error)) {
		complain(r, "%s", error);
		return;
	}
	if (!has_packet)
		return;
	verdict = trial_run(r->c->s, r->trial, &p);
	if (!verdict) {
		complain(r, "%s", skpol_message(r->c->s));
		if (skpol_fault(r->c->s) != SKPOL_FAULT_INPUT)
			r->status = (int)skpol_fault(r->c->s);
		return;
	}
	printf("%s => %s\n", packet_print(&p, text), verdict);
	if (*expected && strcmp(expected, verdict))
		complain(r, "expected %s, the kernel says %s", expected,
			 verdict);
}

static int run_all(struct run *r, const char *text, size_t size)
{
	const char *end = text + size;

	while (text < end && !r->status) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t len = newline ? (size_t)(newline - text) :
			(size_t)(end - text);

		r->line++;
		run_line(r, text, len);
		text += len + 1;
	}
	if (r->wrong && !r->status)
		r->status = cli_error(EXIT_INPUT, "%s: %zu of %zu lines are "
				      "not as expected", r->path, r->wrong,
				      r->line);
	return r->status ? r->status : cli_flush();
}

/* A descriptor a slot: take what the system lets us have. */
static void raise_limit(void)
{
	struct rlimit l;

	if (!getrlimit(RLIMIT_NOFILE, &l)) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
}

static int open_trial(struct run *r, const void *bytes, size_t size)
{
	char error[OBJFILE_ERROR_MAX];
	struct objfile *o;
	int err = objfile_from_bytes(bytes, size, &o, error);

	if (err)
		return cli_error(EXIT_INPUT, "%s: %s", r->c->args[0], error);
	raise_limit();
	err = trial_open(r->c->s, o, &r->trial);
	objfile_free(o);
	return err ? cli_fail(r->c) : 0;
}

int cli_verdicts(struct cli *c)
{
	struct run r = { .c = c, .path = c->args[1] };
	AUTO_FREE void *bytes = NULL;
	AUTO_FREE char *text = NULL;
	size_t size, text_size;
	int status = cli_object(c->args[0], &bytes, &size);
	int err = status ? 0 : cli_read(r.path, &text, &text_size);

	if (err)
		status = cli_error(EXIT_INPUT, "%s: %s", r.path,
				   strerror(-err));
	if (!status)
		status = open_trial(&r, bytes, size);
	if (status)
		return status;
	status = run_all(&r, text, text_size);
	trial_close(r.trial);
	return status;
}
