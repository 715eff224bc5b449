/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_row - one row of a group: its bytes, and the code that reads it
 *
 * In: a block and the numbers of what comes next. Out: a row. Four kinds:
 *
 * Pairs are of a word of the packet: a cut and what comes next behind it, 4
 * bytes each; the cuts that are below the word are counted.
 *
 * Lanes are of a zone: nodes of 4 to 32 lanes of 16 bits, each the last zone
 * before a cut with the top bit set, or ZONE_LAST without it where there is no
 * cut. Less the zone in each lane, the top bit stays where the zone is before
 * the cut: so few instructions count the cuts behind it, four at once, and as
 * many from its end on is what comes next. More than 32 children stand in blocks
 * of 16, and a node before these says in which one; also counted from the end.
 * More than 256 stand in up to 16 such rows.
 *
 * Direct is what comes next for each zone, where that is hardly larger.
 *
 * Prefixes are of a word or a zone, too: up to six, 4 bytes each, then a byte each
 * that says how many bits are behind it, and what comes next: for all others, then
 * for each. They take half of what pairs or lanes do.
 *
 * A row of up to 16 children is in one line of the cache; no row makes a branch.
 */
#include "lower_level.h"

#include <string.h>

enum {
	PAIR = 8, LANE = 2, PREFIX = 4,	/* bytes */
	PREFIXES_MAX = 6,
	LANES_LOG = 2,		/* in a word of 64 bits */
	LEAF_LOG = 5,		/* children in a row that is one node */
	BLOCK_LOG = 4, BLOCKS_LOG = 8,	/* in a block; in 16 of these */
	HEAD = 64,		/* bytes of the node before blocks */
	COUNTED = 3,		/* bits of the place that are found at once */
	ZONE_LAST = ZONES_MAX - 1, BEFORE = 1 << 15,
	LANES_REACH = 1 << 16,	/* what 16 bits of a product could say */
	/* tenths of a nanosecond: some 20 cycles of fw1's first 10,000 rules */
	COST_SEARCH = 60, COST_READ = 25,
};

/* ---------------------------------------------------------------- bytes */

static unsigned int next_log(const struct level_group *g)
{
	return g->narrow ? 1 : 2;
}

/* Of a node of lanes and what comes next. */
static uint32_t leaf_stride(const struct level_group *g, unsigned int log)
{
	return (uint32_t)lower_power_of_two((LANE << log) +
					    (1u << (log + next_log(g))));
}

/* Of 16 blocks and the node before them. */
static uint32_t blocks_stride(const struct level_group *g)
{
	return HEAD + (leaf_stride(g, BLOCK_LOG) <<
		       (BLOCKS_LOG - BLOCK_LOG));
}

uint32_t row_most(struct row_size size)
{
	static const uint8_t most[] = { 0, 1, 3, PREFIXES_MAX };

	return most[size.log];
}

/* Where the bytes of a row of prefixes begin, what comes next, and the end. */
static uint32_t bits_at(const struct level_group *g)
{
	return PREFIX * row_most(g->size);
}

static uint32_t next_at(const struct level_group *g)
{
	return bits_at(g) + (row_most(g->size) + 3) / 4 * 4;
}

static uint32_t prefixes_bytes(const struct level_group *g)
{
	return next_at(g) + ((row_most(g->size) + 1) << next_log(g));
}

/* To the verifier all of them could be met at once. */
static uint32_t prefixes_reach(const struct level_group *g)
{
	uint32_t n = row_most(g->size);

	return next_at(g) + ((n * (n + 1) / 2 + 1) << next_log(g));
}

static uint32_t row_bytes(const struct level_group *g, uint32_t ncuts)
{
	unsigned int log = g->size.log;

	if (g->size.kind == ROW_PAIRS)
		return (uint32_t)PAIR << log;
	if (g->size.kind == ROW_DIRECT)
		return g->zones << next_log(g);
	if (g->size.kind == ROW_PREFIXES)
		return prefixes_bytes(g);
	if (log <= LEAF_LOG)
		return leaf_stride(g, log);
	if (log <= BLOCKS_LOG)
		return HEAD + ((ncuts >> BLOCK_LOG) + 1) *
			leaf_stride(g, BLOCK_LOG);
	return HEAD + ((ncuts >> BLOCKS_LOG) + 1) * blocks_stride(g);
}

uint32_t row_units(const struct level_group *g, uint32_t ncuts)
{
	return (row_bytes(g, ncuts) + ROW_UNIT - 1) / ROW_UNIT;
}

