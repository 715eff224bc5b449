/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove_witness - a packet that the bytes treat in another way than the rules
 *
 * In: the box in which the proof failed. Out: the first packet that really
 * differs (prove_judge.c). The lowest packet of the box is tried; then others
 * of it, each near one rule or near nothing, of values at the ends of the box,
 * at those of the rules and next to numbers that the program and its tables
 * hold; then a packet of each rule; then packets from anywhere; then such whose
 * hash is at the end of a split's part.
 */
#include <endian.h>
#include <string.h>

#include "prove_private.h"

enum { TRIES = 40000, TERMS_MAX = 2000, NUMBERS_MAX = 8192, NEAR = 48,
       FEW = 4, HOLES_MAX = 4,
       PARTS_MAX = 16, SPLITS_MAX = 8 };

struct numbers {
	uint32_t *v;
	size_t n, cap;
};

struct search {
	struct prove *p;
	struct judge *judge;
	struct arena *out;
	uint64_t random;
	struct range box[PW_COUNT];
	struct numbers rules[PW_COUNT], program, near;
	const struct term **terms;
	size_t nterms, terms_cap;
};

/* ------------------------------------------------------------- numbers */

static void add_number(struct search *s, struct numbers *l, uint32_t v)
{
	if (l->n < NUMBERS_MAX)
		*arena_push(s->p->a, l->v, l->n, l->cap) = v;
}

static void add_ends(struct search *s, uint32_t field, const struct iset *set)
{
	size_t step = set->n / 64 + 1;

	for (uint32_t w = 0; w < PW_COUNT; w++) {
		unsigned int shift = prove_words[w].shift;

		if (prove_words[w].field != field)
			continue;
		for (size_t i = 0; i < set->n; i += step) {
			add_number(s, &s->rules[w],
				   (uint32_t)(set->v[i].low >> shift));
			add_number(s, &s->rules[w],
				   (uint32_t)(set->v[i].high >> shift));
		}
	}
}

static void add_rules(struct search *s)
{
	const struct policy *y = s->p->policy;

	for (size_t i = 0; i < y->nclauses; i++)
		for (size_t k = 0; k < y->clauses[i].terms.n; k++) {
			const struct term *t = &y->clauses[i].terms.v[k];

			if (s->nterms < TERMS_MAX)
				*arena_push(s->p->a, s->terms, s->nterms,
					    s->terms_cap) = t;
			for (uint32_t f = 0; f < FIELD_COUNT; f++)
				if (t->set[f])
					add_ends(s, f, t->set[f]);
		}
}

static void add_program(struct search *s)
{
	const struct image *m = s->p->image;
	size_t cells = m->rodata_size / 4, step = cells / 4096 + 1;

	for (size_t i = 0; i < m->ninsns; i++) {
		uint8_t class = BPF_CLASS(m->insns[i].code);

		if (class != BPF_JMP && class != BPF_JMP32)
			continue;
		add_number(s, &s->program, (uint32_t)m->insns[i].imm);
		if (i + NEAR <= s->p->why_pc || i >= s->p->why_pc + NEAR)
			continue;
		add_number(s, &s->near, (uint32_t)m->insns[i].imm);
		/* where bytes were not swapped, or twice */
		add_number(s, &s->near, htobe32((uint32_t)m->insns[i].imm));
	}
	for (size_t i = 0; i < cells; i += step) {
		uint32_t cell;

		memcpy(&cell, m->rodata + 4 * i, 4);
		add_number(s, &s->program, cell);
	}
	add_number(s, &s->program, 0);
}

/* Where a swap of bytes is what was not understood: the rules', swapped. */
static void add_swapped(struct search *s)
{
	const struct image *m = s->p->image;

	if (s->p->why_pc >= m->ninsns ||
	    BPF_CLASS(m->insns[s->p->why_pc].code) != BPF_ALU ||
	    BPF_OP(m->insns[s->p->why_pc].code) != BPF_END)
		return;
	for (uint32_t w = 0; w < PW_COUNT; w++)
		for (size_t i = 0; i < s->rules[w].n; i++)
			add_number(s, &s->near, htobe32(s->rules[w].v[i]));
}

