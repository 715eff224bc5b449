/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_level - rows of tables instead of blocks
 *
 * In: blocks, which of them are data. Out: groups, tables.
 */
#include "lower_level.h"

#include <string.h>

#include "lower_table.h"

enum {
	SMALL = ROW_PAGE,	/* rows not worth a group of their own */
	HOME_LIST = 1024,	/* cuts: a smaller one is in the caches, mostly */
	/* in half the second cache rows may stand by group, in any page */
	NARROW_UNITS = (512 << 10) / ROW_UNIT,
};

/* Few sizes of rows: whether a row is of a group is a branch for each. */
static const struct row_size pair_sizes[] = {
	{ ROW_PREFIXES, 1 }, { ROW_PREFIXES, 2 }, { ROW_PREFIXES, 3 },
	{ ROW_PAIRS, 2 }, { ROW_PAIRS, 3 }, { ROW_PAIRS, 4 }, { ROW_PAIRS, 5 },
	{ ROW_PAIRS, 6 }, { ROW_PAIRS, 9 }, { ROW_PAIRS, 12 }, { ROW_PAIRS, 16 },
	{ ROW_PAIRS, 20 },
};
static const struct row_size zone_sizes[] = {
	{ ROW_PREFIXES, 1 }, { ROW_PREFIXES, 2 }, { ROW_PREFIXES, 3 },
	{ ROW_LANES, 2 }, { ROW_LANES, 3 }, { ROW_LANES, 4 }, { ROW_LANES, 5 },
	{ ROW_LANES, 6 }, { ROW_LANES, 8 }, { ROW_LANES, 12 },
	{ ROW_DIRECT, 20 },
};
enum { PREFIX_SIZES = 3,	/* the first of both */
       SIZES = sizeof(pair_sizes) / sizeof(*pair_sizes),
       ZONE_SIZES = sizeof(zone_sizes) / sizeof(*zone_sizes) };

struct maker {
	struct lower *l;
	const struct blocks *tree;
	const uint8_t *order;
	struct levels *out;
	const bool *data;	/* by block */
	uint32_t *units_of;	/* by block: of its row; 0: it is code */
	uint32_t *place;	/* by block that is data: where its row is */
	uint32_t *row;		/* by block that is data: its number */
	uint32_t *leaf;		/* by block that is data: of the code */
	uint32_t *next;		/* of a row, as it is filled */
	uint8_t word_rank[WORD_ALL];
	uint8_t *size;		/* by block that is data: which row */
	uint32_t home_word;	/* of the rows that are at home, if any are */
	size_t units[WORD_ALL][SIZES];	/* of all rows of a size */
};

/* -------------------------------------------------------------- groups */

static int sizes_of(uint32_t word)
{
	return word < WORD_ZONE ? SIZES : ZONE_SIZES;
}

/* A group of the word W whose rows have the size number I, still empty. */
static struct level_group group_like(const struct maker *m, uint32_t w, int i)
{
	const struct forest_ranks *f = m->l->in->forest;
	struct level_group g = {
		.word = (uint8_t)w, .narrow = f->narrow,
		.size = w < WORD_ZONE ? pair_sizes[i] : zone_sizes[i],
	};

	if (w >= WORD_ZONE)
		g.zones = f->zones->of[w - WORD_ZONE].ncuts + 1;
	return g;
}

static uint32_t units_as(const struct maker *m, const struct block *b, int size)
{
	struct level_group g = group_like(m, b->word, size);

	return row_units(&g, b->ncuts);
}

/* The size for B, where it asks for so few prefixes, else PREFIX_SIZES. */
static int prefixes_for(const struct maker *m, const struct block *b)
{
	struct level_group g = group_like(m, b->word, 0);
	uint32_t n = row_prefixes(&g, b);
	int i = 0;

	while (i < PREFIX_SIZES &&
	       row_most(group_like(m, b->word, i).size) < n)
		i++;
	return i;
}

