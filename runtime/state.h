/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * state - what skpol keeps in the bpf file system, folder by folder
 *
 *	BPFFS/skpol/IDENTITY/		one namespace, by cookie
 *		lock/			writers take it (flock), readers never
 *		link			what is attached: THE commit point
 *		sockets			SOCKMAP: slot -> socket
 *		names			HASH: name, protocol, family -> slot
 *		new/			a generation in the making
 *		7/			a generation (generation.h)
 *		old/			one that is being deleted
 *
 * The lock is a folder of mode 0700, so that nobody but the owner of the state
 * can hold it. A process that dies loses it. Folders named new and old, and
 * generations above the live one, are leftovers of a command that died; the
 * next one that takes the lock sweeps them.
 */
#ifndef SKPOL_STATE_H
#define SKPOL_STATE_H

#include "handle.h"

/* The path of something of this namespace. */
char *state_path(const struct skpol *s, char path[PATH_MAX], const char *fmt,
		 ...) __attribute__((format(printf, 3, 4)));

/*
 * 0 when there is state for this namespace; -ENOENT (no message) when there is
 * none. Fails when there is no bpf file system, or when somebody else could
 * have put the folder there.
 */
int state_find(struct skpol *s);

/* Makes the folder when needed and waits for the lock: a descriptor. */
int state_lock(struct skpol *s);

/* A pinned object: descriptor or negative errno, no message. */
int pin_get(const struct skpol *s, const char *name);
int pin_get_readonly(const struct skpol *s, const char *name);	/* maps */
int pin_put(struct skpol *s, int fd, const char *name);
int pin_delete(struct skpol *s, const char *name);	/* absent is no error */

int folder_make(struct skpol *s, const char *name);
/* Renames to "old" first, so that it vanishes at once. Absent: no error. */
int folder_delete(struct skpol *s, const char *name);

/* Under the lock: finishes what a dead command left half deleted or made. */
int state_sweep(struct skpol *s);
/* Deletes the whole folder of this namespace, lock last. */
int state_delete(struct skpol *s);
/* Deletes what namespaces left that are gone. Never fails: it is a courtesy. */
void state_sweep_dead(const struct skpol *s);

#endif
