/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor_route - are the addresses of the policy local here
 *
 * Only a packet for an address that the host takes for its own comes to the
 * socket lookup. In: the addresses in the manifest, the routes of type local of
 * the namespace (rtnetlink). Out: a finding for each prefix that is not
 * covered, wholly or in part.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "auto.h"
#include "doctor.h"
#include "netns.h"

#ifndef NETLINK_GET_STRICT_CHK
#define NETLINK_GET_STRICT_CHK 12
#endif

enum { BYTES = 16 };

struct prefix {
	uint8_t family;		/* AF_INET, AF_INET6 */
	uint8_t length;
	uint8_t address[BYTES];
};

struct routes {
	struct prefix *v;
	size_t n, cap;
	bool full;
};

/* ----------------------------------------------------------- reading them */

static int add(const struct nlmsghdr *h, void *data)
{
	const struct rtmsg *m = mnl_nlmsg_get_payload(h);
	struct routes *r = data;
	struct prefix p = { .family = m->rtm_family,
			    .length = m->rtm_dst_len };
	const struct nlattr *a;

	if (h->nlmsg_type != RTM_NEWROUTE || m->rtm_type != RTN_LOCAL)
		return MNL_CB_OK;
	mnl_attr_for_each(a, h, sizeof(*m))
		if (mnl_attr_get_type(a) == RTA_DST &&
		    mnl_attr_get_payload_len(a) <= BYTES)
			memcpy(p.address, mnl_attr_get_payload(a),
			       mnl_attr_get_payload_len(a));
	if (r->n == r->cap) {
		size_t cap = r->cap ? 2 * r->cap : 32;
		struct prefix *v = realloc(r->v, cap * sizeof(*v));

		if (!v) {
			r->full = true;
			return MNL_CB_STOP;
		}
		r->v = v;
		r->cap = cap;
	}
	r->v[r->n++] = p;
	return MNL_CB_OK;
}

/* The kernel leaves out other routes where it can: a full table is large. */
static int dump(struct mnl_socket *nl, int family, uint32_t seq,
		struct routes *r)
{
	char small[MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof(struct rtmsg))];
	struct nlmsghdr *h = mnl_nlmsg_put_header(memset(small, 0,
							 sizeof(small)));
	struct rtmsg *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));
	size_t size = (size_t)MNL_SOCKET_BUFFER_SIZE;
	AUTO_FREE char *buf = malloc(size);
	int more = MNL_CB_OK;

	h->nlmsg_type = RTM_GETROUTE;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	h->nlmsg_seq = seq;
	m->rtm_family = (unsigned char)family;
	m->rtm_type = RTN_LOCAL;
	if (!buf || mnl_socket_sendto(nl, h, h->nlmsg_len) < 0)
		return buf ? -errno : -ENOMEM;
	while (more > MNL_CB_STOP) {
		ssize_t n = mnl_socket_recvfrom(nl, buf, size);

		more = n < 0 ? MNL_CB_ERROR :
			mnl_cb_run(buf, (size_t)n, seq,
				   mnl_socket_get_portid(nl), add, r);
	}
	/* no IPv6 here: no routes of it */
	if (more == MNL_CB_ERROR && errno != EAFNOSUPPORT &&
	    errno != EOPNOTSUPP)
		return -errno;
	return r->full ? -ENOMEM : 0;
}

