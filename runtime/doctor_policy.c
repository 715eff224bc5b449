/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor_policy - what is attached, and the sockets behind it
 *
 * In: the status report, copies of the sockets of other processes. Out:
 * findings. Of a copy only options are read: it shares all else with its owner.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "auto.h"
#include "doctor.h"
#include "owner.h"
#include "programs.h"

#ifndef IP_RECVORIGDSTADDR
#define IP_RECVORIGDSTADDR 20
#endif
#ifndef IPV6_RECVORIGDSTADDR
#define IPV6_RECVORIGDSTADDR 74
#endif
#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif

static const char *text(const json_t *j, const char *key)
{
	const char *t = json_string_value(json_object_get(j, key));

	return t ? t : "";
}

void doctor_state(struct doctor *d)
{
	json_t *problems = json_object_get(d->status, "problems"), *p;
	size_t i;

	if (!d->status) {
		doctor_say(d, FINDING_UNKNOWN, NULL, "cannot read the state: "
			   "%s", skpol_message(d->s));
		return;
	}
	json_array_foreach(problems, i, p)
		doctor_say(d, FINDING_FAIL, "skpol apply, or skpol remove",
			   "%s", json_string_value(p));
	if (json_array_size(problems))
		return;
	if (!d->live.gen.number)
		doctor_say(d, FINDING_OK, NULL, "no policy here");
	else
		doctor_say(d, FINDING_OK, NULL, "policy %s is attached, "
			   "generation %u, all of it is there",
			   text(d->status, "policy"), d->live.gen.number);
}

/* The empty slots of one name, from entry I on; returns where they end. */
static size_t say_empty(struct doctor *d, const json_t *list, size_t i,
			size_t *empty)
{
	const char *name = text(json_array_get(list, i), "name");
	char kinds[128] = "", advice[128];
	size_t had = *empty;

	for (; i < json_array_size(list); i++) {
		const json_t *e = json_array_get(list, i);
		size_t n = strlen(kinds);

		if (strcmp(text(e, "name"), name))
			break;
		if (*text(e, "cookie") ||
		    !json_is_true(json_object_get(e, "declared")))
			continue;
		(*empty)++;
		snprintf(kinds + n, sizeof(kinds) - n, "%s%s over %s",
			 n ? ", " : "", text(e, "protocol"),
			 text(e, "family"));
	}
	if (*empty == had)
		return i;
	snprintf(advice, sizeof(advice), "skpol register %s ...", name);
	doctor_say(d, FINDING_WARN, advice, "`%s` has no socket for %s: what "
		   "follows `else` is done", name, kinds);
	return i;
}

void doctor_sockets(struct doctor *d)
{
	json_t *list = json_object_get(d->status, "sockets");
	size_t n = json_array_size(list), empty = 0;

	if (doctor_blind(d))
		return;
	for (size_t i = 0; i < n;)
		i = say_empty(d, list, i, &empty);
	if (!n)
		doctor_say(d, FINDING_OK, NULL, "no socket is asked for");
	else if (!empty)
		doctor_say(d, FINDING_OK, NULL, "all %zu slots have their "
			   "socket", n);
}

static void say_unlisted(struct doctor *d, int err)
{
	bool privilege = err == -EPERM || err == -EACCES;
	const char *why = d->s->netns < 0 ? "no name and no process leads "
		"there" : strerror(-err);

	doctor_say(d, FINDING_UNKNOWN, privilege ? "run as root, or with "
		   "CAP_NET_ADMIN" : NULL, "cannot list the programs on the "
		   "namespace: %s", why);
}

/* The kernel is asked, since this needs nothing of our state. */
void doctor_programs(struct doctor *d)
{
	int err;
	AUTO_JSON list = programs_report(d->s, &d->live, &err);
	AUTO_JSON order = programs_order(list);
	size_t n = json_array_size(list);

	if (err)
		say_unlisted(d, err);
	else if (n && !d->status)
		doctor_say(d, FINDING_UNKNOWN, NULL, "%zu program%s on the "
			   "namespace; which is ours is not known, for the "
			   "state cannot be read", n, n == 1 ? " is" : "s are");
	else if (json_is_string(order))
		doctor_say(d, FINDING_WARN, "skpol status lists them", "%s",
			   json_string_value(order));
	else
		doctor_say(d, FINDING_OK, NULL, n ? "no other program is on "
			   "the namespace" : "no program is on the namespace");
}

