/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_pack - a cut and its value as one number, for searches
 *
 * In: the intervals of a key, a shape. Out: how wide such a number is, and the
 * numbers in order. A number is the cut without the low bits that no cut has
 * set, and with so many of the others as there is room for, and behind that the
 * value. The keys that agree in the first bits are a bucket.
 *
 * With an index, which says where the search of each bucket begins: keys that
 * agree in the bits in front of those of a number are a segment, and no bucket
 * lies in two. Only the numbers of one segment have an order: so behind each
 * there are as many as a search may look at which are more than any key, and in
 * front of its first cut one that says what is true where the segment begins.
 *
 * Flat: each bucket has room for as many numbers as the fullest one needs, the
 * first of which says what is true where the bucket begins. A look-up reads one
 * line of the cache, or two.
 */
#include <string.h>

#include "lower_table.h"

/* Each byte of what is behind a segment, or the cuts of a flat bucket. */
enum { BEHIND = 0xff };

bool pack_choose(const struct keyed *k, unsigned int entry, bool flat,
		 struct shape *s)
{
	/* no key is as high as BEHIND, nor is a difference too large */
	unsigned int room = entry < 8 ? 8 * entry - 1 : 61;
	unsigned int low = bits_of(k->highest), rest = k->width - k->drop;

	if (low >= 31 || low >= room)
		return false;
	if (flat)
		rest -= s->root;
	else if (rest > room - low)
		rest = room - low;
	if (rest > room - low)
		return false;
	s->pack = (struct packing){ .entry = (uint8_t)entry,
		.drop = (uint8_t)k->drop, .rest = (uint8_t)rest,
		.low = (uint8_t)low, .flat = flat,
	};
	return k->width - s->root <= k->drop + rest;
}

static uint64_t segment(const struct packing *p, uint64_t key)
{
	unsigned int bits = p->drop + p->rest;

	return bits < 64 ? key >> bits : 0;
}

size_t pack_entries(const struct keyed *k, const struct shape *s)
{
	size_t segments = 1;

	if (s->pack.flat)
		return s->cells << s->steps;
	if (s->pack.drop + s->pack.rest == k->width)
		return k->ncuts + 1 + ((size_t)1 << s->steps);
	for (uint32_t i = 1; i < k->ncuts; i++)
		segments += segment(&s->pack, k->cuts[i]) !=
			segment(&s->pack, k->cuts[i - 1]);
	/* and the one where all keys begin */
	return k->ncuts + 1 + ((segments + 1) << s->steps);
}

/* ---------------------------------------------------------- the tables */

struct packer {
	const struct keyed *k;
	const struct shape *s;
	uint8_t *entries;
	size_t at;
	uint64_t segment;
	uint32_t next;		/* cut */
};

static void put(struct packer *p, uint64_t key, uint32_t value)
{
	const struct packing *f = &p->s->pack;
	uint64_t rest = key >> f->drop & (((uint64_t)1 << f->rest) - 1);
	uint64_t number = rest << f->low | value;

	/* little endian, as the hosts that this is for */
	memcpy(p->entries + p->at++ * f->entry, &number, f->entry);
}

static void put_cut(struct packer *p)
{
	put(p, p->k->cuts[p->next], p->k->values[p->next + 1]);
	p->next++;
}

/* Whether the bucket of the keys from LOW on, of which some cuts are if ANY,
 * begins where nothing before it counts. */
static bool is_new(struct packer *p, uint64_t low, bool any)
{
	const struct shape *s = p->s;
	uint64_t in = segment(&s->pack, low);

	if (s->pack.flat) {
		p->at = (size_t)(low >> (p->k->width - s->root)) << s->steps;
		return true;
	}
	if (!any || in == p->segment)
		return false;
	p->segment = in;
	p->at += ((size_t)1 << s->steps) - 1;
	return true;
}

/* The bucket of the keys LOW to HIGH; out: where its search begins. */
static size_t bucket(struct packer *p, uint64_t low, uint64_t high)
{
	const struct keyed *k = p->k;
	uint32_t end = p->next;
	bool is_cut;
	size_t begin;

	while (end < k->ncuts && k->cuts[end] <= high)
		end++;
	is_cut = end > p->next && k->cuts[p->next] == low;
	if (is_new(p, low, end > p->next) && !is_cut)
		put(p, low, k->values[p->next]);
	if (is_cut)
		put_cut(p);
	begin = p->at - 1;
	while (p->next < end)
		put_cut(p);
	return begin;
}

void pack_fill(const struct keyed *k, const struct shape *s, uint8_t *index,
	       uint8_t *entries)
{
	size_t size = pack_entries(k, s) * s->pack.entry;
	unsigned int shift = k->width - s->root, width = pack_index(size);
	struct packer p = { .k = k, .s = s, .entries = entries };

	if (!s->pack.home)	/* in these there are rows */
		memset(entries, s->pack.entry < 8 ? BEHIND : PACK_BEHIND_8,
		       size);
	if (index)
		put(&p, 0, k->values[0]);
	for (uint64_t c = 0; c < s->cells; c++) {
		size_t at = s->pack.entry *
			bucket(&p, c << shift, ((c + 1) << shift) - 1);

		if (index)
			memcpy(index + c * width, &at, width);
	}
}
