/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_shape - which table a key gets, and what that costs
 *
 * In: the intervals of a key. Out: the shape whose look-up is expected to take
 * the least time when every interval is asked for as often as any other; false
 * where compares take less. What else could have been is kept for the report.
 */
#include "lower_level.h"
#include "lower_table.h"

/*
 * What the parts of a look-up cost, in tenths of a nanosecond. From rows of
 * `./dev bench` on an EPYC with 32 KiB, 1 MiB and 32 MiB of cache: differences
 * between shapes of one run (random4/1000, random4/100000, country, table),
 * rounded; instructions from the hot streams, memory from the uniform ones.
 */
enum {
	COST_COMPARE = 6,	/* of a tree, where the branch is foreseen */
	COST_BRANCH = 45,	/* and what is added where it is not */
	COST_INDEX = 25,	/* the first cell, in the nearest cache */
	COST_LEVEL = 35,	/* each further one, its branch foreseen */
	COST_STEP = 12,		/* one halving of a search */
	COST_TWO_STEPS = 18,	/* two at once */
	COST_ENTRY = 10,	/* the value behind a search */
};

/*
 * What one read takes more when it goes to a table of so many bytes, a power of
 * two: where the caches are a program's own three times in four, and cold once.
 */
static const struct {
	unsigned int log, cost;
} memory_cost[] = {
	{ 10, 0 }, { 14, 5 }, { 17, 20 }, { 19, 110 }, { 21, 190 }, { 23, 270 },
	{ 25, 400 }, { 27, 750 }, { 40, 1500 },
};

enum {
	TWO_STEPS_FROM = 5,	/* a search of fewer is over as soon */
	INDEX_BITS_MAX = 20, LEVELS_FROM = 256, LEVELS_VALUE_MAX = 65535,
	ROOT_CELLS = 16,	/* for each cut: more are no gain, but take long */
	COMPARE_BYTES = 24,	/* of code, for each cut */
	PAGE_AS = 512,
	FLAT_BYTES_MAX = 24,	/* a cut, of buckets without an index */
	/* Between the rows of trees an index is not at hand, and what it leads to
	 * waits for it: of 100,000 rules 15 % of a cold look-up. */
	COST_WAIT = 60, WAIT_FROM = 1 << 19,	/* for so many bytes */
	FLAT_TRIED_MAX = 1 << 20,	/* in tests */
};

/* Between two sizes, on a line over their logarithms. */
unsigned int shape_memory(size_t bytes)
{
	unsigned int log = 10, sixteenths, i = 1;

	while (bytes >> (log + 1))
		log++;
	sixteenths = (unsigned int)((bytes >> (log - 4)) & 15);
	if (bytes < 1024)
		return 0;
	while (log >= memory_cost[i].log)
		i++;
	return memory_cost[i - 1].cost +
		(16 * (log - memory_cost[i - 1].log) + sixteenths) *
		(memory_cost[i].cost - memory_cost[i - 1].cost) /
		(16 * (memory_cost[i].log - memory_cost[i - 1].log));
}

static unsigned int log2_of(uint32_t n)
{
	return n ? 32 - (unsigned int)__builtin_clz(n) : 0;
}

/*
 * A tree of which each compare splits off a fifth: log(n) / log(2) times 1.39
 * compares (the entropy of a fifth is 0.72 bits), and each fifth of them is not
 * foreseen.
 */
unsigned int shape_compares(uint32_t ncuts)
{
	unsigned int depth = log2_of(ncuts);

	return depth * (139 * COST_COMPARE + 28 * COST_BRANCH) / 100 +
		depth * shape_memory((size_t)ncuts * COMPARE_BYTES) / 2;
}

/* ---------------------------------------------------------- one level */

struct buckets {
	uint32_t used;		/* those with a cut, or the begin of one */
	uint32_t fullest;	/* most cuts inside one (not at its begin) */
};

static struct buckets count_buckets(const struct keyed *k, unsigned int bits)
{
	unsigned int shift = k->width - bits;
	struct buckets b = { 0, 0 };
	uint64_t last = UINT64_MAX;
	uint32_t n = 0;

	for (uint32_t i = 0; i < k->ncuts; i++) {
		uint64_t cut = k->cuts[i], bucket = cut >> shift;

		if (bucket != last) {
			n = 0;
			b.used++;
		}
		last = bucket;
		n += bucket << shift != cut;
		if (n > b.fullest)
			b.fullest = n;
	}
	return b;
}

/*
 * What is read of N elements of SIZE bytes, when only USED are: lines, and as
 * many pages, of which each cache of translations holds one for about PAGE_AS
 * bytes that the cache of its own level does.
 */
