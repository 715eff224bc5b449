/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * perfect - how the places are found
 *
 * In: see perfect.h. Promise: the same for the same hashes.
 */
#include "perfect.h"

#include <string.h>

#include "../grammar/arena.h"

enum { PER_NUMBER = 2,		/* keys, at most, on average */
       ROOM = 8 };		/* one place in so many stays free */

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

/* Of the key that stands at I in KEY. */
static uint32_t start_of(const struct maker *m, uint32_t i)
{
	return perfect_start(m->p, m->hashes[m->key[i]]);
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

/* Whether no two keys of a bucket start from one place: no number helps these. */
static bool starts_differ(const struct maker *m, size_t nbuckets)
{
	for (size_t b = 0; b < nbuckets; b++)
		for (uint32_t i = m->begin[b]; i < m->begin[b + 1]; i++)
			for (uint32_t k = m->begin[b]; k < i; k++)
				if (start_of(m, i) == start_of(m, k))
					return false;
	return true;
}

/* Whether all keys of bucket B find a free place with NUMBER; then they have. */
static bool fits(struct maker *m, size_t b, uint16_t number)
{
	uint32_t i = m->begin[b];

	for (; i < m->begin[b + 1]; i++) {
		uint32_t k = m->key[i];
		uint64_t at = perfect_place(m->p, m->hashes[k], number);

		if (at >= m->p->nplaces || m->taken[at])
			break;
		m->taken[at] = true;
		m->p->place[k] = (uint32_t)at;
	}
	if (i == m->begin[b + 1])
		return true;
	while (i-- > m->begin[b])
		m->taken[m->p->place[m->key[i]]] = false;
	return false;
}

/* The numbers with which no key of B leaves the table: N from *FIRST on. */
static uint32_t numbers_of(const struct maker *m, size_t b, uint32_t *first)
{
	uint32_t low = UINT32_MAX, high = 0, back;

	for (uint32_t i = m->begin[b]; i < m->begin[b + 1]; i++) {
		uint32_t at = start_of(m, i);

		low = at < low ? at : low;
		high = at > high ? at : high;
	}
	back = low / m->p->step;
	*first = PERFECT_BACK - back;
	return back + (m->p->nplaces - 1 - high) / m->p->step + 1;
}

/* Each bucket begins with another one of its numbers: else all would look for
 * places where those before them have found theirs, and the free ones would lie
 * side by side, too near to each other for two keys. */
static bool place_bucket(struct maker *m, size_t b)
{
	uint32_t first, n = numbers_of(m, b, &first);
	uint32_t begin = (uint32_t)(b * 0x9E3779B9ull % n);

	for (uint32_t i = 0; i < n; i++) {
		uint16_t number = (uint16_t)(first + (begin + i) % n);

		if (fits(m, b, number)) {
			m->p->number[b] = number;
			return true;
		}
	}
	return false;
}

bool perfect_build(struct arena *a, const uint64_t *hashes, size_t n,
		   struct perfect *out)
{
	struct maker m = { .p = out, .hashes = hashes };
	size_t nbuckets;
	uint32_t most;

	*out = (struct perfect){ .log = PERFECT_LOG_MIN };
	if (!n || n > PERFECT_KEYS_MAX)
		return false;
	out->nplaces = (uint32_t)(n + n / ROOM + 1);
	while ((size_t)PER_NUMBER << out->log < n)
		out->log++;
	out->step = (out->nplaces / PERFECT_BACK + 1) | 1;
	nbuckets = (size_t)1 << out->log;
	out->number = arena_array(a, nbuckets, sizeof(*out->number));
	out->place = arena_array(a, n, sizeof(*out->place));
	m.taken = arena_array(a, out->nplaces, sizeof(*m.taken));
	most = sort_keys(a, &m, n);
	if (!starts_differ(&m, nbuckets))
		return false;
	for (uint32_t size = most; size; size--)
		for (size_t b = 0; b < nbuckets; b++)
			if (m.begin[b + 1] - m.begin[b] == size &&
			    !place_bucket(&m, b))
				return false;
	return true;
}
