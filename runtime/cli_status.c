/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_status - skpol status: for a person, or as JSON
 *
 * What a person reads is made from the JSON, so that both say the same.
 */
#include <stdio.h>

#include "auto.h"
#include "cli.h"
#include "cli_json.h"
#include "report.h"

static void print_trial(const json_t *confirm)
{
	json_t *left = json_object_get(confirm, "seconds_left");
	json_int_t back = json_integer_value(json_object_get(confirm, "back"));

	if (!left)
		return;
	if (!json_integer_value(left)) {
		puts("unconfirmed, and the time is up: the next command that "
		     "changes anything rolls back");
		return;
	}
	printf("unconfirmed: `skpol confirm` within %" JSON_INTEGER_FORMAT
	       " s, or ", json_integer_value(left));
	if (back)
		printf("generation %" JSON_INTEGER_FORMAT " runs again\n",
		       back);
	else
		puts("nothing is attached any more");
}

static void print_head(const json_t *j)
{
	const json_t *generation = json_object_get(j, "generation");
	const json_t *attached = json_object_get(j, "attached");

	if (!json_is_integer(generation)) {
		puts("no policy");
		return;
	}
	printf("policy %s, generation %" JSON_INTEGER_FORMAT ", %s\n",
	       json_text(j, "policy", "?"), json_integer_value(generation),
	       json_is_true(attached) ? "attached" : json_is_null(attached) ?
	       "which only root can see attached" : "NOT attached");
	printf("source sha256 %s\n", json_text(j, "sha256", "?"));
	print_trial(json_object_get(j, "confirm"));
}

static void print_socket(const json_t *e, int names)
{
	const char *cookie = json_text(e, "cookie", NULL);
	const json_t *pid = json_object_get(e, "pid");

	printf("  %-*s  %s %s  ", names, json_text(e, "name", "?"),
	       json_text(e, "protocol", "?"), json_text(e, "family", "?"));
	if (!cookie) {
		puts("empty");
		return;
	}
	printf("%s  cookie %s", json_text(e, "local", "?"), cookie);
	if (json_is_integer(pid))
		printf("  %s (%" JSON_INTEGER_FORMAT ")",
		       json_text(e, "process", "?"), json_integer_value(pid));
	puts(json_is_true(json_object_get(e, "declared")) ? "" :
	     "  not named by this policy");
}

static void print_programs(const json_t *list, const char *order)
{
	json_t *e;
	size_t i;

	if (!json_array_size(list))
		return;
	puts("programs, in the order in which they run");
	json_array_foreach(list, i, e)
		printf("  %" JSON_INTEGER_FORMAT "  %s%s\n",
		       json_integer_value(json_object_get(e, "id")),
		       json_text(e, "name", "?"),
		       json_is_true(json_object_get(e, "ours")) ? "  (this "
		       "policy)" : "");
	if (order)
		printf("  %s\n", order);
}

/* What a rollback could go to. */
static void print_kept(const json_t *list)
{
	json_t *e;
	size_t i;

	json_array_foreach(list, i, e)
		if (!json_is_true(json_object_get(e, "live")))
			printf("kept: generation %" JSON_INTEGER_FORMAT ", %s, "
			       "source sha256 %.12s%s\n", json_integer_value(
			       json_object_get(e, "generation")),
			       json_text(e, "policy", "?"),
			       json_text(e, "sha256", "?"),
			       json_object_get(e, "unconfirmed") ?
			       ", not confirmed" : "");
}

int cli_status(struct cli *c)
{
	AUTO_JSON j = report_status(c->s);
	const json_t *sockets = json_object_get(j, "sockets");
	int names = json_width(sockets, "name", 0);
	json_t *e;
	size_t i;

	if (!j)
		return cli_fail(c);
	if (cli_has(c, OPTION_JSON))
		return cli_print_json(j);
	print_head(j);
	if (json_array_size(sockets))
		puts("sockets");
	json_array_foreach(sockets, i, e)
		print_socket(e, names);
	print_programs(json_object_get(j, "programs"), json_text(j, "order",
								 NULL));
	print_kept(json_object_get(j, "generations"));
	json_array_foreach(json_object_get(j, "problems"), i, e)
		printf("problem: %s\n", json_string_value(e));
	return cli_flush();
}