/* The size for B; where that is hardly larger, all is in one read. A row of
 * prefixes is quick to search, so there it must be no larger. */
static int size_for(const struct maker *m, const struct block *b)
{
	int last = sizes_of(b->word) - 1, i = PREFIX_SIZES;
	int prefixes = prefixes_for(m, b);
	uint32_t direct = 2;

	while (i < last && b->ncuts >> group_like(m, b->word, i).size.log)
		i++;
	if (prefixes < PREFIX_SIZES &&
	    units_as(m, b, prefixes) < units_as(m, b, i)) {
		i = prefixes;
		direct = 1;
	}
	if (b->word >= WORD_ZONE &&
	    units_as(m, b, last) <= direct * units_as(m, b, i))
		return last;
	return i;
}

static void choose_sizes(struct maker *m)
{
	m->size = arena_array(m->l->a, m->tree->n + 1, sizeof(*m->size));
	for (uint32_t i = 0; i < m->tree->n; i++) {
		const struct block *b = &m->tree->v[i];

		if (!m->data[i])
			continue;
		m->size[i] = (uint8_t)size_for(m, b);
		m->units[b->word][m->size[i]] += units_as(m, b, m->size[i]);
	}
}

/* --------------------------------------------------------------- homes */

static const struct forest_ranks *ranks(const struct maker *m)
{
	return m->l->in->forest;
}

/* What is next if the prefix of a row that has one matches, where that is no row. */
static uint32_t match_number(const struct maker *m, const struct block *b)
{
	uint32_t k = 0;

	while (b->children[k] == b->children[b->ncuts])
		k++;
	return bref_is_leaf(b->children[k]) ?
		ranks(m)->number[bref_leaf(b->children[k])] : UINT32_MAX;
}

/* Rows of one prefix of WORD, by block. */
static bool *mark_homely(const struct maker *m, uint32_t word)
{
	bool *out = arena_array(m->l->a, m->tree->n + 1, sizeof(*out));

	for (uint32_t i = 0; i < m->tree->n; i++) {
		const struct block *b = &m->tree->v[i];

		out[i] = m->data[i] && b->word == word && !m->size[i] &&
			match_number(m, b) >= HOME_NEXT_LEAST;
	}
	return out;
}

/* Rows of one prefix that cannot be at home are of the next size. */
static void move_others(struct maker *m, uint32_t word, const bool *homely)
{
	m->units[word][0] = 0;
	for (uint32_t i = 0; i < m->tree->n; i++) {
		const struct block *b = &m->tree->v[i];

		if (!m->data[i] || b->word != word || m->size[i])
			continue;
		m->size[i] = !homely[i];
		m->units[word][m->size[i]] += units_as(m, b, m->size[i]);
	}
}

/* So many bits of a key have to be those of its bucket: what is left, and a number
 * with its place and its group, are HOME_KEY_BITS, or less. */
static unsigned int root_least(const struct maker *m)
{
	const unsigned int group = 3, key = 32;
	size_t units = 0;
	unsigned int low;

	for (int w = 0; w < WORD_ALL; w++)
		for (int i = 0; i < SIZES; i++)
			units += m->units[w][i];
	low = group + bits_of(units > ranks(m)->top ? (uint32_t)units :
			      ranks(m)->top);
	return key + low > HOME_KEY_BITS ? key + low - HOME_KEY_BITS : 1;
}

static bool homes_of(struct maker *m, uint32_t word)
{
	struct homes_input in = {
		.tree = m->tree, .data = m->data,
		.rows = mark_homely(m, word), .least =
		m->l->in->options.homes == HOMES_ALWAYS ? 2 : HOME_LIST,
		.root_least = root_least(m),
	};

	if (!homes_make(m->l->a, &in, m->place, &m->out->homes)) {
		m->out->homes = (struct homes){ 0 };
		memset(m->place, 0xff, m->tree->n * sizeof(*m->place));
		return false;
	}
	m->home_word = word;
	move_others(m, word, in.rows);
	return true;
}

