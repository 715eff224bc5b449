/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * asked - what the running policy does with a packet, and with which socket
 *
 * In: a twin of the running program, its policy compiled again. Out: JSON. The
 * rule and its chain of sockets come from the policy, what becomes of it from
 * the program: one that does what its policy does not say is a fault of ours.
 */
#include "asked.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "../compiler/witness.h"
#include "auto.h"
#include "owner.h"
#include "place.h"
#include "programs.h"
#include "twin.h"

enum { TRIED_MAX = 64 };

struct tried {			/* a socket of the chain */
	const char *name;
	uint32_t slot;		/* of the object */
	struct socket_owner owner;	/* cookie 0: there is none */
	const char *result;	/* NULL: not tried */
};

struct asked {
	struct skpol *s;
	const struct packet *p;	/* as it was asked, and as it arrives */
	struct packet seen;
	struct twin twin;
	struct twin_answer answer;
	const struct outcome *outcome;
	struct tried v[TRIED_MAX];
	size_t n;
};

/* ------------------------------------------------------------ the chain */

static uint32_t action_of(const struct compiled *c, const u128 *v)
{
	if (c->forest)
		return c->policy->clauses[forest_walk(c->forest, c->policy,
						      v)].action;
	return dref_action(diagram_walk(c->diagram, v));
}

static void find_chain(struct asked *a)
{
	const struct policy *p = a->twin.compiled.policy;
	u128 v[FIELD_COUNT];
	uint32_t kind;

	policy_packet_fields(p, &a->seen, v);
	a->outcome = &p->outcomes[policy_action_outcome(p,
			action_of(&a->twin.compiled, v), v)];
	kind = SLOT_KIND((uint32_t)v[FIELD_FAMILY],
			 (uint32_t)v[FIELD_PROTOCOL]);
	for (uint32_t i = 0; i < a->outcome->nsteps && a->n < TRIED_MAX; i++) {
		const struct policy_socket *k =
			&p->sockets[a->outcome->steps[i].socket];

		if (k->slot[kind] != NO_SLOT)
			a->v[a->n++] = (struct tried){ .name = k->name,
				.slot = k->slot[kind] };
	}
}

/* Whether the socket with this cookie is in any place of the slot. */
static bool holds(const struct asked *a, uint32_t slot, uint64_t cookie)
{
	int sockets = a->twin.verify.live.gen.sockets;
	uint64_t found;

	for (uint32_t i = 0; i < IMAGE_PLACES; i++) {
		uint32_t key = slot + i * IMAGE_SLOTS_MAX;

		if (!bpf_map_lookup_elem(sockets, &key, &found) &&
		    found == cookie)
			return true;
	}
	return false;
}

static bool is_selected(const struct asked *a, const struct tried *t,
			uint32_t slot)
{
	if (a->answer.in_kernel)
		return a->answer.cookie && holds(a, slot, a->answer.cookie);
	return a->answer.slot == t->slot;
}

/* Whose sockets are tried, until one is selected: that, or NULL. */
static struct tried *try_chain(struct asked *a)
{
	for (size_t i = 0; i < a->n; i++) {
		struct tried *t = &a->v[i];
		bool selected;
		uint32_t slot;

		if (!twin_slot(&a->twin, t->slot, &slot))
			continue;
		selected = is_selected(a, t, slot);
		t->owner.cookie = selected && a->answer.in_kernel ?
			a->answer.cookie :
			place_cookie(a->twin.verify.live.gen.sockets, slot);
		t->result = selected ? "selected" : t->owner.cookie ?
			"refused" : "empty";
		if (selected)
			return t;
	}
	return NULL;
}

static void find_owners(struct asked *a)
{
	struct socket_owner owners[TRIED_MAX];

	for (size_t i = 0; i < a->n; i++)
		owners[i] = a->v[i].owner;
	if (socket_owners(a->s, owners, a->n))
		return;
	for (size_t i = 0; i < a->n; i++)
		a->v[i].owner = owners[i];
}

/*
 * What comes out must be what the chain says: a socket of it, or its end. A
 * socket may have come or gone just now; then it is asked again.
 */
static const char *verdict(struct asked *a, const struct tried *selected)
{
	bool none = a->answer.in_kernel ? !a->answer.cookie :
		a->answer.slot == IMAGE_PASS;

	if (selected)
		return selected->name;
	if (none && a->answer.drop == !a->outcome->pass)
		return a->answer.drop ? "drop" : "pass";
	return NULL;
}

