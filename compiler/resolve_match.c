/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resolve_match - matches to unions of products
 *
 * In: a match, and the resolved `when`s around it. Out: its packets. Each
 * clause becomes a factor, a union of products; the match is the product of
 * all of them, those of the `when`s first. A factor that leaves no packet
 * contradicts one before it, and is reported with it, unless a set that was
 * named is empty: that is no mistake, then the match simply holds nothing.
 */
#include "resolve.h"

#include <string.h>

static void add_factor(struct context *c, const struct place *place,
		       const char *what, struct terms terms)
{
	struct factor *f = &c->v[c->n++];

	f->terms = terms;
	f->place = *place;
	f->what = what;
}

static void add_term(struct resolver *r, struct terms *t, enum field f,
		     const struct iset *s)
{
	struct term term = { { NULL } };

	if (s && !s->n)
		return;
	term.set[f] = s;
	terms_add(r->a, t, &term);
}

/* tcp, udp, ip4, ip6: a mask of one bit, which is the field's value. */
static void keyword(struct resolver *r, struct context *c, enum field f,
		    uint8_t mask, const struct place *place)
{
	struct terms t = { 0 };

	if (mask != 1 && mask != 2)
		return;
	add_term(r, &t, f, r->bit[mask - 1]);
	add_factor(c, place, f == FIELD_FAMILY ? "the address family" :
		   "the protocol", t);
	c->v[c->n - 1].keyword = true;
}

static void add_family(struct resolver *r, struct terms *t,
		       unsigned int family, enum field f,
		       const struct iset *s)
{
	struct term term = { { NULL } };

	if (!s->n)
		return;
	term.set[FIELD_FAMILY] = r->bit[family == 6];
	term.set[f] = term_set(s, field_highest(f));
	terms_add(r->a, t, &term);
}

static void address(struct resolver *r, struct context *c,
		    const struct ast_operand *o, bool local)
{
	enum field f4 = local ? FIELD_LADDR4 : FIELD_RADDR4;
	enum field f6 = local ? FIELD_LADDR6 : FIELD_RADDR6;
	struct terms t = { 0 };
	struct rset *s;

	if (!o->present)
		return;
	s = set_operand(r, o, USE_ADDRESS);
	if (!s) {
		c->bad = true;
		return;
	}
	if (o->negated && s->kind == RSET_EMPTY)
		return;		/* not nothing: no condition */
	add_family(r, &t, 4, f4, o->negated ? set_not(r, s, 4) : s->in4);
	add_family(r, &t, 6, f6, o->negated ? set_not(r, s, 6) : s->in6);
	add_factor(c, &o->place, local ? "the local address" :
		   "the remote address", t);
	c->v[c->n - 1].empty = !o->negated && !t.n;
}

static void port(struct resolver *r, struct context *c,
		 const struct ast_operand *o, enum field f)
{
	struct terms t = { 0 };
	const struct iset *n;
	struct rset *s;

	if (!o->present)
		return;
	s = set_operand(r, o, USE_PORT);
	if (!s) {
		c->bad = true;
		return;
	}
	n = o->negated ? iset_complement(r->a, s->number, field_highest(f)) :
		s->number;
	add_term(r, &t, f, term_set(n, field_highest(f)));
	add_factor(c, &o->place, f == FIELD_LPORT ? "the local port" :
		   "the remote port", t);
	c->v[c->n - 1].empty = !o->negated && !t.n;
}

/* Not on any of them: neither by name nor by number. */
static void on_not(struct resolver *r, struct terms *t, const struct rset *s)
{
	struct term term = { { NULL } };

	if (s->name->n)
		term.set[FIELD_IFNAME] = iset_complement(r->a, s->name,
			field_highest(FIELD_IFNAME));
	if (s->number->n)
		term.set[FIELD_IFINDEX] = iset_complement(r->a, s->number,
			field_highest(FIELD_IFINDEX));
	terms_add(r->a, t, &term);
}

