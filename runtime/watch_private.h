/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch_private - what watch.c sees and watch_fill.c puts right
 */
#ifndef SKPOL_WATCH_PRIVATE_H
#define SKPOL_WATCH_PRIVATE_H

#include "inspect.h"
#include "slots.h"
#include "sockdiag.h"
#include "watch.h"

struct seat {			/* a slot, and what is remembered of it */
	struct slot_key key;
	uint32_t slot;
	uint64_t held[IMAGE_PLACES];
	struct diag_socket where;	/* the last that was known; cookie 0 = none */
	struct endpoint at;		/* the policy's; port 0 = none */
	bool released;
	bool wanted;			/* there is somebody to take its places */
};

struct watch {
	struct skpol *s;
	void (*event)(void *ctx, const struct watch_event *e);
	void *ctx;
	void (*old_note)(void *ctx, const char *text);
	void *old_ctx;
	struct seat *seats;	/* rising by key */
	size_t n;
	uint32_t program;	/* whose policy the `at` are of */
	int64_t next_scan;	/* ms */
	struct diag_socket *all;	/* of this tick, or NULL; by cookie */
	const struct diag_socket **by_place;	/* the same by address */
	size_t nall;
	uint32_t said[32];	/* hashes of troubles of late */
	size_t nsaid;
	int64_t forget;		/* when they may be said again */
};

void watch_tell(struct watch *w, enum watch_kind kind, const struct seat *e,
		const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Said once a minute, however often it happens. */
void watch_trouble(struct watch *w, const char *text);

/* Whether socket D belongs into the slot of E: by address, user and device. */
bool seat_takes(const struct seat *e, const struct diag_socket *d);
bool seat_holds(const struct seat *e, uint64_t cookie);

/* Puts what belongs there into all seats that are wanted. */
void watch_fill(struct watch *w);

#endif
