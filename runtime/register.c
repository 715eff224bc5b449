/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * register - sockets into slots, and out again
 *
 * In: a name and where to look for its sockets. Out: slots filled. What the
 * policy declares decides which slots there are; before there is a policy, a
 * name has all four. Promise: all slots that were asked for, or none.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "at.h"
#include "auto.h"
#include "claim.h"
#include "confirm.h"
#include "generation.h"
#include "process.h"
#include "register.h"
#include "state.h"

struct work {			/* under the lock */
	struct skpol *s;
	struct skpol_claim options;
	int lock;
	struct slots slots;
	struct live live;
	struct claim claim;
	struct endpoint local;	/* asked for, or the policy's `at` */
	bool has_local;
	struct candidates candidates;
};

/* A call that found no state and made none leaves no empty folder. */
static void delete_if_empty(struct work *w)
{
	char message[MESSAGE_MAX];
	enum skpol_fault fault = w->s->fault;

	if (w->lock < 0 || w->slots.sockets < 0 || w->live.gen.number ||
	    w->live.link.state != LINK_NONE)
		return;
	strcpy(message, w->s->message);
	if (!slots_collect(w->s, &w->slots) && !w->slots.n)
		state_delete(w->s);
	strcpy(w->s->message, message);
	w->s->fault = fault;
}

static void finish(struct work *w)
{
	delete_if_empty(w);
	candidates_free(&w->candidates);
	slots_close(&w->slots);
	live_close(&w->live);
	auto_close(&w->lock);
}

/* Does the caller ask for kind K? */
static bool asked(const struct work *w, enum kind k)
{
	return (!w->options.protocol ||
		w->options.protocol == kind_protocol(k)) &&
		(!w->options.family || w->options.family == kind_family(k));
}

/* "tcp over ip4, tcp over ip6": what KINDS has, for a message. */
static char *kinds_text(const bool kinds[KIND_COUNT], char buf[64])
{
	size_t n = 0;

	buf[0] = '\0';
	for (int k = 0; k < KIND_COUNT; k++)
		if (kinds[k])
			n += (size_t)snprintf(buf + n, 64 - n, "%s%s over %s",
				n ? ", " : "",
				protocol_name(kind_protocol((enum kind)k)),
				family_name(kind_family((enum kind)k)));
	return buf;
}

static int fail_name(struct work *w)
{
	char names[512];

	generation_names(json_object_get(w->live.gen.meta, "slots"), NULL,
			 names, sizeof(names));
	return fail_input(w->s, -ENOENT, "policy `%s` has no socket `%s`; it "
			  "has: %s",
			  json_string_value(json_object_get(w->live.gen.meta,
							    "policy")),
			  w->claim.name, *names ? names : "none");
}

static void use_at(struct work *w, const json_t *slot)
{
	const char *at = json_string_value(json_object_get(slot, "at"));

	if (at && !w->options.local)
		w->has_local = endpoint_parse(at, &w->local);
}

/* What the policy declares of the name, and the caller asks for. */
static int declare(struct work *w)
{
	const json_t *slots = json_object_get(w->live.gen.meta, "slots");
	bool declared[KIND_COUNT] = { false }, any = false, wanted = false;
	char text[64];
	json_t *slot;
	size_t i;

	json_array_foreach(slots, i, slot) {
		struct slot_key k;
		uint32_t number;

		if (!slot_parse(slot, NULL, &k, &number) ||
		    strcmp(k.name, w->claim.name))
			continue;
		declared[kind_of(k.protocol, k.family)] = any = true;
		use_at(w, slot);
	}
	if (slots && !any)
		return fail_name(w);
	for (int k = 0; k < KIND_COUNT; k++) {
		declared[k] |= !slots;
		w->claim.kinds[k].declared = declared[k] &&
			asked(w, (enum kind)k);
		wanted |= w->claim.kinds[k].declared;
	}
	if (!wanted)
		return fail_input(w->s, -EPROTONOSUPPORT, "socket `%s` is "
				  "declared for %s only", w->claim.name,
				  kinds_text(declared, text));
	return 0;
}

static int read_options(struct work *w, const struct skpol_claim *c)
{
	memcpy(&w->options, c, c->size < sizeof(*c) ? c->size : sizeof(*c));
	if (!w->options.name || !*w->options.name ||
	    strlen(w->options.name) >= sizeof(w->claim.name))
		return fail_input(w->s, -EINVAL, "a socket's name has 1 to 63 "
				  "letters");
	strcpy(w->claim.name, w->options.name);
	if (w->options.local && !endpoint_parse(w->options.local, &w->local))
		return fail_input(w->s, -EINVAL, "`%s` is no ADDRESS:PORT "
				  "(IPv6 as [::1]:443)", w->options.local);
	w->has_local = w->options.local;
	return 0;
}

