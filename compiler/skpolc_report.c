/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skpolc_report - skpolc --report: what was made, how, and why not otherwise
 *
 * In: a compiled policy. Out: lines, or with --json one object, on standard
 * error: the object itself may go to standard output.
 */
#include <stdlib.h>
#include <string.h>

#include "../grammar/visible.h"
#include "skpolc.h"

static const char *const kind_names[] = { "compares", "direct", "index",
					  "buckets", "levels", "bits",
					  "window", "keys" };

/* How a choice looks: "18 bits, then 3 halvings". */
static const char *describe(struct arena *a, const struct lower_choice *c)
{
	switch ((enum lowered_kind)c->kind) {
	case LOWERED_DIRECT:
		return arena_printf(a, "a value for each of %u bits", c->bits);
	case LOWERED_INDEX:
		return arena_printf(a, "%u bits, then %u halvings, %u bytes a "
				    "cut", c->bits, c->steps, c->entry);
	case LOWERED_BUCKETS:
		return arena_printf(a, "%u bits, then %u halvings in %u bytes%s",
				    c->bits, c->steps, c->entry << c->steps,
				    c->rows ? ", beside rows" : "");
	case LOWERED_LEVELS:
		return arena_printf(a, "%u bits, in up to %u levels", c->bits,
				    c->levels);
	case LOWERED_BITS:
		return arena_printf(a, "%u bits of a constant, one for %llu "
				    "value%s", c->cells, 1ULL << c->bits,
				    c->bits ? "s" : "");
	case LOWERED_WINDOW:
		return arena_printf(a, "%u cells, one for %llu value%s",
				    c->cells, 1ULL << c->bits,
				    c->bits ? "s" : "");
	case LOWERED_KEYS:
		return arena_printf(a, "%u values, each in one of two buckets "
				    "of %u", c->cells, c->entry);
	case LOWERED_COMPARES:
		break;
	}
	return "a tree";
}

/* The field, and which bits of it where it is wider than a word. */
static const char *what(struct arena *a, const struct lowered *e)
{
	uint8_t field = word_info[e->word].field;
	unsigned int first = 96u - word_info[e->word].shift;

	if (field != FIELD_LADDR6 && field != FIELD_RADDR6)
		return field_name(field);
	return arena_printf(a, "%s, bits %u to %u", field_name(field), first,
			    first + (e->wide ? 63 : 31));
}

/* FILE:LINE of the rule, and its name. */
static const char *where(struct compiled *c, const struct lowered *e)
{
	const struct policy_rule *r;
	struct source_position at;

	if (e->rule >= c->policy->nrules)
		return "no rule";
	r = &c->policy->rules[e->rule];
	at = source_position(&c->sources, r->ast->place.file,
			     r->ast->place.begin);
	return arena_printf(&c->arena, "%s:%u `%s`",
			    visible_text(&c->arena, c->sources.files[
				r->ast->place.file].name), at.line, r->name);
}

static bool is_weighed(const struct skpolc *k, const struct compiled *c)
{
	return c->profile.hits && k->options.optimize;
}

/* -------------------------------------------------------------- as text */

static void print_diagram(const struct diagram *d)
{
	struct diagram_stats s = diagram_stats(d);

	fprintf(stderr, "%zu nodes, %zu cuts, depth %zu\n", s.nodes, s.cuts,
		s.depth);
}

static void print_forest(const struct forest *f)
{
	fprintf(stderr, "forest       %zu trees, the lowest rule wins\n",
		f->ntrees);
	for (size_t i = 0; i < f->ntrees; i++) {
		fprintf(stderr, "  tree %zu     %zu terms, ", i + 1,
			f->trees[i].nterms);
		print_diagram(f->trees[i].diagram);
	}
}

static void print_profile(const struct compiled *c)
{
	const struct profile_match *m = &c->profile;
	const struct weight_gain *gain = &c->program.gain;

	fprintf(stderr, "profile      %llu hits of %zu rule%s; %zu rule%s not "
		"in it weigh%s nothing\n", (unsigned long long)m->total,
		m->nrules, m->nrules == 1 ? "" : "s", m->nsilent,
		m->nsilent == 1 ? "" : "s", m->nsilent == 1 ? "s" : "");
	fprintf(stderr, "expected     %.1f instructions and %.2f branches "
		"missed to the verdict%s, %.1f and %.2f without the profile"
		"%s\n",
		gain->after.instructions, gain->after.missed,
		c->program.lowered.products.bytes ? " of IPv6 packets" : "",
		gain->before.instructions, gain->before.missed,
		gain->reordered ? "; other fields first" : "");
}

