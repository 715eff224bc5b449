/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * owner - who has the socket with this cookie
 *
 * In: cookies. Out: addresses, processes. The way is cookie -> inode by
 * sock_diag, inode -> process by /proc.
 */
#include "owner.h"

#include <errno.h>
#include <string.h>

#include "auto.h"
#include "process.h"
#include "sockdiag.h"

static bool locate(struct skpol *s, struct socket_owner *v, size_t n, int *err)
{
	AUTO_FREE struct diag_socket *sockets = NULL;
	bool any = false;
	size_t nsockets;

	*err = sockdiag_list(s, &sockets, &nsockets);
	for (size_t i = 0; !*err && i < n; i++) {
		const struct diag_socket *d = v[i].cookie ?
			sockdiag_find(sockets, nsockets, v[i].cookie) : NULL;

		if (!d)
			continue;
		v[i].known = true;
		v[i].protocol = d->protocol;
		v[i].family = d->family;
		v[i].local = d->local;
		v[i].inode = d->inode;
		any |= d->inode != 0;
	}
	return any;
}

static void name_owner(struct socket_owner *v, const struct owner *o)
{
	if (!o)
		return;
	v->pid = o->pid;
	v->number = o->number;
	memcpy(v->name, o->name, sizeof(v->name));
}

int socket_owners(struct skpol *s, struct socket_owner *v, size_t n)
{
	AUTO_FREE struct owner *owners = NULL;
	size_t wanted = 0;
	int err;

	for (size_t i = 0; i < n; i++)
		v[i] = (struct socket_owner){ .cookie = v[i].cookie };
	if (!n || !locate(s, v, n, &err))
		return n ? err : 0;
	owners = calloc(n, sizeof(*owners));
	if (!owners)
		return fail_memory(s);
	for (size_t i = 0; i < n; i++)
		if (v[i].inode)
			owners[wanted++].inode = v[i].inode;
	if (owners_find(s, owners, wanted))
		return 0;		/* no /proc: nobody is seen */
	for (size_t i = 0; i < n; i++)
		if (v[i].inode)
			name_owner(&v[i], owners_get(owners, wanted,
						     v[i].inode));
	return 0;
}

int socket_owner_take(struct skpol *s, const struct socket_owner *o)
{
	struct owner owner = { .inode = o->inode, .pid = o->pid,
			       .number = o->number };

	if (!o->pid)
		return fail_system(s, -ESRCH, "no process that we may see has "
				   "the socket");
	return owner_take(s, &owner);
}
