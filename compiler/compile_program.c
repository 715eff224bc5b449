/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compile_program - diagrams to an image, in one way or another
 *
 * In: a policy, its diagram or forest, its effects. Out: c->image, and what was
 * chosen; or too-large is reported. What is tried, and in which order: what there
 * is; IPv4 as tables alone; where one diagram is too large, a forest, and with less
 * and less of it as code; and a table of hosts before all that, without what this
 * answers in the diagrams.
 */
#include "compile_size.h"

#include "block.h"
#include "layout.h"
#include "lower.h"

enum { REST_WEIGHT = 100000 };	/* of what IPv6 packets get: instructions, about */

static const struct place *rule_places(struct compiled *c)
{
	const struct policy *p = c->policy;
	struct place *v = arena_array(&c->arena, p->nrules + 1, sizeof(*v));

	for (size_t i = 0; i < p->nrules; i++)
		v[i] = p->rules[i].ast->place;
	v[p->nrules] = p->ast->policy.place;	/* what is nobody's */
	return v;
}

static void metadata(struct compiled *c, struct rodata *r)
{
	char hex[65];

	source_digest(&c->sources, hex);
	rodata_text(r, "bpf_metadata_skpol_policy", c->policy->name);
	rodata_text(r, "bpf_metadata_skpol_source", hex);
	rodata_text(r, "bpf_metadata_skpol_compiler", PACKAGE_VERSION_TEXT);
}

static void image_numbers(struct compiled *c)
{
	struct image *m = c->image;

	m->nslots = c->policy->nslots;
	m->ninterfaces = (uint32_t)c->policy->ninterfaces;
	m->events = c->effects->traces;
	m->ifindex = c->target->ifindex;
	m->ncounters = c->policy->ncounters + m->events;
}

struct lowered_code {
	struct code code;
	struct rodata rodata;
};

static void lower_once(struct compiled *c, struct lower_input *in,
		       struct lowered_code *out)
{
	c->program.lowered = (struct lower_report){ 0 };
	out->rodata = (struct rodata){ .arena = &c->arena };
	code_init(&out->code, &c->arena);
	lower(&c->arena, in, &out->code, &out->rodata);
}

static struct forest_ranks *rank_forest(struct compiled *c,
					const struct forest_rank_options *o)
{
	struct forest_ranks *out = arena_alloc(&c->arena, sizeof(*out));

	forest_rank(&c->arena, c->program.trees, c->policy, c->effects, o, out);
	return out;
}

/* Its order is found once, however often it is lowered. */
static struct forest_ranks *weigh_forest(struct compiled *c,
					 const struct compile_options *o,
					 const uint64_t *hits)
{
	static const struct forest_rank_options plain = { .pack = true };
	struct forest_ranks *r;

	if (!c->program.weighed)
		weight_forest(&c->arena, c->policy, c->program.trees,
			      rank_forest(c, &plain), hits, o->optimize,
			      &c->program.gain);
	c->program.weighed = true;
	r = rank_forest(c, &plain);
	weight_ranks(&c->arena, c->policy, c->program.trees, r, hits, o->optimize);
	return r;
}

static void lower_ranked(struct compiled *c, const struct compile_options *o,
			 const struct forest_rank_options *ranking,
			 struct lower_input *in, struct lowered_code *out)
{
	const uint64_t *hits = o->optimize ? c->profile.hits : NULL;
	struct forest_ranks *weighed = hits ? weigh_forest(c, o, hits) : NULL;

	c->program.ranks = rank_forest(c, ranking);
	if (weighed)
		forest_take_weights(c->program.ranks, weighed);
	in->forest = c->program.ranks;
	lower_once(c, in, out);
}

/* With numbers of 16 bits, unless it turns out that these are too few. */
static void lower_trees(struct compiled *c, const struct compile_options *o,
			struct lower_input *in, struct lowered_code *out)
{
	struct forest_rank_options ranking = {
		.zones = size_wants_rows(c, o),
		.narrow = o->optimize > 1 && !o->homes,
		.pack = !o->all_data,
	};
	enum lower_room room = ROOM_ENOUGH;

	in->room = &room;
	lower_ranked(c, o, &ranking, in, out);
	if (room == ROOM_ENOUGH)
		return;
	ranking.narrow = room == ROOM_UNPACKED;
	ranking.pack &= !ranking.narrow;
	lower_ranked(c, o, &ranking, in, out);
}

struct clauses {
	struct clause *v;
	size_t n;
};

struct how {
	size_t tree_code;	/* of all trees; the rest is data */
	const struct hosts *hosts;	/* by family, in a table; or NULL */
	const struct products *products;	/* all IPv4 packets; or NULL */
	const uint8_t *answered;	/* terms that hosts answer; or NULL */
	struct forest *trees;		/* of all others; or NULL, and */
	struct diagram *diagram;	/* one, of all clauses, or */
	struct clauses left;		/* of these, where there are some */
};

