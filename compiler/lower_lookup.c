/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_lookup - the tables of a shape, and the code that reads them
 *
 * In: a key in r1, its intervals, a shape. Out: r2 = the value of the interval
 * that holds the key. Only the levels branch, when one has come to its end.
 *
 * Reads stay inside .rodata because every index is masked; the section is
 * padded to what the masks allow (rodata_reach). A search compares with the
 * last key before each cut: (last - key) >> 63 is 1 for keys behind it.
 */
#include "lower_table.h"

enum { OFFSET_MAX = 16384 };	/* of a load */

static const char *variable_name(struct lower *l, const char *what)
{
	return arena_printf(l->a, "skpol_%s_%zu", what,
			    l->rodata->nvariables);
}

/* One less than the least power of two that N does not pass. */
static uint32_t mask_for(size_t n)
{
	uint32_t size = 1;

	while (size < n)
		size *= 2;
	return size - 1;
}

/* ---------------------------------------------------------- the tables */

/* Where the search of each bucket begins, in bytes of its cuts. */
static uint32_t add_index(const struct keyed *k, const struct shape *s)
{
	struct lower *l = k->l;
	unsigned int shift = k->width - s->root;
	uint32_t at, i = 0;
	uint32_t *v = rodata_space(l->rodata, variable_name(l, "index"),
				   s->cells, 4, &at);

	for (size_t c = 0; v && c < s->cells; c++) {
		while (i < k->ncuts && k->cuts[i] <= (uint64_t)c << shift)
			i++;
		v[c] = entry_of(k, s, i) * ENTRY;
	}
	return at;
}

/* Values and cells; both are read up to what a mask allows. */
static void add_levels(const struct keyed *k, const struct shape *s,
		       uint32_t *cells, uint32_t *values)
{
	struct rodata *r = k->l->rodata;
	unsigned int width = value_width(k);
	uint32_t *c;
	uint8_t *v;

	(void)rodata_space(r, variable_name(k->l, "levels"), s->cells, 4,
			   cells);
	v = rodata_space(r, variable_name(k->l, "values"), s->values,
			 (uint8_t)width, values);
	if (!v)
		return;
	c = (uint32_t *)(void *)(r->v + *cells);
	trie_fill(k, s, c, v);
	rodata_reach(r, *cells + 4 * ((size_t)mask_for(s->cells) + 1));
	rodata_reach(r, *values + width * ((size_t)mask_for(s->values) + 1));
}

/* All values of a key of few bits. */
static uint32_t add_direct(const struct keyed *k, const struct shape *s)
{
	struct lower *l = k->l;
	unsigned int shift = k->width - s->root, width = value_width(k);
	uint32_t at, i = 0;
	uint8_t *v = rodata_space(l->rodata, variable_name(l, "direct"),
				  s->cells, (uint8_t)width, &at);

	for (size_t c = 0; v && c < s->cells; c++) {
		while (i < k->ncuts && k->cuts[i] <= (uint64_t)c << shift)
			i++;
		for (unsigned int byte = 0; byte < width; byte++)
			v[c * width + byte] =
				(uint8_t)(k->values[i] >> 8 * byte);
	}
	return at;
}

struct entries {
	uint32_t last, values;	/* offsets in .rodata */
};

static uint32_t entry_count(const struct keyed *k, const struct shape *s)
{
	return k->ncuts + 1 + ((k->width == 64) + 1u) * (1u << s->steps);
}

/* Cuts and values side by side: both in one line of the cache. */
static struct entries add_narrow(const struct keyed *k, const struct shape *s)
{
	struct lower *l = k->l;
	uint32_t n = entry_count(k, s), at;
	uint32_t *v = rodata_space(l->rodata, variable_name(l, "cuts"), 2 * n,
				   4, &at);

	for (uint32_t i = 0; v && i < n; i++) {
		bool is_cut = i <= k->ncuts;

		v[2 * i] = !is_cut ? UINT32_MAX : i ?
			(uint32_t)(k->cuts[i - 1] - 1) : 0;
		v[2 * i + 1] = k->values[is_cut ? i : k->ncuts];
	}
	return (struct entries) { at, at + 4 };
}

/*
 * 64 bits: a search in the lower half of the keys must not see the upper half,
 * where a difference has no sign. There is a cut between them, and it stands
 * as often before itself as a search is long.
 */
static struct entries add_wide(const struct keyed *k, const struct shape *s)
{
	struct lower *l = k->l;
	uint32_t n = entry_count(k, s), pad = 1u << s->steps, at = 0;
	struct entries out = { 0, 0 };
	uint64_t *last = rodata_space(l->rodata, variable_name(l, "cuts"), n,
				      8, &out.last);
	uint32_t *values;

	if (!last)
		return out;
	for (uint32_t i = 0; i <= k->ncuts; i++) {
		uint64_t before = i ? k->cuts[i - 1] - 1 : 0;

		if (i && before == ((uint64_t)1 << HALF_SHIFT) - 1)
			for (uint32_t j = 0; j < pad; j++)
				last[at++] = before;
		last[at++] = before;
	}
	while (at < n)
		last[at++] = UINT64_MAX;
	values = rodata_space(l->rodata, variable_name(l, "values"), n, 4,
			      &out.values);
	for (uint32_t i = 0; values && i <= k->ncuts; i++)
		values[entry_of(k, s, i)] = k->values[i];
	return out;
}

/* ------------------------------------------------------------ the code */