static void print_lowered(struct compiled *c, const struct lowered *e)
{
	fprintf(stderr, "  %s: %s, %u cuts\n", where(c, e),
		what(&c->arena, e), e->cuts);
	for (unsigned int i = 0; i < e->nchoices; i++) {
		const struct lower_choice *k = &e->choices[i];

		fprintf(stderr, "    %c %-8s %8.1f ns %10zu bytes  %s\n",
			i ? ' ' : '*', kind_names[k->kind],
			(double)k->cost / 10, k->bytes,
			describe(&c->arena, k));
	}
}

/* Where tables have IPv4, the mean is that of the families. */
static void print_expected(const struct compiled *c)
{
	const struct lower_report *r = &c->program.lowered;
	double four = r->products.cost / 10.0;

	fputs("look-up      ", stderr);
	if (r->products.bytes)
		fprintf(stderr, "%.1f ns of IPv4, %.1f of IPv6", four,
			r->expected / 5 - four);
	else
		fprintf(stderr, "%.1f ns", r->expected / 10);
	fprintf(stderr, " up to the verdict, if every interval is met as "
		"often%s\n", r->hosts[0].n || r->hosts[1].n ?
		" and no packet is of these hosts" : "");
}

static void print_lowering(struct compiled *c)
{
	const struct lower_report *r = &c->program.lowered;

	print_expected(c);
	if (!r->n)
		return;
	fprintf(stderr, "large blocks %zu (* chosen, and what else it would "
		"take)\n", r->n);
	for (size_t i = 0; i < r->n; i++)
		print_lowered(c, &r->v[i]);
}

static const char *const named_hosts[] = {
	[HOSTS_LOCAL] = "local", [HOSTS_REMOTE] = "remote",
	[HOSTS_LOCAL | HOSTS_REMOTE] = "pairs of",
};

static void print_hosts(const struct lower_report *r)
{
	for (int f = 0; f < 2; f++) {
		const struct lowered_hosts *h = &r->hosts[f];

		if (h->n)
			fprintf(stderr, "hosts        %zu %s %s hosts, found in "
				"one look-up; %zu bytes\n", h->n,
				named_hosts[h->named], f ? "IPv6" : "IPv4",
				h->bytes);
	}
}

static const char *const product_names[PRODUCT_FIELDS] = {
	[PRODUCT_LOCAL] = "local address", [PRODUCT_REMOTE] = "remote address",
	[PRODUCT_LPORT] = "protocol and local port",
	[PRODUCT_RPORT] = "remote port",
};

static void print_products(const struct lowered_products *p)
{
	fprintf(stderr, "products     IPv4 by tables alone, %zu bytes\n",
		p->bytes);
	for (int i = 0; i < PRODUCT_FIELDS; i++) {
		uint8_t field = p->sequence[i];

		if (p->columns[field])
			fprintf(stderr, "  %u kinds of %s\n",
				p->columns[field], product_names[field]);
	}
}

/* What the program is made of. */
static void print_diagrams(const struct compiled *c)
{
	bool tables = c->program.lowered.products.bytes;

	if (tables)
		print_products(&c->program.lowered.products);
	if (c->program.trees) {
		print_forest(c->program.trees);
		return;
	}
	fputs(tables ? "diagram      of IPv6, " : "diagram      ", stderr);
	print_diagram(c->program.diagram);
}

static void print(const struct skpolc *k, struct compiled *c, size_t size)
{
	fprintf(stderr, "policy       %s\n", c->policy->name);
	fprintf(stderr, "rules        %zu\n", c->policy->nrules);
	print_diagrams(c);
	if (is_weighed(k, c))
		print_profile(c);
	else if (c->profile.hits)
		fputs("profile      not used at -O0\n", stderr);
	fprintf(stderr, "instructions %zu, at most %zu for one packet\n",
		c->image->ninsns, image_longest_path(&c->arena, c->image));
	fprintf(stderr, "tables       %zu bytes\n", c->image->rodata_size);
	if (size)
		fprintf(stderr, "object       %zu bytes\n", size);
	fprintf(stderr, "kernel       %s or newer\n", c->oldest->name);
	fprintf(stderr, "proof        %s%s, %llu states, %llu ranges\n",
		c->proof.ok ? "for all packets" : "not for this policy: ",
		c->proof.ok ? "" : c->proof.why ? c->proof.why : "not tried",
		(unsigned long long)c->proof.states,
		(unsigned long long)c->proof.pieces);
	print_hosts(&c->program.lowered);
	print_lowering(c);
}

/* -------------------------------------------------------------- as JSON */

static json_t *choice_json(struct arena *a, const struct lower_choice *k)
{
	return json_pack("{ss,sf,sI,ss}", "shape", kind_names[k->kind], "ns",
			 (double)k->cost / 10, "bytes", (json_int_t)k->bytes,
			 "how", describe(a, k));
}

