/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff_side - two policies made comparable
 *
 * In: two policies, each with its own numbers. Out: both with one numbering of
 * interfaces (those of the old one first), their diagrams with one order of
 * fields, and one numbering of what outcomes do, by kind of packet.
 */
#include <stdlib.h>
#include <string.h>

#include "diff_walk.h"

enum { WEIGHT_MAX = 1000000 };	/* of a diagram of all packets */

/* --------------------------------------------------------- interfaces */

/* The number of NAME in P, or 0. */
static uint32_t interface_of(const struct policy *p, const char *name)
{
	for (uint32_t i = 0; i < p->ninterfaces; i++)
		if (!strcmp(p->interfaces[i], name))
			return i + 1;
	return 0;
}

/* NEW's own interfaces behind OLD's; the new number of each of NEW's. */
static const uint32_t *join_interfaces(struct diff *d, struct policy *old,
				       struct policy *new)
{
	size_t most = old->ninterfaces + new->ninterfaces;
	const char **names = arena_array(d->a, most, sizeof(*names));
	uint32_t *to = arena_array(d->a, new->ninterfaces + 1, sizeof(*to));
	size_t n = old->ninterfaces;

	if (n)
		memcpy(names, old->interfaces, n * sizeof(*names));
	for (size_t i = 0; i < new->ninterfaces; i++) {
		to[i + 1] = interface_of(old, new->interfaces[i]);
		if (to[i + 1])
			continue;
		names[n++] = new->interfaces[i];
		to[i + 1] = (uint32_t)n;
	}
	old->interfaces = names;
	old->ninterfaces = n;
	return to;
}

/*
 * A set either names interfaces, or is all but some that it names: then it
 * holds 0, which stands for those that nobody names.
 */
static const struct iset *renumber(struct diff *d, const struct iset *s,
				   const uint32_t *to, size_t n)
{
	struct interval *v = arena_array(d->a, n, sizeof(*v));
	bool others = iset_contains(s, 0);
	size_t kept = 0;

	for (size_t i = 1; i <= n; i++) {
		if (iset_contains(s, i) == others)
			continue;
		v[kept].low = v[kept].high = to[i];
		kept++;
	}
	s = iset_build(d->a, v, kept);
	return others ? iset_complement(d->a, s, field_highest(FIELD_IFNAME)) :
		s;
}

static void renumber_clause(struct diff *d, struct clause *c,
			    const uint32_t *to, size_t n)
{
	struct term *v = arena_array(d->a, c->terms.n, sizeof(*v));

	for (size_t i = 0; i < c->terms.n; i++) {
		v[i] = c->terms.v[i];
		if (v[i].set[FIELD_IFNAME])
			v[i].set[FIELD_IFNAME] =
				renumber(d, v[i].set[FIELD_IFNAME], to, n);
	}
	c->terms.v = v;
}

static bool names_interfaces(const struct terms *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].set[FIELD_IFNAME])
			return true;
	return false;
}

static void renumber_policy(struct diff *d, struct policy *p,
			    const uint32_t *to)
{
	struct clause *c = arena_array(d->a, p->nclauses, sizeof(*c));

	memcpy(c, p->clauses, p->nclauses * sizeof(*c));
	for (size_t i = 0; i < p->nclauses; i++)
		if (names_interfaces(&c[i].terms))
			renumber_clause(d, &c[i], to, p->ninterfaces);
	p->clauses = c;
}

/* ------------------------------------------------------------ effects */

struct socket_name {
	const char *name;
	uint32_t *number;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct socket_name *)a)->name,
		      ((const struct socket_name *)b)->name);
}

