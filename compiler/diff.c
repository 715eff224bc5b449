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

#include "../grammar/visible.h"
#include "diff_walk.h"
#include "witness.h"

enum {
	PACKETS = 3, SHOWN = 20,
	TRIES = 1 << 22,	/* packets, for splits */
	STEPS = 64000000,	/* pairs of intervals met */
	BUDGET = 300000000,	/* terms looked at and nodes made */
};

struct differ {
	struct arena scratch;
	struct diff d;
	const struct diff_side *sides[SIDES];
	const struct diff_options *o;
	json_t *root;
};

/* --------------------------------------------------------------- JSON */

static void set_text(json_t *o, const char *key, const char *text)
{
	json_object_set_new(o, key, json_string(text));
}

static void set_place(struct differ *x, json_t *o, const char *file,
		      json_int_t line, json_int_t column)
{
	set_text(o, "file", visible_text(&x->scratch, file));
	json_object_set_new(o, "line", json_integer(line));
	json_object_set_new(o, "column", json_integer(column));
}

/* Of the original, if the manifest M knows it. */
static void set_old_place(struct differ *x, json_t *o, const json_t *m,
			  uint32_t rule)
{
	const json_t *r = json_array_get(json_object_get(m, "rules"), rule);
	size_t number = (size_t)json_integer_value(json_object_get(r, "file"));
	const char *file = json_string_value(json_array_get(
				json_object_get(m, "files"), number));

	if (file)
		set_place(x, o, file,
			  json_integer_value(json_object_get(r, "line")),
			  json_integer_value(json_object_get(r, "column")));
}

/* Adds to O which rule of SIDE it is, and where it stands. */
static void set_rule(struct differ *x, json_t *o, int side, uint32_t number)
{
	const struct policy_rule *rule = &x->d.p[side].rules[number];
	const struct place *place = &rule->ast->place;
	struct source_set *s = x->sides[side]->sources;
	struct source_position at;

	set_text(o, "rule", rule->name);
	if (x->sides[side]->manifest) {
		set_old_place(x, o, x->sides[side]->manifest, number);
		return;
	}
	at = source_position(s, place->file, place->begin);
	set_place(x, o, s->files[place->file].name, at.line, at.column);
}

static json_t *side_json(struct differ *x, const struct change *c, int side)
{
	const struct policy *p = &x->d.p[side];
	const struct outcome *outcome = &p->outcomes[c->outcome[side]];
	json_t *o = json_object();

	set_text(o, "verdict", policy_choice_name(p, c->choice[side]));
	set_text(o, "outcome", outcome_text(&x->scratch, p, outcome));
	set_rule(x, o, side, c->rule[side]);
	return o;
}

static json_t *unknown_json(struct differ *x)
{
	json_t *all = json_array();

	for (size_t i = 0; i < x->d.nunknown; i++) {
		const struct unknown *u = &x->d.unknown[i];
		json_t *o = json_object();

		set_text(o, "side", u->side == OLD ? "old" : "new");
		set_rule(x, o, u->side, u->rule);
		json_array_append_new(all, o);
	}
	return all;
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
	json_object_set_new(x->root, "same",
			    json_boolean(!d->nchanges && !d->nunknown));
	json_object_set_new(x->root, "changes", changes);
	json_object_set_new(x->root, "unknown", unknown_json(x));
}

static void compare(struct differ *x)
{
	static const struct term any = { { NULL } };
	bool forest = x->sides[OLD]->forest || x->sides[NEW]->forest;
	struct diff *d = &x->d;

	diff_prepare(d, x->sides[OLD]->policy, x->sides[NEW]->policy);
	if (forest || !diff_build(d) || !diff_walk(d, &any)) {
		d->nchanges = 0;
		d->by_outcome = (struct pairs){ 0 };
		d->steps = STEPS;
		diff_terms(d);
	}
	put_changes(x);
}

static void start(struct differ *x, jmp_buf *here)
{
	struct diff *d = &x->d;

	x->root = json_object();
	arena_init(&x->scratch, here);
	arena_init(&d->levels[0], here);
	d->a = &x->scratch;
	d->work = &d->levels[0];
	d->limit = x->o->packets ? x->o->packets : PACKETS;
	d->budget = x->o->budget ? x->o->budget : BUDGET;
	d->tries = TRIES;
	d->steps = STEPS;
}

static void finish(struct differ *x)
{
	for (int i = 0; i < DIFF_LEVELS; i++)
		arena_free(&x->d.levels[i]);
	arena_free(&x->scratch);
	free(x);
}

int diff_json(const struct diff_side *old, const struct diff_side *new,
	      const struct diff_options *o, json_t **out)
{
	static const struct diff_options usual;
	struct differ *x = calloc(1, sizeof(*x));
	jmp_buf here;

	*out = NULL;
	if (!x)
		return -ENOMEM;
	x->sides[OLD] = old;
	x->sides[NEW] = new;
	x->o = o ? o : &usual;
	start(x, &here);
	if (setjmp(here)) {
		json_decref(x->root);
		finish(x);
		return -ENOMEM;
	}
	compare(x);
	*out = x->root;
	finish(x);
	return 0;
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

/* `, edge.skl:3:1`, if that is known. */
static void print_place(const json_t *o, FILE *out)
{
	if (json_object_get(o, "file"))
		fprintf(out, ", %s:%" JSON_INTEGER_FORMAT ":%"
			JSON_INTEGER_FORMAT, text_of(o, "file"),
			json_integer_value(json_object_get(o, "line")),
			json_integer_value(json_object_get(o, "column")));
	fputc('\n', out);
}

static void print_side(const json_t *change, const char *side, bool outcome,
		       FILE *out)
{
	const json_t *o = json_object_get(change, side);

	fprintf(out, "  %s: %s, by %s", side,
		text_of(o, outcome ? "outcome" : "verdict"),
		text_of(o, "rule"));
	print_place(o, out);
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

static void print_unknown(const json_t *unknown, FILE *out)
{
	size_t n = json_array_size(unknown), i;
	const json_t *o;

	if (!n)
		return;
	fputs("\nnot all packets of these rules were compared, too many rules "
	      "overlap there or differ:\n", out);
	json_array_foreach(unknown, i, o) {
		if (i == SHOWN)
			break;
		fprintf(out, "  %s: %s", text_of(o, "side"),
			text_of(o, "rule"));
		print_place(o, out);
	}
	if (i < n)
		fprintf(out, "  and %zu more: --json has them all\n", n - i);
}

void diff_text(const json_t *diff, FILE *out)
{
	const json_t *changes = json_object_get(diff, "changes"), *change;
	const json_t *unknown = json_object_get(diff, "unknown");
	size_t i;

	if (!json_array_size(changes))
		fputs(diff_same(diff) ?
		      "no packet is treated differently\n" :
		      "no packet was found that is treated differently\n",
		      out);
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
	print_unknown(unknown, out);
}
