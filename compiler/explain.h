/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explain - why a packet gets its verdict
 *
 * In: policy, diagram, packet. Out: the deciding rule and verdict, and for
 * each earlier rule the first of its conditions that the packet misses. Both
 * as text and as JSON; the caller adds what the bytes say.
 */
#ifndef SKPOL_EXPLAIN_H
#define SKPOL_EXPLAIN_H

#include <jansson.h>

#include "diagram.h"

/*
 * {"packet":"…","verdict":"web","rule":{"name","file","line","column","text"},
 *  "outcome":"web else drop","path":[{"field","value","low","high"}],
 *  "missed":[{"name","file","line","because":"local port 443 is not in 80"}]}
 */
json_t *explain_json(const struct policy *p, const struct diagram *d,
		     struct source_set *s, const struct packet *k);
void explain_text(const json_t *explanation, FILE *out);

#endif
