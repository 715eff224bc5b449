/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace - the events of the policy that runs, whichever that is
 *
 * skpol_trace_* (skpol.h). What an event means is told by trace_event.c, where
 * they come from by trace.c.
 */
#ifndef SKPOL_TRACE_H
#define SKPOL_TRACE_H

#include "abi.h"
#include "generation.h"
#include "owner.h"

/* Who has the sockets in the slots of a generation, as of a moment ago. */
struct owner_cache {
	struct socket_owner *v;
	size_t n;
	uint64_t at;		/* monotonic ns */
};

/* -EBADMSG when the event names no rule of G. Texts live as long as G and C. */
int trace_explain(struct skpol *s, const struct generation *g,
		  const struct image_event *e, struct owner_cache *c,
		  struct skpol_event *out);

/* The process that has the socket with this cookie; NULL = not known. */
const struct socket_owner *owner_cache_get(struct skpol *s,
					   const struct generation *g,
					   struct owner_cache *c,
					   uint64_t cookie);
void owner_cache_free(struct owner_cache *c);

#endif
