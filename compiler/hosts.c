/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hosts - which hosts become a table
 *
 * In: see hosts.h. Out: tables of hosts. A term names a host where its set of
 * addresses is that host alone: sets of many are one block of a diagram, which
 * has a table of its own. Rules are weighed by their number, or by their hits.
 */
#include "hosts.h"

#include <stdlib.h>
#include <string.h>

#include "../grammar/arena.h"

enum {
	/* Hosts, where so many percent of the rules, or hits, are of them: a packet
	 * like the one before takes 3 ns more then, others 7 to 26 less. */
	LEAST = 24, SHARE_FOUR = 80, SHARE_SIX = 50,
	/* Where a look-up takes long, and one in so many is; of IPv6, whose words are
	 * asked for one by one: */
	LEAST_SLOW = 250, SHARE_SLOW = 8,
	LEAST_SIX_SLOW = 100, SHARE_SIX_SLOW = 5,
	FEW = 4,		/* blocks: one for so many hosts */
	SAMPLE = 500,		/* names that are asked before all are */
	KINDS = 4,		/* masks of HOSTS_LOCAL and HOSTS_REMOTE */
};

struct name {			/* a term that names a host */
	u128 local, remote;
	struct host_rule rule;
	double weight;
};

struct names {
	struct name *v;
	size_t n, cap;
};

/* Of one family. */
struct choice {
	double all;		/* weight of all terms */
	struct names by[KINDS];
	double weight[KINDS];
};

static u128 host_of(const struct iset *s)
{
	return s ? s->v[0].low : 0;
}

static const struct iset *local_of(const struct term *t, unsigned int family)
{
	return t->set[family ? FIELD_LADDR6 : FIELD_LADDR4];
}

static const struct iset *remote_of(const struct term *t, unsigned int family)
{
	return t->set[family ? FIELD_RADDR6 : FIELD_RADDR4];
}

/* How the term T of FAMILY names hosts: a mask; 0 if it does not. */
static unsigned int names_hosts(const struct term *t, unsigned int family)
{
	const struct iset *l = local_of(t, family), *r = remote_of(t, family);

	if ((l && !hosts_is_one(l)) || (r && !hosts_is_one(r)))
		return 0;
	return (l ? HOSTS_LOCAL : 0) | (r ? HOSTS_REMOTE : 0);
}

static void add_term(struct arena *a, struct choice *c, const struct term *t,
		     unsigned int family, struct name name)
{
	const struct iset *f = t->set[FIELD_FAMILY];
	unsigned int named = names_hosts(t, family);

	if (f && !iset_contains(f, family))
		return;
	c->all += name.weight;
	if (!named)
		return;
	name.local = host_of(local_of(t, family));
	name.remote = host_of(remote_of(t, family));
	name.rule.term = t;
	c->weight[named] += name.weight;
	*arena_push(a, c->by[named].v, c->by[named].n, c->by[named].cap) =
		name;
}

static void look_at_rules(struct arena *a, const struct hosts_input *in,
			  unsigned int family, struct choice *out)
{
	const struct policy *p = in->policy;

	for (size_t i = 0; i < p->nclauses; i++) {
		const struct clause *c = &p->clauses[i];
		uint32_t rule = p->actions[c->action].rule;
		struct name name = {
			.rule.effect = in->effects->of_action[c->action],
			.weight = in->hits ? (double)in->hits[rule] /
				(double)c->terms.n : 1,
		};

		for (size_t k = 0; k < c->terms.n; k++)
			add_term(a, out, &c->terms.v[k], family, name);
	}
}

static int by_host(const void *a, const void *b)
{
	const struct name *x = a, *y = b;

	if (x->local != y->local)
		return x->local < y->local ? -1 : 1;
	return x->remote < y->remote ? -1 : x->remote > y->remote;
}

/* How many names from I on are of one host. */
static size_t of_one_host(const struct names *names, size_t i)
{
	size_t n = 1;

	while (i + n < names->n && !by_host(&names->v[i], &names->v[i + n]))
		n++;
	return n;
}

