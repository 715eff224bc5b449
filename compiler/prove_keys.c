/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove_keys - keys that code finds by two hashes
 *
 * In: a place in the program where r1 is the word that a stretch is about, or
 * both words of a pair. Out: r2, and for which values it is that. The code is known
 * by heart but for its numbers; what is in the tables is not believed: each lane
 * of a bucket stands for the one key that leads there (the factor has an inverse,
 * as it is odd), and what the code makes of that key is computed as the code does.
 * All other keys find lanes that differ from them, or say nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "prove_value.h"

enum { BITS_MAX = 26, VALUE_BITS_MAX = 15 };
#define STRANGE "a bucket says what is none of its keys'"

struct key {
	uint64_t key;		/* of the word, without its low bits */
	uint64_t value;		/* of r2 */
};

struct prove_keys {		/* the look-up that begins somewhere */
	uint32_t end;		/* the instruction behind it; 0: it is none */
	unsigned int width, drop;	/* bits of r1; low ones that are left out */
	unsigned int bits;	/* of the number of a bucket */
	unsigned int log;	/* of the bytes of a bucket: 2 or 3 */
	unsigned int lanes, value_bits;
	uint64_t factor[2];
	uint32_t table[2];	/* offsets in .rodata */
	uint64_t others;
	struct key *v;		/* rising */
	size_t n, cap;
	uint64_t strange;	/* a key for which lanes say what is not theirs */
	bool is_strange;	/* there is one: so there are others */
};

static bool number(struct matcher *m, struct bpf_insn want, uint32_t *imm)
{
	int32_t n;

	if (!match_any_imm(m, want, &n))
		return false;
	*imm = (uint32_t)n;
	return true;
}

/* --------------------------------------------------------------- the code */

static uint64_t low_bits(unsigned int n)
{
	return n < 64 ? ((uint64_t)1 << n) - 1 : UINT64_MAX;
}

static unsigned int lane_bits(const struct prove_keys *k)
{
	return (8u << k->log) / k->lanes;
}

static uint64_t in_lanes(const struct prove_keys *k, uint64_t n)
{
	uint64_t all = n;

	for (unsigned int i = 1; i < k->lanes; i++)
		all |= n << i * lane_bits(k);
	return all;
}

/* The low bits of r1 that no key has are cleared, if there are any. */
static bool clear(struct matcher *m, struct prove_keys *k)
{
	const struct bpf_insn mask = ALU32_K(BPF_AND, 1, 0);
	const struct bpf_insn right = ALU64_K(BPF_RSH, 1, 0);
	uint32_t n;

	k->width = 32;
	if (number(m, mask, &n)) {
		k->drop = n ? (unsigned int)__builtin_ctz(n) : 32;
		return n == (uint32_t)(UINT64_MAX << k->drop) && k->drop;
	}
	if (!number(m, right, &n))
		return true;
	k->width = 64;
	k->drop = n;
	return n && n < 64 &&
		match_this(m, (struct bpf_insn)ALU64_K(BPF_LSH, 1, n));
}

/* r2 = r1 * a factor, without the bits behind those of the number of a bucket. */
static bool multiply(struct matcher *m, struct prove_keys *k,
		     uint64_t *factor, uint32_t *shift)
{
	const struct bpf_insn copy = { .code = BPF_ALU | BPF_MOV | BPF_X,
				       .dst_reg = 2, .src_reg = 1 };
	bool narrow = match_one(m, &copy), table;
	uint32_t n;

	if (narrow) {
		if (k->width != 32 ||
		    !number(m, (struct bpf_insn)ALU32_K(BPF_MUL, 2, 0), &n))
			return false;
		*factor = n;
		return number(m, (struct bpf_insn)ALU32_K(BPF_RSH, 2, 0),
			      shift) && *factor & 1;
	}
	if (k->width == 32 && k->drop)
		return false;
	k->width = 64;
	return match_wide(m, 2, factor, &table) && !table && *factor & 1 &&
		match_this(m, (struct bpf_insn)ALU64_X(BPF_MUL, 2, 1)) &&
		number(m, (struct bpf_insn)ALU64_K(BPF_RSH, 2, 0), shift);
}

