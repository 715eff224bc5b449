/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_keys - prefixes of one length, found by a hash
 *
 * In: the intervals of a key. Out: where all but a few values of the key lead to
 * one place, and no cut has the low bits set, what each of the others leads to, in
 * the two tables of cuckoo.h; and the code that looks into both at once, without
 * a branch: the lanes that hold the key differ from it in no bit but those of
 * the value.
 */
#include <string.h>

#include "lower_table.h"

enum { KEYS_PER_CUT = 2, VALUES_MAX = 1 << 15,
       KEYS_TRIED_MAX = 1 << 12,	/* in tests */
       KIND_ASKED = 8,	/* the first of the kinds there, see lower.h, and: */
       ASKED_BYTES = 1 << 18,	/* at most */
       /* else: a value of many bits wants many buckets, also of few keys */
       FEW_BYTES = 4096, KEY_BYTES = 64 };

/* Both buckets, in the nearest cache; as in lower_shape.c. */
enum { COST_LONE = 25, COST_LANES = 35 };

static uint64_t last_of(const struct keyed *k, uint32_t i)
{
	if (i < k->ncuts)
		return k->cuts[i] - 1;
	return k->width == 64 ? UINT64_MAX : ((uint64_t)1 << k->width) - 1;
}

static uint64_t first_of(const struct keyed *k, uint32_t i)
{
	return i ? k->cuts[i - 1] : 0;
}

/* How many values of the key the interval has. */
static uint64_t keys_of(const struct keyed *k, uint32_t i)
{
	return (last_of(k, i) >> k->drop) - (first_of(k, i) >> k->drop) + 1;
}

/* The value that most keys have. */
static uint32_t find_others(const struct keyed *k)
{
	uint64_t *n = arena_array(k->l->a, (size_t)k->highest + 1, sizeof(*n));
	uint32_t most = 0;

	for (uint32_t i = 0; i <= k->ncuts; i++)
		n[k->values[i]] += keys_of(k, i);
	for (uint32_t v = 1; v <= k->highest; v++)
		if (n[v] > n[most])
			most = v;
	return most;
}

static size_t keys_most(const struct keyed *k)
{
	return k->l->in->options.tables.least ? KEYS_TRIED_MAX :
		KEYS_PER_CUT * (size_t)k->ncuts;
}

/* How many keys lead elsewhere, and in which bits their values differ from OTHERS;
 * more than MOST: they are not counted. */
static size_t count_keys(const struct keyed *k, uint32_t others, size_t most,
			 uint32_t *differ)
{
	size_t n = 0;

	*differ = 0;
	for (uint32_t i = 0; i <= k->ncuts && n <= most; i++) {
		uint64_t keys = keys_of(k, i);

		*differ |= k->values[i] ^ others;
		if (k->values[i] != others)
			n += keys <= most ? (size_t)keys : most + 1;
	}
	return n;
}

static unsigned int cost_of(const struct cuckoo *c)
{
	return (c->lanes == 1 ? COST_LONE : COST_LANES) +
		shape_memory(cuckoo_bytes(c));
}

/* The buckets for N keys that are looked into soonest; no lanes: there are none. */
static struct cuckoo cheapest(const struct keyed *k, size_t n,
			      unsigned int value_bits)
{
	static const struct {
		unsigned int lanes, bucket_bits;
	} kinds[] = { { 1, 32 }, { 4, 64 }, { 2, 64 }, { 1, 64 } };
	const unsigned int asked = k->l->in->options.tables.kind;
	const size_t most = asked ? ASKED_BYTES : FEW_BYTES + n * KEY_BYTES;
	struct cuckoo best = { .lanes = 0 };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct cuckoo c = { .key_bits = k->width - k->drop,
				    .value_bits = value_bits,
				    .lanes = kinds[i].lanes,
				    .bucket_bits = kinds[i].bucket_bits };

		if (!cuckoo_size(&c, n) || cuckoo_bytes(&c) > most)
			continue;
		if (asked == KIND_ASKED + i)
			return c;
		if (!best.lanes || cost_of(&c) < cost_of(&best))
			best = c;
	}
	return best;
}

bool keys_shape(const struct keyed *k, struct shape *s)
{
	const size_t most = keys_most(k);
	uint32_t differ;

	if (k->width < 32 || k->highest >= VALUES_MAX)
		return false;
	s->others = find_others(k);
	s->cells = count_keys(k, s->others, most, &differ);
	if (!s->cells || s->cells > most)
		return false;
	s->keys = cheapest(k, s->cells, bits_of(differ));
	if (!s->keys.lanes)
		return false;
	s->levels = 1;
	s->bytes = cuckoo_bytes(&s->keys);
	s->cost = cost_of(&s->keys);
	return true;
}