static void on(struct resolver *r, struct context *c,
	       const struct ast_operand *o)
{
	struct terms t = { 0 };
	struct rset *s;

	if (!o->present)
		return;
	s = set_operand(r, o, USE_ON);
	if (!s) {
		c->bad = true;
		return;
	}
	if (o->negated) {
		on_not(r, &t, s);
	} else {
		add_term(r, &t, FIELD_IFNAME, s->name);
		add_term(r, &t, FIELD_IFINDEX, s->number);
	}
	add_factor(c, &o->place, "the interface", t);
	c->v[c->n - 1].empty = !t.n;
}

static void factors(struct resolver *r, const struct ast_match *m,
		    struct context *c)
{
	keyword(r, c, FIELD_PROTOCOL, m->protocol, &m->protocol_place);
	keyword(r, c, FIELD_FAMILY, m->family, &m->family_place);
	address(r, c, &m->from.address, false);
	port(r, c, &m->from.port, FIELD_RPORT);
	address(r, c, &m->to.address, true);
	port(r, c, &m->to.port, FIELD_LPORT);
	port(r, c, &m->port, FIELD_LPORT);
	on(r, c, &m->on);
}

static bool disjoint(struct resolver *r, const struct factor *x,
		     const struct factor *y)
{
	return !terms_product(r->a, &x->terms, &y->terms).n;
}

/*
 * What F, the last factor of C so far, contradicts: one earlier factor that
 * has no packet in common with it, else the nearest that limits a field of
 * F (then it is several of them together).
 */
static const struct factor *culprit(struct resolver *r,
				    const struct context *c,
				    const struct factor *f)
{
	uint32_t fields = terms_fields(&f->terms);
	const struct factor *near = NULL;
	size_t n = f - c->v;

	for (; c; c = c->outer, n = c ? c->n : 0)
		while (n--) {
			const struct factor *g = &c->v[n];

			if (disjoint(r, g, f))
				return g;
			if (!near && terms_fields(&g->terms) & fields)
				near = g;
		}
	return near;
}

static void say_contradiction(struct resolver *r, const struct context *c,
			      const struct factor *f)
{
	const struct factor *g = f->terms.n ? culprit(r, c, f) : NULL;
	struct diag *d;

	if (!g) {
		d = diag_add(r->d, DIAG_CONTRADICTION, &f->place,
			     "no packet can satisfy this: it leaves nothing of %s",
			     f->what);
		d->label = "excludes everything";
		return;
	}
	if (f->keyword != g->keyword) {
		d = diag_add(r->d, DIAG_FAMILY_MISMATCH, &f->place,
			     "no packet can satisfy this match: %s is of the other family",
			     f->keyword ? g->what : f->what);
	} else if (!strcmp(f->what, g->what)) {
		d = diag_add(r->d, DIAG_CONTRADICTION, &f->place,
			     "no packet can satisfy this match: %s cannot be both",
			     f->what);
	} else {
		d = diag_add(r->d, DIAG_CONTRADICTION, &f->place,
			     "no packet can satisfy this match: %s does not go with %s",
			     f->what, g->what);
	}
	d->label = "leaves no packet";
	d->also.place = g->place;
	d->also.text = "after this condition";
}

static void multiply(struct resolver *r, struct context *c)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		c->empty |= c->v[i].empty;
	if (c->bad || c->empty) {
		c->terms = (struct terms){ 0 };
		return;
	}
	for (i = 0; i < c->n; i++) {
		c->terms = terms_product(r->a, &c->terms, &c->v[i].terms);
		if (c->terms.n)
			continue;
		say_contradiction(r, c, &c->v[i]);
		c->bad = true;
		return;
	}
}

void match_resolve(struct resolver *r, const struct ast_match *m,
		   const struct context *outer, struct context *out)
{
	*out = (struct context){ .outer = outer };
	out->terms = outer ? outer->terms : r->every;
	out->bad = outer && outer->bad;
	out->empty = outer && outer->empty;
	out->whens = outer ? outer->whens : NULL;
	out->nwhens = outer ? outer->nwhens : 0;
	factors(r, m, out);
	multiply(r, out);
}
