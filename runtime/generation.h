/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * generation - a policy that was applied: program, maps, and what it means
 *
 *	7/program	7/counters	7/events (with `trace`)
 *	7/sockets	a second pin of the namespace's socket map
 *	7/manifest	the object's manifest (blob)
 *	7/meta		what the runtime adds to it (blob):
 *	    {"version":1,"generation":7,"policy":"edge-web","object":"sha256",
 *	     "sha256":"of the sources","slots":[{"name","protocol","family",
 *	     "slot"}],"interfaces":[{"name","index"}],"counters":["tls"],
 *	     "chain":[7,6]}
 *	  after a rollback with "from":5, whose program it is, and when it was
 *	  for want of a confirmation "unconfirmed":6; on trial with "confirm"
 *	  (confirm.h), and then there is a folder 7/confirmed, or not
 *	7/base		counts of generations before (counter.h; blob)
 *
 * Numbers rise and are not used again while the state exists. A folder gets
 * its number by one rename, complete. The live generation and some before it
 * are kept, for a rollback: that makes a new one out of the pins of an old.
 */
#ifndef SKPOL_GENERATION_H
#define SKPOL_GENERATION_H

#include <jansson.h>

#include "handle.h"
#include "link.h"

struct generation {
	uint32_t number;	/* 0 = none */
	uint32_t program_id;
	int program, counters, events, sockets;	/* -1 = none, or gone */
	json_t *meta, *base, *manifest;	/* NULL = gone, or not read */
};

#define GENERATION_NONE ((struct generation){ .program = -1, .counters = -1, \
	.events = -1, .sockets = -1 })

/* Numbers of the generations in the state, rising; V may be NULL. */
int generation_list(struct skpol *s, uint32_t **v, size_t *n);

/*
 * What is left of generation NUMBER: pins that were deleted by hand are -1 and
 * NULL. The manifest is not read; -ENOENT when there is no such folder. A pin
 * that is there and cannot be opened is no such thing, but a failure.
 */
int generation_open(struct skpol *s, uint32_t number, struct generation *g);
int generation_read_manifest(struct skpol *s, struct generation *g);
void generation_close(struct generation *g);

/* That with the highest number; -ENOENT (no message) when there is none. */
int generation_newest(struct skpol *s, struct generation *g);

/*
 * What runs: link, and the generation whose program it is. When the link is
 * not alive, or hidden from us: the newest, which ran last. gen.number is 0
 * when there is none, or when an attached program belongs to no folder.
 */
struct live {
	struct link_view link;
	struct generation gen;
};
int live_find(struct skpol *s, struct live *v);
void live_close(struct live *v);
static inline bool live_attached(const struct live *v)
{
	return v->link.state == LINK_ALIVE;
}

/*
 * Deletes what nothing needs: what a command that died had made and never ran,
 * and all but the newest that could run again, LIVE among them. Their counts
 * are in the base of LIVE, or their maps in its chain.
 */
enum { GENERATIONS_KEPT = 5 };
int generation_sweep(struct skpol *s, const struct generation *live);
/* Those that are kept for a rollback only, too: there is no room for them. */
int generation_sweep_kept(struct skpol *s, const struct generation *live);

/* Whether it could run again: everything but the manifest is looked for. */
bool generation_complete(const struct generation *g);

/*
 * [{"generation","policy","sha256","object","live"}], newest first; "from" when
 * a rollback took its program over from a generation of that number,
 * "unconfirmed" when it was or is on trial (confirm.h).
 */
json_t *generation_report(struct skpol *s, const struct live *live);

/* What a call that changes the policy tells of G. */
void generation_applied(const struct generation *g, bool changed,
			struct skpol_applied *out);

/* For a message: the names of objects in an array of its meta or manifest, of
 * slots or rules, where KEY is true; NULL: of all. Of equal ones in a row, once. */
void generation_names(const json_t *objects, const char *key, char *buf,
		      size_t size);

/* Pins G under its number. Its meta, base and manifest must be there. */
int generation_write(struct skpol *s, const struct generation *g);
int generation_delete(struct skpol *s, uint32_t number);

#endif
