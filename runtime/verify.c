/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify - is what runs here this object
 *
 * In: an object, the live generation. Out: a report. First the two manifests
 * are compared, to say what differs in the words of whoever wrote the policy;
 * only when the objects are one, the kernel is asked.
 */
#include "verify.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "auto.h"
#include "plan.h"
#include "report.h"
#include "state.h"

static void append(json_t *list, const char *what, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

static void append(json_t *list, const char *what, const char *fmt, va_list ap)
{
	char text[MESSAGE_MAX];

	vsnprintf(text, sizeof(text), fmt, ap);
	json_array_append_new(list, json_pack("{s:s, s:s}", "what", what,
					      "text", text));
}

void verify_differs(struct verify *v, const char *what, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	append(v->differences, what, fmt, ap);
	va_end(ap);
}

void verify_unknown(struct verify *v, const char *what, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	append(v->unknown, what, fmt, ap);
	va_end(ap);
}

static bool same(const json_t *a, const json_t *b, const char *key)
{
	return json_equal(json_object_get(a, key), json_object_get(b, key));
}

static const char *text(const json_t *j, const char *key)
{
	const char *t = json_string_value(json_object_get(j, key));

	return t ? t : "?";
}

static void compare_source(struct verify *v, const json_t *running,
			   const json_t *given)
{
	if (!same(running, given, "policy"))
		verify_differs(v, "policy", "`%s` runs, not `%s`",
			       text(running, "policy"), text(given, "policy"));
	if (same(running, given, "sha256"))
		return;
	if (!same(running, given, "text"))
		verify_differs(v, "source", "the rules are others: `skpolc "
			       "diff` of the two texts names packets that show "
			       "it (source %.12s runs, this is %.12s)",
			       text(running, "sha256"), text(given, "sha256"));
	else if (!same(running, given, "files"))
		verify_differs(v, "source", "the rules are the same, but the "
			       "files have other names");
	else
		verify_differs(v, "source", "the rules are the same; only "
			       "comments or layout differ");
}

static bool has_profile(const json_t *manifest)
{
	return json_is_string(json_object_get(json_object_get(manifest,
							      "options"),
					      "profile"));
}

static void compare_options(struct verify *v, const json_t *running,
			    const json_t *given)
{
	AUTO_FREE char *a = json_dumps(json_object_get(running, "options"),
				       JSON_COMPACT | JSON_SORT_KEYS);
	AUTO_FREE char *b = json_dumps(json_object_get(given, "options"),
				       JSON_COMPACT | JSON_SORT_KEYS);

	if (has_profile(running) && !has_profile(given))
		verify_differs(v, "options", "what runs was compiled with a "
			       "profile, which is not kept: verify the object "
			       "that was applied");
	else if (!same(running, given, "options"))
		verify_differs(v, "options", "what runs was compiled with %s, "
			       "and this with %s", a ? a : "?", b ? b : "?");
	if (!same(running, given, "compiler"))
		verify_differs(v, "compiler", "compiled by skpolc %s, not by "
			       "%s", text(running, "compiler"),
			       text(given, "compiler"));
}

/* Two objects are not one: why. */
static int explain(struct verify *v)
{
	int err = generation_read_manifest(v->s, &v->live.gen);
	const json_t *running = v->live.gen.manifest;

	if (err)
		return err;
	compare_source(v, running, v->object->manifest);
	compare_options(v, running, v->object->manifest);
	if (!json_array_size(v->differences))
		verify_differs(v, "object", "the text and the options are the "
			       "same, the object is another (%.12s runs, this "
			       "is %.12s): another build of skpolc made it",
			       text(v->live.gen.meta, "object"),
			       v->object->sha256);
	return 0;
}

static int compare(struct verify *v)
{
	const struct generation *g = &v->live.gen;

	if (v->live.link.state == LINK_HIDDEN)
		return fail_bpf(v->s, -EPERM, "compare programs");
	if (!g->number) {
		verify_differs(v, "policy", "no policy of skpol runs here");
		return 0;
	}
	if (!live_attached(&v->live))
		verify_differs(v, "attached", "generation %u is not attached: "
			       "nothing runs", g->number);
	if (strcmp(text(g->meta, "object"), v->object->sha256))
		return explain(v);
	if (!plan_interfaces_same(v->s, json_object_get(g->meta,
							"interfaces")))
		verify_differs(v, "interfaces", "interfaces have other numbers "
			       "than when the policy was applied: apply it "
			       "again");
	return verify_program(v);
}

static int find(struct skpol *s, struct live *live)
{
	int err = state_find(s);

	if (!err)
		err = live_find(s, live);
	return err == -ENOENT ? 0 : err;
}

json_t *report_verify(struct skpol *s, const struct objfile *o)
{
	struct verify v = {
		.s = s, .object = o, .differences = json_array(),
		.unknown = json_array(),
		.live = { { .fd = -1 }, GENERATION_NONE },
	};
	json_t *j = NULL, *policy;
	int err = find(s, &v.live);

	if (!err)
		err = compare(&v);
	policy = json_object_get(v.live.gen.meta, "policy");
	if (!err)
		j = json_pack("{s:i, s:b, s:O?, s:o, s:O, s:O}", "version", 1,
			      "same", !json_array_size(v.differences),
			      "policy", policy, "generation",
			      v.live.gen.number ?
			      json_integer(v.live.gen.number) : json_null(),
			      "differences", v.differences, "unknown",
			      v.unknown);
	live_close(&v.live);
	json_decref(v.differences);
	json_decref(v.unknown);
	return j;
}

json_t *verify_options(struct skpol *s)
{
	struct live live = { { .fd = -1 }, GENERATION_NONE };
	json_t *options = NULL;

	if (!find(s, &live) && live.gen.number &&
	    !generation_read_manifest(s, &live.gen))
		options = json_incref(json_object_get(live.gen.manifest,
						      "options"));
	live_close(&live);
	return options;
}

int skpol_verify_json(struct skpol *s, const void *object, size_t size,
		      char **json)
{
	char error[OBJFILE_ERROR_MAX];
	struct objfile *o;
	int err;

	handle_begin(s);
	*json = NULL;
	err = objfile_from_bytes(object, size, &o, error);
	if (err)
		return err == -ENOMEM ? fail_memory(s) :
			fail_input(s, err, "%s", error);
	err = report_text(s, report_verify(s, o), json);
	objfile_free(o);
	return err;
}