/* A number for each name of a socket, the same in both policies. */
static void number_sockets(struct diff *d, uint32_t *numbers[SIDES])
{
	size_t n = 0, most = d->p[OLD].nsockets + d->p[NEW].nsockets;
	struct socket_name *v = arena_array(d->a, most, sizeof(*v));
	uint32_t number = 0;

	for (int side = 0; side < SIDES; side++) {
		const struct policy *p = &d->p[side];

		numbers[side] = arena_array(d->a, p->nsockets,
					    sizeof(*numbers[side]));
		for (size_t i = 0; i < p->nsockets; i++)
			v[n++] = (struct socket_name){ p->sockets[i].name,
						       &numbers[side][i] };
	}
	if (n)
		qsort(v, n, sizeof(*v), by_name);
	for (size_t i = 0; i < n; i++) {
		number += i && strcmp(v[i - 1].name, v[i].name);
		*v[i].number = number;
	}
}

static int by_words(const void *a, const void *b)
{
	const struct words *x = a, *y = b;

	if (x->n != y->n)
		return x->n < y->n ? -1 : 1;
	return memcmp(x->v, y->v, x->n * sizeof(*x->v));
}

void words_number(struct words *w, size_t n)
{
	uint32_t number = 0;

	qsort(w, n, sizeof(*w), by_words);
	for (size_t i = 0; i < n; i++) {
		number += i && by_words(&w[i - 1], &w[i]);
		*w[i].number = number;
	}
}

/* An outcome as it is for one kind of packet: socket, flags, what follows. */
static void fill_effect(struct diff *d, struct words *w,
			const struct policy *p, const struct outcome *o,
			const uint32_t *numbers, unsigned int kind)
{
	w->v = arena_array(d->a, 2 * (size_t)o->nsteps + 1, sizeof(*w->v));
	for (uint32_t i = 0; i < o->nsteps; i++) {
		const struct step *s = &o->steps[i];

		if (p->sockets[s->socket].slot[kind] == NO_SLOT)
			continue;
		w->v[w->n++] = numbers[s->socket];
		w->v[w->n++] = s->flags;
	}
	w->v[w->n++] = o->pass;
}

static void number_effects(struct diff *d, uint32_t *numbers[SIDES],
			   unsigned int kind)
{
	size_t n = 0, most = d->p[OLD].noutcomes + d->p[NEW].noutcomes;
	struct words *v = arena_array(d->a, most, sizeof(*v));

	for (int side = 0; side < SIDES; side++) {
		const struct policy *p = &d->p[side];
		uint32_t *effect = arena_array(d->a, p->noutcomes,
					       sizeof(*effect));

		d->effect[side][kind] = effect;
		for (uint32_t i = 0; i < p->noutcomes; i++, n++) {
			v[n].number = &effect[i];
			fill_effect(d, &v[n], p, &p->outcomes[i],
				    numbers[side], kind);
		}
	}
	words_number(v, n);
}

void diff_prepare(struct diff *d, const struct policy *old,
		  const struct policy *new)
{
	uint32_t *numbers[SIDES];
	const uint32_t *to;

	d->p[OLD] = *old;
	d->p[NEW] = *new;
	to = join_interfaces(d, &d->p[OLD], &d->p[NEW]);
	renumber_policy(d, &d->p[NEW], to);
	d->p[NEW].interfaces = d->p[OLD].interfaces;
	d->p[NEW].ninterfaces = d->p[OLD].ninterfaces;
	number_sockets(d, numbers);
	for (unsigned int kind = 0; kind < SLOT_KINDS; kind++)
		number_effects(d, numbers, kind);
}

/* ----------------------------------------------------------- diagrams */

static bool build(struct diff *d, int first)
{
	struct diagram_options o = { .max_weight = WEIGHT_MAX };

	d->d[first] = diagram_build(d->a, &d->p[first], &o);
	if (!d->d[first])
		return false;
	o.order = d->d[first]->order;
	d->d[!first] = diagram_build(d->a, &d->p[!first], &o);
	return d->d[!first];
}

bool diff_build(struct diff *d)
{
	return build(d, OLD) || build(d, NEW);
}
