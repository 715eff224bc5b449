/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inspect - what a descriptor is, and whether a policy can steer to it
 *
 * In: a descriptor. Out: facts, or a reason. Only getsockopt and its like.
 */
#include "inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include "netns.h"

static const struct { const char *text; int err; } refusals[] = {
#define X(id, err, text) [REFUSED_##id] = { text, -(err) },
	REFUSALS(X)
#undef X
};

const char *refusal_text(enum refusal r)
{
	return refusals[r].text;
}

int refusal_errno(enum refusal r)
{
	return refusals[r].err;
}

static int option(int fd, int level, int name)
{
	int v = 0;
	socklen_t len = sizeof(v);

	return getsockopt(fd, level, name, &v, &len) ? 0 : v;
}

/*
 * Without a word to the file system behind it, which may be its owner's own
 * and never answer. An O_PATH descriptor of a socket is none to use.
 */
static enum refusal check_descriptor(int fd)
{
	int type;
	socklen_t len = sizeof(type);

	if (fcntl(fd, F_GETFD) < 0)
		return REFUSED_CLOSED;
	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) ?
		REFUSED_NO_SOCKET : REFUSED_NONE;
}

static enum refusal check_kind(int fd, struct facts *f)
{
	int protocol = option(fd, SOL_SOCKET, SO_PROTOCOL);

	f->domain = option(fd, SOL_SOCKET, SO_DOMAIN);
	if (f->domain == AF_UNIX)
		return REFUSED_UNIX;
	if (f->domain != AF_INET && f->domain != AF_INET6)
		return REFUSED_FAMILY;
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
		return REFUSED_PROTOCOL;
	f->family = f->domain == AF_INET ? 4 : 6;
	f->protocol = (uint8_t)protocol;
	return REFUSED_NONE;
}

static enum refusal check_use(int fd, struct facts *f)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t len = sizeof(sa);

	if (!getpeername(fd, (struct sockaddr *)&sa, &len))
		return REFUSED_CONNECTED;
	if (f->protocol == IPPROTO_TCP &&
	    !option(fd, SOL_SOCKET, SO_ACCEPTCONN))
		return REFUSED_NOT_LISTENING;
	len = sizeof(sa);
	if (getsockname(fd, (struct sockaddr *)&sa, &len))
		return REFUSED_CLOSED;
	f->local = endpoint_of(&sa);
	return f->local.port ? REFUSED_NONE : REFUSED_UNBOUND;
}

static uint32_t owner_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? UINT32_MAX : st.st_uid;
}

enum refusal inspect(const struct skpol *s, int fd, struct facts *f)
{
	socklen_t len = sizeof(f->cookie);
	enum refusal r = check_descriptor(fd);

	*f = (struct facts){ .domain = AF_UNSPEC };
	if (r == REFUSED_NONE)
		r = check_kind(fd, f);
	if (r == REFUSED_NONE)
		r = check_use(fd, f);
	if (r != REFUSED_NONE)
		return r;
	if (netns_holds(s, fd) != 1)
		return REFUSED_NETNS;
	f->both = f->family == 6 && !option(fd, IPPROTO_IPV6, IPV6_V6ONLY);
	f->reuseport = option(fd, SOL_SOCKET, SO_REUSEPORT);
	f->device = (uint32_t)option(fd, SOL_SOCKET, SO_BINDTOIFINDEX);
	f->uid = owner_of(fd);
	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &f->cookie, &len))
		return REFUSED_CLOSED;
	return REFUSED_NONE;
}

bool facts_one_group(const struct facts *a, const struct facts *b)
{
	return a->reuseport && b->reuseport && a->protocol == b->protocol &&
		a->family == b->family && a->both == b->both &&
		a->device == b->device && a->uid == b->uid &&
		endpoint_equal(&a->local, &b->local);
}
