/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_goal - what the project wants to reach, and what was reached
 *
 * In: the rows of a run. Out: a row for each goal that a set of the run is
 * asked for: the worst of those sets. Of look-ups two, where a set has a program
 * made for the kernel of this machine: with it, too. A goal that is missed is
 * said, and no failure: times are the machine's, too.
 */
#include <fnmatch.h>
#include <string.h>

#include "bench.h"

enum relation { UNDER, AT_MOST_TIMES, AT_LEAST_TIMES };

static const struct goal {
	const char *sets;		/* a pattern */
	const char *stream;		/* of a look-up; NULL: of compiling */
	const char *what;		/* NULL = "O2", else of a cost row */
	enum relation relation;
	const char *other;		/* column, of a relation in times */
	double limit, scale;
	const char *unit;
} goals[] = {
	{ "hand/*", "hot", NULL, UNDER, NULL, 5, 1, "ns" },
	{ "hand/*", "hot", NULL, AT_MOST_TIMES, "hand", 1.3, 1, NULL },
	{ "random4/1000", "uniform", NULL, UNDER, NULL, 5, 1, "ns" },
	{ "random4/1000", "uniform", NULL, AT_LEAST_TIMES, "trie", 14, 1,
	  NULL },
	{ "random4/100000", "uniform", NULL, UNDER, NULL, 12, 1, "ns" },
	{ "random4/100000", "uniform", NULL, AT_LEAST_TIMES, "trie", 70, 1,
	  NULL },
	{ "table", "uniform", NULL, UNDER, NULL, 150, 1, "ns" },
	{ "table", "cold", NULL, UNDER, NULL, 150, 1, "ns" },
	{ "table", NULL, "tables", UNDER, NULL, 40, 1e6, "MB" },
	{ "table", NULL, "compile_s", UNDER, NULL, 6, 1, "s" },
	{ "table", NULL, "mib", UNDER, NULL, 1024, 1, "MiB" },
	{ "table", NULL, "load_s", UNDER, NULL, 1, 1, "s" },
	{ "country", "uniform", NULL, UNDER, NULL, 40, 1, "ns" },
#define CLASSBENCH_GOALS(sets, warm, cold, compiling, loading) \
	{ sets, "trace", NULL, UNDER, NULL, warm, 1, "ns" }, \
	{ sets, "cold", NULL, UNDER, NULL, cold, 1, "ns" }, \
	{ sets, NULL, "compile_s", UNDER, NULL, compiling, 1, "s" }, \
	{ sets, NULL, "mib", UNDER, NULL, 2048, 1, "MiB" }, \
	{ sets, NULL, "load_s", UNDER, NULL, loading, 1, "s" }
	CLASSBENCH_GOALS("classbench/*1k*", 15, 50, 0.3, 0.1),
	CLASSBENCH_GOALS("classbench/*10k*", 40, 80, 2, 0.4),
	CLASSBENCH_GOALS("classbench/*100k*", 100, 160, 30, 2),
};

struct worst {
	double value;
	const char *set;	/* NULL = none of the run was asked */
	bool failed;		/* one did not compile */
	bool native;		/* one has a program for this kernel */
};

static const char *text_of(const json_t *row, const char *key)
{
	const char *s = json_string_value(json_object_get(row, key));

	return s ? s : "";
}

static const json_t *native_of(const json_t *row)
{
	return json_object_get(json_object_get(row, "ns"), "native");
}

/* Of two programs that take less than a nanosecond it is not seen which is faster:
 * the clock, and the empty program, are no better. */
static double seen(double ns)
{
	return ns < 1 ? 1 : ns;
}

/* False when ROW says nothing about G. NATIVE: of that program, if there is. */
static bool reached(const struct goal *g, const json_t *row, bool native,
		    double *value)
{
	const json_t *ns = json_object_get(row, "ns");
	const json_t *v = g->what ? json_object_get(row, g->what) :
		native && native_of(row) ? native_of(row) :
		json_object_get(ns, "O2");
	double other;

	if (!json_is_number(v) || (g->what ? strcmp(text_of(row, "level"),
						    "O2") :
				   strcmp(text_of(row, "stream"), g->stream)))
		return false;
	*value = json_number_value(v) / g->scale;
	if (g->relation == UNDER)
		return true;
	v = json_object_get(ns, g->other);
	if (!json_is_number(v))
		return false;
	other = seen(json_number_value(v));
	*value = g->relation == AT_MOST_TIMES ? seen(*value) / other :
		other / seen(*value);
	return true;
}

static bool is_worse(const struct goal *g, double a, double b)
{
	return g->relation == AT_LEAST_TIMES ? a < b : a > b;
}

static struct worst find_worst(const struct goal *g, const json_t *rows,
			       bool native)
{
	struct worst w = { .set = NULL };
	const json_t *row;
	double value;
	size_t i;

	json_array_foreach(rows, i, row) {
		const char *set = text_of(row, "set");

		if (fnmatch(g->sets, set, 0))
			continue;
		w.native |= !g->what && native_of(row);
		if (!strcmp(text_of(row, "kind"), "failed") &&
		    !strcmp(text_of(row, "level"), "O2")) {
			w.failed = true;
			w.set = set;
		} else if (!w.failed && reached(g, row, native, &value) &&
			   (!w.set || is_worse(g, value, w.value))) {
			w.value = value;
			w.set = set;
		}
	}
	return w;
}

static const char *const relations[] = {
	"under", "at most", "at least",
};

static const char *unit(const struct goal *g)
{
	static char text[48];

	if (g->relation == AT_MOST_TIMES)
		snprintf(text, sizeof(text), "times %s", g->other);
	else if (g->relation == AT_LEAST_TIMES)
		snprintf(text, sizeof(text), "times faster than %s", g->other);
	else
		snprintf(text, sizeof(text), "%s", g->unit);
	return text;
}

static json_t *goal_row(const struct goal *g, const struct worst *w,
			bool native)
{
	bool met = !w->failed && !is_worse(g, w->value, g->limit);

	return json_pack("{ss ss ss ss ss ss sf sf ss sb sb}", "kind", "goal",
			 "set", w->set, "sets", g->sets, "program",
			 native ? "native" : "O2", "what",
			 g->what ? g->what : g->stream, "relation",
			 relations[g->relation], "limit", g->limit,
			 "reached", w->failed ? 0.0 : w->value, "unit",
			 unit(g), "met", met,
			 "failed", w->failed);
}

void goals_add(json_t *rows)
{
	size_t n = json_array_size(rows);
	json_t *all = json_copy(rows);

	for (size_t i = 0; n && i < sizeof(goals) / sizeof(*goals); i++) {
		struct worst w = find_worst(&goals[i], all, false);

		if (w.set)
			json_array_append_new(rows, goal_row(&goals[i], &w,
							     false));
		if (!w.native)
			continue;
		w = find_worst(&goals[i], all, true);
		json_array_append_new(rows, goal_row(&goals[i], &w, true));
	}
	json_decref(all);
}
