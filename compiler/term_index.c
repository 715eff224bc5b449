/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * term_index - cells of five fields, a bit for each term in each
 *
 * In: terms. Out: what term_index.h says. Both families' addresses share their
 * cells. A term that has values in many cells is in those of a word beside
 * them: so it costs one bit, not one a cell.
 */
#include "term_index.h"

#include "../grammar/arena.h"
#include "diagram.h"

enum {
	CELLS = 256,
	FEW = 32,		/* blocks of values; with more it is in all */
	INDEX_FIELDS = 5,
	WORDS_AT_ONCE = 16,	/* cost as much as a term that is asked */
};

/* Fields of the index: of either family, and the size of a block of values. */
static const struct {
	uint8_t four, six, bits_four, bits_six;
} fields[INDEX_FIELDS] = {
	{ FIELD_LADDR4, FIELD_LADDR6, 12, 80 },
	{ FIELD_RADDR4, FIELD_RADDR6, 12, 80 },
	{ FIELD_LPORT, FIELD_LPORT, 0, 0 },
	{ FIELD_RPORT, FIELD_RPORT, 0, 0 },
	{ FIELD_PROTOCOL, FIELD_PROTOCOL, 0, 0 },
};

struct cells {
	uint8_t v[FEW];
	unsigned int n;
};

struct term_index {
	const struct term **terms;
	uint32_t *clause;		/* by term */
	uint32_t *first;		/* by clause: its first term */
	size_t words, asked;
	uint64_t *everywhere[INDEX_FIELDS];
	uint64_t *cells[INDEX_FIELDS];	/* cell after cell */
};

static uint8_t cell_of(u128 block)
{
	uint64_t h = (uint64_t)(block ^ block >> 64) * 0x9E3779B97F4A7C15;

	return (uint8_t)(h >> 56);
}

/* The cells of S; false: there are too many to tell. */
static bool cells_of(const struct iset *s, unsigned int bits,
		     struct cells *out)
{
	out->n = 0;
	for (size_t i = 0; i < s->n; i++) {
		u128 from = s->v[i].low >> bits, to = s->v[i].high >> bits;

		if (to - from >= FEW - out->n)
			return false;
		for (; from <= to; from++)
			out->v[out->n++] = cell_of(from);
	}
	return true;
}

/* A term with an address is of one family. */
static bool term_cells(const struct term *t, int f, struct cells *out)
{
	if (t->set[fields[f].four])
		return cells_of(t->set[fields[f].four], fields[f].bits_four,
				out);
	return t->set[fields[f].six] &&
	       cells_of(t->set[fields[f].six], fields[f].bits_six, out);
}

/* Of word W of the terms, those with values in cell NUMBER of field F. */
static uint64_t *cell(const struct term_index *x, int f, uint8_t number,
		      size_t w)
{
	return &x->cells[f][number * x->words + w];
}

static void put(struct term_index *x, size_t i, const struct term *t)
{
	uint64_t bit = (uint64_t)1 << i % 64;
	struct cells in;

	for (int f = 0; f < INDEX_FIELDS; f++) {
		if (!term_cells(t, f, &in)) {
			x->everywhere[f][i / 64] |= bit;
			continue;
		}
		for (unsigned int k = 0; k < in.n; k++)
			*cell(x, f, in.v[k], i / 64) |= bit;
	}
}

struct term_index *term_index_new(struct arena *a, const struct policy *p)
{
	struct term_index *x = arena_alloc(a, sizeof(*x));
	size_t n = 0;

	x->first = arena_array(a, p->nclauses + 1, sizeof(*x->first));
	for (size_t i = 0; i < p->nclauses; i++) {
		x->first[i] = (uint32_t)n;
		n += p->clauses[i].terms.n;
	}
	x->first[p->nclauses] = (uint32_t)n;
	x->terms = arena_array(a, n, sizeof(const struct term *));
	x->clause = arena_array(a, n, sizeof(*x->clause));
	x->words = n / 64 + 1;
	for (int f = 0; f < INDEX_FIELDS; f++) {
		x->everywhere[f] = arena_array(a, x->words, sizeof(uint64_t));
		x->cells[f] = arena_array(a, CELLS * x->words,
					  sizeof(uint64_t));
	}
	for (uint32_t i = 0; i < p->nclauses; i++)
		for (uint32_t k = 0; k < p->clauses[i].terms.n; k++) {
			uint32_t at = x->first[i] + k;

			x->terms[at] = &p->clauses[i].terms.v[k];
			x->clause[at] = i;
			put(x, at, x->terms[at]);
		}
	return x;
}

