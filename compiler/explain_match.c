/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explain_match - a packet asked about matches as they are written
 *
 * In: a packet, a match. Out: the first condition that is missed, in the
 * words of the policy: its sets by their names, its numbers as they stand.
 * A named set is gone through once for each thing it is compared with.
 */
#include "explain_match.h"

#include <stdlib.h>
#include <string.h>

#include "../grammar/arena.h"
#include "../grammar/print.h"

enum { SHOWN = 8 };		/* elements of an operand */

static int by_name(const void *a, const void *b)
{
	const struct asked_set *x = a, *y = b;

	return strcmp(x->ast->name.text, y->ast->name.text);
}

void inquiry_init(struct inquiry *q, struct arena *a, const struct ast *ast,
		const struct packet *k)
{
	*q = (struct inquiry){ .a = a, .k = k, .nsets = ast->nsets };
	q->sets = arena_array(a, ast->nsets, sizeof(*q->sets));
	q->nsets = 0;
	for (const struct ast_set *s = ast->sets; s; s = s->next)
		q->sets[q->nsets++].ast = s;
	if (q->nsets)
		qsort(q->sets, q->nsets, sizeof(*q->sets), by_name);
}

static struct asked_set *find_set(struct inquiry *q, const char *name)
{
	const struct ast_set named = { .name = { .text = name } };
	const struct asked_set key = { .ast = &named };

	return bsearch(&key, q->sets, q->nsets, sizeof(*q->sets), by_name);
}

/* ----------------------------------------------------------- elements */

static bool holds(const struct packet *k, enum what what,
		  const struct ast_element *e)
{
	u128 value = 0;

	switch (what) {
	case WHAT_LOCAL:
	case WHAT_REMOTE:
		if (e->family != k->family)
			return false;
		value = what == WHAT_LOCAL ? k->local : k->remote;
		break;
	case WHAT_LPORT:
		value = k->local_port;
		break;
	case WHAT_RPORT:
		value = k->remote_port;
		break;
	case WHAT_ON:
		if (e->kind == AST_STRING)
			return !strcmp(e->text, k->ifname);
		value = k->ifindex;
		break;
	case WHATS:
		break;
	}
	return e->kind != AST_STRING && e->low <= value && value <= e->high;
}

/* With a list of what is left to do: sets nest as deep as the user likes. */
bool elements_holding(struct inquiry *q, const struct ast_elements *list,
		      enum what what, take_element *take, void *ctx)
{
	size_t n = 0;

	q->stamp++;
	*arena_push(q->a, q->todo, n, q->todo_cap) =
		(struct listing){ list, NULL };
	while (n) {
		struct listing at = q->todo[--n];

		for (size_t i = 0; i < at.list->n; i++) {
			const struct ast_element *e = &at.list->v[i];
			const struct ast_element *written =
				at.written ? at.written : e;
			struct asked_set *s;

			if (e->kind != AST_NAME_REF) {
				if (holds(q->k, what, e) &&
				    take(ctx, e, written))
					return true;
				continue;
			}
			s = find_set(q, e->text);
			if (s->stamp == q->stamp)
				continue;
			s->stamp = q->stamp;
			*arena_push(q->a, q->todo, n, q->todo_cap) =
				(struct listing){ &s->ast->elements, written };
		}
	}
	return false;
}

static bool take_any(void *ctx, const struct ast_element *e,
		     const struct ast_element *written)
{
	(void)ctx, (void)e, (void)written;
	return true;
}

static bool in_elements(struct inquiry *q, const struct ast_elements *list,
			enum what what)
{
	bool one_set = list->n == 1 && list->v[0].kind == AST_NAME_REF;
	struct asked_set *s = one_set ? find_set(q, list->v[0].text) : NULL;
	bool inside;

	if (s && s->known[what])
		return s->known[what] == 2;
	inside = elements_holding(q, list, what, take_any, NULL);
	if (s)
		s->known[what] = 1 + inside;
	return inside;
}

