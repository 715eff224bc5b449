/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * asker - rules, diagram and bytes behind one call
 *
 * In: what compile() made. Out: verdicts. For the bytes each named interface
 * gets an index that no policy would write, in the program's table and in the
 * packets alike.
 */
#include "asker.h"

#include <string.h>

#include "eval.h"
#include "interp.h"

enum { INTERFACE_BASE = 0x40000000 };

struct asker {
	enum ask_kind kind;
	struct compiled *c;
	struct eval *eval;
	struct image image;
	struct interp interp;
	const char **slot_names;	/* by compile-time slot */
};

static void name_interfaces(struct asker *e)
{
	const struct image_variable *v = image_variable(&e->image,
							"skpol_interfaces");
	uint8_t *copy = arena_alloc(&e->c->arena, e->image.rodata_size);

	memcpy(copy, e->image.rodata, e->image.rodata_size);
	e->image.rodata = copy;
	for (uint32_t i = 0; v && i < e->image.ninterfaces; i++) {
		uint32_t index = INTERFACE_BASE + i;

		memcpy(copy + v->offset + 4 * i, &index, 4);
	}
}

static void name_slots(struct asker *e)
{
	const struct policy *p = e->c->policy;

	e->slot_names = arena_array(&e->c->arena, p->nslots + 1,
				    sizeof(*e->slot_names));
	for (size_t i = 0; i < p->nsockets; i++)
		for (int k = 0; k < SLOT_KINDS; k++)
			if (p->sockets[i].slot[k] != NO_SLOT)
				e->slot_names[p->sockets[i].slot[k]] =
					p->sockets[i].name;
}

struct asker *asker_new(struct compiled *c, enum ask_kind kind,
			  const struct image *image)
{
	struct asker *e = arena_alloc(&c->arena, sizeof(*e));

	e->kind = kind;
	e->c = c;
	if (kind == ASK_RULES)
		e->eval = eval_new(&c->arena, c->ast);
	if (kind == ASK_BYTES) {
		e->image = *image;
		name_interfaces(e);
		name_slots(e);
		e->interp.image = &e->image;
		e->interp.program = interp_prepare(&c->arena, &e->image);
	}
	return e;
}

static const char *ask_diagram(struct asker *e, const struct packet *p)
{
	const struct policy *y = e->c->policy;
	const struct outcome *o;
	u128 v[FIELD_COUNT];
	uint32_t action;

	policy_packet_fields(y, p, v);
	if (e->c->forest)
		action = y->clauses[forest_walk(e->c->forest, y, v)].action;
	else
		action = dref_action(diagram_walk(e->c->diagram, v));
	o = &y->outcomes[policy_action_outcome(y, action, v)];
	return policy_choice_name(y, policy_first_choice(y, o,
		(unsigned int)v[FIELD_FAMILY],
		(unsigned int)v[FIELD_PROTOCOL]));
}

static const char *ask_bytes(struct asker *e, const struct packet *p,
			     const char **trap)
{
	const struct policy *y = e->c->policy;
	struct packet with_index = *p;
	struct interp_result r;

	for (uint32_t i = 0; *p->ifname && i < y->ninterfaces; i++)
		if (!strcmp(p->ifname, y->interfaces[i]))
			with_index.ifindex = INTERFACE_BASE + i;
	interp_run(&e->interp, &with_index, &r);
	*trap = r.trap;
	if (r.trap)
		return NULL;
	if (!r.verdict)
		return "drop";
	if (r.slot == INTERP_NO_SOCKET)
		return "pass";
	return r.slot < y->nslots ? e->slot_names[r.slot] : NULL;
}

const char *asker_ask(struct asker *e, const struct packet *p,
		       const char **trap)
{
	*trap = NULL;
	switch (e->kind) {
	case ASK_RULES:
		return eval_packet(e->eval, p).verdict;
	case ASK_DIAGRAM:
		return ask_diagram(e, p);
	case ASK_BYTES:
		return ask_bytes(e, p, trap);
	}
	return NULL;
}

bool asker_knows(const struct asker *e, const char *socket)
{
	const struct policy *p = e->c->policy;

	for (size_t i = 0; i < p->nsockets; i++)
		if (!strcmp(p->sockets[i].name, socket))
			return true;
	return false;
}
