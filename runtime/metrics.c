/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * metrics - counters and state in the text formats that monitoring reads
 *
 * In: handles. Out: text. The samples of a family must stand together, so each
 * family has a text of its own until all namespaces have been asked.
 */
#include "metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "place.h"
#include "plan.h"
#include "slots.h"
#include "snapshot.h"
#include "state.h"

static const struct {
	const char *name, *type, *unit, *help;
} families[METRIC_COUNT] = {
#define FAMILY(id, name, type, unit, help) \
	[METRIC_##id] = { name, type, unit, help },
	METRICS(FAMILY)
#undef FAMILY
};

struct metrics {
	FILE *f[METRIC_COUNT];
	char *text[METRIC_COUNT];
	size_t size[METRIC_COUNT];
};

struct source {			/* what the samples of a namespace share */
	struct metrics *m;
	const char *netns, *policy;
};

/* Name and value of a label. A NULL name ends a list of them. */
struct label {
	const char *name, *value;
};
#define LABELS(...) ((const struct label[]){ __VA_ARGS__, { NULL, NULL } })

struct metrics *metrics_new(void)
{
	struct metrics *m = calloc(1, sizeof(*m));

	for (int i = 0; m && i < METRIC_COUNT; i++) {
		m->f[i] = open_memstream(&m->text[i], &m->size[i]);
		if (!m->f[i]) {
			metrics_free(m);
			return NULL;
		}
	}
	return m;
}

void metrics_free(struct metrics *m)
{
	for (int i = 0; m && i < METRIC_COUNT; i++) {
		if (m->f[i])
			fclose(m->f[i]);
		free(m->text[i]);
	}
	free(m);
}

static void print_escaped(FILE *f, const char *text)
{
	for (; *text; text++)
		if (*text == '\n')
			fputs("\\n", f);
		else if (*text == '\\' || *text == '"')
			fprintf(f, "\\%c", *text);
		else
			putc(*text, f);
}

static void print_label(FILE *f, const char **before, const char *name,
			const char *value)
{
	fprintf(f, "%s%s=\"", *before, name);
	print_escaped(f, value);
	putc('"', f);
	*before = ",";
}

static void sample(const struct source *s, enum metric id,
		   const struct label *labels, uint64_t value)
{
	FILE *f = s->m->f[id];
	const char *before = "{", *type = families[id].type;

	fputs(families[id].name, f);
	if (!strcmp(type, "counter"))
		fputs("_total", f);
	else if (!strcmp(type, "info"))
		fputs("_info", f);
	if (s->netns)
		print_label(f, &before, "netns", s->netns);
	if (s->policy)
		print_label(f, &before, "policy", s->policy);
	for (; labels && labels->name; labels++)
		print_label(f, &before, labels->name, labels->value);
	fprintf(f, "%s %" PRIu64 "\n", *before == ',' ? "}" : "", value);
}

/* Only a verdict with sockets can miss one. */
static void add_failures(const struct source *s,
			 const struct skpol_rule_stats *r)
{
	const struct { const char *name; uint64_t n; } errors[] = {
		{ "EPROTOTYPE", r->eprototype },
		{ "EAFNOSUPPORT", r->eafnosupport },
		{ "ESOCKTNOSUPPORT", r->esocktnosupport },
		{ "EEXIST", r->eexist }, { "other", r->other },
	};

	sample(s, METRIC_MISSING, LABELS({ "rule", r->name }), r->missing);
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		sample(s, METRIC_REFUSED, LABELS({ "rule", r->name },
			{ "reason", errors[i].name }), errors[i].n);
}

static void add_rule(void *ctx, const struct skpol_rule_stats *r)
{
	const struct source *s = ctx;

	sample(s, METRIC_HITS, LABELS({ "rule", r->name }), r->hits);
	if (strcmp(r->verdict, "pass") && strcmp(r->verdict, "drop"))
		add_failures(s, r);
	if (r->last_hit)
		sample(s, METRIC_LAST_HIT, LABELS({ "rule", r->name }),
		       r->last_hit);
}

static void add_slots(const struct source *s, const struct generation *g)
{
	json_t *j;
	size_t i;

	json_array_foreach(json_object_get(g->meta, "slots"), i, j) {
		struct slot_key k;
		uint32_t slot;

		if (!slot_parse(j, NULL, &k, &slot) || g->sockets < 0)
			continue;
		sample(s, METRIC_REGISTERED, LABELS({ "name", k.name },
			{ "protocol", protocol_name(k.protocol) },
			{ "family", family_name(k.family) }),
		       place_cookie(g->sockets, slot) != 0);
	}
}

static const char *text(const json_t *meta, const char *key)
{
	const char *t = json_string_value(json_object_get(meta, key));

	return t ? t : "";
}

/* Whether rules with `on` mean the interfaces that have these names now. */
static void add_interfaces(const struct source *s, struct skpol *skpol,
			   const struct generation *g)
{
	json_t *j;
	size_t i;

	json_array_foreach(json_object_get(g->meta, "interfaces"), i, j) {
		json_int_t was = json_integer_value(json_object_get(j,
								    "index"));
		const char *name = text(j, "name");
		uint32_t index;

		if (plan_interface_index(skpol, name, &index))
			sample(s, METRIC_INTERFACE, LABELS({ "name", name }),
			       index == was);
	}
}

static void add_policy(struct source *s, struct skpol *skpol,
		       const struct snapshot *n)
{
	const struct generation *g = &n->live.gen;
	char number[16];

	s->policy = text(g->meta, "policy");
	snprintf(number, sizeof(number), "%u", g->number);
	sample(s, METRIC_INFO, LABELS({ "generation", number },
		{ "sha256", text(g->meta, "sha256") }), 1);
	sample(s, METRIC_GENERATION, NULL, g->number);
	snapshot_each(n, add_rule, s);
	add_slots(s, g);
	add_interfaces(s, skpol, g);
}

int metrics_add(struct metrics *m, struct skpol *s, const char *netns)
{
	struct source source = { .m = m, .netns = netns };
	struct snapshot n;
	int err = snapshot_take(s, &n);

	if (err)
		return err;
	if (n.live.link.state != LINK_HIDDEN)
		sample(&source, METRIC_ATTACHED, NULL,
		       live_attached(&n.live));
	if (n.totals)
		add_policy(&source, s, &n);
	snapshot_close(&n);
	return 0;
}

/* The head lines of family I. Only OpenMetrics has a type `info`, and names
 * families without what the names of their samples end in. */
static void write_head(enum metric i, bool openmetrics, FILE *out)
{
	const char *type = families[i].type, *end = "";
	const char *name = families[i].name, *unit = families[i].unit;

	if (!openmetrics && !strcmp(type, "counter"))
		end = "_total";
	if (!openmetrics && !strcmp(type, "info")) {
		end = "_info";
		type = "gauge";
	}
	fprintf(out, "# HELP %s%s %s\n# TYPE %s%s %s\n", name, end,
		families[i].help, name, end, type);
	if (openmetrics && *unit)
		fprintf(out, "# UNIT %s%s %s\n", name, end, unit);
}

int metrics_write(struct metrics *m, bool openmetrics, FILE *out)
{
	for (int i = 0; i < METRIC_COUNT; i++) {
		if (fflush(m->f[i]))
			return -ENOMEM;
		if (!m->size[i])
			continue;
		write_head((enum metric)i, openmetrics, out);
		fwrite(m->text[i], 1, m->size[i], out);
	}
	if (openmetrics)
		fputs("# EOF\n", out);
	return 0;
}

int skpol_metrics(struct skpol *s, const struct skpol_metrics_options *o,
		  char **text)
{
	struct skpol_metrics_options all = { 0 };
	struct metrics *m = metrics_new();
	size_t size;
	FILE *out = open_memstream(text, &size);
	int err = m && out ? 0 : fail_memory(s);

	handle_begin(s);
	if (o)
		memcpy(&all, o, o->size < sizeof(all) ? o->size : sizeof(all));
	err = err ? err : metrics_add(m, s, all.netns);
	if (!err && metrics_write(m, all.openmetrics, out))
		err = fail_memory(s);
	metrics_free(m);
	if (out && fclose(out) && !err)
		err = fail_memory(s);
	if (err && out) {
		free(*text);
		*text = NULL;
	}
	return err;
}
