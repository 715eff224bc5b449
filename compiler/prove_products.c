/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove_products - IPv4 packets that a program looks up in tables
 *
 * In: code that finds a column for each word of the packet, and what is known by
 * tables of products. Out: whether that is what the rules say. The columns are read
 * out of the index for all numbers; then words are met with the rules as if the
 * tables were a tree over them (TO_PRODUCTS), each place in it with the same
 * rules once. No number may lead to where IPv6 packets go: there words are asked
 * for again, of which such a place does not tell what is known.
 */
#include <string.h>

#include "prove_products.h"

/* Levels of targets: the family; below it a look-up. */
enum { FAMILY = 0xff };

/* ------------------------------------------------------------ the columns */

struct scan {
	const struct prove *p;
	struct arena *a;
	struct lookup *x;
	/* by level and node: 1 + the column that all of it has, 0: not known yet,
	 * MANY */
	uint32_t *whole[INDEX_LEVELS];
};

enum { MANY = UINT32_MAX,
       COLUMNS_MAX = 1 << 19,	/* more than rules that have tables ask for */
       UNKNOWN = UINT32_MAX };	/* column: not gone through */

static uint32_t entry(const struct scan *s, uint32_t level, uint32_t node,
		      uint32_t i)
{
	const struct index_level *l = &s->x->level[level];
	const uint8_t *at = s->p->image->rodata + l->offset +
		(((size_t)node << l->bits) + i) * l->width;

	return l->width > 1 ? (uint32_t)(at[0] | at[1] << 8) : at[0];
}

static uint32_t whole_of(struct scan *s, uint32_t level, uint32_t node);

/* 1 + the column of all that ENTRY leads to, or MANY. */
static uint32_t below_entry(struct scan *s, uint32_t level, uint32_t value)
{
	if (level + 1 == s->x->nlevels)
		return value + 1;
	return value < s->x->level[level].below ?
		whole_of(s, level + 1, value) : MANY;
}

static uint32_t whole_of(struct scan *s, uint32_t level, uint32_t node)
{
	uint32_t *whole = &s->whole[level][node], found;

	if (*whole)
		return *whole;
	found = below_entry(s, level, entry(s, level, node, 0));
	for (uint32_t i = 1; found != MANY &&
	     i < 1u << s->x->level[level].bits; i++)
		if (below_entry(s, level, entry(s, level, node, i)) != found)
			found = MANY;
	return *whole = found;
}

static void add_column(struct scan *s, uint64_t low, uint64_t high,
		       uint32_t value)
{
	struct lookup *x = s->x;
	bool begins = x->word == PW_LPORT && !(low & UINT16_MAX);

	if (x->n && x->v[x->n - 1].value == value && !begins)
		x->v[x->n - 1].high = high;
	else
		*arena_push(s->a, x->v, x->n, x->cap) =
			(struct column){ low, high, value };
}

/* All numbers from BASE on whose bits lead to NODE. */
static void scan_node(struct scan *s, uint32_t level, uint32_t node,
		      uint64_t base)
{
	const struct index_level *l = &s->x->level[level];
	uint32_t shift = 0, columns = s->x->level[s->x->nlevels - 1].below;

	for (uint32_t i = level + 1; i < s->x->nlevels; i++)
		shift += s->x->level[i].bits;
	for (uint32_t i = 0; i < 1u << l->bits && s->x->n < COLUMNS_MAX; i++) {
		uint64_t low = base + ((uint64_t)i << shift);
		uint64_t high = low + ((uint64_t)1 << shift) - 1;
		uint32_t value = entry(s, level, node, i);
		uint32_t whole = below_entry(s, level, value);

		if (whole != MANY)
			add_column(s, low, high, whole - 1);
		else if (value < l->below)
			scan_node(s, level + 1, value, low);
		else
			add_column(s, low, high, columns);
	}
}

/* Where there are too many, those behind are not asked about: a packet that differs
 * is most likely among the first ones. */
static void read_columns(struct prove *p, struct lookup *x)
{
	struct scan s = { .p = p, .a = p->a, .x = x };

	for (uint32_t i = 0; i < x->nlevels; i++)
		s.whole[i] = arena_array(p->a, i ? x->level[i - 1].below : 1,
					 sizeof(uint32_t));
	scan_node(&s, 0, 0, 0);
	if (x->n < COLUMNS_MAX)
		return;
	x->v[x->n - 1].high = UINT32_MAX;
	x->v[x->n - 1].value = UNKNOWN;
	p->products->strange = true;
}

/* --------------------------------------------------------------- the walk */