bool keys_fill(const struct keyed *k, struct shape *s)
{
	uint64_t *keys = arena_array(k->l->a, s->cells, sizeof(*keys));
	uint32_t *values = arena_array(k->l->a, s->cells, sizeof(*values));
	size_t n = 0;

	for (uint32_t i = 0; i <= k->ncuts; i++) {
		uint64_t first = first_of(k, i) >> k->drop;

		if (k->values[i] == s->others)
			continue;
		for (uint64_t j = 0; j < keys_of(k, i); j++, n++) {
			keys[n] = first + j;
			values[n] = k->values[i] ^ s->others;
		}
	}
	return cuckoo_build(k->l->a, keys, values, n, &s->keys);
}

/* ------------------------------------------------------------ the code */

/* N in each lane. */
static uint64_t in_lanes(const struct cuckoo *t, uint64_t n)
{
	return t->lanes == 4 ? n * 0x0001000100010001 :
		t->lanes == 2 ? n * 0x0000000100000001 : n;
}

static uint32_t add_tables(const struct keyed *k, const struct cuckoo *t)
{
	struct rodata *r = k->l->rodata;
	uint32_t at;
	void *v;

	rodata_align(r, LINE);
	v = rodata_space(r, arena_printf(k->l->a, "skpol_keys_%zu",
					 r->nvariables),
			 (size_t)2 << t->bits, t->bucket_bits / 8, &at);
	if (v)
		memcpy(v, t->v, cuckoo_bytes(t));
	return at;
}

/* Nothing but the key, which ends at the last bit of the register. */
static void clear_low_bits(const struct keyed *k)
{
	struct code *c = k->l->c;

	if (!k->drop)
		return;
	if (k->width == 32) {
		emit_alu32_imm(c, BPF_AND, BPF_REG_1, UINT32_MAX << k->drop);
		return;
	}
	emit_alu64_imm(c, BPF_RSH, BPF_REG_1, (int32_t)k->drop);
	emit_alu64_imm(c, BPF_LSH, BPF_REG_1, (int32_t)k->drop);
}

/* REG = the bucket of r1 in one of the tables, which is at OFFSET; r2 is lost. */
static void read_bucket(const struct keyed *k, const struct cuckoo *t,
			unsigned int table, int reg, uint32_t offset)
{
	struct code *c = k->l->c;
	const unsigned int log = t->bucket_bits == 32 ? 2 : 3;
	unsigned int shift = k->width - t->bits - log;

	if (k->width == 32) {
		emit_alu32(c, BPF_MOV, BPF_REG_2, BPF_REG_1);
		emit_alu32_imm(c, BPF_MUL, BPF_REG_2,
			       (uint32_t)t->factor[table]);
		emit_alu32_imm(c, BPF_RSH, BPF_REG_2, shift);
	} else {
		emit_imm64(c, BPF_REG_2, t->factor[table]);
		emit_alu64(c, BPF_MUL, BPF_REG_2, BPF_REG_1);
		emit_alu64_imm(c, BPF_RSH, BPF_REG_2, (int32_t)shift);
	}
	emit_alu32_imm(c, BPF_AND, BPF_REG_2,
		       ((1u << t->bits) - 1) << log);
	emit_map(c, reg, IMAGE_RODATA, offset + (table << log << t->bits));
	emit_alu64(c, BPF_ADD, reg, BPF_REG_2);
	emit_load(c, log == 2 ? BPF_W : BPF_DW, reg, reg, 0);
}

/*
 * r1 = the bits of the key that a lane has, in each of them; r2 is lost. For one
 * lane they go there at once, if that is to the right.
 */
static void key_of_lanes(const struct keyed *k, const struct cuckoo *t)
{
	struct code *c = k->l->c;
	unsigned int right = t->bits + k->drop;
	bool alone = t->lanes == 1 && right > t->value_bits;

	if (alone)
		right -= t->value_bits;
	if (k->width == 32) {
		emit_alu32_imm(c, BPF_LSH, BPF_REG_1, t->bits);
		emit_alu32_imm(c, BPF_RSH, BPF_REG_1, right);
	} else {
		emit_alu64_imm(c, BPF_LSH, BPF_REG_1, (int32_t)t->bits);
		emit_alu64_imm(c, BPF_RSH, BPF_REG_1, (int32_t)right);
	}
	if (alone)
		return;
	emit_imm64(c, BPF_REG_2, in_lanes(t, (uint64_t)1 << t->value_bits));
	emit_alu64(c, BPF_MUL, BPF_REG_1, BPF_REG_2);
}

