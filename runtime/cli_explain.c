/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_explain - skpol explain: what the running policy does with a packet
 *
 * What a person reads is made from the JSON, so that both say the same.
 */
#include <stdio.h>
#include <string.h>

#include "asked.h"
#include "auto.h"
#include "cli.h"
#include "cli_json.h"

static void print_rule(const json_t *j)
{
	const json_t *rule = json_object_get(j, "rule");
	const char *name = json_text(rule, "name", "?");
	const char *text = json_text(rule, "text", "");

	printf("rule     %s (%s:%" JSON_INTEGER_FORMAT ")\n", name,
	       json_text(rule, "file", "?"),
	       json_integer_value(json_object_get(rule, "line")));
	if (strcmp(name, text) && *text)
		printf("         %s\n", text);
	if (json_object_get(rule, "description"))
		printf("         %s\n", json_text(rule, "description", ""));
	printf("outcome  %s\n", json_text(j, "outcome", "?"));
}

static void print_tried(const json_t *t)
{
	const json_t *pid = json_object_get(t, "pid");

	printf("socket   %s %s %s: %s", json_text(t, "name", "?"),
	       json_text(t, "protocol", "?"), json_text(t, "family", "?"),
	       json_text(t, "result", "?"));
	if (json_is_string(json_object_get(t, "cookie")))
		printf(", %s, cookie %s", json_text(t, "local", "?"),
		       json_text(t, "cookie", "?"));
	if (json_is_integer(pid))
		printf(", %s (%" JSON_INTEGER_FORMAT ")",
		       json_text(t, "process", "?"), json_integer_value(pid));
	putchar('\n');
}

static void print_list(const char *head, const json_t *list)
{
	json_t *e;
	size_t i;

	json_array_foreach(list, i, e)
		printf("%s: %s: %s\n", head, json_text(e, "what", "?"),
		       json_text(e, "text", "?"));
}

static void print_notes(const json_t *j)
{
	if (!json_is_true(json_object_get(j, "same")))
		puts("note: what was asked is the text of the running policy, "
		     "compiled again, and not the same program:");
	print_list("  differs", json_object_get(j, "differences"));
	print_list("note: not compared", json_object_get(j, "unknown"));
	if (!json_is_true(json_object_get(j, "attached")))
		puts("note: the policy is not attached, so no packet meets "
		     "it");
	if (json_is_string(json_object_get(j, "order")))
		printf("note: %s\n", json_text(j, "order", ""));
	if (json_is_string(json_object_get(j, "interfaces")))
		printf("note: %s\n", json_text(j, "interfaces", ""));
}

static void print(const json_t *j)
{
	json_t *t;
	size_t i;

	printf("%s => %s\n", json_text(j, "packet", "?"),
	       json_text(j, "verdict", "?"));
	print_rule(j);
	json_array_foreach(json_object_get(j, "tried"), i, t)
		print_tried(t);
	printf("asked    a copy of generation %" JSON_INTEGER_FORMAT ", %s\n",
	       json_integer_value(json_object_get(j, "generation")),
	       json_is_true(json_object_get(j, "in_kernel")) ?
	       "in the kernel" : "in the interpreter, for the kernel takes no "
	       "packet with an interface: a socket that it would refuse is "
	       "not known");
	print_notes(j);
}

int cli_explain(struct cli *c)
{
	char error[PACKET_ERROR_MAX];
	struct packet p;
	AUTO_JSON j = NULL;

	if (!packet_parse(c->args[0], strlen(c->args[0]), &p, error))
		return cli_error(EXIT_USAGE, "%s", error);
	j = asked_json(c->s, &p);
	if (!j)
		return cli_fail(c);
	if (cli_has(c, OPTION_JSON))
		return cli_print_json(j);
	print(j);
	return cli_flush();
}
