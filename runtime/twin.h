/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * twin - a copy of the running program that may be asked without being counted
 *
 * In: the live generation. Out: its policy's text, compiled again as it was
 * compiled then: the same instructions and tables (which is checked), looking
 * into the live socket map, but with counters and events of its own. A packet
 * is put to it in the kernel; one with an interface, which the kernel does not
 * take for a trial, to the interpreter. Part of the command, not of libskpol:
 * it has the compiler in it.
 */
#ifndef SKPOL_TWIN_H
#define SKPOL_TWIN_H

#include "../compiler/compile.h"
#include "load.h"
#include "verify.h"

struct twin {
	struct verify verify;	/* live generation; what is not the same */
	struct objfile *object;
	struct compiled compiled;
	bool is_compiled;
	struct loaded loaded;
};

struct twin_answer {
	bool drop, in_kernel;
	/* The selected socket: one of these, or 0 and IMAGE_PASS. */
	uint64_t cookie;	/* asked in the kernel */
	uint32_t slot;		/* asked of the interpreter: of the object */
};

/* -ENOENT when no policy runs. */
int twin_open(struct skpol *s, struct twin *t);
void twin_close(struct twin *t);
bool twin_same(const struct twin *t);

/*
 * P, as the running program sees it here and now: its interface has the number of
 * today, and the name that the program got that number for, if there is one.
 */
void twin_arrives(struct twin *t, struct packet *p);
/* What is to be said of the interface of P and of those of the policy, or NULL. */
const char *twin_interfaces(struct twin *t, const struct packet *p);

/* Of a packet that arrives so. */
int twin_ask(struct twin *t, const struct packet *p, struct twin_answer *out);

/* Slot of the object -> of the socket map; false = none such. */
bool twin_slot(const struct twin *t, uint32_t slot, uint32_t *number);

#endif
