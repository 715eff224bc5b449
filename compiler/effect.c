/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * effect - outcomes to rows of skpol_steps
 *
 * In: outcomes (chains of sockets, then pass or drop). Out: for each four
 * chains of steps, one a kind of packet, without the sockets that have no slot
 * for it. A row of four is the beginning; what follows a failed step stands
 * behind all rows, shared by equal chains.
 */
#include "effect.h"

#include <string.h>

#include "resolve.h"

struct effecter {
	struct arena *a;
	const struct policy *p;
	struct effects *out;
	bool merge;
	struct symtab effects;		/* by key, to effect */
	struct symtab tails;		/* by step, to index of it */
	uint32_t *of_outcome;
	struct image_step *later;	/* steps that are not first */
	size_t nlater, later_cap;
};

enum { LATER = 0x80000000u };	/* in `next`: an index into later */

static uint32_t later_step(struct effecter *e, const struct image_step *s)
{
	uint32_t n = symtab_add(e->a, &e->tails, s, sizeof(*s),
				(uint32_t)e->nlater);

	if (n == e->nlater)
		*arena_push(e->a, e->later, e->nlater, e->later_cap) = *s;
	return n | LATER;
}

/* The chain of O for packets of KIND from step I on; its first step. */
static struct image_step chain(struct effecter *e, const struct outcome *o,
			       unsigned int kind, uint32_t *length)
{
	const struct policy_rule *r = &e->p->rules[o->rule];
	struct image_step s = {
		.slot = o->pass ? IMAGE_PASS : IMAGE_DROP,
		.counter = r->counter,
		.rule = r->trace ? o->rule : IMAGE_NO_TRACE,
	};

	*length = 1;
	for (uint32_t i = o->nsteps; i-- > 0;) {
		uint32_t slot = e->p->sockets[o->steps[i].socket].slot[kind];

		if (slot == NO_SLOT)
			continue;
		s.next = later_step(e, &s);
		s.slot = slot | o->steps[i].flags << IMAGE_FLAGS_SHIFT;
		++*length;
	}
	return s;
}

static void add_row(struct effecter *e, const struct outcome *o)
{
	struct effects *out = e->out;

	for (unsigned int kind = 0; kind < SLOT_KINDS; kind++) {
		uint32_t length;
		struct image_step s = chain(e, o, kind, &length);

		if (length > out->longest)
			out->longest = length;
		out->counts |= s.counter != IMAGE_NO_COUNTER;
		out->traces |= s.rule != IMAGE_NO_TRACE;
		*arena_push(e->a, out->steps, out->nsteps, out->steps_cap) = s;
	}
}

/* What tells effects apart. Cleared before it is filled: it is a key. */
struct outcome_key {
	uint32_t rule, counter, trace, pass, nsteps;
};

static uint32_t outcome_number(struct effecter *e, const struct outcome *o)
{
	const struct policy_rule *r = &e->p->rules[o->rule];
	size_t size = sizeof(struct outcome_key) +
		o->nsteps * sizeof(*o->steps);
	struct outcome_key *k = arena_alloc(e->a, size);

	k->rule = e->merge && !r->trace ? 0 : o->rule;
	k->counter = r->counter;
	k->trace = r->trace;
	k->pass = o->pass;
	k->nsteps = o->nsteps;
	if (o->nsteps)
		memcpy(k + 1, o->steps, o->nsteps * sizeof(*o->steps));
	return symtab_add(e->a, &e->effects, k, size, (uint32_t)e->out->n);
}

static uint32_t effect_of_outcome(struct effecter *e, uint32_t number)
{
	const struct outcome *o = &e->p->outcomes[number];
	const struct policy_rule *r = &e->p->rules[o->rule];
	bool plain = !o->nsteps && !r->trace && r->counter == NO_COUNTER;
	uint32_t n = outcome_number(e, o);
	struct effect *f;

	if (n < e->out->n)
		return n;
	f = arena_push(e->a, e->out->v, e->out->n, e->out->cap);
	*f = (struct effect) { .kind = EFFECT_STEPS, .rule = o->rule };
	f->first = (uint32_t)e->out->nsteps;
	if (plain)
		f->kind = o->pass ? EFFECT_PASS : EFFECT_DROP;
	add_row(e, o);
	return n;
}

static uint32_t effect_of_split(struct effecter *e, const struct action *a)
{
	uint32_t *parts = arena_array(e->a, a->split->nparts, sizeof(*parts));
	struct effect *f;

	for (size_t i = 0; i < a->split->nparts; i++)
		parts[i] = e->of_outcome[a->split->outcomes[i]];
	f = arena_push(e->a, e->out->v, e->out->n, e->out->cap);
	*f = (struct effect) { .kind = EFFECT_SPLIT, .rule = a->rule,
			       .split = a->split, .parts = parts };
	return (uint32_t)e->out->n - 1;
}

/* Puts the later steps behind the rows. */
static void join(struct effecter *e)
{
	struct effects *out = e->out;
	size_t rows = out->nsteps;

	for (size_t i = 0; i < e->nlater; i++)
		*arena_push(e->a, out->steps, out->nsteps, out->steps_cap) =
			e->later[i];
	for (size_t i = 0; i < out->nsteps; i++)
		if (out->steps[i].next & LATER)
			out->steps[i].next =
				(out->steps[i].next & ~LATER) +
				(uint32_t)rows;
}

void effects_build(struct arena *a, const struct policy *p, bool merge,
		   struct effects *out)
{
	struct effecter e = { .a = a, .p = p, .out = out, .merge = merge };

	memset(out, 0, sizeof(*out));
	e.of_outcome = arena_array(a, p->noutcomes, sizeof(uint32_t));
	out->of_action = arena_array(a, p->nactions, sizeof(uint32_t));
	for (uint32_t i = 0; i < p->noutcomes; i++)
		e.of_outcome[i] = effect_of_outcome(&e, i);
	for (size_t i = 0; i < p->nactions; i++)
		out->of_action[i] = p->actions[i].split ?
			effect_of_split(&e, &p->actions[i]) :
			e.of_outcome[p->actions[i].outcome];
	join(&e);
}