size_t row_reach(const struct level_group *g)
{
	unsigned int log = g->size.log;

	if (g->size.kind == ROW_PAIRS)
		return (size_t)PAIR << log;
	if (g->size.kind == ROW_DIRECT)
		return lower_power_of_two(g->zones) << next_log(g);
	if (g->size.kind == ROW_PREFIXES)
		return prefixes_reach(g);
	return LANES_REACH + 2 * HEAD +
		(log > LEAF_LOG ? blocks_stride(g) : 0) +
		(log > BLOCKS_LOG ? (size_t)blocks_stride(g) <<
		 (log - BLOCKS_LOG) : 0);
}

double row_cost(const struct level_group *g)
{
	return g->size.kind == ROW_DIRECT ? COST_READ : COST_SEARCH;
}

static void put(uint8_t *to, uint32_t v, unsigned int size)
{
	memcpy(to, &v, size);	/* little endian, as the hosts this is for */
}

/* As the word is in the context, in host order. */
static uint32_t cut_value(const struct block *b, uint32_t cut)
{
	return b->word == WORD_PROTOCOL ? UDP_VALUE : cut;
}

static void fill_pairs(const struct level_group *g, const struct block *b,
		       const uint32_t *next, uint8_t *row)
{
	for (uint32_t i = 0; i < 1u << g->size.log; i++) {
		bool inside = i <= b->ncuts;

		put(row + PAIR * i, !i ? 0 : !inside ? UINT32_MAX :
		    cut_value(b, b->cuts[i - 1]), 4);
		put(row + PAIR * i + 4, next[inside ? i : b->ncuts], 4);
	}
}

/* Children of a block, from one on, and what is next behind each. */
struct part {
	const struct block *b;
	const uint32_t *next;
	uint32_t begin, n;
};

/* How many parts of 1 << LOG children P has, and the one that is at place I. */
static uint32_t parts_of(const struct part *p, unsigned int log)
{
	return ((p->n - 1) >> log) + 1;
}

static struct part part_at(const struct part *p, unsigned int log, uint32_t i)
{
	uint32_t k = (parts_of(p, log) - 1 - i) << log;

	return (struct part){ p->b, p->next, p->begin + k,
			      p->n - k < 1u << log ? p->n - k : 1u << log };
}

/* N lanes for the cuts between the parts of P that have 1 << LOG children. */
static void fill_lanes(const struct part *p, unsigned int log, uint32_t n,
		       uint8_t *to)
{
	uint32_t nparts = parts_of(p, log);

	for (uint32_t i = 0; i < n; i++)
		put(to + LANE * i, i + 1 >= nparts ? ZONE_LAST : BEFORE |
		    (p->b->cuts[p->begin + ((i + 1) << log) - 1] - 1), LANE);
}

static void fill_leaf(const struct level_group *g, const struct part *p,
		      unsigned int log, uint8_t *to)
{
	uint32_t most = 1u << log;

	fill_lanes(p, 0, most, to);
	to += LANE << log;
	for (uint32_t i = 0; i < most; i++)
		put(to + (i << next_log(g)), p->next[p->begin +
		    (i < p->n ? p->n - 1 - i : 0)], 1u << next_log(g));
}

static void fill_blocks(const struct level_group *g, const struct part *p,
			uint8_t *to)
{
	fill_lanes(p, BLOCK_LOG, HEAD / LANE, to);
	for (uint32_t i = 0; i < parts_of(p, BLOCK_LOG); i++) {
		struct part one = part_at(p, BLOCK_LOG, i);

		fill_leaf(g, &one, BLOCK_LOG,
			  to + HEAD + i * leaf_stride(g, BLOCK_LOG));
	}
}

static void fill_many(const struct level_group *g, const struct part *p,
		      uint8_t *to)
{
	fill_lanes(p, BLOCKS_LOG, HEAD / LANE, to);
	for (uint32_t i = 0; i < parts_of(p, BLOCKS_LOG); i++) {
		struct part one = part_at(p, BLOCKS_LOG, i);

		fill_blocks(g, &one, to + HEAD + i * blocks_stride(g));
	}
}

static void fill_direct(const struct level_group *g, const struct block *b,
			const uint32_t *next, uint8_t *row)
{
	uint32_t child = 0;

	for (uint32_t z = 0; z < g->zones; z++) {
		while (child < b->ncuts && b->cuts[child] <= z)
			child++;
		put(row + (z << next_log(g)), next[child], 1u << next_log(g));
	}
}

/* How many bits are behind the prefix that B's child K is; 32: it is none. */
static unsigned int bits_behind(const struct block *b, uint32_t k)
{
	uint32_t low = k ? b->cuts[k - 1] : 0, width = b->cuts[k] - low;

	if (width & (width - 1) || low & (width - 1))
		return 32;
	return (unsigned int)__builtin_ctz(width);
}

/* As all others: what is behind the last cut. */
static bool is_rest(const struct block *b, uint32_t k)
{
	return b->children[k] == b->children[b->ncuts];
}

