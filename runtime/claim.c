/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * claim - which socket goes into which slot of a name
 *
 * In: candidates. Out: a choice for each slot; claim_fill.c carries it out.
 */
#include "claim.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "auto.h"

uint8_t kind_protocol(enum kind k)
{
	return k < KIND_UDP4 ? IPPROTO_TCP : IPPROTO_UDP;
}

uint8_t kind_family(enum kind k)
{
	return k & 1 ? 6 : 4;
}

enum kind kind_of(uint8_t protocol, uint8_t family)
{
	return (enum kind)((protocol == IPPROTO_TCP ? KIND_TCP4 : KIND_UDP4) +
			   (family == 6));
}

int candidates_add(struct skpol *s, struct candidates *c, int fd,
		   const char *fmt, ...)
{
	struct candidate *more, *e;
	va_list ap;

	if (!(c->n & (c->n - 1))) {	/* room for twice at powers of two */
		more = realloc(c->v, (c->n ? 2 * c->n : 1) * sizeof(*more));
		if (!more)
			return fail_memory(s);
		c->v = more;
	}
	e = &c->v[c->n++];
	e->fd = fd;
	e->refused = inspect(s, fd, &e->facts);
	va_start(ap, fmt);
	vsnprintf(e->from, sizeof(e->from), fmt, ap);
	va_end(ap);
	return 0;
}

void candidates_free(struct candidates *c)
{
	for (size_t i = 0; i < c->n; i++)
		auto_close(&c->v[i].fd);
	free(c->v);
	*c = (struct candidates){ NULL, 0 };
}

static int fail_two(struct skpol *s, const struct claim *c, enum kind k,
		    const struct candidate *a, const struct candidate *b)
{
	char at[ENDPOINT_TEXT_MAX], bt[ENDPOINT_TEXT_MAX];

	return fail_input(s, -ENOTUNIQ, "two sockets fit `%s` for %s over %s: "
			  "%s (%s) and %s (%s), and they are no reuseport "
			  "group: choose one with --local", c->name,
			  protocol_name(kind_protocol(k)),
			  family_name(kind_family(k)),
			  endpoint_print(&a->facts.local, at), a->from,
			  endpoint_print(&b->facts.local, bt), b->from);
}

/* E wants slot K; IMPLIED by being both. */
static int want(struct skpol *s, struct claim *c, enum kind k,
		const struct candidate *e, bool implied)
{
	const struct candidate *other = c->kinds[k].chosen;

	if (!c->kinds[k].declared)
		return 0;
	if (other && c->kinds[k].implied == implied) {
		if (facts_one_group(&e->facts, &other->facts) ||
		    e->facts.cookie == other->facts.cookie)
			return 0;
		return fail_two(s, c, k, other, e);
	}
	if (other && implied)
		return 0;
	c->kinds[k].chosen = e;
	c->kinds[k].implied = implied;
	return 0;
}

int claim_choose(struct skpol *s, struct claim *c, const struct candidates *v)
{
	int err = 0;

	c->among = v;
	for (size_t i = 0; !err && i < v->n; i++) {
		const struct candidate *e = &v->v[i];

		if (e->refused != REFUSED_NONE)
			continue;
		err = want(s, c, kind_of(e->facts.protocol, e->facts.family),
			   e, false);
		if (!err && e->facts.both)
			err = want(s, c, kind_of(e->facts.protocol, 4), e,
				   true);
	}
	return err;
}

bool claim_empty(const struct claim *c)
{
	for (int k = 0; k < KIND_COUNT; k++)
		if (c->kinds[k].chosen)
			return false;
	return true;
}
