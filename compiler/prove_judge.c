/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove_judge - whether bytes and rules differ about one packet
 *
 * In: a packet as field values. Out: yes or no, and both sides in words. The
 * interpreter runs the whole program: with all sockets there; with the first
 * places of the chain empty, and refused by each errno; with each place refused
 * and those around it empty; with each kind of listener to events, and no room
 * for one. Compared are the verdict, the socket and its flags, every counter,
 * the event, and what the listener is told.
 */
#include <stdio.h>
#include <string.h>

#include "prove_private.h"

const int16_t prove_errors[PROVE_ERRORS] = { -91, -97, -94, -17, -22 };

enum { THOROUGH = 32 };	/* packets of one outcome and kind, all answers */

struct judge {
	struct prove *p;
	struct image image;
	struct interp interp;
	/* of the packet: */
	const struct outcome *outcome;
	const struct policy_rule *rule;
	uint32_t kind;
	/* of the answers: */
	int16_t places[PROVE_CHAIN * IMAGE_PLACES];	/* of the chain */
	uint32_t nplaces;
	uint8_t listener;
	bool full;			/* no event has room */
	uint32_t nevents;
	struct image_event event;
	uint32_t *interfaces;	/* their numbers */
	uint8_t *thorough;	/* by outcome and kind: how often it was */
};

struct said {
	uint32_t verdict, slot, flags, nevents;
	bool trap, others;		/* counters of other rules changed */
	struct image_counter counter;
	struct image_event event;
	struct image_listener listener;
};

/* Where SLOT is in the chain; UINT32_MAX: nowhere. */
static uint32_t chain_at(const struct judge *j, uint32_t slot)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < j->outcome->nsteps; i++) {
		const struct step *s = &j->outcome->steps[i];
		uint32_t is = j->p->policy->sockets[s->socket].slot[j->kind];

		if (is == slot)
			return at;
		at += is != NO_SLOT;
	}
	return UINT32_MAX;
}

/* What the kernel says of a place of the map. */
static int answer(const struct judge *j, uint32_t index)
{
	uint32_t slot = index % IMAGE_SLOTS_MAX;
	uint32_t place = index / IMAGE_SLOTS_MAX, at = chain_at(j, slot);

	if (slot >= j->image.nslots || place >= IMAGE_PLACES)
		return PROVE_ABSENT;
	at = at * IMAGE_PLACES + place;
	return at < j->nplaces ? j->places[at] : PROVE_TAKEN;
}

static bool present(void *ctx, uint32_t index)
{
	return answer(ctx, index) != PROVE_ABSENT;
}

static int assign(void *ctx, uint32_t index, uint64_t flags)
{
	(void)flags;
	return answer(ctx, index);
}

static void event(void *ctx, const struct image_event *e)
{
	struct judge *j = ctx;

	j->nevents++;
	j->event = *e;
}

/* ------------------------------------------------------------ the rules */

/* The first place of SLOT that takes, or why none does: of the last. */
static int ask_places(const struct judge *j, uint32_t slot, uint32_t *index)
{
	int why = PROVE_ABSENT;

	for (uint32_t k = 0; k < IMAGE_PLACES; k++) {
		int err;

		*index = slot + k * IMAGE_SLOTS_MAX;
		err = answer(j, *index);
		if (err == PROVE_TAKEN)
			return err;
		if (err != PROVE_ABSENT)
			why = err;
	}
	return why;
}

static void count_failure(struct image_counter *k, int why)
{
	switch (why) {
	case PROVE_ABSENT: k->missing++; break;
	case -91: k->eprototype++; break;
	case -97: k->eafnosupport++; break;
	case -94: k->esocktnosupport++; break;
	case -17: k->eexist++; break;
	default: k->other++; break;
	}
}

static void put_address(uint8_t out[16], u128 v, bool ip6)
{
	for (int i = 0; i < (ip6 ? 16 : 4); i++)
		out[i] = (uint8_t)(v >> (ip6 ? 120 - 8 * i : 24 - 8 * i));
}

static struct image_event event_of(const struct judge *j,
				   const struct packet *k, uint32_t slot)
{
	struct image_event e = {
		.rule = j->outcome->rule, .slot = slot,
		.family = k->family == 6 ? 10 : 2, .protocol = k->protocol,
		.local_port = k->local_port, .remote_port = k->remote_port,
		.ifindex = j->image.ifindex ? k->ifindex : 0,
	};

	put_address(e.local, k->local, k->family == 6);
	put_address(e.remote, k->remote, k->family == 6);
	return e;
}

