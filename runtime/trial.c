/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trial - a policy asked about packets, in the kernel, attached to nothing
 *
 * In: an object, packets. Out: verdicts. Promise: no state is touched, and the
 * sockets are in a namespace made for them; only a caller who may not make
 * one gets them on loopback addresses of its own.
 */
#include "trial.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "auto.h"
#include "load.h"
#include "netns.h"
#include "plan.h"
#include "testrun.h"

struct target {			/* a slot's socket */
	uint64_t cookie;
	const char *name;	/* lives in the plan */
	struct slot_key key;
	uint32_t slot;
	int fd;
};

struct trial {
	struct plan plan;
	struct loaded loaded;
	int sockets;
	struct target *targets;	/* rising by cookie */
	size_t n;
	bool reachable;		/* by others: bind to loopback only */
};

static int listen_at(struct target *t, bool loopback)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(loopback ? INADDR_LOOPBACK :
					 INADDR_ANY) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
		.sin6_addr = loopback ? in6addr_loopback : in6addr_any };
	bool four = t->key.family == 4, tcp = t->key.protocol == IPPROTO_TCP;
	socklen_t len = sizeof(t->cookie);
	int on = 1;

	t->fd = socket(four ? AF_INET : AF_INET6, SOCK_CLOEXEC |
		       (tcp ? SOCK_STREAM : SOCK_DGRAM), 0);
	if (t->fd < 0 ||
	    (!four && setsockopt(t->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on,
				 sizeof(on))) ||
	    bind(t->fd, four ? (struct sockaddr *)&in :
		 (struct sockaddr *)&in6, four ? sizeof(in) : sizeof(in6)) ||
	    (tcp && listen(t->fd, 1)) ||
	    getsockopt(t->fd, SOL_SOCKET, SO_COOKIE, &t->cookie, &len))
		return -errno;
	return 0;
}

static int listen_all(void *ctx)
{
	struct trial *t = ctx;
	int err = 0;

	for (size_t i = 0; !err && i < t->n; i++)
		err = listen_at(&t->targets[i], t->reachable);
	return err;
}

static int make_sockets(struct skpol *s, struct trial *t)
{
	int err = t->n ? netns_private(listen_all, t) : 0;

	if (err == -EPERM && t->targets[0].fd < 0) {
		t->reachable = true;
		err = listen_all(t);
	}
	if (err == -EMFILE)
		return fail_system(s, err, "the policy has %zu slots, and a "
				   "trial needs a descriptor for each: raise "
				   "`ulimit -n`", t->n);
	return err ? fail_system(s, err, "cannot listen for the trial: %s",
				 strerror(-err)) : 0;
}

static int make_targets(struct skpol *s, struct trial *t)
{
	json_t *slot;
	size_t i;

	t->targets = calloc(t->plan.nslots + 1, sizeof(*t->targets));
	if (!t->targets)
		return fail_memory(s);
	json_array_foreach(t->plan.slots_json, i, slot) {
		struct target *e = &t->targets[t->n];

		if (!slot_parse(slot, NULL, &e->key, &e->slot))
			continue;
		e->name = json_string_value(json_object_get(slot, "name"));
		e->fd = -1;
		t->n++;
	}
	return make_sockets(s, t);
}

static int fill_map(struct skpol *s, struct trial *t)
{
	int err = 0;

	t->sockets = bpf_map_create(BPF_MAP_TYPE_SOCKMAP, "sockets",
				    sizeof(__u32), sizeof(__u64),
				    t->n ? (__u32)t->n : 1, NULL);
	if (t->sockets < 0)
		return fail_bpf(s, t->sockets, "make a socket map");
	for (size_t i = 0; !err && i < t->n; i++) {
		__u64 fd = (__u64)t->targets[i].fd;

		err = bpf_map_update_elem(t->sockets, &t->targets[i].slot, &fd,
					  BPF_ANY);
	}
	return err ? fail_bpf(s, err, "fill the socket map") : 0;
}

static int load(struct skpol *s, struct trial *t, const struct objfile *o)
{
	struct load_input in = {
		.object = o, .sockets = t->sockets,
		.slots = t->plan.slots, .nslots = t->plan.nslots,
		.interfaces = t->plan.interfaces,
		.ninterfaces = t->plan.ninterfaces,
	};

	return load_program(s, &in, &t->loaded);
}

static int compare_cookies(const void *a, const void *b)
{
	uint64_t x = ((const struct target *)a)->cookie;
	uint64_t y = ((const struct target *)b)->cookie;

	return x < y ? -1 : x > y;
}

int trial_open(struct skpol *s, const struct objfile *o, struct trial **out)
{
	struct trial *t = calloc(1, sizeof(*t));
	int err;

	*out = NULL;
	if (!t)
		return fail_memory(s);
	t->sockets = -1;
	t->loaded = (struct loaded){ -1, -1, -1 };
	err = plan_make(s, NULL, o->manifest, &t->plan);
	err = err ? err : make_targets(s, t);
	err = err ? err : fill_map(s, t);
	err = err ? err : load(s, t, o);
	if (err) {
		trial_close(t);
		return err;
	}
	qsort(t->targets, t->n, sizeof(*t->targets), compare_cookies);
	*out = t;
	return 0;
}

void trial_close(struct trial *t)
{
	for (size_t i = 0; i < t->n; i++)
		auto_close(&t->targets[i].fd);
	free(t->targets);
	auto_close(&t->sockets);
	load_close(&t->loaded);
	plan_free(&t->plan);
	free(t);
}

static void put_ip6(__u32 out[4], u128 address)
{
	for (int i = 0; i < 4; i++)
		out[i] = htonl((uint32_t)(address >> (96 - 32 * i)));
}

/* P as the program sees it. */
static struct bpf_sk_lookup context(const struct packet *p)
{
	struct bpf_sk_lookup c = {
		.family = p->family == 4 ? AF_INET : AF_INET6,
		.protocol = p->protocol,
		.remote_port = htons(p->remote_port),
		.local_port = p->local_port,
	};

	if (p->family == 4) {
		c.remote_ip4 = htonl((uint32_t)p->remote);
		c.local_ip4 = htonl((uint32_t)p->local);
	} else {
		put_ip6(c.remote_ip6, p->remote);
		put_ip6(c.local_ip6, p->local);
	}
	return c;
}

const char *trial_run(struct skpol *s, const struct trial *t,
		      const struct packet *p)
{
	struct bpf_sk_lookup packet = context(p);
	struct target key, *found;
	struct testrun r;

	if (p->ifindex || *p->ifname) {
		fail_input(s, -EINVAL, "the kernel takes no packet with an "
			   "interface (`on`) for a trial: `skpolc verdicts` "
			   "does");
		return NULL;
	}
	if (testrun(s, t->loaded.program, &packet, &r))
		return NULL;
	if (r.drop)
		return "drop";
	if (!r.cookie)
		return "pass";
	key.cookie = r.cookie;
	found = bsearch(&key, t->targets, t->n, sizeof(key), compare_cookies);
	if (!found)
		fail_internal(s, -ENOENT, "the program selected a socket that "
			      "is not of this trial");
	return found ? found->name : NULL;
}

bool trial_knows(const struct trial *t, const char *socket)
{
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->targets[i].name, socket))
			return true;
	return false;
}
