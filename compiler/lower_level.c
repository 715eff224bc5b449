/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_level - rows of tables instead of blocks, and the code that reads them
 *
 * In: blocks. Out: groups, tables, code. How large a block may be to become data
 * is tried from small to large, until little code is left: a large block has a
 * table of its own as code (lower_table.c), which is faster, but not where there
 * are hundreds of them.
 */
#include "lower_level.h"

#include <string.h>

#include "template.h"
#include "templates.h"

enum {
	PAIR = 8,		/* bytes of a cut and what comes next */
	SMALL_TABLE = 4096,	/* bytes: not worth a group of its own */
	OFFSET_MAX = 32000,	/* of a load */
	COUNTED = 3,		/* bits of the place that are found at once */
};

/* Few sizes of rows: whether a row is of a group is a branch for each. */
static const uint8_t logs[] = { 2, 3, 4, 6, 9, 12, 16, 20 };
enum { LOGS = sizeof(logs) };

struct maker {
	struct lower *l;
	const struct blocks *tree;
	const uint8_t *order;
	struct levels *out;
	bool *data;		/* by block */
	uint8_t *log;		/* by block that is data */
	uint32_t *row;		/* by block that is data: its number */
	uint8_t word_rank[WORD_COUNT];
	uint32_t count[WORD_COUNT][LOGS];	/* blocks by size of row */
};

/* ------------------------------------------------------- what is data */

static bool may_be_data(const struct maker *m, uint32_t i, uint32_t most)
{
	const struct block *b = &m->tree->v[i];

	if (b->word == WORD_FAMILY || b->word == WORD_IFNAME ||
	    b->word == WORD_IFINDEX || b->ncuts > most)
		return false;
	for (uint32_t k = 0; k <= b->ncuts; k++)
		if (!bref_is_leaf(b->children[k]) && !m->data[b->children[k]])
			return false;
	return true;
}

/* About how many instructions B takes; DATA are no blocks any more, or NULL. */
static size_t weight(const struct lower *l, const struct block *b,
		     const bool *data)
{
	uint32_t below = 0;

	if (l->in->options.optimize < 2)	/* no table takes its cuts */
		return b->ncuts + 4;
	for (uint32_t k = 0; k <= b->ncuts; k++)
		below += !bref_is_leaf(b->children[k]) &&
			!(data && data[b->children[k]]);
	return dnode_weight(b->ncuts, below);
}

size_t levels_weight(const struct lower *l, const struct blocks *tree)
{
	size_t sum = 0;

	for (size_t i = 0; i < tree->n; i++)
		sum += weight(l, &tree->v[i], NULL);
	return sum;
}

/* About how many instructions are left when blocks of up to MOST are data. */
static size_t mark_data(struct maker *m, uint32_t most)
{
	size_t left = 0;

	for (uint32_t i = 0; i < m->tree->n; i++) {	/* children first */
		m->data[i] = may_be_data(m, i, most);
		if (!m->data[i])
			left += weight(m->l, &m->tree->v[i], m->data);
	}
	return left;
}

static void choose_data(struct maker *m, size_t code_enough)
{
	int i = 0;

	m->data = arena_array(m->l->a, m->tree->n + 1, sizeof(*m->data));
	while (mark_data(m, (1u << logs[i]) - 1) > code_enough && i + 1 < LOGS)
		i++;
}

/* -------------------------------------------------------------- groups */

static int size_for(uint32_t pairs)
{
	int i = 0;

	while (1u << logs[i] < pairs)
		i++;
	return i;
}

/* Few small rows are not worth a group: they join the next larger. */
static void join_small(struct maker *m, uint32_t word)
{
	uint32_t *count = m->count[word];

	for (int i = 0; i < LOGS; i++) {
		int next = i + 1;

		while (next < LOGS && !count[next])
			next++;
		if (!count[i] || next == LOGS ||
		    (size_t)count[i] * PAIR << logs[next] > SMALL_TABLE)
			continue;
		count[next] += count[i];
		count[i] = 0;
	}
}

static void rank_words(struct maker *m)
{
	uint8_t rank = 0;

	for (int f = 0; f < FIELD_COUNT; f++)
		for (int w = 0; w < WORD_COUNT; w++)
			if (word_info[w].field == m->order[f])
				m->word_rank[w] = rank++;
}

static uint32_t word_of_rank(const struct maker *m, uint8_t rank)
{
	uint32_t w = 0;

	while (m->word_rank[w] != rank)
		w++;
	return w;
}