/* The host that the names from I on are of; false: nothing could be said. */
static bool ask_one(const struct names *names, size_t i,
		    struct host_rule *rules, struct host_question *q,
		    struct host *h)
{
	*h = (struct host){ .local = names->v[i].local,
			    .remote = names->v[i].remote };
	q->rules = rules;
	q->n = of_one_host(names, i);
	for (size_t k = 0; k < q->n; k++)
		rules[k] = names->v[i + k].rule;
	return host_cells(q, h);
}

static double weight_of(const struct names *names, size_t i, size_t n)
{
	double sum = 0;

	for (size_t k = i; k < i + n; k++)
		sum += names->v[k].weight;
	return sum;
}

/* About how much of the weight of NAMES a table takes: some of them are asked. */
static double sample(const struct names *names, struct host_rule *rules,
		     struct host_question *q)
{
	size_t step = names->n / SAMPLE + 1;
	double asked = 0, answered = 0;

	for (size_t i = 0; i < names->n; i += step > q->n ? step : q->n) {
		struct host h;
		bool ok = ask_one(names, i, rules, q, &h);
		double weight = weight_of(names, i, q->n);

		asked += weight;
		answered += ok ? weight : 0;
	}
	return asked > 0 ? answered / asked : 0;
}

/* All hosts that NAMES has; out: the weight of what names these. */
static double ask(const struct names *names, struct host_rule *rules,
		  struct host_question *q, struct hosts *out)
{
	double weight = 0;

	for (size_t i = 0; i < names->n; i += q->n) {
		struct host h;

		if (!ask_one(names, i, rules, q, &h))
			continue;
		weight += weight_of(names, i, q->n);
		*arena_push(q->arena, out->v, out->n, out->cap) = h;
	}
	return weight;
}

/* One IPv4 address, and what is done with most hosts is said by tables, or by few
 * blocks: a single diagram has it in a table of prefixes, a tenth as large. */
static bool is_as_fast(const struct hosts_input *in, unsigned int family,
		       unsigned int named, size_t n)
{
	if (in->least || family ||
	    (named != HOSTS_LOCAL && named != HOSTS_REMOTE))
		return false;
	return in->code < n || (in->diagram &&
		diagram_stats(in->diagram).nodes <= n / FEW);
}

/* Whether N hosts are worth a table, where rules of WEIGHT name them. */
static bool is_worth_it(const struct hosts_input *in, unsigned int family,
			const struct choice *c, size_t n, double weight)
{
	if (in->least)
		return n >= in->least;
	if (n >= LEAST && weight * 100 >= c->all *
	    (family ? SHARE_SIX : SHARE_FOUR))
		return true;
	if (family && in->slow && n >= LEAST_SIX_SLOW &&
	    weight * SHARE_SIX_SLOW >= c->all)
		return true;
	return in->slow && n >= LEAST_SLOW && weight * SHARE_SLOW >= c->all;
}

static void find(struct arena *a, const struct hosts_input *in,
		 unsigned int family, struct hosts *out)
{
	struct choice c = { 0 };
	struct host_question q = { .arena = a, .in = in, .family = family };
	struct host_rule *rules;
	struct names *names;
	double weight;

	look_at_rules(a, in, family, &c);
	for (unsigned int k = 1; k < KINDS; k++)
		if (c.weight[k] > c.weight[q.named])
			q.named = k;
	names = &c.by[q.named];
	weight = c.weight[q.named];
	if (is_as_fast(in, family, q.named, names->n) ||
	    !is_worth_it(in, family, &c, names->n, weight))
		return;
	qsort(names->v, names->n, sizeof(*names->v), by_host);
	rules = arena_array(a, names->n, sizeof(*rules));
	q.memo = host_memos(a, &q);
	weight *= sample(names, rules, &q);
	if (!is_worth_it(in, family, &c, names->n, weight))
		return;
	weight = ask(names, rules, &q, out);
	if (is_worth_it(in, family, &c, out->n, weight))
		out->named = q.named;
}

void hosts_find(struct arena *a, const struct hosts_input *in,
		struct hosts out[2])
{
	memset(out, 0, 2 * sizeof(*out));
	for (unsigned int family = in->six; family < 2; family++)
		find(a, in, family, &out[family]);
}
