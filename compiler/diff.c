/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff - which packets two policies treat differently: JSON and text
 *
 * In: two policies. Out: the changes that diff_walk.c has found, those of the
 * rules that stand first first, so that the order does not depend on the
 * diagrams.
 */
#include "diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "diff_walk.h"
#include "witness.h"

enum { PACKETS = 3, SHOWN = 20 };

struct differ {
	struct arena scratch;
	struct diff d;
	const struct diff_side *sides[SIDES];
	json_t *root;
	int error;
};

/* --------------------------------------------------------------- JSON */

static void set_text(json_t *o, const char *key, const char *text)
{
	json_object_set_new(o, key, json_string(text));
}

static json_t *side_json(struct differ *x, const struct change *c, int side)
{
	const struct policy *p = &x->d.p[side];
	const struct outcome *outcome = &p->outcomes[c->outcome[side]];
	const struct policy_rule *rule = &p->rules[c->rule[side]];
	struct source_set *s = x->sides[side]->sources;
	struct source_position at = source_position(s,
		rule->ast->place.file, rule->ast->place.begin);
	json_t *o = json_object();

	set_text(o, "verdict", policy_choice_name(p, c->choice[side]));
	set_text(o, "outcome", outcome_text(&x->scratch, p, outcome));
	set_text(o, "rule", rule->name);
	set_text(o, "file", s->files[rule->ast->place.file].name);
	json_object_set_new(o, "line", json_integer(at.line));
	json_object_set_new(o, "column", json_integer(at.column));
	return o;
}

static json_t *change_json(struct differ *x, const struct change *c)
{
	json_t *o = json_object(), *packets = json_array();

	json_object_set_new(o, "old", side_json(x, c, OLD));
	json_object_set_new(o, "new", side_json(x, c, NEW));
	for (size_t i = 0; i < c->npackets; i++)
		json_array_append_new(packets, json_string(
			witness_text(&x->scratch, &x->d.p[OLD],
				     c->packets[i])));
	json_object_set_new(o, "packets", packets);
	json_object_set_new(o, "more", json_boolean(c->more));
	return o;
}

#define COMPARE(x, y)                                                        \
	do {                                                                 \
		if ((x) != (y))                                              \
			return (x) < (y) ? -1 : 1;                           \
	} while (0)

static int by_rules(const void *a, const void *b)
{
	const struct change *x = a, *y = b;

	for (int side = 0; side < SIDES; side++)
		COMPARE(x->rule[side], y->rule[side]);
	for (int side = 0; side < SIDES; side++)
		COMPARE(x->choice[side], y->choice[side]);
	for (int side = 0; side < SIDES; side++)
		COMPARE(x->outcome[side], y->outcome[side]);
	return 0;
}

static void put_changes(struct differ *x)
{
	json_t *changes = json_array();
	struct diff *d = &x->d;

	if (d->nchanges)
		qsort(d->changes, d->nchanges, sizeof(*d->changes), by_rules);
	for (size_t i = 0; i < d->nchanges; i++)
		json_array_append_new(changes, change_json(x, &d->changes[i]));
	set_text(x->root, "old", d->p[OLD].name);
	set_text(x->root, "new", d->p[NEW].name);
	json_object_set_new(x->root, "same", json_boolean(!d->nchanges));
	json_object_set_new(x->root, "changes", changes);
}

static void compare(struct differ *x)
{
	x->d.a = &x->scratch;
	x->error = diff_prepare(&x->d, x->sides[OLD]->policy,
				x->sides[NEW]->policy);
	if (!x->error)
		x->error = diff_walk(&x->d);
	if (!x->error)
		put_changes(x);
}

int diff_json(const struct diff_side *old, const struct diff_side *new,
	      const struct diff_options *o, json_t **out)
{
	struct differ *x = calloc(1, sizeof(*x));
	jmp_buf here;
	int error;

	*out = NULL;
	if (!x)
		return -ENOMEM;
	x->sides[OLD] = old;
	x->sides[NEW] = new;
	x->d.limit = o && o->packets ? o->packets : PACKETS;
	x->root = json_object();
	arena_init(&x->scratch, &here);
	if (setjmp(here))
		x->error = -ENOMEM;
	else
		compare(x);
	error = x->error;
	if (error)
		json_decref(x->root);
	else
		*out = x->root;
	arena_free(&x->scratch);
	free(x);
	return error;
}

bool diff_same(const json_t *diff)
{
	return json_is_true(json_object_get(diff, "same"));
}

/* --------------------------------------------------------------- text */

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static void print_side(const json_t *change, const char *side, bool outcome,
		       FILE *out)
{
	const json_t *o = json_object_get(change, side);

	fprintf(out, "  %s: %s, by %s, %s:%" JSON_INTEGER_FORMAT ":%"
		JSON_INTEGER_FORMAT "\n", side,
		text_of(o, outcome ? "outcome" : "verdict"),
		text_of(o, "rule"), text_of(o, "file"),
		json_integer_value(json_object_get(o, "line")),
		json_integer_value(json_object_get(o, "column")));
}

static void print_change(const json_t *change, FILE *out)
{
	const json_t *packets = json_object_get(change, "packets"), *packet;
	const char *old = text_of(json_object_get(change, "old"), "verdict");
	const char *new = text_of(json_object_get(change, "new"), "verdict");
	bool outcome = !strcmp(old, new);
	size_t i;

	fprintf(out, "%s -> %s\n", old, new);
	print_side(change, "old", outcome, out);
	print_side(change, "new", outcome, out);
	json_array_foreach(packets, i, packet)
		fprintf(out, "    %s\n", json_string_value(packet));
	if (!json_array_size(packets))
		fputs("    a share of the packets\n", out);
	else if (json_is_true(json_object_get(change, "more")))
		fputs("    and others\n", out);
}

void diff_text(const json_t *diff, FILE *out)
{
	const json_t *changes = json_object_get(diff, "changes"), *change;
	size_t i;

	if (diff_same(diff)) {
		fputs("no packet is treated differently\n", out);
		return;
	}
	json_array_foreach(changes, i, change) {
		if (i)
			fputc('\n', out);
		if (i == SHOWN)
			break;
		print_change(change, out);
	}
	if (i < json_array_size(changes))
		fprintf(out, "%zu more pairs of rules differ: --json has them "
			"all\n", json_array_size(changes) - i);
}
