/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resolve_mapped - IPv4 addresses that were written in IPv6 form
 *
 * In: the elements of a set, an operand or a map. Out: one warning, with the
 * IPv4 form of the first of them. A socket of both families shows an IPv4
 * client as ::ffff:192.0.2.1; its packets are IPv4 all the same, so that what
 * is written so matches nothing that anybody sends.
 */
#include "resolve.h"

#include "../grammar/print.h"

enum { MAPPED = 0xffff, PREFIX_BITS = 96 };	/* ::ffff:0:0/96 */

void mapped_note(struct mapped *m, const struct ast_element *e)
{
	if (e->family != 6 || e->low >> 32 != MAPPED || e->high >> 32 != MAPPED)
		return;
	if (!m->n++)
		m->first = e;
}

static const char *ip4_form(struct arena *a, const struct ast_element *e)
{
	struct ast_element ip4 = *e;

	ip4.family = 4;
	ip4.low = (uint32_t)e->low;
	ip4.high = (uint32_t)e->high;
	if (e->kind == AST_PREFIX)
		ip4.length -= PREFIX_BITS;
	return print_element(a, &ip4);
}

void mapped_say(struct resolver *r, const struct mapped *m)
{
	const struct ast_element *e = m->first;
	struct diag *d;

	if (!m->n)
		return;
	d = diag_add(r->d, DIAG_MAPPED_ADDRESS, &e->place,
		     "`%s` matches no packet: those of an IPv4 address are "
		     "IPv4", print_element(r->a, e));
	d->label = "an IPv4 address in IPv6 form";
	if (m->n > 1)
		d->note = arena_printf(r->a, "%zu of these elements are "
				       "written so", m->n);
	d->help = arena_printf(r->a, "write `%s`", ip4_form(r->a, e));
}