/* The diagram, or with a profile another one of the same packets. */
static void lower_diagram(struct compiled *c, const struct compile_options *o,
			  const struct how *how, struct lower_input *in,
			  struct lowered_code *out)
{
	const uint64_t *hits = o->optimize ? c->profile.hits : NULL;
	struct arena *a = &c->arena;
	struct weight_input weights = weight_of_policy(a, c->policy,
						       c->effects, hits,
						       o->optimize);
	struct diagram *d = how->diagram;
	struct blocks blocks;

	if (how->left.v) {
		weights.clauses = how->left.v;
		weights.nclauses = how->left.n;
	}
	if (hits)
		d = weight_order(a, &weights, d, &c->program.gain);
	weight_make_blocks(a, &weights, d, &blocks);
	in->blocks = &blocks;
	lower_once(c, in, out);
	c->program.diagram = d;
}

/* Tables that need not be there are no reason to refuse the target. Products keep
 * to the oldest one even where none was asked for. */
static bool are_too_many(const struct compiled *c,
			 const struct compile_options *o, const struct how *how)
{
	return (how->products || (how->hosts && o->target)) &&
		c->image->rodata_size > c->target->max_tables;
}

/* Whether there is no table for hosts that answer what is in no diagram. */
static bool lacks_hosts(const struct compiled *c, const struct how *how)
{
	for (int f = 0; how->answered && f < 2; f++)
		if (how->hosts[f].named && !c->program.lowered.hosts[f].n)
			return true;
	return false;
}

/* Trees that were weighed, with what that gains, remain so. */
static void start_program(struct compiled *c, const struct how *how)
{
	struct program *p = &c->program;

	p->weighed &= p->trees == how->trees;
	p->answered = how->answered;
	p->trees = how->trees;
	p->diagram = NULL;
	p->ranks = NULL;
}

/* They make tables larger, of which an old kernel takes few. */
static uint8_t homes_for(const struct compiled *c,
			 const struct compile_options *o)
{
	if (o->homes)
		return HOMES_ALWAYS;
	return c->target->max_tables < RODATA_MAX ? HOMES_NEVER : HOMES_USUAL;
}

static void lower_how(struct compiled *c, const struct compile_options *o,
		      const struct how *how, struct lower_input *in,
		      struct lowered_code *out)
{
	if (how->trees)
		lower_trees(c, o, in, out);
	else
		lower_diagram(c, o, how, in, out);
}

static enum size_fault generate_with(struct compiled *c,
				      const struct compile_options *o,
				      struct how how)
{
	struct lowered_code l;
	struct lower_input in = {
		.policy = c->policy, .effects = c->effects,
		.hosts = how.hosts, .products = how.products,
		.options = { o->optimize, how.tree_code, c->target->ifindex,
			     homes_for(c, o),
			     { o->tables_least, o->tables_kind }, o->prologue,
			     o->epilogue, o->prologue_ctx },
		.report = &c->program.lowered,
	};
	struct layout_options lo = { o->reach, c->target->gotol };

	start_program(c, &how);
	lower_how(c, o, &how, &in, &l);
	if (l.rodata.n > c->target->max_tables && !o->target &&
	    !in.options.homes) {
		in.options.homes = HOMES_USUAL;	/* a newer one, anyway */
		lower_how(c, o, &how, &in, &l);
	}
	metadata(c, &l.rodata);
	c->image = arena_alloc(&c->arena, sizeof(*c->image));
	rodata_finish(&l.rodata, c->image);
	image_numbers(c);
	if (l.rodata.failed || l.rodata.n > size_max_tables(o) ||
	    are_too_many(c, o, &how) || lacks_hosts(c, &how))
		return SIZE_TABLES;
	if (!layout(&c->arena, &l.code, &lo, rule_places(c), c->image) ||
	    c->image->ninsns > size_max_instructions(o))
		return SIZE_INSTRUCTIONS;
	return SIZE_FITS;
}

/* With tables; where these are too large, by compares alone. */
static enum size_fault generate_within(struct compiled *c,
				       const struct compile_options *o,
				       struct how how)
{
	struct compile_options plain = *o;
	enum size_fault fault = generate_with(c, o, how);

	if (fault != SIZE_TABLES || o->optimize < 2)
		return fault;
	plain.optimize = 1;
	return generate_with(c, &plain, how) ? SIZE_TABLES : SIZE_FITS;
}

/* Once more in another way; without room for it, all is as it was. */
static bool generate_instead(struct compiled *c,
			     const struct compile_options *o, struct how how)
{
	struct program before = c->program;
	struct image *image = c->image;

	if (!generate_with(c, o, how))
		return true;
	c->program = before;
	c->image = image;
	return false;
}

/* All clauses, without the terms that hosts answer; none that is empty. */
static struct clauses clauses_unanswered(struct compiled *c,
					 const uint8_t *answered)
{
	const struct policy *p = c->policy;
	struct clauses out = {
		.v = arena_array(&c->arena, p->nclauses, sizeof(*out.v)),
	};
	size_t term = 0;

	for (size_t i = 0; i < p->nclauses; i++) {
		const struct terms *t = &p->clauses[i].terms;
		struct clause left = { .action = p->clauses[i].action };

		for (size_t k = 0; k < t->n; k++)
			if (!answered[term++])
				*arena_push(&c->arena, left.terms.v,
					    left.terms.n, left.terms.cap) =
					t->v[k];
		if (left.terms.n)
			out.v[out.n++] = left;
	}
	return out;
}

