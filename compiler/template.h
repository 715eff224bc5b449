/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * template - the code that every policy shares, from bpf-templates/NAME.s
 *
 * The texts are assembled when skpolc is built (by assemble.c, in
 * bpf-templates/mktemplates) and compiled in as tables. In: a template, values
 * for its holes, labels for its ways. Out: its instructions appended to the
 * code. A hole or way out that is not given is a fault of ours (assert).
 */
#ifndef SKPOL_TEMPLATE_H
#define SKPOL_TEMPLATE_H

#include "code.h"

struct template;		/* template_NAME, declared in templates.h */

struct template_hole {
	const char *name;
	int64_t value;
};
struct template_way {
	const char *name;
	label label;
};

/* Arrays end with a NULL name; a way that the text places becomes that label. */
void template_emit(struct code *c, const struct template *t,
		   const struct template_hole *holes,
		   const struct template_way *ways);

#define TEMPLATE_HOLES(...) \
	((const struct template_hole[]) { __VA_ARGS__, { NULL, 0 } })
#define TEMPLATE_WAYS(...) \
	((const struct template_way[]) { __VA_ARGS__, { NULL, 0 } })

#endif
