/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * claim_fill - the sockets that were chosen, into the places of their slots
 *
 * In: a claim. Out: entries in the socket map. Promise: whatever fails, no
 * slot has lost the socket that it had; and no slot that had a socket is empty
 * for an instant: a place is overwritten, never emptied first, and the first
 * place is written before the others.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "auto.h"
#include "claim.h"
#include "sockdiag.h"

struct filling {		/* of one slot */
	bool todo;
	uint32_t slot;
	uint64_t held[IMAGE_PLACES];		/* cookies; 0 = empty */
	bool keep[IMAGE_PLACES];
	const struct candidate *put[IMAGE_PLACES];	/* NULL = none */
	size_t left;		/* members that found no place */
};

struct fill {
	struct skpol *s;
	struct slots *t;
	const struct claim *c;
	bool replace;
	struct diag_socket *all;	/* of the namespace, when it was asked */
	size_t nall;
	bool listed;
	struct filling slots[KIND_COUNT];
};

/* ------------------------------------------------------------- members */

/* Member *I of the group that is for slot K, or the next; NULL at the end. */
static const struct candidate *member(const struct fill *f, enum kind k,
				      size_t *i)
{
	const struct candidate *chosen = f->c->kinds[k].chosen;
	const struct candidates *v = f->c->among;

	for (; *i < v->n; ++*i) {
		const struct candidate *e = &v->v[*i];

		if (e == chosen || (e->refused == REFUSED_NONE &&
				    e->facts.cookie != chosen->facts.cookie &&
				    facts_one_group(&e->facts,
						    &chosen->facts)))
			return e;
	}
	return NULL;
}

static bool is_member(const struct fill *f, enum kind k, uint64_t cookie)
{
	const struct candidate *e;

	for (size_t i = 0; (e = member(f, k, &i)); i++)
		if (e->facts.cookie == cookie)
			return true;
	return false;
}

/*
 * Whether the socket COOKIE, which somebody else registered, is of the group of
 * E. Two that are bound to one address, one device, of one user, can only be.
 */
static int is_relative(struct fill *f, const struct candidate *e,
		       uint64_t cookie)
{
	const struct facts *a = &e->facts;
	const struct diag_socket *d;
	int err = f->listed || !a->reuseport ? 0 :
		sockdiag_list(f->s, &f->all, &f->nall);

	if (err || !a->reuseport)
		return err;
	f->listed = true;
	d = sockdiag_find(f->all, f->nall, cookie);
	return d && d->protocol == a->protocol && d->family == a->family &&
		(d->family == 4 || d->v6only == !a->both) &&
		d->device == a->device && d->uid == a->uid &&
		endpoint_equal(&d->local, &a->local);
}

/* ------------------------------------------------------------- planning */

static bool is_twice(const struct filling *p, uint32_t place)
{
	for (uint32_t i = 0; i < place; i++)
		if (p->held[i] == p->held[place])
			return true;
	return false;
}

/* Sets what is held, and what of that stays. 1: a stranger is there. */
static int look(struct fill *f, enum kind k, struct filling *p)
{
	const struct candidate *e = f->c->kinds[k].chosen;

	for (uint32_t i = 0; i < f->t->places; i++) {
		uint64_t held = slot_place(f->t, p->slot, i);
		int relative = 1;

		p->held[i] = held;
		if (!held || is_twice(p, i))
			continue;
		p->keep[i] = is_member(f, k, held);
		if (p->keep[i] || f->replace)
			continue;
		relative = is_relative(f, e, held);
		if (relative <= 0)
			return relative ? relative : 1;
		p->keep[i] = true;
	}
	return 0;
}

static bool has_place(const struct filling *p, const struct candidate *e)
{
	for (uint32_t i = 0; i < IMAGE_PLACES; i++)
		if ((p->put[i] &&
		     p->put[i]->facts.cookie == e->facts.cookie) ||
		    (p->keep[i] && p->held[i] == e->facts.cookie))
			return true;
	return false;
}

/* The first member from *I on that has no place yet. */
static const struct candidate *homeless(const struct fill *f, enum kind k,
					const struct filling *p, size_t *i)
{
	const struct candidate *e;

	for (; (e = member(f, k, i)); ++*i)
		if (!has_place(p, e))
			return e;
	return NULL;
}

/* Who stays in a later place moves up rather than leave the first empty. */
static void move_up(const struct fill *f, enum kind k, struct filling *p)
{
	size_t i = 0;
	const struct candidate *e = member(f, k, &i);

	p->put[0] = e;
	for (uint32_t j = 1; j < IMAGE_PLACES; j++)
		if (p->held[j] == e->facts.cookie)
			p->keep[j] = false;
}

static void plan_places(const struct fill *f, enum kind k, struct filling *p)
{
	const struct candidate *e;
	size_t i = 0;

	for (uint32_t j = 0; j < f->t->places; j++)
		if (!p->keep[j])
			p->put[j] = homeless(f, k, p, &i);
	if (!p->keep[0] && !p->put[0])
		move_up(f, k, p);
	for (uint32_t j = 0; j < f->t->places; j++)
		p->todo |= p->put[j] || (p->held[j] && !p->keep[j]);
	for (i = 0; (e = homeless(f, k, p, &i)); i++)
		p->left++;
}