static json_t *lowered_json(struct compiled *c, const struct lowered *e)
{
	json_t *choices = json_array();

	for (unsigned int i = 0; i < e->nchoices; i++)
		json_array_append_new(choices, choice_json(&c->arena,
							   &e->choices[i]));
	return json_pack("{ss,ss,si,so}", "rule", where(c, e), "field",
			 what(&c->arena, e), "cuts", (int)e->cuts, "choices",
			 choices);
}

static json_t *hosts_json(const struct lower_report *r)
{
	json_t *all = json_array();

	for (int f = 0; f < 2; f++) {
		const struct lowered_hosts *h = &r->hosts[f];

		if (h->n)
			json_array_append_new(all, json_pack(
				"{ss,sb,sb,sI,sI}", "family", f ? "ip6" : "ip4",
				"local", h->named & HOSTS_LOCAL ? 1 : 0,
				"remote", h->named & HOSTS_REMOTE ? 1 : 0,
				"hosts", (json_int_t)h->n, "bytes",
				(json_int_t)h->bytes));
	}
	return all;
}

static json_t *diagram_json(const struct diagram *d)
{
	struct diagram_stats s = diagram_stats(d);

	return json_pack("{sI,sI,sI}", "nodes", (json_int_t)s.nodes, "cuts",
			 (json_int_t)s.cuts, "depth", (json_int_t)s.depth);
}

/* One, or those of a forest. */
static json_t *diagrams_json(const struct compiled *c)
{
	const struct forest *f = c->program.trees;
	json_t *all = json_array();

	for (size_t i = 0; f && i < f->ntrees; i++)
		json_array_append_new(all, diagram_json(f->trees[i].diagram));
	if (!f)
		json_array_append_new(all, diagram_json(c->program.diagram));
	return all;
}

/* Columns of what is asked for, 0 of the rest; or null. */
static json_t *products_json(const struct lowered_products *p)
{
	if (!p->bytes)
		return json_null();
	return json_pack("{sI,s{sI,sI,sI,sI}}", "bytes",
			 (json_int_t)p->bytes, "kinds", "local",
			 (json_int_t)p->columns[PRODUCT_LOCAL], "remote",
			 (json_int_t)p->columns[PRODUCT_REMOTE], "local_port",
			 (json_int_t)p->columns[PRODUCT_LPORT], "remote_port",
			 (json_int_t)p->columns[PRODUCT_RPORT]);
}

/* "hits" is a string: it may be more than 2^53. */
static json_t *profile_json(struct compiled *c)
{
	const struct profile_match *m = &c->profile;
	const struct weight_cost *with = &c->program.gain.after;
	const struct weight_cost *without = &c->program.gain.before;

	return json_pack("{ss,sI,sI,s{sf,sf},s{sf,sf}}", "hits",
			 arena_printf(&c->arena, "%llu",
				      (unsigned long long)m->total),
			 "rules", (json_int_t)m->nrules, "silent",
			 (json_int_t)m->nsilent, "expected", "instructions",
			 with->instructions, "missed", with->missed,
			 "without", "instructions", without->instructions,
			 "missed", without->missed);
}

static json_t *report_json(const struct skpolc *k, struct compiled *c,
			   size_t size)
{
	const struct lower_report *r = &c->program.lowered;
	json_t *blocks = json_array();

	for (size_t i = 0; i < r->n; i++)
		json_array_append_new(blocks, lowered_json(c, &r->v[i]));
	return json_pack("{si,ss,sI,sI,sI,sI,so,ss,sb,sf,so,so,so,so,so}",
			 "version", 1,
			 "policy", c->policy->name, "rules",
			 (json_int_t)c->policy->nrules, "instructions",
			 (json_int_t)c->image->ninsns, "longest_path",
			 (json_int_t)image_longest_path(&c->arena, c->image),
			 "table_bytes", (json_int_t)c->image->rodata_size,
			 "object_bytes", size ? json_integer((json_int_t)size) :
			 json_null(), "kernel",
			 c->oldest->name, "proved", (int)c->proof.ok,
			 "expected_ns", r->expected / 10, "blocks", blocks,
			 "hosts", hosts_json(r), "products",
			 products_json(&r->products), "diagrams",
			 diagrams_json(c), "profile", is_weighed(k, c) ?
			 profile_json(c) : json_null());
}

void skpolc_report(struct skpolc *k, struct compiled *c, size_t size)
{
	json_t *j;

	if (!k->json) {
		print(k, c, size);
		return;
	}
	j = report_json(k, c, size);
	json_dumpf(j, stderr, JSON_REAL_PRECISION(6));
	fputc('\n', stderr);
	json_decref(j);
}