static struct said rules_say(const struct judge *j, const struct packet *k)
{
	const struct policy *p = j->p->policy;
	const struct outcome *o = j->outcome;
	struct said s = { .verdict = o->pass, .slot = INTERP_NO_SOCKET,
			  .counter = prove_before };

	s.counter.hits++;
	s.counter.last_hit = PROVE_JIFFIES;
	for (uint32_t i = 0; i < o->nsteps; i++) {
		uint32_t slot = p->sockets[o->steps[i].socket].slot[j->kind];
		uint32_t index;
		int why;

		if (slot == NO_SLOT)
			continue;
		why = ask_places(j, slot, &index);
		if (why == PROVE_TAKEN) {
			s.slot = index;
			s.verdict = 1;
			s.flags = o->steps[i].flags;
			break;
		}
		count_failure(&s.counter, why);
	}
	if (j->rule->counter == NO_COUNTER)
		s.counter = prove_before;
	prove_listener(j->listener, o->rule, &s.listener);
	s.nevents = prove_sends(p, o->rule, j->full, &s.listener);
	if (s.nevents)
		s.event = event_of(j, k, s.slot != INTERP_NO_SOCKET ?
				   s.slot % IMAGE_SLOTS_MAX :
				   o->pass ? IMAGE_PASS : IMAGE_DROP);
	return s;
}

/* ------------------------------------------------------------ the bytes */

static struct said bytes_do(struct judge *j, const struct packet *k)
{
	uint32_t ncounters = j->image.ncounters - j->image.events;
	struct interp_result r;
	struct said s;

	j->nevents = 0;
	memset(&j->event, 0, sizeof(j->event));
	for (uint32_t i = 0; i < ncounters; i++)
		j->interp.counters[i] = prove_before;
	if (j->image.events)
		prove_listener(j->listener, j->outcome->rule,
			       interp_listener(&j->interp));
	j->interp.events_full = j->full;
	interp_run(&j->interp, k, &r);
	s = (struct said){ .verdict = r.verdict, .slot = r.slot,
			   .trap = r.trap, .nevents = j->nevents,
			   .event = j->event, .counter = prove_before };
	if (s.slot != INTERP_NO_SOCKET)
		s.flags = (uint32_t)r.flags;
	for (uint32_t i = 0; i < ncounters; i++) {
		const struct image_counter *c = &j->interp.counters[i];

		if (i == j->rule->counter)
			s.counter = *c;
		else
			s.others |= !!memcmp(c, &prove_before, sizeof(*c));
	}
	if (j->image.events)
		s.listener = *interp_listener(&j->interp);
	else
		prove_listener(j->listener, j->outcome->rule, &s.listener);
	return s;
}

static bool same(const struct said *x, const struct said *y)
{
	return !y->trap && !y->others && x->verdict == y->verdict &&
	       x->slot == y->slot && x->flags == y->flags &&
	       x->nevents == y->nevents &&
	       !memcmp(&x->counter, &y->counter, sizeof(x->counter)) &&
	       !memcmp(&x->event, &y->event, sizeof(x->event)) &&
	       !memcmp(&x->listener, &y->listener, sizeof(x->listener));
}

/* -------------------------------------------------------------- in words */

static const char *taken_by(const struct policy *p, const struct said *s)
{
	for (size_t i = 0; i < p->nsockets; i++)
		for (int k = 0; k < SLOT_KINDS; k++)
			if (s->slot != INTERP_NO_SOCKET &&
			    p->sockets[i].slot[k] ==
			    s->slot % IMAGE_SLOTS_MAX)
				return p->sockets[i].name;
	return s->verdict ? "pass" : "drop";
}

static uint64_t refusals(const struct image_counter *c)
{
	return c->eprototype + c->eafnosupport + c->esocktnosupport +
	       c->eexist + c->other;
}

static unsigned long long since(uint64_t now, uint64_t before)
{
	return now - before;
}

