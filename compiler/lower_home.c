/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_home - rows that stand in the lines of the buckets that lead to them
 *
 * In: the blocks of a tree, and which of them are small rows of one group. Out:
 * which blocks of code become buckets of one line of the cache (lower_pack.c),
 * with rows behind their cuts, and where each row stands. A packet of a large
 * policy waits for a bucket, and then for a row, for each as long as memory takes:
 * where both are in one line it waits once. A row that finds no room with what
 * leads to it is in another line of the page, if one has some, or else in any.
 *
 * To the search of a bucket a row is two cuts that no key is past: the highest byte
 * of the first is one that rows do not read, the upper half of the second is the
 * number of what comes next.
 */
#include "lower_table.h"
#include "lower_level.h"

enum {
	LINES = PAGE / LINE,	/* of a page */
	CUT = 8,		/* bytes, with what is behind it */
	BYTES_MAX = 64,		/* a cut */
	HOUSED_MIN = 75,	/* of 100 rows: else buckets are made smaller */
	FREE_BYTE = 7,		/* of a row */
};

/* Children FIRST to LAST of B are those of a bucket. */
static uint32_t last_in(const struct block *b, uint32_t first, uint64_t high)
{
	while (first < b->ncuts && b->cuts[first] <= high)
		first++;
	return first;
}

static uint32_t units_free(uint32_t ncuts)
{
	uint32_t units = (ncuts * CUT + ROW_UNIT - 1) / ROW_UNIT;

	return units < ROW_LINE ? ROW_LINE - units : 0;
}

/* Whether child K of B is a row that none from FIRST on is. */
static bool is_new_row(const struct block *b, const bool *rows, uint32_t first,
		       uint32_t k)
{
	if (bref_is_leaf(b->children[k]) || !rows[b->children[k]])
		return false;
	while (first < k && b->children[first] != b->children[k])
		first++;
	return first == k;
}

/* A bucket: the number of its line, its first and its last child. */
typedef void on_bucket(void *ctx, uint32_t line, uint32_t first, uint32_t last);

/* Those of B, of which ROOT bits of the word say which, from LINE on. */
static void each_bucket(const struct block *b, unsigned int root, uint32_t line,
			on_bucket *do_bucket, void *ctx)
{
	unsigned int shift = 32 - root;
	uint32_t first = 0;

	for (uint64_t c = 0; c < (uint64_t)1 << root; c++) {
		uint32_t last;

		first = last_in(b, first, c << shift);
		last = last_in(b, first, ((c + 1) << shift) - 1);
		do_bucket(ctx, line++, first, last);
		first = last;
	}
}

struct count {
	const struct block *b;
	const bool *rows;
	size_t housed, all;	/* rows */
	uint32_t fullest;	/* cuts of a bucket, with the one it begins with */
};

static void count_bucket(void *ctx, uint32_t line, uint32_t first,
			 uint32_t last)
{
	struct count *h = ctx;
	uint32_t n = 0, cuts = last - first + 1, room = units_free(cuts);

	(void)line;
	for (uint32_t k = first; k <= last; k++)
		n += is_new_row(h->b, h->rows, first, k);
	if (cuts > h->fullest)
		h->fullest = cuts;
	h->all += n;
	h->housed += n < room ? n : room;
}

/* How many bits say which bucket, so that most rows have room; 0: there is no
 * such number. */
static unsigned int root_of(const struct homes_input *in, const struct block *b)
{
	for (unsigned int root = in->root_least; (size_t)LINE << root <=
	     BYTES_MAX * (size_t)b->ncuts; root++) {
		struct count n = { .b = b, .rows = in->rows };

		if ((size_t)HOME_CUTS << root < b->ncuts)
			continue;
		each_bucket(b, root, 0, count_bucket, &n);
		if (4 * n.all < b->ncuts)
			return 0;
		if (n.fullest <= HOME_CUTS &&
		    100 * n.housed >= HOUSED_MIN * n.all)
			return root;
	}
	return 0;
}

static void find_homes(const struct homes_input *in, struct homes *out)
{
	for (uint32_t i = 0; i < in->tree->n && out->n < HOMES; i++) {
		const struct block *b = &in->tree->v[i];
		unsigned int root;

		if (in->data[i] || b->ncuts < in->least ||
		    (b->word != WORD_LADDR4 && b->word != WORD_RADDR4))
			continue;
		root = root_of(in, b);
		if (!root)
			continue;
		out->v[out->n++] = (struct home){ i, root, out->units };
		out->units += (uint32_t)ROW_LINE << root;
	}
}

/* ---------------------------------------------------------------- places */

struct housing {
	const struct block *b;
	const bool *rows;
	uint32_t *place;
	uint8_t *used;		/* units, by line */
	uint32_t lines;
};

static bool is_homeless(const struct housing *h, bref r)
{
	return !bref_is_leaf(r) && h->rows[r] && h->place[r] == NOWHERE;
}

static void house_at(struct housing *h, bref r, uint32_t line)
{
	h->place[r] = line * ROW_LINE + h->used[line]++;
}

/* In a line of the same page, the other one of the pair first. */
static void house_near(struct housing *h, bref r, uint32_t own)
{
	uint32_t page = own / LINES * LINES;
	uint32_t end = page + LINES < h->lines ? page + LINES : h->lines;

	if (h->used[own ^ 1] < ROW_LINE) {
		house_at(h, r, own ^ 1);
		return;
	}
	for (uint32_t line = page; line < end; line++)
		if (h->used[line] < ROW_LINE) {
			house_at(h, r, line);
			return;
		}
}

static void house_inside(void *ctx, uint32_t line, uint32_t first,
			 uint32_t last)
{
	struct housing *h = ctx;

	h->used[line] = (uint8_t)(ROW_LINE - units_free(last - first + 1));
	for (uint32_t k = first; k <= last && h->used[line] < ROW_LINE; k++)
		if (is_homeless(h, h->b->children[k]))
			house_at(h, h->b->children[k], line);
}

static void house_beside(void *ctx, uint32_t line, uint32_t first,
			 uint32_t last)
{
	struct housing *h = ctx;

	for (uint32_t k = first; k <= last; k++)
		if (is_homeless(h, h->b->children[k]))
			house_near(h, h->b->children[k], line);
}

/* All others; false: there is no room. */
static bool house_others(struct housing *h, const struct blocks *tree)
{
	uint32_t line = 0;

	for (uint32_t i = 0; i < tree->n; i++) {
		if (!is_homeless(h, i))
			continue;
		while (line < h->lines && h->used[line] == ROW_LINE)
			line++;
		if (line == h->lines)
			return false;
		house_at(h, i, line);
	}
	return true;
}

bool homes_make(struct arena *a, const struct homes_input *in, uint32_t *place,
		struct homes *out)
{
	struct housing h = { .rows = in->rows, .place = place };

	*out = (struct homes){ 0 };
	find_homes(in, out);
	if (!out->n)
		return false;
	h.lines = out->units / ROW_LINE;
	h.used = arena_array(a, h.lines, 1);
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < out->n; i++) {
			const struct home *home = &out->v[i];

			h.b = &in->tree->v[home->block];
			each_bucket(h.b, home->root, home->place / ROW_LINE,
				    pass ? house_beside : house_inside, &h);
		}
	return house_others(&h, in->tree);
}

const struct home *home_of(const struct homes *h, uint32_t number)
{
	for (size_t i = 0; h && i < h->n; i++)
		if (h->v[i].block == number)
			return &h->v[i];
	return NULL;
}

void home_fill(uint8_t *row)
{
	row[FREE_BYTE] = PACK_BEHIND_8;
}
