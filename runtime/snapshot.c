/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snapshot - what runs, and its counters, of one moment
 *
 * In: a handle. Out: a generation and sums. Promise: the numbers are those of
 * one moment between the call and its return.
 */
#include "snapshot.h"

#include <errno.h>

#include "auto.h"
#include "clock.h"
#include "counter.h"
#include "state.h"

enum { SNAPSHOT_TRIES = 20 };

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
		.other = c.other, .last_hit = clock_of_jiffies(c.last_hit),
	};
}

/* Two nameless rules of one text share a counter: it is listed once. */
static bool first_of_name(json_t *seen, const char *name)
{
	if (json_object_get(seen, name))
		return false;
	json_object_set_new(seen, name, json_true());
	return true;
}

void snapshot_each(const struct snapshot *n,
		   void (*each)(void *ctx, const struct skpol_rule_stats *r),
		   void *ctx)
{
	const json_t *manifest = n->live.gen.manifest;
	AUTO_JSON seen = json_object();
	json_t *rule;
	size_t i;

	json_array_foreach(json_object_get(manifest, "rules"), i, rule) {
		struct skpol_rule_stats r;

		if (!json_object_get(rule, "counter") ||
		    !first_of_name(seen, text(rule, "name")))
			continue;
		r = rule_stats(manifest, rule, n->totals);
		each(ctx, &r);
	}
}

json_t *snapshot_uncounted(const struct snapshot *n)
{
	AUTO_JSON seen = json_object();
	json_t *list = json_array(), *rule;
	size_t i;

	json_array_foreach(json_object_get(n->live.gen.manifest, "rules"), i,
			   rule)
		if (!json_object_get(rule, "counter") &&
		    first_of_name(seen, text(rule, "name")))
			json_array_append(list, json_object_get(rule, "name"));
	return list;
}

void snapshot_close(struct snapshot *n)
{
	live_close(&n->live);
	json_decref(n->totals);
	n->totals = NULL;
}

/* Is what was read still what runs? Else its counters may be half gone. */
static bool is_current(struct skpol *s, const struct snapshot *n)
{
	struct live now;
	bool same;

	if (live_find(s, &now))
		return false;
	same = now.link.state == n->live.link.state &&
		now.link.program_id == n->live.link.program_id &&
		now.gen.number == n->live.gen.number;
	live_close(&now);
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
		snapshot_close(n);
	return err;
}

int snapshot_take(struct skpol *s, struct snapshot *n)
{
	int err = state_find(s);

	*n = (struct snapshot){ { { .fd = -1 }, GENERATION_NONE }, NULL };
	if (err)
		return err == -ENOENT ? 0 : err;
	for (int i = 0; i < SNAPSHOT_TRIES; i++) {
		struct skpol quiet = *s;

		quiet.note = NULL;
		err = take_once(i + 1 < SNAPSHOT_TRIES ? &quiet : s, n);
		if (!err && is_current(s, n))
			return 0;
		snapshot_close(n);
	}
	return err ? err : fail_system(s, -EAGAIN, "the policy is replaced "
				       "faster than its counters can be read");
}