uint32_t row_prefixes(const struct level_group *g, const struct block *b)
{
	uint32_t n = 0;

	if (b->word == WORD_PROTOCOL || (b->word >= WORD_ZONE && g->narrow) ||
	    b->cuts[b->ncuts - 1] > UINT32_MAX - PREFIXES_MAX)
		return UINT32_MAX;
	for (uint32_t k = 0; k < b->ncuts; k++) {
		if (is_rest(b, k))
			continue;
		if (bits_behind(b, k) > 31)
			return UINT32_MAX;
		n++;
	}
	return n;
}

/* Where there are fewer, the last values stand for them, and are the rest. */
static void fill_prefixes(const struct level_group *g, const struct block *b,
			  const uint32_t *next, uint8_t *row)
{
	uint8_t *to = row + next_at(g);
	uint32_t n = 0;

	for (uint32_t i = 0; i <= row_most(g->size); i++)
		put(to + (i << next_log(g)), next[b->ncuts], 1u << next_log(g));
	for (uint32_t i = 0; i < row_most(g->size); i++)
		put(row + PREFIX * i, UINT32_MAX - i, PREFIX);
	for (uint32_t k = 0; k < b->ncuts; k++) {
		if (is_rest(b, k))
			continue;
		put(row + PREFIX * n, b->cuts[k] - 1, PREFIX);
		row[bits_at(g) + n++] = (uint8_t)bits_behind(b, k);
		put(to + (n << next_log(g)), next[k], 1u << next_log(g));
	}
}

void row_fill(const struct level_group *g, const struct block *b,
	      const uint32_t *next, uint8_t *row)
{
	const struct part all = { b, next, 0, b->ncuts + 1 };
	unsigned int log = g->size.log;

	if (g->size.kind == ROW_PAIRS)
		fill_pairs(g, b, next, row);
	else if (g->size.kind == ROW_DIRECT)
		fill_direct(g, b, next, row);
	else if (g->size.kind == ROW_PREFIXES)
		fill_prefixes(g, b, next, row);
	else if (log <= LEAF_LOG)
		fill_leaf(g, &all, log, row);
	else if (log <= BLOCKS_LOG)
		fill_blocks(g, &all, row);
	else
		fill_many(g, &all, row);
}

/* ----------------------------------------------------------------- code */

/*
 * r3 += the pairs, of (1 << BITS) - 1 that are 1 << LOG apart, whose cuts are
 * below r1: none waits for another, as in a search by halves, and the sums of
 * two halves do not either.
 */
static void count_pairs(struct lower *l, unsigned int bits, unsigned int log)
{
	int n = (1 << bits) - 1;

	for (int i = 0; i < n; i++) {
		int sum = i % 2 ? BPF_REG_5 : BPF_REG_2;

		lower_below(l->c, BPF_W, (uint8_t)(i < 2 ? sum : BPF_REG_4),
			    (uint32_t)PAIR * (uint32_t)(i + 1) << log);
		if (i > 1)
			emit_alu64(l->c, BPF_ADD, sum, BPF_REG_4);
	}
	if (n > 1)
		emit_alu64(l->c, BPF_ADD, BPF_REG_2, BPF_REG_5);
	emit_alu64_imm(l->c, BPF_LSH, BPF_REG_2, (int32_t)log + 3);
	emit_alu64(l->c, BPF_ADD, BPF_REG_3, BPF_REG_2);
	emit_checkpoint(l->c);
}

/* r1 = the word, as a number */
static void turn(struct lower *l, const struct level_group *g)
{
	const struct word_info *i = &word_info[g->word];

	if (i->load == LOAD_ZONE)
		emit_alu64_imm(l->c, BPF_AND, BPF_REG_1, UINT16_MAX);
	else if (i->load != LOAD_HOST)
		emit_be(l->c, BPF_REG_1, i->load == LOAD_BE32 ? 32 : 16);
}

static void pairs(struct lower *l, const struct level_group *g)
{
	unsigned int bits;

	turn(l, g);
	emit_alu64_imm(l->c, BPF_ADD, BPF_REG_1, 1);
	for (unsigned int left = g->size.log; left; left -= bits) {
		bits = left % COUNTED ? left % COUNTED : COUNTED;
		count_pairs(l, bits, left - bits);
	}
	emit_load(l->c, BPF_W, BPF_REG_7, BPF_REG_3, 4);
}

/*
 * r3 += (1 << SCALE) bytes for each cut behind the zone, of 1 << LOG lanes at
 * r3; r1 = the zone in each lane. Each lane is 1 << SCALE then, the product has
 * their sum << 2 * SCALE in its upper 16 bits.
 */
