/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove_leaf - whether the end of a path does what a rule says
 *
 * In: an end, what is to be done, the kinds of packets that may come. Out: yes
 * or no, remembered.
 */
#include "prove_private.h"

static bool exit_fits(const struct prove *p, uint32_t verdict,
		      uint32_t outcome, uint32_t kind)
{
	const struct outcome *o = &p->policy->outcomes[outcome];
	const struct policy_rule *r = &p->policy->rules[o->rule];

	if (r->count || r->trace || verdict != o->pass)
		return false;
	for (uint32_t i = 0; i < o->nsteps; i++)
		if (p->policy->sockets[o->steps[i].socket].slot[kind] !=
		    NO_SLOT)
			return false;
	return true;
}

bool leaf_outcome(struct prove *p, struct target at, uint32_t outcome,
		  uint32_t kinds)
{
	for (uint32_t kind = 0; kind < SLOT_KINDS; kind++) {
		if (!(kinds >> kind & 1))
			continue;
		if (at.kind == TO_EXIT) {
			if (!exit_fits(p, at.value, outcome, kind))
				return false;
		} else if (at.kind != TO_DECIDE ||
			   !decide_fits(p, at.pc, at.value, outcome, kind)) {
			return false;
		}
	}
	return true;
}

static bool ask(struct prove *p, struct target at, uint32_t deed,
		uint32_t kinds)
{
	const struct deed *d = &p->deeds[deed];

	if (at.kind == TO_SPLIT)
		return d->split && split_fits(p, at.pc, d->split, kinds);
	if (!d->split)
		return leaf_outcome(p, at, d->outcome, kinds);
	for (size_t i = 0; i < d->split->nparts; i++)
		if (!leaf_outcome(p, at, d->split->outcomes[i], kinds))
			return false;
	return true;
}

static bool equal_compat(const struct prove *p, uint32_t i, const void *key)
{
	const struct compat *x = &p->compats[i], *y = key;

	return x->deed == y->deed && x->kinds == y->kinds &&
	       x->at.pc == y->at.pc && x->at.kind == y->at.kind &&
	       x->at.value == y->at.value;
}

static uint64_t hash_compat(const struct compat *c)
{
	return prove_hash(prove_hash((uint64_t)c->deed << 4 | c->kinds,
				     (uint64_t)c->at.pc << 3 | c->at.kind),
			  c->at.value);
}

static uint64_t compat_hash(const struct prove *p, uint32_t i)
{
	return hash_compat(&p->compats[i]);
}

bool leaf_fits(struct prove *p, struct target at, uint32_t deed,
	       uint32_t kinds)
{
	struct compat c = { at, deed, kinds, false };
	uint32_t *slot = prove_find(p, &p->compat_table, hash_compat(&c),
				    equal_compat, &c);

	if (*slot)
		return p->compats[*slot].ok;
	c.ok = ask(p, at, deed, kinds);
	*slot = (uint32_t)p->ncompats;
	*arena_push(p->a, p->compats, p->ncompats, p->compats_cap) = c;
	prove_added(p, &p->compat_table, compat_hash);
	return c.ok;
}
