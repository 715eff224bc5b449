/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * order - in which order a diagram tests the fields
 *
 * In: the terms of both families. Out: the diagram in the best order found. A
 * bad order costs 5 to 65 times more, and no rule of thumb finds the good one:
 * so all orders of the fields in use (an address is one field here) are tried
 * on a small sample of the terms, the best quarter on a larger one, and so on;
 * the last few on everything, where a try ends as soon as it is worse than the
 * best. What is smallest has the fewest children, as a node costs a look-up, too,
 * not only its cuts. Work is counted in children made, never in time: the same
 * policy has the same order everywhere.
 */
#include "diagram_table.h"

#include <stdlib.h>
#include <string.h>

enum {
	SAMPLE_MIN = 48,	/* terms of the first sample */
	SAMPLE_STEP = 4,	/* how much larger the next one is */
	SAMPLE_MAX = 1024,
	SAMPLE_INTERVALS = 16384,	/* of all sets of a sample, about */
	KEEP_LAST = 3,		/* orders tried on everything */
	SLACK = 4,		/* a sample's loser may be this much larger */
	FULL_STEPS = 3000000,	/* then no further try on everything begins */
	MAIN_UNITS = 5,
};

const uint8_t order_plain[FIELD_COUNT] = {
	FIELD_FAMILY, FIELD_PROTOCOL, FIELD_RADDR4, FIELD_RADDR6,
	FIELD_LADDR4, FIELD_LADDR6, FIELD_LPORT, FIELD_RPORT,
	FIELD_IFNAME, FIELD_IFINDEX,
};

/* What moves as one: both families' form of an address stay side by side. */
static const struct unit {
	uint8_t fields[2], n;
} units[MAIN_UNITS] = {
	{ { FIELD_PROTOCOL }, 1 },
	{ { FIELD_RADDR4, FIELD_RADDR6 }, 2 },
	{ { FIELD_LADDR4, FIELD_LADDR6 }, 2 },
	{ { FIELD_LPORT }, 1 },
	{ { FIELD_RPORT }, 1 },
};
static const struct unit interfaces = { { FIELD_IFNAME, FIELD_IFINDEX }, 2 };

struct candidate {
	uint8_t order[FIELD_COUNT];
	size_t index;		/* ties go to the earlier one */
	size_t children;	/* on the last sample; SIZE_MAX = too many */
};

struct candidates {
	struct candidate *v;
	size_t n, cap;
};

static uint32_t used_fields(const struct titems items[2])
{
	uint32_t used = 0;

	for (size_t i = 0; i < items[0].n + items[1].n; i++) {
		bool second = i >= items[0].n;
		const struct term *t =
			items[second].v[second ? i - items[0].n : i].term;

		for (int f = 0; f < FIELD_COUNT; f++)
			if (t->set[f])
				used |= 1u << f;
	}
	return used;
}

static bool unit_used(const struct unit *u, uint32_t used)
{
	return used >> u->fields[0] & 1 || used >> u->fields[u->n - 1] & 1;
}

static uint8_t *put_unit(uint8_t *at, const struct unit *u)
{
	memcpy(at, u->fields, u->n);
	return at + u->n;
}

static void add_candidate(const struct order_search *s, struct candidates *c,
			  const uint8_t *perm, bool interfaces_first)
{
	struct candidate *k = arena_push(s->scratch, c->v, c->n, c->cap);
	uint8_t *at = k->order;

	k->index = c->n;
	*at++ = FIELD_FAMILY;
	if (interfaces_first)
		at = put_unit(at, &interfaces);
	for (int i = 0; i < MAIN_UNITS; i++)
		at = put_unit(at, &units[perm[i]]);
	if (!interfaces_first)
		put_unit(at, &interfaces);
}

/* PERM[0..n) to the next in lexicographic order; false at the last. */
static bool next_permutation(uint8_t *perm, int n)
{
	int i = n - 2, k = n - 1;
	uint8_t swap;

	while (i >= 0 && perm[i] > perm[i + 1])
		i--;
	if (i < 0)
		return false;
	while (perm[k] < perm[i])
		k--;
	swap = perm[i];
	perm[i] = perm[k];
	perm[k] = swap;
	for (i++, k = n - 1; i < k; i++, k--) {
		swap = perm[i];
		perm[i] = perm[k];
		perm[k] = swap;
	}
	return true;
}

/* All orders of the units in use; the others follow in their plain order. */
static struct candidates all_candidates(const struct order_search *s)
{
	uint32_t used = used_fields(s->items);
	bool with_interfaces = unit_used(&interfaces, used);
	struct candidates c = { 0 };
	uint8_t perm[MAIN_UNITS];
	int nused = 0, n = 0;

	for (uint8_t i = 0; i < MAIN_UNITS; i++)
		if (unit_used(&units[i], used))
			perm[nused++] = i;
	n = nused;
	for (uint8_t i = 0; i < MAIN_UNITS; i++)
		if (!unit_used(&units[i], used))
			perm[n++] = i;
	do {
		add_candidate(s, &c, perm, false);
		if (with_interfaces && nused)
			add_candidate(s, &c, perm, true);
	} while (next_permutation(perm, nused));
	return c;
}