/* BITS and LOG, of the mask of a bucket's offset. */
static bool read_mask(struct prove_keys *k, uint32_t mask)
{
	if (mask < 4)
		return false;
	k->log = (unsigned int)__builtin_ctz(mask);
	k->bits = 32 - (unsigned int)__builtin_clz(mask) - k->log;
	return (k->log == 2 || k->log == 3) && k->bits <= BITS_MAX &&
		mask == low_bits(k->bits) << k->log;
}

/* r2 = the offset of a bucket, the same way in both tables. */
static bool find_bucket(struct matcher *m, struct prove_keys *k,
			unsigned int table)
{
	const struct bpf_insn cut = ALU32_K(BPF_AND, 2, 0);
	const struct prove_keys before = *k;
	uint32_t shift, mask;

	return multiply(m, k, &k->factor[table], &shift) &&
		number(m, cut, &mask) && read_mask(k, mask) &&
		shift == k->width - k->bits - k->log &&
		(!table || (k->width == before.width &&
			    k->bits == before.bits && k->log == before.log));
}

/* REG = the bucket in one of the tables. */
static bool read_bucket(struct matcher *m, struct prove_keys *k,
			unsigned int table, uint8_t reg)
{
	struct bpf_insn load = {
		.code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = reg,
		.src_reg = reg,
	};
	bool is_table;
	uint64_t at;

	if (!find_bucket(m, k, table))
		return false;
	if (k->log == 2)
		load.code = BPF_LDX | BPF_MEM | BPF_W;
	if (!match_wide(m, reg, &at, &is_table) || !is_table ||
	    at % (1u << k->log) ||
	    !match_constant(m->p, at, (uint64_t)1 << (k->bits + k->log)))
		return false;
	k->table[table] = (uint32_t)at;
	return match_this(m, (struct bpf_insn)ALU64_X(BPF_ADD, reg, 2)) &&
		match_one(m, &load);
}

/* VALUE_BITS and LANES, of a 1 in front of the value of each lane. */
static bool read_ones(struct prove_keys *k, uint64_t ones)
{
	if (!ones || k->log != 3)
		return false;
	k->value_bits = (unsigned int)__builtin_ctzll(ones);
	for (k->lanes = 4; k->lanes; k->lanes /= 2)
		if (ones == in_lanes(k, (uint64_t)1 << k->value_bits))
			break;
	return k->lanes;
}

/* VALUE_BITS, which are left below the rest of the key when that was moved to the
 * RIGHT. */
static bool read_lane(struct prove_keys *k, uint32_t right)
{
	k->lanes = 1;
	k->value_bits = k->bits + k->drop - right;
	return right < k->bits + k->drop;
}

static bool fits(const struct prove_keys *k)
{
	return k->bits + k->drop < k->width && k->value_bits &&
		k->value_bits <= VALUE_BITS_MAX &&
		k->width - k->drop - k->bits + k->value_bits < lane_bits(k);
}

/* r1 = the rest of the key in each lane; both buckets ^ that. */
static bool compare_lanes(struct matcher *m, struct prove_keys *k)
{
	uint8_t class = k->width == 32 ? BPF_ALU : BPF_ALU64;
	const struct bpf_insn left = { .code = class | BPF_LSH | BPF_K,
				       .dst_reg = 1, .imm = (int32_t)k->bits };
	const struct bpf_insn right = { .code = class | BPF_RSH | BPF_K,
					.dst_reg = 1 };
	const struct bpf_insn times = ALU64_X(BPF_MUL, 1, 2), differ[] = {
		ALU64_X(BPF_XOR, 3, 1), ALU64_X(BPF_XOR, 4, 1),
	};
	uint64_t ones;
	uint32_t n;
	bool table;

	if (!match_one(m, &left) || !number(m, right, &n))
		return false;
	if (!match_wide(m, 2, &ones, &table)) {
		if (!read_lane(k, n))
			return false;
	} else if (table || n != k->bits + k->drop || !read_ones(k, ones) ||
		   !match_one(m, &times)) {
		return false;
	}
	return fits(k) && match_all(m, differ, 2);
}

