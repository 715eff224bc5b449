/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_report - rows: as JSON, as a table
 *
 * In: what was measured. Out: an object a row, of which the table's lines are
 * made, and in the end the file:
 *
 *	{ "version": 1, "kernel": "...", "cpu": "...", "rows": [
 *	  { "kind": "lookup", "set": "random4/1000", "entries": 1000,
 *	    "stream": "uniform", "wrong": 0, "ns": { "O2": 2.1, ... } },
 *	  { "kind": "cost", "set": ..., "level": "O2", "entries": ...,
 *	    "compile_s": ..., "mib": ..., "object": ..., "insns": ...,
 *	    "tables": ..., "load_s": ... },
 *	  { "kind": "failed", "set": ..., "level": ..., "why": "..." },
 *	  { "kind": "goal", "set": (the worst), "program": "O2" or "native",
 *	    "what": ..., "relation": ..., "limit": ..., "reached": ...,
 *	    "unit": ..., "met": true } ] }
 *
 * "ns" is net of the empty program, whose own time is there as "empty".
 */
#include <math.h>
#include <string.h>
#include <sys/utsname.h>

#include "bench.h"

static const char *const columns[] = { "O2", "native", "O1", "O0", "hand",
				       "trie", "hash", "chain" };
static const char *const levels[] = { "O0", "O1", "O2" };
enum { COLUMNS = sizeof(columns) / sizeof(*columns) };

static json_t *tenths(double v)
{
	return json_real(round(v * 10) / 10);
}

json_t *cost_row(const struct workload *w, const struct cost *c)
{
	const char *level = levels[c->optimize];

	if (c->failed[0])
		return json_pack("{ss ss ss sI ss sf}", "kind", "failed", "set",
				 w->name, "level", level, "entries",
				 (json_int_t)w->entries, "why", c->failed,
				 "compile_s", c->compile);
	return json_pack("{ss ss ss sI sf so sI sI sI sf}", "kind", "cost",
			 "set", w->name, "level", level, "entries",
			 (json_int_t)w->entries, "compile_s", c->compile,
			 "mib", tenths(c->mib),
			 "object", (json_int_t)c->object, "insns",
			 (json_int_t)c->insns, "tables",
			 (json_int_t)c->tables, "load_s", c->load);
}

json_t *lookup_row(const struct workload *w, const struct stream *s,
		   const struct bench_program *v, size_t n, const double *ns,
		   size_t wrong)
{
	json_t *times = json_object();

	for (size_t i = 0; i < n; i++)
		json_object_set_new(times, v[i].name, tenths(ns[i]));
	return json_pack("{ss ss sI ss sI so}", "kind", "lookup", "set",
			 w->name, "entries", (json_int_t)w->entries, "stream",
			 stream_name(s->kind), "wrong", (json_int_t)wrong,
			 "ns", times);
}

/* -------------------------------------------------------------- the table */

static void print_head(const char *kind)
{
	if (!strcmp(kind, "lookup")) {
		printf("\nns a look-up, net of the empty program\n"
		       "%-17s %8s %-7s", "set", "entries", "stream");
		for (size_t i = 0; i < COLUMNS; i++)
			printf(" %7s", columns[i]);
	} else if (!strcmp(kind, "cost")) {
		printf("\nwhat compiling and loading takes\n"
		       "%-17s %8s %-5s %9s %7s %9s %8s %10s %7s", "set",
		       "entries", "level", "compile s", "MiB", "object",
		       "insns", "tables", "load s");
	} else {
		printf("\ngoals, and the worst of the sets that are asked");
	}
	printf("\n");
}

static const char *text_of(const json_t *row, const char *key)
{
	const char *s = json_string_value(json_object_get(row, key));

	return s ? s : "";
}

static double number_of(const json_t *row, const char *key)
{
	return json_number_value(json_object_get(row, key));
}

static void print_lookup(const json_t *row)
{
	json_t *ns = json_object_get(row, "ns");

	printf(" %-7s", text_of(row, "stream"));
	for (size_t i = 0; i < COLUMNS; i++) {
		json_t *v = json_object_get(ns, columns[i]);

		if (v)
			printf(" %7.1f", json_number_value(v));
		else
			printf(" %7s", "-");
	}
	if (number_of(row, "wrong") > 0)
		printf("  %.0f WRONG", number_of(row, "wrong"));
}

static void print_cost(const json_t *row)
{
	printf(" %-5s %9.3f %7.1f %9.0f %8.0f %10.0f %7.3f",
	       text_of(row, "level"), number_of(row, "compile_s"),
	       number_of(row, "mib"),
	       number_of(row, "object"), number_of(row, "insns"),
	       number_of(row, "tables"), number_of(row, "load_s"));
}

static void print_goal(const json_t *row)
{
	printf("%-20s %-6s %-9s %s %g %s: ", text_of(row, "sets"),
	       text_of(row, "program"), text_of(row, "what"),
	       text_of(row, "relation"), number_of(row, "limit"),
	       text_of(row, "unit"));
	if (json_is_true(json_object_get(row, "failed")))
		printf("MISSED: %s does not compile\n", text_of(row, "set"));
	else
		printf("%.4g%s (%s)\n", number_of(row, "reached"),
		       json_is_true(json_object_get(row, "met")) ? "" :
		       " MISSED", text_of(row, "set"));
}

void report_kind(const json_t *rows, const char *kind)
{
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
		if (!strcmp(text_of(row, "kind"), kind))
			report_row(row);
}

void report_row(const json_t *row)
{
	static char last[16];
	const char *kind = text_of(row, "kind");

	if (strcmp(kind, "failed") && strcmp(kind, last)) {
		print_head(kind);
		snprintf(last, sizeof(last), "%s", kind);
	}
	if (!strcmp(kind, "goal")) {
		print_goal(row);
		return;
	}
	printf("%-17s %8.0f", text_of(row, "set"), number_of(row, "entries"));
	if (!strcmp(kind, "lookup"))
		print_lookup(row);
	else if (!strcmp(kind, "cost"))
		print_cost(row);
	else
		printf(" %s %s", text_of(row, "level"), text_of(row, "why"));
	printf("\n");
	fflush(stdout);
}

/* --------------------------------------------------------------- the file */

static const char *cpu_name(char *line, size_t size)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	char *name = NULL;

	while (f && !name && fgets(line, (int)size, f))
		if (!strncmp(line, "model name", 10))
			name = strchr(line, ':');
	if (f)
		fclose(f);
	if (!name)
		return "unknown";
	name[strcspn(name, "\n")] = '\0';
	return name + 2;
}

bool report_write(const char *path, json_t *rows)
{
	struct utsname u;
	char line[256], *part;
	json_t *all;
	bool done;

	uname(&u);
	all = json_pack("{si ss ss sO}", "version", 1, "kernel", u.release,
			"cpu", cpu_name(line, sizeof(line)), "rows", rows);
	if (asprintf(&part, "%s.part", path) < 0)
		return false;
	done = !json_dump_file(all, part, JSON_INDENT(1) |
			       JSON_REAL_PRECISION(6)) &&
		!rename(part, path);
	if (!done)
		perror(path);
	free(part);
	json_decref(all);
	return done;
}