/* ---------------------------------------------------------------- replies */

static bool is_set(int fd, int level, int option)
{
	int v = 0;
	socklen_t n = sizeof(v);

	return !getsockopt(fd, level, option, &v, &n) && v;
}

/* A datagram's destination is told to who asks for it, by either option. */
static bool asks(int fd, bool ip6)
{
	if (ip6)
		return is_set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO) ||
			is_set(fd, IPPROTO_IPV6, IPV6_RECVORIGDSTADDR);
	return is_set(fd, IPPROTO_IP, IP_PKTINFO) ||
		is_set(fd, IPPROTO_IP, IP_RECVORIGDSTADDR);
}

/* Answers from an address that no interface has (a local route). */
static bool may_answer(int fd, bool ip6)
{
	return !ip6 || is_set(fd, IPPROTO_IPV6, IPV6_FREEBIND) ||
		is_set(fd, IPPROTO_IPV6, IPV6_TRANSPARENT) ||
		is_set(fd, IPPROTO_IP, IP_FREEBIND);
}


static void check_reply(struct doctor *d, const json_t *e,
			const struct socket_owner *o)
{
	AUTO_FD fd = o->pid ? socket_owner_take(d->s, o) : -1;
	bool ip6 = o->family == 6;

	if (fd < 0) {
		doctor_say(d, FINDING_UNKNOWN, "run as root, or with "
			   "CAP_SYS_PTRACE", "cannot look at the UDP socket of "
			   "`%s` (%s)", text(e, "name"), text(e, "family"));
		return;
	}
	if (!asks(fd, ip6))
		doctor_say(d, FINDING_WARN, ip6 ? "set IPV6_RECVORIGDSTADDR "
			   "(or IPV6_RECVPKTINFO) on it, and answer from the "
			   "address that it tells" : "set IP_RECVORIGDSTADDR "
			   "(or IP_PKTINFO) on it, and answer from the address "
			   "that it tells", "the UDP socket of `%s` (%s, "
			   "process %s, %d) is not told the address that was "
			   "dialled, and will answer from another",
			   text(e, "name"), text(e, "family"), o->name,
			   (int)o->pid);
	else if (!may_answer(fd, ip6))
		doctor_say(d, FINDING_WARN, "set IPV6_FREEBIND on it, or put "
			   "the addresses on an interface", "the UDP socket of "
			   "`%s` (%s, process %s, %d) may not answer from an "
			   "address that no interface has", text(e, "name"),
			   text(e, "family"), o->name, (int)o->pid);
	else
		doctor_say(d, FINDING_OK, NULL, "the UDP socket of `%s` (%s, "
			   "process %s, %d) is told the address that was "
			   "dialled", text(e, "name"), text(e, "family"),
			   o->name, (int)o->pid);
}

/* By cookie, since a process may have several sockets at one address. */
static struct socket_owner *find_udp(const json_t *list, size_t *n,
				     const json_t ***entries)
{
	size_t all = json_array_size(list), i;
	struct socket_owner *v = calloc(all + 1, sizeof(*v));
	json_t *e;

	*entries = calloc(all + 1, sizeof(**entries));
	*n = 0;
	json_array_foreach(list, i, e) {
		if (!v || !*entries || strcmp(text(e, "protocol"), "udp") ||
		    !*text(e, "cookie") ||
		    !json_is_true(json_object_get(e, "declared")))
			continue;
		v[*n].cookie = strtoull(text(e, "cookie"), NULL, 10);
		(*entries)[(*n)++] = e;
	}
	return v;
}

void doctor_replies(struct doctor *d)
{
	AUTO_FREE const json_t **entries = NULL;
	AUTO_FREE struct socket_owner *v = NULL;
	size_t n;

	if (doctor_blind(d))
		return;
	v = find_udp(json_object_get(d->status, "sockets"), &n, &entries);
	if (!n) {
		doctor_say(d, FINDING_OK, NULL, "no UDP socket is registered");
		return;
	}
	if (socket_owners(d->s, v, n)) {
		doctor_say(d, FINDING_UNKNOWN, NULL, "%s",
			   skpol_message(d->s));
		return;
	}
	for (size_t i = 0; i < n; i++)
		check_reply(d, entries[i], &v[i]);
}
