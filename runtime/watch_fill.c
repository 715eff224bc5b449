/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch_fill - puts sockets that came back into the slots that wait for them
 *
 * In: seats that are wanted. Out: their slots filled, under the lock, each for
 * itself: what fails for one is told, and stops no other.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "at.h"
#include "auto.h"
#include "state.h"
#include "watch_private.h"

struct refill {
	struct watch *w;
	struct slots t;
	struct at_request *requests;	/* the tag is a seat */
	size_t n;
};

static int make_requests(struct refill *r)
{
	struct watch *w = r->w;

	r->requests = calloc(2 * w->n + 1, sizeof(*r->requests));
	if (!r->requests)
		return fail_memory(w->s);
	for (size_t i = 0; i < w->n; i++) {
		struct seat *e = &w->seats[i];
		struct at_request q = { .protocol = e->key.protocol,
					.tag = e };

		if (!e->wanted)
			continue;
		q.local = e->where.cookie ? e->where.local : e->at;
		r->requests[r->n++] = q;
		q.local = e->at;
		if (e->where.cookie && e->at.port &&
		    !endpoint_equal(&e->at, &e->where.local))
			r->requests[r->n++] = q;
	}
	return 0;
}

/* What sock_diag would say of a candidate, to ask the seat about it. */
static struct diag_socket as_diag(const struct facts *f)
{
	return (struct diag_socket){
		.local = f->local, .protocol = f->protocol,
		.family = f->family, .v6only = f->family == 6 && !f->both,
		.device = f->device, .uid = f->uid, .cookie = f->cookie,
	};
}

static void sort_out(const struct seat *e, struct candidates *found)
{
	for (size_t i = 0; i < found->n; i++) {
		struct candidate *c = &found->v[i];
		struct diag_socket d = as_diag(&c->facts);

		if (c->refused == REFUSED_NONE && !seat_takes(e, &d))
			c->refused = REFUSED_ELSEWHERE;
	}
}

static void tell_filled(struct watch *w, const struct seat *e,
			const struct candidate *c)
{
	char at[ENDPOINT_TEXT_MAX];

	watch_tell(w, WATCH_FILLED, e, "%s at %s is in the slot", c->from,
		   endpoint_print(&c->facts.local, at));
}

static void fill_one(struct refill *r, struct at_request *q)
{
	struct seat *e = q->tag;
	enum kind k = kind_of(e->key.protocol, e->key.family);
	struct claim c = { .quiet = true };
	size_t filled = 0;
	int err;

	c.kinds[k].declared = true;
	memcpy(c.name, e->key.name, sizeof(c.name));
	sort_out(e, &q->found);
	err = claim_choose(r->w->s, &c, &q->found);
	if (!err && c.kinds[k].chosen)
		err = claim_fill(r->w->s, &r->t, &c, false, &filled);
	if (err)
		watch_trouble(r->w, skpol_message(r->w->s));
	else if (filled)
		tell_filled(r->w, e, c.kinds[k].chosen);
}

static int fill_all(struct refill *r)
{
	int err = state_sweep(r->w->s);

	err = err ? err : slots_open(r->w->s, &r->t, true);
	err = err ? err : at_find(r->w->s, r->requests, r->n, false);
	for (size_t i = 0; !err && i < r->n; i++)
		fill_one(r, &r->requests[i]);
	return err;
}

void watch_fill(struct watch *w)
{
	struct refill r = { .w = w, .t = { .sockets = -1, .names = -1 } };
	AUTO_FD lock = state_lock(w->s);
	int err = lock < 0 ? lock : make_requests(&r);

	err = err ? err : fill_all(&r);
	if (err)
		watch_trouble(w, skpol_message(w->s));
	for (size_t i = 0; i < r.n; i++)
		candidates_free(&r.requests[i].found);
	free(r.requests);
	slots_close(&r.t);
}
