/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_keep - keeps: packets that no policy may take away from a host
 *
 * In: an object, lines. Out: which lines do not hold. Each becomes an `expect`
 * behind the policy's normal form, one a line, so that a diagnostic's line
 * says which keep it is about; the compiler proves it for all packets.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../compiler/compile.h"
#include "auto.h"
#include "cli.h"
#include "cli_review.h"
#include "objfile.h"

#define KEEP_FILE "/etc/skpol/keep"

struct keep {
	char *text;			/* "MATCH -> GOAL" */
	const char *file;		/* NULL = --keep */
	unsigned int line;
};

struct keeps {
	struct keep *v;
	size_t n;
};

static void keeps_free(struct keeps *k)
{
	for (size_t i = 0; i < k->n; i++)
		free(k->v[i].text);
	free(k->v);
}

/* Where a comment begins, or the end. */
static size_t length_without_comment(const char *line, size_t n)
{
	bool quoted = false;

	for (size_t i = 0; i < n; i++) {
		if (line[i] == '"')
			quoted = !quoted;
		if (line[i] == '#' && !quoted)
			return i;
	}
	return n;
}

static int out_of_memory(void)
{
	return cli_error(EXIT_SYSTEM, "out of memory");
}

static int add(struct keeps *k, const char *line, size_t n, const char *file,
	       unsigned int number)
{
	const char *goal = memmem(line, n, "->", 2) ? "" : " -> pass";
	struct keep *more;
	char *text;

	n = length_without_comment(line, n);
	if (strspn(line, " \t\r") >= n)
		return 0;
	more = realloc(k->v, (k->n + 1) * sizeof(*more));
	if (!more)
		return out_of_memory();
	k->v = more;
	if (asprintf(&text, "%.*s%s", (int)n, line, goal) < 0)
		return out_of_memory();
	k->v[k->n++] = (struct keep){ text, file, number };
	return 0;
}

static int read_lines(struct keeps *k, const char *text, const char *file)
{
	unsigned int number = 1;
	int status = 0;

	while (!status && *text) {
		size_t n = strcspn(text, "\n");

		status = add(k, text, n, file, number++);
		text += n + (text[n] == '\n');
	}
	return status;
}

static int read_file(struct keeps *k, const char *file)
{
	AUTO_FREE char *text = NULL;
	const char *path = file ? file : KEEP_FILE;
	size_t size, before = k->n;
	int err = cli_read(path, &text, &size), status;

	if (err == -ENOENT && !file)
		return 0;
	if (err)
		return cli_error(EXIT_INPUT, "%s: %s", path, strerror(-err));
	if (strlen(text) != size)
		return cli_error(EXIT_INPUT, "%s: has a NUL byte", path);
	status = read_lines(k, text, path);
	if (!status && file && size && k->n == before)
		status = cli_error(EXIT_USAGE, "%s: there is no keep in it "
				   "(--keep-file /dev/null is for none)",
				   path);
	return status;
}

/* Whoever asks for a guard is not to go without. */
static int read_option(struct keeps *k, const char *text)
{
	size_t before = k->n;
	int status;

	if (strchr(text, '\n'))
		return cli_error(EXIT_USAGE, "a keep is one line");
	status = add(k, text, strlen(text), NULL, 0);
	if (!status && k->n == before)
		status = cli_error(EXIT_USAGE, "--keep '%s' is empty: it takes "
				   "a match, like 'tcp port 22'", text);
	return status;
}

static int read_keeps(const struct cli *c, struct keeps *k)
{
	int status = 0;

	for (int i = 0; !status && i < c->nkeeps; i++)
		status = read_option(k, c->keeps[i]);
	return status ? status : read_file(k, c->values[OPTION_KEEP_FILE]);
}

/* ------------------------------------------------------------ asking */

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; (text = strchr(text, '\n')); text++)
		n++;
	return n;
}

/* The policy, and behind it the keeps: malloc'ed. */
static char *with_expects(const char *policy, const struct keeps *k)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	fputs(policy, f);
	for (size_t i = 0; i < k->n; i++)
		fprintf(f, "expect %s\n", k->v[i].text);
	if (!fclose(f))
		return text;
	free(text);
	return NULL;
}

static void say(const struct review *r, const struct keep *k,
		const struct diag *d)
{
	fprintf(stderr, "skpol: %s: the keep `%s`", r->path, k->text);
	if (k->file)
		fprintf(stderr, " (%s:%u)", k->file, k->line);
	if (d->id != DIAG_EXPECT_FAILED)
		fprintf(stderr, " makes no sense here: %s\n", d->message);
	else
		fprintf(stderr, " does not hold: %s; %s\n", d->note ? d->note :
			d->message, d->also.text ? d->also.text : "");
}

/* Mistakes are in what was added: the policy alone has none. */
static int say_all(const struct review *r, const struct keeps *k,
		   struct compiled *c, size_t lines)
{
	for (const struct diag *d = c->diags.first; d; d = d->next) {
		size_t line = d->has_place ? source_position(&c->sources,
			d->place.file, d->place.begin).line : 0;

		if (d->level != DIAG_LEVEL_ERROR)
			continue;
		if (line > lines && line - lines <= k->n)
			say(r, &k->v[line - lines - 1], d);
		else
			cli_error(EXIT_INPUT, "%s: cannot be read again: %s",
				  r->path, d->message);
	}
	return cli_error(EXIT_INPUT, "%s: nothing was done: what must be kept "
			 "would be lost (change the policy, or the keep)",
			 r->path);
}

static int ask(const struct review *r, const struct keeps *k)
{
	const char *policy = json_string_value(
		json_object_get(r->object->manifest, "text"));
	AUTO_FREE char *text = with_expects(policy, k);
	struct compile_options options = {
		.until = COMPILE_PROVED, .target = target_find("6.18"),
		.no_lint = true, .name = r->path, .text = text,
		.size = text ? strlen(text) : 0,
	};
	struct compiled c;
	int status;

	if (!text || compile(&c, r->path, &options))
		return out_of_memory();
	status = c.diags.nerrors ? say_all(r, k, &c, count_lines(policy)) : 0;
	compiled_free(&c);
	return status;
}

int review_keeps(const struct review *r, size_t *n)
{
	struct keeps k = { .v = NULL };
	int status = read_keeps(r->c, &k);

	*n = k.n;
	if (!status && k.n)
		status = ask(r, &k);
	keeps_free(&k);
	return status;
}
