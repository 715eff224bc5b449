/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counter - counts by rule name, exact across replacements
 *
 * A program may still be counting on another processor when the link already
 * runs its successor, so no counter map is ever copied at the switch. Instead
 * every generation carries `base`, the sums of all maps that were at rest when
 * it was made, and `chain`, the generations whose maps are not in there:
 *
 *	total = base + the maps of the chain, as they are at this moment
 *
 * A new generation's base takes in its predecessor's chain, except for the
 * predecessor itself, which is running. What it takes in was replaced by an
 * earlier switch, and one grace period later (link_quiesce) nobody counts
 * there. Base and chain belong to the generation: the switch of the link
 * switches them too, so a command that dies counts nothing twice. A rollback
 * is a new generation with the map of an old one, whose counts its base lacks:
 * so a number in a base may be below zero, a total never.
 */
#ifndef SKPOL_COUNTER_H
#define SKPOL_COUNTER_H

#include "abi.h"
#include "generation.h"

/* {"tls":[hits,missing,…]}: every counter that generation G stands for. */
json_t *counter_totals(struct skpol *s, const struct generation *g);
/* One of them; zeros when it is not there. */
struct image_counter counter_get(const json_t *totals, const char *name);

/*
 * The base and chain of generation NUMBER, which is to follow LAST (number 0 =
 * none). Waits until what is taken in is at rest. With OLD (or NULL), NUMBER
 * will count in OLD's map, which is at rest: what is in there already is taken
 * out of the base, that it is not counted twice.
 */
int counter_fold(struct skpol *s, const struct generation *last,
		 const struct generation *old, uint32_t number, json_t **base,
		 json_t **chain);

/* Whether NUMBER is in the chain of G. */
bool counter_chained(const struct generation *g, uint32_t number);

/* The names by index in the map, from a manifest; array, JSON null = unused. */
json_t *counter_names(const json_t *manifest);

#endif