static void count_lanes(struct lower *l, unsigned int log, unsigned int scale)
{
	emit_imm64(l->c, BPF_REG_5, ZONE_ONES << scale);
	for (int i = 0; i < 1 << (log - LANES_LOG); i++) {
		int to = i ? BPF_REG_4 : BPF_REG_2;

		emit_load(l->c, BPF_DW, to, BPF_REG_3, 8 * i);
		emit_alu64(l->c, BPF_SUB, to, BPF_REG_1);
		emit_alu64_imm(l->c, BPF_RSH, to, 15 - (int)scale);
		emit_alu64(l->c, BPF_AND, to, BPF_REG_5);
		if (i)
			emit_alu64(l->c, BPF_ADD, BPF_REG_2, BPF_REG_4);
	}
	emit_alu64(l->c, BPF_MUL, BPF_REG_2, BPF_REG_5);
	emit_alu64_imm(l->c, BPF_RSH, BPF_REG_2, 48 + (int)scale);
}

/* r3 += r2 */
static void advance(struct lower *l)
{
	emit_alu64(l->c, BPF_ADD, BPF_REG_3, BPF_REG_2);
	emit_checkpoint(l->c);
}

/* r3 = what is at r3 + HEAD, by the node of 1 << LOG lanes at r3 */
static void into(struct lower *l, unsigned int log, uint32_t stride)
{
	count_lanes(l, log, 0);
	emit_alu64_imm(l->c, BPF_AND, BPF_REG_2, (1 << log) - 1);
	emit_alu64_imm(l->c, BPF_MUL, BPF_REG_2, (int32_t)stride);
	advance(l);
	emit_alu64_imm(l->c, BPF_ADD, BPF_REG_3, HEAD);
}

static void lanes(struct lower *l, const struct level_group *g)
{
	unsigned int log = g->size.log;

	if (log > BLOCKS_LOG) {
		into(l, log - BLOCKS_LOG, blocks_stride(g));
		log = BLOCKS_LOG;
	}
	if (log > LEAF_LOG) {
		into(l, log - BLOCK_LOG, leaf_stride(g, BLOCK_LOG));
		log = BLOCK_LOG;
	}
	count_lanes(l, log, next_log(g));
	advance(l);
	emit_load(l->c, g->narrow ? BPF_H : BPF_W, BPF_REG_7, BPF_REG_3,
		  LANE << log);
}

static void direct(struct lower *l, const struct level_group *g)
{
	emit_alu64_imm(l->c, BPF_AND, BPF_REG_1,
		       (int32_t)lower_power_of_two(g->zones) - 1);
	emit_alu64_imm(l->c, BPF_LSH, BPF_REG_1, (int32_t)next_log(g));
	emit_alu64(l->c, BPF_ADD, BPF_REG_3, BPF_REG_1);
	emit_checkpoint(l->c);
	emit_load(l->c, g->narrow ? BPF_H : BPF_W, BPF_REG_7, BPF_REG_3, 0);
}

/* Without a branch, 1 where r1 begins with the prefix, else 0: only 0 less 1 is
 * negative. */
static void one_prefix(struct lower *l, const struct level_group *g, int i)
{
	int to = i ? BPF_REG_4 : BPF_REG_2;

	emit_load(l->c, BPF_W, to, BPF_REG_3, PREFIX * i);
	emit_load(l->c, BPF_B, BPF_REG_5, BPF_REG_3, (int)bits_at(g) + i);
	emit_alu64(l->c, BPF_XOR, to, BPF_REG_1);
	emit_alu64(l->c, BPF_RSH, to, BPF_REG_5);
	emit_alu64_imm(l->c, BPF_ADD, to, -1);
	emit_alu64_imm(l->c, BPF_RSH, to, 63);
	if (!i)
		return;
	emit_alu64_imm(l->c, BPF_MUL, to, i + 1);
	emit_alu64(l->c, BPF_ADD, BPF_REG_2, to);
}

static void prefixes(struct lower *l, const struct level_group *g)
{
	turn(l, g);
	for (int i = 0; i < (int)row_most(g->size); i++)
		one_prefix(l, g, i);
	emit_alu64_imm(l->c, BPF_LSH, BPF_REG_2, (int32_t)next_log(g));
	advance(l);
	emit_load(l->c, g->narrow ? BPF_H : BPF_W, BPF_REG_7, BPF_REG_3,
		  (int)next_at(g));
}

void row_emit(struct lower *l, const struct level_group *g)
{
	const struct word_info *i = &word_info[g->word];

	if (i->load == LOAD_ZONE)
		emit_load(l->c, BPF_DW, BPF_REG_1, BPF_REG_10, -i->offset);
	else
		emit_load(l->c, BPF_W, BPF_REG_1, BPF_REG_6, i->offset);
	switch ((enum row_kind)g->size.kind) {
	case ROW_PAIRS:
		pairs(l, g);
		break;
	case ROW_LANES:
		lanes(l, g);
		break;
	case ROW_DIRECT:
		direct(l, g);
		break;
	case ROW_PREFIXES:
		prefixes(l, g);
		break;
	}
}
