/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy - questions that everybody asks of a resolved policy
 *
 * In: a policy, a packet, or a field. Out: names, field values, choices.
 * Nothing here changes anything or can fail.
 */
#include "policy.h"

#include <string.h>

static const struct {
	const char *name;
	u128 highest;
} fields[FIELD_COUNT] = {
#define FIELD(id, text, top) [FIELD_##id] = { text, top },
#include "field.def"
#undef FIELD
};

const char *field_name(enum field f)
{
	return fields[f].name;
}

u128 field_highest(enum field f)
{
	return fields[f].highest;
}

uint32_t policy_first_choice(const struct policy *p, const struct outcome *o,
			     unsigned int family, unsigned int protocol)
{
	uint32_t i, kind = SLOT_KIND(family, protocol);

	for (i = 0; i < o->nsteps; i++)
		if (p->sockets[o->steps[i].socket].slot[kind] != NO_SLOT)
			return o->steps[i].socket;
	return o->pass ? GOAL_PASS : GOAL_DROP;
}

const char *policy_choice_name(const struct policy *p, uint32_t choice)
{
	if (choice == GOAL_PASS)
		return "pass";
	return choice == GOAL_DROP ? "drop" : p->sockets[choice].name;
}

bool term_holds(const struct term *t, const u128 v[FIELD_COUNT])
{
	for (int f = 0; f < FIELD_COUNT; f++)
		if (t->set[f] && !iset_contains(t->set[f], v[f]))
			return false;
	return true;
}

bool term_lowest(const struct term *t, enum field f, u128 from, u128 *value)
{
	if (t->set[f])
		return iset_lowest(t->set[f], from, value);
	*value = from;
	return true;
}

const struct clause *policy_clause(const struct policy *p,
				   const u128 v[FIELD_COUNT])
{
	const struct clause *c = p->clauses;

	for (;; c++)
		for (size_t i = 0; i < c->terms.n; i++)
			if (term_holds(&c->terms.v[i], v))
				return c;
}

static uint32_t interface_number(const struct policy *p, const char *name)
{
	size_t i;

	for (i = 0; i < p->ninterfaces; i++)
		if (!strcmp(p->interfaces[i], name))
			return i + 1;
	return 0;
}

void policy_packet_fields(const struct policy *p, const struct packet *k,
			  u128 v[FIELD_COUNT])
{
	bool ip6 = k->family == 6;

	memset(v, 0, FIELD_COUNT * sizeof(*v));
	v[FIELD_FAMILY] = ip6;
	v[FIELD_PROTOCOL] = k->protocol == PACKET_UDP;
	v[ip6 ? FIELD_LADDR6 : FIELD_LADDR4] = k->local;
	v[ip6 ? FIELD_RADDR6 : FIELD_RADDR4] = k->remote;
	v[FIELD_LPORT] = k->local_port;
	v[FIELD_RPORT] = k->remote_port;
	v[FIELD_IFNAME] = interface_number(p, k->ifname);
	v[FIELD_IFINDEX] = k->ifindex;
}
