/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace - the events of the policy that runs, whichever that is
 *
 * In: a rule, a rate. Out: events by callback, and how many were lost. Every
 * generation has a ring of its own: after a switch the old one is read until
 * nobody can write there any more, beside the new one. Promise: an event that
 * was asked for is given or counted as lost.
 */
#include "trace.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "auto.h"
#include "listener.h"
#include "ring.h"
#include "state.h"

enum {
	SOURCES = 4,		/* the live one, and some that were just left */
	LOOK_MS = 100,		/* how often the link is looked at */
	LEFT_MS = 1000,		/* how long a ring that was left is read */
	BATCH = 4096,		/* events between two looks */
};

struct source {
	struct generation g;
	int events;		/* writable */
	uint32_t id;		/* of that map: a rollback has the same again */
	struct ring ring;
	struct listener listener;
	uint64_t lost;
	int64_t left;		/* ms, when it was replaced; 0 = it is live */
};

struct skpol_trace {
	struct skpol *s;
	char *rule;		/* NULL = all */
	uint32_t sample;
	int lock;
	uint32_t program;	/* that was live when we looked last */
	struct source v[SOURCES];
	size_t n;
	uint64_t lost;		/* of sources that are closed */
	uint64_t told;		/* of all that, with an event */
	struct owner_cache owners;
};

