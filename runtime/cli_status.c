/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_status - skpol status, skpol stats: for a person, or as JSON
 *
 * What a person reads is made from the JSON, so that both say the same.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "auto.h"
#include "cli.h"
#include "report.h"

static const char *text(const json_t *j, const char *key, const char *none)
{
	const char *t = json_string_value(json_object_get(j, key));

	return t ? t : none;
}

static int print_json(const json_t *j)
{
	if (json_dumpf(j, stdout, JSON_COMPACT))
		return cli_error(EXIT_SYSTEM, "cannot write the output");
	putchar('\n');
	return cli_flush();
}

static int width(const json_t *list, const char *key, int least)
{
	json_t *e;
	size_t i;

	json_array_foreach(list, i, e) {
		int n = (int)strlen(text(e, key, ""));

		if (n > least)
			least = n;
	}
	return least;
}

static void print_head(const json_t *j)
{
	const json_t *generation = json_object_get(j, "generation");

	if (!json_is_integer(generation)) {
		puts("no policy");
		return;
	}
	printf("policy %s, generation %" JSON_INTEGER_FORMAT ", %s\n",
	       text(j, "policy", "?"), json_integer_value(generation),
	       json_is_true(json_object_get(j, "attached")) ? "attached" :
	       "NOT attached");
	printf("source sha256 %s\n", text(j, "sha256", "?"));
}

static void print_socket(const json_t *e, int names)
{
	const char *cookie = text(e, "cookie", NULL);
	const json_t *pid = json_object_get(e, "pid");

	printf("  %-*s  %s %s  ", names, text(e, "name", "?"),
	       text(e, "protocol", "?"), text(e, "family", "?"));
	if (!cookie) {
		puts("empty");
		return;
	}
	printf("%s  cookie %s", text(e, "local", "?"), cookie);
	if (json_is_integer(pid))
		printf("  %s (%" JSON_INTEGER_FORMAT ")",
		       text(e, "process", "?"), json_integer_value(pid));
	puts(json_is_true(json_object_get(e, "declared")) ? "" :
	     "  not named by this policy");
}

static void print_programs(const json_t *list)
{
	json_t *e;
	size_t i;

	if (!json_array_size(list))
		return;
	puts("programs, in this order; any selected socket beats any drop, "
	     "the last selection wins");
	json_array_foreach(list, i, e)
		printf("  %" JSON_INTEGER_FORMAT "  %s%s\n",
		       json_integer_value(json_object_get(e, "id")),
		       text(e, "name", "?"),
		       json_is_true(json_object_get(e, "ours")) ? "  (this "
		       "policy)" : "");
}

int cli_status(struct cli *c)
{
	AUTO_JSON j = report_status(c->s);
	const json_t *sockets = json_object_get(j, "sockets");
	json_t *e;
	size_t i;

	if (!j)
		return cli_fail(c);
	if (cli_has(c, OPTION_JSON))
		return print_json(j);
	print_head(j);
	if (json_array_size(sockets))
		puts("sockets");
	json_array_foreach(sockets, i, e)
		print_socket(e, width(sockets, "name", 0));
	print_programs(json_object_get(j, "programs"));
	json_array_foreach(json_object_get(j, "problems"), i, e)
		printf("problem: %s\n", json_string_value(e));
	return cli_flush();
}

static void print_errors(const json_t *errors)
{
	const char *name, *before = "  (";
	json_t *n;

	json_object_foreach((json_t *)errors, name, n) {
		if (!report_value(n))
			continue;
		printf("%s%s %" PRIu64, before, name, report_value(n));
		before = ", ";
	}
	if (*before == ',')
		putchar(')');
}

int cli_stats(struct cli *c)
{
	AUTO_JSON j = report_stats(c->s);
	const json_t *rules = json_object_get(j, "rules");
	int names = width(rules, "name", 4);
	json_t *r;
	size_t i;

	if (!j)
		return cli_fail(c);
	if (cli_has(c, OPTION_JSON))
		return print_json(j);
	if (!json_is_string(json_object_get(j, "policy")))
		return cli_error(0, "no policy here");
	if (!json_array_size(rules))
		return cli_error(0, "no rule of this policy says `count`");
	printf("%-*s  %12s  %12s  %12s  verdict\n", names, "rule", "hits",
	       "missing", "refused");
	json_array_foreach(rules, i, r) {
		printf("%-*s  %12" PRIu64 "  %12" PRIu64 "  %12" PRIu64 "  %s",
		       names, text(r, "name", "?"),
		       report_value(json_object_get(r, "hits")),
		       report_value(json_object_get(r, "missing")),
		       report_value(json_object_get(r, "refused")),
		       text(r, "verdict", "?"));
		print_errors(json_object_get(r, "errors"));
		putchar('\n');
	}
	return cli_flush();
}
