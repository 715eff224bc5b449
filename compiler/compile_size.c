/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compile_size - one diagram or a forest, and who is to blame when neither fits
 *
 * In: clauses, limits. Out: diagrams, or a diagnostic. What a rule costs is how
 * often it is where a path ends: in the diagrams, or in what was made of them
 * when they became too large. Everything is counted in work, never in time: a
 * policy is refused everywhere or nowhere.
 */
#include "compile_size.h"

#include <stdlib.h>
#include <string.h>

#include "lower.h"

enum {			/* about, in instructions */
	DIAGRAM_WEIGHT = 400000,
	FOREST_WEIGHT = 10000000,	/* most of it is data */
	/* what the kernel follows in a million steps: up to three for each, where
	 * the process has no CAP_PERFMON */
	TREE_CODE = 250000,
	/* of one diagram: where a forest is tried, of which much less is code; at
	 * -O0 and -O1 only where so much is slow to load */
	MUCH = 30000, MUCH_UNOPTIMIZED = 300000,
	MUCH_LESS = 2,			/* times: trees are asked in turn */
	/* of a forest, about 11 bytes each as rows, 7 as code: where rows are more
	 * than a second cache holds, and where code is, too */
	ROWS_MUCH = 90000, CODE_MUCH = 200000,
	SIX_PART = 4,			/* of all cuts: much */
	INSTRUCTIONS_MAX = 1000000,	/* that the kernel takes */
	SLOW_CODE = 5000, SLOW_TABLES = 2 << 20,	/* bytes */
	PRODUCTS_FROM = 1500,	/* of about 200 rules: two branches are missed */
	NAMED = 5,			/* rules */
};
static const size_t tables_max = (size_t)512 << 20;

size_t size_max_instructions(const struct compile_options *o)
{
	return o->max_instructions ? o->max_instructions : INSTRUCTIONS_MAX;
}

size_t size_max_tables(const struct compile_options *o)
{
	return o->max_tables ? o->max_tables : tables_max;
}

static size_t lower_of(size_t x, size_t y)
{
	return x < y ? x : y;
}

size_t size_tree_code(const struct compile_options *o)
{
	if (o->all_data)
		return 0;
	return lower_of(TREE_CODE, size_max_instructions(o) / 2);
}

/* ------------------------------------------------------------- building */

static uint32_t rule_of_action(const struct policy *p, uint32_t action)
{
	return p->actions[action].rule;
}

static bool grow(struct compiled *c, size_t *blame)
{
	struct forest_options o = { .max_weight = FOREST_WEIGHT,
				    .blame = blame };

	c->forest = forest_build(&c->arena, c->policy, &o);
	if (c->forest)
		c->diagram = NULL;
	return c->forest;
}

/* Whether much of the diagrams looks at IPv6 addresses. */
static bool is_six(const struct compiled *c)
{
	size_t all = 0, six = 0;

	for (size_t i = 0; i < c->program.trees->ntrees; i++) {
		const struct diagram *d = c->program.trees->trees[i].diagram;

		for (size_t k = 0; k < d->nnodes; k++) {
			uint8_t f = d->nodes[k].field;

			all += d->nodes[k].ncuts;
			if (f == FIELD_LADDR6 || f == FIELD_RADDR6)
				six += d->nodes[k].ncuts;
		}
	}
	return six > all / SIX_PART;
}

static size_t forest_weight(const struct forest *f)
{
	size_t sum = 0;

	for (size_t i = 0; i < f->ntrees; i++)
		sum += diagram_stats(f->trees[i].diagram).weight;
	return sum;
}

/*
 * For IPv6 addresses rows take too many steps: then only where all stays code,
 * which zones make less of. And not where rows are more than a second cache of
 * 1 MiB holds, while code is still less: it is read ahead, and its large pages
 * are always at hand.
 */
bool size_wants_rows(const struct compiled *c, const struct compile_options *o)
{
	size_t weight = forest_weight(c->program.trees);

	if (o->optimize < 2)
		return false;
	if (o->all_data)
		return true;
	if (is_six(c))
		return weight < LOWER_CODE_ENOUGH;
	return weight < ROWS_MUCH || weight > CODE_MUCH;
}

bool size_is_much(const struct compiled *c, const struct compile_options *o)
{
	return c->image->ninsns > (o->optimize > 1 ? MUCH : MUCH_UNOPTIMIZED);
}

bool size_is_slow(const struct compiled *c)
{
	return c->image->ninsns > SLOW_CODE ||
		c->image->rodata_size > SLOW_TABLES;
}

bool size_is_much_less(const struct compiled *c, size_t ninsns)
{
	return c->image->ninsns < ninsns / MUCH_LESS;
}

/* Whether a test asks for code of some kind. */
static bool is_forced(const struct compile_options *o)
{
	return o->diagram_weight || o->all_data || o->tables_least ||
		o->hosts_least || o->homes;
}

bool size_forces_products(const struct compile_options *o)
{
	return o->products == PRODUCTS_ALWAYS;
}

bool size_wants_products(const struct compiled *c,
			 const struct compile_options *o,
			 enum size_fault fault)
{
	if (o->optimize < 2 || o->products == PRODUCTS_NEVER)
		return false;
	return size_forces_products(o) ||
		(!is_forced(o) && (fault || c->image->ninsns > PRODUCTS_FROM));
}

