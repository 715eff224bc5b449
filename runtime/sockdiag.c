/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sockdiag - the listening and unconnected sockets of the namespace
 *
 * In: a netlink socket born in the namespace. Out: a sorted list. Four dumps,
 * one a protocol and family.
 */
#include "sockdiag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "auto.h"
#include "netns.h"

struct list {
	struct diag_socket *v;
	size_t n, cap;
	uint8_t protocol;
	bool full;		/* memory ran out */
};

static int read_v6only(const struct nlattr *a, void *v6only)
{
	if (mnl_attr_get_type(a) == INET_DIAG_SKV6ONLY &&
	    mnl_attr_get_payload_len(a))
		*(bool *)v6only = mnl_attr_get_u8(a);
	return MNL_CB_OK;
}

static int add(const struct nlmsghdr *h, void *data)
{
	const struct inet_diag_msg *m = mnl_nlmsg_get_payload(h);
	struct list *l = data;

	if (h->nlmsg_len < mnl_nlmsg_size(sizeof(*m)) || !m->id.idiag_sport)
		return MNL_CB_OK;
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 64;
		struct diag_socket *v = realloc(l->v, cap * sizeof(*v));

		if (!v) {
			l->full = true;
			return MNL_CB_STOP;
		}
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = (struct diag_socket){
		.local = endpoint_make(m->idiag_family, m->id.idiag_src,
				       ntohs(m->id.idiag_sport)),
		.protocol = l->protocol,
		.family = m->idiag_family == AF_INET ? 4 : 6,
		.inode = m->idiag_inode,
		.cookie = (uint64_t)m->id.idiag_cookie[1] << 32 |
			m->id.idiag_cookie[0],
		.device = m->id.idiag_if,
		.uid = m->idiag_uid,
	};
	mnl_attr_parse(h, sizeof(*m), read_v6only, &l->v[l->n - 1].v6only);
	return MNL_CB_OK;
}

static int ask(struct mnl_socket *nl, int family, int protocol, uint32_t seq)
{
	char buf[MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof(struct
					inet_diag_req_v2))] = { 0 };
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct inet_diag_req_v2 *r = mnl_nlmsg_put_extra_header(h, sizeof(*r));

	h->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	h->nlmsg_seq = seq;
	r->sdiag_family = (uint8_t)family;
	r->sdiag_protocol = (uint8_t)protocol;
	r->idiag_states = 1u << (protocol == IPPROTO_TCP ? TCP_LISTEN :
				 TCP_CLOSE);
	return mnl_socket_sendto(nl, h, h->nlmsg_len) < 0 ? -errno : 0;
}

static int dump(struct mnl_socket *nl, int family, int protocol, uint32_t seq,
		struct list *l)
{
	AUTO_FREE char *buf = malloc((size_t)MNL_SOCKET_BUFFER_SIZE);
	int err = buf ? ask(nl, family, protocol, seq) : -ENOMEM;
	int more = MNL_CB_OK;

	l->protocol = (uint8_t)protocol;
	while (!err && more > MNL_CB_STOP) {
		ssize_t n = mnl_socket_recvfrom(nl, buf, (size_t)
						MNL_SOCKET_BUFFER_SIZE);

		more = n < 0 ? MNL_CB_ERROR :
			mnl_cb_run(buf, (size_t)n, seq,
				   mnl_socket_get_portid(nl), add, l);
		if (more == MNL_CB_ERROR)
			err = -errno;
	}
	/* a kernel without the module for this family knows no sockets of it */
	if (err == -ENOENT)
		err = 0;
	return l->full ? -ENOMEM : err;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = ((const struct diag_socket *)a)->cookie;
	uint64_t y = ((const struct diag_socket *)b)->cookie;

	return x < y ? -1 : x > y;
}

static int dump_all(struct mnl_socket *nl, struct list *l)
{
	static const int protocols[] = { IPPROTO_TCP, IPPROTO_UDP };
	static const int families[] = { AF_INET, AF_INET6 };
	uint32_t seq = 1;
	int err = 0;

	for (int p = 0; p < 2; p++)
		for (int f = 0; !err && f < 2; f++)
			err = dump(nl, families[f], protocols[p], seq++, l);
	if (!err && l->n)
		qsort(l->v, l->n, sizeof(*l->v), compare);
	return err;
}

int sockdiag_list(struct skpol *s, struct diag_socket **v, size_t *n)
{
	AUTO_FD fd = netns_socket(s, AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG);
	struct list l = { .v = NULL };
	struct mnl_socket *nl;
	int err;

	*v = NULL;
	*n = 0;
	if (fd < 0)
		return fd;
	nl = mnl_socket_fdopen(fd);
	if (!nl)
		return fail_memory(s);
	err = mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno :
		dump_all(nl, &l);
	take_fd(&fd);
	mnl_socket_close(nl);
	if (err) {
		free(l.v);
		return fail_system(s, err, "cannot list the sockets of the "
				   "namespace: %s", strerror(-err));
	}
	*v = l.v;
	*n = l.n;
	return 0;
}

const struct diag_socket *sockdiag_find(const struct diag_socket *v, size_t n,
					uint64_t cookie)
{
	struct diag_socket key = { .cookie = cookie };

	return n ? bsearch(&key, v, n, sizeof(*v), compare) : NULL;
}