/* -------------------------------------------------------------- words */

static const char *interface_text(struct inquiry *q)
{
	const struct packet *k = q->k;

	if (k->ifname[0] && k->ifindex)
		return arena_printf(q->a, "interface %s (%u)", k->ifname,
				    k->ifindex);
	if (k->ifname[0])
		return arena_printf(q->a, "interface %s", k->ifname);
	if (k->ifindex)
		return arena_printf(q->a, "interface %u", k->ifindex);
	return "an unknown interface";
}

const char *what_text(struct inquiry *q, enum what what)
{
	bool local = what == WHAT_LOCAL || what == WHAT_LPORT;
	const char *side = local ? "local" : "remote";
	const struct packet *k = q->k;
	char address[46];

	switch (what) {
	case WHAT_LOCAL:
	case WHAT_REMOTE:
		print_address(address, k->family,
			      local ? k->local : k->remote);
		return arena_printf(q->a, "%s address %s", side, address);
	case WHAT_LPORT:
	case WHAT_RPORT:
		return arena_printf(q->a, "%s port %u", side,
				    local ? k->local_port : k->remote_port);
	case WHAT_ON:
	case WHATS:
		break;
	}
	return interface_text(q);
}

/* What stands in the policy, without its `not`; cut where it is long. */
static const char *operand_text(struct inquiry *q, const struct ast_operand *o)
{
	const struct ast_elements *e = &o->elements;
	bool braces = o->braces || e->n != 1;
	const char *text = "";

	for (size_t i = 0; i < e->n && i < SHOWN; i++)
		text = arena_printf(q->a, "%s%s%s", text, i ? ", " : "",
				    print_element(q->a, &e->v[i]));
	if (e->n > SHOWN)
		text = arena_printf(q->a, "%s and %zu more", text,
				    e->n - SHOWN);
	if (!e->n)
		return "{}";
	return braces ? arena_printf(q->a, "{ %s }", text) : text;
}

/* --------------------------------------------------------- conditions */

static void miss(struct missed *m, const struct place *place,
		 const char *because)
{
	if (m->because && m->place.begin <= place->begin)
		return;
	m->place = *place;
	m->because = because;
}

static void ask_operand(struct inquiry *q, struct missed *m,
			const struct ast_operand *o, enum what what)
{
	if (!o->present || in_elements(q, &o->elements, what) != o->negated)
		return;
	miss(m, &o->place, arena_printf(q->a, "%s is %s %s",
					what_text(q, what),
					o->negated ? "in" : "not in",
					operand_text(q, o)));
}

static void ask_keywords(struct inquiry *q, struct missed *m,
			 const struct ast_match *match)
{
	uint8_t protocol = q->k->protocol == PACKET_TCP ? AST_TCP : AST_UDP;
	uint8_t family = q->k->family == 4 ? AST_IP4 : AST_IP6;

	if (match->protocol && !(match->protocol & protocol))
		miss(m, &match->protocol_place, protocol == AST_TCP ?
		     "protocol tcp is not udp" : "protocol udp is not tcp");
	if (match->family && !(match->family & family))
		miss(m, &match->family_place, family == AST_IP4 ?
		     "family ip4 is not ip6" : "family ip6 is not ip4");
}

struct missed match_missed(struct inquiry *q, const struct ast_match *m)
{
	struct missed missed = { .because = NULL };

	ask_keywords(q, &missed, m);
	ask_operand(q, &missed, &m->from.address, WHAT_REMOTE);
	ask_operand(q, &missed, &m->from.port, WHAT_RPORT);
	ask_operand(q, &missed, &m->to.address, WHAT_LOCAL);
	ask_operand(q, &missed, &m->to.port, WHAT_LPORT);
	ask_operand(q, &missed, &m->port, WHAT_LPORT);
	ask_operand(q, &missed, &m->on, WHAT_ON);
	return missed;
}
