/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_hosts - hosts in a table, before all diagrams
 *
 * In: l->in->hosts. Out: a record for each in .rodata, and code that finds it:
 * behind it are the diagrams, for all packets that it leaves to them. The words
 * of the addresses are hashed as they are in memory; the hash says where the
 * record is (perfect.h), and the record, whether it is of these hosts: so no
 * packet depends on the hash. A record is a line of the cache, or half of one
 * where no host has more than three cuts, and its words are 16 bytes:
 *
 *	0	0	8 bytes for each two words; the rest 0
 *	32	16	what is done, 2 bytes for each cell: the last one first
 *	48	24	six lanes of 21 bits, or three, three in each 64: the cuts,
 *			bit 19 set; last the lowest one, unused ones 0 but for
 *			that bit
 *
 * A lane less what is one more than port and protocol keeps bit 19 where that is
 * not above its cut; a product sums these bits up at the upper end, so it is known
 * without a branch how many cuts are above. What is done is a step, or a number
 * above all of them: pass, drop, or that the diagrams are asked.
 */
#include <stdlib.h>
#include <string.h>

#include "hosts.h"
#include "lower_private.h"
#include "number.h"
#include "perfect.h"
#include "template.h"
#include "templates.h"

enum {
	LANE_BITS = 21, LANES_OF_64 = 3, MARK = 19,	/* the bit */
	CELL = 60,		/* from that bit on: twice the sum */
	PAIRS_MAX = 4,
	/* of other factors: a third is good, or more; if numbers are to be few
	 * and dense, as many as that takes little time */
	TRIES = 64, TRIED_KEYS = 2 << 20, DENSE_TRIES = 128, DENSE_FROM = 8,
	KEPT = 10,		/* log of numbers that stay in the first cache */
	COST = 50,		/* tenths of a nanosecond: acl1's first 1,000
				 * rules, hot */
	/* what is done */
	ASK = 0xffff, PASS = 0xfffe, DROP = HOST_STEPS,
};
#define LANES_ONES ((uint64_t)1 | (uint64_t)1 << LANE_BITS | \
		    (uint64_t)1 << 2 * LANE_BITS)

/* Its size as a power of two, offsets in it, and how many cuts it takes. */
struct record {
	uint8_t log, done, lanes, ncuts;
};
static const struct record whole = { 6, 32, 48, HOST_CUTS };
static const struct record half = { 5, 16, 24, LANES_OF_64 };

/* Two words of the packet in a register; or one, then the second is none. */
struct pair {
	enum word high, low;
};

struct key {			/* of a family: what is looked up */
	struct pair v[PAIRS_MAX];
	int n;
	uint64_t factors[2 * PAIRS_MAX];	/* by word */
};

static void add_six(struct key *k, enum word first)
{
	k->v[k->n++] = (struct pair){ first, first + 1 };
	k->v[k->n++] = (struct pair){ first + 2, first + 3 };
}

static struct key key_of(unsigned int family, unsigned int named)
{
	struct key k = { .n = 0 };

	if (family && named & HOSTS_LOCAL)
		add_six(&k, WORD_LADDR6_0);
	if (family && named & HOSTS_REMOTE)
		add_six(&k, WORD_RADDR6_0);
	if (!family)
		k.v[k.n++] = (struct pair){
			named & HOSTS_LOCAL ? WORD_LADDR4 : WORD_RADDR4,
			named == HOSTS_REMOTE || named == HOSTS_LOCAL ?
			WORD_COUNT : WORD_RADDR4,
		};
	return k;
}

/* ---------------------------------------------------------- the records */

/* As the word is in memory, read by a little endian host. */
static uint32_t raw_word(const struct host *h, enum word w)
{
	const struct word_info *i = &word_info[w];
	u128 address = i->field == FIELD_LADDR4 || i->field == FIELD_LADDR6 ?
		h->local : h->remote;

	return __builtin_bswap32((uint32_t)(address >> i->shift));
}

static uint64_t raw_pair(const struct host *h, const struct pair *p)
{
	uint64_t v = raw_word(h, p->high);

	return p->low == WORD_COUNT ? v : v << 32 | raw_word(h, p->low);
}

/* A sum of products with numbers of 64 bits: its upper half depends on all words
 * (Dietzfelbinger: Universal hashing and k-wise independent random variables via
 * integer arithmetic without primes, 1996). */
static uint64_t hash_of(const struct host *h, const struct key *k)
{
	uint64_t hash = 0;

	for (int i = 0; i < k->n; i++) {
		const struct pair *p = &k->v[i];

		hash += raw_word(h, p->high) * k->factors[2 * i];
		if (p->low != WORD_COUNT)
			hash += raw_word(h, p->low) * k->factors[2 * i + 1];
	}
	return hash;
}

