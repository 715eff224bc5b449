/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fixture_asked - rules by linear search, bytes by the interpreter
 */
#include "fixture_asked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../../compiler/prove.h"
#include "../random/world.h"

enum { TRIES = 12,		/* to find a rule that looks at a field */
       ONE_RULE = 60, BESIDE = 25 };	/* percent */

void asked_begin(struct asked *a, struct compiled *c)
{
	*a = (struct asked){
		.c = c, .interp = {
			.image = c->image,
			.program = interp_prepare(&c->arena, c->image),
		},
	};
}

/* The slot that the rules say, all sockets being there; without any, VERDICT. */
static uint32_t rules_slot(const struct policy *p, const struct packet *k,
			   bool *verdict)
{
	u128 v[FIELD_COUNT];
	const struct outcome *o;

	policy_packet_fields(p, k, v);
	o = &p->outcomes[p->actions[policy_clause(p, v)->action].outcome];
	*verdict = true;
	if (o->nsteps)
		return p->sockets[o->steps[0].socket].slot[
			SLOT_KIND(k->family == 6, k->protocol == PACKET_UDP)];
	*verdict = o->pass;
	return INTERP_NO_SOCKET;
}

void asked_packet(struct asked *a, const struct packet *k)
{
	struct interp_result r;
	bool verdict;
	uint32_t slot = rules_slot(a->c->policy, k, &verdict);

	interp_run(&a->interp, k, &r);
	a->packets++;
	a->wrong += r.trap || r.slot != slot || r.verdict != verdict;
}

/* Of a clause that has one: a set that nothing is in has none. */
static const struct term *some_term(const struct policy *p, struct random *r)
{
	const struct terms *t;

	do
		t = &p->clauses[random_below(r, (uint32_t)p->nclauses)].terms;
	while (!t->n);
	return &t->v[random_below(r, (uint32_t)t->n)];
}

/* An end of one of its intervals, or a value beside. */
static u128 some_end(const struct iset *s, enum field f, struct random *r)
{
	struct interval x = s->v[random_below(r, (uint32_t)s->n)];
	bool beside = random_chance(r, BESIDE);

	if (random_chance(r, 50))
		return x.low - (beside && x.low);
	return x.high + (beside && x.high < field_highest(f));
}

static u128 some_value(const struct policy *p, const struct term *t,
		       enum field f, struct random *r)
{
	if (!random_chance(r, ONE_RULE))
		t = some_term(p, r);
	for (int i = 0; i < TRIES && !t->set[f]; i++)
		t = some_term(p, r);
	return t->set[f] ? some_end(t->set[f], f, r) : 0;
}

void asked_ends(struct asked *a, uint32_t n)
{
	const struct policy *p = a->c->policy;
	struct random r = random_new(n);

	for (uint32_t i = 0; i < n; i++) {
		const struct term *t = some_term(p, &r);
		bool six = some_value(p, t, FIELD_FAMILY, &r);
		struct packet k = { .family = six ? 6 : 4 };

		k.protocol = some_value(p, t, FIELD_PROTOCOL, &r) ?
			PACKET_UDP : PACKET_TCP;
		k.local = some_value(p, t, six ? FIELD_LADDR6 : FIELD_LADDR4,
				     &r);
		k.remote = some_value(p, t, six ? FIELD_RADDR6 : FIELD_RADDR4,
				      &r);
		k.local_port = (uint16_t)some_value(p, t, FIELD_LPORT, &r);
		k.remote_port = (uint16_t)some_value(p, t, FIELD_RPORT, &r);
		asked_packet(a, &k);
	}
}

bool asked_prove(struct compiled *c, struct prove_result *r)
{
	return compiled_prove(c, &c->arena, c->image, r);
}

bool asked_proved(struct compiled *c)
{
	struct prove_result r;
	bool ok = asked_prove(c, &r);

	assert_false(!ok && r.unproved);
	return ok;
}

void asked_change(struct bpf_insn *i, size_t change)
{
	switch (change % ASKED_CHANGES) {
	case 0: i->imm ^= 1; break;
	case 1: i->off = (int16_t)(i->off + 8); break;
	case 2: i->code ^= 0x40; break;
	default: i->dst_reg = (i->dst_reg + 1) & 15; break;
	}
}

const struct image_variable *asked_variable(const struct image *m,
					    const char *name)
{
	for (size_t i = 0; i < m->nvariables; i++)
		if (!strncmp(m->variables[i].name, name, strlen(name)))
			return &m->variables[i];
	return NULL;
}

void asked_read_at(struct image *m, const struct image_variable *v, uint32_t to)
{
	size_t moved = 0;

	for (size_t i = 0; i < m->nrelocs; i++)
		if (m->relocs[i].map == IMAGE_RODATA &&
		    m->relocs[i].offset - v->offset < v->size) {
			m->relocs[i].offset += to - v->offset;
			moved++;
		}
	assert_true(moved);
}

void asked_read_copy(struct compiled *c, const struct image_variable *v,
		     uint32_t to)
{
	struct image *m = c->image;
	uint8_t *bytes = arena_array(&c->arena, to + v->size, 1);

	assert_true(to >= m->rodata_size);
	memcpy(bytes, m->rodata, m->rodata_size);
	memcpy(bytes + to, m->rodata + v->offset, v->size);
	m->rodata = bytes;
	m->rodata_size = to + v->size;
	asked_read_at(m, v, to);
}