static int read_routes(struct skpol *s, struct routes *r)
{
	AUTO_FD fd = netns_socket(s, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	struct mnl_socket *nl = fd < 0 ? NULL : mnl_socket_fdopen(fd);
	int one = 1, err;

	if (!nl)
		return fd < 0 ? fd : -ENOMEM;
	take_fd(&fd);
	mnl_socket_setsockopt(nl, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
	err = mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno :
		dump(nl, AF_INET, 1, r);
	if (!err)
		err = dump(nl, AF_INET6, 2, r);
	mnl_socket_close(nl);
	return err;
}

/* ----------------------------------------------------------- comparing them */

static bool parse(const char *text, struct prefix *p)
{
	char address[64];
	unsigned int length;

	if (!text || sscanf(text, "%63[^/]/%u", address, &length) != 2)
		return false;
	*p = (struct prefix){ .family = strchr(address, ':') ? AF_INET6 :
			      AF_INET, .length = (uint8_t)length };
	return length <= (p->family == AF_INET ? 32 : 128) &&
		inet_pton(p->family, address, p->address) == 1;
}

static bool same_bits(const struct prefix *a, const struct prefix *b,
		      unsigned int bits)
{
	unsigned int bytes = bits / 8, rest = bits % 8;

	if (memcmp(a->address, b->address, bytes))
		return false;
	return !rest || !((a->address[bytes] ^ b->address[bytes]) >>
			  (8 - rest));
}

static bool holds(const struct prefix *outer, const struct prefix *inner)
{
	return outer->family == inner->family &&
		outer->length <= inner->length &&
		same_bits(outer, inner, outer->length);
}


enum cover { COVER_NONE, COVER_PART, COVER_ALL };

/* Splits P in two until a route holds it, or none is inside of it. */
static enum cover covered(const struct routes *r, struct prefix p)
{
	enum cover low, high;
	bool inside = false;

	for (size_t i = 0; i < r->n; i++) {
		if (holds(&r->v[i], &p))
			return COVER_ALL;
		inside |= holds(&p, &r->v[i]);
	}
	if (!inside)
		return COVER_NONE;
	p.length++;
	low = covered(r, p);
	if (low == COVER_PART)
		return low;
	p.address[(p.length - 1) / 8] |= (uint8_t)(0x80 >>
						   (p.length - 1) % 8);
	high = covered(r, p);
	return low == high ? low : COVER_PART;
}

static bool is_loopback(const struct prefix *p)
{
	static const struct prefix four = { AF_INET, 8, { 127 } };
	static const struct prefix six = { AF_INET6, 128, { [15] = 1 } };

	return holds(&four, p) || holds(&six, p);
}

static void say(struct doctor *d, const char *text, const struct prefix *p,
		enum cover c)
{
	char advice[128];

	if (is_loopback(p))
		strcpy(advice, "ip link set lo up");
	else
		snprintf(advice, sizeof(advice), "ip %sroute add local %s dev "
			 "lo", p->family == AF_INET6 ? "-6 " : "", text);
	if (c == COVER_NONE)
		doctor_say(d, FINDING_FAIL, advice, "%s is not local in this "
			   "namespace: its packets never come to the policy",
			   text);
	else
		doctor_say(d, FINDING_WARN, advice, "only a part of %s is "
			   "local in this namespace: packets for the rest "
			   "never come to the policy", text);
}

void doctor_routes(struct doctor *d)
{
	json_t *list = json_object_get(d->live.gen.manifest, "addresses"), *e;
	struct routes r = { .v = NULL };
	size_t i, local = 0;

	if (doctor_blind(d))
		return;
	if (!json_array_size(list)) {
		doctor_say(d, FINDING_OK, NULL, "no rule that selects a socket "
			   "names a local address");
		return;
	}
	if (read_routes(d->s, &r)) {
		doctor_say(d, FINDING_UNKNOWN, NULL, "cannot read the routes "
			   "of the namespace");
		free(r.v);
		return;
	}
	json_array_foreach(list, i, e) {
		const char *text = json_string_value(e);
		struct prefix p;
		enum cover c;

		if (!parse(text, &p))
			continue;
		c = covered(&r, p);
		local += c == COVER_ALL;
		if (c != COVER_ALL)
			say(d, text, &p, c);
	}
	free(r.v);
	if (local)
		doctor_say(d, FINDING_OK, NULL, "%zu of the policy's %zu "
			   "address prefixes %s wholly local", local,
			   json_array_size(list), local == 1 ? "is" : "are");
}