/* In order of asking; false when there are too many. */
static bool make_groups(struct maker *m)
{
	struct levels *out = m->out;
	uint32_t base = m->l->in->forest->top;

	for (uint8_t rank = 0; rank < WORD_COUNT; rank++) {
		uint32_t word = word_of_rank(m, rank);

		join_small(m, word);
		for (int i = 0; i < LOGS; i++) {
			if (!m->count[word][i])
				continue;
			if (out->ngroups == LEVEL_GROUPS)
				return false;
			out->groups[out->ngroups++] = (struct level_group){
				.word = (uint8_t)word, .log = logs[i],
				.n = m->count[word][i],
			};
		}
	}
	for (size_t i = out->ngroups; i-- > 0;) {	/* last, lowest */
		out->groups[i].base = base;
		base += out->groups[i].n;
	}
	out->nvalues = m->l->in->forest->n + base - m->l->in->forest->top;
	return true;
}

static const struct level_group *group_of(const struct maker *m, uint32_t i)
{
	const struct block *b = &m->tree->v[i];
	const struct level_group *g = m->out->groups;

	while (g->word != b->word || 1u << g->log < b->ncuts + 1)
		g++;
	return g;
}

/* As a leaf of the code, behind the ranks. */
static uint32_t leaf_of_row(const struct maker *m, uint32_t row)
{
	const struct forest_ranks *f = m->l->in->forest;

	return f->n + row - f->top;
}

static void number_rows(struct maker *m)
{
	uint32_t *next = arena_array(m->l->a, m->out->ngroups + 1,
				     sizeof(*next));
	uint32_t *rule = arena_array(m->l->a, m->out->nvalues, sizeof(*rule));
	const struct forest_ranks *f = m->l->in->forest;

	memcpy(rule, f->rule, f->n * sizeof(*rule));
	m->row = arena_array(m->l->a, m->tree->n + 1, sizeof(*m->row));
	for (uint32_t i = 0; i < m->tree->n; i++) {
		const struct level_group *g;

		if (!m->data[i])
			continue;
		g = group_of(m, i);
		m->row[i] = g->base + next[g - m->out->groups]++;
		rule[leaf_of_row(m, m->row[i])] = m->tree->v[i].rule;
	}
	m->out->rule = rule;
}

/* -------------------------------------------------------------- tables */

static uint32_t number_of(const struct maker *m, bref r)
{
	return bref_is_leaf(r) ? m->l->in->forest->number[bref_leaf(r)] :
		m->row[r];
}

/* As the word is in the context, in host order. */
static uint32_t cut_value(const struct block *b, uint32_t cut)
{
	return b->word == WORD_PROTOCOL ? UDP_VALUE : cut;
}

static void fill_row(const struct maker *m, const struct block *b,
		     uint32_t *row, uint32_t pairs)
{
	for (uint32_t i = 0; i < pairs; i++) {
		bool inside = i <= b->ncuts;

		row[2 * i] = !i ? 0 : !inside ? UINT32_MAX :
			cut_value(b, b->cuts[i - 1]);
		row[2 * i + 1] = number_of(m, b->children[inside ? i :
							  b->ncuts]);
	}
}

static void add_tables(struct maker *m)
{
	struct lower *l = m->l;

	for (size_t i = 0; i < m->out->ngroups; i++) {
		struct level_group *g = &m->out->groups[i];
		size_t size = (size_t)2 << g->log;
		uint32_t *v = arena_array(l->a, g->n * size, sizeof(*v));
		size_t mask = 1;

		for (uint32_t k = 0; k < m->tree->n; k++)
			if (m->data[k] && group_of(m, k) == g)
				fill_row(m, &m->tree->v[k],
					 v + (m->row[k] - g->base) * size,
					 1u << g->log);
		while (mask < g->n)
			mask *= 2;
		g->offset = rodata_add(l->rodata,
			arena_printf(l->a, "skpol_rows_%zu",
				     l->rodata->nvariables),
			v, g->n * size, 4);
		rodata_reach(l->rodata, g->offset + mask * size * 4);
	}
}

/* The tree again, with rows for leaves. */
static void make_code(struct maker *m)
{
	struct blocks *code = &m->out->code;
	size_t n = m->tree->n;

	*code = *m->tree;
	code->v = arena_array(m->l->a, n + 1, sizeof(*code->v));
	for (uint32_t i = 0; i < n; i++) {
		const struct block *b = &m->tree->v[i];
		bref *children;

		code->v[i] = *b;
		if (m->data[i])
			continue;
		children = arena_array(m->l->a, b->ncuts + 1,
				       sizeof(*children));
		for (uint32_t k = 0; k <= b->ncuts; k++) {
			bref r = b->children[k];

			children[k] = !bref_is_leaf(r) && m->data[r] ?
				BREF_LEAF | leaf_of_row(m, m->row[r]) : r;
		}
		code->v[i].children = children;
	}
	if (!bref_is_leaf(code->root) && m->data[code->root])
		code->root = BREF_LEAF |
			leaf_of_row(m, m->row[code->root]);
}

