/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_table - a block of many cuts as a search in .rodata
 *
 * In: a block, its word in r1. Out: the top bits of the word index a table that
 * says where to begin; from there a branch-free search among the cuts of that
 * bucket, which ends on the pair (cut, value) of the interval. A value is the
 * step to go on with, or the verdict where there is nothing else, or the number
 * of a way: a child that is code. A word of 16 bits that needs all of them for
 * its index has no cuts left to search, and the index holds the values.
 *
 * Reads stay inside .rodata because every index is masked; the section is
 * padded to what the masks allow (rodata_reach).
 */
#include "lower_private.h"

enum {
	CUTS_MIN = 12,		/* fewer are compared */
	BUCKETS_MAX_BITS = 20,
	PAIR = 8,		/* bytes of a cut and its value */
	OFFSET_MAX = 16384,	/* of a load */
};

struct table {
	struct lower *l;
	const struct block *b;
	unsigned int width;	/* bits of the word */
	unsigned int bits;	/* of the index */
	unsigned int steps;	/* of the search */
	bool verdicts;		/* values are verdicts */
	bool leaves;		/* some child is no way */
	uint32_t *values;	/* by child */
	bref *ways;		/* children that are code */
	uint32_t nways, first_way;
};

static unsigned int word_width(enum word w)
{
	return w == WORD_LPORT || w == WORD_RPORT ? 16 : 32;
}

static const struct effect *leaf_effect(const struct table *t, bref r)
{
	const struct effect *e;

	if (!bref_is_leaf(r))
		return NULL;
	e = &t->l->in->effects->v[bref_leaf(r)];
	return e->kind == EFFECT_SPLIT ? NULL : e;
}

static bool only_verdicts(const struct table *t)
{
	for (uint32_t i = 0; i <= t->b->ncuts; i++) {
		const struct effect *e = leaf_effect(t, t->b->children[i]);

		if (!e || e->kind == EFFECT_STEPS)
			return false;
	}
	return true;
}

/* ---------------------------------------------------------- the values */

static uint32_t *way_number(struct table *t, bref r)
{
	return bref_is_leaf(r) ? &t->l->split_way[bref_leaf(r)] :
		&t->l->block_way[r];
}

static uint32_t way_of(struct table *t, bref r)
{
	uint32_t *number = way_number(t, r);

	if (*number == UINT32_MAX) {
		*number = t->nways;
		t->ways[t->nways++] = r;
	}
	return t->first_way + *number;
}

/* Splits and blocks are numbered together, in order of their first use. */
static void find_values(struct table *t)
{
	struct lower *l = t->l;
	size_t n = t->b->ncuts + 1;
	t->values = arena_array(l->a, n, sizeof(*t->values));
	t->ways = arena_array(l->a, n, sizeof(*t->ways));
	t->first_way = (uint32_t)l->in->effects->nsteps;
	for (size_t i = 0; i < n; i++) {
		bref r = t->b->children[i];
		const struct effect *e = leaf_effect(t, r);

		t->leaves |= !!e;
		if (!e)
			t->values[i] = way_of(t, r);
		else
			t->values[i] = t->verdicts ? e->kind == EFFECT_PASS :
				e->first;
	}
	for (uint32_t i = 0; i < t->nways; i++)
		*way_number(t, t->ways[i]) = UINT32_MAX;
}

/* ---------------------------------------------------------- the index */

/* Most cuts inside one bucket (not at its begin) for an index of BITS. */
static uint32_t fullest(const struct table *t, unsigned int bits)
{
	unsigned int shift = t->width - bits;
	uint32_t most = 0, n = 0, last = UINT32_MAX;

	for (uint32_t i = 0; i < t->b->ncuts; i++) {
		uint32_t cut = t->b->cuts[i], bucket = cut >> shift;

		if (bucket != last)
			n = 0;
		last = bucket;
		n += bucket << shift != cut;
		if (n > most)
			most = n;
	}
	return most;
}

static unsigned int steps_for(uint32_t most)
{
	return most ? 32 - (unsigned int)__builtin_clz(most) : 0;
}

/*
 * What a look-up costs, in tenths of a nanosecond: a step of the search each,
 * and the memory that index and pairs take, which is not in the first, then not
 * in the second cache. From the benchmark, uniform streams.
 */
