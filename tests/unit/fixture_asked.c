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