/* The bits between those of a mask, if they are few. */
static uint32_t holes(uint32_t mask)
{
	uint32_t out = mask ? ~mask & ~((mask & -mask) - 1) : 0;

	return __builtin_popcount(out) <= HOLES_MAX ? out : 0;
}

/* The rules' without some bits, where a mask with holes is near. */
static void add_flipped(struct search *s, uint32_t bits)
{
	for (uint32_t w = 0; w < PW_COUNT && bits; w++)
		for (size_t i = 0; i < s->rules[w].n; i++)
			add_number(s, &s->near, s->rules[w].v[i] ^ bits);
}

static void add_masked(struct search *s)
{
	const struct image *m = s->p->image;

	for (size_t i = 0; i < m->ninsns; i++) {
		if (m->insns[i].code != (BPF_ALU | BPF_AND | BPF_K) ||
		    i + FEW <= s->p->why_pc || i >= s->p->why_pc + FEW)
			continue;
		add_flipped(s, holes((uint32_t)m->insns[i].imm));
		add_flipped(s, holes(htobe32((uint32_t)m->insns[i].imm)));
	}
}

/* ------------------------------------------------------------- packets */

static uint32_t below(struct search *s, size_t n)
{
	s->random = prove_hash(s->random + 0x9E3779B97F4A7C15, 1);
	return (uint32_t)(prove_hash(s->random, 2) % n);
}

/* N, or what differs from it by one, in one bit, or in the order of its bytes. */
static uint32_t beside(struct search *s, uint32_t n)
{
	switch (below(s, 12)) {
	case 0: case 1: case 2: return n + 1;
	case 3: case 4: case 5: return n - 1;
	case 6: return n ^ 1u << below(s, 32);
	case 7: return htobe32(n);
	default: return n;
	}
}

/* A number of L, or beside it, when R holds it. */
static bool from(struct search *s, const struct numbers *l, struct range r,
		 uint32_t *out)
{
	if (!l->n)
		return false;
	*out = beside(s, l->v[below(s, l->n)]);
	if (*out < r.low || *out > r.high)	/* with the box's first byte */
		*out = (*out & 0xffffff) | (r.low & 0xff000000);
	return *out >= r.low && *out <= r.high;
}

static uint32_t draw(struct search *s, int w)
{
	struct range r = s->box[w];
	uint64_t n = (uint64_t)r.high - r.low + 1;
	uint32_t how = below(s, 12), v;

	if ((how < 4 && from(s, &s->rules[w], r, &v)) ||
	    (how < 5 && from(s, &s->program, r, &v)) ||
	    (how < 8 && from(s, &s->near, r, &v)))
		return v;
	if (how < 9)
		return r.low;
	if (how < 10)
		return r.high;
	return r.low + (uint32_t)(prove_hash(s->random, 3) % n);
}

/* Makes of V a packet that there is. */
static void settle(const struct search *s, u128 v[FIELD_COUNT])
{
	if (v[FIELD_FAMILY])
		v[FIELD_LADDR4] = v[FIELD_RADDR4] = 0;
	else
		v[FIELD_LADDR6] = v[FIELD_RADDR6] = 0;
	if (v[FIELD_IFNAME] && !v[FIELD_IFINDEX])
		v[FIELD_IFINDEX] = s->box[PW_IFINDEX].high;
	if (v[FIELD_IFINDEX] == IMAGE_NO_INTERFACE)	/* no index at all */
		v[FIELD_IFINDEX] = s->box[PW_IFINDEX].low | 1;
}

static bool try_box(struct search *s, bool lowest)
{
	u128 v[FIELD_COUNT] = { 0 };

	for (int w = 0; w < PW_COUNT; w++) {
		uint32_t x = lowest ? s->box[w].low : draw(s, w);

		v[prove_words[w].field] |= (u128)x << prove_words[w].shift;
	}
	settle(s, v);
	return judge_differs(s->judge, v, s->out);
}

