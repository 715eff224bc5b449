/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explain - why a packet gets its verdict
 *
 * In: policy, diagram or forest, packet. Out: the deciding rule and verdict, the way
 * through the diagrams, and for each earlier rule the first of its conditions,
 * in order of writing, that the packet misses. Both as text and as JSON; the
 * caller adds what the bytes say.
 */
#ifndef SKPOL_EXPLAIN_H
#define SKPOL_EXPLAIN_H

#include <jansson.h>

#include "diagram.h"
#include "forest.h"

/*
 * {"packet":"…","verdict":"web",
 *  "rule":{"name","file","line","column","text"[,"description"]},
 *  "outcome":"web else drop",
 *  ["entry":{"map","key","verdict","file","line","column"},]	a map decides
 *  ["split":{"by","hash","share":"5%","socket"},]		a split does
 *  "path":[{["tree",]"field","value","low","high"}],	"tree": of a forest, from 1
 *  "missed":[{"name","file","line","column",	the place of the condition
 *             "because":"local port 443 is not in 80"}]}
 * In "path", ports and interface numbers are numbers, all else is text. NULL
 * when memory runs out.
 */
struct explain_input {
	const struct policy *policy;
	const struct diagram *diagram;	/* or NULL and */
	const struct forest *forest;
	struct source_set *sources;
};
json_t *explain_json(const struct explain_input *in, const struct packet *k);
void explain_text(const json_t *explanation, FILE *out);

#endif