/* What is to be said of S beside the verdict: only what there is. */
static const char *text(const struct prove *p, struct arena *a,
			const struct said *s, const struct said *other)
{
	const struct image_counter *c = &s->counter, *b = &prove_before;
	const char *t = taken_by(p->policy, s);

	if (s->trap)
		return "what no kernel takes";
	if (s->flags)
		t = arena_printf(a, "%s with flags %u", t, s->flags);
	if (c->hits != b->hits)
		t = arena_printf(a, "%s, counted", t);
	if (c->missing != b->missing)
		t = arena_printf(a, "%s, %llu missing", t,
				 since(c->missing, b->missing));
	if (refusals(c) != refusals(b))
		t = arena_printf(a, "%s, %llu refused", t,
				 since(refusals(c), refusals(b)));
	if (s->others)
		t = arena_printf(a, "%s, counted for another rule", t);
	if (s->nevents)
		t = arena_printf(a, "%s, traced", t);
	if (memcmp(&s->counter, &other->counter, sizeof(*c)) ||
	    memcmp(&s->event, &other->event, sizeof(s->event)) ||
	    memcmp(&s->listener, &other->listener, sizeof(s->listener)))
		t = arena_printf(a, "%s (what is counted or sent differs)", t);
	return t;
}

static const char *answers(const struct judge *j, struct arena *a)
{
	uint32_t absent = 0;

	if (j->full)
		return ", while there is no room for an event";
	if (j->listener)
		return ", while not all events are listened to";
	if (!j->nplaces)
		return "";
	for (uint32_t i = 0; i < j->nplaces; i++)
		absent += j->places[i] == PROVE_ABSENT;
	return arena_printf(a, ", while of the first %u places of its sockets "
			    "%u %s empty and the others refused", j->nplaces,
			    absent, absent == 1 ? "is" : "are");
}

/* ------------------------------------------------------------ one packet */

/* With the answers that are set. */
static bool differs_now(struct judge *j, const struct packet *k,
			struct arena *a)
{
	struct prove_result *out = j->p->out;
	struct said x = rules_say(j, k), y = bytes_do(j, k);
	int16_t *places;

	if (same(&x, &y))
		return false;
	places = arena_array(a, j->nplaces + 1, sizeof(*places));
	memcpy(places, j->places, j->nplaces * sizeof(*places));
	out->has_witness = true;
	out->witness = *k;
	out->places = places;
	out->nplaces = j->nplaces;
	out->interfaces = memcpy(arena_array(a, j->image.ninterfaces + 1, 4),
				 j->interfaces, 4 * j->image.ninterfaces);
	prove_listener(j->listener, j->outcome->rule, &out->listener);
	out->events_full = j->full;
	out->answers = answers(j, a);
	out->rules = text(j->p, a, &x, &x);
	out->bytes = text(j->p, a, &y, &x);
	return true;
}

/* The first N places say WHAT. */
static bool with_first(struct judge *j, uint32_t n, int what,
		       const struct packet *k, struct arena *a)
{
	for (uint32_t i = 0; i < n; i++)
		j->places[i] = (int16_t)what;
	j->nplaces = n;
	return differs_now(j, k, a);
}

/* Place AT is refused, those before it and of its socket are empty. */
static bool with_one(struct judge *j, uint32_t at, int error,
		     const struct packet *k, struct arena *a)
{
	j->nplaces = (at / IMAGE_PLACES + 1) * IMAGE_PLACES;
	for (uint32_t i = 0; i < j->nplaces; i++)
		j->places[i] = PROVE_ABSENT;
	j->places[at] = (int16_t)error;
	return differs_now(j, k, a);
}

/* As somebody listens to events, or there is no room for one. */
static bool with_listeners(struct judge *j, const struct packet *k,
			   struct arena *a)
{
	bool found = false;

	for (j->listener = 1; !found && j->listener < PROVE_LISTENERS;
	     j->listener++)
		found = with_first(j, 0, 0, k, a);
	j->listener = 0;
	j->full = true;
	found = found || with_first(j, 0, 0, k, a);
	j->full = false;
	return found;
}

static uint32_t chain_length(const struct judge *j)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < j->outcome->nsteps; i++) {
		uint32_t socket = j->outcome->steps[i].socket;

		n += j->p->policy->sockets[socket].slot[j->kind] != NO_SLOT;
	}
	return n < PROVE_CHAIN ? n : PROVE_CHAIN;
}

/*
 * The names' numbers in the program's own .rodata: K is on V's interface, and
 * no other is there, or they come behind it, or before it.
 */
static void name_interfaces(struct judge *j, const u128 v[FIELD_COUNT],
			    const struct packet *k, int how)
{
	for (uint32_t i = 0; i < j->image.ninterfaces; i++) {
		uint32_t index = how == 1 ? k->ifindex + i + 1 :
			how == 2 ? k->ifindex - i - 1 : IMAGE_NO_INTERFACE;

		if (v[FIELD_IFNAME] == i + 1)
			index = k->ifindex;
		else if (index > INT32_MAX)
			index = IMAGE_NO_INTERFACE;
		j->interfaces[i] = index;
		memcpy(j->image.rodata + j->p->interfaces + 4 * (size_t)i,
		       &index, 4);
	}
}

