/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stats - counts by rule
 *
 * In: a handle. Out: one entry a counted rule, in order of the policy. The
 * numbers are those of one moment between the call and its return: if the
 * policy is replaced meanwhile, it is read again.
 */
#include <errno.h>
#include <stdio.h>

#include "auto.h"
#include "counter.h"
#include "report.h"
#include "state.h"

#define JSON_SAFE (1ULL << 53)

enum { STATS_TRIES = 20 };

json_t *report_number(uint64_t n)
{
	char text[24];

	if (n <= JSON_SAFE)
		return json_integer((json_int_t)n);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	return json_string(text);
}

uint64_t report_value(const json_t *j)
{
	return json_is_string(j) ? strtoull(json_string_value(j), NULL, 10) :
		(uint64_t)json_integer_value(j);
}

static const char *text(const json_t *rule, const char *key)
{
	const char *t = json_string_value(json_object_get(rule, key));

	return t ? t : "";
}

static struct skpol_rule_stats rule_stats(const json_t *manifest,
					  const json_t *rule,
					  const json_t *totals)
{
	const json_t *files = json_object_get(manifest, "files");
	size_t file = (size_t)json_integer_value(json_object_get(rule,
								 "file"));
	const char *name = json_string_value(json_array_get(files, file));
	struct image_counter c = counter_get(totals, text(rule, "name"));

	return (struct skpol_rule_stats){
		.name = text(rule, "name"), .verdict = text(rule, "verdict"),
		.file = name ? name : "",
		.line = (uint32_t)json_integer_value(json_object_get(rule,
								     "line")),
		.hits = c.hits, .missing = c.missing,
		.refused = c.eprototype + c.eafnosupport + c.esocktnosupport +
			c.eexist + c.other,
		.eprototype = c.eprototype, .eafnosupport = c.eafnosupport,
		.esocktnosupport = c.esocktnosupport, .eexist = c.eexist,
		.other = c.other,
	};
}

/* Two nameless rules of one text share a counter: it is listed once. */
static bool listed(json_t *seen, const json_t *rule)
{
	const char *name = text(rule, "name");

	if (!json_object_get(rule, "counter") || json_object_get(seen, name))
		return true;
	json_object_set_new(seen, name, json_true());
	return false;
}

static void each_rule(const json_t *manifest, const json_t *totals,
		      void (*each)(void *ctx, const struct skpol_rule_stats *r),
		      void *ctx)
{
	AUTO_JSON seen = json_object();
	json_t *rule;
	size_t i;

	json_array_foreach(json_object_get(manifest, "rules"), i, rule) {
		struct skpol_rule_stats r;

		if (listed(seen, rule))
			continue;
		r = rule_stats(manifest, rule, totals);
		each(ctx, &r);
	}
}

struct snapshot {
	struct live live;
	json_t *totals;		/* NULL = no policy */
};

static void close_snapshot(struct snapshot *n)
{
	live_close(&n->live);
	json_decref(n->totals);
	n->totals = NULL;
}

/* Is what was read still what runs? Else its counters may be half gone. */
static bool is_current(struct skpol *s, const struct snapshot *n)
{
	struct link_view now;
	bool same;

	if (link_view(s, &now))
		return false;
	same = now.state == n->live.link.state &&
		now.program_id == n->live.link.program_id;
	link_close(&now);
	return same;
}

static int take_once(struct skpol *s, struct snapshot *n)
{
	int err = live_find(s, &n->live);

	n->totals = NULL;
	if (err || !n->live.gen.number)
		return err;
	err = generation_read_manifest(s, &n->live.gen);
	if (!err) {
		n->totals = counter_totals(s, &n->live.gen);
		err = n->totals ? 0 : -EUCLEAN;
	}
	if (err)
		close_snapshot(n);
	return err;
}

static int take(struct skpol *s, struct snapshot *n)
{
	int err = state_find(s);

	*n = (struct snapshot){ { { .fd = -1 }, GENERATION_NONE }, NULL };
	if (err)
		return err == -ENOENT ? 0 : err;
	for (int i = 0; i < STATS_TRIES; i++) {
		struct skpol quiet = *s;

		quiet.note = NULL;
		err = take_once(i + 1 < STATS_TRIES ? &quiet : s, n);
		if (!err && is_current(s, n))
			return 0;
		close_snapshot(n);
	}
	return err ? err : fail_system(s, -EAGAIN, "the policy is replaced "
				       "faster than its counters can be read");
}

int skpol_stats(struct skpol *s,
		void (*each)(void *ctx, const struct skpol_rule_stats *r),
		void *ctx)
{
	struct snapshot n;
	int err;

	handle_begin(s);
	err = take(s, &n);
	if (!err && n.totals)
		each_rule(n.live.gen.manifest, n.totals, each, ctx);
	close_snapshot(&n);
	return err;
}

static void append(void *ctx, const struct skpol_rule_stats *r)
{
	json_array_append_new(ctx, json_pack(
		"{s:s, s:s, s:i, s:s, s:o, s:o, s:o, s:{s:o, s:o, s:o, s:o, "
		"s:o}}", "name", r->name, "file", r->file, "line",
		(int)r->line, "verdict", r->verdict,
		"hits", report_number(r->hits),
		"missing", report_number(r->missing),
		"refused", report_number(r->refused),
		"errors",
		"EPROTOTYPE", report_number(r->eprototype),
		"EAFNOSUPPORT", report_number(r->eafnosupport),
		"ESOCKTNOSUPPORT", report_number(r->esocktnosupport),
		"EEXIST", report_number(r->eexist),
		"other", report_number(r->other)));
}

json_t *report_stats(struct skpol *s)
{
	struct snapshot n;
	json_t *rules, *policy;
	int err = take(s, &n);

	if (err)
		return NULL;
	rules = json_array();
	policy = n.totals ? json_incref(json_object_get(n.live.gen.meta,
							"policy")) :
		json_null();
	if (n.totals)
		each_rule(n.live.gen.manifest, n.totals, append, rules);
	close_snapshot(&n);
	return json_pack("{s:i, s:o, s:o}", "version", 1, "policy", policy,
			 "rules", rules);
}