/* Of the rows of one prefix, those of one word. */
static void find_homes(struct maker *m)
{
	m->place = arena_array(m->l->a, m->tree->n + 1, sizeof(*m->place));
	memset(m->place, 0xff, m->tree->n * sizeof(*m->place));
	if (m->l->in->options.homes && !ranks(m)->narrow &&
	    !homes_of(m, WORD_LADDR4))
		(void)homes_of(m, WORD_RADDR4);
}

/* ----------------------------------------------------- sizes to groups */

/* What the rows of WORD and the size FROM take as rows of the size TO. */
static size_t all_as(const struct maker *m, uint32_t word, int from, int to)
{
	size_t sum = 0;

	for (uint32_t i = 0; i < m->tree->n; i++) {
		const struct block *b = &m->tree->v[i];

		if (m->data[i] && b->word == word && m->size[i] == from)
			sum += units_as(m, b, to);
	}
	return sum;
}

/* Whether the rows of WORD and the size number I are at home. */
static bool is_home(const struct maker *m, uint32_t word, int i)
{
	return !i && m->out->homes.n && word == m->home_word;
}

/* Few small rows are not worth a group: they join the next larger. */
static void join_small(struct maker *m, uint32_t word)
{
	size_t *units = m->units[word];
	int n = sizes_of(word);

	for (int i = 0; i < n; i++) {
		int next = i + 1;
		size_t as;

		while (next < n && !units[next])
			next++;
		if (!units[i] || next == n || units[i] > SMALL ||
		    is_home(m, word, i) ||
		    (i < PREFIX_SIZES) != (next < PREFIX_SIZES))
			continue;
		as = all_as(m, word, i, next);
		if (as > SMALL)
			continue;
		units[next] += as;
		units[i] = 0;
		for (uint32_t k = 0; k < m->tree->n; k++)
			if (m->data[k] && m->tree->v[k].word == word &&
			    m->size[k] == i)
				m->size[k] = (uint8_t)next;
	}
}

static void rank_words(struct maker *m)
{
	uint8_t rank = 0;

	for (int f = 0; f < FIELD_COUNT; f++)
		for (int w = 0; w < WORD_ALL; w++)
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

	for (uint8_t rank = 0; rank < WORD_ALL; rank++) {
		uint32_t word = word_of_rank(m, rank);

		join_small(m, word);
		for (int i = 0; i < sizes_of(word); i++) {
			struct level_group *g = &out->groups[out->ngroups];

			if (!m->units[word][i])
				continue;
			if (out->ngroups++ == LEVEL_GROUPS)
				return false;
			*g = group_like(m, word, i);
			g->home = is_home(m, word, i);
			g->units = (uint32_t)m->units[word][i];
		}
	}
	return true;
}

static const struct level_group *group_of(const struct maker *m, uint32_t i)
{
	uint32_t word = m->tree->v[i].word;
	const struct row_size size = group_like(m, word, m->size[i]).size;
	const struct level_group *g = m->out->groups;

	while (g->word != word || g->size.kind != size.kind ||
	       g->size.log != size.log)
		g++;
	return g;
}

/* Above TOP; where there is room, so that low bits are the place. */
static void number_from(struct levels *out, uint32_t top)
{
	uint32_t all = rows_places(out->units);
	uint32_t first = (top + all - 1) / all * all;

	out->first = first + out->units > UINT16_MAX ? top : first;
}

static enum lower_room room_for(const struct levels *v,
				const struct forest_ranks *f)
{
	if (v->units > NARROW_UNITS || f->n + v->units > UINT16_MAX)
		return ROOM_NONE;
	return v->first + v->units > UINT16_MAX ? ROOM_UNPACKED : ROOM_ENOUGH;
}

/* Numbers of 16 bits: rows of the last group are the lowest, behind the ranks,
 * and stand in order of their numbers. */