static size_t touched(size_t n, unsigned int size, size_t used)
{
	size_t bytes = n * size, pages = bytes / PAGE;
	size_t as = (used < pages ? used : pages) * PAGE_AS;

	if (as < used * LINE)
		as = used * LINE;
	return bytes < as ? bytes : as;
}

unsigned int shape_steps_at_once(unsigned int left, unsigned int steps)
{
	return steps >= TWO_STEPS_FROM && left % 2 == 0 ? 2 : 1;
}

static unsigned int steps_cost(unsigned int steps)
{
	if (steps < TWO_STEPS_FROM)
		return steps * COST_STEP;
	return steps % 2 * COST_STEP + steps / 2 * COST_TWO_STEPS;
}

static void search_cost(const struct keyed *k, const struct buckets *b,
			struct shape *s)
{
	size_t bytes = pack_entries(k, s) * s->pack.entry;
	unsigned int width = pack_index(bytes);
	unsigned int in_line = log2_of(LINE / s->pack.entry) - 1;
	unsigned int lines = 1 + (s->steps > in_line ?
				  (s->steps - in_line) / 2u : 0);

	s->bytes = bytes;
	s->cost = steps_cost(s->steps) + COST_ENTRY +
		lines * shape_memory(bytes);
	if (s->pack.flat)
		return;
	s->bytes += s->cells * width;
	s->cost += COST_INDEX + shape_memory(touched(s->cells, width, b->used));
	if (k->l->in->forest && s->bytes > WAIT_FROM)
		s->cost += COST_WAIT;
}

static size_t flat_most(const struct keyed *k)
{
	return k->l->in->options.tables.least ? FLAT_TRIED_MAX :
		FLAT_BYTES_MAX * (size_t)k->ncuts;
}

/* Numbers as wide as takes the least time; no levels: none will do. */
static void pack_cost(const struct keyed *k, const struct buckets *b,
		      bool flat, struct shape *s)
{
	struct shape best = { .levels = 0 };

	for (unsigned int entry = 8; entry >= 2; entry /= 2) {
		struct shape x = *s;

		if (!pack_choose(k, entry, flat, &x))
			continue;
		search_cost(k, b, &x);
		if (flat && x.bytes > flat_most(k))
			continue;
		if (!best.levels || x.cost <= best.cost)
			best = x;
	}
	*s = best;
}

static void index_cost(const struct keyed *k, const struct buckets *b,
		       bool flat, struct shape *s)
{
	s->levels = !flat || b->fullest;
	s->cells = (size_t)1 << s->root;
	s->steps = (uint8_t)log2_of(b->fullest);
	if (s->steps) {
		pack_cost(k, b, flat, s);
		return;
	}
	s->bytes = s->cells * value_width(k);
	s->cost = COST_INDEX +
		shape_memory(touched(s->cells, value_width(k), b->used));
}

static void better(struct shape *best, const struct shape *s)
{
	if (s->levels && (!best->levels || s->cost < best->cost))
		*best = *s;
}

static void try_index(const struct keyed *k, struct choice *c)
{
	unsigned int most = 1;

	while (most < INDEX_BITS_MAX && most < k->width &&
	       (uint64_t)1 << most < 16 * (uint64_t)k->ncuts)
		most++;
	for (unsigned int bits = most > 8 ? most - 8 : 1; bits <= most;
	     bits++) {
		struct buckets b = count_buckets(k, bits);

		for (unsigned int flat = 0; flat < 2; flat++) {
			struct shape s = { .root = (uint8_t)bits };

			index_cost(k, &b, flat, &s);
			better(flat ? &c->buckets : &c->index, &s);
		}
	}
}

/* ------------------------------------------------------- more than one */

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The most bytes of levels that could take less time than BEST, if there is one:
 * nearly all that such a look-up takes is memory. */
static size_t levels_most(const struct shape *best)
{
	unsigned int log = 10;

	while (log < 40 && (!best->levels ||
			    shape_memory((size_t)1 << log) <
			    best->cost + best->cost / 4))
		log++;
	return (size_t)1 << log;
}

static bool levels_cost(const struct keyed *k, size_t most, struct shape *s)
{
	size_t root = (size_t)1 << s->root, inner;
	struct trie_size t;
	uint64_t left = k->ncuts, sum = 0;

	/* one value of each kind is there, up to the highest */
	if (k->highest > LEVELS_VALUE_MAX || !trie_measure(k, s, most, &t))
		return false;
	s->levels = (uint8_t)t.levels;
	s->cells = t.cells;
	s->values = t.values;
	s->bytes = t.cells * 4 + t.values * value_width(k);
	inner = (t.cells - root) * 4;
	for (unsigned int i = 1; i <= t.levels; i++) {
		sum += left * (i == 1 ? COST_INDEX +
			       shape_memory(touched(root, 4, k->ncuts)) :
			       COST_LEVEL + shape_memory(inner) / (i < 4 ? i : 4));
		left -= t.ends[i];
		sum += COST_BRANCH * least(left, t.ends[i]);
	}
	s->cost = (unsigned int)(sum / k->ncuts) + COST_LEVEL +
		shape_memory(t.values * value_width(k));
	return true;
}

