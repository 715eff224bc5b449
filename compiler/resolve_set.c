/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resolve_set - sets and operands to sets of numbers
 *
 * In: elements as written. Out: one iset a kind of value. A named set is
 * resolved once, when it is first asked for, and shared by all that name it,
 * its complements too. A set of sets is their union; a set that holds itself
 * is an error. What a set may be used for is decided by its kind: numbers
 * serve as ports and, after `on`, as interface indices.
 */
#include "resolve.h"

#include <string.h>

#include "../grammar/print.h"

enum { PORT_MAX = 65535, INDEX_MAX = INT32_MAX };

struct vector {
	struct interval *v;
	size_t n, cap;
};

struct gather {			/* a set being put together */
	struct vector in4, in6, number, name;
	const struct ast_element *lowest, *highest;
	enum rset_kind kind;
	struct mapped mapped;
	const struct ast_element *first;	/* the one that gave the kind */
	bool bad;
};

static const char *const belongs[] = {
	[USE_SET] = "an element", [USE_ADDRESS] = "an address",
	[USE_PORT] = "a port", [USE_ON] = "an interface",
};

static const char *const set_of[] = {
	[RSET_EMPTY] = "nothing", [RSET_ADDRESS] = "addresses",
	[RSET_NUMBER] = "numbers", [RSET_INTERFACE] = "interfaces",
};

static enum rset_kind element_kind(const struct ast_element *e)
{
	switch ((enum ast_element_kind)e->kind) {
	case AST_PREFIX:
	case AST_ADDRESS:
		return RSET_ADDRESS;
	case AST_NUMBER:
		return RSET_NUMBER;
	case AST_STRING:
		return RSET_INTERFACE;
	case AST_NAME_REF:
		break;
	}
	return RSET_EMPTY;
}

static bool kind_fits(enum rset_kind kind, enum set_use use)
{
	switch (use) {
	case USE_SET:
		return true;
	case USE_ADDRESS:
		return kind == RSET_EMPTY || kind == RSET_ADDRESS;
	case USE_PORT:
		return kind == RSET_EMPTY || kind == RSET_NUMBER;
	case USE_ON:
		return kind != RSET_ADDRESS;
	}
	return false;
}

/* Numbers and names together are interfaces; all else must be one kind. */
static bool kind_join(enum rset_kind *kind, enum rset_kind other)
{
	if (other == RSET_EMPTY || *kind == other)
		return true;
	if (*kind == RSET_EMPTY) {
		*kind = other;
		return true;
	}
	if (*kind == RSET_ADDRESS || other == RSET_ADDRESS)
		return false;
	*kind = RSET_INTERFACE;
	return true;
}

static void say_range(struct resolver *r, const struct ast_element *e,
		      enum set_use use, const struct place *user)
{
	const char *text = print_element(r->a, e);
	struct diag *d;

	if (use == USE_PORT)
		d = diag_add(r->d, DIAG_PORT_RANGE, &e->place,
			     "`%s` is no port: ports are 0 to 65535", text);
	else
		d = diag_add(r->d, DIAG_PORT_RANGE, &e->place,
			     "`%s` is no interface index: they are 1 to %d",
			     text, INDEX_MAX);
	d->label = "out of range";
	if (user) {
		d->also.place = *user;
		d->also.text = use == USE_PORT ? "used as ports here" :
			"used as interfaces here";
	}
}

static bool range_fits(const struct ast_element *lowest,
		       const struct ast_element *highest, enum set_use use,
		       const struct ast_element **fault)
{
	*fault = highest;
	if (use == USE_PORT)
		return highest->high <= PORT_MAX;
	if (use != USE_ON)
		return true;
	if (highest->high > INDEX_MAX)
		return false;
	*fault = lowest;
	return lowest->low > 0;
}

static void say_element(struct resolver *r, const struct ast_element *e,
			enum set_use use)
{
	static const char *const is[] = {
		[RSET_ADDRESS] = "an address", [RSET_NUMBER] = "a number",
		[RSET_INTERFACE] = "an interface name",
	};
	enum rset_kind kind = element_kind(e);
	const char *text = print_element(r->a, e);
	struct diag *d;

	d = diag_add(r->d, DIAG_KIND_MISMATCH, &e->place,
		     "`%s` is %s, and %s belongs here", text, is[kind],
		     belongs[use]);
	d->label = arena_printf(r->a, "not %s", belongs[use]);
	if (kind == RSET_NUMBER)
		d->help = arena_printf(r->a, "a port is written `port %s`",
				       text);
	else if (kind == RSET_INTERFACE)
		d->help = arena_printf(r->a, "an interface is written `on %s`",
				       text);
	else if (kind == RSET_ADDRESS)
		d->help = arena_printf(r->a,
				       "an address is written `to %s` or `from %s`",
				       text, text);
}

