/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * strips - pairs of strips, twice as long each time
 *
 * In: see strips.h. Out: the length that takes the fewest bytes. A strip of twice
 * the length is a pair of numbers of shorter ones, so each length costs half of what
 * the one before it did.
 */
#include "strips.h"

#include <string.h>

#include "../grammar/arena.h"
#include "resolve.h"

enum { LOG_MIN = 2, LOG_MAX = 6 };

struct length {			/* of strips: each has a number */
	uint32_t log, ndifferent;
	uint32_t *of;		/* by row and place */
	size_t n;
};

/* Equal KEYS have equal numbers. */
static void number(struct arena *a, const uint64_t *keys, struct length *s)
{
	struct symtab seen = { 0 };

	s->of = arena_array(a, s->n, sizeof(*s->of));
	for (size_t i = 0; i < s->n; i++) {
		s->of[i] = symtab_add(a, &seen, &keys[i], sizeof(*keys),
				      s->ndifferent);
		s->ndifferent += s->of[i] == s->ndifferent;
	}
}

static struct length shortest(struct arena *a, const uint16_t *cells, size_t n)
{
	struct length s = { .log = LOG_MIN, .n = n >> LOG_MIN };
	uint64_t *keys = arena_array(a, s.n, sizeof(*keys));

	memcpy(keys, cells, s.n * sizeof(*keys));
	number(a, keys, &s);
	return s;
}

static struct length twice(struct arena *a, const struct length *half)
{
	struct length s = { .log = half->log + 1, .n = half->n / 2 };
	uint64_t *keys = arena_array(a, s.n, sizeof(*keys));

	for (size_t i = 0; i < s.n; i++)
		keys[i] = (uint64_t)half->of[2 * i] << 32 | half->of[2 * i + 1];
	number(a, keys, &s);
	return s;
}

static size_t bytes_of(const struct length *s)
{
	return s->ndifferent > UINT16_MAX ? SIZE_MAX :
		sizeof(uint16_t) * (((size_t)s->ndifferent << s->log) + s->n);
}

static void take(struct arena *a, const uint16_t *cells, const struct length *s,
		 struct strips *out)
{
	size_t width = (size_t)1 << s->log;

	*out = (struct strips){
		.log = s->log, .n = s->ndifferent,
		.cells = arena_array(a, s->ndifferent * width,
				     sizeof(*out->cells)),
		.of = arena_array(a, s->n, sizeof(*out->of)),
	};
	for (size_t i = 0; i < s->n; i++) {
		out->of[i] = (uint16_t)s->of[i];
		memcpy(out->cells + s->of[i] * width, cells + i * width,
		       width * sizeof(*cells));
	}
}

bool strips_find(struct arena *a, const uint16_t *cells, uint32_t nrows,
		 uint32_t row_log, struct strips *out)
{
	size_t n = (size_t)nrows << row_log;
	struct length s, best;

	if (row_log < LOG_MIN)
		return false;
	best = s = shortest(a, cells, n);
	while (s.log < LOG_MAX && s.log < row_log) {
		s = twice(a, &s);
		if (bytes_of(&s) < bytes_of(&best))
			best = s;
	}
	if (best.ndifferent > UINT16_MAX)
		return false;
	take(a, cells, &best, out);
	return true;
}
