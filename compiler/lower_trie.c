/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_trie - the cells and values of a table with levels
 *
 * In: the cuts of a key, a shape. Out: how many cells that takes and how deep
 * they go; and the cells. A node of cells covers the keys that agree in the
 * bits before it. As many bits as its cuts fill are its own, no more than its
 * deepest cut needs. Where a node's cuts are dense enough it is values and no
 * cells. A cell without cuts leads to one value, which stands where its number
 * says: the values begin with 0, 1, 2, ... Such cells look at the key's top bit
 * only, so that those of one value are alike.
 */
#include "lower_table.h"

enum { NODE_BITS_MAX = 16, DENSE_BITS = 3, TOP_BIT = 63 };

struct node {			/* keys from LOW on, agreeing in PREFIX bits */
	uint64_t low;
	unsigned int prefix, bits;
	uint32_t begin, end;	/* of its cuts */
};

struct trie {
	const struct keyed *k;
	const struct shape *s;
	struct trie_size size;
	uint32_t *cells;	/* NULL = only measured */
	uint8_t *values;
	unsigned int width;	/* of a value */
	size_t most;		/* bytes, where it is measured */
	bool failed;
};

/* How many bits behind the prefix the deepest of the cuts needs. */
static unsigned int deepest(const struct trie *t, const struct node *n)
{
	uint64_t all = 0;

	for (uint32_t i = n->begin; i < n->end; i++)
		all |= t->k->cuts[i];
	return t->k->width - (unsigned int)__builtin_ctzll(all) - n->prefix;
}

/* How many bits are the node's own; true when it is made of values. */
static bool choose_bits(const struct trie *t, struct node *n)
{
	uint64_t cuts = n->end - n->begin, most = t->s->fill * cuts;
	unsigned int deep = deepest(t, n);

	n->bits = deep;
	if (deep <= DENSE_BITS || (deep <= NODE_BITS_MAX &&
	    (uint64_t)t->width << deep <= t->s->dense * cuts))
		return true;
	n->bits = 1;
	while (n->bits < deep && n->bits < NODE_BITS_MAX &&
	       (uint64_t)2 << n->bits <= most)
		n->bits++;
	return false;
}

static void put_value(struct trie *t, size_t at, uint32_t value)
{
	uint8_t *to = t->values + at * t->width;

	for (unsigned int i = 0; i < t->width; i++)
		to[i] = (uint8_t)(value >> 8 * i);
}

/* A cell that leads from keys of LOW on to index START, SHIFT bits less. */
static uint32_t cell(size_t start, uint64_t low, unsigned int shift)
{
	uint32_t base = (uint32_t)start - (uint32_t)(low >> shift);

	return (base & (CELLS_MAX - 1)) << CELL_SHIFT_BITS | shift;
}

static unsigned int shift_of(const struct trie *t, const struct node *n)
{
	return t->k->width - n->prefix - n->bits;
}

static uint32_t value_cells(struct trie *t, const struct node *n)
{
	size_t start = t->size.values, count = (size_t)1 << n->bits;
	unsigned int shift = shift_of(t, n);
	uint32_t i = n->begin;

	t->size.values += count;
	if (t->size.values > CELLS_MAX)
		t->failed = true;
	for (size_t c = 0; t->values && c < count; c++) {
		uint64_t low = n->low + ((uint64_t)c << shift);

		while (i < n->end && t->k->cuts[i] <= low)
			i++;
		put_value(t, start + c, t->k->values[i]);
	}
	return CELL_DONE | cell(start, n->low, shift);
}

static uint32_t node_cells(struct trie *t, const struct node *n,
			   unsigned int level);

/* What the cell says that leads to the keys of IN. */
static uint32_t cell_for(struct trie *t, struct node *in, unsigned int level)
{
	uint32_t first = in->begin;

	/* one cut at most is where the cell begins */
	if (first < in->end && t->k->cuts[first] == in->low)
		first++;
	if (first == in->end) {
		t->size.ends[level] += in->end - in->begin;
		return CELL_DONE | cell(t->k->values[first], in->low, TOP_BIT);
	}
	if (!choose_bits(t, in))
		return node_cells(t, in, level + 1);
	t->size.ends[level] += in->end - in->begin;
	return value_cells(t, in);
}

static uint32_t node_cells(struct trie *t, const struct node *n,
			   unsigned int level)
{
	unsigned int shift = shift_of(t, n);
	size_t start = t->size.cells, count = (size_t)1 << n->bits;
	uint32_t i = n->begin;

	t->size.cells += count;
	if (level > t->size.levels)
		t->size.levels = level;
	if (level > LEVELS_MAX || t->size.cells > CELLS_MAX ||
	    (!t->cells && t->size.cells * sizeof(*t->cells) +
	     t->size.values * t->width > t->most))
		t->failed = true;
	for (size_t c = 0; c < count && !t->failed; c++) {
		uint64_t low = n->low + ((uint64_t)c << shift);
		uint64_t high = low + (((uint64_t)1 << shift) - 1);
		struct node in = { .low = low, .prefix = n->prefix + n->bits,
				   .begin = i };
		uint32_t what;

		while (i < n->end && t->k->cuts[i] <= high)
			i++;
		in.end = i;
		what = cell_for(t, &in, level);
		if (t->cells)
			t->cells[start + c] = what;
	}
	return cell(start, n->low, shift);
}

static void run(struct trie *t)
{
	struct node all = { .bits = t->s->root, .end = t->k->ncuts };

	t->width = value_width(t->k);
	t->size.values = (size_t)t->k->highest + 1;
	for (uint32_t v = 0; t->values && v <= t->k->highest; v++)
		put_value(t, v, v);
	(void)node_cells(t, &all, 1);
}

bool trie_measure(const struct keyed *k, const struct shape *s, size_t most,
		  struct trie_size *out)
{
	struct trie t = { .k = k, .s = s, .most = most };

	run(&t);
	*out = t.size;
	return !t.failed && t.size.values <= CELLS_MAX;
}

void trie_fill(const struct keyed *k, const struct shape *s, uint32_t *cells,
	       uint8_t *values)
{
	struct trie t = { .k = k, .s = s, .cells = cells, .values = values };

	run(&t);
}