/* REG keeps the lanes that are less than 1 << VALUE_BITS. */
static bool keep_equal(struct matcher *m, const struct prove_keys *k,
		       uint8_t reg)
{
	uint64_t top = (uint64_t)1 << (lane_bits(k) - 1);
	const struct bpf_insn rest[] = {
		ALU64_X(BPF_AND, 2, 1), ALU64_X(BPF_MOV, 1, 2),
		ALU64_K(BPF_RSH, 1, lane_bits(k) - 1),
		ALU64_X(BPF_SUB, 2, 1), ALU64_X(BPF_AND, reg, 2),
	};

	return match_imm64(m, 2, in_lanes(k, top + low_bits(k->value_bits))) &&
		match_this(m, (struct bpf_insn)ALU64_X(BPF_SUB, 2, reg)) &&
		match_imm64(m, 1, in_lanes(k, top)) && match_all(m, rest, 5);
}

/* r2 = the lanes of r3 and r4 together. */
static bool gather_four(struct matcher *m, const struct prove_keys *k)
{
	const struct bpf_insn both = ALU64_X(BPF_OR, 3, 4), sum[] = {
		ALU64_X(BPF_MUL, 2, 3), ALU64_K(BPF_RSH, 2, 48),
	};

	return keep_equal(m, k, 3) && keep_equal(m, k, 4) &&
		match_one(m, &both) && match_imm64(m, 2, in_lanes(k, 1)) &&
		match_all(m, sum, 2);
}

/* TO = the lowest lane of FROM, if it is less than 1 << VALUE_BITS, else 0. */
static bool lowest_lane(struct matcher *m, const struct prove_keys *k,
			uint8_t to, uint8_t from)
{
	uint8_t class = lane_bits(k) == 64 ? BPF_ALU64 : BPF_ALU;
	const struct bpf_insn want[] = {
		{ .code = class | BPF_MOV | BPF_X, .dst_reg = to,
		  .src_reg = from },
		{ .code = class | BPF_ADD | BPF_K, .dst_reg = to,
		  .imm = -(1 << k->value_bits) },
		{ .code = class | BPF_ARSH | BPF_K, .dst_reg = to,
		  .imm = (int32_t)lane_bits(k) - 1 },
		{ .code = class | BPF_AND | BPF_X, .dst_reg = to,
		  .src_reg = from },
	};

	return match_all(m, want, 4);
}

/* TO = the lanes of REG together. */
static bool gather_bucket(struct matcher *m, const struct prove_keys *k,
			  uint8_t to, uint8_t reg, uint8_t scratch)
{
	const struct bpf_insn next = ALU64_K(BPF_RSH, reg, 32);
	const struct bpf_insn both = ALU64_X(BPF_OR, to, scratch);

	if (!lowest_lane(m, k, to, reg))
		return false;
	return k->lanes == 1 || (match_one(m, &next) &&
				 lowest_lane(m, k, scratch, reg) &&
				 match_one(m, &both));
}

/* r2 = one of the lanes of r3 or r4, or 0, and what is ^ that. */
static bool gather(struct matcher *m, struct prove_keys *k)
{
	const struct bpf_insn both = ALU64_X(BPF_OR, 2, 1);
	const struct bpf_insn others = ALU64_K(BPF_XOR, 2, 0);
	uint32_t n;

	if (k->lanes == 4 ? !gather_four(m, k) :
	    !gather_bucket(m, k, 1, 3, 2) || !gather_bucket(m, k, 2, 4, 3) ||
	    !match_one(m, &both))
		return false;
	if (number(m, others, &n))
		k->others = (uint64_t)(int64_t)(int32_t)n;
	return true;
}