static void place_by_group(struct maker *m)
{
	struct levels *out = m->out;
	uint32_t *next = arena_array(m->l->a, out->ngroups + 1, sizeof(*next));
	enum lower_room room;
	uint32_t end = 0;

	for (size_t i = out->ngroups; i-- > 0;) {
		out->groups[i].base = end;
		next[i] = end;
		end += (out->groups[i].units + ROW_LINE - 1) / ROW_LINE *
			ROW_LINE;
	}
	for (uint32_t i = 0; i < m->tree->n; i++)
		if (m->units_of[i]) {
			uint32_t *at = &next[group_of(m, i) - out->groups];

			m->place[i] = *at;
			*at += m->units_of[i];
		}
	out->units = end;
	number_from(out, m->l->in->forest->top);
	room = room_for(out, m->l->in->forest);
	for (size_t i = 0; i < out->ngroups; i++)
		out->groups[i].base += out->first;
	if (room > *m->l->in->room)
		*m->l->in->room = room;
}

/* The low bits of a number are a place anywhere, those above say which group:
 * that of the last is the lowest, and more than any rank. */
static void place_near(struct maker *m)
{
	struct levels *out = m->out;
	uint32_t above, order = 0;

	out->units = rows_place(m->l->a, m->tree, m->units_of, m->place);
	while (out->units >> out->place_bits ||
	       out->homes.units >> out->place_bits)
		out->place_bits++;
	above = (m->l->in->forest->top >> out->place_bits) + 1;
	for (size_t i = out->ngroups; i-- > 0;)
		out->groups[i].base = (above + order++) << out->place_bits;
}

static void place_rows(struct maker *m)
{
	size_t n = m->tree->n + 1;

	m->units_of = arena_array(m->l->a, n, sizeof(*m->units_of));
	for (uint32_t i = 0; i < m->tree->n; i++)
		if (m->data[i])
			m->units_of[i] = row_units(group_of(m, i),
						   m->tree->v[i].ncuts);
	if (m->l->in->forest->narrow)
		place_by_group(m);
	else
		place_near(m);
}

static void number_rows(struct maker *m)
{
	const struct forest_ranks *f = m->l->in->forest;

	m->row = arena_array(m->l->a, m->tree->n + 1, sizeof(*m->row));
	m->leaf = arena_array(m->l->a, m->tree->n + 1, sizeof(*m->leaf));
	m->out->nvalues = f->n;
	for (uint32_t i = 0; i < m->tree->n; i++)
		if (m->data[i]) {
			m->row[i] = m->place[i] +
				(f->narrow ? m->out->first :
				 group_of(m, i)->base);
			m->leaf[i] = m->out->nvalues++;
		}
}

/* COST, by block: of a row, and of those that it leads to, all as often. */
static void cost_of_rows(const struct maker *m, double *cost)
{
	double memory = shape_memory((size_t)m->out->units * ROW_UNIT);

	for (uint32_t i = 0; i < m->tree->n; i++) {	/* children first */
		const struct block *b = &m->tree->v[i];
		double sum = 0;

		if (!m->data[i])
			continue;
		for (uint32_t k = 0; k <= b->ncuts; k++)
			if (!bref_is_leaf(b->children[k]))
				sum += cost[b->children[k]];
		cost[i] = row_cost(group_of(m, i)) +
			(group_of(m, i)->home ? 0 : memory) +
			sum / (b->ncuts + 1);
	}
}

static void list_costs(struct maker *m)
{
	double *by_block = arena_array(m->l->a, m->tree->n + 1, sizeof(double));
	double *by_leaf = arena_array(m->l->a, m->out->nvalues, sizeof(double));

	cost_of_rows(m, by_block);
	for (uint32_t i = 0; i < m->tree->n; i++)
		if (m->data[i])
			by_leaf[m->leaf[i]] = by_block[i];
	m->out->cost = by_leaf;
}

