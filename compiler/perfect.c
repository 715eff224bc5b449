/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * perfect - how the places are found
 *
 * In: see perfect.h. Promise: the same for the same hashes.
 */
#include "perfect.h"

#include <string.h>

#include "../grammar/arena.h"

enum { ROOM = 8 };		/* one place in so many stays free */

struct perfect_space {
	struct perfect p;
	size_t n;
	const uint64_t *hashes;
	uint32_t *begin;	/* by bucket: of its keys in KEY */
	uint32_t *next;		/* while these are sorted */
	uint32_t *key;
	bool *taken;		/* by place */
};

static size_t buckets_of(const struct perfect *p)
{
	return (size_t)1 << p->log;
}

static size_t bucket_of(const struct perfect *p, uint64_t hash)
{
	return (size_t)(hash >> (64 - p->log));
}

/* Of the key that stands at I in KEY. */
static uint32_t start_of(const struct perfect_space *s, uint32_t i)
{
	return perfect_start(&s->p, s->hashes[s->key[i]]);
}

/* Keys by bucket; out: how many the largest has. */
static uint32_t sort_keys(struct perfect_space *s)
{
	size_t nbuckets = buckets_of(&s->p);
	uint32_t most = 0;

	memset(s->begin, 0, (nbuckets + 1) * sizeof(*s->begin));
	for (size_t i = 0; i < s->n; i++)
		s->begin[bucket_of(&s->p, s->hashes[i]) + 1]++;
	for (size_t b = 0; b < nbuckets; b++) {
		if (s->begin[b + 1] > most)
			most = s->begin[b + 1];
		s->begin[b + 1] += s->begin[b];
	}
	memcpy(s->next, s->begin, nbuckets * sizeof(*s->next));
	for (size_t i = 0; i < s->n; i++)
		s->key[s->next[bucket_of(&s->p, s->hashes[i])]++] = (uint32_t)i;
	return most;
}

/* Whether no two keys of a bucket start from one place: no number helps these. */
static bool starts_differ(const struct perfect_space *s)
{
	for (size_t b = 0; b < buckets_of(&s->p); b++)
		for (uint32_t i = s->begin[b]; i < s->begin[b + 1]; i++)
			for (uint32_t k = s->begin[b]; k < i; k++)
				if (start_of(s, i) == start_of(s, k))
					return false;
	return true;
}

/* Whether all keys of bucket B find a free place with NUMBER; then they have. */
static bool fits(struct perfect_space *s, size_t b, uint16_t number)
{
	uint32_t i = s->begin[b];

	for (; i < s->begin[b + 1]; i++) {
		uint32_t k = s->key[i];
		uint64_t at = perfect_place(&s->p, s->hashes[k], number);

		if (at >= s->p.nplaces || s->taken[at])
			break;
		s->taken[at] = true;
		s->p.place[k] = (uint32_t)at;
	}
	if (i == s->begin[b + 1])
		return true;
	while (i-- > s->begin[b])
		s->taken[s->p.place[s->key[i]]] = false;
	return false;
}

/* The numbers with which no key of B leaves the table: N from *FIRST on. */
static uint32_t numbers_of(const struct perfect_space *s, size_t b,
			   uint32_t *first)
{
	uint32_t low = UINT32_MAX, high = 0, back;

	for (uint32_t i = s->begin[b]; i < s->begin[b + 1]; i++) {
		uint32_t at = start_of(s, i);

		low = at < low ? at : low;
		high = at > high ? at : high;
	}
	back = low / s->p.step;
	*first = PERFECT_BACK - back;
	return back + (s->p.nplaces - 1 - high) / s->p.step + 1;
}

/* Each bucket begins with another one of its numbers: else all would look for
 * places where those before them have found theirs, and the free ones would lie
 * side by side, too near to each other for two keys. */
static bool place_bucket(struct perfect_space *s, size_t b)
{
	uint32_t first, n = numbers_of(s, b, &first);
	uint32_t begin = (uint32_t)(b * 0x9E3779B9ull % n);

	for (uint32_t i = 0; i < n; i++) {
		uint16_t number = (uint16_t)(first + (begin + i) % n);

		if (fits(s, b, number)) {
			s->p.number[b] = number;
			return true;
		}
	}
	return false;
}

unsigned int perfect_log(size_t n, unsigned int keys_a_number)
{
	unsigned int log = PERFECT_LOG_MIN;

	while ((size_t)keys_a_number << log < n)
		log++;
	return log;
}

struct perfect_space *perfect_space(struct arena *a, size_t n)
{
	size_t nnumbers = (size_t)1 << perfect_log(n, PERFECT_SPARSE);
	struct perfect_space *s;

	if (!n || n > PERFECT_KEYS_MAX)
		return NULL;
	s = arena_alloc(a, sizeof(*s));
	s->n = n;
	s->p.nplaces = (uint32_t)(n + n / ROOM + 1);
	s->p.step = (s->p.nplaces / PERFECT_BACK + 1) | 1;
	s->p.number = arena_array(a, nnumbers, sizeof(*s->p.number));
	s->p.place = arena_array(a, n, sizeof(*s->p.place));
	s->begin = arena_array(a, nnumbers + 1, sizeof(*s->begin));
	s->next = arena_array(a, nnumbers, sizeof(*s->next));
	s->key = arena_array(a, n, sizeof(*s->key));
	s->taken = arena_array(a, s->p.nplaces, sizeof(*s->taken));
	return s;
}

bool perfect_build(struct perfect_space *s, const uint64_t *hashes,
		   unsigned int log, struct perfect *out)
{
	uint32_t most;

	s->hashes = hashes;
	s->p.log = log;
	most = sort_keys(s);
	if (!starts_differ(s))
		return false;
	memset(s->taken, 0, s->p.nplaces * sizeof(*s->taken));
	memset(s->p.number, 0, buckets_of(&s->p) * sizeof(*s->p.number));
	for (uint32_t size = most; size; size--)
		for (size_t b = 0; b < buckets_of(&s->p); b++)
			if (s->begin[b + 1] - s->begin[b] == size &&
			    !place_bucket(s, b))
				return false;
	*out = s->p;
	return true;
}
