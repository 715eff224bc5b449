/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * apply - a policy becomes the one that runs
 *
 * In: an object. Out: a generation. Promise: until the one system call in
 * link_commit nothing that packets can meet has changed, except that empty
 * slots may have been filled; from it on the new policy is complete.
 */
#include "apply.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "at.h"
#include "auto.h"
#include "change.h"
#include "confirm.h"
#include "counter.h"
#include "load.h"
#include "plan.h"
#include "programs.h"
#include "selftest.h"
#include "state.h"

struct apply {
	struct skpol *s;
	const struct objfile *object;
	struct skpol_apply_options options;
	struct change change;
	struct slots slots;
	struct plan plan;
	struct loaded loaded;
	struct at_request *requests;
	struct claim *claims;	/* requests[i].tag is one of them */
	size_t nrequests;
	uint32_t empty, tested;
	size_t filled;
};

static const char *policy_name(const struct apply *a)
{
	const char *name = json_string_value(
		json_object_get(a->object->manifest, "policy"));

	return name ? name : "";
}

/* Is what is in the object what runs, and is all of it there? */
static bool unchanged(const struct apply *a)
{
	const struct generation *g = &a->change.live.gen;
	const char *sha = json_string_value(json_object_get(g->meta,
							    "object"));

	return live_attached(&a->change.live) && g->number && sha && g->base &&
		!strcmp(sha, a->object->sha256) && g->program >= 0 &&
		g->sockets >= 0 &&
		(g->counters >= 0 ||
		 !json_array_size(json_object_get(g->meta, "counters"))) &&
		json_equal(json_object_get(g->meta, "slots"),
			   a->plan.slots_json) &&
		json_equal(json_object_get(g->meta, "interfaces"),
			   a->plan.interfaces_json);
}

static int begin(struct apply *a)
{
	int err = change_begin(&a->change);

	if (!err)
		err = slots_open(a->s, &a->slots, true);
	if (!err)
		err = slots_collect(a->s, &a->slots);
	return err;
}

static int look(struct apply *a)
{
	int err = change_look(&a->change);

	return err ? err : slots_open_dry(a->s, &a->slots);
}

/* Slots of generations that are only kept are given up when they run out. */
static int plan(struct apply *a)
{
	const json_t *manifest = a->object->manifest;
	int err = plan_make(a->s, &a->slots, manifest, &a->plan);

	if (err == -ENOSPC && !a->slots.dry) {
		note(a->s, "older generations are forgotten: their sockets' "
		     "places are needed");
		err = generation_sweep_kept(a->s, &a->change.live.gen);
		err = err ? err : slots_collect(a->s, &a->slots);
		err = err ? err : plan_make(a->s, &a->slots, manifest,
					    &a->plan);
	}
	slots_sort(&a->slots);
	return err;
}

/* ------------------------------------------------------------ sockets */

static bool is_empty(const struct apply *a, const json_t *slot)
{
	uint32_t number = (uint32_t)json_integer_value(
		json_object_get(slot, "slot"));

	return !slot_cookie(&a->slots, number);
}

/* A request for the empty slots of a name, one a name. */
static int request(struct apply *a, const json_t *slot)
{
	const char *at = json_string_value(json_object_get(slot, "at"));
	struct at_request *r = a->nrequests ? &a->requests[a->nrequests - 1] :
		NULL;
	struct claim *c = r ? r->tag : NULL;
	struct slot_key k;
	uint32_t number;

	if (!at || !is_empty(a, slot) || !slot_parse(slot, NULL, &k, &number))
		return 0;
	if (!c || strcmp(c->name, k.name)) {
		r = &a->requests[a->nrequests];
		c = &a->claims[a->nrequests++];
		if (!endpoint_parse(at, &r->local))
			return fail_input(a->s, -EBADMSG, "the object has `%s` "
					  "where an address with port belongs",
					  at);
		r->tag = c;
		strcpy(c->name, k.name);
	}
	c->kinds[kind_of(k.protocol, k.family)].declared = true;
	return 0;
}

/* Looks for the sockets with `at` whose slots are empty. */
static int find_sockets(struct apply *a)
{
	size_t n = json_array_size(a->plan.slots_json), i;
	json_t *slot;
	int err = 0;

	a->requests = calloc(n + 1, sizeof(*a->requests));
	a->claims = calloc(n + 1, sizeof(*a->claims));
	if (!a->requests || !a->claims)
		return fail_memory(a->s);
	json_array_foreach(a->plan.slots_json, i, slot)
		if (!err)
			err = request(a, slot);
	if (!err)
		err = at_find(a->s, a->requests, a->nrequests, false);
	for (i = 0; !err && i < a->nrequests; i++)
		if (claim_choose(a->s, a->requests[i].tag,
				 &a->requests[i].found))
			note(a->s, "%s", skpol_message(a->s));
	return err;
}