static uint16_t done_of(const struct lower *l, uint32_t effect)
{
	const struct effect *e;

	if (effect == HOST_OPEN)
		return ASK;
	e = &l->in->effects->v[effect];
	switch ((enum effect_kind)e->kind) {
	case EFFECT_PASS:
		return PASS;
	case EFFECT_DROP:
		return DROP;
	case EFFECT_STEPS:
		return (uint16_t)e->first;
	case EFFECT_SPLIT:
		break;
	}
	return ASK;
}

struct host_table {
	unsigned int family;	/* as the field has it */
	const struct hosts *hosts;
	struct key key;
	struct record record;
	struct perfect places;
	uint32_t records, numbers;	/* offsets in .rodata */
};

static void fill(const struct lower *l, const struct host_table *t,
		 const struct host *h, uint8_t *to)
{
	const struct key *k = &t->key;
	uint64_t lanes[HOST_CUTS / LANES_OF_64] = { 0 };

	for (int i = 0; i < k->n; i++) {
		uint64_t pair = raw_pair(h, &k->v[i]);

		memcpy(to + 8 * i, &pair, 8);
	}
	for (uint32_t i = 0; i < t->record.ncuts; i++) {
		uint64_t lane = 1 << MARK | (i < h->ncuts ? h->cuts[i] : 0);

		lanes[i / LANES_OF_64] |= lane << LANE_BITS *
			(i % LANES_OF_64);
	}
	memcpy(to + t->record.lanes, lanes,
	       t->record.ncuts / LANES_OF_64 * sizeof(*lanes));
	for (uint32_t i = 0; i <= h->ncuts; i++) {
		uint16_t done = done_of(l, h->effect[h->ncuts - i]);

		memcpy(to + t->record.done + 2 * i, &done, 2);
	}
}

/* Of no host: whoever looks like one is left to the diagrams. */
static void fill_free(const struct host_table *t, uint8_t *v)
{
	size_t size = (size_t)1 << t->record.log;

	for (uint32_t i = 0; i < t->places.nplaces; i++)
		memset(v + size * i + t->record.done, 0xff,
		       size - t->record.done);
}

static void add_records(struct lower *l, struct host_table *t)
{
	const struct perfect *p = &t->places;
	size_t size = (size_t)1 << t->record.log;
	uint8_t *v;

	rodata_align(l->rodata, size);
	v = rodata_space(l->rodata, t->family ? "skpol_hosts6" : "skpol_hosts4",
			 p->nplaces * size / 8, 8, &t->records);
	if (!v)
		return;
	fill_free(t, v);
	for (size_t i = 0; i < t->hosts->n; i++)
		fill(l, t, &t->hosts->v[i], v + size * p->place[i]);
	t->numbers = rodata_add(l->rodata, t->family ? "skpol_numbers6" :
				"skpol_numbers4", p->number,
				(size_t)1 << p->log, 2);
}

