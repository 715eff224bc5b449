/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_way - the code that goes from row to row
 *
 * In: groups of rows, in order of asking; a number in r7. Out: the rank that the
 * rows lead to. A group whose rows are at home has an address of its own.
 */
#include "lower_level.h"

#include "template.h"
#include "templates.h"

/* Where the rows of a group are. */
struct region {
	size_t at;		/* in .rodata */
	uint32_t first, places;	/* numbers, less FIRST: up to so many */
};

static struct region region_of(const struct levels *v,
			       const struct level_group *g)
{
	uint32_t places = rows_places(v->units), first = v->first;

	if (g->home)
		return (struct region){ v->homes.offset, 0,
					rows_places(v->homes.units) };
	if (v->place_bits || !(first % places))
		return (struct region){ v->offset, 0, places };
	if (v->offset < (size_t)first * ROW_UNIT)
		return (struct region){ v->offset, first, places };
	return (struct region){ v->offset - (size_t)first * ROW_UNIT, 0,
				rows_places(v->units + first) };
}

static size_t rows_reach(const struct levels *v)
{
	size_t most = 0;

	for (size_t i = 0; i < v->ngroups; i++)
		if (row_reach(&v->groups[i]) > most)
			most = row_reach(&v->groups[i]);
	return most;
}

/*
 * r3 = the row of G that r7 stands for; anything where that is no row. At once
 * after r7 was read: the verifier would have other bounds for it behind each
 * compare, and refuses an address, without CAP_PERFMON, of which it has some for
 * one way and some for another.
 */
static void address(struct lower *l, const struct levels *v,
		    const struct level_group *g)
{
	struct region r = region_of(v, g);

	emit_alu32(l->c, BPF_MOV, BPF_REG_2, BPF_REG_7);
	if (r.first)
		emit_alu32_imm(l->c, BPF_SUB, BPF_REG_2, r.first);
	emit_alu32_imm(l->c, BPF_AND, BPF_REG_2, r.places - 1);
	emit_alu64_imm(l->c, BPF_LSH, BPF_REG_2, ROW_UNIT_LOG);
	emit_map(l->c, BPF_REG_3, IMAGE_RODATA, (uint32_t)r.at);
	emit_alu64(l->c, BPF_ADD, BPF_REG_3, BPF_REG_2);
	emit_checkpoint(l->c);
	rodata_reach(l->rodata, r.at + (size_t)r.places * ROW_UNIT +
		     (g->home ? row_reach(g) : rows_reach(v)));
}

void levels_emit(struct lower *l, const struct levels *v)
{
	if (!v->ngroups)
		return;
	template_emit(l->c, &template_forget, NULL, NULL);
	address(l, v, &v->groups[0]);
	for (size_t i = 0; i < v->ngroups; i++) {
		const struct level_group *g = &v->groups[i];
		bool last = i + 1 == v->ngroups;
		label next = code_label(l->c);

		if (i && g[-1].home != g->home)
			address(l, v, g);
		emit_jump32_imm(l->c, BPF_JLT, BPF_REG_7, g->base, next);
		row_emit(l, g);
		if (!last && g[1].home == g->home)
			address(l, v, &g[1]);
		code_place(l->c, next);
	}
}