/* A term of which no set has more than MOST intervals. */
static const struct term *thin(struct arena *a, const struct term *t,
			       size_t most)
{
	struct term *copy = NULL;

	for (int f = 0; f < FIELD_COUNT; f++) {
		const struct iset *s = t->set[f];
		struct interval *v;
		struct iset *few;

		if (!s || s->n <= most)
			continue;
		if (!copy) {
			copy = arena_alloc(a, sizeof(*copy));
			*copy = *t;
		}
		v = arena_array(a, most, sizeof(*v));
		for (size_t i = 0; i < most; i++)
			v[i] = s->v[i * s->n / most];
		few = arena_alloc(a, sizeof(*few));
		few->v = v;
		few->n = most;
		copy->set[f] = few;
	}
	return copy ? copy : t;
}

/* SIZE of the items, evenly spread. */
static struct titems sample(struct arena *a, const struct titems *all,
			    size_t size)
{
	size_t most = SAMPLE_INTERVALS / size + 2;
	struct titems few = { .n = all->n < size ? all->n : size };

	few.v = arena_array(a, few.n, sizeof(*few.v));
	for (size_t i = 0; i < few.n; i++) {
		few.v[i] = all->v[i * all->n / few.n];
		few.v[i].term = thin(a, few.v[i].term, most);
	}
	return few;
}

struct limits {
	size_t cuts, weight, steps;
};

static dref try_order(struct diagram_table *t, jmp_buf *exhausted,
		      const uint8_t *order, const struct titems *items,
		      const struct limits *l)
{
	table_setup(t, exhausted, order);
	t->max_cuts = l->cuts;
	t->max_weight = l->weight;
	t->max_steps = l->steps;
	return table_build_both(t, items);
}

static size_t reached_children(struct diagram_table *t, dref root)
{
	struct diagram_stats s = table_stats(&t->work, t->nodes, t->nnodes,
					     root);

	return s.cuts + s.nodes;
}

static int by_children(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->children != y->children)
		return x->children < y->children ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static size_t times(size_t n, size_t factor)
{
	return n > SIZE_MAX / factor ? SIZE_MAX : n * factor;
}

/* Tries all candidates on a sample of SIZE terms a family; best first. */
static void rank_on_sample(const struct order_search *s,
			   struct candidates *c, size_t size)
{
	struct titems few[2] = {
		sample(s->scratch, &s->items[0], size),
		sample(s->scratch, &s->items[1], size),
	};
	size_t least = SIZE_MAX, least_steps = SIZE_MAX;

	for (size_t i = 0; i < c->n; i++) {
		struct candidate *k = &c->v[i];
		struct limits l = { times(least, SLACK), SIZE_MAX,
				    times(least_steps, 2 * SLACK) };
		dref root = try_order(s->trial, s->scratch->exhausted,
				      k->order, few, &l);

		k->children = SIZE_MAX;
		if (s->trial->failed)
			continue;
		k->children = reached_children(s->trial, root);
		if (k->children < least)
			least = k->children + 1;
		if (s->trial->steps < least_steps)
			least_steps = s->trial->steps + 1;
	}
	qsort(c->v, c->n, sizeof(*c->v), by_children);
}

/* Builds everything in the orders of C in turn; the smallest stays. */
static dref build_best(const struct order_search *s,
		       const struct candidates *c)
{
	jmp_buf *exhausted = s->scratch->exhausted;
	struct limits l = { s->max_cuts, s->max_weight, SIZE_MAX };
	size_t spent = 0, least = SIZE_MAX;
	dref best = try_order(s->best, exhausted, c->v[0].order, s->items,
			      &l);

	spent = s->best->steps;
	if (!s->best->failed)
		l.cuts = least = reached_children(s->best, best);
	for (size_t i = 1; i < c->n && spent < FULL_STEPS; i++) {
		struct diagram_table swap;
		dref root = try_order(s->trial, exhausted, c->v[i].order,
				      s->items, &l);
		size_t children;

		spent += s->trial->steps;
		children = s->trial->failed ? SIZE_MAX :
			reached_children(s->trial, root);
		if (children > least ||
		    (children == least && !s->best->failed))
			continue;
		l.cuts = least = children;
		best = root;
		swap = *s->best;
		*s->best = *s->trial;
		*s->trial = swap;
	}
	return best;
}

dref order_search(const struct order_search *s)
{
	struct candidates c = all_candidates(s);
	size_t terms = s->items[0].n + s->items[1].n;
	size_t size = SAMPLE_MIN;

	while (c.n > KEEP_LAST) {
		rank_on_sample(s, &c, size);
		c.n = (c.n + SAMPLE_STEP - 1) / SAMPLE_STEP;
		if (c.n < KEEP_LAST || size >= terms || size >= SAMPLE_MAX)
			c.n = KEEP_LAST;
		size *= SAMPLE_STEP;
	}
	return build_best(s, &c);
}
