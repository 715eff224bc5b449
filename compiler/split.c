/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * split - which part of the hash space each share of a split takes
 *
 * In: shares in millionths. Out: a partition of 0..2^32-1, and the hash that
 * picks a value in it, both as policy.h defines them (share number 0, the
 * first one written, is what is left; share i from 1 is anchored at
 * bitreverse32(i - 1)). They are part of what an operator relies on: a
 * change here moves traffic between sockets.
 */
#include "resolve.h"

#include <sha2.h>
#include <string.h>

static const uint64_t SPACE = (uint64_t)1 << 32;

struct taken {			/* [begin, end) of one share */
	uint64_t begin, end;
	uint32_t share;
};

struct takings {		/* sorted, disjoint */
	struct taken *v;
	size_t n, cap;
};

static uint32_t bitreverse32(uint32_t x)
{
	uint32_t out = 0;
	int i;

	for (i = 0; i < 32; i++, x >>= 1)
		out = out << 1 | (x & 1);
	return out;
}

static void insert(struct arena *a, struct takings *t, size_t i,
		   struct taken k)
{
	(void)arena_push(a, t->v, t->n, t->cap);
	memmove(&t->v[i + 1], &t->v[i], (t->n - 1 - i) * sizeof(*t->v));
	t->v[i] = k;
}

/* Takes up to WANTED free values of FROM..TO-1, upward; what is not got. */
static uint64_t take(struct arena *a, struct takings *t, uint32_t share,
		     uint64_t from, uint64_t to, uint64_t wanted)
{
	size_t i = 0;

	while (i < t->n && t->v[i].end <= from)
		i++;
	while (wanted && from < to) {
		uint64_t gap_end = i < t->n && t->v[i].begin < to ?
			t->v[i].begin : to;
		uint64_t got = gap_end > from ? gap_end - from : 0;

		if (got > wanted)
			got = wanted;
		if (got) {
			insert(a, t, i++, (struct taken){ from, from + got,
							  share });
			wanted -= got;
			from += got;
		}
		if (i < t->n && t->v[i].begin <= from && t->v[i].end > from)
			from = t->v[i].end;
		if (i < t->n && t->v[i].end <= from)
			i++;
	}
	return wanted;
}

static void add_part(struct arena *a, struct split_part **v, size_t *n,
		     size_t *cap, uint64_t start, uint32_t share)
{
	if (*n && (*v)[*n - 1].share == share)
		return;
	*arena_push(a, *v, *n, *cap) = (struct split_part){ start, share };
}

struct split_part *split_parts(struct arena *a, const uint32_t *parts,
			       size_t nshares, size_t *n)
{
	struct takings t = { NULL, 0, 0 };
	struct split_part *out = NULL;
	uint64_t next = 0;
	size_t cap = 0, i;

	for (i = 1; i < nshares; i++) {
		uint64_t wanted = ((uint64_t)parts[i] << 32) / 1000000;
		uint64_t anchor = bitreverse32(i - 1);

		wanted = take(a, &t, i, anchor, SPACE, wanted);
		take(a, &t, i, 0, anchor, wanted);
	}
	*n = 0;
	for (i = 0; i < t.n; i++) {
		if (t.v[i].begin > next)
			add_part(a, &out, n, &cap, next, 0);
		add_part(a, &out, n, &cap, t.v[i].begin, t.v[i].share);
		next = t.v[i].end;
	}
	if (next < SPACE)
		add_part(a, &out, n, &cap, next, 0);
	return out;
}

uint64_t split_seed(const char *identity, size_t len)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	uint64_t seed = 0;
	SHA2_CTX c;
	int i;

	SHA256Init(&c);
	SHA256Update(&c, (const uint8_t *)identity, len);
	SHA256Final(digest, &c);
	for (i = 7; i >= 0; i--)
		seed = seed << 8 | digest[i];
	return seed;
}

static uint64_t mix(uint64_t h, uint32_t w)
{
	h = (h ^ w) * 0x9E3779B97F4A7C15;
	return h ^ h >> 32;
}

static uint64_t mix_address(uint64_t h, const u128 v[FIELD_COUNT],
			    enum field f4, enum field f6)
{
	int shift;

	if (!v[FIELD_FAMILY])
		return mix(h, v[f4]);
	for (shift = 96; shift >= 0; shift -= 32)
		h = mix(h, v[f6] >> shift);
	return h;
}

uint32_t split_hash(const struct split *s, const u128 v[FIELD_COUNT])
{
	uint64_t h = s->seed;
	size_t i;

	for (i = 0; i < s->nkeys; i++)
		switch (s->keys[i]) {
		case AST_KEY_TO:
			h = mix_address(h, v, FIELD_LADDR4, FIELD_LADDR6);
			break;
		case AST_KEY_FROM:
			h = mix_address(h, v, FIELD_RADDR4, FIELD_RADDR6);
			break;
		case AST_KEY_PORT:
			h = mix(h, v[FIELD_LPORT]);
			break;
		case AST_KEY_FROM_PORT:
			h = mix(h, v[FIELD_RPORT]);
			break;
		case AST_KEY_ON:
			h = mix(h, v[FIELD_IFINDEX]);
			break;
		}
	return h * 0xD6E8FEB86659FD93 >> 32;
}

static uint32_t split_outcome(const struct split *s, uint32_t value)
{
	size_t low = 0, high = s->nparts;

	while (high - low > 1) {	/* starts[low] <= value < starts[high] */
		size_t middle = low + (high - low) / 2;

		if (s->starts[middle] <= value)
			low = middle;
		else
			high = middle;
	}
	return s->outcomes[low];
}

uint32_t policy_action_outcome(const struct policy *p, uint32_t action,
			       const u128 v[FIELD_COUNT])
{
	const struct action *a = &p->actions[action];

	if (!a->split)
		return a->outcome;
	return split_outcome(a->split, split_hash(a->split, v));
}
