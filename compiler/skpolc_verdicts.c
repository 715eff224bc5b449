/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skpolc_verdicts - skpolc verdicts: what a policy says about a list of packets
 *
 * In: a policy or an object, a .pkt file. Out: every packet with its verdict;
 * a line that expects another verdict is named on stderr, and the exit status
 * is 1, as it is where there is no packet. An object carries its policy's text,
 * so the other engines work on it, too.
 */
#include <string.h>

#include "../grammar/pkt.h"
#include "asker.h"
#include "image_read.h"
#include "skpolc.h"

static const char *ask(void *ctx, const struct packet *p, const char **error,
		       int *status)
{
	const char *trap, *verdict = asker_ask(ctx, p, &trap);

	if (verdict)
		return verdict;
	*error = trap ? trap : "internal error: a slot that no socket has";
	*status = EXIT_INTERNAL;
	return NULL;
}

static bool knows(void *ctx, const char *socket)
{
	return asker_knows(ctx, socket);
}

static int ask_file(struct pkt *k, const struct source_file *f)
{
	pkt_ask_all(k, f->text, f->size);
	if (skpolc_flush())
		return EXIT_SYSTEM;
	if (k->status)
		return k->status;
	if (!k->packets && !k->wrong)
		return skpolc_error(EXIT_INPUT, "%s: there is no packet in it",
				    k->path);
	if (!k->wrong)
		return 0;
	return skpolc_error(EXIT_INPUT, "%s: %zu of %zu lines are not as "
			    "expected", k->path, k->wrong, k->line);
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
	status = skpolc_load_object(k, path, o, c);
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
	struct pkt list = { .path = k->args[1], .who = "the policy",
			    .ask = ask, .knows = knows };
	struct image image;
	struct compiled c;
	int status, file;

	k->quiet = true;
	if (skpolc_is_object(k->args[0]))
		status = load_object(k, k->args[0], &c, &image);
	else
		status = skpolc_load(k, k->args[0], kind == ASK_BYTES ?
				     COMPILE_ALL : COMPILE_PROVED, &c);
	if (status)
		return status;
	list.ctx = asker_new(&c, kind, c.image ? c.image : &image);
	file = source_open(&c.sources, list.path, -1);
	if (file < 0)
		status = skpolc_error(EXIT_INPUT, "cannot read %s: %s", list.path,
				      strerror(-file));
	else
		status = ask_file(&list, &c.sources.files[file]);
	compiled_free(&c);
	return status;
}