void levels_make(struct lower *l, const struct blocks *tree,
		 const uint8_t order[FIELD_COUNT], size_t code_enough,
		 struct levels *out)
{
	struct maker m = { .l = l, .tree = tree, .order = order, .out = out };

	*out = (struct levels){
		.code = *tree, .nvalues = l->in->forest->n,
		.rule = l->in->forest->rule,
	};
	choose_data(&m, code_enough);
	rank_words(&m);
	for (uint32_t i = 0; i < tree->n; i++)
		if (m.data[i])
			m.count[tree->v[i].word][size_for(tree->v[i].ncuts +
							  1)]++;
	if (!make_groups(&m)) {
		out->ngroups = 0;
		out->nvalues = l->in->forest->n;
		return;
	}
	number_rows(&m);
	add_tables(&m);
	make_code(&m);
}

/* ---------------------------------------------------------------- code */

/* r4 = the cut at OFFSET from r3; out: 1 when it is below r1, else 0 */
static void below(struct lower *l, int offset)
{
	if (offset > OFFSET_MAX) {
		emit_alu64(l->c, BPF_MOV, BPF_REG_4, BPF_REG_3);
		emit_alu64_imm(l->c, BPF_ADD, BPF_REG_4, offset);
		emit_load(l->c, BPF_W, BPF_REG_4, BPF_REG_4, 0);
	} else {
		emit_load(l->c, BPF_W, BPF_REG_4, BPF_REG_3, offset);
	}
	emit_alu64(l->c, BPF_SUB, BPF_REG_4, BPF_REG_1);
	emit_alu64_imm(l->c, BPF_RSH, BPF_REG_4, 63);
}

/*
 * r3 += the pairs, of (1 << BITS) - 1 that are 1 << LOG apart, whose cuts are
 * below r1: none waits for another, as in a search by halves.
 */
static void count_cuts(struct lower *l, unsigned int bits, unsigned int log)
{
	for (int i = 1; i < 1 << bits; i++) {
		below(l, PAIR * i << log);
		emit_alu64(l->c, i == 1 ? BPF_MOV : BPF_ADD, BPF_REG_2,
			   BPF_REG_4);
	}
	emit_alu64_imm(l->c, BPF_LSH, BPF_REG_2, (int32_t)log + 3);
	emit_alu64(l->c, BPF_ADD, BPF_REG_3, BPF_REG_2);
	emit_checkpoint(l->c);
}

/*
 * r1 = the word, r2 = the row that r7 stands for. Whoever comes from another
 * group has other bounds for the row, and without CAP_PERFMON the verifier
 * refuses an address computed from it: XOR with 32 bits that it knows nothing
 * of, twice, hides them (as in decide.s).
 */
static void emit_row(struct lower *l, const struct level_group *g)
{
	const struct word_info *i = &word_info[g->word];
	uint32_t mask = 1;

	while (mask < g->n)
		mask *= 2;
	emit_load(l->c, BPF_W, BPF_REG_1, BPF_REG_6, i->offset);
	emit_alu32(l->c, BPF_MOV, BPF_REG_2, BPF_REG_7);
	emit_alu32_imm(l->c, BPF_SUB, BPF_REG_2, g->base);
	emit_alu32(l->c, BPF_XOR, BPF_REG_2, BPF_REG_1);
	emit_alu32(l->c, BPF_XOR, BPF_REG_2, BPF_REG_1);
	if (i->load != LOAD_HOST)
		emit_be(l->c, BPF_REG_1, i->load == LOAD_BE32 ? 32 : 16);
	emit_alu64_imm(l->c, BPF_ADD, BPF_REG_1, 1);
	emit_alu32_imm(l->c, BPF_AND, BPF_REG_2, mask - 1);
	emit_alu64_imm(l->c, BPF_LSH, BPF_REG_2, g->log + 3);
	emit_map(l->c, BPF_REG_3, IMAGE_RODATA, g->offset);
}

static void emit_group(struct lower *l, const struct level_group *g)
{
	label next = code_label(l->c);

	emit_jump32_imm(l->c, BPF_JLT, BPF_REG_7, g->base, next);
	emit_row(l, g);
	emit_alu64(l->c, BPF_ADD, BPF_REG_3, BPF_REG_2);
	emit_checkpoint(l->c);
	for (unsigned int left = g->log, bits; left; left -= bits) {
		bits = left % COUNTED ? left % COUNTED : COUNTED;
		count_cuts(l, bits, left - bits);
	}
	emit_load(l->c, BPF_W, BPF_REG_7, BPF_REG_3, 4);
	code_place(l->c, next);
}

void levels_emit(struct lower *l, const struct levels *v)
{
	if (!v->ngroups)
		return;
	template_emit(l->c, &template_forget, NULL, NULL);
	for (size_t i = 0; i < v->ngroups; i++)
		emit_group(l, &v->groups[i]);
}
