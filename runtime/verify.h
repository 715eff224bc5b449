/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify - is what runs here this object, to the last instruction and table
 *
 * In: an object. Out: what differs, and what could not be compared. The object
 * is loaded once more, attached to nothing, with the numbers of the running
 * generation, and the kernel's two programs are compared: their tags, their
 * instructions as the kernel has them, which maps they use, what is in their
 * tables. Nothing is changed.
 */
#ifndef SKPOL_VERIFY_H
#define SKPOL_VERIFY_H

#include <jansson.h>

#include "generation.h"
#include "handle.h"
#include "load.h"
#include "objfile.h"

struct verify {
	struct skpol *s;
	const struct objfile *object;
	struct live live;
	json_t *differences, *unknown;
};

/* WHAT is stable: "source", "program", "tables" and so on. */
void verify_differs(struct verify *v, const char *what, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void verify_unknown(struct verify *v, const char *what, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The object is that of the live generation: is the program its own? */
int verify_program(struct verify *v);
/* The two halves of that: the object loaded again; compared with what runs. */
int verify_load(struct verify *v, int sockets, struct loaded *out);
int verify_loaded(struct verify *v, int sockets, const struct loaded *l);

/*
 * {"version":1,"same":true,"policy":"edge","generation":3,"differences":
 * [{"what":"source","text":"…"}],"unknown":[{"what","text"}]}; NULL with a
 * message.
 */
json_t *report_verify(struct skpol *s, const struct objfile *o);

/* The options with which the running policy was compiled; NULL = none runs. */
json_t *verify_options(struct skpol *s);

#endif
