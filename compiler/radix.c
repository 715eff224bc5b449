/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * radix - builds the levels from the last one up
 *
 * In: see radix.h. Out: its tables. Numbers are gone through in rising order, node
 * by node. What lies in one interval is one node for each value, made once, so
 * the work is that of the nodes in which there is a cut, and of one 65,536th of
 * the numbers.
 */
#include "radix.h"

#include <string.h>

#include "../grammar/arena.h"
#include "resolve.h"

struct build {
	struct arena *a;
	const struct radix_input *in;
	struct radix *out;
	size_t at;		/* cuts that are not above the number at hand */
	size_t bytes;
	struct {
		uint16_t *node;		/* at hand */
		struct symtab made;	/* nodes, to their numbers */
		uint32_t *whole;	/* by value: 1 + the node that has it alone */
		uint32_t shift;		/* bits below */
	} level[RADIX_LEVELS];
	bool failed;
};

/* The node at hand, or the one that is equal. */
static uint16_t one_of(struct build *b, uint32_t level)
{
	struct radix_level *l = &b->out->level[level];
	size_t size = (size_t)1 << l->bits, bytes = size * sizeof(*l->v);
	const uint16_t *node = b->level[level].node;
	uint32_t n = symtab_add(b->a, &b->level[level].made, node, bytes, l->n);

	if (n < l->n)
		return (uint16_t)n;
	b->bytes += size;
	if (l->n >= UINT16_MAX || b->bytes > b->in->max_bytes) {
		b->failed = true;
		return 0;
	}
	if ((l->n + 1) * size > l->cap)
		l->v = arena_grow(b->a, l->v, &l->cap, (l->n + 1) * size,
				  sizeof(*l->v));
	memcpy(l->v + l->n * size, node, bytes);
	return (uint16_t)l->n++;
}

static uint16_t value_of(struct build *b, uint32_t number)
{
	while (b->at < b->in->ncuts && b->in->cuts[b->at] <= number)
		b->at++;
	return b->in->values[b->at];
}

/* The node of LEVEL for the numbers from BASE on. */
static uint16_t node(struct build *b, uint32_t level, uint32_t base)
{
	uint32_t bits = b->out->level[level].bits;
	uint32_t shift = b->level[level].shift;
	uint64_t end = base + ((uint64_t)1 << (bits + shift));
	uint32_t *whole = &b->level[level].whole[value_of(b, base)];
	bool is_whole = b->at == b->in->ncuts || b->in->cuts[b->at] >= end;
	uint16_t made;

	if (is_whole && *whole)
		return (uint16_t)(*whole - 1);
	for (uint32_t i = 0; i < 1u << bits && !b->failed; i++) {
		uint32_t number = base + (i << shift);

		b->level[level].node[i] = shift ?
			node(b, level + 1, number) : value_of(b, number);
	}
	made = one_of(b, level);
	if (is_whole)
		*whole = made + 1u;
	return made;
}

bool radix_build(struct arena *a, const struct radix_input *in,
		 struct radix *out)
{
	struct build b = { .a = a, .in = in, .out = out };
	uint32_t shift = 0;

	*out = (struct radix){ .nlevels = in->nlevels };
	for (uint32_t i = in->nlevels; i-- > 0;) {
		out->level[i].bits = in->bits[i];
		b.level[i].shift = shift;
		b.level[i].node = arena_array(a, (size_t)1 << in->bits[i],
					      sizeof(uint16_t));
		b.level[i].whole = arena_array(a, in->nvalues,
					       sizeof(uint32_t));
		shift += in->bits[i];
	}
	node(&b, 0, 0);
	for (uint32_t i = 0; i < in->nlevels; i++)
		out->level[i].below = i + 1 < in->nlevels ?
			out->level[i + 1].n : in->nvalues;
	return !b.failed && radix_bytes(out) <= in->max_bytes;
}

size_t radix_bytes(const struct radix *r)
{
	size_t sum = 0;

	for (uint32_t i = 0; i < r->nlevels; i++)
		sum += ((size_t)r->level[i].n << r->level[i].bits) *
			radix_width(&r->level[i]);
	return sum;
}

uint16_t radix_find(const struct radix *r, uint32_t number)
{
	uint32_t shift = 0;
	uint16_t at = 0;

	for (uint32_t i = 0; i < r->nlevels; i++)
		shift += r->level[i].bits;
	for (uint32_t i = 0; i < r->nlevels; i++) {
		const struct radix_level *l = &r->level[i];
		uint32_t mask = (1u << l->bits) - 1;

		shift -= l->bits;
		at = l->v[((size_t)at << l->bits) + (number >> shift & mask)];
	}
	return at;
}