static int init(struct skpol *s, struct work *w, const struct skpol_claim *c)
{
	*w = (struct work){ .s = s, .lock = -1, .live.link.fd = -1,
			    .live.gen = GENERATION_NONE,
			    .slots = { .sockets = -1, .names = -1 } };
	handle_begin(s);
	return read_options(w, c);
}

static int start(struct skpol *s, struct work *w, const struct skpol_claim *c)
{
	int err = init(s, w, c);

	if (err)
		return err;
	w->lock = state_lock(s);
	if (w->lock < 0)
		return w->lock;
	err = state_sweep(s);
	if (!err) {
		confirm_settle_locked(s);
		err = slots_open(s, &w->slots, true);
	}
	if (!err)
		err = slots_collect(s, &w->slots);
	if (!err)
		err = live_find(s, &w->live);
	return err;
}

/* A policy whose trial is over is rolled back by whoever registers. */
static bool has_policy(struct work *w)
{
	struct trial_period p;

	if (state_find(w->s) || live_find(w->s, &w->live) || !w->live.gen.meta)
		return false;
	p = confirm_period(w->s, &w->live.gen);
	return !p.pending || p.left_ms;
}

int register_check(struct skpol *s, const struct skpol_claim *c)
{
	struct work w;
	int err = init(s, &w, c);

	if (!err && has_policy(&w))
		err = declare(&w);
	finish(&w);
	return err;
}

/* Whether candidate E has a slot that is declared and asked for. */
static bool has_slot(const struct work *w, const struct candidate *e)
{
	uint8_t protocol = e->facts.protocol;

	return w->claim.kinds[kind_of(protocol, e->facts.family)].declared ||
		(e->facts.both &&
		 w->claim.kinds[kind_of(protocol, 4)].declared);
}

static int fail_slot(struct work *w, const struct candidate *e)
{
	bool declared[KIND_COUNT];
	char text[64];

	for (int k = 0; k < KIND_COUNT; k++)
		declared[k] = w->claim.kinds[k].declared;
	return fail_input(w->s, -EPROTONOSUPPORT, "%s is for %s over %s, but "
			  "`%s` is wanted for %s only", e->from,
			  protocol_name(e->facts.protocol),
			  family_name(e->facts.family), w->claim.name,
			  kinds_text(declared, text));
}

/* Every candidate was named by the caller: each must fit. */
static int check_each(struct work *w)
{
	for (size_t i = 0; i < w->candidates.n; i++) {
		const struct candidate *e = &w->candidates.v[i];

		if (e->refused != REFUSED_NONE)
			return fail_input(w->s, refusal_errno(e->refused),
					  "%s %s", e->from,
					  refusal_text(e->refused));
		if (!has_slot(w, e))
			return fail_slot(w, e);
	}
	return 0;
}

static int choose_and_fill(struct work *w, size_t *filled)
{
	int err = claim_choose(w->s, &w->claim, &w->candidates);

	return err ? err : claim_fill(w->s, &w->slots, &w->claim,
				      w->options.replace, filled);
}

static int add_fds(struct work *w, const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		AUTO_FD copy = dup(fds[i]);
		int err = copy < 0 ? -errno : 0;

		if (err == -EBADF)
			return fail_input(w->s, err, "descriptor %d %s",
					  fds[i],
					  refusal_text(REFUSED_CLOSED));
		if (!err)
			err = candidates_add(w->s, &w->candidates, copy,
					     "descriptor %d", fds[i]);
		else
			err = fail_system(w->s, err, "cannot copy descriptor "
					  "%d: %s", fds[i], strerror(-err));
		if (err)
			return err;
		take_fd(&copy);
	}
	return 0;
}

int skpol_register_fds(struct skpol *s, const struct skpol_claim *c,
		       const int *fds, size_t n, size_t *filled)
{
	struct work w;
	int err = start(s, &w, c);

	*filled = 0;
	err = err ? err : declare(&w);
	err = err ? err : add_fds(&w, fds, n);
	err = err ? err : check_each(&w);
	err = err ? err : choose_and_fill(&w, filled);
	finish(&w);
	return err;
}

static int add_process(struct work *w, pid_t pid)
{
	struct process_fd *v;
	size_t n;
	int err = process_sockets(w->s, pid, &v, &n);

	for (size_t i = 0; !err && i < n; i++) {
		err = candidates_add(w->s, &w->candidates, v[i].fd,
				     "descriptor %d", v[i].number);
		if (!err)
			v[i].fd = -1;
	}
	process_close(v, n);
	return err;
}

/* Of a process's sockets, those that are not meant are no mistake. */
static void sort_out(struct work *w)
{
	for (size_t i = 0; i < w->candidates.n; i++) {
		struct candidate *e = &w->candidates.v[i];

		if (e->refused == REFUSED_NONE && w->has_local &&
		    !endpoint_equal(&e->facts.local, &w->local))
			e->refused = REFUSED_ELSEWHERE;
	}
}

