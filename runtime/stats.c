/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stats - counts by rule
 *
 * In: a handle. Out: one entry a counted rule, in order of the policy, and the
 * names of those that are not counted; a profile for the compiler.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "auto.h"
#include "clock.h"
#include "report.h"
#include "snapshot.h"

#define JSON_SAFE (1ULL << 53)

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

int skpol_stats(struct skpol *s,
		void (*each)(void *ctx, const struct skpol_rule_stats *r),
		void *ctx)
{
	struct snapshot n;
	int err;

	handle_begin(s);
	err = snapshot_take(s, &n);
	if (!err && n.totals)
		snapshot_each(&n, each, ctx);
	snapshot_close(&n);
	return err;
}

static json_t *last_hit(uint64_t seconds)
{
	char text[CLOCK_TEXT_MAX];

	return seconds ? json_string(clock_print(seconds, text)) : json_null();
}

static void append(void *ctx, const struct skpol_rule_stats *r)
{
	json_array_append_new(ctx, json_pack(
		"{s:s, s:s, s:i, s:s, s:o, s:o, s:o, s:o, s:{s:o, s:o, s:o, "
		"s:o, s:o}}", "name", r->name, "file", r->file, "line",
		(int)r->line, "verdict", r->verdict,
		"hits", report_number(r->hits),
		"missing", report_number(r->missing),
		"refused", report_number(r->refused),
		"last_hit", last_hit(r->last_hit),
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
	json_t *rules, *policy, *uncounted;

	if (snapshot_take(s, &n))
		return NULL;
	rules = json_array();
	policy = n.totals ? json_incref(json_object_get(n.live.gen.meta,
							"policy")) :
		json_null();
	if (n.totals)
		snapshot_each(&n, append, rules);
	uncounted = snapshot_uncounted(&n);
	snapshot_close(&n);
	return json_pack("{s:i, s:o, s:o, s:o}", "version", 1, "policy",
			 policy, "rules", rules, "uncounted", uncounted);
}

/* ------------------------------------------------------------ profile */

static void append_hits(void *ctx, const struct skpol_rule_stats *r)
{
	char hits[24];

	snprintf(hits, sizeof(hits), "%" PRIu64, r->hits);
	json_array_append_new(ctx, json_pack("{s:s, s:s}", "name", r->name,
					     "hits", hits));
}

/* One sentence for all rules that the profile is silent about. */
static void say_uncounted(const struct skpol *s, const json_t *names)
{
	size_t n = json_array_size(names), length = 0, i;
	char list[400] = "";
	json_t *name;

	json_array_foreach(names, i, name) {
		if (length + json_string_length(name) + 16 > sizeof(list)) {
			length += (size_t)snprintf(list + length, sizeof(list)
						   - length, " and others");
			break;
		}
		length += (size_t)snprintf(list + length, sizeof(list) - length,
					   "%s`%s`", i ? ", " : "",
					   json_string_value(name));
	}
	if (n)
		note(s, "%zu rule%s without `count` %s not in the profile, as "
		     "if no packet had met %s: %s", n, n == 1 ? "" : "s",
		     n == 1 ? "is" : "are", n == 1 ? "it" : "them", list);
}

json_t *report_profile(struct skpol *s)
{
	AUTO_JSON uncounted = NULL;
	struct snapshot n;
	json_t *rules, *j;

	if (snapshot_take(s, &n))
		return NULL;
	if (!n.totals) {
		fail_input(s, -ENOENT, "there is no policy here that packets "
			   "could have met");
		return NULL;
	}
	rules = json_array();
	snapshot_each(&n, append_hits, rules);
	uncounted = snapshot_uncounted(&n);
	say_uncounted(s, uncounted);
	j = json_pack("{s:i, s:O, s:O, s:o}", "version", 1,
		      "policy", json_object_get(n.live.gen.meta, "policy"),
		      "sha256", json_object_get(n.live.gen.meta, "sha256"),
		      "rules", rules);
	snapshot_close(&n);
	if (!j)
		fail_memory(s);
	return j;
}

int skpol_profile_json(struct skpol *s, char **json)
{
	AUTO_JSON j = NULL;

	handle_begin(s);
	j = report_profile(s);
	*json = j ? json_dumps(j, JSON_INDENT(1)) : NULL;
	if (j && !*json)
		fail_memory(s);
	return *json ? 0 : s->fault == SKPOL_FAULT_INPUT ? -ENOENT : -EIO;
}
