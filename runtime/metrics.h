/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * metrics - counters and state in the text formats that monitoring reads
 *
 * In: handles, one a namespace. Out: one text, a family of samples at a time:
 * Prometheus' own format, or OpenMetrics. Names and labels are an interface:
 * they are added, never changed.
 */
#ifndef SKPOL_METRICS_H
#define SKPOL_METRICS_H

#include <stdio.h>

#include "handle.h"

/* FAMILY(id, name, type, unit, help): a counter's samples end in _total. */
#define METRICS(FAMILY) \
	FAMILY(INFO, "skpol", "info", "", \
	       "The policy that runs: generation, and SHA-256 of its source.") \
	FAMILY(ATTACHED, "skpol_attached", "gauge", "", \
	       "Whether a policy is attached to the namespace.") \
	FAMILY(GENERATION, "skpol_generation", "gauge", "", \
	       "Number of the policy's generation.") \
	FAMILY(HITS, "skpol_rule_hits", "counter", "", \
	       "Packets that the rule decided.") \
	FAMILY(MISSING, "skpol_rule_missing", "counter", "", \
	       "Times that a slot in the rule's chain was empty.") \
	FAMILY(REFUSED, "skpol_rule_refused", "counter", "", \
	       "Times that the kernel refused a socket, by errno.") \
	FAMILY(LAST_HIT, "skpol_rule_last_hit_timestamp_seconds", "gauge", \
	       "seconds", "When the rule last decided a packet.") \
	FAMILY(REGISTERED, "skpol_socket_registered", "gauge", "", \
	       "Whether a socket is in the slot.") \
	FAMILY(INTERFACE, "skpol_interface_current", "gauge", "", \
	       "Whether the interface is as it was when the policy was applied.")

enum metric {
#define FAMILY(id, name, type, unit, help) METRIC_##id,
	METRICS(FAMILY)
#undef FAMILY
	METRIC_COUNT
};

struct metrics;

struct metrics *metrics_new(void);	/* NULL: no memory */
void metrics_free(struct metrics *m);
/* What runs in the namespace of S. NETNS becomes a label, unless NULL. */
int metrics_add(struct metrics *m, struct skpol *s, const char *netns);
/* Everything that was added, once; -ENOMEM. */
int metrics_write(struct metrics *m, bool openmetrics, FILE *out);

#endif