/* The clauses that are left: without terms that hosts answer, and of IPv6 alone
 * where tables have IPv4. */
static struct clauses clauses_left(struct compiled *c, const struct how *how)
{
	struct term six = { .set[FIELD_FAMILY] = iset_range(&c->arena, 1, 1) };
	struct clauses all = { c->policy->clauses, c->policy->nclauses }, out;

	if (how->answered)
		all = clauses_unanswered(c, how->answered);
	if (!how->products)
		return all;
	out.v = arena_array(&c->arena, all.n, sizeof(*out.v));
	out.n = clauses_within(&c->arena, all.v, all.n, &six, out.v);
	return out;
}

static void find_rest(struct compiled *c, const struct compile_options *o,
		      struct how *how)
{
	struct diagram_options within = {
		.max_weight = how->products ? REST_WEIGHT :
			how->trees ? size_small_diagram(o) : size_diagram(o),
	};

	how->left = clauses_left(c, how);
	how->diagram = diagram_build_clauses(&c->arena, how->left.v,
					     how->left.n, &within);
}

/* With tables of products for IPv4, where there are some: so HOW is, then. */
static bool add_products(struct compiled *c, const struct compile_options *o,
			 struct how *how)
{
	struct how with = *how;
	struct products *products = arena_alloc(&c->arena, sizeof(*products));
	struct products_input in = { c->policy, c->effects,
				     size_forces_products(o) };

	products_find(&c->arena, &in, products);
	if (!products->any)
		return false;
	with.products = products;
	with.trees = NULL;
	find_rest(c, o, &with);
	if (!with.diagram || !generate_instead(c, o, with))
		return false;
	*how = with;
	return true;
}

/* What hosts answer is in no diagram, as far as there is another one without it:
 * a small one instead of a tree. */
static void leave_out(struct compiled *c, const struct compile_options *o,
		      struct how *how)
{
	struct how with = *how;

	with.answered = hosts_answered(&c->arena, c->policy, how->hosts);
	if (!with.answered)
		return;
	if (how->trees)
		with.trees = size_forest(c, o, with.answered);
	if (!with.trees || with.trees->ntrees <= 1)
		find_rest(c, o, &with);
	if (with.diagram)
		with.trees = NULL;
	if (with.trees || with.diagram)
		*how = with;
}

/* With a table of hosts, where that is worth it; it is, where without one there is
 * a fault. Out: the fault that is left. */
static enum size_fault add_hosts(struct compiled *c,
				 const struct compile_options *o,
				 struct how how, enum size_fault fault)
{
	struct hosts *hosts = arena_array(&c->arena, 2, sizeof(*hosts));
	struct hosts_input in = {
		.policy = c->policy, .diagram = c->diagram,
		.forest = c->forest, .effects = c->effects,
		.hits = c->profile.hits, .least = o->hosts_least,
		.six = how.products,
		.code = fault ? size_max_instructions(o) : c->image->ninsns,
		.slow = fault || size_is_slow(c),
	};
	struct weight_gain gain = c->program.gain;

	hosts_find(&c->arena, &in, hosts);
	if (!hosts[0].named && !hosts[1].named)
		return fault;
	how.hosts = hosts;
	leave_out(c, o, &how);
	if (generate_instead(c, o, how))
		fault = SIZE_FITS;
	if (!how.answered)	/* the order was found before */
		c->program.gain = gain;
	return fault;
}

/* As a forest, where one diagram is too large. */
static enum size_fault regrow(struct compiled *c,
			      const struct compile_options *o, struct how *how,
			      enum size_fault fault)
{
	struct compiled one = *c;
	struct how with = *how;
	enum size_fault more;

	if (!c->diagram || (!fault && !size_is_much(c, o)) || !size_regrow(c))
		return fault;
	with.trees = c->forest;
	with.diagram = NULL;
	more = generate_within(c, o, with);
	if (fault || (!more && size_is_much_less(c, one.image->ninsns))) {
		*how = with;
		return more;
	}
	c->diagram = one.diagram;
	c->forest = NULL;
	c->program = one.program;
	c->image = one.image;
	return fault;
}

void program_generate(struct compiled *c, const struct compile_options *o)
{
	struct how how = { .tree_code = size_tree_code(o),
			   .trees = c->forest, .diagram = c->diagram };
	enum size_fault fault = generate_within(c, o, how);

	if (size_wants_products(c, o, fault) && add_products(c, o, &how))
		fault = SIZE_FITS;
	else
		fault = regrow(c, o, &how, fault);
	while (fault == SIZE_INSTRUCTIONS && how.trees && how.tree_code) {
		how.tree_code = how.tree_code > 1000 ? how.tree_code / 4 : 0;
		fault = generate_within(c, o, how);
	}
	if (!how.trees && !how.left.v)	/* a profile may have ordered it anew */
		how.diagram = c->diagram = c->program.diagram;
	if (o->optimize > 1)
		fault = add_hosts(c, o, how, fault);
	if (fault)
		size_say(c, o, fault);
}
