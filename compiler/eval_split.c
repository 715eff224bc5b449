/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * eval_split - which share of a split does this packet fall to?
 *
 * Written from the words beside struct split in policy.h alone: the hash space
 * as a list of segments, each of one share or nobody's yet, in which every
 * share from the second on takes what is free upward from its anchor; the
 * first share has what is left.
 */
#include "eval_parts.h"

#include <sha2.h>
#include <string.h>

#include "../grammar/print_text.h"

enum { LEFT = 0 };		/* the share that has what nobody takes */

struct segment {
	uint64_t begin;		/* the next one begins where it ends */
	size_t share;
};

struct cut {
	uint64_t seed;
	struct ast_key_list keys;
	struct segment *v;
	size_t n, cap;
};

/* Makes a segment begin at AT; its number. */
static size_t cut_at(struct arena *a, struct cut *c, uint64_t at)
{
	size_t i = 0;

	while (i < c->n && c->v[i].begin < at)
		i++;
	if (i < c->n && c->v[i].begin == at)
		return i;
	(void)arena_push(a, c->v, c->n, c->cap);
	memmove(&c->v[i + 1], &c->v[i], (c->n - 1 - i) * sizeof(*c->v));
	c->v[i] = (struct segment){ at, i ? c->v[i - 1].share : LEFT };
	return i;
}

static uint64_t end_of(const struct cut *c, size_t i)
{
	return i + 1 < c->n ? c->v[i + 1].begin : 1ull << 32;
}

/* SHARE takes WANTED free values, upward from ANCHOR and round. */
static void take(struct arena *a, struct cut *c, size_t share,
		 uint64_t anchor, uint64_t wanted)
{
	size_t i = cut_at(a, c, anchor);

	for (; wanted; i = (i + 1) % c->n) {
		uint64_t size = end_of(c, i) - c->v[i].begin;

		if (c->v[i].share != LEFT)
			continue;
		if (size > wanted) {
			cut_at(a, c, c->v[i].begin + wanted);
			size = wanted;
		}
		c->v[i].share = share;
		wanted -= size;
	}
}

static uint64_t reversed(uint64_t x)
{
	uint64_t out = 0;
	int bit;

	for (bit = 0; bit < 32; bit++)
		if (x >> bit & 1)
			out |= 1ull << (31 - bit);
	return out;
}

static uint64_t seed_of(const char *text, size_t len)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	uint64_t seed = 0;
	SHA2_CTX c;
	int i;

	SHA256Init(&c);
	SHA256Update(&c, (const uint8_t *)text, len);
	SHA256Final(digest, &c);
	for (i = 0; i < 8; i++)
		seed |= (uint64_t)digest[i] << 8 * i;
	return seed;
}

static uint64_t seed(struct arena *a, const char *identity,
		     const struct ast_map *map, const struct ast_entry *entry)
{
	struct text t = { .arena = a };

	text_add(&t, identity);
	if (entry) {
		text_add(&t, "\n");
		text_entry_key(&t, map, entry);
	}
	return seed_of(text_done(&t), t.n);
}

struct cut *cut_new(struct arena *a, const char *identity,
		    const struct ast_verdict *v, const struct ast_map *map,
		    const struct ast_entry *entry)
{
	struct cut *c = arena_alloc(a, sizeof(*c));
	size_t i;

	c->seed = seed(a, identity, map, entry);
	c->keys = v->keys;
	cut_at(a, c, 0);
	for (i = 1; i < v->nshares; i++)
		take(a, c, i, reversed(i - 1),
		     (uint64_t)v->shares[i].parts * (1ull << 32) / 1000000);
	return c;
}

struct words {			/* what is hashed, one after the other */
	uint32_t v[8 * 4];
	size_t n;
};

static void add_address(struct words *w, unsigned int family, u128 address)
{
	if (family == 6) {
		w->v[w->n++] = (uint32_t)(address >> 96);
		w->v[w->n++] = (uint32_t)(address >> 64);
		w->v[w->n++] = (uint32_t)(address >> 32);
	}
	w->v[w->n++] = (uint32_t)address;
}

static void add_key(struct words *w, enum ast_key key, const struct packet *p)
{
	switch (key) {
	case AST_KEY_TO:
		add_address(w, p->family, p->local);
		break;
	case AST_KEY_FROM:
		add_address(w, p->family, p->remote);
		break;
	case AST_KEY_PORT:
		w->v[w->n++] = p->local_port;
		break;
	case AST_KEY_FROM_PORT:
		w->v[w->n++] = p->remote_port;
		break;
	case AST_KEY_ON:
		w->v[w->n++] = p->ifindex;
		break;
	}
}

static uint32_t hash(const struct cut *c, const struct packet *p)
{
	struct words w = { .n = 0 };
	uint64_t h = c->seed;
	size_t i;

	for (i = 0; i < c->keys.n; i++)
		add_key(&w, c->keys.v[i], p);
	for (i = 0; i < w.n; i++) {
		h = (h ^ w.v[i]) * 0x9E3779B97F4A7C15ull;
		h ^= h >> 32;
	}
	return (uint32_t)(h * 0xD6E8FEB86659FD93ull >> 32);
}

size_t cut_share(const struct cut *c, const struct packet *p)
{
	uint32_t value = hash(c, p);
	size_t i = 0;

	while (value >= end_of(c, i))
		i++;
	return c->v[i].share;
}