/* What look-up I begins with KNOWN; PROTOCOL: 0, or 1 + it, when it is known. */
static struct target lookup_at(uint32_t i, uint32_t known, uint32_t protocol)
{
	return (struct target){ TO_PRODUCTS, i, known, 0, protocol };
}

static const struct target nowhere = { .kind = TO_FAULT };

/* KNOWN, behind look-up I. */
static struct target behind(const struct prove_products *t, uint32_t i,
			    uint32_t known)
{
	if (i + 1 == t->n)
		return (struct target){ .kind = TO_DECIDE, .pc = t->decide,
					.value = known };
	return known < t->of[i + 1].nrows ? lookup_at(i + 1, known, 0) :
		nowhere;
}

/* That in column C of ROW, of the table at OFFSET. */
static uint16_t number_at(const struct prove *p, uint32_t offset, uint32_t row,
			  uint32_t row_log, uint32_t c)
{
	uint16_t v;

	memcpy(&v, p->image->rodata + offset +
	       2 * (((size_t)row << row_log) + c), sizeof(v));
	return v;
}

/* Where column C leads from KNOWN. */
static struct target step(const struct prove *p, uint32_t i, uint32_t known,
			  uint32_t c)
{
	const struct prove_products *t = p->products;
	const struct lookup *x = &t->of[i];

	if (c == UNKNOWN)
		return (struct target){ .kind = TO_LEFT };
	if (c >= x->level[x->nlevels - 1].below)
		return nowhere;
	if (!i)
		return behind(t, i, c);
	return behind(t, i, number_at(p, x->next, known, x->row_log, c));
}

static bool visit_protocols(struct prove *p, struct target at, uint32_t node)
{
	struct stretch s = { .word = PW_PROTOCOL };

	for (uint32_t k = 0; k < 2; k++)
		run_add_piece(p, &s, k, k,
			      lookup_at(at.pc, at.value, k + 1));
	return prove_meet(p, at, node, &s);
}

static bool visit_numbers(struct prove *p, struct target at, uint32_t node)
{
	const struct lookup *x = &p->products->of[at.pc];
	struct stretch s = { .word = x->word };
	uint64_t base = at.row ? (uint64_t)(at.row - 1) << NUMBER_PROTOCOL : 0;

	p->meetings += x->n;
	for (size_t i = 0; i < x->n; i++) {
		const struct column *c = &x->v[i];

		if (!at.row || c->low >> NUMBER_PROTOCOL == at.row - 1)
			run_add_piece(p, &s, c->low - base, c->high - base,
				      step(p, at.pc, at.value, c->value));
	}
	return prove_meet(p, at, node, &s);
}

bool products_visit(struct prove *p, struct target at, uint32_t node)
{
	struct stretch s = { .word = PW_FAMILY };

	if (at.pc == FAMILY) {
		run_add_piece(p, &s, 0, 0, lookup_at(0, 0, 0));
		run_add_piece(p, &s, 1, 1, p->products->rest);
		return prove_meet(p, at, node, &s);
	}
	if (p->products->of[at.pc].word == PW_LPORT && !at.row)
		return visit_protocols(p, at, node);
	return visit_numbers(p, at, node);
}

bool products_are_clean(struct prove *p)
{
	return !p->products || !p->products->strange ||
		prove_fail(p, "an index that tells too many numbers apart");
}

struct target products_begin(struct prove *p, struct target rest)
{
	p->products->rest = rest;
	return lookup_at(FAMILY, 0, 0);
}

/* Whether it is these that are looked up at M: no tree loads into r2, and behind
 * that the look-up of hosts has a factor, or another load. */
static bool begins(const struct matcher *m)
{
	const struct image *image = m->p->image;
	const struct bpf_insn *i = &image->insns[m->pc];

	return m->pc + 3 < image->ninsns &&
		i[2].code == (BPF_LDX | BPF_MEM | BPF_W) &&
		i[2].dst_reg == 2 && i[2].src_reg == 6 &&
		(i[3].dst_reg == 5 || BPF_OP(i[3].code) == BPF_END);
}

bool products_found(struct prove *p, uint32_t *pc)
{
	struct matcher m = { p, *pc };
	uint32_t others;

	if (!begins(&m))
		return true;
	p->products = arena_alloc(p->a, sizeof(*p->products));
	if (!products_read(&m, &others)) {
		p->why_pc = m.pc;
		return prove_fail(p, arena_printf(p->a,
			"instruction %u: not how tables are looked up", m.pc));
	}
	for (uint32_t i = 0; i < p->products->n; i++)
		read_columns(p, &p->products->of[i]);
	*pc = others;
	return true;
}
