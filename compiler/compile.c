/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compile - the stages in order
 *
 * In: text. Out: what struct compiled says. Each stage is called here and
 * nowhere else, so that skpolc, the library and the tests go one way.
 */
#include "compile.h"

#include <errno.h>
#include <setjmp.h>
#include <string.h>

#include "../grammar/parse.h"
#include "../grammar/progress.h"
#include "block.h"
#include "compile_size.h"
#include "expect.h"
#include "layout.h"
#include "lower.h"
#include "object.h"

static const struct target targets[] = {	/* oldest first */
	{ "5.10", false, false },
	{ "5.17", true, false },
	{ "6.1", true, false },
	{ "6.12", true, true },
	{ "6.18", true, true },
};

const struct target *target_list(size_t *n)
{
	*n = sizeof(targets) / sizeof(*targets);
	return targets;
}

const struct target *target_find(const char *name)
{
	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++)
		if (!strcmp(targets[i].name, name))
			return &targets[i];
	return NULL;
}

static bool split_looks_at_interface(const struct policy *p)
{
	for (size_t i = 0; i < p->nactions; i++) {
		const struct split *s = p->actions[i].split;

		for (size_t k = 0; s && k < s->nkeys; k++)
			if (s->keys[k] == AST_KEY_ON)
				return true;
	}
	return false;
}

static bool diagram_looks_at_interface(const struct diagram *d)
{
	for (size_t i = 0; i < d->nnodes; i++)
		if (d->nodes[i].field == FIELD_IFNAME ||
		    d->nodes[i].field == FIELD_IFINDEX)
			return true;
	return false;
}

/* The diagrams show whether any verdict depends on the interface. */
static bool looks_at_interface(const struct compiled *c)
{
	for (size_t i = 0; c->forest && i < c->forest->ntrees; i++)
		if (diagram_looks_at_interface(c->forest->trees[i].diagram))
			return true;
	return (c->diagram && diagram_looks_at_interface(c->diagram)) ||
	       split_looks_at_interface(c->policy);
}

static bool choose_target(struct compiled *c, const struct compile_options *o)
{
	struct diag *d;

	c->target = o->target ? o->target : &targets[0];
	if (c->target->ifindex || !looks_at_interface(c))
		return true;
	if (!o->target) {
		c->target = target_find("5.17");
		return true;
	}
	d = diag_add(&c->diags, DIAG_TOO_OLD, NULL,
		     "kernel %s does not tell a program the interface",
		     o->target->name);
	d->help = "compile for 5.17 or newer, or take `on` out of the rules";
	return false;
}

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

/* Hits by rule, if the profile is of use. */
static void match_profile(struct compiled *c, const struct compile_options *o)
{
	char digest[65];

	source_digest(&c->sources, digest);
	if (o->profile && !profile_match(&c->arena, o->profile, c->policy,
					 digest, &c->diags, &c->profile))
		c->profile.hits = NULL;
}

struct lowered_code {
	struct code code;
	struct rodata rodata;
};

static void lower_once(struct compiled *c, struct lower_input *in,
		       struct lowered_code *out)
{
	c->lowered = (struct lower_report){ 0 };
	out->rodata = (struct rodata){ .arena = &c->arena };
	code_init(&out->code, &c->arena);
	lower(&c->arena, in, &out->code, &out->rodata);
}

static struct forest_ranks *rank_forest(struct compiled *c,
					const struct forest_rank_options *o)
{
	struct forest_ranks *out = arena_alloc(&c->arena, sizeof(*out));

	forest_rank(&c->arena, c->forest, c->policy, c->effects, o, out);
	return out;
}

/* Its order is found once, however often it is lowered. */
static struct forest_ranks *weigh_forest(struct compiled *c,
					 const struct compile_options *o,
					 const uint64_t *hits)
{
	static const struct forest_rank_options plain = { .pack = true };
	struct forest_ranks *r;

	if (!c->weighed)
		weight_forest(&c->arena, c->policy, c->forest,
			      rank_forest(c, &plain), hits, o->optimize,
			      &c->gain);
	c->weighed = true;
	r = rank_forest(c, &plain);
	weight_ranks(&c->arena, c->policy, c->forest, r, hits, o->optimize);
	return r;
}

