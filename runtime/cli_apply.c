/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_apply - skpol apply, rollback, remove
 *
 * In: an object. Out: what was done, as a sentence or as JSON.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auto.h"
#include "cli.h"
#include "cli_confirm.h"
#include "cli_json.h"

static void print_log(void *ctx, const char *text)
{
	(void)ctx;
	fputs(text, stderr);
}

static void print_trial(const struct skpol_applied *a)
{
	printf("unconfirmed: `skpol confirm` within %" PRIu32 " s, or ",
	       (a->unconfirmed_ms + 999) / 1000);
	if (a->back)
		printf("generation %" PRIu32 " runs again\n", a->back);
	else
		puts("nothing is attached any more");
}

static void print_text(const struct skpol_applied *a)
{
	printf("%s: generation %" PRIu32 " %s\n", a->policy, a->generation,
	       a->changed ? "is live" : "is live already, nothing changed");
	if (a->unconfirmed_ms)
		print_trial(a);
}

static json_t *report(const struct skpol_applied *a)
{
	json_t *j = json_pack("{s:i, s:b, s:I, s:s}", "version", 1, "changed",
			      (int)a->changed, "generation",
			      (json_int_t)a->generation, "policy", a->policy);

	if (a->tested)
		json_object_set_new(j, "tested", json_integer(a->tested));
	if (a->unconfirmed_ms)
		json_object_set_new(j, "confirm", json_pack("{s:I, s:I}",
			"seconds_left", (json_int_t)(a->unconfirmed_ms + 999) /
			1000, "back", (json_int_t)a->back));
	return j;
}

static int print_applied(const struct cli *c, const struct skpol_applied *a)
{
	AUTO_JSON j = NULL;

	if (!cli_has(c, OPTION_JSON)) {
		print_text(a);
		return cli_flush();
	}
	j = report(a);
	return cli_print_json(j);
}

int cli_apply(struct cli *c)
{
	struct skpol_apply_options o = {
		.size = sizeof(o),
		.require_sockets = cli_has(c, OPTION_REQUIRE),
		.verifier_log = cli_has(c, OPTION_LOG) ? print_log : NULL,
	};
	const char *confirm = c->values[OPTION_CONFIRM];
	AUTO_FREE void *bytes = NULL;
	struct skpol_applied applied;
	size_t size;
	int status;

	if (confirm && !cli_parse_time(confirm, &o.confirm_ms))
		return cli_error(EXIT_USAGE, "`%s` is no time up to a day: "
				 "30s, 5m, 1h", confirm);
	status = confirm ? cli_confirm_start(c) : 0;
	if (!status)
		status = cli_object(c->args[0], &bytes, &size);
	if (status)
		return status;
	if (skpol_apply(c->s, bytes, size, &o, &applied))
		return cli_fail(c);
	return print_applied(c, &applied);
}

int cli_rollback(struct cli *c)
{
	const char *text = c->nargs ? c->args[0] : "0";
	struct skpol_applied applied;
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (c->nargs && (*end || *text < '1' || *text > '9' || n > UINT32_MAX))
		return cli_error(EXIT_USAGE, "`%s` is no number of a "
				 "generation", text);
	if (skpol_rollback(c->s, (uint32_t)n, &applied))
		return cli_fail(c);
	return print_applied(c, &applied);
}

int cli_remove(struct cli *c)
{
	bool changed;

	if (skpol_remove(c->s, cli_has(c, OPTION_SOCKETS), &changed))
		return cli_fail(c);
	if (cli_has(c, OPTION_JSON))
		printf("{\"version\":1,\"changed\":%s}\n",
		       changed ? "true" : "false");
	else
		puts(changed ? "removed" : "there is no policy here, nothing "
		     "changed");
	return cli_flush();
}
