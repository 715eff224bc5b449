/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * perfect - how the places are found
 *
 * In: see perfect.h. Promise: the same for the same hashes.
 */
#include "perfect.h"

#include <string.h>

#include "../grammar/arena.h"

enum { PER_NUMBER = 4,		/* keys, at most, on average */
       ROOM = 8,		/* one place in so many stays free */
       NUMBERS = 1 << 16 };	/* half of them are tried */

struct maker {
	struct perfect *p;
	const uint64_t *hashes;
	uint32_t *begin;	/* by bucket: of its keys in KEY */
	uint32_t *key;
	bool *taken;		/* by place */
};

static size_t bucket_of(const struct perfect *p, uint64_t hash)
{
	return (size_t)(hash >> (64 - p->log));
}

/* Keys by bucket; out: how many the largest has. */
static uint32_t sort_keys(struct arena *a, struct maker *m, size_t n)
{
	size_t nbuckets = (size_t)1 << m->p->log;
	uint32_t *next = arena_array(a, nbuckets + 1, sizeof(*next));
	uint32_t most = 0;

	m->begin = arena_array(a, nbuckets + 1, sizeof(*m->begin));
	m->key = arena_array(a, n, sizeof(*m->key));
	for (size_t i = 0; i < n; i++)
		m->begin[bucket_of(m->p, m->hashes[i]) + 1]++;
	for (size_t b = 0; b < nbuckets; b++) {
		if (m->begin[b + 1] > most)
			most = m->begin[b + 1];
		m->begin[b + 1] += m->begin[b];
	}
	memcpy(next, m->begin, (nbuckets + 1) * sizeof(*next));
	for (size_t i = 0; i < n; i++)
		m->key[next[bucket_of(m->p, m->hashes[i])]++] = (uint32_t)i;
	return most;
}

/* Whether all keys of bucket B find a free place with NUMBER; then they have. */
static bool fits(struct maker *m, size_t b, uint32_t number)
{
	uint32_t i = m->begin[b];

	for (; i < m->begin[b + 1]; i++) {
		uint32_t k = m->key[i];
		uint32_t at = perfect_place(m->p, m->hashes[k], number);

		if (m->taken[at])
			break;
		m->taken[at] = true;
		m->p->place[k] = at;
	}
	if (i == m->begin[b + 1])
		return true;
	while (i-- > m->begin[b])
		m->taken[m->p->place[m->key[i]]] = false;
	return false;
}

static bool place_bucket(struct maker *m, size_t b)
{
	for (uint32_t number = 1; number < NUMBERS; number += 2)
		if (fits(m, b, number)) {
			m->p->number[b] = (uint16_t)number;
			return true;
		}
	return false;
}

bool perfect_build(struct arena *a, const uint64_t *hashes, size_t n,
		   struct perfect *out)
{
	struct maker m = { .p = out, .hashes = hashes };
	size_t nbuckets;

	*out = (struct perfect){ .log = PERFECT_LOG_MIN };
	if (!n || n > PERFECT_KEYS_MAX)
		return false;
	out->nplaces = (uint32_t)(n + n / ROOM + 1);
	while ((size_t)PER_NUMBER << out->log < n)
		out->log++;
	nbuckets = (size_t)1 << out->log;
	out->number = arena_array(a, nbuckets, sizeof(*out->number));
	out->place = arena_array(a, n, sizeof(*out->place));
	m.taken = arena_array(a, out->nplaces, sizeof(*m.taken));
	for (uint32_t size = sort_keys(a, &m, n); size; size--)
		for (size_t b = 0; b < nbuckets; b++)
			if (m.begin[b + 1] - m.begin[b] == size &&
			    !place_bucket(&m, b))
				return false;
	return true;
}
