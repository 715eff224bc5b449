/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counter - counts by rule name, exact across replacements
 *
 * In: generations. Out: sums by name, as JSON: that is how they are kept.
 */
#include "counter.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "auto.h"

enum {
	FIELDS = sizeof(struct image_counter) / sizeof(uint64_t),
	LAST_HIT = offsetof(struct image_counter, last_hit) / sizeof(uint64_t),
	COUNTERS_MAX = 1 << 20,
};

/* A counter as an array of FIELDS numbers. */
union sums {
	struct image_counter counter;
	uint64_t v[FIELDS];
};

/* A time goes on from the latest, all else is a sum. */
static uint64_t plus(int field, uint64_t a, uint64_t b)
{
	if (field != LAST_HIT)
		return a + b;
	return a > b ? a : b;
}

static int add_sums(json_t *totals, const char *name, const union sums *n)
{
	json_t *a = json_object_get(totals, name);

	if (!a) {
		a = json_array();
		for (int i = 0; i < FIELDS; i++)
			json_array_append_new(a, json_integer(0));
		if (json_object_set_new(totals, name, a))
			return -ENOMEM;
	}
	for (int i = 0; i < FIELDS; i++) {
		json_t *j = json_array_get(a, (size_t)i);

		uint64_t sum = plus(i, (uint64_t)json_integer_value(j),
				    n->v[i]);

		if (json_integer_set(j, (json_int_t)sum))
			return -ENOMEM;
	}
	return 0;
}

static union sums get_sums(const json_t *totals, const char *name)
{
	const json_t *a = json_object_get(totals, name);
	union sums n;

	for (int i = 0; i < FIELDS; i++)
		n.v[i] = (uint64_t)json_integer_value(
			json_array_get(a, (size_t)i));
	return n;
}

struct image_counter counter_get(const json_t *totals, const char *name)
{
	return get_sums(totals, name).counter;
}

/* To take N out of a sum is to add this. A time of a last hit stays. */
static union sums negative(const union sums *n)
{
	union sums minus = { .v = { 0 } };

	for (int i = 0; i < FIELDS; i++)
		minus.v[i] = -n->v[i];
	minus.counter.last_hit = 0;
	return minus;
}

/* Adds the map of G, as it is now, to TOTALS; or takes it out of them. */
static int add_map(struct skpol *s, json_t *totals, const struct generation *g,
		   bool out)
{
	int cpus = libbpf_num_possible_cpus();
	AUTO_FREE union sums *per_cpu = NULL;
	json_t *name;
	size_t i;

	per_cpu = cpus > 0 ? calloc((size_t)cpus, sizeof(*per_cpu)) : NULL;
	if (!per_cpu)
		return fail_memory(s);
	json_array_foreach(json_object_get(g->meta, "counters"), i, name) {
		__u32 key = (__u32)i;
		union sums sum = { .v = { 0 } };

		if (!json_is_string(name) || i >= COUNTERS_MAX)
			continue;
		if (bpf_map_lookup_elem(g->counters, &key, per_cpu))
			return fail_system(s, -EUCLEAN, "the counters of "
					   "generation %u cannot be read",
					   g->number);
		for (int cpu = 0; cpu < cpus; cpu++)
			for (int f = 0; f < FIELDS; f++)
				sum.v[f] = plus(f, sum.v[f],
						per_cpu[cpu].v[f]);
		if (out)
			sum = negative(&sum);
		if (add_sums(totals, json_string_value(name), &sum))
			return fail_memory(s);
	}
	return 0;
}

static bool has_counters(const struct generation *g)
{
	return json_array_size(json_object_get(g->meta, "counters"));
}

/* Adds the map of generation NUMBER; one that is gone is said and is zero. */
static int add_number(struct skpol *s, json_t *totals, uint32_t number)
{
	struct generation g;
	int err = generation_open(s, number, &g);

	if (err == -ENOENT || (!err && !g.meta) ||
	    (!err && has_counters(&g) && g.counters < 0)) {
		note(s, "the counters of generation %u are gone: somebody "
		     "deleted them", number);
		err = 0;
	} else if (!err && has_counters(&g)) {
		err = add_map(s, totals, &g, false);
	}
	generation_close(&g);
	return err;
}

/* Adds all maps in the chain of G, except for those of A and B (0 = none). */
static int add_chain(struct skpol *s, json_t *totals,
		     const struct generation *g, uint32_t a, uint32_t b)
{
	json_t *number;
	size_t i;
	int err = 0;

	json_array_foreach(json_object_get(g->meta, "chain"), i, number) {
		uint32_t n = (uint32_t)json_integer_value(number);

		if (!err && n != a && n != b)
			err = add_number(s, totals, n);
	}
	return err;
}

static json_t *copy_base(struct skpol *s, const struct generation *g)
{
	json_t *totals = g->base ? json_deep_copy(g->base) : json_object();

	if (!totals)
		fail_memory(s);
	return totals;
}

json_t *counter_totals(struct skpol *s, const struct generation *g)
{
	json_t *totals = copy_base(s, g);

	if (totals && add_chain(s, totals, g, 0, 0)) {
		json_decref(totals);
		return NULL;
	}
	return totals;
}

int counter_fold(struct skpol *s, const struct generation *last,
		 const struct generation *old, uint32_t number, json_t **base,
		 json_t **chain)
{
	size_t older = json_array_size(json_object_get(last->meta, "chain"));
	uint32_t taken = old ? old->number : 0;
	int err = older > 1 ? link_quiesce(s) : 0;

	*chain = json_pack("[I]", (json_int_t)number);
	*base = copy_base(s, last);
	if (!*chain || !*base)
		return -ENOMEM;
	if (last->number && json_array_append_new(*chain,
						  json_integer(last->number)))
		return fail_memory(s);
	err = err ? err : add_chain(s, *base, last, last->number, taken);
	if (err || !old || !has_counters(old) || counter_chained(last, taken))
		return err;
	return add_map(s, *base, old, true);
}

bool counter_chained(const struct generation *g, uint32_t number)
{
	json_t *n;
	size_t i;

	json_array_foreach(json_object_get(g->meta, "chain"), i, n)
		if (json_integer_value(n) == number)
			return true;
	return false;
}

json_t *counter_names(const json_t *manifest)
{
	json_t *names = json_array(), *rule;
	size_t i;

	json_array_foreach(json_object_get(manifest, "rules"), i, rule) {
		json_t *counter = json_object_get(rule, "counter");
		size_t at = (size_t)json_integer_value(counter);

		if (!counter || at >= COUNTERS_MAX)
			continue;
		while (json_array_size(names) <= at)
			json_array_append_new(names, json_null());
		json_array_set(names, at, json_object_get(rule, "name"));
	}
	return names;
}
