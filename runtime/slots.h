/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slots - which place in the socket map belongs to which name
 *
 * In: {name, protocol, family}. Out: a slot, always the same while anybody
 * needs it: a policy that names it, or a socket that is in it. Promise: no
 * slot ever belongs to two names. Writers hold the lock of the state.
 *
 * A slot has places for several members of one SO_REUSEPORT group (abi.h): the
 * program takes the first that has a socket. A slot is empty when all are.
 */
#ifndef SKPOL_SLOTS_H
#define SKPOL_SLOTS_H

#include <jansson.h>

#include "abi.h"
#include "handle.h"

enum { SLOTS_MAX = IMAGE_SLOTS_MAX };

struct slot_key {		/* the key in the map `names` */
	char name[64];
	uint8_t protocol;	/* IPPROTO_TCP, IPPROTO_UDP */
	uint8_t family;		/* 4, 6 */
	uint8_t zero[6];
};

struct slot_value {		/* its value */
	uint32_t slot;
	uint32_t zero;
};

struct slot {
	struct slot_key key;
	uint32_t slot;
	bool wanted;		/* by a generation that is kept */
};

struct slots {
	int sockets, names;	/* the maps */
	uint32_t places;	/* 1 in a map of an older skpol */
	struct slot *v;		/* rising by key, up to `sorted` */
	size_t n, cap, sorted;
	uint8_t *used;		/* a bit a slot */
	uint32_t next;		/* no free slot is below */
	bool dry;		/* slot_take writes nothing */
};

/*
 * Opens the maps and reads the names. With CREATE, makes maps that are not
 * there, the sockets out of a generation that still has them (a pin was
 * deleted by hand). Without, -ENOENT and no message.
 */
int slots_open(struct skpol *s, struct slots *t, bool create);
/*
 * To see what would be: reads the names there are, and gives new ones slots
 * in memory only. Where there are no maps, the sockets are an empty map that
 * nobody else has.
 */
int slots_open_dry(struct skpol *s, struct slots *t);
void slots_close(struct slots *t);

struct slot_key slot_key(const char *name, uint8_t protocol, uint8_t family);
/* {"name":"web","protocol":"tcp","family":"ip4","slot":3} and back. */
json_t *slot_print(const struct slot_key *k, uint32_t slot);
bool slot_parse(const json_t *j, const char *name, struct slot_key *k,
		uint32_t *slot);

/* After many were taken, that they are found sooner. */
void slots_sort(struct slots *t);
/* NULL when the name has no slot. */
const struct slot *slot_find(const struct slots *t, const struct slot_key *k);
/* The slot of K, a new one if need be; or a negative errno. */
int64_t slot_take(struct skpol *s, struct slots *t, const struct slot_key *k);

/* SO_COOKIE of the socket in SLOT, the first of several; 0 = empty. */
uint64_t slot_cookie(const struct slots *t, uint32_t slot);
/* The same of one place, 0 to t->places - 1. */
uint64_t slot_place(const struct slots *t, uint32_t slot, uint32_t place);
/* Puts FD there (FLAGS of bpf_map_update_elem), or with -1 empties it. */
int slot_put(const struct slots *t, uint32_t slot, uint32_t place, int fd,
	     uint64_t flags);
/* Empties all places, the first last; *ANY: whether there was a socket. */
int slot_clear(const struct slots *t, uint32_t slot, bool *any);

/*
 * Frees the slots that are empty and that no generation in the state names.
 * No program that could know them may be running any more.
 */
int slots_collect(struct skpol *s, struct slots *t);

#endif