/* Two steps, and a cell for each cut: less than that no levels take. */
static bool is_below_levels(const struct keyed *k, const struct shape *best)
{
	return best->levels && best->cost <= COST_INDEX + COST_LEVEL +
		shape_memory((size_t)k->ncuts * sizeof(uint32_t));
}

static void try_levels(const struct keyed *k, struct choice *c)
{
	static const uint8_t roots[] = { 8, 10, 12, 14, 16, 18 };
	static const struct {
		uint8_t fill, dense;
	} nodes[] = { { 4, 32 }, { 8, 32 }, { 8, 64 } };
	size_t most = levels_most(&c->best);

	if (is_below_levels(k, &c->best))
		return;
	for (size_t r = 0; r < sizeof(roots); r++)
		for (size_t n = 0; n < sizeof(nodes) / sizeof(*nodes); n++) {
			struct shape s = { .root = roots[r],
					   .fill = nodes[n].fill,
					   .dense = nodes[n].dense };

			if (s.root < k->width &&
			    (size_t)1 << s.root <= ROOT_CELLS * (size_t)k->ncuts &&
			    levels_cost(k, most, &s))
				better(&c->levels, &s);
		}
}

/* --------------------------------------------------------- single keys */

/* Only if it is to be made. */
static void try_keys(const struct keyed *k, struct choice *c)
{
	struct shape s = { .levels = 0 };

	if (!keys_shape(k, &s))
		return;
	if ((c->best.levels && c->best.cost <= s.cost) || keys_fill(k, &s))
		c->keys = s;
}

/* ------------------------------------------------------------- for tests */

/* One shape of a kind, however little it is worth. */
static void asked_for(const struct keyed *k, struct choice *c)
{
	static const struct shape kinds[] = {	/* few bits, many, dense */
		{ .root = 4, .fill = 32, .dense = 1 },
		{ .root = 8, .fill = 64, .dense = 8 },
		{ .root = 12, .fill = 128, .dense = 255 },
	};
	uint8_t kind = k->l->in->options.tables.kind;
	struct shape s = kinds[kind < 2 ? 0 : (kind - 2) % 3];

	if (kind >= 7)
		try_keys(k, c);
	c->best = c->keys.levels ? c->keys : c->index;
	if (kind == 5 && c->buckets.levels)
		c->best = c->buckets;
	else if (kind >= 2 && kind < 5 && levels_cost(k, SIZE_MAX, &s))
		c->levels = c->best = s;
}

/* Small ones may lie in a window, whatever else there is. */
static bool choose_window(struct choice *c)
{
	bool others = c->best.levels && c->best.cost < c->compares;

	c->by_window = c->window.cells &&
		c->window.cost < (others ? c->best.cost : c->compares);
	if (c->by_window || !others)
		c->best = (struct shape) { 0 };
	return c->by_window || others;
}

bool shape_home(const struct keyed *k, const struct home *home,
		struct choice *c)
{
	struct shape s = {
		.root = (uint8_t)home->root, .levels = 1,
		.cells = (size_t)1 << home->root,
		.steps = (uint8_t)log2_of(HOME_CUTS - 1),
	};
	const struct buckets none = { 0, 0 };

	if (!pack_choose(k, LINE / HOME_CUTS, true, &s) ||
	    s.pack.rest + s.pack.low > HOME_KEY_BITS)
		return false;
	s.pack.home = true;
	s.pack.at = k->l->homes->offset + ROW_UNIT * home->place;
	search_cost(k, &none, &s);
	c->buckets = c->best = s;
	c->by_window = false;
	return true;
}

bool shape_choose(const struct keyed *k, bool small, struct choice *c)
{
	c->compares = shape_compares(k->ncuts);
	if (!small)
		try_index(k, c);
	if (k->l->in->options.tables.least) {
		c->by_window = c->window.cells &&
			k->l->in->options.tables.kind == 6;
		if (!c->by_window)
			asked_for(k, c);
		return c->by_window || c->best.levels;
	}
	better(&c->best, &c->index);
	better(&c->best, &c->buckets);
	if (!small)
		try_keys(k, c);
	better(&c->best, &c->keys);
	if (k->ncuts >= LEVELS_FROM)
		try_levels(k, c);
	better(&c->best, &c->levels);
	return choose_window(c);
}
