/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * change - what every command has in common that switches the policy
 *
 *	change_begin	the lock; leftovers swept; what is overdue (confirm.h)
 *			rolled back; what runs now
 *	change_race	nobody was faster while we waited for the lock
 *	change_write	`next` becomes a folder: nothing has changed yet
 *	change_switch	one system call: now it has
 *	change_undo	instead of the two before, or after change_write failed
 *	change_tidy	after the switch; if we die, the next command does it
 *	change_close
 */
#ifndef SKPOL_CHANGE_H
#define SKPOL_CHANGE_H

#include "generation.h"

struct change {
	struct skpol *s;
	int lock;
	uint32_t seen;		/* program that ran before we had the lock */
	struct live live;
	bool settled;		/* an overdue policy was rolled back first */
	struct generation next;	/* owns its JSON, borrows its descriptors */
	bool written;
};

/* Any function below may be called after change_init, in any order. */
void change_init(struct skpol *s, struct change *c);
/* Makes the folder of the namespace when there is none. */
int change_begin(struct change *c);
/* The lock, if there is any state, and what runs now: changes nothing. */
int change_look(struct change *c);
int change_race(struct change *c);
int change_write(struct change *c);
int change_switch(struct change *c);
void change_undo(struct change *c);
void change_tidy(struct change *c);
void change_close(struct change *c);

/*
 * Number, counters' base and chain of `next`, whose other members are set. OLD
 * is the generation whose program it takes over; NULL = a new program. EXTRA
 * (may be NULL) is what meta has besides.
 */
int change_describe(struct change *c, const struct generation *old,
		    json_t *extra);

#endif