/* -------------------------------------------------------------- asking */

/* The cells of each field that may hold what is looked for. */
struct look {
	const struct term_index *x;
	struct cells cells[INDEX_FIELDS];
	bool anywhere[INDEX_FIELDS];
	size_t at, end;			/* terms */
	uint64_t word;			/* of the terms at hand, those left */
};

static uint64_t word_of(const struct look *l, size_t w)
{
	const struct term_index *x = l->x;
	uint64_t all = UINT64_MAX;

	for (int f = 0; f < INDEX_FIELDS && all; f++) {
		uint64_t some = x->everywhere[f][w];

		if (l->anywhere[f])
			continue;
		for (unsigned int k = 0; k < l->cells[f].n; k++)
			some |= *cell(x, f, l->cells[f].v[k], w);
		all &= some;
	}
	return all;
}

static void look_from(struct look *l, const struct term_index *x, size_t from,
		      size_t end)
{
	l->x = x;
	l->at = from;
	l->end = end;
	l->word = word_of(l, from / 64) & UINT64_MAX << from % 64;
}

/* The next term that may be meant, into *I; false at the end. */
static bool look_next(struct look *l, size_t *i)
{
	while (!l->word) {
		l->at = (l->at / 64 + 1) * 64;
		if (l->at >= l->end)
			return false;
		l->word = word_of(l, l->at / 64);
	}
	*i = l->at / 64 * 64 + (size_t)__builtin_ctzll(l->word);
	l->word &= l->word - 1;
	return *i < l->end;
}

uint32_t term_index_find(struct term_index *x, uint32_t from,
			 const u128 v[FIELD_COUNT])
{
	struct look l = { 0 };
	size_t i;

	for (int f = 0; f < INDEX_FIELDS; f++) {
		bool six = v[FIELD_FAMILY];
		u128 value = v[six ? fields[f].six : fields[f].four];
		unsigned int bits = six ? fields[f].bits_six :
			fields[f].bits_four;

		l.cells[f].v[0] = cell_of(value >> bits);
		l.cells[f].n = 1;
	}
	look_from(&l, x, x->first[from], SIZE_MAX);
	while (look_next(&l, &i)) {
		x->asked++;
		if (!term_holds(x->terms[i], v))
			continue;
		x->asked += (i - x->first[from]) / WORDS_AT_ONCE / 64;
		return x->clause[i];
	}
	return UINT32_MAX;	/* the default holds everything */
}

size_t term_index_asked(const struct term_index *x)
{
	return x->asked;
}

static bool is_everything(const struct term *t)
{
	for (int f = 0; f < FIELD_COUNT; f++)
		if (t->set[f])
			return false;
	return true;
}

void term_index_near(const struct term_index *x, struct arena *a,
		     const struct term *box, uint32_t from, uint32_t to,
		     near_leaf *leaf, const void *ctx, struct near *out)
{
	struct look l = { 0 };
	size_t i;

	for (int f = 0; f < INDEX_FIELDS; f++)
		l.anywhere[f] = !term_cells(box, f, &l.cells[f]);
	look_from(&l, x, x->first[from], x->first[to]);
	while (!out->all && look_next(&l, &i)) {
		struct term term = *x->terms[i];
		struct clause c = { .terms = { &term, 1, 1 } }, near;

		c.action = leaf(ctx, x->clause[i]);
		if (!clauses_within(a, &c, 1, box, &near))
			continue;
		*arena_push(a, out->v, out->n, out->cap) = near;
		out->all = is_everything(near.terms.v);
	}
}