/* ------------------------------------------------------------ JSON */

static json_t *text_or_null(const char *text)
{
	return text && *text ? json_string(text) : json_null();
}

static json_t *tried_json(const struct asked *a, const struct tried *t)
{
	const struct socket_owner *o = &t->owner;
	char cookie[24], local[ENDPOINT_TEXT_MAX];

	snprintf(cookie, sizeof(cookie), "%" PRIu64, o->cookie);
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o}",
		"name", t->name, "protocol", protocol_name(a->p->protocol),
		"family", family_name(a->p->family), "result", t->result,
		"cookie", text_or_null(o->cookie ? cookie : NULL),
		"local", text_or_null(o->known ?
				      endpoint_print(&o->local, local) : NULL),
		"pid", o->pid ? json_integer(o->pid) : json_null(),
		"process", text_or_null(o->pid ? o->name : NULL));
}

static json_t *list_tried(const struct asked *a)
{
	json_t *list = json_array();

	for (size_t i = 0; i < a->n; i++)
		if (a->v[i].result)
			json_array_append_new(list, tried_json(a, &a->v[i]));
	return list;
}

/* As the manifest has it: with the places of the original text. */
static json_t *rule_json(const struct asked *a)
{
	const json_t *manifest = a->twin.verify.live.gen.manifest;
	const char *name =
		a->twin.compiled.policy->rules[a->outcome->rule].name;
	json_t *rule = json_array_get(json_object_get(manifest, "rules"),
				      a->outcome->rule), *j, *description;
	size_t file = (size_t)json_integer_value(json_object_get(rule,
								 "file"));

	j = json_pack("{s:s, s:O?, s:O?, s:O?}", "name", name,
		      "file", json_array_get(json_object_get(manifest,
							     "files"), file),
		      "line", json_object_get(rule, "line"),
		      "text", json_object_get(rule, "text"));
	description = json_object_get(rule, "description");
	if (description)
		json_object_set(j, "description", description);
	return j;
}

static json_t *describe(struct asked *a, const char *verdict)
{
	const struct verify *v = &a->twin.verify;
	struct compiled *c = &a->twin.compiled;
	json_t *programs = programs_report(a->s, &v->live, NULL);
	char packet[PACKET_TEXT_MAX];

	return json_pack("{s:i, s:s, s:O?, s:I, s:b, s:s, s:o, s:s, s:o, s:b, "
		"s:b, s:O, s:O, s:o, s:o, s:o}", "version", 1,
		"packet", packet_print(a->p, packet),
		"policy", json_object_get(v->live.gen.meta, "policy"),
		"generation", (json_int_t)v->live.gen.number,
		"attached", live_attached(&v->live), "verdict", verdict,
		"rule", rule_json(a),
		"outcome", outcome_text(&c->arena, c->policy, a->outcome),
		"tried", list_tried(a), "in_kernel", a->answer.in_kernel,
		"same", twin_same(&a->twin), "differences", v->differences,
		"unknown", v->unknown, "order", programs_order(programs),
		"programs", programs, "interfaces",
		text_or_null(twin_interfaces(&a->twin, a->p)));
}

/* Sockets come and go while they are asked about. */
enum { TRIES = 5 };

static json_t *ask(struct asked *a)
{
	const char *what = NULL;

	a->seen = *a->p;
	twin_arrives(&a->twin, &a->seen);
	find_chain(a);
	for (int i = 0; i < TRIES && !what; i++) {
		if (twin_ask(&a->twin, &a->seen, &a->answer))
			return NULL;
		what = verdict(a, try_chain(a));
	}
	if (!what) {
		fail_internal(a->s, -EBADE, "the program does not do what its "
			      "policy says: please report it");
		return NULL;
	}
	find_owners(a);
	return describe(a, what);
}

json_t *asked_json(struct skpol *s, const struct packet *p)
{
	struct asked a = { .s = s, .p = p };
	json_t *j = NULL;

	handle_begin(s);
	if (!twin_open(s, &a.twin)) {
		j = ask(&a);
		twin_close(&a.twin);
	}
	if (!j && s->fault == SKPOL_FAULT_NONE)
		fail_memory(s);
	return j;
}
