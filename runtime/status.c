/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * status - what is attached, whose sockets are where, what is wrong
 *
 * In: a handle. Out: JSON. Whatever cannot be seen (owners, names of foreign
 * programs) for want of a privilege is null, and no failure.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "auto.h"
#include "confirm.h"
#include "generation.h"
#include "netns.h"
#include "owner.h"
#include "plan.h"
#include "programs.h"
#include "report.h"
#include "slots.h"
#include "state.h"

struct view {
	struct skpol *s;
	struct live live;
	struct slots slots;
	bool has_slots;
	struct socket_owner *owners;	/* by index in slots.v; NULL = unknown */
	json_t *problems;
};

static void problem(struct view *v, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void problem(struct view *v, const char *fmt, ...)
{
	char text[MESSAGE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_array_append_new(v->problems, json_string(text));
}

static void check_link(struct view *v)
{
	const struct live *l = &v->live;

	if (l->link.state == LINK_DEAD)
		problem(v, "the pinned link is attached to nothing any more: "
			"apply the policy again, or remove it");
	else if (l->link.state == LINK_NONE && l->gen.number)
		problem(v, "the pin of the link is gone, so nothing is "
			"attached: apply the policy again, or remove it");
	else if (l->link.state == LINK_ALIVE && !l->gen.number)
		problem(v, "program %u is attached, but its generation is gone "
			"from %s: apply the policy again, or remove it",
			l->link.program_id, v->s->dir);
}

static void check_pins(struct view *v)
{
	const struct generation *g = &v->live.gen;
	const struct { const char *name; bool gone; } pins[] = {
		{ "program", g->program < 0 }, { "meta", !g->meta },
		{ "base", !g->base }, { "sockets", g->sockets < 0 },
		{ "counters", g->counters < 0 && json_array_size(
			json_object_get(g->meta, "counters")) },
	};

	for (size_t i = 0; g->number && i < sizeof(pins) / sizeof(*pins); i++)
		if (pins[i].gone)
			problem(v, "the pin `%s` of generation %u is gone: "
				"apply the policy again", pins[i].name,
				g->number);
	if (!v->has_slots && g->number)
		problem(v, "the table of sockets is gone or damaged: apply the "
			"policy again");
}

/* A rule with `on` knows an interface by the number it had. */
static void check_interfaces(struct view *v)
{
	const json_t *was = json_object_get(v->live.gen.meta, "interfaces");
	AUTO_FD fd = json_array_size(was) ? netns_socket(v->s, AF_INET,
							 SOCK_DGRAM, 0) : -1;

	if (fd >= 0 && !plan_interfaces_same(v->s, was))
		problem(v, PLAN_INTERFACES_MOVED);
}

/* Who owns what is in our slots. Best effort. */
static void find_owners(struct view *v)
{
	v->owners = calloc(v->slots.n + 1, sizeof(*v->owners));
	for (size_t i = 0; v->owners && i < v->slots.n; i++)
		v->owners[i].cookie = slot_cookie(&v->slots,
						  v->slots.v[i].slot);
	if (v->owners && socket_owners(v->s, v->owners, v->slots.n)) {
		free(v->owners);
		v->owners = NULL;
	}
}

static const struct socket_owner *owner_of(const struct view *v,
					   const struct slot_key *k,
					   uint64_t cookie)
{
	const struct slot *e = slot_find(&v->slots, k);
	const struct socket_owner *o = e && v->owners ?
		&v->owners[e - v->slots.v] : NULL;

	return o && cookie && o->cookie == cookie ? o : NULL;
}

static void add_owner(json_t *j, const struct socket_owner *o)
{
	char text[ENDPOINT_TEXT_MAX];
	bool known = o && o->known;

	json_object_set_new(j, "local", known ?
			    json_string(endpoint_print(&o->local, text)) :
			    json_null());
	json_object_set_new(j, "pid", known && o->pid ?
			    json_integer(o->pid) : json_null());
	json_object_set_new(j, "process", known && o->pid ?
			    json_string(o->name) : json_null());
}

static json_t *socket_entry(const struct view *v, const struct slot_key *k,
			    uint32_t slot, bool declared)
{
	uint64_t cookie = v->has_slots ? slot_cookie(&v->slots, slot) : 0;
	char text[24];
	json_t *j = json_pack("{s:s, s:s, s:s, s:b}", "name", k->name,
			      "protocol", protocol_name(k->protocol), "family",
			      family_name(k->family), "declared", declared);

	snprintf(text, sizeof(text), "%" PRIu64, cookie);
	json_object_set_new(j, "cookie", cookie ? json_string(text) :
			    json_null());
	add_owner(j, owner_of(v, k, cookie));
	return j;
}

/* The policy's slots in its order; then what waits for another policy. */
static json_t *list_sockets(struct view *v)
{
	json_t *list = json_array(), *slot;
	size_t i;

	json_array_foreach(json_object_get(v->live.gen.meta, "slots"), i,
			   slot) {
		const struct slot *known;
		struct slot_key k;
		uint32_t number;

		if (!slot_parse(slot, NULL, &k, &number))
			continue;
		known = slot_find(&v->slots, &k);
		if (known)
			v->slots.v[known - v->slots.v].wanted = true;
		json_array_append_new(list, socket_entry(v, &k, number, true));
	}
	for (i = 0; i < v->slots.n; i++) {
		const struct slot *e = &v->slots.v[i];

		if (!e->wanted && slot_cookie(&v->slots, e->slot))
			json_array_append_new(list, socket_entry(v, &e->key,
								 e->slot,
								 false));
	}
	return list;
}

static json_t *copy(const json_t *meta, const char *key)
{
	json_t *j = json_object_get(meta, key);

	return j ? json_incref(j) : json_null();
}

static json_t *attached(const struct view *v)
{
	return v->live.link.state == LINK_HIDDEN ? json_null() :
		json_boolean(live_attached(&v->live));
}

static json_t *describe(struct view *v)
{
	const struct generation *g = &v->live.gen;
	json_t *programs = programs_report(v->s, &v->live, NULL);

	check_link(v);
	check_pins(v);
	check_interfaces(v);
	find_owners(v);
	return json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, "
			 "s:o, s:o, s:O}",
		"version", 1, "policy", copy(g->meta, "policy"),
		"generation", g->number ? json_integer(g->number) :
			json_null(),
		"sha256", copy(g->meta, "sha256"),
		"object", copy(g->meta, "object"),
		"attached", attached(v), "state", v->s->dir,
		"sockets", list_sockets(v), "programs", programs,
		"order", programs_order(programs),
		"generations", generation_report(v->s, &v->live),
		"confirm", confirm_report(v->s, g),
		"problems", v->problems);
}

/* A table that is gone or damaged is a problem of the state, no failure. */
static int look_at_slots(struct view *v)
{
	int err = slots_open(v->s, &v->slots, false);

	v->has_slots = !err;
	return err == -EUCLEAN ? 0 : err;
}

json_t *report_status(struct skpol *s)
{
	struct view v = {
		.s = s, .live = { { .fd = -1 }, GENERATION_NONE },
		.slots = { .sockets = -1, .names = -1 },
		.problems = json_array(),
	};
	json_t *j = NULL;
	int err = state_find(s);

	if (!err)
		err = live_find(s, &v.live);
	if (!err)
		err = look_at_slots(&v);
	if (!err || err == -ENOENT)
		j = describe(&v);
	slots_close(&v.slots);
	live_close(&v.live);
	free(v.owners);
	json_decref(v.problems);
	if (!j && (!err || err == -ENOENT))
		fail_memory(s);
	return j;
}

int report_text(struct skpol *s, json_t *j, char **text)
{
	*text = j ? json_dumps(j, JSON_COMPACT) : NULL;
	if (j && !*text)
		fail_memory(s);
	json_decref(j);
	return *text ? 0 : s->fault == SKPOL_FAULT_SYSTEM ? -EIO : -EINVAL;
}

int skpol_status_json(struct skpol *s, char **json)
{
	handle_begin(s);
	return report_text(s, report_status(s), json);
}

int skpol_stats_json(struct skpol *s, char **json)
{
	handle_begin(s);
	return report_text(s, report_stats(s), json);
}
