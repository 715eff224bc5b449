/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove_witness - a packet that the bytes treat in another way than the rules
 *
 * In: the box in which the proof failed. Out: the first packet of it that
 * really differs when the interpreter runs the whole program, with all
 * sockets there and with none. The lowest packet of the box is tried, then
 * others of it, then packets from anywhere.
 */
#include <stdio.h>
#include <string.h>

#include "prove_private.h"

enum { TRIES = 4000 };

struct judge {
	struct prove *p;
	struct image image;
	struct interp interp;
	uint64_t random;
	bool none;		/* no socket is there */
	uint32_t nevents, rule;
};

struct said {
	uint32_t verdict, slot, flags, trace, trap;
	uint64_t hits;
};

static bool is_there(void *ctx, uint32_t index)
{
	(void)index;
	return !((struct judge *)ctx)->none;
}

static void on_event(void *ctx, const struct image_event *e)
{
	struct judge *j = ctx;

	j->nevents++;
	j->rule = e->rule;
}

static uint32_t draw(struct judge *j, struct range r)
{
	uint64_t n = (uint64_t)r.high - r.low + 1;

	j->random = prove_hash(j->random + 0x9E3779B97F4A7C15, 1);
	switch (j->random >> 60) {
	case 0 ... 3: return r.low;
	case 4 ... 6: return r.high;
	default: return r.low + (uint32_t)(prove_hash(j->random, 2) % n);
	}
}

/* A packet of BOX: its lowest, or drawn. */
static void choose(struct judge *j, const struct range box[PW_COUNT],
		   bool lowest, u128 v[FIELD_COUNT])
{
	memset(v, 0, FIELD_COUNT * sizeof(*v));
	for (int w = 0; w < PW_COUNT; w++) {
		const struct prove_word_info *i = &prove_words[w];
		uint32_t x = lowest ? box[w].low : draw(j, box[w]);

		v[i->field] |= (u128)x << i->shift;
	}
	if (v[FIELD_FAMILY])
		v[FIELD_LADDR4] = v[FIELD_RADDR4] = 0;
	else
		v[FIELD_LADDR6] = v[FIELD_RADDR6] = 0;
	if (v[FIELD_IFNAME] && !v[FIELD_IFINDEX])
		v[FIELD_IFINDEX] = box[PW_IFINDEX].high;
	if (v[FIELD_IFINDEX] == IMAGE_NO_INTERFACE)	/* no index at all */
		v[FIELD_IFINDEX] = box[PW_IFINDEX].low | 1;
}

static struct packet to_packet(struct judge *j, const u128 v[FIELD_COUNT])
{
	const struct policy *p = j->p->policy;
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

	for (uint32_t i = 0; i < j->image.ninterfaces; i++) {
		uint32_t index = v[FIELD_IFNAME] == i + 1 ? k.ifindex :
			IMAGE_NO_INTERFACE;

		memcpy(j->image.rodata + j->p->interfaces + 4 * i, &index, 4);
	}
	if (v[FIELD_IFNAME])
		snprintf(k.ifname, sizeof(k.ifname), "%s",
			 p->interfaces[v[FIELD_IFNAME] - 1]);
	return k;
}

static struct said rules_say(const struct judge *j,
			     const u128 v[FIELD_COUNT])
{
	const struct policy *p = j->p->policy;
	const struct clause *c = policy_clause(p, v);
	const struct outcome *o =
		&p->outcomes[policy_action_outcome(p, c->action, v)];
	const struct policy_rule *r = &p->rules[o->rule];
	uint32_t kind = SLOT_KIND((uint32_t)v[FIELD_FAMILY],
				  (uint32_t)v[FIELD_PROTOCOL]);
	struct said s = { .verdict = o->pass, .slot = INTERP_NO_SOCKET,
			  .trace = r->trace ? o->rule : IMAGE_NO_TRACE,
			  .hits = r->counter != NO_COUNTER };

	for (uint32_t i = 0; i < o->nsteps && !j->none; i++) {
		uint32_t slot = p->sockets[o->steps[i].socket].slot[kind];

		if (slot == NO_SLOT)
			continue;
		s.slot = slot;
		s.verdict = 1;
		s.flags = o->steps[i].flags;
		break;
	}
	return s;
}

