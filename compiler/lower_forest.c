/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_forest - trees one after the other, and the lowest rank wins
 *
 * In: the blocks of each tree, with ranks for leaves. Out: their code. What a
 * rank is to a tree, a step is to a single diagram: it is put into r7, and
 * where all leaves meet, best.s keeps the lowest in r0, which no tree touches.
 * A tree that cannot do better than what is in r0 is skipped. In the end the
 * low bits of the number, or a table, say what the rank does. The small blocks
 * of a large tree are data (lower_level.h).
 */
#include "lower_level.h"

#include "template.h"
#include "templates.h"

/* Values in the shape of effects: `first` is what a leaf puts into r7. */
static struct effects value_effects(struct lower *l, const struct levels *v)
{
	struct effects e = { .n = v->nvalues };

	e.v = arena_array(l->a, e.n, sizeof(*e.v));
	for (uint32_t i = 0; i < e.n; i++) {
		e.v[i] = (struct effect){
			.kind = EFFECT_STEPS, .rule = v->rule[i],
			.first = v->number[i],
		};
		if (v->number[i] >= e.nsteps)
			e.nsteps = v->number[i] + 1;
	}
	return e;
}

static void nobodys(struct lower *l)
{
	l->c->rule = (uint32_t)l->in->policy->nrules;
}

/* Of all trees, in instructions, about. */
struct share {
	size_t all;		/* as code alone */
	size_t enough;		/* that may be code: the rest is rows */
};

static struct share code_share(const struct lower *l)
{
	const struct forest_ranks *f = l->in->forest;
	struct share s = { 1, l->in->options.tree_code };

	for (size_t i = 0; i < f->ntrees; i++)
		s.all += levels_weight(l, &f->trees[i]);
	if (f->zones && s.enough > LOWER_CODE_ENOUGH)
		s.enough = LOWER_CODE_ENOUGH;
	return s;
}

static void choose_levels(struct lower *l, size_t tree, struct share s,
			  struct levels *out)
{
	const struct forest_ranks *f = l->in->forest;

	if (s.all > s.enough) {
		size_t weight = levels_weight(l, &f->trees[tree]);

		levels_make(l, &f->trees[tree], f->order[tree],
			    (size_t)((u128)s.enough * weight / s.all), out);
		return;
	}
	*out = (struct levels){ .code = f->trees[tree], .nvalues = f->n,
				.rule = f->rule, .number = f->number };
}

/* r7 = the rank that tree number I finds */
static void one_tree(struct lower *l, size_t i, struct share s)
{
	const struct lower_input *const whole = l->in;
	struct lower_input in = *whole;
	struct levels levels;
	struct effects values;

	choose_levels(l, i, s, &levels);
	values = value_effects(l, &levels);
	in.effects = &values;
	in.blocks = &levels.code;
	in.leaf_cost = levels.cost;
	l->in = &in;
	l->homes = &levels.homes;
	lower_begin(l);
	lower_blocks(l);
	l->homes = NULL;
	nobodys(l);
	code_place(l->c, decide_label(l));
	levels_emit(l, &levels);
	l->in = whole;
}

static void trees(struct lower *l, struct share s)
{
	const struct forest_ranks *f = l->in->forest;

	for (size_t i = 0; i < f->ntrees; i++) {
		label skip = code_label(l->c);

		nobodys(l);
		if (i)
			emit_jump32_imm(l->c, BPF_JLT, BPF_REG_0,
					f->number[f->lowest[i]], skip);
		one_tree(l, i, s);
		template_emit(l->c, &template_best, NULL, NULL);
		code_place(l->c, skip);
	}
}

static size_t find_splits(const struct effects *e, bref *splits)
{
	size_t n = 0;

	for (uint32_t i = 0; i < e->n; i++)
		if (e->v[i].kind == EFFECT_SPLIT)
			splits[n++] = BREF_LEAF | i;
	return n;
}

/* r7 = what the rank in r0 does */
static void look_up(struct lower *l)
{
	const struct forest_ranks *f = l->in->forest;
	size_t places = lower_power_of_two(f->n);
	uint32_t ranks;

	if (f->low_bits) {
		template_emit(l->c, &template_part, TEMPLATE_HOLES(
			{ "LOW_MASK", (1 << f->low_bits) - 1 }), NULL);
		if (f->low_scale)
			emit_alu32_imm(l->c, BPF_LSH, BPF_REG_7, f->low_scale);
		return;
	}
	ranks = rodata_add(l->rodata, "skpol_ranks", f->does, f->n, 4);
	rodata_reach(l->rodata, ranks + 4 * places);
	template_emit(l->c, &template_choose,
		      TEMPLATE_HOLES({ "RANK_MASK", (int64_t)places - 1 },
				     { "RANKS", ranks }), NULL);
}

/* r7 is the number of a split, from nsteps on: a tree over them. */
static void choose_split(struct lower *l, bref *splits, size_t n)
{
	uint32_t *cuts = arena_array(l->a, n, sizeof(*cuts));
	struct block b = { .word = WORD_LADDR4, .ncuts = (uint32_t)n - 1,
			   .cuts = cuts, .children = splits };

	for (uint32_t i = 1; i < n; i++)
		cuts[i - 1] = (uint32_t)l->in->effects->nsteps + i;
	if (n > 1)
		emit_alu32(l->c, BPF_MOV, BPF_REG_1, BPF_REG_7);
	lower_tree(l, &b, 0, b.ncuts);
}

static void choose(struct lower *l)
{
	static const struct blocks none;
	const struct lower_input *const whole = l->in;
	const struct effects *e = whole->effects;
	struct lower_input in = *whole;
	bref *splits = arena_array(l->a, e->n, sizeof(*splits));
	size_t n = find_splits(e, splits);
	label split = code_label(l->c);

	in.blocks = &none;
	l->in = &in;
	lower_begin(l);
	look_up(l);
	if (n)
		emit_jump32_imm(l->c, BPF_JGE, BPF_REG_7,
				(uint32_t)e->nsteps, split);
	emit_goto(l->c, decide_label(l));
	code_place(l->c, split);
	if (n)
		choose_split(l, splits, n);
	l->in = whole;
}

void lower_forest(struct lower *l)
{
	const struct forest_ranks *f = l->in->forest;
	struct share s = code_share(l);

	nobodys(l);
	emit_alu32_imm(l->c, BPF_MOV, BPF_REG_0, f->number[f->n - 1]);
	lower_zones(l, s.all > s.enough);
	trees(l, s);
	nobodys(l);
	choose(l);
}
