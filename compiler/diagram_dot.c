/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diagram_dot - a diagram as Graphviz text
 *
 * In: diagram or forest, policy. Out: one box a node, the root first; one arrow for each
 * child of a node, with the values that lead there; one ellipse an action. The
 * same diagram gives the same text; long lists of values are cut.
 */
#include <stdlib.h>

#include "../grammar/arena.h"
#include "../grammar/print.h"
#include "forest.h"
#include "witness.h"

enum { SHOWN = 4 };		/* intervals of an arrow */

struct dot {
	const struct diagram *d;
	const struct policy *p;
	FILE *out;
	bool clauses;		/* leaves are clauses, not actions */
};

static void put_escaped(struct dot *o, const char *s)
{
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', o->out);
		fputc(*s, o->out);
	}
}

static void put_ref(struct dot *o, dref r)
{
	if (r == DREF_NONE)
		fputs("none", o->out);
	else
		fprintf(o->out, "%c%u", dref_is_leaf(r) ? 'a' : 'n',
			dref_is_leaf(r) ? dref_action(r) : r);
}

/* ------------------------------------------------------------- values */

static void put_value(struct dot *o, unsigned int field, u128 v)
{
	char text[46];

	switch ((enum field)field) {
	case FIELD_FAMILY:
		fputs(v ? "ip6" : "ip4", o->out);
		break;
	case FIELD_PROTOCOL:
		fputs(v ? "udp" : "tcp", o->out);
		break;
	case FIELD_LADDR4:
	case FIELD_RADDR4:
		fputs(print_address(text, 4, v), o->out);
		break;
	case FIELD_LADDR6:
	case FIELD_RADDR6:
		fputs(print_address(text, 6, v), o->out);
		break;
	case FIELD_IFNAME:
		if (v && v <= o->p->ninterfaces)
			put_escaped(o, o->p->interfaces[(size_t)v - 1]);
		else
			fputs("others", o->out);
		break;
	case FIELD_LPORT:
	case FIELD_RPORT:
	case FIELD_IFINDEX:
	case FIELD_COUNT:
		fprintf(o->out, "%llu", (unsigned long long)v);
		break;
	}
}

/* The length of the prefix LOW..HIGH of BITS bits, or -1. */
static int prefix_length(u128 low, u128 high, int bits)
{
	u128 host = low ^ high;

	if ((host & (host + 1)) || (low & host))
		return -1;
	for (; host; host >>= 1)
		bits--;
	return bits;
}

static int address_bits(unsigned int field)
{
	switch ((enum field)field) {
	case FIELD_LADDR4:
	case FIELD_RADDR4:
		return 32;
	case FIELD_LADDR6:
	case FIELD_RADDR6:
		return 128;
	default:	/* no address */
		return 0;
	}
}

/* Child I of N is for numbers that no interface has. */
static bool is_others(const struct dot *o, const struct dnode *n, size_t i)
{
	return n->field == FIELD_IFNAME && i &&
	       n->cuts[i - 1] > o->p->ninterfaces;
}

/* Values of child I of N. */
static void put_interval(struct dot *o, const struct dnode *n, size_t i)
{
	u128 low = i ? n->cuts[i - 1] : 0;
	u128 high = i < n->ncuts ? n->cuts[i] - 1 : field_highest(n->field);
	int bits = address_bits(n->field), length;

	put_value(o, n->field, low);
	if (low == high || is_others(o, n, i))
		return;
	length = bits ? prefix_length(low, high, bits) : -1;
	if (length >= 0) {
		fprintf(o->out, "/%d", length);
		return;
	}
	fputc('-', o->out);
	put_value(o, n->field, high);
}

/* ------------------------------------------------------------- arrows */

struct way {			/* from a node, by one of its intervals */
	dref child;
	uint32_t i;
};

static int by_child(const void *a, const void *b)
{
	const struct way *x = a, *y = b;

	if (x->child != y->child)
		return x->child < y->child ? -1 : 1;
	return x->i < y->i ? -1 : x->i > y->i;
}

struct arrow {			/* all ways to one child */
	const struct way *v;
	size_t n;
};

static int by_first(const void *a, const void *b)
{
	const struct arrow *x = a, *y = b;

	return x->v->i < y->v->i ? -1 : x->v->i > y->v->i;
}

