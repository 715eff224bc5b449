/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pkt - one line after the other
 *
 * In: lines. Out: packets and complaints. Promise: a line that is wrong does
 * not hide the next one.
 */
#include "pkt.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void complain(struct pkt *k, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void complain(struct pkt *k, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%zu: ", k->path, k->line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	k->wrong++;
}

static void compare(struct pkt *k, const char *expected, const char *verdict)
{
	if (!*expected || !strcmp(expected, verdict))
		return;
	if (!strcmp(expected, "pass") || !strcmp(expected, "drop") ||
	    k->knows(k->ctx, expected))
		complain(k, "expected %s, %s says %s", expected, k->who,
			 verdict);
	else
		complain(k, "there is no socket `%s`; %s says %s", expected,
			 k->who, verdict);
}

static void ask_line(struct pkt *k, const char *line, size_t len)
{
	char problem[PACKET_ERROR_MAX], expected[64], text[PACKET_TEXT_MAX];
	const char *verdict, *error = NULL;
	struct packet p;
	bool has_packet;

	if (!packet_parse_line(line, len, &p, &has_packet, expected,
			       problem)) {
		complain(k, "%s", problem);
		return;
	}
	if (!has_packet)
		return;
	k->packets++;
	verdict = k->ask(k->ctx, &p, &error, &k->status);
	if (!verdict) {
		complain(k, "%s", error);
		return;
	}
	printf("%s => %s\n", packet_print(&p, text), verdict);
	compare(k, expected, verdict);
}

void pkt_ask_all(struct pkt *k, const char *text, size_t size)
{
	const char *end = text + size;

	while (text < end && !k->status) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t len = (size_t)((newline ? newline : end) - text);

		k->line++;
		ask_line(k, text, len);
		text += len + 1;
	}
}