static bool read_code(struct matcher *m, struct prove_keys *k)
{
	return clear(m, k) && read_bucket(m, k, 0, 3) &&
		read_bucket(m, k, 1, 4) && compare_lanes(m, k) &&
		gather(m, k);
}

/* ------------------------------------------------------------- the tables */

static unsigned int key_bits(const struct prove_keys *k)
{
	return k->width - k->drop;
}

static uint64_t bucket(const struct prove *p, const struct prove_keys *k,
		       unsigned int table, uint64_t number)
{
	const uint8_t *at = p->image->rodata + k->table[table] +
		(number << k->log);
	uint64_t v;
	uint32_t narrow;

	memcpy(&narrow, at, sizeof(narrow));
	if (k->log == 2)
		return narrow;
	memcpy(&v, at, sizeof(v));
	return v;
}

/* What is in the bucket of KEY, where its lanes agree with the key. */
static uint64_t look_into(const struct prove *p, const struct prove_keys *k,
			  unsigned int table, uint64_t key)
{
	uint64_t product = key * k->factor[table] & low_bits(key_bits(k));
	uint64_t rest = key & low_bits(key_bits(k) - k->bits);
	uint64_t top = in_lanes(k, (uint64_t)1 << (lane_bits(k) - 1));
	uint64_t below = in_lanes(k, low_bits(k->value_bits));
	uint64_t v = bucket(p, k, table, product >> (key_bits(k) - k->bits));
	uint64_t equal;

	v ^= in_lanes(k, 1) * (rest << k->value_bits);
	equal = (top + below - v) & top;
	return v & (equal - (equal >> (lane_bits(k) - 1)));
}

/* What the code leaves in r2. */
static uint64_t value_of(const struct prove *p, const struct prove_keys *k,
			 uint64_t key)
{
	uint64_t v = look_into(p, k, 0, key) | look_into(p, k, 1, key);

	if (k->lanes == 4)
		v = v * in_lanes(k, 1) >> 48;
	else if (k->lanes == 2)
		v = (uint32_t)(v >> 32 | v);
	return v ^ k->others;
}

/* Modulo 2^64, by Newton's steps: each doubles the low bits that are right. */
static uint64_t inverse(uint64_t odd)
{
	uint64_t x = odd;

	for (int i = 0; i < 5; i++)
		x *= 2 - odd * x;
	return x;
}

/* The key that looks for REST in the bucket NUMBER. */
static uint64_t key_of(const struct prove_keys *k, unsigned int table,
		       uint64_t number, uint64_t rest)
{
	unsigned int n = key_bits(k) - k->bits;
	uint64_t product = number << n |
		(rest * k->factor[table] & low_bits(n));

	return product * inverse(k->factor[table]) & low_bits(key_bits(k));
}

static void add_key(struct prove *p, struct prove_keys *k, uint64_t key)
{
	*arena_push(p->a, k->v, k->n, k->cap) = (struct key){ .key = key };
}

/* A lane with its highest bit set says something to keys that are not its own. */
static void add_strange(struct prove *p, struct prove_keys *k, uint64_t key)
{
	k->strange = key;
	k->is_strange = true;
	add_key(p, k, key);
}

static void add_lane(struct prove *p, struct prove_keys *k,
		     unsigned int table, uint64_t number, uint64_t lane)
{
	unsigned int bits = key_bits(k) - k->bits;
	uint64_t rest = lane >> k->value_bits;

	if (lane >> (lane_bits(k) - 1))
		add_strange(p, k, key_of(k, table, number,
					 (rest ^ 1) & low_bits(bits)));
	else if (lane & low_bits(k->value_bits) && !(rest >> bits))
		add_key(p, k, key_of(k, table, number, rest));
}