static int rising(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static bool are_different(uint64_t *v, size_t n)
{
	qsort(v, n, sizeof(*v), rising);
	for (size_t i = 1; i < n; i++)
		if (v[i] == v[i - 1])
			return false;
	return true;
}

static void hash_all(const struct host_table *t, uint64_t *hashes)
{
	for (size_t i = 0; i < t->hosts->n; i++)
		hashes[i] = hash_of(&t->hosts->v[i], &t->key);
}

/* Words that the hosts are told apart without have no part in the hash. One host
 * would need none. */
static void leave_words_out(struct host_table *t, uint64_t *hashes)
{
	if (t->hosts->n < 2)
		return;
	for (int i = 0; i < 2 * t->key.n; i++) {
		uint64_t factor = t->key.factors[i];

		t->key.factors[i] = 0;
		hash_all(t, hashes);
		if (!are_different(hashes, t->hosts->n))
			t->key.factors[i] = factor;
	}
}

/* Of N hosts, with 1 << LOG numbers. */
static int tries_of(size_t n, unsigned int log)
{
	size_t tries = TRIED_KEYS / n;

	if (log == perfect_log(n, PERFECT_SPARSE))
		return TRIES;
	return tries > DENSE_TRIES ? DENSE_TRIES : tries < DENSE_FROM ?
		DENSE_FROM : (int)tries;
}

/* How few numbers are worth a try: each is a read that the next one waits for. */
static unsigned int fewest(size_t n)
{
	unsigned int sparse = perfect_log(n, PERFECT_SPARSE);
	unsigned int dense = perfect_log(n, PERFECT_DENSE);

	if (dense < KEPT)
		return sparse < KEPT ? sparse : KEPT;
	return dense;
}

static void change_factors(struct key *k, uint64_t *random)
{
	for (int i = 0; i < 2 * k->n; i++)
		if (k->factors[i])
			k->factors[i] = number_next(random) | 1;
}

static bool find_places(struct arena *a, struct host_table *t)
{
	size_t n = t->hosts->n;
	uint64_t *hashes = arena_array(a, n, sizeof(*hashes)), random = 0;
	struct perfect_space *space = perfect_space(a, n);

	memset(t->key.factors, 0xff, sizeof(t->key.factors));
	change_factors(&t->key, &random);
	leave_words_out(t, hashes);
	for (unsigned int log = fewest(n); space &&
	     log <= perfect_log(n, PERFECT_SPARSE); log++)
		for (int i = tries_of(n, log); i > 0; i--) {
			change_factors(&t->key, &random);
			hash_all(t, hashes);
			if (perfect_build(space, hashes, log, &t->places))
				return true;
		}
	return false;
}

/* Whether no host needs more than half a line. */
static bool fits_half(const struct host_table *t)
{
	const struct hosts *hosts = t->hosts;

	for (size_t i = 0; i < hosts->n; i++)
		if (hosts->v[i].ncuts > half.ncuts)
			return false;
	return 8 * t->key.n <= half.done;
}

/* False: FAMILY has no table. */
static bool make_table(struct lower *l, unsigned int family, struct host_table *t)
{
	const struct hosts *hosts = &l->in->hosts[family];

	if (!hosts->named)
		return false;
	*t = (struct host_table){ .family = family, .hosts = hosts,
				  .key = key_of(family, hosts->named) };
	t->record = fits_half(t) ? half : whole;
	if (!find_places(l->a, t))
		return false;
	add_records(l, t);
	if (l->in->report)
		l->in->report->hosts[family] = (struct lowered_hosts){
			hosts->named, hosts->n,
			((size_t)t->places.nplaces << t->record.log) +
			((size_t)2 << t->places.log),
		};
	return true;
}

/* ------------------------------------------------------------- the code */

enum { FIRST = BPF_REG_2 };	/* r2 and on: the pairs */

/* r0 += REG * FACTOR; the FIRST time, = */
static void add_product(struct code *c, int reg, uint64_t factor, bool *first)
{
	int to = *first ? BPF_REG_0 : BPF_REG_1;

	if (!factor)
		return;
	emit_imm64(c, to, factor);
	emit_alu64(c, BPF_MUL, to, reg);
	if (!*first)
		emit_alu64(c, BPF_ADD, BPF_REG_0, to);
	*first = false;
}

/* The pairs, and r0 = the hash of their words. */
static void load_key(struct code *c, const struct key *k)
{
	bool first = true;

	for (int i = 0; i < k->n; i++) {
		emit_load(c, BPF_W, FIRST + i, BPF_REG_6,
			  word_info[k->v[i].high].offset);
		add_product(c, FIRST + i, k->factors[2 * i], &first);
		if (k->v[i].low == WORD_COUNT)
			continue;
		emit_load(c, BPF_W, BPF_REG_7, BPF_REG_6,
			  word_info[k->v[i].low].offset);
		add_product(c, BPF_REG_7, k->factors[2 * i + 1], &first);
		emit_alu64_imm(c, BPF_LSH, FIRST + i, 32);
		emit_alu64(c, BPF_OR, FIRST + i, BPF_REG_7);
	}
}

/* r7 = the record that the hash in r0 leads to. The jump is never taken, but a
 * verifier does not know that. */
static void find_record(struct code *c, const struct host_table *t,
			label others)
{
	const struct perfect *p = &t->places;

	emit_alu64(c, BPF_MOV, BPF_REG_1, BPF_REG_0);
	emit_alu64_imm(c, BPF_RSH, BPF_REG_1, 64 - (int32_t)p->log);
	emit_alu64_imm(c, BPF_LSH, BPF_REG_1, 1);
	emit_map(c, BPF_REG_7, IMAGE_RODATA, t->numbers);
	emit_alu64(c, BPF_ADD, BPF_REG_7, BPF_REG_1);
	emit_load(c, BPF_H, BPF_REG_7, BPF_REG_7, 0);
	emit_alu64_imm(c, BPF_LSH, BPF_REG_0, (int32_t)p->log);
	emit_alu64_imm(c, BPF_RSH, BPF_REG_0, 32);
	emit_alu64_imm(c, BPF_MUL, BPF_REG_0, (int32_t)p->nplaces);
	emit_alu64_imm(c, BPF_RSH, BPF_REG_0, 32);
	emit_alu64_imm(c, BPF_SUB, BPF_REG_0,
		       PERFECT_BACK * (int32_t)p->step);
	if (p->step > 1)
		emit_alu64_imm(c, BPF_MUL, BPF_REG_7, (int32_t)p->step);
	emit_alu64(c, BPF_ADD, BPF_REG_0, BPF_REG_7);
	emit_jump64_imm(c, BPF_JGE, BPF_REG_0, (int32_t)p->nplaces, others);
	emit_alu64_imm(c, BPF_LSH, BPF_REG_0, t->record.log);
	emit_map(c, BPF_REG_7, IMAGE_RODATA, t->records);
	emit_alu64(c, BPF_ADD, BPF_REG_7, BPF_REG_0);
}

static void compare_key(struct code *c, const struct key *k, label others)
{
	for (int i = 0; i < k->n; i++) {
		emit_load(c, BPF_DW, BPF_REG_0, BPF_REG_7, 8 * i);
		emit_jump64(c, BPF_JNE, BPF_REG_0, FIRST + i, others);
	}
}

/* r1 = in each lane the local port, + HOST_UDP for UDP (17, not 6), + 1 */
static void load_port(struct code *c)
{
	emit_load(c, BPF_W, BPF_REG_1, BPF_REG_6, word_info[WORD_LPORT].offset);
	emit_load(c, BPF_W, BPF_REG_0, BPF_REG_6,
		  word_info[WORD_PROTOCOL].offset);
	emit_alu64_imm(c, BPF_AND, BPF_REG_0, 1);
	emit_alu64_imm(c, BPF_LSH, BPF_REG_0, 16);
	emit_alu64(c, BPF_ADD, BPF_REG_1, BPF_REG_0);
	emit_alu64_imm(c, BPF_ADD, BPF_REG_1, 1);
	emit_imm64(c, BPF_REG_8, LANES_ONES);
	emit_alu64(c, BPF_MUL, BPF_REG_1, BPF_REG_8);
}

/* r7 = what the record in r7 does with that port */
static void find_cell(struct code *c, const struct record *record)
{
	emit_imm64(c, BPF_REG_9, LANES_ONES << MARK);
	for (int i = 0; i < record->ncuts / LANES_OF_64; i++) {
		emit_load(c, BPF_DW, FIRST + i, BPF_REG_7,
			  (int16_t)(record->lanes + 8 * i));
		emit_alu64(c, BPF_SUB, FIRST + i, BPF_REG_1);
		emit_alu64(c, BPF_AND, FIRST + i, BPF_REG_9);
		if (i)
			emit_alu64(c, BPF_ADD, FIRST, FIRST + i);
	}
	emit_alu64(c, BPF_MUL, FIRST, BPF_REG_8);
	emit_alu64_imm(c, BPF_RSH, FIRST, CELL);
	emit_alu64(c, BPF_ADD, BPF_REG_7, FIRST);
	emit_load(c, BPF_H, BPF_REG_7, BPF_REG_7, record->done);
}

static void look_up(struct code *c, const struct host_table *t, label others)
{
	load_key(c, &t->key);
	find_record(c, t, others);
	compare_key(c, &t->key, others);
	load_port(c);
	find_cell(c, &t->record);
}

/* Does what r7 says. */
static void act(struct lower *l, label others)
{
	struct code *c = l->c;
	label special = code_label(c), pass = code_label(c);

	emit_jump32_imm(c, BPF_JGE, BPF_REG_7, DROP, special);
	lower_decide(l);
	code_place(c, special);
	emit_jump32_imm(c, BPF_JEQ, BPF_REG_7, ASK, others);
	emit_jump32_imm(c, BPF_JEQ, BPF_REG_7, PASS, pass);
	template_emit(c, &template_drop, NULL, NULL);
	code_place(c, pass);
	template_emit(c, &template_pass, NULL, NULL);
}

void lower_hosts(struct lower *l)
{
	struct code *c = l->c;
	struct host_table four, six;
	label others = code_label(c), is_six = code_label(c);
	label found = code_label(c);
	bool any_four, any_six;

	if (!l->in->hosts)
		return;
	any_four = make_table(l, 0, &four);
	any_six = make_table(l, 1, &six);
	if (!any_four && !any_six)
		return;
	if (l->in->report)
		l->in->report->expected += COST;
	c->rule = (uint32_t)l->in->policy->nrules;
	emit_load(c, BPF_W, BPF_REG_1, BPF_REG_6,
		  word_info[WORD_FAMILY].offset);
	emit_jump32_imm(c, any_four ? BPF_JEQ : BPF_JNE, BPF_REG_1,
			AF_INET6_VALUE, any_four && any_six ? is_six : others);
	if (any_four)
		look_up(c, &four, others);
	if (any_four && any_six) {
		emit_goto(c, found);
		code_place(c, is_six);
	}
	if (any_six)
		look_up(c, &six, others);
	code_place(c, found);
	act(l, others);
	code_place(c, others);
}
