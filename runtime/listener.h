/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listener - who listens to the events of a generation
 *
 * In: a generation. Out: the last element of its counters (abi.h), by which
 * its program knows what to send. One process listens in a namespace: it
 * holds the lock of the folder `trace`, so one that dies is known to be gone.
 */
#ifndef SKPOL_LISTENER_H
#define SKPOL_LISTENER_H

#include "abi.h"
#include "generation.h"

struct listener {
	int counters;		/* the map, writable; -1 = none */
	uint32_t index;
};

/* -ENOENT (no message) when the generation sends no events. */
int listener_open(struct skpol *s, const struct generation *g,
		  struct listener *l);
void listener_close(struct listener *l);

/*
 * From now on one event in EVERY is sent, of RULE (index + 1; 0 = any). What
 * was lost is counted from 0, or goes on with KEEP.
 */
int listener_set(struct skpol *s, const struct listener *l, uint64_t every,
		 uint64_t rule, bool keep);
/* Whether somebody has asked for one event in EVERY. */
bool listener_is_set(struct skpol *s, const struct listener *l,
		     uint64_t every);
/* Events lost so far. */
int listener_lost(struct skpol *s, const struct listener *l, uint64_t *lost);

/* A descriptor while nobody else listens; -EBUSY. Closing it gives it back. */
int listener_lock(struct skpol *s);
/* The same for whoever has it, if the state was deleted and made anew. */
int listener_keep(struct skpol *s, int *lock);

/*
 * Before the switch from LIVE to NEXT: whoever listens there hears from here,
 * too, from the first packet on. Best effort: a listener looks itself, later.
 */
void listener_carry(struct skpol *s, struct generation *live,
		    const struct generation *next);

/*
 * The rule of that name with `trace` in a manifest: index + 1, 0 when there
 * are several, -ENOENT when there is none.
 */
int64_t listener_rule(const json_t *manifest, const char *name);

#endif
