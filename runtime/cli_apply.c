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

#include "../compiler/diff.h"
#include "apply.h"
#include "auto.h"
#include "cli.h"
#include "cli_confirm.h"
#include "cli_json.h"
#include "cli_review.h"

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

struct done {			/* what an apply has to tell */
	struct skpol_applied applied;
	size_t keeps;		/* that were asked for, and hold */
	json_t *diff;		/* NULL = not wanted */
};

static void print_text(const struct cli *c, const struct skpol_applied *a)
{
	const char *what = !a->changed ? "is live already, nothing changed" :
		cli_has(c, OPTION_CHECK) ? "would be live; nothing was changed "
		"(--check)" : "is live";

	printf("%s: generation %" PRIu32 " %s\n", a->policy, a->generation,
	       what);
	if (a->unconfirmed_ms)
		print_trial(a);
}

static json_t *report(const struct cli *c, const struct done *d)
{
	const struct skpol_applied *a = &d->applied;
	json_t *j = json_pack("{s:i, s:b, s:I, s:s}", "version", 1, "changed",
			      (int)a->changed, "generation",
			      (json_int_t)a->generation, "policy", a->policy);

	if (cli_has(c, OPTION_CHECK))
		json_object_set_new(j, "check", json_true());
	if (a->tested)
		json_object_set_new(j, "tested", json_integer(a->tested));
	if (d->keeps)
		json_object_set_new(j, "keeps", json_integer(
			(json_int_t)d->keeps));
	if (a->unconfirmed_ms)
		json_object_set_new(j, "confirm", json_pack("{s:I, s:I}",
			"seconds_left", (json_int_t)(a->unconfirmed_ms + 999) /
			1000, "back", (json_int_t)a->back));
	if (d->diff)
		json_object_set(j, "diff", d->diff);
	return j;
}

static int print_done(const struct cli *c, const struct done *d)
{
	AUTO_JSON j = NULL;

	if (cli_has(c, OPTION_JSON)) {
		j = report(c, d);
		return cli_print_json(j);
	}
	if (json_is_object(d->diff)) {
		diff_text(d->diff, stdout);
		putchar('\n');
	}
	print_text(c, &d->applied);
	return cli_flush();
}

/* What --keep, its file and --diff ask about the object. */
static int review(struct cli *c, const struct objfile *o, struct done *d)
{
	struct review r = { c, c->args[0], o };
	int status = review_keeps(&r, &d->keeps);

	if (status || !cli_has(c, OPTION_DIFF))
		return status;
	d->diff = review_diff(&r);
	return d->diff ? 0 : EXIT_SYSTEM;
}

static int apply(struct cli *c, const struct skpol_apply_options *o,
		 struct done *d)
{
	struct objfile *object;
	int status = cli_object(c->args[0], &object);

	if (!status)
		status = review(c, object, d);
	handle_begin(c->s);
	if (!status && apply_object(c->s, object, o, &d->applied))
		status = cli_fail(c);
	objfile_free(object);
	if (status)
		return status;
	status = print_done(c, d);
	if (!status && d->applied.changed && cli_has(c, OPTION_DETAILED))
		status = EXIT_CHANGED;
	return status;
}

int cli_apply(struct cli *c)
{
	struct skpol_apply_options o = {
		.size = sizeof(o),
		.require_sockets = cli_has(c, OPTION_REQUIRE),
		.check = cli_has(c, OPTION_CHECK),
		.verifier_log = cli_has(c, OPTION_LOG) ? print_log : NULL,
	};
	const char *confirm = c->values[OPTION_CONFIRM];
	struct done d = { .diff = NULL };
	int status = 0;

	if (confirm && !cli_parse_time(confirm, &o.confirm_ms))
		return cli_error(EXIT_USAGE, "`%s` is no time up to a day: "
				 "30s, 5m, 1h", confirm);
	if (confirm && !o.check)
		status = cli_confirm_start(c);
	if (!status)
		status = apply(c, &o, &d);
	json_decref(d.diff);
	return status;
}

int cli_rollback(struct cli *c)
{
	const char *text = c->nargs ? c->args[0] : "0";
	struct done d = { .diff = NULL };
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (c->nargs && (*end || *text < '1' || *text > '9' || n > UINT32_MAX))
		return cli_error(EXIT_USAGE, "`%s` is no number of a "
				 "generation", text);
	if (skpol_rollback(c->s, (uint32_t)n, &d.applied))
		return cli_fail(c);
	return print_done(c, &d);
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