static void lower_ranked(struct compiled *c, const struct compile_options *o,
			 const struct forest_rank_options *ranking,
			 struct lower_input *in, struct lowered_code *out)
{
	const uint64_t *hits = o->optimize ? c->profile.hits : NULL;
	struct forest_ranks *weighed = hits ? weigh_forest(c, o, hits) : NULL;

	c->ranks = rank_forest(c, ranking);
	if (weighed)
		forest_take_weights(c->ranks, weighed);
	in->forest = c->ranks;
	lower_once(c, in, out);
}

/* With numbers of 16 bits, unless it turns out that these are too few. */
static void lower_trees(struct compiled *c, const struct compile_options *o,
			struct lower_input *in, struct lowered_code *out)
{
	struct forest_rank_options ranking = {
		.zones = size_wants_rows(c, o), .narrow = o->optimize > 1,
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

static void lower_diagram(struct compiled *c, const struct compile_options *o,
			  struct lower_input *in, struct lowered_code *out)
{
	const uint64_t *hits = o->optimize ? c->profile.hits : NULL;
	struct arena *a = &c->arena;
	struct weight_input weights = weight_of_policy(a, c->policy,
						       c->effects, hits,
						       o->optimize);
	struct blocks blocks;

	if (hits)
		c->diagram = weight_order(a, &weights, c->diagram, &c->gain);
	weight_make_blocks(a, &weights, c->diagram, &blocks);
	in->blocks = &blocks;
	lower_once(c, in, out);
}

struct how {
	size_t tree_code;	/* of all trees; the rest is data */
	const struct hosts *hosts;	/* by family, in a table; or NULL */
};

static enum size_fault generate_with(struct compiled *c,
				      const struct compile_options *o,
				      struct how how)
{
	struct lowered_code l;
	struct lower_input in = {
		.policy = c->policy, .effects = c->effects,
		.hosts = how.hosts,
		.options = { o->optimize, how.tree_code, c->target->ifindex,
			     { o->tables_least, o->tables_kind }, o->prologue,
			     o->epilogue, o->prologue_ctx },
		.report = &c->lowered,
	};
	struct layout_options lo = { o->reach, c->target->gotol };

	if (c->forest)
		lower_trees(c, o, &in, &l);
	else
		lower_diagram(c, o, &in, &l);
	metadata(c, &l.rodata);
	c->image = arena_alloc(&c->arena, sizeof(*c->image));
	rodata_finish(&l.rodata, c->image);
	image_numbers(c);
	if (l.rodata.failed || l.rodata.n > size_max_tables(o))
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
	struct diagram *before = c->diagram;
	enum size_fault fault = generate_with(c, o, how);

	if (fault != SIZE_TABLES || o->optimize < 2)
		return fault;
	plain.optimize = 1;
	c->diagram = before;	/* a profile may have ordered it anew */
	return generate_with(c, &plain, how) ? SIZE_TABLES : SIZE_FITS;
}

/* Once more with a table of hosts, where that is worth it and has room. */
static void add_hosts(struct compiled *c, const struct compile_options *o,
		      struct how how)
{
	struct hosts *hosts = arena_array(&c->arena, 2, sizeof(*hosts));
	struct hosts_input in = {
		.policy = c->policy, .diagram = c->diagram,
		.forest = c->forest, .effects = c->effects,
		.hits = c->profile.hits, .least = o->hosts_least,
	};
	struct compiled without = *c;

