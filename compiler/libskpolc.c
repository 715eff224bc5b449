/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libskpolc - the compiler for programs that embed it: see api/skpolc.h
 *
 * In: text. Out: an object in memory, diagnostics by callback. Promise: every
 * way into the compiler is guarded, so that an arena without memory ends as
 * -ENOMEM in the caller's hand.
 */
#include "api/skpolc.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../grammar/packet.h"
#include "asker.h"
#include "compile.h"
#include "explain.h"

struct skpolc {
	struct compiled c;
	bool compiled;			/* c is there, without mistakes */
	struct skpolc_options options;
	struct compile_options how;
	void *object;
	size_t object_size;
	struct asker *asker;		/* made when first asked */
	char message[512];
};

static int failed(struct skpolc *k, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int failed(struct skpolc *k, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(k->message, sizeof(k->message), fmt, ap);
	va_end(ap);
	return err;
}

static int no_memory(struct skpolc *k)
{
	return failed(k, -ENOMEM, "not enough memory");
}

/* Runs JOB; when the arena has no more memory, that is its result. */
static int guarded(struct skpolc *k, int (*job)(struct skpolc *k, void *arg),
		   void *arg)
{
	jmp_buf here;
	int err;

	k->c.arena.exhausted = &here;
	err = setjmp(here) ? no_memory(k) : job(k, arg);
	k->c.arena.exhausted = NULL;
	return err;
}

/* ---------------------------------------------------------------- options */

static const char *unknown(const char *const *names)
{
	for (; names && *names; names++)
		if (strcmp(*names, "all") &&
		    diag_by_name(*names) == DIAG_COUNT)
			return *names;
	return NULL;
}

static int check_options(struct skpolc *k)
{
	const struct skpolc_options *o = &k->options;
	const char *name = unknown(o->deny);

	if (!name)
		name = unknown(o->silence);
	if (name)
		return failed(k, -ENOENT, "there is no diagnostic `%s`", name);
	if (o->target_kernel && !target_find(o->target_kernel))
		return failed(k, -ENOENT, "there is no target kernel `%s`",
			      o->target_kernel);
	if ((unsigned int)o->optimize > SKPOLC_OPTIMIZE_2)
		return failed(k, -ENOENT, "there is no such optimization");
	return 0;
}

static void mark(bool v[DIAG_COUNT], const char *const *names)
{
	for (; names && *names; names++)
		for (int id = 0; id < DIAG_COUNT; id++)
			if (!strcmp(*names, "all") ||
			    !strcmp(*names, diag_name((enum diag_id)id)))
				v[id] = true;
}

static void prepare(void *ctx, struct diags *d)
{
	const struct skpolc *k = ctx;

	mark(d->denied, k->options.deny);
	mark(d->silent, k->options.silence);
}

/* ------------------------------------------------------------ diagnostics */

static struct skpolc_place public_place(struct skpolc *k,
					const struct place *p)
{
	struct source_position at = source_position(&k->c.sources, p->file,
						    p->begin);

	return (struct skpolc_place){
		.file = k->c.sources.files[p->file].name,
		.line = at.line, .column = at.column,
	};
}

static void tell(void *ctx, const struct diag *g)
{
	struct skpolc *k = ctx;
	struct skpolc_diagnostic d = {
		.size = sizeof(d),
		.level = g->level == DIAG_LEVEL_ERROR ? SKPOLC_ERROR :
			SKPOLC_WARNING,
		.name = diag_name(g->id), .message = g->message,
		.label = g->label, .also_label = g->also.text,
		.note = g->note, .help = g->help,
	};

	if (g->has_place)
		d.place = public_place(k, &g->place);
	if (g->also.text)
		d.also = public_place(k, &g->also.place);
	k->options.diagnostic(k->options.ctx, &d);
}

static bool is_internal(const struct diags *d)
{
	for (const struct diag *g = d->first; g; g = g->next)
		if (g->id == DIAG_INTERNAL)
			return true;
	return false;
}

static const char *first_error(const struct diags *d)
{
	for (const struct diag *g = d->first; g; g = g->next)
		if (g->level == DIAG_LEVEL_ERROR)
			return g->message;
	return "";
}

/* -------------------------------------------------------------- compiling */

static int finish(struct skpolc *k, void *arg)
{
	const struct diags *d = &k->c.diags;
	char error[256];
	int err;

	(void)arg;
	if (k->options.diagnostic)
		diag_each(&k->c.diags, tell, k);
	if (d->nerrors)
		return failed(k, is_internal(d) ? -EPROTO : -EINVAL, "%s%s",
			      first_error(d), d->nerrors > 1 ?
			      " (and more)" : "");
	err = compile_object(&k->c, &k->how, &k->object, &k->object_size,
			     error);
	return err ? failed(k, err == -EINVAL ? -EPROTO : err, "%s", error) :
		0;
}

static struct skpolc *new_handle(const struct skpolc_options *o)
{
	struct skpolc *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	if (o)
		memcpy(&k->options, o, o->size < sizeof(k->options) ?
		       o->size : sizeof(k->options));
	return k;
}

static void set_options(struct skpolc *k)
{
	const struct skpolc_options *o = &k->options;

	k->how.optimize = o->optimize == SKPOLC_OPTIMIZE_DEFAULT ? 2 :
		(unsigned int)o->optimize - 1;
	k->how.target = o->target_kernel ? target_find(o->target_kernel) :
		NULL;
	k->how.until = COMPILE_ALL;
	k->how.prepare = prepare;
	k->how.ctx = k;
}

static int run(struct skpolc *k, const char *path)
{
	int err = check_options(k);

	if (err)
		return err;
	set_options(k);
	err = compile(&k->c, path, &k->how);
	if (err == -ENOMEM)
		return no_memory(k);
	if (err)
		return failed(k, err, "cannot read %s: %s", path,
			      strerror(-err));
	err = guarded(k, finish, NULL);
	if (err)
		compiled_free(&k->c);
	k->compiled = !err;
	return err;
}

int skpolc_compile_text(const struct skpolc_options *o, const char *name,
			const char *text, size_t size, struct skpolc **out)
{
	struct skpolc *k = *out = new_handle(o);

	if (!k)
		return -ENOMEM;
	k->how.name = name ? name : "policy.skl";
	k->how.text = text ? text : "";
	k->how.size = text ? size : 0;
	return run(k, k->how.name);
}

int skpolc_compile_file(const struct skpolc_options *o, const char *path,
			struct skpolc **out)
{
	struct skpolc *k = *out = new_handle(o);

	return k ? run(k, path) : -ENOMEM;
}

void skpolc_free(struct skpolc *k)
{
	if (!k)
		return;
	if (k->compiled)
		compiled_free(&k->c);
	free(k->object);
	free(k);
}

/* ----------------------------------------------------------------- results */

const char *skpolc_message(const struct skpolc *k)
{
	return k ? k->message : "not enough memory";
}

const char *skpolc_policy(const struct skpolc *k)
{
	return k && k->compiled ? k->c.policy->name : NULL;
}

const char *skpolc_kernel(const struct skpolc *k)
{
	return k && k->compiled ? k->c.oldest->name : NULL;
}

const void *skpolc_object(const struct skpolc *k, size_t *size)
{
	bool there = k && k->compiled;

	*size = there ? k->object_size : 0;
	return there ? k->object : NULL;
}

struct question {
	struct packet packet;
	const char *verdict;
};

static int begin(struct skpolc *k, const char *packet, struct question *q)
{
	char error[PACKET_ERROR_MAX];

	k->message[0] = '\0';
	if (!k->compiled)
		return failed(k, -EINVAL, "there is no policy to be asked");
	if (packet_parse(packet, strlen(packet), &q->packet, error))
		return 0;
	return failed(k, -EINVAL, "%s", error);
}

/* The program is run as the kernel would run it. */
static int ask(struct skpolc *k, void *arg)
{
	struct question *q = arg;
	const char *trap;

	if (!k->asker)
		k->asker = asker_new(&k->c, ASK_BYTES, k->c.image);
	q->verdict = asker_ask(k->asker, &q->packet, &trap);
	if (q->verdict)
		return 0;
	return failed(k, -EPROTO, "the program does what no program may do: "
		      "%s", trap ? trap : "it selects what is not there");
}

int skpolc_verdict(struct skpolc *k, const char *packet, const char **verdict)
{
	struct question q = { .verdict = NULL };
	int err = begin(k, packet, &q);

	err = err ? err : guarded(k, ask, &q);
	*verdict = err ? NULL : q.verdict;
	return err;
}

static int print(const json_t *e, bool json, char **text)
{
	size_t size;
	FILE *f;

	if (json) {
		*text = json_dumps(e, JSON_INDENT(2));
		return *text ? 0 : -ENOMEM;
	}
	f = open_memstream(text, &size);
	if (!f)
		return -ENOMEM;
	explain_text(e, f);
	return fclose(f) ? -ENOMEM : 0;
}

int skpolc_explain(struct skpolc *k, const char *packet, bool json,
		   char **text)
{
	struct question q = { .verdict = NULL };
	int err = begin(k, packet, &q);
	struct explain_input in;
	json_t *e;

	*text = NULL;
	err = err ? err : guarded(k, ask, &q);
	if (err)
		return err;
	in = (struct explain_input){ k->c.policy, k->c.diagram, k->c.forest,
				     &k->c.sources };
	e = explain_json(&in, &q.packet);
	if (!e || json_object_set_new(e, "bytes", json_string(q.verdict)) ||
	    print(e, json, text))
		err = no_memory(k);
	json_decref(e);
	return err;
}
