/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hosts - hosts that rules name, and what is done with their packets
 *
 * In: a policy and its diagrams. Out: for each family the hosts, or the pairs of
 * a local and a remote one, that most rules are about, and what is done with
 * their packets by protocol and local port. A table of them (lower_hosts.c)
 * answers in one look-up where a diagram asks word by word, and guesses wrong
 * at every other. What else decides, too, is left to the diagrams: packets
 * whose remote port or interface is asked for, or a host that has more ports
 * than there is room for. None where few rules name hosts, or few in all: then
 * the table costs more than it saves.
 */
#ifndef SKPOL_HOSTS_H
#define SKPOL_HOSTS_H

#include "effect.h"
#include "forest.h"

enum { HOSTS_LOCAL = 1, HOSTS_REMOTE = 2 };
enum { HOST_CUTS = 6, HOST_OPEN = UINT32_MAX, HOST_UDP = 1 << 16,
       HOST_STEPS = 0xfffd };	/* what begins there or behind is left open */

struct host {			/* or two */
	u128 local, remote;	/* 0 where any is meant */
	uint32_t ncuts;
	/* rising; of the local port, + HOST_UDP for UDP */
	uint32_t cuts[HOST_CUTS];
	/* numbers, between the cuts; HOST_OPEN: ask the diagrams */
	uint32_t effect[HOST_CUTS + 1];
};

struct hosts {
	unsigned int named;	/* mask of HOSTS_LOCAL, HOSTS_REMOTE; 0: none */
	struct host *v;		/* rising by local, then remote address */
	size_t n, cap;
};

struct hosts_input {
	const struct policy *policy;
	const struct diagram *diagram;	/* or NULL, and */
	const struct forest *forest;
	const struct effects *effects;
	const uint64_t *hits;	/* by rule, from a profile; or NULL */
	uint32_t least;		/* of a table; 0 = as usual (tests) */
	bool six;		/* of IPv6 only */
	size_t code;		/* instructions without them */
	bool slow;		/* as there is so much code, or so large tables */
};

/* Whether S is one host. */
static inline bool hosts_is_one(const struct iset *s)
{
	return s && s->n == 1 && s->v[0].low == s->v[0].high;
}

/* OUT by family, as the field has it: IPv4, IPv6. */
void hosts_find(struct arena *a, const struct hosts_input *in,
		struct hosts out[2]);

/*
 * By term of P, clause after clause: FOREST_NO_TREE where HOSTS say what is done
 * with all packets of the term, so that no diagram needs it; else 0. NULL: there is
 * no such term.
 */
uint8_t *hosts_answered(struct arena *a, const struct policy *p,
			const struct hosts hosts[2]);

/* A rule that names a host: its term, and the number of what it does. */
struct host_rule {
	const struct term *term;
	uint32_t effect;
};

/* host_cells.c: what is done with packets of a host that N rules name. */
struct host_question {
	struct arena *arena;
	const struct hosts_input *in;
	unsigned int family;	/* as the field has it */
	unsigned int named;
	struct host_memo *memo;	/* by tree: what was found before */
	const struct host_rule *rules;
	size_t n;
};
struct host_memo *host_memos(struct arena *a, const struct host_question *q);
/* Into H, whose addresses are given. False: nothing that could be said. */
bool host_cells(const struct host_question *q, struct host *h);

#endif
