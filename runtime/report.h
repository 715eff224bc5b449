/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report - what runs in the namespace, as JSON
 *
 * In: a handle. Out: the objects that `skpol status --json` and `skpol stats
 * --json` print (keys: DESIGN section 4; keys are added, never changed), new
 * references, or NULL with a message. Readers take no lock.
 */
#ifndef SKPOL_REPORT_H
#define SKPOL_REPORT_H

#include <jansson.h>

#include "handle.h"

/* J, which is taken over, as text: what the public calls hand out. */
int report_text(struct skpol *s, json_t *j, char **text);

json_t *report_status(struct skpol *s);
json_t *report_stats(struct skpol *s);
json_t *report_profile(struct skpol *s);

/* Numbers over 2^53 are strings: not every reader of JSON has 64 bits. */
json_t *report_number(uint64_t n);
uint64_t report_value(const json_t *j);

#endif
