/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_bits - a block whose cuts lie close together
 *
 * In: a key whose cuts all lie in a window of few values, or of few steps of one
 * size, with the same child on both sides. Out: the distance from where the
 * window begins, one compare for all that is outside, and the number of the
 * step as an index: into the bits of a constant where two children are inside,
 * else into a table of a value each. Nothing is masked: the compare has bounded
 * the index. Or a key that is a zone, with different children on both sides: then
 * the table has all zones of its field, and the compare is for the verifier alone.
 */
#include "lower_table.h"

enum {
	WORD_BITS = 32, CONSTANT_BITS = 64,
	CELLS_A_CUT = 64,	/* of a table: it is to stay in the cache */
};

/*
 * In tenths of a nanosecond, as in lower_shape.c; from sets of three to forty
 * ports or networks, beside compares in the same run.
 */
enum {
	COST_BOUND = 8,		/* the distance, and its compare */
	COST_OUTSIDE = 45,	/* where that is not foreseen */
	COST_BIT = 30,		/* a shift, and a branch foreseen half the time */
	COST_CELL = 18,		/* the read of a value */
};

/* Each interval inside leads to SET or CLEAR. */
static bool two_inside(const struct keyed *k, struct window *w)
{
	w->set = k->children[1];
	w->clear = k->children[2];
	for (uint32_t i = 3; i < k->ncuts; i++)
		if (k->children[i] != w->set && k->children[i] != w->clear)
			return false;
	return true;
}

/* All zones of a field, of which there are few: nothing is outside. */
static bool all_zones(const struct keyed *k, struct window *w)
{
	if (k->b->word < WORD_ZONE)
		return false;
	w->cells = k->l->in->forest->zones->of[k->b->word - WORD_ZONE].ncuts +
		1;
	if (w->cells > CELLS_A_CUT * (uint64_t)k->ncuts)
		return false;
	w->bytes = w->cells * value_width(k);
	w->cost = COST_BOUND + COST_CELL + shape_memory(w->bytes);
	return true;
}

bool window_find(const struct keyed *k, struct window *w)
{
	uint64_t base = k->cuts[0], span = k->cuts[k->ncuts - 1] - base;
	uint32_t least = k->l->in->options.tables.least;
	uint64_t all = base;

	*w = (struct window){ 0 };
	if (k->width > WORD_BITS || k->ncuts < (least ? 2 : WINDOW_CUTS))
		return false;
	if (k->children[0] != k->children[k->ncuts])
		return all_zones(k, w);
	for (uint32_t i = 1; i < k->ncuts; i++)
		all |= k->cuts[i];
	w->base = (uint32_t)base;
	w->shift = (uint8_t)__builtin_ctzll(all);
	span >>= w->shift;
	if (span > CELLS_A_CUT * (uint64_t)k->ncuts)
		return false;
	w->cells = (uint32_t)span;
	w->cost = COST_BOUND + COST_OUTSIDE * 2 / (k->ncuts + 1);
	w->bits = w->cells <= CONSTANT_BITS && two_inside(k, w);
	if (w->bits) {
		w->cost += COST_BIT;
		return true;
	}
	w->bytes = w->cells * value_width(k);
	w->cost += COST_CELL + shape_memory(w->bytes);
	return true;
}

/* The interval that holds CELL, not before FROM. */
static uint32_t interval_of(const struct keyed *k, const struct window *w,
			    uint32_t cell, uint32_t from)
{
	while (from < k->ncuts &&
	       k->cuts[from] <= w->base + ((uint64_t)cell << w->shift))
		from++;
	return from;
}

/* r1 = the number of the cell; away where it is outside. */
static void cell_number(const struct keyed *k, const struct window *w)
{
	struct code *c = k->l->c;

	if (w->base)
		emit_alu32_imm(c, BPF_SUB, BPF_REG_1, w->base);
	if (w->shift)
		emit_alu32_imm(c, BPF_RSH, BPF_REG_1, w->shift);
	emit_jump32_imm(c, BPF_JGE, BPF_REG_1, w->cells,
			lower_label(k->l, k->children[0]));
}

static uint64_t constant(const struct keyed *k, const struct window *w,
			 bref set)
{
	uint64_t bits = 0;
	uint32_t i = 0;

	for (uint32_t cell = 0; cell < w->cells; cell++) {
		i = interval_of(k, w, cell, i);
		bits |= (uint64_t)(k->children[i] == set) << cell;
	}
	return bits;
}

void window_bits(const struct keyed *k, const struct window *w)
{
	struct code *c = k->l->c;
	bool turn = lower_follows(k->l, w->set, w->clear);
	bref set = turn ? w->clear : w->set;
	uint64_t bits = constant(k, w, set);

	cell_number(k, w);
	if (w->cells > WORD_BITS) {
		emit_imm64(c, BPF_REG_2, bits);
		emit_alu64(c, BPF_RSH, BPF_REG_2, BPF_REG_1);
	} else {
		emit_alu32_imm(c, BPF_MOV, BPF_REG_2, (uint32_t)bits);
		emit_alu32(c, BPF_RSH, BPF_REG_2, BPF_REG_1);
	}
	emit_jump32_imm(c, BPF_JSET, BPF_REG_2, 1, lower_label(k->l, set));
	lower_goto(k->l, turn ? w->set : w->clear);
}

static uint32_t add_values(const struct keyed *k, const struct window *w)
{
	struct rodata *r = k->l->rodata;
	unsigned int width = value_width(k);
	uint32_t at, i = 0;
	uint8_t *v = rodata_space(r, arena_printf(k->l->a, "skpol_window_%zu",
						  r->nvariables),
				  w->cells, (uint8_t)width, &at);

	for (uint32_t cell = 0; v && cell < w->cells; cell++) {
		i = interval_of(k, w, cell, i);
		for (unsigned int byte = 0; byte < width; byte++)
			v[cell * width + byte] =
				(uint8_t)(k->values[i] >> 8 * byte);
	}
	return at;
}

void window_lookup(const struct keyed *k, const struct window *w)
{
	static const uint8_t size[] = { BPF_B, BPF_H, BPF_W };
	struct code *c = k->l->c;
	unsigned int log = value_width(k) / 2;

	cell_number(k, w);
	if (log)
		emit_alu32_imm(c, BPF_LSH, BPF_REG_1, log);
	emit_map(c, BPF_REG_2, IMAGE_RODATA, add_values(k, w));
	emit_alu64(c, BPF_ADD, BPF_REG_2, BPF_REG_1);
	emit_load(c, size[log], BPF_REG_2, BPF_REG_2, 0);
}