	hosts_find(&c->arena, &in, hosts);
	if (!hosts[0].named && !hosts[1].named)
		return;
	how.hosts = hosts;
	if (generate_with(c, o, how)) {
		c->ranks = without.ranks;
		c->image = without.image;
		c->lowered = without.lowered;
	}
	c->gain = without.gain;	/* the order was found before */
}

/* Where it is too large: as a forest, then with less and less of it as code. */
static void generate(struct compiled *c, const struct compile_options *o)
{
	struct how how = { size_tree_code(o), NULL };
	enum size_fault fault = generate_within(c, o, how);
	struct compiled one = *c;

	if (c->diagram && (fault || size_is_much(c, o)) && size_regrow(c)) {
		enum size_fault more = generate_within(c, o, how);

		if (!fault && (more ||
			       !size_is_much_less(c, one.image->ninsns))) {
			c->diagram = one.diagram;
			c->forest = NULL;
			c->ranks = NULL;
			c->image = one.image;
			c->gain = one.gain;
			c->lowered = one.lowered;
		} else {
			fault = more;
		}
	}
	while (fault == SIZE_INSTRUCTIONS && c->forest && how.tree_code) {
		how.tree_code = how.tree_code > 1000 ? how.tree_code / 4 : 0;
		fault = generate_within(c, o, how);
	}
	if (fault)
		size_say(c, o, fault);
	else if (o->optimize > 1 && (o->hosts_least || size_is_slow(c)))
		add_hosts(c, o, how);
}

static void say_internal(struct compiled *c)
{
	const struct prove_result *r = &c->proof;
	char packet[PACKET_TEXT_MAX];
	struct diag *d;

	if (!r->has_witness) {
		d = diag_add(&c->diags, DIAG_INTERNAL, NULL,
			     "the program could not be proved: %s", r->why);
		d->help = "this is a fault of skpolc: please report it";
		return;
	}
	d = diag_add(&c->diags, DIAG_INTERNAL, NULL,
		     "the program does not do what the rules say");
	d->note = arena_printf(&c->arena, "%s%s: the rules say %s, the program "
			       "does %s", packet_print(&r->witness, packet),
			       r->answers, r->rules, r->bytes);
	d->help = "this is a fault of skpolc: please report it";
}

/* Programs with another prologue are for measuring. */
static void prove_bytes(struct compiled *c, const struct compile_options *o)
{
	struct prove_forest f;

	if (o->no_proof || o->prologue)
		return;
	if (c->forest)
		f = (struct prove_forest){ c->forest->ntrees,
					   c->forest->tree_of,
					   c->ranks->number_of_clause };
	if (prove_forest_image(&c->arena, c->policy, c->image,
			       c->forest ? &f : NULL, &c->proof))
		return;
	if (c->proof.no_memory)
		longjmp(*c->arena.exhausted, 1);
	if (c->proof.unproved)
		diag_add(&c->diags, DIAG_UNPROVED, NULL,
			 "the program is not proved: %s", c->proof.why ?
			 c->proof.why : "the bounded work was not enough");
	else
		say_internal(c);
}

/*
 * With a mistake of form reported, the mistakes of meaning that do not hang on
 * it: a name is wrong whatever the numbers are. Where a statement is missing
 * from the tree, or a file, a name may have been defined there.
 */
static void look_for_more(struct compiled *c)
{
	bool only[DIAG_COUNT] = {
		[DIAG_UNDEFINED_NAME] = true, [DIAG_DUPLICATE_NAME] = true,
		[DIAG_KIND_MISMATCH] = true, [DIAG_SPLIT_SUM] = true,
		[DIAG_SERVICE_NAME] = true, [DIAG_MIXED_SET] = true,
	};

	for (const struct diag *g = c->diags.first; g; g = g->next)
		if (g->id == DIAG_SYNTAX || g->id == DIAG_BAD_BYTE ||
		    g->id == DIAG_FILE || g->id == DIAG_INCLUDE_CYCLE)
			only[DIAG_UNDEFINED_NAME] = false;
	if (diag_full(&c->diags))
		return;
	c->diags.only = only;
	policy_resolve(&c->arena, c->ast, &c->diags);
	c->diags.only = NULL;
}

static void stages(struct compiled *c, const struct compile_options *o,
		   uint32_t file)
{
	struct arena *a = &c->arena;

	if (o->until == COMPILE_PARSED) {
		c->ast = parse_part(a, &c->sources, &c->diags, file);
		return;
	}
	c->ast = parse_policy(a, &c->sources, &c->diags, file);
	if (c->diags.nerrors) {
		look_for_more(c);
		return;
	}
	progress_enter(o->progress, PROGRESS_RESOLVE);
	c->policy = policy_resolve(a, c->ast, &c->diags);
	if (!c->policy || o->until == COMPILE_RESOLVED)
		return;
	progress_enter(o->progress, PROGRESS_DIAGRAM);
	if (!size_build(c, o))
		return;
	progress_enter(o->progress, PROGRESS_CHECK);
	expect_prove(c->policy, c->diagram, &c->diags);
	if (!o->no_lint && c->diagram)
		expect_lint(c->policy, c->diagram, &c->diags);
	else if (!o->no_lint)
		expect_lint_forest(c->policy, c->forest, &c->diags);
	if (c->diags.nerrors || !choose_target(c, o) ||
	    o->until == COMPILE_PROVED)
		return;
	progress_enter(o->progress, PROGRESS_LOWER);
	match_profile(c, o);
	if (c->diags.nerrors)	/* a warning that is denied */
		return;
	c->effects = arena_alloc(a, sizeof(*c->effects));
	effects_build(a, c->policy, o->optimize > 0, c->effects);
	generate(c, o);
	progress_enter(o->progress, PROGRESS_PROVE);
	if (!c->diags.nerrors)
		prove_bytes(c, o);
	if (c->diags.nerrors)
		c->image = NULL;
}

/* Text is shown by the last part of its name, as a file is. */
static int add_text(struct compiled *c, const struct compile_options *o)
{
	const char *slash = strrchr(o->name, '/');
	int file = source_add(&c->sources, slash ? slash + 1 : o->name,
			      o->text, o->size);

	if (file >= 0)
		c->sources.files[file].path = arena_strdup(&c->arena, o->name);
	return file;
}

int compile(struct compiled *c, const char *path,
	    const struct compile_options *o)
{
	jmp_buf exhausted;
	int file;

	memset(c, 0, sizeof(*c));
	if (setjmp(exhausted)) {
		compiled_free(c);
		return -ENOMEM;
	}
	arena_init(&c->arena, &exhausted);
	source_init(&c->sources, &c->arena);
	c->sources.progress = o->progress;
	diag_init(&c->diags, &c->arena, &c->sources);
	if (o->prepare)
		o->prepare(o->ctx, &c->diags);
	file = o->text ? add_text(c, o) : source_open(&c->sources, path, -1);
	if (file >= 0)
		stages(c, o, (uint32_t)file);
	c->arena.exhausted = NULL;
	if (file >= 0)
		return 0;
	compiled_free(c);
	return file;
}

void compiled_free(struct compiled *c)
{
	arena_free(&c->arena);
}

json_t *compile_manifest(struct compiled *c, const struct compile_options *o)
{
	static const struct compile_options unsaid;
	size_t instructions = size_max_instructions(o);
	size_t tables = size_max_tables(o);
	struct manifest_options m = {
		.optimize = o->optimize, .target_kernel = c->target->name,
		.profile = o->profile ? o->profile->digest : NULL,
		.max_instructions = instructions ==
			size_max_instructions(&unsaid) ? 0 : instructions,
		.max_tables = tables == size_max_tables(&unsaid) ? 0 : tables,
	};

	return manifest_build(&c->arena, c->policy, &c->sources, &m);
}

void compile_options_like(struct compile_options *o, const json_t *options)
{
	const json_t *optimize = json_object_get(options, "optimize");
	const char *target = json_string_value(json_object_get(options,
							"target_kernel"));

	if (json_is_integer(optimize))
		o->optimize = (unsigned int)json_integer_value(optimize);
	if (target)
		o->target = target_find(target);
	o->max_instructions = (size_t)json_integer_value(
		json_object_get(options, "max_instructions"));
	o->max_tables = (size_t)json_integer_value(
		json_object_get(options, "max_tables"));
}

static int build_object(struct compiled *c, const struct compile_options *o,
			void **bytes, size_t *size, char error[256])
{
	json_t *m = compile_manifest(c, o);
	struct object_input in = { c->image, m, &c->sources };
	int err;

	if (!m) {
		snprintf(error, 256, "not enough memory");
		return -ENOMEM;
	}
	err = object_build(&in, bytes, size, error);
	json_decref(m);
	return err;
}

int compile_object(struct compiled *c, const struct compile_options *o,
		   void **bytes, size_t *size, char error[256])
{
	jmp_buf *const outer = c->arena.exhausted;
	jmp_buf here;
	int err;

	c->arena.exhausted = &here;
	if (setjmp(here)) {
		snprintf(error, 256, "not enough memory");
		err = -ENOMEM;
	} else {
		err = build_object(c, o, bytes, size, error);
	}
	c->arena.exhausted = outer;
	return err;
}
