/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_diff - which packets a new policy would treat differently
 *
 * In: an object, the policy that runs. Out: the diff of their normal forms, with
 * the places that their rules had in the text.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../compiler/compile.h"
#include "../compiler/diff.h"
#include "auto.h"
#include "cli.h"
#include "cli_review.h"
#include "objfile.h"

#define NO_POLICY "policy none\ndefault -> pass\n"

/* The normal form of a manifest, compiled; 0 or an exit status. */
static int read_policy(const json_t *manifest, const char *name,
		       struct compiled *c)
{
	const char *text = json_string_value(json_object_get(manifest,
							     "text"));
	struct compile_options o = {
		.until = COMPILE_PROVED, .target = target_find("6.18"),
		.no_lint = true, .name = name, .text = text ? text : NO_POLICY,
	};

	o.size = strlen(o.text);
	if (compile(c, name, &o))
		return cli_error(EXIT_SYSTEM, "out of memory");
	if (!c->diags.nerrors)
		return 0;
	cli_error(0, "note: no diff: the policy of %s cannot be read by this "
		  "skpol: %s", name, c->diags.first->message);
	compiled_free(c);
	return EXIT_INPUT;
}

/* The manifest of what runs; JSON null when nothing does. */
static json_t *running(struct cli *c, char name[32])
{
	AUTO_FREE char *text = NULL;
	uint32_t generation = 0;
	int err = skpol_manifest_json(c->s, &generation, &text);

	snprintf(name, 32, generation ? "generation %" PRIu32 : "nothing",
		 generation);
	if (err == -ENOENT)
		return json_null();
	if (!err)
		return json_loads(text, 0, NULL);
	cli_fail(c);
	return NULL;
}

static void bound(json_t *diff)
{
	json_t *changes = json_object_get(diff, "changes");
	size_t n = json_array_size(changes);

	if (n <= DIFF_MAX)
		return;
	while (json_array_size(changes) > DIFF_MAX)
		json_array_remove(changes, json_array_size(changes) - 1);
	json_object_set_new(diff, "left_out",
			    json_integer((json_int_t)(n - DIFF_MAX)));
}

static json_t *compare(struct compiled *a, const json_t *was,
		       struct compiled *b, const json_t *is)
{
	struct diff_side old = { a->policy, &a->sources, a->forest, was };
	struct diff_side new = { b->policy, &b->sources, b->forest, is };
	json_t *diff = NULL;
	int err = diff_json(&old, &new, NULL, &diff);

	if (err) {
		cli_error(0, "note: no diff: %s", strerror(-err));
		return json_null();
	}
	bound(diff);
	return diff;
}

json_t *review_diff(const struct review *r)
{
	char name[32];
	AUTO_JSON old = running(r->c, name);
	struct compiled a, b;
	json_t *diff = NULL;

	if (old && read_policy(old, name, &a)) {
		diff = json_null();
	} else if (old) {
		diff = json_null();
		if (!read_policy(r->object->manifest, r->path, &b)) {
			diff = compare(&a, old, &b, r->object->manifest);
			compiled_free(&b);
		}
		compiled_free(&a);
	}
	return diff;
}