static int64_t now_ms(void)
{
	struct timespec t = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ------------------------------------------------------------ sources */

static void source_close(struct source *v)
{
	ring_close(&v->ring);
	listener_close(&v->listener);
	generation_close(&v->g);
	auto_close(&v->events);
}

static void source_lost(struct skpol *s, struct source *v)
{
	uint64_t lost;

	if (!listener_lost(s, &v->listener, &lost) && lost > v->lost)
		v->lost = lost;
}

/* Takes source I out; its program, if it runs again, need not send. */
static void drop_source(struct skpol_trace *t, size_t i)
{
	source_lost(t->s, &t->v[i]);
	t->lost += t->v[i].lost;
	listener_set(t->s, &t->v[i].listener, 0, 0, false);
	source_close(&t->v[i]);
	memmove(&t->v[i], &t->v[i + 1], (t->n - i - 1) * sizeof(*t->v));
	t->n--;
}

static uint32_t map_id(int fd)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

static int source_open(struct skpol *s, struct source *v)
{
	char name[32];
	int err = listener_open(s, &v->g, &v->listener);

	if (err)
		return err;
	snprintf(name, sizeof(name), "%u/events", v->g.number);
	v->events = pin_get(s, name);
	if (v->events < 0)
		return fail_bpf(s, v->events, "read the events of the policy");
	v->id = map_id(v->events);
	err = ring_open(&v->ring, v->events);
	return err ? fail_bpf(s, err, "read the events of the policy") : 0;
}

/* What an earlier listener left in the ring is not ours. */
static void forget_old(struct source *v)
{
	size_t size;

	while (ring_next(&v->ring, &size))
		ring_done(&v->ring, size);
}

static int ask(struct skpol_trace *t, struct source *v, bool first)
{
	int64_t rule = t->rule ? listener_rule(v->g.manifest, t->rule) : 0;

	return listener_set(t->s, &v->listener, rule < 0 ? 0 : t->sample,
			    rule < 0 ? 0 : (uint64_t)rule, !first);
}

/*
 * The listener has been carried on by whoever switched (listener_carry), and
 * has counted since: it is set only where it is not as it should be.
 */
static int adopt(struct skpol_trace *t, struct source *v, bool first)
{
	bool known = t->rule ? listener_rule(v->g.manifest, t->rule) >= 0 :
		true;

	if (first)
		forget_old(v);
	if (!known && !first)
		note(t->s, "generation %u has no rule `%s` with `trace`: "
		     "waiting for one that has", v->g.number, t->rule);
	if (!first && listener_is_set(t->s, &v->listener, t->sample))
		return 0;
	return ask(t, v, first);
}

static struct source *known_source(struct skpol_trace *t,
				   const struct generation *g)
{
	uint32_t id = g->events < 0 ? 0 : map_id(g->events);

	for (size_t i = 0; id && i < t->n; i++)
		if (t->v[i].id == id)
			return &t->v[i];
	return NULL;
}

static void leave_all(struct skpol_trace *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (!t->v[i].left)
			t->v[i].left = now_ms();
}

/* The live generation G, which is ours now, becomes a source. */
static int add_source(struct skpol_trace *t, struct generation *g, bool first)
{
	struct source *known = known_source(t, g), *v;
	int err = listener_keep(t->s, &t->lock);

	if (err) {
		generation_close(g);
		return err;
	}
	leave_all(t);
	if (known) {
		known->left = 0;
		generation_close(&known->g);
		known->g = *g;
		return adopt(t, known, false);
	}
	if (t->n == SOURCES)
		drop_source(t, 0);
	v = &t->v[t->n];
	*v = (struct source){ .g = *g, .events = -1, .listener.counters = -1 };
	err = source_open(t->s, v);
	if (err) {
		source_close(v);
		return err;
	}
	t->n++;
	return adopt(t, v, first);
}

static int no_source(struct skpol_trace *t, bool policy, bool first)
{
	leave_all(t);
	if (first)
		return -ENOENT;
	note(t->s, policy ? "the policy that runs now has no `trace`: waiting "
	     "for one that has" : "no policy runs any more: waiting for the "
	     "next");
	return 0;
}

/* The live generation is another one than before. */
static int look_anew(struct skpol_trace *t, bool first)
{
	struct live live;
	bool policy;
	int err = live_find(t->s, &live);

	if (!err && live.gen.number)
		err = generation_read_manifest(t->s, &live.gen);
	if (err) {
		live_close(&live);
		return err;
	}
	t->program = live.link.program_id;
	link_close(&live.link);
	if (live.gen.number && live.gen.events >= 0) {
		err = add_source(t, &live.gen, first);
		if (err)
			t->program = 0;		/* look again */
		return err;
	}
	policy = live.gen.number;
	generation_close(&live.gen);
	return no_source(t, policy, first);
}

/* What is replaced while it is read may be gone half way: no failure. */
static bool moved_on(struct skpol *s, uint32_t program)
{
	struct skpol quiet = *s;
	struct link_view link;

	if (link_view(&quiet, &link))
		return false;
	link_close(&link);
	return link.program_id != program;
}

/* Has the policy been replaced since we looked? Then its successor is read. */
static int look(struct skpol_trace *t, bool first)
{
	struct link_view link;
	int err = link_view(t->s, &link);

	if (err)
		return err;
	link_close(&link);
	if (link.program_id == t->program && !first)
		return 0;
	err = look_anew(t, first);
	return err && !first && moved_on(t->s, link.program_id) ? 0 : err;
}

/* ------------------------------------------------------------ events */

static uint64_t lost_of_all(struct skpol_trace *t)
{
	uint64_t lost = t->lost;

	for (size_t i = 0; i < t->n; i++) {
		source_lost(t->s, &t->v[i]);
		lost += t->v[i].lost;
	}
	return lost;
}

static bool wanted(const struct skpol_trace *t, const struct skpol_event *e)
{
	return !t->rule || !strcmp(t->rule, e->rule);
}

struct sink {
	void (*each)(void *ctx, const struct skpol_event *e);
	void *ctx;
	uint64_t lost;		/* to be told with the next event */
};

static int read_source(struct skpol_trace *t, struct source *v,
		       struct sink *sink, int most)
{
	const struct image_event *in;
	size_t size;
	int n = 0;

	while (n < most && (in = ring_next(&v->ring, &size))) {
		struct skpol_event e;
		bool known = size == sizeof(*in) &&
			!trace_explain(t->s, &v->g, in, &t->owners, &e);

		t->lost += !known;	/* not of this policy: not in silence */
		if (known && wanted(t, &e)) {
			e.lost = sink->lost;
			t->told += sink->lost;
			sink->lost = 0;
			sink->each(sink->ctx, &e);
			n++;
		}
		ring_done(&v->ring, size);
	}
	return n;
}

static void wait_for_events(struct skpol_trace *t, int ms)
{
	struct pollfd p[SOURCES];

	for (size_t i = 0; i < t->n; i++)
		p[i] = (struct pollfd){ .fd = t->v[i].events,
					.events = POLLIN };
	poll(p, t->n, ms);
}

static int read_all(struct skpol_trace *t, struct sink *sink, int most)
{
	int n = 0;

	sink->lost = lost_of_all(t) - t->told;
	for (size_t i = 0; i < t->n; i++)
		n += read_source(t, &t->v[i], sink, most - n);
	for (size_t i = 0; i < t->n;)
		if (t->v[i].left && now_ms() - t->v[i].left > LEFT_MS)
			drop_source(t, i);
		else
			i++;
	return n;
}

int skpol_trace_read(struct skpol_trace *t, int timeout_ms, unsigned int most,
		     void (*each)(void *ctx, const struct skpol_event *e),
		     void *ctx)
{
	struct sink sink = { each, ctx, 0 };
	int limit = most && most < BATCH ? (int)most : BATCH, n, err;

	handle_begin(t->s);
	err = look(t, false);
	if (err)
		return err;
	n = read_all(t, &sink, limit);
	if (n || !timeout_ms)
		return n;
	wait_for_events(t, timeout_ms > 0 && timeout_ms < LOOK_MS ?
			timeout_ms : LOOK_MS);
	return read_all(t, &sink, limit);
}

uint64_t skpol_trace_lost(struct skpol_trace *t)
{
	return lost_of_all(t);
}

/* ------------------------------------------------------------ open, close */

static int fail_silent(struct skpol_trace *t)
{
	if (!t->program)
		return fail_input(t->s, -ENOENT, "no policy runs here");
	return fail_input(t->s, -ENOENT, "no rule of the policy that runs says "
			  "`trace`: add it to those that you want to see");
}

static int check_rule(struct skpol_trace *t)
{
	char names[512];

	if (!t->rule || listener_rule(t->v[0].g.manifest, t->rule) >= 0)
		return 0;
	generation_names(json_object_get(t->v[0].g.manifest, "rules"), "trace",
			 names, sizeof(names));
	return fail_input(t->s, -ENOENT, "the policy that runs has no rule "
			  "`%s` that says `trace`; it has: %s", t->rule,
			  *names ? names : "none");
}

static int start(struct skpol_trace *t)
{
	int err = state_find(t->s);

	if (err == -ENOENT)
		return fail_silent(t);
	if (err)
		return err;
	t->lock = listener_lock(t->s);
	if (t->lock < 0)
		return t->lock;
	err = look(t, true);
	if (err == -ENOENT)
		return fail_silent(t);
	return err ? err : check_rule(t);
}

int skpol_trace_open(struct skpol *s, const struct skpol_trace_options *o,
		     struct skpol_trace **out)
{
	struct skpol_trace_options all = { 0 };
	struct skpol_trace *t = calloc(1, sizeof(*t));
	int err;

	handle_begin(s);
	*out = NULL;
	if (!t)
		return fail_memory(s);
	if (o)
		memcpy(&all, o, o->size < sizeof(all) ? o->size : sizeof(all));
	t->s = s;
	t->lock = -1;
	t->sample = all.sample ? all.sample : 1;
	t->rule = all.rule ? strdup(all.rule) : NULL;
	err = all.rule && !t->rule ? fail_memory(s) : start(t);
	if (err) {
		char message[MESSAGE_MAX];
		enum skpol_fault fault = s->fault;

		strcpy(message, s->message);
		skpol_trace_close(t);
		strcpy(s->message, message);
		s->fault = fault;
		return err;
	}
	*out = t;
	return 0;
}

void skpol_trace_close(struct skpol_trace *t)
{
	if (!t)
		return;
	while (t->n)
		drop_source(t, t->n - 1);
	owner_cache_free(&t->owners);
	auto_close(&t->lock);
	free(t->rule);
	free(t);
}