/* r2 = the top bits of r1 */
static void top_bits(const struct keyed *k, const struct shape *s)
{
	struct code *c = k->l->c;
	unsigned int shift = k->width - s->root;

	if (k->width == 64) {
		emit_alu64(c, BPF_MOV, BPF_REG_2, BPF_REG_1);
		emit_alu64_imm(c, BPF_RSH, BPF_REG_2, (int32_t)shift);
		return;
	}
	emit_alu32(c, BPF_MOV, BPF_REG_2, BPF_REG_1);
	if (shift)
		emit_alu32_imm(c, BPF_RSH, BPF_REG_2, shift);
	/* a port is 16 bits, which the verifier does not know */
	if (k->width == 16)
		emit_alu32_imm(c, BPF_AND, BPF_REG_2,
			       (1u << s->root) - 1);
}

/* r2 = the element of 1 << LOG bytes at r2 of the table at OFFSET */
static void element(struct code *c, uint32_t offset, unsigned int log)
{
	static const uint8_t size[] = { BPF_B, BPF_H, BPF_W };

	if (log)
		emit_alu32_imm(c, BPF_LSH, BPF_REG_2, log);
	emit_map(c, BPF_REG_3, IMAGE_RODATA, offset);
	emit_alu64(c, BPF_ADD, BPF_REG_3, BPF_REG_2);
	emit_load(c, size[log], BPF_REG_2, BPF_REG_3, 0);
	emit_checkpoint_kept(c, BPF_REG_2);
}

/* r2 = the element that the cell in r2 leads to, of a table up to MASK */
static void next_level(struct code *c, uint32_t table, uint32_t mask,
		       unsigned int log)
{
	emit_alu32(c, BPF_MOV, BPF_REG_3, BPF_REG_2);
	emit_alu32_imm(c, BPF_AND, BPF_REG_3, (1u << CELL_SHIFT_BITS) - 1);
	emit_alu64(c, BPF_MOV, BPF_REG_4, BPF_REG_1);
	emit_alu64(c, BPF_RSH, BPF_REG_4, BPF_REG_3);
	emit_alu32_imm(c, BPF_RSH, BPF_REG_2, CELL_SHIFT_BITS);
	emit_alu32(c, BPF_ADD, BPF_REG_2, BPF_REG_4);
	emit_alu32_imm(c, BPF_AND, BPF_REG_2, mask);
	element(c, table, log);
}

static void levels(const struct keyed *k, const struct shape *s)
{
	struct code *c = k->l->c;
	label done = code_label(c);
	uint32_t cells, values;

	add_levels(k, s, &cells, &values);
	element(c, cells, 2);
	for (unsigned int i = 1; i < s->levels; i++) {
		emit_jump32_imm(c, BPF_JGE, BPF_REG_2, CELL_DONE, done);
		next_level(c, cells, mask_for(s->cells), 2);
	}
	code_place(c, done);
	next_level(c, values, mask_for(s->values), value_width(k) / 2);
}

/* r2 += 1 << LOG, the bytes of that many cuts, when the last key before that
 * cut is less than r1 */
static void search_step(struct code *c, uint8_t size, unsigned int log)
{
	uint32_t offset = 1u << log;

	emit_alu64(c, BPF_MOV, BPF_REG_4, BPF_REG_3);
	emit_alu64(c, BPF_ADD, BPF_REG_4, BPF_REG_2);
	if (offset > OFFSET_MAX) {
		emit_alu64_imm(c, BPF_ADD, BPF_REG_4, (int32_t)offset);
		offset = 0;
	}
	emit_load(c, size, BPF_REG_4, BPF_REG_4, (int)offset);
	emit_alu64(c, BPF_SUB, BPF_REG_4, BPF_REG_1);
	emit_alu64_imm(c, BPF_RSH, BPF_REG_4, 63);
	emit_alu64_imm(c, BPF_LSH, BPF_REG_4, (int32_t)log);
	emit_alu64(c, BPF_ADD, BPF_REG_2, BPF_REG_4);
	emit_checkpoint_kept(c, BPF_REG_2);
}

/* From the entry at r2 bytes on; r2 = the value. */
static void search(const struct keyed *k, const struct shape *s)
{
	struct code *c = k->l->c;
	bool wide = k->width == 64;
	struct entries e = wide ? add_wide(k, s) : add_narrow(k, s);
	uint32_t last = entry_count(k, s) - (1u << s->steps);
	uint32_t mask = mask_for(last) * ENTRY;
	size_t behind = (size_t)mask + ((size_t)ENTRY << s->steps) + ENTRY;

	rodata_reach(k->l->rodata, e.last + behind);
	rodata_reach(k->l->rodata, e.values + behind / (wide ? 2 : 1));
	emit_alu32_imm(c, BPF_AND, BPF_REG_2, mask);
	emit_map(c, BPF_REG_3, IMAGE_RODATA, e.last);
	for (unsigned int log = s->steps; log-- > 0;)
		search_step(c, wide ? BPF_DW : BPF_W, log + 3);
	if (wide) {
		emit_alu64_imm(c, BPF_RSH, BPF_REG_2, 1);
		emit_map(c, BPF_REG_3, IMAGE_RODATA, e.values);
	}
	emit_alu64(c, BPF_ADD, BPF_REG_3, BPF_REG_2);
	emit_load(c, BPF_W, BPF_REG_2, BPF_REG_3, wide ? 0 : 4);
}

void lookup(const struct keyed *k, const struct shape *s)
{
	struct code *c = k->l->c;

	top_bits(k, s);
	if (s->fill) {
		levels(k, s);
	} else if (s->steps) {
		element(c, add_index(k, s), 2);
		search(k, s);
	} else {
		element(c, add_direct(k, s), value_width(k) / 2);
	}
}
