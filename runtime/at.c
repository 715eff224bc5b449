/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * at - sockets found by the address they are bound to
 *
 * In: addresses. Out: candidates. sock_diag knows address, cookie and inode;
 * /proc knows who has that inode open; pidfd_getfd copies it; the cookie says
 * that it is still the same socket.
 */
#include "at.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "auto.h"
#include "process.h"
#include "sockdiag.h"

struct match {
	const struct diag_socket *socket;
	struct at_request *request;
};

struct search {
	struct skpol *s;
	bool strict;
	struct match *matches;
	struct owner *owners;
	size_t n;
};

static int compare_requests(const void *a, const void *b)
{
	const struct at_request *x = a, *y = b;

	return memcmp(&x->local, &y->local, sizeof(x->local));
}

static int push(struct search *q, const struct diag_socket *d,
		struct at_request *r)
{
	if (!(q->n & (q->n - 1))) {	/* room for twice at powers of two */
		struct match *more = realloc(q->matches, (q->n ? 2 * q->n : 1) *
					     sizeof(*more));

		if (!more)
			return fail_memory(q->s);
		q->matches = more;
	}
	q->matches[q->n++] = (struct match){ d, r };
	return 0;
}

/* Every request (they are sorted) for the address of D. */
static int match(struct search *q, const struct diag_socket *d,
		 struct at_request *v, size_t n)
{
	struct at_request key, *r;
	int err = 0;

	memset(&key, 0, sizeof(key));
	key.local = d->local;
	r = bsearch(&key, v, n, sizeof(*v), compare_requests);
	while (r && r > v && endpoint_equal(&r[-1].local, &d->local))
		r--;
	for (; !err && r && r < v + n && endpoint_equal(&r->local, &d->local);
	     r++)
		if (!r->protocol || r->protocol == d->protocol)
			err = push(q, d, r);
	return err;
}

static int find_owners(struct search *q)
{
	q->owners = calloc(q->n + 1, sizeof(*q->owners));
	if (!q->owners)
		return fail_memory(q->s);
	for (size_t i = 0; i < q->n; i++)
		q->owners[i].inode = q->matches[i].socket->inode;
	return owners_find(q->s, q->owners, q->n);
}

static int unreachable(struct search *q, const struct match *m)
{
	char text[ENDPOINT_TEXT_MAX];

	endpoint_print(&m->socket->local, text);
	if (q->strict)
		return fail_system(q->s, -EACCES, "nobody whose descriptors "
				   "can be seen owns the socket at %s: needs "
				   "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, or "
				   "to run as its user",
				   text);
	note(q->s, "the socket at %s belongs to a process that cannot be "
	     "looked into: needs CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH",
	     text);
	return 0;
}

static int take(struct search *q, const struct match *m)
{
	const struct owner *o = owners_get(q->owners, q->n,
					   m->socket->inode);
	struct candidates *found = &m->request->found;
	AUTO_FD fd = -1;
	int err;

	if (!o)
		return unreachable(q, m);
	fd = owner_take(q->s, o);
	if (fd < 0 && q->strict)
		return fd;
	if (fd < 0) {
		note(q->s, "%s", skpol_message(q->s));
		return 0;
	}
	err = candidates_add(q->s, found, fd, "descriptor %d of %s, process "
			     "%d", o->number, o->name, (int)o->pid);
	if (err)
		return err;
	take_fd(&fd);
	if (found->v[found->n - 1].facts.cookie != m->socket->cookie)
		found->v[found->n - 1].refused = REFUSED_CLOSED;
	return 0;
}

int at_find(struct skpol *s, struct at_request *v, size_t n, bool strict)
{
	struct search q = { .s = s, .strict = strict };
	AUTO_FREE struct diag_socket *all = NULL;
	size_t nall = 0;
	int err = n ? sockdiag_list(s, &all, &nall) : 0;

	if (n)
		qsort(v, n, sizeof(*v), compare_requests);
	for (size_t i = 0; !err && i < nall; i++)
		err = match(&q, &all[i], v, n);
	if (!err && q.n)
		err = find_owners(&q);
	for (size_t i = 0; !err && i < q.n; i++)
		err = take(&q, &q.matches[i]);
	free(q.matches);
	free(q.owners);
	return err;
}
