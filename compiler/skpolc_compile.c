/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skpolc_compile - skpolc FILE.skl -o FILE.o, check, json
 *
 * In: a policy. Out: an object or another form of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assemble.h"
#include "skpolc.h"

static void print_rules(const struct compiled *c, FILE *out)
{
	for (size_t i = 0; i < c->policy->nrules; i++) {
		const struct policy_rule *r = &c->policy->rules[i];

		fprintf(out, "%zu\t%s\n", i + 1, r->text);
		if (strcmp(r->name, r->text))
			fprintf(out, "\t%s\n", r->name);
	}
}

static int object(struct skpolc *k, struct compiled *c, void **bytes,
		  size_t *size)
{
	char error[256];
	int err = compile_object(c, &k->options, bytes, size, error);

	if (!err)
		return 0;
	return skpolc_error(err == -EINVAL ? EXIT_INTERNAL : EXIT_SYSTEM,
			    "%s", error);
}

/* Any other form than an object, as text in memory. */
static int text(struct skpolc *k, struct compiled *c, void **bytes,
		size_t *size)
{
	char *out = NULL;
	FILE *f = open_memstream(&out, size);
	json_t *m = NULL;

	if (!f)
		return skpolc_error(EXIT_SYSTEM, "%s", strerror(errno));
	if (!strcmp(k->emit, "asm")) {
		disassemble(c->image, f);
	} else if (!strcmp(k->emit, "dot")) {
		if (c->forest)
			forest_dot(c->forest, c->policy, f);
		else
			diagram_dot(c->diagram, c->policy, f);
	} else if (!strcmp(k->emit, "rules")) {
		print_rules(c, f);
	} else {
		m = compile_manifest(c, &k->options);
		json_dumpf(m, f, JSON_INDENT(2) | JSON_SORT_KEYS);
		fputc('\n', f);
		json_decref(m);
	}
	if (fclose(f))
		return skpolc_error(EXIT_SYSTEM, "%s", strerror(errno));
	*bytes = out;
	return 0;
}

int skpolc_compile(struct skpolc *k)
{
	bool is_object = !k->emit || !strcmp(k->emit, "obj");
	struct compiled c;
	void *bytes = NULL;
	size_t size = 0;
	int status;

	if (!k->output && !is_object)
		k->output = "-";
	if (!k->output)
		return skpolc_error(EXIT_USAGE, "say where to, with -o FILE.o");
	status = skpolc_load(k, k->args[0], COMPILE_ALL, &c);
	if (status)
		return status;
	status = is_object ? object(k, &c, &bytes, &size) :
		text(k, &c, &bytes, &size);
	if (!status)
		status = skpolc_write(k, &c, bytes, size);
	if (!status && k->report)
		skpolc_report(k, &c, is_object ? size : 0);
	free(bytes);
	compiled_free(&c);
	return status;
}

int skpolc_check(struct skpolc *k)
{
	struct compiled c;
	int status = skpolc_load(k, k->args[0], COMPILE_ALL, &c);

	if (status)
		return status;
	if (k->report)
		skpolc_report(k, &c, 0);
	compiled_free(&c);
	return 0;
}

int skpolc_json(struct skpolc *k)
{
	k->emit = "json";
	return skpolc_compile(k);
}
