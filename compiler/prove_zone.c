/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove_zone - zones that a program looks up before its trees
 *
 * In: code that reads one word of the packet and stores a number, four times, at
 * the place of the stack that is for the word's field. Out: which values are in
 * which zone. Nothing is believed about where zones begin, only that they rise
 * with the values: so what a tree does with zones from one to another it does
 * with the values from one to another, and the rules are asked about these. A
 * tree cannot store where zones are (prove_load.c).
 */
#include "prove_private.h"

uint32_t zone_field(int32_t offset)
{
	int32_t f = (-offset - ZONE_SLOT) / 8;

	if (-offset < ZONE_SLOT || offset % 8 || f >= FIELD_COUNT)
		return FIELD_COUNT;
	return (uint32_t)f;
}

/* Of one word that is all of its field, in which each value has a zone. */
static bool is_zoning(const struct prove *p, const struct stretch *s)
{
	uint32_t field = s->v[0].to.kept;

	if (s->word >= PW_COUNT || s->wide || field >= FIELD_COUNT ||
	    prove_words[s->word].field != field || p->zone[field] ||
	    field_highest(field) != s->v[s->n - 1].high || s->v[0].low)
		return false;
	for (size_t i = 1; i < s->n; i++) {
		const struct target *a = &s->v[i - 1].to, *b = &s->v[i].to;

		if (b->kind != TO_ZONE || b->pc != a->pc ||
		    b->kept != a->kept || b->value <= a->value ||
		    s->v[i].low != s->v[i - 1].high + 1)
			return false;
	}
	return true;
}

bool zones_found(struct prove *p, uint32_t *pc)
{
	for (;;) {
		const struct stretch *s = run_zone(p, *pc);

		p->why = NULL;		/* it may be no zone at all */
		if (s->v[0].to.kind != TO_ZONE)
			return true;
		if (!is_zoning(p, s))
			return prove_fail(p, "zones that do not rise");
		p->zone[s->v[0].to.kept] = s;
		*pc = s->v[0].to.pc + 1;
	}
}

/* The piece of S that holds VALUE. */
static const struct piece *piece_of_value(const struct stretch *s,
					  uint64_t value)
{
	size_t a = 0, b = s->n - 1;

	while (a < b) {
		size_t m = a + (b - a) / 2;

		if (s->v[m].high < value)
			a = m + 1;
		else
			b = m;
	}
	return &s->v[a];
}

struct range zone_box(const struct prove *p, uint32_t f)
{
	const struct stretch *s = p->zone[f];
	const struct range *b = &p->box[s->word];

	return (struct range){ piece_of_value(s, b->low)->to.value,
			       piece_of_value(s, b->high)->to.value };
}

/* The last value whose zone is not above ZONE. */
static uint64_t last_value(const struct stretch *s, uint64_t zone)
{
	size_t a = 0, b = s->n - 1;

	while (a < b) {
		size_t m = b - (b - a) / 2;

		if (s->v[m].to.value <= zone)
			a = m;
		else
			b = m - 1;
	}
	return s->v[a].high;
}

/* Zones that no value has, between two that some have, go with the lower. */
void zone_opened(struct prove *p, struct stretch *s)
{
	const struct stretch *z;
	uint64_t from;

	if (s->word < PW_ZONE || s->word >= PW_HASH)
		return;
	z = p->zone[s->word - PW_ZONE];
	s->word = z->word;
	from = p->box[z->word].low;
	for (size_t i = 0; i < s->n; i++) {
		s->v[i].low = from;
		s->v[i].high = i + 1 == s->n ? p->box[z->word].high :
			last_value(z, s->v[i].high);
		from = s->v[i].high + 1;
	}
}
