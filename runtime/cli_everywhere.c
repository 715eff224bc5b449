/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_everywhere - skpol VERB --all
 *
 * In: a verb. Out: what it prints, once a namespace, under its name. A verb's
 * JSON is one value, so that it can stand inside of another.
 */
#include <stdio.h>

#include "auto.h"
#include "cli.h"
#include "everywhere.h"

static void print_head(const struct cli *c, const struct everywhere_place *p,
		       bool first)
{
	AUTO_JSON name = p->name && p->reached ? json_string(p->name) :
		json_null();

	if (!cli_has(c, OPTION_JSON)) {
		printf("%s== %s (cookie %s)\n", first ? "" : "\n", p->reached ?
		       p->name ? p->name : "this namespace" :
		       "a namespace without a name or process",
		       p->s->identity);
		return;
	}
	printf("%s{\"netns\":", first ? "" : ",");
	json_dumpf(name, stdout, JSON_ENCODE_ANY);
	printf(",\"cookie\":\"%s\",\"report\":", p->s->identity);
}

/* A verb that fails prints nothing, and that would be no JSON. */
static int run_json(struct cli *c, int (*run)(struct cli *c))
{
	FILE *const out = stdout;
	char *text = NULL;
	size_t size = 0;
	int status;

	stdout = open_memstream(&text, &size);
	if (!stdout) {
		stdout = out;
		return cli_error(EXIT_SYSTEM, "out of memory");
	}
	status = run(c);
	fclose(stdout);
	stdout = out;
	printf("%s}", size ? text : "null");
	free(text);
	return status;
}

static int run_all(struct cli *c, const struct everywhere *e,
		   int (*run)(struct cli *c))
{
	int worst = 0;

	if (cli_has(c, OPTION_JSON))
		fputs("{\"version\":1,\"namespaces\":[", stdout);
	for (size_t i = 0; i < e->n; i++) {
		int status;

		print_head(c, &e->v[i], !i);
		c->s = e->v[i].s;
		status = cli_has(c, OPTION_JSON) ? run_json(c, run) : run(c);
		worst = status > worst ? status : worst;
	}
	if (cli_has(c, OPTION_JSON))
		puts("]}");
	else if (!e->n)
		puts("no namespace has a policy");
	return worst ? worst : cli_flush();
}

int cli_everywhere(struct cli *c, const struct skpol_options *o,
		   int (*run)(struct cli *c))
{
	struct everywhere e;
	int status;

	if (run == cli_metrics)		/* puts them together itself */
		return run(c);
	if (everywhere_find(o, &e))
		return cli_error(EXIT_SYSTEM, "%s", e.message);
	status = run_all(c, &e, run);
	c->s = NULL;
	everywhere_free(&e);
	return status;
}