/* Claims are in the order of the slots: *NEXT is the first that may be it. */
static bool will_be_filled(const struct apply *a, const struct slot_key *k,
			   size_t *next)
{
	const struct claim *c = &a->claims[*next];

	if (*next + 1 < a->nrequests && strcmp(c->name, k->name) &&
	    !strcmp(c[1].name, k->name)) {
		c++;
		++*next;
	}
	return *next < a->nrequests && !strcmp(c->name, k->name) &&
		c->kinds[kind_of(k->protocol, k->family)].chosen;
}

struct missing {		/* slots of one name that stay empty */
	char name[64];
	char kinds[80];		/* "tcp over ip4, tcp over ip6" */
};

static void say_missing(const struct apply *a, struct missing *m)
{
	if (*m->kinds)
		note(a->s, "no socket yet for `%s` (%s): its packets take "
		     "`else`", m->name, m->kinds);
	*m->kinds = '\0';
}

static void add_missing(const struct apply *a, struct missing *m,
			const struct slot_key *k)
{
	size_t n;

	if (strcmp(m->name, k->name))
		say_missing(a, m);
	strcpy(m->name, k->name);
	n = strlen(m->kinds);
	snprintf(m->kinds + n, sizeof(m->kinds) - n, "%s%s over %s",
		 n ? ", " : "", protocol_name(k->protocol),
		 family_name(k->family));
}

/* Says which slots stay empty, and gives up if that is not wanted. */
static int check_sockets(struct apply *a)
{
	struct missing missing = { .name = "" };
	size_t i, next = 0;
	json_t *slot;

	json_array_foreach(a->plan.slots_json, i, slot) {
		struct slot_key k;
		uint32_t number;

		if (!slot_parse(slot, NULL, &k, &number) ||
		    !is_empty(a, slot) || will_be_filled(a, &k, &next))
			continue;
		a->empty++;
		add_missing(a, &missing, &k);
	}
	say_missing(a, &missing);
	if (a->empty && a->options.require_sockets)
		return fail_input(a->s, -ENOTCONN, "%u slot%s without a socket:"
				  " nothing was changed", a->empty,
				  a->empty == 1 ? " is" : "s are");
	return 0;
}

/* Whether there is a socket for an empty slot. */
static bool finds_sockets(const struct apply *a)
{
	for (size_t i = 0; i < a->nrequests; i++)
		if (!claim_empty(a->requests[i].tag))
			return true;
	return false;
}

static int fill_sockets(struct apply *a)
{
	int err = 0;

	for (size_t i = 0; !err && i < a->nrequests; i++) {
		size_t filled;

		err = claim_fill(a->s, &a->slots, a->requests[i].tag, false,
				 &filled);
		a->filled += filled;
	}
	return err;
}

/* ------------------------------------------------------------ generation */

static int load(struct apply *a)
{
	struct load_input in = {
		.object = a->object, .sockets = a->slots.sockets,
		.slots = a->plan.slots, .nslots = a->plan.nslots,
		.interfaces = a->plan.interfaces,
		.ninterfaces = a->plan.ninterfaces,
		.verifier_log = a->options.verifier_log,
		.ctx = a->options.ctx,
	};

	return load_program(a->s, &in, &a->loaded);
}

static int test(struct apply *a)
{
	struct selftest t = {
		.manifest = a->object->manifest, .loaded = &a->loaded,
		.slots = &a->slots,
	};

	return selftest_run(a->s, &t, &a->tested);
}

static int describe(struct apply *a)
{
	struct generation *g = &a->change.next;
	AUTO_JSON extra = NULL;

	g->program = a->loaded.program;
	g->counters = a->loaded.counters;
	g->events = a->loaded.events;
	g->sockets = a->slots.sockets;
	g->manifest = json_incref(a->object->manifest);
	g->meta = json_pack("{s:i, s:s, s:s, s:O?, s:O, s:O, s:o}",
		"version", 1, "policy", policy_name(a),
		"object", a->object->sha256,
		"sha256", json_object_get(g->manifest, "sha256"),
		"slots", a->plan.slots_json,
		"interfaces", a->plan.interfaces_json,
		"counters", counter_names(g->manifest));
	if (a->options.confirm_ms)
		extra = json_pack("{s:o}", "confirm", confirm_request(
			a->options.confirm_ms, a->change.live.gen.number));
	return change_describe(&a->change, NULL, extra);
}

static int check_trial(const struct apply *a)
{
	const struct generation *g = &a->change.live.gen;
	struct trial_period p = confirm_period(a->s, g);

	if (!p.pending || !p.left_ms)
		return 0;
	return fail_system(a->s, -EBUSY, "generation %u waits to be confirmed, "
			   "for another %lld s: `skpol confirm` or `skpol "
			   "rollback` first", g->number,
			   (long long)(p.left_ms + 999) / 1000);
}