bool set_check_element(struct resolver *r, const struct ast_element *e,
		       enum set_use use)
{
	enum rset_kind kind = element_kind(e);
	const struct ast_element *fault;

	if (!kind_fits(kind, use)) {
		say_element(r, e, use);
		return false;
	}
	if (kind == RSET_NUMBER && !range_fits(e, e, use, &fault)) {
		say_range(r, fault, use, NULL);
		return false;
	}
	return true;
}

static void push(struct resolver *r, struct vector *t, u128 low, u128 high)
{
	struct interval *k = arena_push(r->a, t->v, t->n, t->cap);

	k->low = low;
	k->high = high;
}

static void push_set(struct resolver *r, struct vector *t,
		     const struct iset *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		push(r, t, s->v[i].low, s->v[i].high);
}

static void gather_number(struct gather *g, const struct ast_element *lowest,
			  const struct ast_element *highest)
{
	if (!g->lowest || lowest->low < g->lowest->low)
		g->lowest = lowest;
	if (!g->highest || highest->high > g->highest->high)
		g->highest = highest;
}

static void gather_set(struct resolver *r, struct gather *g,
		       const struct rset *s)
{
	push_set(r, &g->in4, s->in4);
	push_set(r, &g->in6, s->in6);
	push_set(r, &g->number, s->number);
	push_set(r, &g->name, s->name);
	if (s->lowest)
		gather_number(g, s->lowest, s->highest);
}

static void gather_value(struct resolver *r, struct gather *g,
			 const struct ast_element *e)
{
	uint32_t id;

	switch ((enum ast_element_kind)e->kind) {
	case AST_PREFIX:
	case AST_ADDRESS:
		push(r, e->family == 4 ? &g->in4 : &g->in6, e->low, e->high);
		mapped_note(&g->mapped, e);
		break;
	case AST_NUMBER:
		push(r, &g->number, e->low, e->high);
		gather_number(g, e, e);
		break;
	case AST_STRING:
		id = name_interface(r, e);
		if (id)
			push(r, &g->name, id, id);
		else
			g->bad = true;
		break;
	case AST_NAME_REF:
		break;
	}
}

static void say_mixed(struct resolver *r, const struct gather *g,
		      const struct ast_element *e, enum rset_kind kind)
{
	struct diag *d;

	d = diag_add(r->d, DIAG_MIXED_SET, &e->place,
		     "a set of %s cannot hold %s", set_of[g->kind],
		     set_of[kind]);
	d->label = arena_printf(r->a, "%s", set_of[kind]);
	d->also.place = g->first->place;
	d->also.text = arena_printf(r->a, "%s", set_of[g->kind]);
	d->help = "one kind a set: write two sets";
}

/* The set that element E names, which is not E's own any more; or NULL. */
static const struct rset *gather_name(struct resolver *r,
				      const struct ast_element *e,
				      enum set_use use)
{
	struct set_info *s = set_find(r, e->text, &e->place, use);

	return s ? &s->set : NULL;
}

static void gather_element(struct resolver *r, struct gather *g,
			   const struct ast_element *e, enum set_use use)
{
	enum rset_kind kind = element_kind(e);
	const struct rset *s = NULL;

	if (e->kind == AST_NAME_REF) {
		s = gather_name(r, e, use);
		if (s)
			kind = s->kind;
		else
			g->bad = true;
	} else if (!set_check_element(r, e, use)) {
		g->bad = true;
		return;
	}
	if (!kind_join(&g->kind, kind)) {
		if (!g->bad)	/* one complaint a set */
			say_mixed(r, g, e, kind);
		g->bad = true;
		return;
	}
	if (!g->first && kind != RSET_EMPTY)
		g->first = e;
	if (s)
		gather_set(r, g, s);
	else
		gather_value(r, g, e);
}

static void gather(struct resolver *r, const struct ast_elements *e,
		   enum set_use use, struct rset *out)
{
	struct gather g = { 0 };
	size_t i;

	for (i = 0; i < e->n && !diag_full(r->d); i++)
		gather_element(r, &g, &e->v[i], use);
	mapped_say(r, &g.mapped);
	out->kind = g.kind;
	out->bad = g.bad;
	out->lowest = g.lowest;
	out->highest = g.highest;
	out->in4 = iset_build(r->a, g.in4.v, g.in4.n);
	out->in6 = iset_build(r->a, g.in6.v, g.in6.n);
	out->number = iset_build(r->a, g.number.v, g.number.n);
	out->name = iset_build(r->a, g.name.v, g.name.n);
}

static struct set_info *set_by_name(struct resolver *r, const char *text)
{
	uint32_t i = symtab_find(&r->names, text, strlen(text));

