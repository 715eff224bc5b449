/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove_hash - an IPv6 packet of which a split's hash is a given value
 *
 * In: a split by an address, a value, a packet. Out: the packet with the low
 * half of that address changed. The rounds of the hash can be gone backwards:
 * from the value and any 32 bits beside it to the state behind the address.
 * What the third word of the address makes of the state before it must agree
 * with that in 32 bits; then the fourth word is what is left. Among 2^16 third
 * words and 2^19 other bits some agree.
 */
#include <stdlib.h>
#include <string.h>

#include "prove_private.h"

#define ROUND ((uint64_t)0x9E3779B97F4A7C15)
#define FINISH ((uint64_t)0xD6E8FEB86659FD93)

enum { WORDS = 1 << 16, TRIES = 1 << 19, ROUNDS_MAX = 40 };

/* The X for which X * ODD is 1. */
static uint64_t inverse(uint64_t odd)
{
	uint64_t x = odd;

	for (int i = 0; i < 6; i++)
		x *= 2 - odd * x;
	return x;
}

static uint64_t mix(uint64_t h, uint32_t word)
{
	h = (h ^ word) * ROUND;
	return h ^ h >> 32;
}

/* The state before, XOR the word: mix() backwards. */
static uint64_t unmix(uint64_t h)
{
	return (h ^ h >> 32) * inverse(ROUND);
}

struct rounds {			/* the words of a packet, in order */
	uint32_t word[ROUNDS_MAX];
	size_t n, free;		/* the third word of the address */
	uint32_t field;
};

static void add_word(struct rounds *r, u128 v, unsigned int shift)
{
	if (r->n < ROUNDS_MAX)
		r->word[r->n++] = (uint32_t)(v >> shift);
}

static void add_address(struct rounds *r, const u128 v[FIELD_COUNT],
			uint32_t field)
{
	if (!r->field) {
		r->field = field;
		r->free = r->n + 2;
	}
	for (unsigned int shift = 128; shift; shift -= 32)
		add_word(r, v[field], shift - 32);
}

/* False: the split looks at no address, or at one twice. */
static bool find_rounds(const struct split *s, const u128 v[FIELD_COUNT],
			struct rounds *r)
{
	uint32_t seen = 0;

	memset(r, 0, sizeof(*r));
	for (size_t i = 0; i < s->nkeys; i++) {
		if (seen >> s->keys[i] & 1)
			return false;
		seen |= 1u << s->keys[i];
		switch (s->keys[i]) {
		case AST_KEY_TO: add_address(r, v, FIELD_LADDR6); break;
		case AST_KEY_FROM: add_address(r, v, FIELD_RADDR6); break;
		case AST_KEY_PORT: add_word(r, v[FIELD_LPORT], 0); break;
		case AST_KEY_FROM_PORT: add_word(r, v[FIELD_RPORT], 0); break;
		case AST_KEY_ON: add_word(r, v[FIELD_IFINDEX], 0); break;
		}
	}
	return r->field;
}

struct third {			/* a word, and the state that it makes */
	uint64_t state;
	uint32_t word;
};

static int by_state(const void *x, const void *y)
{
	uint64_t a = ((const struct third *)x)->state >> 32;
	uint64_t b = ((const struct third *)y)->state >> 32;

	return a < b ? -1 : a > b;
}

static struct third *third_words(struct arena *a, const struct split *s,
				 const struct rounds *r)
{
	struct third *t = arena_array(a, WORDS, sizeof(*t));
	uint64_t h = s->seed;

	for (size_t i = 0; i < r->free; i++)
		h = mix(h, r->word[i]);
	for (uint32_t i = 0; i < WORDS; i++)
		t[i] = (struct third){ mix(h, i), i };
	qsort(t, WORDS, sizeof(*t), by_state);
	return t;
}

/* The state before the fourth word, XOR that word. */
static uint64_t wanted(const struct rounds *r, uint32_t value, uint32_t other)
{
	uint64_t h = ((uint64_t)value << 32 | other) * inverse(FINISH);

	for (size_t i = r->n; i-- > r->free + 2;)
		h = unmix(h) ^ r->word[i];
	return unmix(h);
}

bool hash_packet(struct arena *a, const struct split *s, uint32_t value,
		 u128 v[FIELD_COUNT])
{
	const struct third *words, *found;
	struct rounds r;
	u128 low;

	if (!v[FIELD_FAMILY] || !find_rounds(s, v, &r))
		return false;
	words = third_words(a, s, &r);
	for (uint32_t other = 0; other < TRIES; other++) {
		struct third key = { .state = wanted(&r, value, other) };

		found = bsearch(&key, words, WORDS, sizeof(key), by_state);
		if (!found)
			continue;
		low = (u128)found->word << 32 |
			(uint32_t)(key.state ^ found->state);
		v[r.field] = (v[r.field] >> 64 << 64) | low;
		return true;
	}
	return false;
}