/*
 * REG, a bucket ^ the key, keeps nothing but the lanes below 1 << value_bits:
 * the highest bit of a lane, and all that are not less, are taken from it, which
 * leaves the highest bit of the others.
 */
static void keep_equal(const struct keyed *k, const struct cuckoo *t, int reg)
{
	struct code *c = k->l->c;
	unsigned int last = cuckoo_lane_bits(t) - 1;
	uint64_t top = (uint64_t)1 << last;

	emit_imm64(c, BPF_REG_2,
		   in_lanes(t, top + ((uint64_t)1 << t->value_bits) - 1));
	emit_alu64(c, BPF_SUB, BPF_REG_2, reg);
	emit_imm64(c, BPF_REG_1, in_lanes(t, top));
	emit_alu64(c, BPF_AND, BPF_REG_2, BPF_REG_1);
	emit_alu64(c, BPF_MOV, BPF_REG_1, BPF_REG_2);
	emit_alu64_imm(c, BPF_RSH, BPF_REG_1, (int32_t)last);
	emit_alu64(c, BPF_SUB, BPF_REG_2, BPF_REG_1);
	emit_alu64(c, BPF_AND, reg, BPF_REG_2);
}

/* r2 = the value, of four lanes in r3 and r4: no more than one is not 0 then. */
static void gather_four(const struct keyed *k, const struct cuckoo *t)
{
	struct code *c = k->l->c;

	keep_equal(k, t, BPF_REG_3);
	keep_equal(k, t, BPF_REG_4);
	emit_alu64(c, BPF_OR, BPF_REG_3, BPF_REG_4);
	emit_imm64(c, BPF_REG_2, in_lanes(t, 1));
	emit_alu64(c, BPF_MUL, BPF_REG_2, BPF_REG_3);
	emit_alu64_imm(c, BPF_RSH, BPF_REG_2, 48);
}

/* TO = the lowest lane of FROM if that is below 1 << value_bits, else 0: only then
 * is it negative when these are taken from it. */
static void lowest_lane(const struct keyed *k, const struct cuckoo *t, int to,
			int from)
{
	struct code *c = k->l->c;
	int32_t values = 1 << t->value_bits;

	if (cuckoo_lane_bits(t) == 64) {
		emit_alu64(c, BPF_MOV, to, from);
		emit_alu64_imm(c, BPF_ADD, to, -values);
		emit_alu64_imm(c, BPF_ARSH, to, 63);
		emit_alu64(c, BPF_AND, to, from);
		return;
	}
	emit_alu32(c, BPF_MOV, to, from);
	emit_alu32_imm(c, BPF_ADD, to, (uint32_t)-values);
	emit_alu32_imm(c, BPF_ARSH, to, 31);
	emit_alu32(c, BPF_AND, to, from);
}

/* TO = the value in the lanes of REG, or 0; REG and SCRATCH are lost. */
static void gather_bucket(const struct keyed *k, const struct cuckoo *t, int to,
			  int reg, int scratch)
{
	struct code *c = k->l->c;

	lowest_lane(k, t, to, reg);
	if (t->lanes == 1)
		return;
	emit_alu64_imm(c, BPF_RSH, reg, 32);
	lowest_lane(k, t, scratch, reg);
	emit_alu64(c, BPF_OR, to, scratch);
}

/* r2 = the value in the lanes of r3 and r4. One or two are looked at one by one:
 * that is a shorter chain, and less code. */
static void gather(const struct keyed *k, const struct cuckoo *t)
{
	if (t->lanes == 4) {
		gather_four(k, t);
		return;
	}
	gather_bucket(k, t, BPF_REG_1, BPF_REG_3, BPF_REG_2);
	gather_bucket(k, t, BPF_REG_2, BPF_REG_4, BPF_REG_3);
	emit_alu64(k->l->c, BPF_OR, BPF_REG_2, BPF_REG_1);
}

void keys_lookup(const struct keyed *k, const struct shape *s)
{
	const struct cuckoo *t = &s->keys;
	struct code *c = k->l->c;
	uint32_t at = add_tables(k, t);

	clear_low_bits(k);
	read_bucket(k, t, 0, BPF_REG_3, at);
	read_bucket(k, t, 1, BPF_REG_4, at);
	key_of_lanes(k, t);
	emit_alu64(c, BPF_XOR, BPF_REG_3, BPF_REG_1);
	emit_alu64(c, BPF_XOR, BPF_REG_4, BPF_REG_1);
	gather(k, t);
	if (s->others)
		emit_alu64_imm(c, BPF_XOR, BPF_REG_2, (int32_t)s->others);
}