static int refuse(struct fill *f, enum kind k, const struct filling *p)
{
	uint64_t held = 0;

	for (uint32_t i = 0; !held && i < IMAGE_PLACES; i++)
		held = p->held[i];
	if (f->c->kinds[k].implied) {
		note(f->s, "`%s` for %s over ip4 keeps its own socket (cookie %"
		     PRIu64 "); --replace takes that, too", f->c->name,
		     protocol_name(kind_protocol(k)), held);
		return 0;
	}
	return fail_input(f->s, -EEXIST, "`%s` for %s over %s holds another "
			  "socket (cookie %" PRIu64 "), which stays: "
			  "`skpol unregister` it, or say --replace", f->c->name,
			  protocol_name(kind_protocol(k)),
			  family_name(kind_family(k)), held);
}

static int plan(struct fill *f, enum kind k)
{
	struct filling *p = &f->slots[k];
	struct slot_key key = slot_key(f->c->name, kind_protocol(k),
				       kind_family(k));
	int64_t slot;
	int stranger;

	if (!f->c->kinds[k].chosen)
		return 0;
	slot = slot_take(f->s, f->t, &key);
	if (slot < 0)
		return (int)slot;
	p->slot = (uint32_t)slot;
	stranger = look(f, k, p);
	if (stranger)
		return stranger < 0 ? stranger : refuse(f, k, p);
	plan_places(f, k, p);
	return 0;
}

/* ------------------------------------------------------------- doing */

static int fail_put(struct skpol *s, int err, const struct candidate *e)
{
	if (err == -EOPNOTSUPP || err == -EINVAL)
		return fail_input(s, err, "the kernel does not take %s into a "
				  "socket map: is it still listening?",
				  e->from);
	return err ? fail_bpf(s, err, "write the socket map") : 0;
}

/* Whether anything that lives would be overwritten. */
static bool overwrites(const struct filling *p)
{
	bool any = false;

	for (uint32_t i = 0; i < IMAGE_PLACES; i++)
		any |= p->todo && p->held[i] && !p->keep[i];
	return any;
}

/* What is overwritten cannot be put back: sees first that all is taken. */
static int rehearse(struct fill *f)
{
	AUTO_FD map = -1;
	__u32 zero = 0;
	int err = 0;

	map = bpf_map_create(BPF_MAP_TYPE_SOCKMAP, "rehearsal", sizeof(zero),
			     sizeof(__u64), 1, NULL);
	if (map < 0)
		return fail_bpf(f->s, map, "make a map");
	for (int k = 0; k < KIND_COUNT; k++)
		for (uint32_t i = 0; !err && i < IMAGE_PLACES; i++) {
			const struct candidate *e = f->slots[k].put[i];
			__u64 fd = e ? (__u64)e->fd : 0;

			if (e)
				err = fail_put(f->s, bpf_map_update_elem(map,
					&zero, &fd, BPF_ANY), e);
		}
	return err;
}

static int put_all(struct fill *f, struct filling *p)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < f->t->places; i++) {
		const struct candidate *e = p->put[i];

		if (e)
			err = fail_put(f->s, slot_put(f->t, p->slot, i, e->fd,
					p->held[i] ? BPF_ANY : BPF_NOEXIST), e);
		else if (p->held[i] && !p->keep[i])
			slot_put(f->t, p->slot, i, -1, 0);
	}
	return err;
}

/* Empties again what was empty. */
static void undo(struct fill *f, const struct filling *p)
{
	for (uint32_t i = 0; i < f->t->places; i++)
		if (p->put[i] && !p->held[i])
			slot_put(f->t, p->slot, i, -1, 0);
}

static void tell_left(const struct fill *f, enum kind k)
{
	const struct filling *p = &f->slots[k];

	if (p->todo && p->left && !f->c->quiet)
		note(f->s, "%zu more member%s of the reuseport group of `%s` "
		     "for %s over %s %s no place in the slot: register again, "
		     "or `skpol watch`, puts them in when others have died",
		     p->left, p->left == 1 ? "" : "s", f->c->name,
		     protocol_name(kind_protocol(k)),
		     family_name(kind_family(k)), p->left == 1 ? "has" :
		     "have");
}

static int carry_out(struct fill *f, size_t *filled)
{
	bool over = false;
	int err = 0, k;

	for (k = 0; k < KIND_COUNT; k++)
		over |= overwrites(&f->slots[k]);
	if (over)
		err = rehearse(f);
	for (k = 0; !err && k < KIND_COUNT; k++) {
		if (f->slots[k].todo)
			err = put_all(f, &f->slots[k]);
		if (!err)
			*filled += f->slots[k].todo;
	}
	for (int i = 0; i < k; i++)
		if (err)
			undo(f, &f->slots[i]);
		else
			tell_left(f, (enum kind)i);
	return err;
}

int claim_fill(struct skpol *s, struct slots *t, struct claim *c, bool replace,
	       size_t *filled)
{
	struct fill f = { .s = s, .t = t, .c = c, .replace = replace };
	int err = 0;

	*filled = 0;
	for (int k = 0; !err && k < KIND_COUNT; k++)
		err = plan(&f, (enum kind)k);
	if (!err)
		err = carry_out(&f, filled);
	if (err)
		*filled = 0;
	free(f.all);
	return err;
}
