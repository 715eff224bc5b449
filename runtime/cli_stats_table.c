/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_stats_table - counters by rule as a table that fits where it is shown
 *
 * In: counters, and those of a while ago for the rates. Out: lines.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auto.h"
#include "cli_json.h"
#include "cli_stats.h"
#include "clock.h"
#include "report.h"

enum { LINE_MAX_BYTES = 4096, NAME_MAX_COLUMNS = 40, HEAD_LINES = 2,
       RATE_COLUMNS = 10 };

struct row {
	const json_t *rule;
	double rate;		/* hits a second; NAN = not known */
	size_t place;		/* in the policy */
};

static uint64_t number(const json_t *j, const char *key)
{
	return report_value(json_object_get(j, key));
}

/* Counters may begin anew: the policy was removed and applied again. */
static double rate_of(const json_t *rule, const struct stats_before *b)
{
	const json_t *old = b && b->rules ? json_object_get(b->rules,
			json_text(rule, "name", "")) : NULL;
	uint64_t now = number(rule, "hits"), then = number(old, "hits");

	if (!old || b->seconds <= 0 || now < then)
		return NAN;
	return (double)(now - then) / b->seconds;
}

static int compare_rates(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	double p = isnan(x->rate) ? 0 : x->rate;
	double q = isnan(y->rate) ? 0 : y->rate;

	if (p != q)
		return p > q ? -1 : 1;
	return x->place < y->place ? -1 : 1;
}

static char *print_rate(double rate, char buf[16])
{
	if (isnan(rate))
		strcpy(buf, "-");
	else
		snprintf(buf, 16, rate < 10 ? "%.1f" : "%.0f", rate);
	return buf;
}

static size_t print_errors(const json_t *errors, char *buf, size_t size)
{
	const char *name, *before = "  (";
	size_t n = 0;
	json_t *v;

	*buf = '\0';
	json_object_foreach((json_t *)errors, name, v) {
		if (!report_value(v) || n >= size)
			continue;
		n += (size_t)snprintf(buf + n, size - n, "%s%s %" PRIu64,
				      before, name, report_value(v));
		before = ", ";
	}
	if (n && n + 1 < size)
		strcpy(buf + n, ")");
	return n;
}

/* LINE without what does not fit; a name may hold bytes of many columns. */
static void print_line(FILE *out, char *line, const struct stats_view *v)
{
	if (v->columns && strlen(line) > (size_t)v->columns)
		line[v->columns] = '\0';
	fprintf(out, "%s\n", line);
}

static void print_row(FILE *out, const struct row *r, int names, bool rates,
		      const struct stats_view *v)
{
	char line[LINE_MAX_BYTES], errors[160], rate[16], age[CLOCK_AGE_MAX];
	const json_t *rule = r->rule;
	uint64_t at = clock_parse(json_text(rule, "last_hit", ""));

	print_errors(json_object_get(rule, "errors"), errors, sizeof(errors));
	snprintf(line, sizeof(line), "%-*.*s  %12" PRIu64 "%*s  %12" PRIu64
		 "  %12" PRIu64 "  %5s  %s%s", names, names,
		 json_text(rule, "name", "?"), number(rule, "hits"),
		 rates ? RATE_COLUMNS : 0,
		 rates ? print_rate(r->rate, rate) : "",
		 number(rule, "missing"), number(rule, "refused"),
		 clock_age(at, age), json_text(rule, "verdict", "?"), errors);
	print_line(out, line, v);
}

static void print_head(FILE *out, int names, bool rates,
		       const struct stats_view *v)
{
	char line[LINE_MAX_BYTES];

	snprintf(line, sizeof(line), "%-*s  %12s%*s  %12s  %12s  %5s  "
		 "verdict", names, "rule", "hits", rates ? RATE_COLUMNS : 0,
		 rates ? "hits/s" : "", "missing", "refused", "last");
	print_line(out, line, v);
}

static struct row *rows_of(const json_t *rules, const struct stats_before *b,
			   const struct stats_view *v)
{
	size_t n = json_array_size(rules), i;
	struct row *rows = calloc(n + 1, sizeof(*rows));
	json_t *rule;

	if (!rows)
		return NULL;
	json_array_foreach(rules, i, rule)
		rows[i] = (struct row){ rule, rate_of(rule, b), i };
	if (v->order == STATS_BY_RATE)
		qsort(rows, n, sizeof(*rows), compare_rates);
	return rows;
}

static int name_width(const json_t *rules, const struct stats_view *v)
{
	int names = json_width(rules, "name", 4);

	return v->columns && names > NAME_MAX_COLUMNS ? NAME_MAX_COLUMNS :
		names;
}

const char *stats_none(const json_t *stats)
{
	if (!json_is_string(json_object_get(stats, "policy")))
		return "no policy here";
	return json_array_size(json_object_get(stats, "rules")) ? NULL :
		"no rule of this policy says `count`";
}

void stats_print(FILE *out, const json_t *stats, const struct stats_before *b,
		 const struct stats_view *v)
{
	const json_t *rules = json_object_get(stats, "rules");
	size_t n = json_array_size(rules), shown = n;
	int names = name_width(rules, v);
	AUTO_FREE struct row *rows = rows_of(rules, b, v);

	if (!rows)
		return;
	if (v->rows && shown + HEAD_LINES > (size_t)v->rows)
		shown = v->rows > HEAD_LINES ? (size_t)v->rows - HEAD_LINES : 0;
	print_head(out, names, b, v);
	for (size_t i = 0; i < shown; i++)
		print_row(out, &rows[i], names, b, v);
}

static uint64_t now(void)
{
	struct timespec t = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void stats_elapse(struct stats_before *b)
{
	uint64_t at = now();

	b->seconds = b->at ? (double)(at - b->at) / 1e9 : 0;
	b->at = at;
}

void stats_keep(struct stats_before *b, const json_t *stats)
{
	json_t *rules = json_object(), *rule;
	size_t i;

	json_array_foreach(json_object_get(stats, "rules"), i, rule)
		json_object_set(rules, json_text(rule, "name", ""), rule);
	json_decref(b->rules);
	b->rules = rules;
}
