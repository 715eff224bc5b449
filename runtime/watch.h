/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch - notices sockets that vanish and come back, and fills their slots
 *
 * In: a handle; to be called again and again. Out: events, and slots that are
 * filled again. Packets need none of this: it does by itself what `skpol
 * register` would do when somebody typed it.
 *
 * What belongs into a slot is told by the policy (`at`), or remembered: where
 * the socket that was in it was bound, to which device, by which user. Only a
 * socket of the same user and place takes over, never one that a stranger
 * bound to a port that has become free. A slot with room gets further members
 * of the SO_REUSEPORT group that is in it. Who takes a living socket out of a
 * slot (`skpol unregister`) means it: that slot is left alone until somebody
 * registers again.
 *
 * The kernel tells nobody when a socket leaves a map, and its sock_diag tells
 * of every connection that ends; so the map is looked at, which is a system
 * call a place, and the sockets are listed only when one is missed, or every
 * WATCH_SCAN_MS.
 */
#ifndef SKPOL_WATCH_H
#define SKPOL_WATCH_H

#include "handle.h"

enum { WATCH_TICK_MS = 500, WATCH_SCAN_MS = 5000 };

#define WATCH_EVENTS(X) \
	X(VANISHED,	"vanished")	/* a socket; others may be left */ \
	X(EMPTY,	"empty")	/* it was the slot's last */ \
	X(FILLED,	"filled")	/* by us */ \
	X(RELEASED,	"released")	/* taken out alive: left alone */ \
	X(ROLLED_BACK,	"rolled-back")	/* a policy nobody confirmed */ \
	X(NOTE,		"note") \
	X(BROKER,	"broker")	/* a request, and what came of it */ \
	X(TROUBLE,	"trouble")	/* looking failed; goes on */

enum watch_kind {
#define X(id, name) WATCH_##id,
	WATCH_EVENTS(X)
#undef X
};

struct watch_event {
	enum watch_kind kind;
	const char *name;	/* of the socket; NULL = of none */
	uint8_t protocol, family;
	const char *text;	/* the whole, in words */
};

struct watch;
const char *watch_kind_name(enum watch_kind k);

/* NULL without memory. EVENT is called during watch_tick only. */
struct watch *watch_open(struct skpol *s,
			 void (*event)(void *ctx, const struct watch_event *e),
			 void *ctx);
void watch_close(struct watch *w);

/*
 * Whether there is any sense in it: 0, or a negative errno with a message when
 * the caller may not do it. What else is wrong may pass, and is `trouble`.
 */
int watch_allowed(struct watch *w);

/* Looks once. How long to wait until the next, in ms. Never fails. */
int watch_tick(struct watch *w);

#endif