static void list_leaves(struct maker *m)
{
	const struct forest_ranks *f = m->l->in->forest;
	struct levels *out = m->out;
	uint32_t *rule, *number;

	rule = arena_array(m->l->a, out->nvalues, sizeof(*rule));
	number = arena_array(m->l->a, out->nvalues, sizeof(*number));
	memcpy(rule, f->rule, f->n * sizeof(*rule));
	memcpy(number, f->number, f->n * sizeof(*number));
	for (uint32_t i = 0; i < m->tree->n; i++)
		if (m->data[i]) {
			rule[m->leaf[i]] = m->tree->v[i].rule;
			number[m->leaf[i]] = m->row[i];
		}
	out->rule = rule;
	out->number = number;
}

/* -------------------------------------------------------------- tables */

static uint32_t number_of(const struct maker *m, bref r)
{
	return bref_is_leaf(r) ? m->l->in->forest->number[bref_leaf(r)] :
		m->row[r];
}

static void add_row(const struct maker *m, uint32_t i)
{
	const struct levels *v = m->out;
	const struct level_group *g = group_of(m, i);
	const struct block *b = &m->tree->v[i];
	uint8_t *row = m->l->rodata->v + ROW_UNIT * (size_t)m->place[i] +
		(g->home ? v->homes.offset : v->offset);
	uint32_t *next = m->next;

	for (uint32_t k = 0; k <= b->ncuts; k++)
		next[k] = number_of(m, b->children[k]);
	row_fill(g, b, next, row);
	if (g->home)
		home_fill(row);
}

static uint32_t add_units(struct maker *m, const char *what, uint32_t units)
{
	struct rodata *r = m->l->rodata;
	uint32_t offset = 0;

	rodata_align(r, m->out->place_bits ? PAGE : LINE);
	(void)rodata_space(r, arena_printf(m->l->a, "skpol_%s_%zu", what,
					   r->nvariables),
			   units * (size_t)ROW_UNIT, 1, &offset);
	return offset;
}

static void add_rows(struct maker *m)
{
	struct levels *out = m->out;
	uint32_t most = 0;

	for (uint32_t i = 0; i < m->tree->n; i++)
		if (m->tree->v[i].ncuts > most)
			most = m->tree->v[i].ncuts;
	m->next = arena_array(m->l->a, most + 1, sizeof(*m->next));
	out->offset = add_units(m, "rows", out->units);
	if (out->homes.n)
		out->homes.offset = add_units(m, "homes", out->homes.units);
	if (m->l->rodata->failed)
		return;
	if (out->homes.n)
		memset(m->l->rodata->v + out->homes.offset, PACK_BEHIND_8,
		       ROW_UNIT * (size_t)out->homes.units);
	for (uint32_t i = 0; i < m->tree->n; i++)
		if (m->data[i])
			add_row(m, i);
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
				BREF_LEAF | m->leaf[r] : r;
		}
		code->v[i].children = children;
	}
	if (!bref_is_leaf(code->root) && m->data[code->root])
		code->root = BREF_LEAF | m->leaf[code->root];
}

void levels_make(struct lower *l, const struct blocks *tree,
		 const uint8_t order[FIELD_COUNT], size_t code_enough,
		 struct levels *out)
{
	struct maker m = { .l = l, .tree = tree, .order = order, .out = out };

	*out = (struct levels){
		.code = *tree, .nvalues = l->in->forest->n,
		.rule = l->in->forest->rule, .number = l->in->forest->number,
	};
	m.data = data_choose(l, tree, code_enough);
	rank_words(&m);
	choose_sizes(&m);
	find_homes(&m);
	if (!make_groups(&m)) {
		out->ngroups = 0;
		out->homes = (struct homes){ 0 };
		out->nvalues = l->in->forest->n;
		return;
	}
	place_rows(&m);
	number_rows(&m);
	list_leaves(&m);
	if (l->in->report)
		list_costs(&m);
	add_rows(&m);
	make_code(&m);
}
