/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plan - what an object's names are in this namespace: slots and interfaces
 *
 * In: a manifest, the slots of the namespace. Out: numbers for the program,
 * and the same as JSON for the generation's meta. Names that have no slot yet
 * get one.
 */
#ifndef SKPOL_PLAN_H
#define SKPOL_PLAN_H

#include <jansson.h>

#include "slots.h"

struct plan {
	uint32_t *slots;	/* by compile-time slot */
	size_t nslots;
	uint32_t *interfaces;	/* by compile-time number */
	size_t ninterfaces;
	json_t *slots_json;	/* as in meta (generation.h), `at` included */
	json_t *interfaces_json;
};

/*
 * With T NULL, nothing is looked up: slots are as compiled (0, 1, 2 and so
 * on), and there are no interfaces.
 */
int plan_make(struct skpol *s, struct slots *t, const json_t *manifest,
	      struct plan *p);
void plan_free(struct plan *p);

/* What the namespace has under NAME now, 0 for nothing; false: it cannot be asked. */
bool plan_interface_index(struct skpol *s, const char *name, uint32_t *index);
/* Whether the interfaces of an old meta still have their numbers. */
bool plan_interfaces_same(struct skpol *s, const json_t *was);
/* What is said when they have not. */
#define PLAN_INTERFACES_MOVED "interfaces have come, gone, or got other numbers " \
	"since the policy was applied: apply it again"

#endif