static unsigned int index_cost(const struct table *t, unsigned int bits,
			       unsigned int steps)
{
	size_t bytes = ((size_t)4 << bits) + (size_t)t->b->ncuts * PAIR;

	return steps * 12 + (bytes > 16 << 10 ? 15 : 0) +
	       (bytes > 512 << 10 ? 30 : 0) + (bytes > 2 << 20 ? 40 : 0) +
	       (bytes > 8 << 20 ? 120 : 0);
}

static void choose_index(struct table *t)
{
	unsigned int most = 1, best = UINT32_MAX;

	while (most < BUCKETS_MAX_BITS && most < t->width &&
	       (uint64_t)1 << most < 16 * (uint64_t)t->b->ncuts)
		most++;
	for (unsigned int bits = most > 8 ? most - 8 : 1; bits <= most;
	     bits++) {
		unsigned int steps = steps_for(fullest(t, bits));
		unsigned int cost = index_cost(t, bits, steps);

		if (cost < best) {
			best = cost;
			t->steps = steps;
			t->bits = bits;
		}
	}
}

static const char *variable_name(struct lower *l, const char *what)
{
	return arena_printf(l->a, "skpol_%s_%zu", what,
			    l->rodata->nvariables);
}

/* Where each bucket begins: the last pair whose cut is not above it. */
static uint32_t add_index(struct table *t)
{
	size_t n = (size_t)1 << t->bits, pair = 0;
	uint32_t *v = arena_array(t->l->a, n, sizeof(*v));
	unsigned int shift = t->width - t->bits;

	for (size_t i = 0; i < n; i++) {
		uint64_t begin = (uint64_t)i << shift;

		while (pair < t->b->ncuts && t->b->cuts[pair] <= begin)
			pair++;
		v[i] = (uint32_t)pair * PAIR;
	}
	return rodata_add(t->l->rodata, variable_name(t->l, "index"), v, n,
			  4);
}

static uint32_t add_pairs(struct table *t)
{
	size_t n = t->b->ncuts + 1, pad = (size_t)1 << t->steps;
	uint32_t *v = arena_array(t->l->a, n + pad, PAIR);

	for (size_t i = 0; i < n + pad; i++) {
		size_t last = i < n ? i : n - 1;

		v[2 * i] = i < n ? i ? t->b->cuts[i - 1] : 0 : UINT32_MAX;
		v[2 * i + 1] = t->values[last];
	}
	return rodata_add(t->l->rodata, variable_name(t->l, "pairs"), v,
			  2 * (n + pad), 4);
}

static uint32_t add_direct(struct table *t)
{
	size_t n = (size_t)1 << t->bits, child = 0;
	uint32_t *v = arena_array(t->l->a, n, sizeof(*v));

	for (size_t i = 0; i < n; i++) {
		while (child < t->b->ncuts && t->b->cuts[child] <= i)
			child++;
		v[i] = t->values[child];
	}
	return rodata_add(t->l->rodata, variable_name(t->l, "direct"), v, n,
			  4);
}

/* ------------------------------------------------------------ the code */

/* r3 = table at OFFSET + r2, where r2 is 0 to MASK and a multiple of 4 */
static void at(struct lower *l, uint32_t offset)
{
	emit_map(l->c, BPF_REG_3, IMAGE_RODATA, offset);
	emit_alu64(l->c, BPF_ADD, BPF_REG_3, BPF_REG_2);
}

/* r2 = 4 * the top bits of r1 */
static void top_bits(const struct table *t)
{
	unsigned int shift = t->width - t->bits;

	emit_alu32(t->l->c, BPF_MOV, BPF_REG_2, BPF_REG_1);
	if (shift)
		emit_alu32_imm(t->l->c, BPF_RSH, BPF_REG_2, shift);
	/* a port is 16 bits, which the verifier does not know */
	if (t->width == 16)
		emit_alu32_imm(t->l->c, BPF_AND, BPF_REG_2,
			       (1u << t->bits) - 1);
	emit_alu32_imm(t->l->c, BPF_LSH, BPF_REG_2, 2);
}

static uint32_t mask_for(size_t bytes)
{
	uint32_t size = PAIR;

	while (size < bytes)
		size *= 2;
	return size - PAIR;
}

