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
#include "compile_size.h"
#include "expect.h"
#include "object.h"
#include "rodata.h"

enum { PIECE = 4 << 20 };	/* KMALLOC_MAX_SIZE */

static const struct target targets[] = {	/* oldest first */
	{ "5.10", false, false, PIECE },
	{ "5.17", true, false, PIECE },
	{ "6.1", true, false, RODATA_MAX },
	{ "6.12", true, true, RODATA_MAX },
	{ "6.18", true, true, RODATA_MAX },
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

static bool has_on(const struct ast_key_list *k)
{
	return memchr(k->v, AST_KEY_ON, k->n);
}

/* Where map M asks for the interface when verdict V asks M, or NULL. */
static const struct place *map_on(const struct ast_map *m,
				  const struct ast_verdict *v)
{
	if (has_on(&m->keys))
		return &v->place;
	for (size_t i = 0; i < m->nentries; i++)
		if (has_on(&m->entries[i].verdict.keys))
			return &m->entries[i].verdict.place;
	return NULL;
}

static const struct place *verdict_on(const struct policy *p,
				      const struct ast_verdict *v)
{
	const struct ast_map *m = p->ast->maps;

	if (v->kind != AST_MAP)
		return has_on(&v->keys) ? &v->place : NULL;
	while (m && strcmp(m->name.text, v->map.text))
		m = m->next;
	return m ? map_on(m, v) : NULL;
}

static const struct place *rule_on(const struct policy *p,
				   const struct policy_rule *r)
{
	for (size_t i = 0; i < r->nwhens; i++)
		if (r->whens[i]->on.present)
			return &r->whens[i]->on.place;
	if (r->ast->match.on.present)
		return &r->ast->match.on.place;
	return verdict_on(p, &r->ast->verdict);
}

/* Where the rules first ask for the interface, or NULL. */
static const struct place *first_on(const struct policy *p)
{
	const struct place *at = NULL;

	for (size_t i = 0; i < p->nrules && !at; i++)
		at = rule_on(p, &p->rules[i]);
	return at;
}

static bool choose_target(struct compiled *c, const struct compile_options *o)
{
	struct diag *d;

	c->oldest = c->target = o->target ? o->target : &targets[0];
	if (c->target->ifindex || !looks_at_interface(c))
		return true;
	if (!o->target) {
		c->oldest = c->target = target_find("5.17");
		return true;
	}
	d = diag_add(&c->diags, DIAG_TOO_OLD, first_on(c->policy),
		     "kernel %s does not tell a program the interface",
		     o->target->name);
	d->label = "asks for it";
	d->help = "compile for 5.17 or newer, or take `on` out of the rules";
	return false;
}

/* Tables that are too large for the target's kernel make an object for a newer one,
 * if no target is asked for. */
static void check_tables(struct compiled *c, const struct compile_options *o)
{
	size_t size = c->image->rodata_size;
	struct diag *d;

	while (c->oldest->max_tables < size)	/* the last one takes all */
		c->oldest++;
	if (!o->target || c->oldest == c->target)
		return;
	d = diag_add(&c->diags, DIAG_TOO_LARGE, NULL,
		     "its tables take %zu bytes, and kernel %s takes no more than "
		     "%zu in one map", size, c->target->name,
		     c->target->max_tables);
	d->help = arena_printf(&c->arena, "compile for %s or newer, or try "
			       "--max-tables %zu", c->oldest->name,
			       c->target->max_tables);
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

bool compiled_prove(const struct compiled *c, struct arena *a,
		    const struct image *m, struct prove_result *out)
{
	const struct program *p = &c->program;
	struct prove_forest f = { .tree_of = p->answered };

	if (p->trees)
		f = (struct prove_forest){ p->trees->ntrees, p->trees->tree_of,
					   p->ranks->number_of_clause };
	return prove_forest_image(a, c->policy, m,
				  f.tree_of ? &f : NULL, out);
}

/* Programs with another prologue are for measuring. */
static void prove_bytes(struct compiled *c, const struct compile_options *o)
{
	if (o->no_proof || o->prologue)
		return;
	if (compiled_prove(c, &c->arena, c->image, &c->proof))
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
	program_generate(c, o);
	if (!c->diags.nerrors)
		check_tables(c, o);
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
		.kernel = c->oldest->name,
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
	if (target && !json_is_true(json_object_get(options, "newer_kernel")))
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
