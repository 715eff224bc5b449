/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace_event - what an event means
 *
 * In: an event, the generation that sent it. Out: names, the socket that its
 * slot has now, who owns that. The program does not say which socket it was:
 * one that was replaced since is told by its successor.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "auto.h"
#include "clock.h"
#include "place.h"
#include "slots.h"
#include "trace.h"

enum { OWNERS_MIN_AGE = 200000000 };	/* ns between two walks through /proc */

static uint64_t now(void)
{
	struct timespec t = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void owner_cache_free(struct owner_cache *c)
{
	free(c->v);
	*c = (struct owner_cache){ .v = NULL };
}

static const struct socket_owner *find(const struct owner_cache *c,
				       uint64_t cookie)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].cookie == cookie)
			return &c->v[i];
	return NULL;
}

/* All slots at once: one walk through /proc, however many there are. */
static void refresh(struct skpol *s, const struct generation *g,
		    struct owner_cache *c, uint64_t cookie)
{
	json_t *list = json_object_get(g->meta, "slots"), *j;
	struct skpol quiet = *s;
	size_t i;

	owner_cache_free(c);
	c->at = now();
	c->v = calloc(json_array_size(list) + 1, sizeof(*c->v));
	if (!c->v)
		return;
	c->v[c->n++].cookie = cookie;
	json_array_foreach(list, i, j) {
		struct slot_key k;
		uint32_t slot;
		uint64_t found = slot_parse(j, NULL, &k, &slot) ?
			place_cookie(g->sockets, slot) : 0;

		if (found && !find(c, found))
			c->v[c->n++].cookie = found;
	}
	socket_owners(&quiet, c->v, c->n);
}

const struct socket_owner *owner_cache_get(struct skpol *s,
					   const struct generation *g,
					   struct owner_cache *c,
					   uint64_t cookie)
{
	const struct socket_owner *o = find(c, cookie);

	if (o || !cookie || (c->at && now() - c->at < OWNERS_MIN_AGE))
		return o;
	refresh(s, g, c, cookie);
	return find(c, cookie);
}

/* The slot of the socket, by its number in the object; false = none such. */
static bool find_slot(const struct generation *g, uint32_t number,
		      const char **name, uint32_t *slot)
{
	const json_t *j = json_array_get(json_object_get(g->meta, "slots"),
					 number);
	struct slot_key k;

	*name = json_string_value(json_object_get(j, "name"));
	return *name && slot_parse(j, NULL, &k, slot);
}

static int explain_verdict(struct skpol *s, const struct generation *g,
			   uint32_t number, struct owner_cache *c,
			   struct skpol_event *out)
{
	const struct socket_owner *o;
	uint32_t slot;

	if (number == IMAGE_PASS || number == IMAGE_DROP) {
		out->verdict = number == IMAGE_PASS ? "pass" : "drop";
		return 0;
	}
	if (!find_slot(g, number, &out->verdict, &slot))
		return -EBADMSG;
	out->cookie = g->sockets < 0 ? 0 : place_cookie(g->sockets, slot);
	o = owner_cache_get(s, g, c, out->cookie);
	if (o && o->pid) {
		out->pid = o->pid;
		out->process = o->name;
	}
	return 0;
}

int trace_explain(struct skpol *s, const struct generation *g,
		  const struct image_event *e, struct owner_cache *c,
		  struct skpol_event *out)
{
	const json_t *rule = json_array_get(json_object_get(g->manifest,
							    "rules"), e->rule);

	*out = (struct skpol_event){
		.time = clock_of_ktime(e->time), .generation = g->number,
		.rule = json_string_value(json_object_get(rule, "name")),
		.family = e->family == AF_INET ? 4 : 6,
		.protocol = e->protocol, .ifindex = e->ifindex,
		.local_port = e->local_port, .remote_port = e->remote_port,
	};
	memcpy(out->local, e->local, sizeof(out->local));
	memcpy(out->remote, e->remote, sizeof(out->remote));
	if (!out->rule)
		return -EBADMSG;
	return explain_verdict(s, g, e->slot, c, out);
}