/* An end of one of the intervals of SET, or something between. */
static u128 inside(struct search *s, const struct iset *set)
{
	const struct interval *i = &set->v[below(s, set->n)];

	switch (below(s, 4)) {
	case 0: return i->low;
	case 1: return i->high;
	default:
		s->random = prove_hash(s->random, 5);
		return i->low + s->random % (i->high - i->low ?
					     i->high - i->low : 1);
	}
}

/* A packet near one rule, as far as the box allows. */
static bool try_near(struct search *s)
{
	const struct term *t = s->terms[below(s, s->nterms)];
	uint32_t other = below(s, PW_COUNT);
	u128 v[FIELD_COUNT] = { 0 }, near[FIELD_COUNT] = { 0 };

	for (uint32_t f = 0; f < FIELD_COUNT; f++)
		if (t->set[f] && t->set[f]->n)
			near[f] = inside(s, t->set[f]);
	for (uint32_t w = 0; w < PW_COUNT; w++) {
		const struct prove_word_info *i = &prove_words[w];
		uint32_t x = (uint32_t)(near[i->field] >> i->shift);

		if (!t->set[i->field] || w == other || x < s->box[w].low ||
		    x > s->box[w].high)
			x = draw(s, (int)w);
		v[i->field] |= (u128)x << i->shift;
	}
	settle(s, v);
	return judge_differs(s->judge, v, s->out);
}

/* The lowest packet of T, of a family and protocol that it has. */
static bool try_term(struct search *s, const struct term *t)
{
	u128 v[FIELD_COUNT] = { 0 };

	for (uint32_t f = 0; f < FIELD_COUNT; f++)
		if (!term_lowest(t, (enum field)f, 0, &v[f]))
			return false;
	settle(s, v);
	return judge_differs(s->judge, v, s->out);
}

static bool try_rules(struct search *s)
{
	for (size_t i = 0; i < s->nterms; i++)
		if (try_term(s, s->terms[i]))
			return true;
	return false;
}

/* IPv6 packets of T whose hash is at an end of a part. */
static bool try_parts(struct search *s, const struct term *t,
		      const struct split *split)
{
	u128 v[FIELD_COUNT] = { 0 };

	for (uint32_t f = 0; f < FIELD_COUNT; f++)
		if (!term_lowest(t, (enum field)f, f == FIELD_FAMILY, &v[f]))
			return false;
	settle(s, v);
	for (size_t i = 1; i < split->nparts && i < PARTS_MAX; i++)
		for (uint32_t below = 0; below < 2; below++) {
			uint32_t value = split->starts[i] - below;

			if (hash_packet(s->p->a, split, value, v) &&
			    judge_differs(s->judge, v, s->out))
				return true;
		}
	return false;
}

/* A part that begins one value too late shows with that hash alone. */
static bool try_splits(struct search *s)
{
	const struct policy *y = s->p->policy;
	size_t tries = 0;

	for (size_t i = 0; i < y->nclauses; i++) {
		const struct clause *c = &y->clauses[i];
		const struct split *split = y->actions[c->action].split;

		if (split && c->terms.n && tries++ < SPLITS_MAX &&
		    try_parts(s, &c->terms.v[0], split))
			return true;
	}
	return false;
}

static bool try_many(struct search *s)
{
	for (int i = 0; i < TRIES; i++)
		if (i % 2 ? try_near(s) : try_box(s, false))
			return true;
	return false;
}

static void whole_box(struct search *s)
{
	for (int w = 0; w < PW_COUNT; w++) {
		u128 top = field_highest(prove_words[w].field);

		s->box[w] = (struct range){ 0, top > UINT32_MAX ? UINT32_MAX :
					    (uint32_t)top };
	}
	s->box[PW_IFNAME].high = (uint32_t)s->p->policy->ninterfaces;
}

void witness_of_box(struct prove *p, struct arena *out)
{
	struct search s = { .p = p, .judge = judge_new(p), .out = out };

	memcpy(s.box, p->box, sizeof(s.box));
	if (try_box(&s, true))
		return;
	add_rules(&s);
	add_program(&s);
	add_swapped(&s);
	add_masked(&s);
	if (try_many(&s))
		return;
	whole_box(&s);
	if (!try_rules(&s) && !try_many(&s))
		try_splits(&s);
}
