/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explore - box after box
 *
 * The variables are a stack, in order of their first use. The last one goes on
 * behind the highest value that all runs with it have reached; when there is
 * none, it is taken off, and the one before it goes on. Where the kernel is
 * asked and both programs are in a state in which it was asked before, only one
 * answer is tried: what follows has been gone through.
 */
#include "explore.h"

#include <stdlib.h>
#include <string.h>

/* --------------------------------------------------- by the interpreter */

struct running {
	const struct world_answers *w;
	struct outcome_of *out;
	uint32_t nslots;
};

static uint8_t answer(const struct running *r, uint32_t index)
{
	uint32_t slot = index % IMAGE_SLOTS_MAX;
	uint32_t place = index / IMAGE_SLOTS_MAX;

	return slot < r->nslots && slot < SHADOW_SLOTS &&
	       place < IMAGE_PLACES ? r->w->places[slot][place] : SHADOW_EMPTY;
}

static bool present(void *ctx, uint32_t index)
{
	return answer(ctx, index) != SHADOW_EMPTY;
}

static int assign(void *ctx, uint32_t index, uint64_t flags)
{
	uint8_t said = answer(ctx, index);

	(void)flags;
	return said >= SHADOW_REFUSED ? shadow_errors[said - SHADOW_REFUSED] :
		0;
}

static void event(void *ctx, const struct image_event *e)
{
	struct running *r = ctx;

	r->out->nevents++;
	r->out->event = *e;
}

void outcome_run(const struct image *m, struct interp_program *p,
		 const struct packet *k, const struct world_answers *w,
		 struct outcome_of *out)
{
	struct running r = { w, out, m->nslots };
	struct interp in = {
		.image = m, .program = p, .sockets = { &r, present, assign },
		.counters = out->counters, .event = event, .event_ctx = &r,
		.events_full = w->full, .jiffies = SHADOW_JIFFIES,
	};
	struct interp_result result;

	memset(out, 0, sizeof(*out));
	for (uint32_t i = 0; i < m->ncounters && i < SHADOW_COUNTERS; i++)
		out->counters[i] = shadow_before;
	if (m->events)
		*interp_listener(&in) = w->listener;
	interp_run(&in, k, &result);
	out->trap = result.trap;
	out->verdict = result.verdict;
	out->slot = result.slot;
	out->flags = result.slot == INTERP_NO_SOCKET ? 0 :
		(uint32_t)result.flags;
}

bool outcome_same(const struct outcome_of *x, const struct outcome_of *y)
{
	return !x->trap && !y->trap && x->verdict == y->verdict &&
	       x->slot == y->slot && x->flags == y->flags &&
	       x->nevents == y->nevents &&
	       !memcmp(x->counters, y->counters, sizeof(x->counters)) &&
	       !memcmp(&x->event, &y->event, sizeof(x->event));
}

/* ----------------------------------------------------------- both runs */

struct explorer {
	const struct image *image[2];
	struct interp_program *program[2];
	struct shadow_vars v;
	uint64_t reach[VARS];
	bool known[VARS];	/* what follows was gone through before */
	uint64_t *seen;		/* states of both programs; 0 = nothing */
	size_t nseen, size;
	struct explore_result *out;
};

static u128 address(const uint64_t *x, bool ip6, unsigned int word4,
		    unsigned int word6)
{
	u128 a = 0;

	if (!ip6)
		return x[word4];
	for (unsigned int i = 0; i < 4; i++)
		a = a << 32 | x[word6 + i];
	return a;
}

/* The words of a packet of the box; false: it is empty. */
static bool to_words(const struct shadow_vars *v, uint64_t *x)
{
	for (unsigned int i = 0; i < VAR_WORDS; i++) {
		x[i] = v->x[i];
		if (v->used[i] && !shadow_member(v, i, &x[i]))
			return false;
	}
	return true;
}

static void to_packet(const uint64_t *x, struct packet *k)
{
	bool ip6 = x[VAR_FAMILY];

	*k = (struct packet){
		.family = ip6 ? 6 : 4,
		.protocol = x[VAR_PROTOCOL] ? PACKET_UDP : PACKET_TCP,
		.local_port = (uint16_t)x[VAR_LOCAL_PORT],
		.remote_port = (uint16_t)x[VAR_REMOTE_PORT],
		.local = address(x, ip6, VAR_LOCAL4, VAR_LOCAL6),
		.remote = address(x, ip6, VAR_REMOTE4, VAR_REMOTE6),
		.ifindex = (uint32_t)x[VAR_IFINDEX],
	};
}

static void to_answers(const struct shadow_vars *v, struct world_answers *w)
{
	w->full = v->x[VAR_FULL];
	w->listener = shadow_listeners[v->x[VAR_LISTENER]];
	for (unsigned int i = 0; i < SHADOW_PLACES; i++)
		w->places[i / IMAGE_PLACES][i % IMAGE_PLACES] =
			(uint8_t)v->x[VAR_PLACE + i];
}

static bool same_effect(const struct shadow_effect *x,
			const struct shadow_effect *y)
{
	return !x->trap && !y->trap && x->verdict == y->verdict &&
	       x->slot == y->slot && x->flags == y->flags &&
	       x->nevents == y->nevents && x->event == y->event &&
	       !memcmp(x->counters, y->counters, sizeof(x->counters));
}

