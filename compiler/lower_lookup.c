/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_lookup - the tables of a shape, and the code that reads them
 *
 * In: a key in r1, its intervals, a shape. Out: r2 = the value of the interval
 * that holds the key. Only the levels branch, when one has come to its end.
 *
 * Reads stay inside .rodata because every index is masked, or is as many bits of
 * the key as there is room for; the section is padded to what the masks allow
 * (rodata_reach). A search compares with a cut and its value, which are one
 * number (lower_pack.c): (number - key) >> 63 is 1 where the key is more.
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
	return (uint32_t)lower_power_of_two(n) - 1;
}

/* ---------------------------------------------------------- the tables */

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
	uint32_t index, cuts;	/* offsets in .rodata */
	uint8_t width;		/* bytes of a cell of the index */
	size_t n;
};

/* Cuts and values side by side: both in one line of the cache. */
static struct entries add_packed(const struct keyed *k, const struct shape *s)
{
	struct rodata *r = k->l->rodata;
	struct entries e = { .n = pack_entries(k, s) };
	bool flat = s->pack.flat;

	if (s->pack.home) {
		e.cuts = s->pack.at;
		pack_fill(k, s, NULL, r->v + e.cuts);
		return e;
	}
	e.width = (uint8_t)pack_index(e.n * s->pack.entry);
	if (!flat)
		(void)rodata_space(r, variable_name(k->l, "index"), s->cells,
				   e.width, &e.index);
	rodata_align(r, LINE);
	if (rodata_space(r, variable_name(k->l, flat ? "buckets" : "cuts"), e.n,
			 s->pack.entry, &e.cuts))
		pack_fill(k, s, flat ? NULL : r->v + e.index, r->v + e.cuts);
	return e;
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

void lower_below(struct code *c, uint8_t size, uint8_t to, uint32_t offset)
{
	if (offset > OFFSET_MAX) {
		emit_alu64(c, BPF_MOV, to, BPF_REG_3);
		emit_alu64_imm(c, BPF_ADD, to, (int32_t)offset);
		emit_load(c, size, to, to, 0);
	} else {
		emit_load(c, size, to, BPF_REG_3, (int)offset);
	}
	emit_alu64(c, BPF_SUB, to, BPF_REG_1);
	emit_alu64_imm(c, BPF_RSH, to, 63);
}

/*
 * r3 += 1 << LOG, the bytes of so many numbers, for each of (1 << BITS) - 1 that
 * are as far apart and less than r1: none waits for another.
 */
static void narrow_down(struct code *c, uint8_t size, unsigned int bits,
			unsigned int log)
{
	for (uint32_t i = 1; i < 1u << bits; i++) {
		int to = i == 1 ? BPF_REG_2 : BPF_REG_4;

		lower_below(c, size, to, i << log);
		if (i > 1)
			emit_alu64(c, BPF_ADD, BPF_REG_2, to);
	}
	emit_alu64_imm(c, BPF_LSH, BPF_REG_2, (int32_t)log);
	emit_alu64(c, BPF_ADD, BPF_REG_3, BPF_REG_2);
	emit_checkpoint_kept(c, BPF_REG_2);
}

/* r1 = what the numbers of all cuts up to the key are less than */
static void pack_key(const struct keyed *k, const struct packing *p)
{
	struct code *c = k->l->c;
	unsigned int front = 64 - p->drop - p->rest;

	if (k->width < 64) {
		if (p->drop)
			emit_alu32_imm(c, BPF_RSH, BPF_REG_1, p->drop);
		if (p->drop + p->rest < k->width)
			emit_alu32_imm(c, BPF_AND, BPF_REG_1,
				       (1u << p->rest) - 1);
	} else {
		if (p->drop)
			emit_alu64_imm(c, BPF_RSH, BPF_REG_1, p->drop);
		if (front) {
			front += p->drop;
			emit_alu64_imm(c, BPF_LSH, BPF_REG_1, (int32_t)front);
			emit_alu64_imm(c, BPF_RSH, BPF_REG_1, (int32_t)front);
		}
	}
	emit_alu64_imm(c, BPF_ADD, BPF_REG_1, 1);
	emit_alu64_imm(c, BPF_LSH, BPF_REG_1, p->low);
}

/* r3 = where the bucket r2 begins */
static void find_bucket(const struct keyed *k, const struct shape *s,
			unsigned int log)
{
	struct code *c = k->l->c;
	struct entries e = add_packed(k, s);
	uint32_t mask = mask_for(e.n - ((size_t)1 << s->steps)) << log;

	if (s->pack.flat) {
		emit_alu32_imm(c, BPF_LSH, BPF_REG_2, s->steps + log);
	} else {
		element(c, e.index, e.width / 2);
		rodata_reach(k->l->rodata, e.cuts + mask +
			     ((size_t)2 << (s->steps + log)));
		emit_alu32_imm(c, BPF_AND, BPF_REG_2, mask);
	}
	emit_map(c, BPF_REG_3, IMAGE_RODATA, e.cuts);
	emit_alu64(c, BPF_ADD, BPF_REG_3, BPF_REG_2);
}

static void search(const struct keyed *k, const struct shape *s)
{
	static const uint8_t size[] = { BPF_B, BPF_H, BPF_W, BPF_DW };
	struct code *c = k->l->c;
	unsigned int log = (unsigned int)__builtin_ctz(s->pack.entry);

	find_bucket(k, s, log);
	pack_key(k, &s->pack);
	for (unsigned int left = s->steps, bits; left; left -= bits) {
		bits = shape_steps_at_once(left, s->steps);
		narrow_down(c, size[log], bits, left - bits + log);
	}
	emit_load(c, size[log], BPF_REG_2, BPF_REG_3, 0);
	emit_alu32_imm(c, BPF_AND, BPF_REG_2, (1u << s->pack.low) - 1);
}

void lookup(const struct keyed *k, const struct shape *s)
{
	struct code *c = k->l->c;

	if (s->keys.lanes) {
		keys_lookup(k, s);
		return;
	}
	top_bits(k, s);
	if (s->fill) {
		levels(k, s);
	} else if (s->steps) {
		search(k, s);
	} else {
		element(c, add_direct(k, s), value_width(k) / 2);
	}
}