/* No socket of FROM fits: says why each does not. */
static int fail_none(struct work *w, const char *from)
{
	char text[MESSAGE_MAX / 2] = "";
	size_t n = 0;
	int err = w->candidates.n == 1 && w->candidates.v[0].refused ?
		refusal_errno(w->candidates.v[0].refused) : -ENOENT;

	for (size_t i = 0; i < w->candidates.n && n < sizeof(text); i++) {
		const struct candidate *e = &w->candidates.v[i];

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s %s %s",
				      i ? ";" : ":", e->from, e->refused ? refusal_text(e->refused) :
				      "is of a protocol or family that is not "
				      "asked for");
	}
	return fail_input(w->s, err, "%s has no socket for `%s`%s", from,
			  w->claim.name,
			  w->candidates.n ? text : ": it has none at all");
}

/* Fills what fits of the candidates; none is an error. */
static int take_fitting(struct work *w, const char *from, size_t *filled)
{
	int err;

	sort_out(w);
	err = claim_choose(w->s, &w->claim, &w->candidates);
	if (!err && claim_empty(&w->claim))
		err = fail_none(w, from);
	return err ? err : claim_fill(w->s, &w->slots, &w->claim,
				      w->options.replace, filled);
}

int skpol_register_pid(struct skpol *s, const struct skpol_claim *c, pid_t pid,
		       size_t *filled)
{
	struct work w;
	char from[32];
	int err = start(s, &w, c);

	*filled = 0;
	snprintf(from, sizeof(from), "process %d", (int)pid);
	err = err ? err : declare(&w);
	err = err ? err : add_process(&w, pid);
	err = err ? err : take_fitting(&w, from, filled);
	finish(&w);
	return err;
}

int register_fitting(struct skpol *s, const struct skpol_claim *c,
		     const int *fds, size_t n, const char *from,
		     size_t *filled)
{
	struct work w;
	int err = start(s, &w, c);

	*filled = 0;
	err = err ? err : declare(&w);
	err = err ? err : add_fds(&w, fds, n);
	err = err ? err : take_fitting(&w, from, filled);
	finish(&w);
	return err;
}

/* The only protocol that is wanted, or 0. */
static uint8_t one_protocol(const struct work *w)
{
	bool tcp = w->claim.kinds[KIND_TCP4].declared ||
		w->claim.kinds[KIND_TCP6].declared;
	bool udp = w->claim.kinds[KIND_UDP4].declared ||
		w->claim.kinds[KIND_UDP6].declared;

	return tcp && udp ? 0 : tcp ? IPPROTO_TCP : IPPROTO_UDP;
}

int skpol_register_at(struct skpol *s, const struct skpol_claim *c,
		      size_t *filled)
{
	struct work w;
	struct at_request r = { .tag = NULL };
	int err = start(s, &w, c);

	*filled = 0;
	err = err ? err : declare(&w);
	if (!err && !w.has_local)
		err = fail_input(s, -EINVAL, "no address is given, and the "
				 "policy has none for `%s`", w.claim.name);
	if (!err) {
		r.local = w.local;
		r.protocol = one_protocol(&w);
		err = at_find(s, &r, 1, true);
		w.candidates = r.found;
	}
	if (!err && !w.candidates.n) {
		char text[ENDPOINT_TEXT_MAX];

		err = fail_input(s, -ENOENT, "nobody listens at %s in this "
				 "namespace", endpoint_print(&w.local, text));
	}
	err = err ? err : check_each(&w);
	err = err ? err : choose_and_fill(&w, filled);
	finish(&w);
	return err;
}

static int empty_slots(struct work *w, size_t *emptied)
{
	bool known = false;

	for (int k = 0; k < KIND_COUNT; k++) {
		struct slot_key key = slot_key(w->claim.name,
					       kind_protocol((enum kind)k),
					       kind_family((enum kind)k));
		const struct slot *slot = slot_find(&w->slots, &key);
		bool any;
		int err;

		known |= slot != NULL;
		if (!slot || !asked(w, (enum kind)k))
			continue;
		err = slot_clear(&w->slots, slot->slot, &any);
		if (err)
			return fail_bpf(w->s, err, "write the socket map");
		*emptied += any;
	}
	return known || !w->live.gen.meta ? 0 : declare(w);
}

int skpol_unregister(struct skpol *s, const struct skpol_claim *c,
		     size_t *emptied)
{
	struct work w;
	int err = start(s, &w, c);

	*emptied = 0;
	err = err ? err : empty_slots(&w, emptied);
	err = err ? err : slots_collect(s, &w.slots);
	finish(&w);
	return err;
}
