/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explain_text - an explanation for people
 *
 * In: what explain_json made. Out: the same as text, one line a rule.
 */
#include <inttypes.h>
#include <string.h>

#include "explain.h"

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static void print_place(const json_t *o, FILE *out)
{
	fprintf(out, "%s:%" JSON_INTEGER_FORMAT ":%" JSON_INTEGER_FORMAT,
		text_of(o, "file"),
		json_integer_value(json_object_get(o, "line")),
		json_integer_value(json_object_get(o, "column")));
}

static void print_description(const char *text, FILE *out)
{
	while (*text) {
		int n = (int)strcspn(text, "\n");

		fprintf(out, "           ## %.*s\n", n, text);
		text += n + (text[n] == '\n');
	}
}

static void print_rule_of(const json_t *x, FILE *out)
{
	const json_t *rule = json_object_get(x, "rule");
	const char *name = text_of(rule, "name"), *text = text_of(rule, "text");

	fprintf(out, "  rule     %s, ", name);
	print_place(rule, out);
	fputc('\n', out);
	if (strcmp(name, text))
		fprintf(out, "           %s\n", text);
	print_description(text_of(rule, "description"), out);
}

static void print_entry_of(const json_t *x, FILE *out)
{
	const json_t *entry = json_object_get(x, "entry");
	const json_t *split = json_object_get(x, "split");

	if (entry) {
		fprintf(out, "  entry    %s -> %s of map %s, ",
			text_of(entry, "key"), text_of(entry, "verdict"),
			text_of(entry, "map"));
		print_place(entry, out);
		fputc('\n', out);
	}
	if (split)
		fprintf(out, "  split    by %s: hash 0x%08" PRIx32
			" is in the %s of %s\n", text_of(split, "by"),
			(uint32_t)json_integer_value(
				json_object_get(split, "hash")),
			text_of(split, "share"), text_of(split, "socket"));
}

static void print_value(const json_t *o, const char *key, FILE *out)
{
	const json_t *v = json_object_get(o, key);

	if (json_is_string(v))
		fputs(json_string_value(v), out);
	else
		fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
}

static void print_path(const json_t *x, FILE *out)
{
	const json_t *path = json_object_get(x, "path"), *turn;
	int64_t before = 0;
	size_t i;

	json_array_foreach(path, i, turn) {
		int64_t tree = json_integer_value(json_object_get(turn,
								  "tree"));
		char label[32] = "diagram";

		if (tree)
			snprintf(label, sizeof(label), "tree %" PRId64, tree);
		fprintf(out, "  %-8s %s ", tree == before && i ? "" : label,
			text_of(turn, "field"));
		before = tree;
		print_value(turn, "value", out);
		if (!json_equal(json_object_get(turn, "low"),
				json_object_get(turn, "high"))) {
			fputs(" in ", out);
			print_value(turn, "low", out);
			fputc('-', out);
			print_value(turn, "high", out);
		}
		fputc('\n', out);
	}
}

static void print_missed(const json_t *x, FILE *out)
{
	const json_t *missed = json_object_get(x, "missed"), *rule;
	size_t i;

	json_array_foreach(missed, i, rule) {
		fputs(i ? "" : "earlier rules:\n", out);
		fprintf(out, "  %s: %s, ", text_of(rule, "name"),
			text_of(rule, "because"));
		print_place(rule, out);
		fputc('\n', out);
	}
}

void explain_text(const json_t *explanation, FILE *out)
{
	fprintf(out, "%s => %s\n", text_of(explanation, "packet"),
		text_of(explanation, "verdict"));
	print_rule_of(explanation, out);
	fprintf(out, "  outcome  %s\n", text_of(explanation, "outcome"));
	print_entry_of(explanation, out);
	print_path(explanation, out);
	print_missed(explanation, out);
}