/* Whether the interpreter says of a run what the shadow says. */
static bool agrees(const struct shadow_effect *s, const struct outcome_of *o)
{
	if (s->trap || o->trap)
		return !!s->trap == !!o->trap;
	return s->verdict == o->verdict && s->slot == o->slot &&
	       s->flags == o->flags && s->nevents == o->nevents &&
	       !memcmp(s->counters, o->counters, sizeof(s->counters));
}

static bool stop(struct explorer *e, const char *why)
{
	e->out->why = why;
	return false;
}

static bool differ(struct explorer *e, const struct packet *k,
		   const struct world_answers *w, const struct outcome_of *o)
{
	e->out->differs = true;
	e->out->why = o->trap;
	e->out->packet = *k;
	e->out->answers = *w;
	return false;
}

/* False: it is over. */
static bool compare(struct explorer *e, const uint64_t *words,
		    const struct shadow_effect s[2])
{
	struct outcome_of o[2];
	struct world_answers w;
	struct packet k;

	to_packet(words, &k);
	to_answers(&e->v, &w);
	for (int i = 0; i < 2; i++)
		outcome_run(e->image[i], e->program[i], &k, &w, &o[i]);
	if (!outcome_same(&o[0], &o[1]))
		return differ(e, &k, &w, &o[1]);
	for (int i = 0; i < 2 && !s[0].hashed; i++)
		if (!agrees(&s[i], &o[i]))
			return stop(e, s[i].trap ? s[i].trap :
				    "shadow and interpreter disagree");
	return same_effect(&s[0], &s[1]) ||
	       stop(e, "they may differ for other packets of this kind");
}

/* ----------------------------------------------------- the next packet */

static uint64_t *find(struct explorer *e, uint64_t key)
{
	size_t i = key & (e->size - 1);

	while (e->seen[i] && e->seen[i] != key)
		i = (i + 1) & (e->size - 1);
	return &e->seen[i];
}

static void grow(struct explorer *e)
{
	uint64_t *old = e->seen;
	size_t n = e->size;

	e->size = n ? n * 2 : 256;
	e->seen = calloc(e->size, sizeof(*e->seen));
	if (!e->seen)
		abort();
	for (size_t i = 0; i < n; i++)
		if (old[i])
			*find(e, old[i]) = old[i];
	free(old);
}

/* Whether both programs were here before, to be asked about VAR. */
static bool was_here(struct explorer *e, const struct shadow_effect s[2],
		     unsigned int var)
{
	uint64_t key = value_mix(value_mix(var, s[0].asked[var]),
				 s[1].asked[var]) | 1, *slot;

	if (2 * e->nseen >= e->size)
		grow(e);
	slot = find(e, key);
	if (*slot)
		return true;
	*slot = key;
	e->nseen++;
	return false;
}

static bool next(struct explorer *e)
{
	struct shadow_vars *v = &e->v;

	while (v->n) {
		unsigned int var = v->order[v->n - 1];

		if (e->reach[var] < shadow_highest(v, var) &&
		    (!e->known[var] || v->depends)) {
			v->x[var] = e->reach[var] + 1;
			e->reach[var] = UINT64_MAX;
			return true;
		}
		v->used[var] = false;
		v->x[var] = 0;
		e->reach[var] = UINT64_MAX;
		v->n--;
	}
	return false;
}

static bool step(struct explorer *e)
{
	struct shadow_vars *v = &e->v;
	struct shadow_effect s[2];
	uint64_t words[VAR_WORDS];
	uint32_t before = v->n;
	bool empty;

	for (uint32_t i = 0; i < v->n; i++)
		v->high[v->order[i]] = shadow_highest(v, v->order[i]);
	for (int i = 0; i < 2; i++)
		shadow_run(e->image[i], v, &s[i]);
	for (uint32_t i = 0; i < v->n; i++) {
		unsigned int var = v->order[i];

		if (v->high[var] < e->reach[var])
			e->reach[var] = v->high[var];
	}
	empty = !to_words(v, words);
	if (!empty && !compare(e, words, s))
		return false;
	for (uint32_t i = before; i < v->n; i++)
		e->known[v->order[i]] = !empty && v->order[i] >= VAR_PLACE &&
			was_here(e, s, v->order[i]);
	if (next(e))
		return true;
	e->out->same = true;
	return false;
}

/* A program that no packet gets through, or not the first one. */
static bool refused(struct explorer *e)
{
	struct outcome_of o;
	struct world_answers w = { .listener.every = 1 };
	struct packet k;

	to_packet(e->v.x, &k);
	outcome_run(e->image[1], e->program[1], &k, &w, &o);
	return o.trap && !differ(e, &k, &w, &o);
}

void explore(struct arena *a, const struct image *good,
	     const struct image *bad, uint64_t most,
	     struct explore_result *out)
{
	struct explorer e = { .image = { good, bad }, .out = out };

	memset(out, 0, sizeof(*out));
	memset(e.reach, 0xff, sizeof(e.reach));
	for (int i = 0; i < 2; i++)
		e.program[i] = interp_prepare(a, e.image[i]);
	if (refused(&e))
		return;
	while (out->boxes < most && step(&e))
		out->boxes++;
	if (out->boxes == most)
		out->why = "more packets than are tried";
	free(e.seen);
}
