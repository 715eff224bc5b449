/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * manifest_address - the local addresses at which a policy selects sockets
 *
 * In: clauses. Out: the union of their local addresses, cut into prefixes.
 */
#include "manifest_address.h"

#include <stdio.h>

#include "../grammar/arena.h"
#include "../grammar/print.h"

static bool selects(const struct policy *p, const struct clause *c)
{
	const struct action *a = &p->actions[c->action];

	return a->split || p->outcomes[a->outcome].nsteps;
}

struct gathered {
	struct interval *v;
	size_t n, cap;
};

static void gather(struct arena *a, const struct policy *p, enum field f,
		   struct gathered *out)
{
	for (size_t i = 0; i < p->nclauses; i++) {
		const struct terms *t = &p->clauses[i].terms;

		if (!selects(p, &p->clauses[i]))
			continue;
		for (size_t k = 0; k < t->n; k++) {
			const struct iset *s = t->v[k].set[f];

			for (size_t j = 0; s && j < s->n; j++)
				*arena_push(a, out->v, out->n, out->cap) =
					s->v[j];
		}
	}
}

/* The low bits of the largest prefix that begins at LOW and ends by HIGH. */
static unsigned int host_bits(u128 low, u128 high, unsigned int width)
{
	unsigned int bits = 0;

	while (bits < width) {
		u128 size = (u128)1 << bits;	/* the next is twice as large */

		if (low & size || high - low < size * 2 - 1)
			break;
		bits++;
	}
	return bits;
}

static int append(json_t *list, enum field f, u128 low, unsigned int length)
{
	char address[64], text[80];

	print_address(address, f == FIELD_LADDR4 ? 4 : 6, low);
	snprintf(text, sizeof(text), "%s/%u", address, length);
	return json_array_append_new(list, json_string(text));
}

/* Whether there was room for all of V. */
static bool cut(json_t *list, enum field f, const struct interval *v,
		int *failed)
{
	unsigned int width = f == FIELD_LADDR4 ? 32 : 128;
	u128 low = v->low;

	for (;;) {
		unsigned int bits = host_bits(low, v->high, width);
		u128 last = bits == 128 ? v->high :
			low + (((u128)1 << bits) - 1);

		if (json_array_size(list) == MANIFEST_ADDRESSES_MAX)
			return false;
		*failed |= append(list, f, low, width - bits);
		if (last >= v->high)
			return true;
		low = last + 1;
	}
}

json_t *manifest_addresses(struct arena *a, const struct policy *p,
			   size_t *left_out)
{
	static const enum field fields[] = { FIELD_LADDR4, FIELD_LADDR6 };
	json_t *list = json_array();
	int failed = !list;

	*left_out = 0;
	for (size_t i = 0; !failed && i < 2; i++) {
		struct gathered g = { .v = NULL };
		const struct iset *s;

		gather(a, p, fields[i], &g);
		s = iset_build(a, g.v, g.n);
		for (size_t k = 0; !failed && k < s->n; k++)
			*left_out += !cut(list, fields[i], &s->v[k], &failed);
	}
	if (!failed)
		return list;
	json_decref(list);
	return NULL;
}