/* All that can fail of a replacement, and changes nothing. */
static int try(struct apply *a)
{
	int err = change_race(&a->change);

	err = err ? err : check_trial(a);
	err = err ? err : load(a);
	return err ? err : test(a);
}

static int replace(struct apply *a)
{
	int err = try(a);

	err = err ? err : describe(a);
	err = err ? err : change_write(&a->change);
	err = err ? err : fill_sockets(a);
	return err ? err : change_switch(&a->change);
}

/* After the switch: what is left undone here, the next command does. */
static void tidy(struct apply *a)
{
	change_tidy(&a->change);
	if (slots_collect(a->s, &a->slots))
		note(a->s, "%s", skpol_message(a->s));
}

/* Before the switch: as if nothing had been tried. */
static void give_up(struct apply *a)
{
	struct skpol *s = a->s;
	char message[MESSAGE_MAX];
	enum skpol_fault fault = s->fault;

	change_undo(&a->change);
	strcpy(message, s->message);
	if (a->slots.names >= 0 && !slots_collect(s, &a->slots) &&
	    !a->slots.n && !a->change.live.gen.number &&
	    a->change.live.link.state == LINK_NONE)
		state_delete(s);
	strcpy(s->message, message);
	s->fault = fault;
}

static void report(const struct apply *a, bool changed,
		   struct skpol_applied *out)
{
	const struct generation *g = a->change.next.number ?
		&a->change.next : &a->change.live.gen;
	struct trial_period p = confirm_period(a->s, g);

	generation_applied(g, changed, out);
	out->empty = a->empty;
	out->tested = a->tested;
	out->unconfirmed_ms = (uint32_t)p.left_ms;
	out->back = p.back;
}

/* Other programs, of another bpf file system for example: who wins. */
static void say_others(const struct apply *a)
{
	struct live now;
	json_t *programs, *order;

	if (live_find(a->s, &now))
		return;
	programs = programs_report(a->s, &now, NULL);
	order = programs_order(programs);
	if (json_is_string(order))
		note(a->s, "%s", json_string_value(order));
	json_decref(order);
	json_decref(programs);
	live_close(&now);
}

/* What would be: the number may be taken by somebody else first. */
static int report_check(struct apply *a, bool same, struct skpol_applied *out)
{
	struct generation last = GENERATION_NONE;
	int err = generation_newest(a->s, &last);

	if (err && err != -ENOENT)
		return err;
	report(a, !same || finds_sockets(a), out);
	if (!same)
		out->generation = last.number + 1;
	snprintf(out->policy, sizeof(out->policy), "%s", policy_name(a));
	generation_close(&last);
	return 0;
}

static int check(struct apply *a, bool same, struct skpol_applied *out)
{
	int err = same ? 0 : try(a);

	if (!err && !same)
		say_others(a);
	return err ? err : report_check(a, same, out);
}

static int change(struct apply *a, bool same, struct skpol_applied *out)
{
	int err = same ? fill_sockets(a) : replace(a);

	if (err)
		return err;
	if (!same) {
		tidy(a);
		say_others(a);
	}
	report(a, !same || a->filled, out);
	return 0;
}

static void finish(struct apply *a)
{
	for (size_t i = 0; i < a->nrequests; i++)
		candidates_free(&a->requests[i].found);
	free(a->requests);
	free(a->claims);
	change_close(&a->change);
	load_close(&a->loaded);
	plan_free(&a->plan);
	slots_close(&a->slots);
}

int apply_object(struct skpol *s, const struct objfile *o,
		 const struct skpol_apply_options *options,
		 struct skpol_applied *out)
{
	struct apply a = {
		.s = s, .object = o, .loaded = { -1, -1, -1 },
		.slots = { .sockets = -1, .names = -1 },
	};
	bool same;
	int err;

	if (options)
		memcpy(&a.options, options, options->size < sizeof(a.options) ?
		       options->size : sizeof(a.options));
	change_init(s, &a.change);
	err = a.options.check ? look(&a) : begin(&a);
	err = err ? err : plan(&a);
	same = !err && unchanged(&a);
	err = err ? err : find_sockets(&a);
	err = err ? err : check_sockets(&a);
	if (!err)
		err = a.options.check ? check(&a, same, out) :
			change(&a, same, out);
	if (err && !a.options.check)
		give_up(&a);
	finish(&a);
	return err;
}

int skpol_apply(struct skpol *s, const void *object, size_t size,
		const struct skpol_apply_options *options,
		struct skpol_applied *out)
{
	char error[OBJFILE_ERROR_MAX];
	struct objfile *o;
	int err;

	handle_begin(s);
	err = objfile_from_bytes(object, size, &o, error);
	if (err == -ENOMEM)
		return fail_memory(s);
	if (err)
		return fail_input(s, err, "%s", error);
	err = apply_object(s, o, options, out);
	objfile_free(o);
	return err;
}