static struct said bytes_do(struct judge *j, const struct packet *k,
			    const u128 v[FIELD_COUNT])
{
	const struct policy *p = j->p->policy;
	const struct clause *c = policy_clause(p, v);
	const struct outcome *o =
		&p->outcomes[policy_action_outcome(p, c->action, v)];
	uint32_t counter = p->rules[o->rule].counter;
	struct interp_result r;
	struct said s;

	j->nevents = 0;
	memset(j->interp.counters, 0, (j->image.ncounters + 1) *
	       sizeof(*j->interp.counters));
	if (j->image.events)
		interp_listener(&j->interp)->every = 1;
	interp_run(&j->interp, k, &r);
	s = (struct said){ .verdict = r.verdict, .slot = r.slot,
			   .trap = !!r.trap, .trace = j->nevents ? j->rule :
			   IMAGE_NO_TRACE };
	if (s.slot != INTERP_NO_SOCKET)
		s.flags = (uint32_t)r.flags;
	if (counter < j->image.ncounters)
		s.hits = j->interp.counters[counter].hits;
	return s;
}

static const char *text(const struct prove *p, struct arena *a,
			const struct said *s)
{
	const char *what = s->verdict ? "pass" : "drop";

	if (s->trap)
		return "a program that the kernel would refuse";
	for (size_t i = 0; i < p->policy->nsockets; i++)
		for (int k = 0; k < SLOT_KINDS; k++)
			if (s->slot != INTERP_NO_SOCKET &&
			    p->policy->sockets[i].slot[k] == s->slot)
				what = p->policy->sockets[i].name;
	return arena_printf(a, "%s (flags %u, counted %llu times, %s)", what,
			    s->flags, (unsigned long long)s->hits,
			    s->trace == IMAGE_NO_TRACE ? "not traced" :
			    "traced");
}

static bool differs(struct judge *j, const u128 v[FIELD_COUNT],
		    struct arena *a)
{
	struct prove_result *out = j->p->out;
	struct packet k = to_packet(j, v);
	struct said x, y;

	for (int none = 0; none < 2; none++) {
		j->none = none;
		x = rules_say(j, v);
		y = bytes_do(j, &k, v);
		if (x.verdict == y.verdict && x.slot == y.slot && !y.trap &&
		    x.flags == y.flags && x.trace == y.trace &&
		    x.hits == y.hits)
			continue;
		out->has_witness = true;
		out->witness = k;
		out->rules = text(j->p, a, &x);
		out->bytes = text(j->p, a, &y);
		return true;
	}
	return false;
}

static void prepare(struct judge *j)
{
	struct prove *p = j->p;

	j->image = *p->image;
	j->image.rodata = arena_array(p->a, j->image.rodata_size + 1, 1);
	memcpy(j->image.rodata, p->image->rodata, j->image.rodata_size);
	j->interp = (struct interp){
		.image = &j->image,
		.program = interp_prepare(p->a, &j->image),
		.sockets = { j, is_there, NULL },
		.event = on_event, .event_ctx = j,
	};
	j->interp.counters = arena_array(p->a, j->image.ncounters + 1,
					 sizeof(struct image_counter));
}

void witness_of_box(struct prove *p, struct arena *out)
{
	struct judge j = { .p = p };
	struct range all[PW_COUNT];
	u128 v[FIELD_COUNT];

	prepare(&j);
	for (int w = 0; w < PW_COUNT; w++) {
		u128 top = field_highest(prove_words[w].field);

		all[w] = (struct range){ 0, top > UINT32_MAX ? UINT32_MAX :
					 (uint32_t)top };
	}
	all[PW_IFNAME].high = (uint32_t)p->policy->ninterfaces;
	for (int i = 0; i < TRIES; i++) {
		choose(&j, i < TRIES / 2 ? p->box : all, !i, v);
		if (differs(&j, v, out))
			return;
	}
}