static void put_arrow(struct dot *o, dref from, const struct arrow *a)
{
	const struct dnode *n = &o->d->nodes[from];

	fputc('\t', o->out);
	put_ref(o, from);
	fputs(" -> ", o->out);
	put_ref(o, a->v->child);
	fputs(" [label=\"", o->out);
	for (size_t i = 0; i < a->n && i < SHOWN; i++) {
		fputs(i ? "\\n" : "", o->out);
		put_interval(o, n, a->v[i].i);
	}
	if (a->n > SHOWN)
		fprintf(o->out, "\\nand %zu more", a->n - SHOWN);
	fputs("\"];\n", o->out);
}

static void put_node(struct dot *o, dref r)
{
	const struct dnode *d = &o->d->nodes[r];
	size_t nways = (size_t)d->ncuts + 1, n = 0;
	struct way *way = arena_array(o->d->arena, nways, sizeof(*way));
	struct arrow *arrow = arena_array(o->d->arena, nways, sizeof(*arrow));

	for (uint32_t i = 0; i < nways; i++)
		way[i] = (struct way){ d->children[i], i };
	if (is_others(o, d, d->ncuts) && way[0].child == way[d->ncuts].child)
		nways--;	/* said as the first */
	qsort(way, nways, sizeof(*way), by_child);
	for (size_t i = 0; i < nways; i++) {
		if (!i || way[i].child != way[i - 1].child)
			arrow[n++] = (struct arrow){ &way[i], 0 };
		arrow[n - 1].n++;
	}
	qsort(arrow, n, sizeof(*arrow), by_first);
	fputc('\t', o->out);
	put_ref(o, r);
	fprintf(o->out, " [label=\"%s\"];\n", field_name(d->field));
	for (size_t i = 0; i < n; i++)
		put_arrow(o, r, &arrow[i]);
}

/* ------------------------------------------------------------- leaves */

static void put_action(struct dot *o, uint32_t leaf)
{
	const struct action *a = &o->p->actions[o->clauses ?
		o->p->clauses[leaf].action : leaf];
	const struct policy_rule *rule = &o->p->rules[a->rule];

	fprintf(o->out, "\ta%u [shape=ellipse, label=\"", leaf);
	put_escaped(o, rule_label(o->d->arena, o->p, a->rule));
	fputs("\\n", o->out);
	if (!a->split)
		put_escaped(o, outcome_text(o->d->arena, o->p,
					    &o->p->outcomes[a->outcome]));
	else
		put_escaped(o, rule->ast->verdict.kind == AST_SPLIT ?
			    rule->verdict : "split");
	fputs("\"];\n", o->out);
}

static void mark(dref r, bool *actions, bool *none)
{
	if (r == DREF_NONE)
		*none = true;
	else if (dref_is_leaf(r))
		actions[dref_action(r)] = true;
}

static void put_leaves(struct dot *o)
{
	size_t n = o->clauses ? o->p->nclauses : o->p->nactions;
	bool *seen = arena_array(o->d->arena, n, sizeof(*seen));
	bool none = false;

	mark(o->d->root, seen, &none);
	for (size_t i = 0; i < o->d->nnodes; i++)
		for (size_t k = 0; k <= o->d->nodes[i].ncuts; k++)
			mark(o->d->nodes[i].children[k], seen, &none);
	for (uint32_t i = 0; i < n; i++)
		if (seen[i])
			put_action(o, i);
	if (none)
		fputs("\tnone [shape=ellipse];\n", o->out);
}

static void put_graph(struct dot *o, size_t tree)
{
	fputs("digraph \"", o->out);
	put_escaped(o, o->p->name);
	if (tree)
		fprintf(o->out, " tree %zu", tree);
	fputs("\" {\n\tnode [shape=box];\n", o->out);
	for (size_t i = o->d->nnodes; i-- > 0;)
		put_node(o, (dref)i);
	put_leaves(o);
	fputs("}\n", o->out);
}

void diagram_dot(const struct diagram *d, const struct policy *p, FILE *out)
{
	struct dot o = { d, p, out, false };

	put_graph(&o, 0);
}

void forest_dot(const struct forest *f, const struct policy *p, FILE *out)
{
	for (size_t i = 0; i < f->ntrees; i++) {
		struct dot o = { f->trees[i].diagram, p, out, true };

		put_graph(&o, i + 1);
	}
}
