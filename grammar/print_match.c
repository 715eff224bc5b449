/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * print_match - what a rule matches, in normalized form
 *
 * In: a match as written. Out: its clauses in one order: protocol, family,
 * to, local port, from, remote port, interface. That order lets the local port
 * always stand where nothing else can claim it, so it has one spelling.
 * Promise: matches that differ in order, in spelling or in how a set is cut
 * into elements have the same text.
 */
#include "print.h"

#include "print_text.h"

/* Braces where one element would not say the same. */
static void text_operand(struct text *t, const struct ast_operand *o)
{
	struct ast_elements e = print_order(t->arena, &o->elements, true);

	if (o->negated)
		text_add(t, "not ");
	if (e.n == 1) {
		text_elements(t, &e, true);
		return;
	}
	text_add(t, "{ ");
	text_elements(t, &e, true);
	text_add(t, e.n ? " }" : "}");
}

static void text_clause(struct text *t, size_t begin, const char *word)
{
	if (t->n > begin)
		text_add(t, " ");
	text_add(t, word);
}

static void text_side(struct text *t, size_t begin, const char *word,
		      const struct ast_operand *address,
		      const struct ast_operand *port)
{
	if (!address->present && !port->present)
		return;
	text_clause(t, begin, word);
	if (address->present) {
		text_add(t, " ");
		text_operand(t, address);
	}
	if (port->present) {
		text_add(t, " port ");
		text_operand(t, port);
	}
}

/* `to port 80` is `port 80`, wherever it stands. */
static void text_local(struct text *t, size_t begin,
		       const struct ast_match *m)
{
	const struct ast_operand *port = m->port.present ? &m->port :
		&m->to.port;

	if (m->to.address.present) {
		text_side(t, begin, "to", &m->to.address, port);
	} else if (port->present) {
		text_clause(t, begin, "port ");
		text_operand(t, port);
	}
}

void text_match(struct text *t, const struct ast_match *m)
{
	size_t begin = t->n;

	if (m->protocol)
		text_clause(t, begin, m->protocol == AST_TCP ? "tcp" : "udp");
	if (m->family)
		text_clause(t, begin, m->family == AST_IP4 ? "ip4" : "ip6");
	text_local(t, begin, m);
	text_side(t, begin, "from", &m->from.address, &m->from.port);
	if (m->on.present) {
		text_clause(t, begin, "on ");
		text_operand(t, &m->on);
	}
	if (t->n == begin)
		text_add(t, "any");
}

char *print_match(struct arena *a, const struct ast_match *m)
{
	struct text t = { .arena = a };

	text_match(&t, m);
	return text_done(&t);
}