/* One step of the search: r2 += 8 << LOG when the cut there is <= r1 - 1. */
static void search_step(struct lower *l, unsigned int log)
{
	uint32_t offset = (uint32_t)PAIR << log;

	emit_alu64(l->c, BPF_MOV, BPF_REG_4, BPF_REG_3);
	emit_alu64(l->c, BPF_ADD, BPF_REG_4, BPF_REG_2);
	if (offset > OFFSET_MAX) {
		emit_alu64_imm(l->c, BPF_ADD, BPF_REG_4, (int32_t)offset);
		offset = 0;
	}
	emit_load(l->c, BPF_W, BPF_REG_4, BPF_REG_4, (int)offset);
	emit_alu64(l->c, BPF_SUB, BPF_REG_4, BPF_REG_1);
	emit_alu64_imm(l->c, BPF_RSH, BPF_REG_4, 63);
	emit_alu64_imm(l->c, BPF_LSH, BPF_REG_4, (int32_t)(log + 3));
	emit_alu64(l->c, BPF_ADD, BPF_REG_2, BPF_REG_4);
	emit_checkpoint(l->c);
}

/* r2 = the value of r1 */
static void search(struct table *t)
{
	struct lower *l = t->l;
	uint32_t index = add_index(t), pairs = add_pairs(t);
	uint32_t mask = mask_for((size_t)(t->b->ncuts + 1) * PAIR);

	rodata_reach(l->rodata, (size_t)pairs + mask +
		     ((size_t)PAIR << t->steps) + PAIR);
	top_bits(t);
	at(l, index);
	emit_load(l->c, BPF_W, BPF_REG_2, BPF_REG_3, 0);
	emit_alu32_imm(l->c, BPF_AND, BPF_REG_2, mask);
	emit_map(l->c, BPF_REG_3, IMAGE_RODATA, pairs);
	if (t->steps)
		emit_alu64_imm(l->c, BPF_ADD, BPF_REG_1, 1);
	for (unsigned int log = t->steps; log-- > 0;)
		search_step(l, log);
	emit_alu64(l->c, BPF_ADD, BPF_REG_3, BPF_REG_2);
	emit_load(l->c, BPF_W, BPF_REG_2, BPF_REG_3, 4);
}

static void direct(struct table *t)
{
	uint32_t table = add_direct(t);

	top_bits(t);
	at(t->l, table);
	emit_load(t->l->c, BPF_W, BPF_REG_2, BPF_REG_3, 0);
}

/* r2 is the number of a way: a tree over them. */
static void ways(struct table *t)
{
	uint32_t *cuts = arena_array(t->l->a, t->nways, sizeof(*cuts));
	struct block b = { .word = WORD_LADDR4, .ncuts = t->nways - 1,
			   .cuts = cuts, .children = t->ways };

	for (uint32_t i = 1; i < t->nways; i++)
		cuts[i - 1] = t->first_way + i;
	if (t->nways > 1)
		emit_alu32(t->l->c, BPF_MOV, BPF_REG_1, BPF_REG_2);
	lower_tree(t->l, &b, 0, b.ncuts);
}

static void finish(struct table *t)
{
	struct code *c = t->l->c;
	label is_way = code_label(c);

	if (t->verdicts) {
		emit_alu32(c, BPF_MOV, BPF_REG_0, BPF_REG_2);
		emit_alu32_imm(c, BPF_AND, BPF_REG_0, 1);
		emit_exit(c);
		return;
	}
	if (t->nways && t->leaves)
		emit_jump32_imm(c, BPF_JGE, BPF_REG_2, t->first_way, is_way);
	if (t->leaves) {
		emit_alu32(c, BPF_MOV, BPF_REG_7, BPF_REG_2);
		emit_goto(c, decide_label(t->l));
	}
	code_place(c, is_way);
	if (t->nways)
		ways(t);
}

bool lower_table(struct lower *l, const struct block *b)
{
	struct table t = { .l = l, .b = b };

	if (l->in->options.optimize < 2 || b->ncuts < CUTS_MIN ||
	    b->word == WORD_IFNAME)
		return false;
	t.width = word_width(b->word);
	t.verdicts = only_verdicts(&t);
	find_values(&t);
	if (t.nways > b->ncuts / 4)
		return false;
	choose_index(&t);
	if (t.width == 16 && t.bits == 16)
		direct(&t);
	else
		search(&t);
	finish(&t);
	return true;
}
