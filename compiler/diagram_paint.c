/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diagram_paint - sets of one field, laid over each other, the first on top
 *
 * In: sets in order of priority, and what is below each. Out: pairs for a node
 * on the table's stack. One sweep over the values: a heap of the sets by where
 * their next interval begins, and one of those that hold the value, by rank.
 * Every set is read from front to back once, so n intervals of k sets take
 * n log k, and no memory but the heaps.
 */
#include "diagram_table.h"

struct waiting {		/* a set that has intervals left */
	u128 low;		/* where the next one begins */
	uint32_t rank, next;
};

/*
 * The sets that hold the value. One that has ended stays until it is on top; if
 * it begins again before, it is there already.
 */
struct holding {
	uint32_t *ranks;	/* a heap */
	size_t n;
	bool *inside;		/* by rank: it is in the heap, and where its */
	u128 *high;		/* interval ends */
};

struct sweep {
	const struct paint_layer *layers;
	struct waiting *waiting;
	size_t nwaiting;
	struct holding holding;
};

static bool waits_less(const struct waiting *x, const struct waiting *y)
{
	return x->low != y->low ? x->low < y->low : x->rank < y->rank;
}

/* Moves the first one of the heap down to where it belongs. */
static void sink_waiting(struct sweep *s)
{
	struct waiting *v = s->waiting, w = v[0];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < s->nwaiting) {
		if (child + 1 < s->nwaiting &&
		    waits_less(&v[child + 1], &v[child]))
			child++;
		if (!waits_less(&v[child], &w))
			break;
		v[i] = v[child];
		i = child;
	}
	v[i] = w;
}

static void add_waiting(struct sweep *s, struct waiting w)
{
	struct waiting *v = s->waiting;
	size_t i = s->nwaiting++;

	for (; i && waits_less(&w, &v[(i - 1) / 2]); i = (i - 1) / 2)
		v[i] = v[(i - 1) / 2];
	v[i] = w;
}

static void hold(struct holding *h, uint32_t rank, u128 high)
{
	size_t i;

	h->high[rank] = high;
	if (h->inside[rank])
		return;
	h->inside[rank] = true;
	for (i = h->n++; i && rank < h->ranks[(i - 1) / 2]; i = (i - 1) / 2)
		h->ranks[i] = h->ranks[(i - 1) / 2];
	h->ranks[i] = rank;
}

static void drop(struct holding *h)
{
	uint32_t *v = h->ranks, last = v[--h->n];
	size_t i = 0, child;

	h->inside[v[0]] = false;
	while ((child = 2 * i + 1) < h->n) {
		if (child + 1 < h->n && v[child + 1] < v[child])
			child++;
		if (last <= v[child])
			break;
		v[i] = v[child];
		i = child;
	}
	v[i] = last;
}

/* Takes the interval that begins first; its set waits for the next one. */
static void begin_interval(struct sweep *s)
{
	struct waiting *w = &s->waiting[0];
	const struct paint_layer *k = &s->layers[w->rank];

	hold(&s->holding, w->rank, k->set ? k->set->v[w->next].high :
	     k->highest);
	if (k->set && ++w->next < k->set->n)
		w->low = k->set->v[w->next].low;
	else
		s->waiting[0] = s->waiting[--s->nwaiting];
	sink_waiting(s);
}

static void start(struct sweep *s, struct arena *a, size_t n)
{
	s->waiting = arena_array(a, n + 1, sizeof(*s->waiting));
	s->holding = (struct holding) {
		.ranks = arena_array(a, n + 1, sizeof(uint32_t)),
		.inside = arena_array(a, n + 1, sizeof(bool)),
		.high = arena_array(a, n + 1, sizeof(u128)),
	};
	for (size_t i = 0; i < n; i++) {
		const struct iset *set = s->layers[i].set;

		if (!set || set->n)
			add_waiting(s, (struct waiting) {
				set ? set->v[0].low : 0, (uint32_t)i, 0 });
	}
}

void table_paint(struct diagram_table *t, size_t mark,
		 const struct paint_layer *layers, size_t n)
{
	struct sweep s = { .layers = layers };
	struct holding *h = &s.holding;
	u128 at = 0, high;

	start(&s, &t->mem, n);
	for (;;) {
		while (s.nwaiting && s.waiting[0].low == at)
			begin_interval(&s);
		while (h->n && h->high[h->ranks[0]] < at)
			drop(h);
		table_add(t, mark, at, h->n ? layers[h->ranks[0]].child :
			  DREF_NONE);
		t->steps++;
		high = h->n ? h->high[h->ranks[0]] : layers->highest;
		if (high < layers->highest &&
		    (!s.nwaiting || high < s.waiting[0].low))
			at = high + 1;
		else if (s.nwaiting)
			at = s.waiting[0].low;
		else
			return;
	}
}
