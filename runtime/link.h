/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link - the attachment of a program to the namespace
 *
 * The pinned link is the commit point: whichever program it runs is the live
 * policy. A link without a namespace (detached, or the namespace is gone) is
 * dead and cannot be revived; it counts as none.
 */
#ifndef SKPOL_LINK_H
#define SKPOL_LINK_H

#include "handle.h"

/* Hidden: a reader without privileges may not look (live_find). */
enum link_state { LINK_NONE, LINK_DEAD, LINK_ALIVE, LINK_HIDDEN };

struct link_view {
	enum link_state state;
	int fd;			/* -1 when LINK_NONE */
	uint32_t program_id;	/* 0 when LINK_NONE */
};

int link_view(struct skpol *s, struct link_view *v);
void link_close(struct link_view *v);

/*
 * The switch: attaches PROGRAM, or puts it in the place of the program that
 * V showed (OLD, or -1 when nobody has it any more). -EBUSY when the link has
 * moved on meanwhile.
 */
int link_commit(struct skpol *s, const struct link_view *v, int program,
		int old);
/* Detaches and forgets. */
int link_remove(struct skpol *s, struct link_view *v);

/* Returns after every program that ran before the call has ended. */
int link_quiesce(struct skpol *s);

#endif