	if (i == SYMTAB_NONE || r->symbols[i].kind != SYMBOL_SET)
		return NULL;
	return &r->sets[r->symbols[i].index];
}

static void say_cycle(struct resolver *r, struct set_info *s,
		      const struct ast_element *e)
{
	struct diag *d;

	d = diag_add(r->d, DIAG_SET_CYCLE, &e->place,
		     "the set `%s` holds itself", s->ast->name.text);
	d->label = "leads back";
	d->also.place = s->ast->name.place;
	d->also.text = "to this set";
	s->set.bad = true;
}

struct frame {
	struct set_info *set;
	size_t next;		/* element to look at */
};

/* The next set named in F that must be resolved before it, or NULL. */
static struct set_info *next_needed(struct resolver *r, struct frame *f)
{
	const struct ast_elements *e = &f->set->ast->elements;

	while (f->next < e->n) {
		const struct ast_element *k = &e->v[f->next++];
		struct set_info *s;

		if (k->kind != AST_NAME_REF)
			continue;
		s = set_by_name(r, k->text);
		if (s && s->state == SET_OPEN)
			say_cycle(r, s, k);
		else if (s && s->state == SET_NEW)
			return s;
	}
	return NULL;
}

/*
 * Sets that S names come first. With a stack of its own: a chain of sets may
 * be as long as the file.
 */
void set_resolve(struct resolver *r, struct set_info *s)
{
	struct frame *stack = NULL;
	size_t n = 0, cap = 0;

	if (s->state != SET_NEW)
		return;
	*arena_push(r->a, stack, n, cap) = (struct frame){ s, 0 };
	s->state = SET_OPEN;
	while (n) {
		struct frame *top = &stack[n - 1];
		struct set_info *needed = next_needed(r, top);
		bool cyclic;

		if (needed) {
			needed->state = SET_OPEN;
			*arena_push(r->a, stack, n, cap) =
				(struct frame){ needed, 0 };
			continue;
		}
		cyclic = top->set->set.bad;
		gather(r, &top->set->ast->elements, USE_SET, &top->set->set);
		top->set->set.bad |= cyclic;
		top->set->state = SET_DONE;
		n--;
	}
}

static void say_set_kind(struct resolver *r, const struct set_info *s,
			 const struct place *place, enum set_use use)
{
	struct diag *d;

	d = diag_add(r->d, DIAG_KIND_MISMATCH, place,
		     "`%s` is a set of %s, and %s belongs here",
		     s->ast->name.text, set_of[s->set.kind], belongs[use]);
	d->label = arena_printf(r->a, "not %s", belongs[use]);
	d->also.place = s->ast->name.place;
	d->also.text = arena_printf(r->a, "a set of %s", set_of[s->set.kind]);
}

/* Whether the numbers of S fit USE; complains once a set and use. */
static bool set_range_fits(struct resolver *r, struct rset *s,
			   const struct place *place, enum set_use use)
{
	bool *said = use == USE_PORT ? &s->said_port : &s->said_index;
	const struct ast_element *fault;

	if (!s->highest || range_fits(s->lowest, s->highest, use, &fault))
		return true;
	if (!*said)
		say_range(r, fault, use, place);
	*said = true;
	return false;
}

struct set_info *set_find(struct resolver *r, const char *text,
			  const struct place *place, enum set_use use)
{
	struct symbol *k = name_find(r, SYMBOL_SET, text, place, use);
	struct set_info *s;

	if (!k)
		return NULL;
	s = &r->sets[k->index];
	if (s->state == SET_OPEN)	/* a cycle, which was reported */
		return NULL;
	set_resolve(r, s);
	if (s->set.bad)
		return NULL;
	if (!kind_fits(s->set.kind, use)) {
		say_set_kind(r, s, place, use);
		return NULL;
	}
	return set_range_fits(r, &s->set, place, use) ? s : NULL;
}

struct rset *set_operand(struct resolver *r, const struct ast_operand *o,
			 enum set_use use)
{
	const struct ast_element *e = o->elements.v;
	struct set_info *s;
	struct rset *set;

	if (o->elements.n == 1 && e->kind == AST_NAME_REF) {
		s = set_find(r, e->text, &e->place, use);
		return s ? &s->set : NULL;
	}
	set = arena_alloc(r->a, sizeof(*set));
	gather(r, &o->elements, use, set);
	return set->bad ? NULL : set;
}

const struct iset *set_not(struct resolver *r, struct rset *s,
			   unsigned int family)
{
	const struct iset **not = family == 4 ? &s->not4 : &s->not6;
	enum field f = family == 4 ? FIELD_LADDR4 : FIELD_LADDR6;

	if (!*not)
		*not = iset_complement(r->a, family == 4 ? s->in4 : s->in6,
				       field_highest(f));
	return *not;
}
