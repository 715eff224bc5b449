/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skpolc_verdicts - skpolc verdicts: what a policy says about a list of packets
 *
 * In: a policy or an object, a .pkt file. Out: every packet with its verdict;
 * a line that expects another verdict is named on stderr, and the exit status
 * is 1. An object carries its policy's text, so the other engines work on it,
 * too.
 */
#include <stdlib.h>
#include <string.h>

#include "asker.h"
#include "image_read.h"
#include "skpolc.h"

struct run {
	const char *path;
	struct asker *engine;
	size_t line, wrong, lines;
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
	const char *verdict, *trap;
	struct packet p;
	bool has_packet;

	if (!packet_parse_line(line, len, &p, &has_packet, expected, error)) {
		complain(r, "%s", error);
		return;
	}
	if (!has_packet)
		return;
	r->lines++;
	verdict = asker_ask(r->engine, &p, &trap);
	if (!verdict) {
		complain(r, "internal error: %s", trap ? trap :
			 "a slot that no socket has");
		r->status = EXIT_INTERNAL;
		return;
	}
	printf("%s => %s\n", packet_print(&p, text), verdict);
	if (*expected && strcmp(expected, verdict))
		complain(r, "expected %s, the policy says %s", expected,
			 verdict);
}

static int run_file(struct run *r, const struct source_file *f)
{
	const char *at = f->text, *end = f->text + f->size;

	while (at < end && !r->status) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((newline ? newline : end) - at);

		r->line++;
		run_line(r, at, len);
		at += len + 1;
	}
	if (skpolc_flush())
		return EXIT_SYSTEM;
	if (!r->wrong || r->status)
		return r->status;
	return skpolc_error(EXIT_INPUT, "%s: %zu of %zu lines are not as "
			    "expected", r->path, r->wrong, r->lines);
}

/* The policy an object was made from, by the text in its manifest. */
static int load_object(struct skpolc *k, const char *path, struct compiled *c,
		       struct image *image)
{
	char error[OBJFILE_ERROR_MAX];
	struct objfile *o;
	int status = objfile_open(path, &o, error);

	if (status)
		return skpolc_error(EXIT_INPUT, "%s: %s", path, error);
	k->options.text = json_string_value(json_object_get(o->manifest,
							    "text"));
	k->options.size = strlen(k->options.text);
	k->options.name = path;
	k->options.target = target_find("6.18");
	status = skpolc_load(k, path, COMPILE_PROVED, c);
	if (!status)
		image_read(&c->arena, o, image);
	objfile_free(o);
	return status;
}

static enum ask_kind ask_kind(const struct skpolc *k)
{
	if (!k->engine || !strcmp(k->engine, "bytes"))
		return ASK_BYTES;
	return strcmp(k->engine, "rules") ? ASK_DIAGRAM : ASK_RULES;
}

int skpolc_verdicts(struct skpolc *k)
{
	enum ask_kind kind = ask_kind(k);
	struct run r = { .path = k->args[1] };
	struct image image;
	struct compiled c;
	int status, file;

	if (skpolc_is_object(k->args[0]))
		status = load_object(k, k->args[0], &c, &image);
	else
		status = skpolc_load(k, k->args[0], kind == ASK_BYTES ?
				     COMPILE_ALL : COMPILE_PROVED, &c);
	if (status)
		return status;
	r.engine = asker_new(&c, kind, c.image ? c.image : &image);
	file = source_open(&c.sources, r.path, -1);
	if (file < 0)
		status = skpolc_error(EXIT_INPUT, "cannot read %s: %s", r.path,
				      strerror(-file));
	else
		status = run_file(&r, &c.sources.files[file]);
	compiled_free(&c);
	return status;
}