static struct packet to_packet(const struct judge *j,
			       const u128 v[FIELD_COUNT])
{
	bool ip6 = v[FIELD_FAMILY];
	struct packet k = {
		.family = ip6 ? 6 : 4,
		.protocol = v[FIELD_PROTOCOL] ? PACKET_UDP : PACKET_TCP,
		.local_port = (uint16_t)v[FIELD_LPORT],
		.remote_port = (uint16_t)v[FIELD_RPORT],
		.local = v[ip6 ? FIELD_LADDR6 : FIELD_LADDR4],
		.remote = v[ip6 ? FIELD_RADDR6 : FIELD_RADDR4],
		.ifindex = (uint32_t)v[FIELD_IFINDEX],
	};

	if (v[FIELD_IFNAME])
		snprintf(k.ifname, sizeof(k.ifname), "%s",
			 j->p->policy->interfaces[v[FIELD_IFNAME] - 1]);
	return k;
}

/* Step AT is empty, and those before it refused. */
static bool with_empty(struct judge *j, uint32_t at, const struct packet *k,
		       struct arena *a)
{
	j->nplaces = (at + 1) * IMAGE_PLACES;
	for (uint32_t i = 0; i < j->nplaces; i++)
		j->places[i] = i / IMAGE_PLACES < at ? prove_errors[0] :
			PROVE_ABSENT;
	return differs_now(j, k, a);
}

/* With all answers of the kernel that are tried. */
static bool with_answers(struct judge *j, const struct packet *k,
			 struct arena *a)
{
	uint32_t n = chain_length(j) * IMAGE_PLACES;

	if (j->image.events && with_listeners(j, k, a))
		return true;
	for (uint32_t i = 1; i <= n; i++) {
		if (with_first(j, i, PROVE_ABSENT, k, a) ||
		    (i % IMAGE_PLACES == 0 &&
		     with_empty(j, i / IMAGE_PLACES - 1, k, a)))
			return true;
		for (int e = 0; e < PROVE_ERRORS; e++)
			if (with_first(j, i, prove_errors[e], k, a) ||
			    with_one(j, i - 1, prove_errors[e], k, a))
				return true;
	}
	return false;
}

bool judge_differs(struct judge *j, const u128 v[FIELD_COUNT],
		   struct arena *a)
{
	const struct policy *p = j->p->policy;
	const struct clause *c = policy_clause(p, v);
	uint32_t outcome = policy_action_outcome(p, c->action, v);
	struct packet k = to_packet(j, v);
	uint8_t *thorough;

	j->outcome = &p->outcomes[outcome];
	j->rule = &p->rules[j->outcome->rule];
	j->kind = SLOT_KIND((uint32_t)v[FIELD_FAMILY],
			    (uint32_t)v[FIELD_PROTOCOL]);
	for (int how = j->image.ninterfaces ? 2 : 0; how >= 0; how--) {
		name_interfaces(j, v, &k, how);
		if (with_first(j, 0, 0, &k, a))
			return true;
	}
	thorough = &j->thorough[outcome * SLOT_KINDS + j->kind];
	if (*thorough == THOROUGH)
		return false;
	++*thorough;
	return with_answers(j, &k, a);
}

struct judge *judge_new(struct prove *p)
{
	struct judge *j = arena_alloc(p->a, sizeof(*j));

	j->p = p;
	j->interfaces = arena_array(p->a, p->image->ninterfaces + 1,
				    sizeof(*j->interfaces));
	j->thorough = arena_array(p->a, p->policy->noutcomes, SLOT_KINDS);
	j->image = *p->image;
	j->image.rodata = arena_array(p->a, j->image.rodata_size + 1, 1);
	memcpy(j->image.rodata, p->image->rodata, j->image.rodata_size);
	j->interp = (struct interp){
		.image = &j->image,
		.program = interp_prepare(p->a, &j->image),
		.sockets = { j, present, assign },
		.event = event, .event_ctx = j,
		.jiffies = PROVE_JIFFIES,
	};
	j->interp.counters = arena_array(p->a, j->image.ncounters + 1,
					 sizeof(struct image_counter));
	return j;
}