static void add_keys(struct prove *p, struct prove_keys *k, unsigned int table)
{
	for (uint64_t b = 0; b >> k->bits == 0; b++) {
		uint64_t v = bucket(p, k, table, b);

		for (unsigned int i = 0; i < k->lanes; i++)
			add_lane(p, k, table, b, v >> i * lane_bits(k) &
				 low_bits(lane_bits(k)));
	}
}

static int by_key(const void *a, const void *b)
{
	const struct key *x = a, *y = b;

	return x->key < y->key ? -1 : x->key > y->key;
}

static void read_tables(struct prove *p, struct prove_keys *k)
{
	size_t n = 0;

	add_keys(p, k, 0);
	add_keys(p, k, 1);
	if (k->n)
		qsort(k->v, k->n, sizeof(*k->v), by_key);
	for (size_t i = 0; i < k->n; i++)
		if (!n || k->v[n - 1].key != k->v[i].key) {
			k->v[n].key = k->v[i].key;
			k->v[n++].value = value_of(p, k, k->v[i].key);
		}
	k->n = n;
}

/* ------------------------------------------------------------- the stretch */

/* Whether a look-up may begin with I: cheap, for it is asked often. */
static bool may_begin(const struct bpf_insn *i)
{
	switch (i->code) {
	case BPF_ALU | BPF_AND | BPF_K:
	case BPF_ALU64 | BPF_RSH | BPF_K:
		return i->dst_reg == BPF_REG_1;
	case BPF_ALU | BPF_MOV | BPF_X:
		return i->dst_reg == BPF_REG_2 && i->src_reg == BPF_REG_1;
	case BPF_LD | BPF_IMM | BPF_DW:
		return i->dst_reg == BPF_REG_2;
	default:
		return false;
	}
}

static const struct prove_keys *keys_at(struct prove *p, uint32_t pc)
{
	struct matcher m = { p, pc };
	struct prove_keys *k;

	if (!p->keys)
		p->keys = arena_array(p->a, p->image->ninsns,
				      sizeof(*p->keys));
	k = p->keys[pc];
	if (k)
		return k;
	k = p->keys[pc] = arena_alloc(p->a, sizeof(*k));
	if (read_code(&m, k)) {
		read_tables(p, k);
		k->end = m.pc;
	}
	return k;
}

/* Up to the next key that is there. */
static uint64_t find(struct run *u, const struct prove_keys *k)
{
	uint64_t key = u->x >> k->drop;
	size_t low = 0, high = k->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (k->v[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < k->n && k->v[low].key == key) {
		val_lower_units(u, k->drop, 0);
		return k->v[low].value;
	}
	if (low < k->n)
		val_lower_high(u, (k->v[low].key << k->drop) - 1);
	return k->others;
}

const char *keys_found(struct run *u, bool *found)
{
	const struct bpf_insn *i = &u->p->image->insns[u->pc];
	struct val *word = &u->r[BPF_REG_1];
	const struct prove_keys *k;

	*found = false;
	if (!may_begin(i) || (word->kind != V_WORD && word->kind != V_PAIR))
		return NULL;
	k = keys_at(u->p, u->pc);
	if (!k->end || (k->width == 64) != (word->kind == V_PAIR))
		return NULL;
	val_use_pair(u, word);
	if (!val_is_x(u, word) || u->word == PW_IFNAME)
		return NULL;
	*found = true;
	u->r[BPF_REG_2] = (struct val){ .kind = V_NUMBER,
					.n = find(u, k) };
	u->r[BPF_REG_1] = u->r[BPF_REG_3] = u->r[BPF_REG_4] =
		(struct val){ .kind = V_NONE };
	u->pc = k->end - 1;
	if (!k->is_strange)
		return NULL;
	u->p->strange = true;
	return k->strange == u->x >> k->drop ? STRANGE : NULL;
}

bool keys_are_clean(struct prove *p)
{
	return !p->strange || prove_fail(p, STRANGE);
}
