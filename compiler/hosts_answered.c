/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hosts_answered - which terms need be in no diagram
 *
 * In: hosts, see hosts.h. Out: a mark for each term all of whose packets are some
 * host's, at ports where it is said what is done. A packet that is left to the
 * diagrams is in none of these terms: without them they say the same of it, and
 * are much smaller where most rules name hosts.
 */
#include <stdlib.h>
#include <string.h>

#include "../grammar/arena.h"
#include "hosts.h"

enum { PORTS = 1 << 16 };

static int by_host(const void *a, const void *b)
{
	const struct host *x = a, *y = b;

	if (x->local != y->local)
		return x->local < y->local ? -1 : 1;
	return x->remote < y->remote ? -1 : x->remote > y->remote;
}

/* The host that all packets of T are of, or NULL. */
static const struct host *host_of(const struct hosts *hosts,
				  unsigned int family, const struct term *t)
{
	const struct iset *local = t->set[family ? FIELD_LADDR6 : FIELD_LADDR4];
	const struct iset *remote = t->set[family ? FIELD_RADDR6 : FIELD_RADDR4];
	struct host key = { .local = 0 };

	if ((hosts->named & HOSTS_LOCAL && !hosts_is_one(local)) ||
	    (hosts->named & HOSTS_REMOTE && !hosts_is_one(remote)))
		return NULL;
	if (hosts->named & HOSTS_LOCAL)
		key.local = local->v[0].low;
	if (hosts->named & HOSTS_REMOTE)
		key.remote = remote->v[0].low;
	return bsearch(&key, hosts->v, hosts->n, sizeof(key), by_host);
}

/* Whether it is said what is done with ports LOW to HIGH, + HOST_UDP for UDP. */
static bool is_said(const struct host *h, uint32_t low, uint32_t high)
{
	uint32_t i = 0;

	while (i < h->ncuts && h->cuts[i] <= low)
		i++;
	while (h->effect[i] != HOST_OPEN) {
		if (i == h->ncuts || h->cuts[i] > high)
			return true;
		i++;
	}
	return false;
}

static bool says_all(const struct host *h, const struct term *t)
{
	static const struct interval any = { 0, PORTS - 1 };
	const struct iset *protocols = t->set[FIELD_PROTOCOL];
	const struct iset *ports = t->set[FIELD_LPORT];
	const struct interval *v = ports ? ports->v : &any;
	size_t n = ports ? ports->n : 1;

	for (uint32_t p = 0; p < 2; p++) {
		if (protocols && !iset_contains(protocols, p))
			continue;
		for (size_t i = 0; i < n; i++)
			if (!is_said(h, p * HOST_UDP + (uint32_t)v[i].low,
				     p * HOST_UDP + (uint32_t)v[i].high))
				return false;
	}
	return true;
}

/* A term that has one host's address is of that one's family alone. */
static bool is_answered(const struct hosts hosts[2], const struct term *t)
{
	for (unsigned int family = 0; family < 2; family++) {
		const struct iset *f = t->set[FIELD_FAMILY];
		const struct host *h;

		if (!hosts[family].named || !f || iset_contains(f, !family))
			continue;
		h = host_of(&hosts[family], family, t);
		if (h && says_all(h, t))
			return true;
	}
	return false;
}

uint8_t *hosts_answered(struct arena *a, const struct policy *p,
			const struct hosts hosts[2])
{
	bool any = false;
	size_t n = 0;
	uint8_t *out;

	for (size_t i = 0; i < p->nclauses; i++)
		n += p->clauses[i].terms.n;
	out = arena_array(a, n + 1, 1);
	n = 0;
	for (size_t i = 0; i < p->nclauses; i++) {
		const struct terms *t = &p->clauses[i].terms;

		for (size_t k = 0; k < t->n; k++, n++)
			if (is_answered(hosts, &t->v[k])) {
				out[n] = FOREST_NO_TREE;
				any = true;
			}
	}
	return any ? out : NULL;
}