struct forest *size_forest(struct compiled *c, const struct compile_options *o,
			   const uint8_t *answered)
{
	struct forest_options how = { .answered = answered, .like = c->forest,
				      .enough = forest_weight(c->forest) };

	if (o->diagram_weight)
		how.keep_apart = true;
	else
		how.max_weight = FOREST_WEIGHT;
	return forest_build(&c->arena, c->policy, &how);
}

bool size_regrow(struct compiled *c)
{
	return grow(c, NULL);
}

static void say(struct compiled *c, const size_t *cost, const char *what);

/* No diagram could be made: those clauses that grew most. */
static void say_unbuilt(struct compiled *c, const size_t *by_clause)
{
	const struct policy *p = c->policy;
	size_t *cost = arena_array(&c->arena, p->nrules, sizeof(*cost));

	for (size_t i = 0; i < p->nclauses; i++)
		cost[rule_of_action(p, p->clauses[i].action)] += by_clause[i];
	say(c, cost, "its rules overlap in too many ways");
}

size_t size_diagram(const struct compile_options *o)
{
	return o->diagram_weight ? o->diagram_weight :
		lower_of(DIAGRAM_WEIGHT, size_max_instructions(o));
}

size_t size_small_diagram(const struct compile_options *o)
{
	return lower_of(size_diagram(o), MUCH);
}

bool size_build(struct compiled *c, const struct compile_options *o)
{
	struct diagram_options one = { .max_weight = size_diagram(o) };
	struct forest_options forced = { .keep_apart = true };
	size_t *blame;

	c->diagram = diagram_build(&c->arena, c->policy, &one);
	if (c->diagram)
		return true;
	if (o->diagram_weight) {
		c->forest = forest_build(&c->arena, c->policy, &forced);
		return c->forest;
	}
	blame = arena_array(&c->arena, c->policy->nclauses, sizeof(*blame));
	if (grow(c, blame))
		return true;
	say_unbuilt(c, blame);
	return false;
}

/* --------------------------------------------------------------- saying */

struct costly {
	uint32_t rule;
	size_t cost;
};

static int by_cost(const void *a, const void *b)
{
	const struct costly *x = a, *y = b;

	if (x->cost != y->cost)
		return x->cost > y->cost ? -1 : 1;
	return x->rule < y->rule ? -1 : 1;
}

/* The costliest rules with their places, one beside the other. */
static const char *others(struct compiled *c, const struct costly *v, size_t n,
			  size_t sum)
{
	const char *text = "the costliest rules:";

	for (size_t i = 0; i < n && v[i].cost; i++) {
		const struct policy_rule *r = &c->policy->rules[v[i].rule];
		const struct place *at = &r->ast->place;
		struct source_position pos = source_position(&c->sources,
							     at->file,
							     at->begin);

		text = arena_printf(&c->arena,
			"%s%s `%.60s` (%s:%u, %zu %%)", text, i ? "," : "",
			r->name, c->sources.files[at->file].name, pos.line,
			v[i].cost * 100 / sum);
	}
	return text;
}

static void say(struct compiled *c, const size_t *cost, const char *what)
{
	size_t n = c->policy->nrules, sum = 0;
	struct costly *v = arena_array(&c->arena, n, sizeof(*v));
	struct diag *d;

	for (uint32_t i = 0; i < n; i++) {
		v[i] = (struct costly){ i, i + 1 < n ? cost[i] : 0 };
		sum += cost[i];
	}
	qsort(v, n, sizeof(*v), by_cost);
	if (!v[0].cost)
		v[0].rule = (uint32_t)n - 1;	/* the default alone */
	d = diag_add(&c->diags, DIAG_TOO_LARGE,
		     &c->policy->rules[v[0].rule].ast->place,
		     "the policy does not fit into a BPF program: %s", what);
	d->label = "this rule takes the most of it";
	if (v[0].cost)
		d->note = others(c, v, lower_of(n, NAMED), sum);
	d->help = "split the policy, or let these rules overlap with fewer "
		"others in several fields";
}

static void count(const struct compiled *c, const struct diagram *d,
		  bool clauses, size_t *cost)
{
	const struct policy *p = c->policy;

	for (size_t i = 0; i < d->nnodes; i++)
		for (uint32_t k = 0; k <= d->nodes[i].ncuts; k++) {
			dref r = d->nodes[i].children[k];

			if (!dref_is_leaf(r) || r == DREF_NONE)
				continue;
			cost[rule_of_action(p, clauses ?
				p->clauses[dref_action(r)].action :
				dref_action(r))]++;
		}
}

void size_say(struct compiled *c, const struct compile_options *o,
	      enum size_fault fault)
{
	size_t *cost = arena_array(&c->arena, c->policy->nrules,
				   sizeof(*cost));

	for (size_t i = 0; c->forest && i < c->forest->ntrees; i++)
		count(c, c->forest->trees[i].diagram, true, cost);
	if (c->diagram)
		count(c, c->diagram, false, cost);
	say(c, cost, fault == SIZE_TABLES ?
	    arena_printf(&c->arena, "its tables take more than %zu bytes",
			 size_max_tables(o)) :
	    arena_printf(&c->arena, "it takes more than %zu instructions",
			 size_max_instructions(o)));
}
