/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * selftest - a loaded program is asked about packets before it goes live
 *
 * In: checks. Out: whether the kernel does what they say. The compiler has
 * proved the bytes; this is about what came after: the numbers written into
 * them here, the kernel's own translation, the sockets in the map.
 *
 * Sockets come and go meanwhile, and one that was connected after it had been
 * registered is refused by the kernel: a difference counts only when it is
 * still there with the slots read again, and such sockets left out.
 */
#include "selftest.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "abi.h"
#include "auto.h"
#include "sockdiag.h"
#include "testrun.h"

enum { TRIES = 3 };

struct check {
	const char *text;		/* the packet */
	const json_t *chain;
	struct bpf_sk_lookup packet;
};

struct tester {
	struct skpol *s;
	const struct selftest *t;
	bool listed;			/* only these are usable, by cookie: */
	struct diag_socket *usable;
	size_t nusable;
};

/* ------------------------------------------------------------ a packet */

static bool parse_end(const char *text, bool *ip6, void *address,
		      uint32_t *port)
{
	const char *colon = strrchr(text, ':');
	char buf[INET6_ADDRSTRLEN];
	size_t n = colon ? (size_t)(colon - text) : 0;

	*ip6 = *text == '[';
	if (*ip6) {
		text++;
		n -= 2;
	}
	if (!colon || n >= sizeof(buf) || sscanf(colon, ":%" SCNu32, port) != 1)
		return false;
	memcpy(buf, text, n);
	buf[n] = '\0';
	return inet_pton(*ip6 ? AF_INET6 : AF_INET, buf, address) == 1;
}

/* "tcp 203.0.113.9:50000 -> 192.0.2.1:443", as skpolc writes it. */
static bool parse(const char *text, struct bpf_sk_lookup *c)
{
	char protocol[4], remote[64], local[64];
	uint8_t from[16], to[16];
	uint32_t from_port, to_port;
	bool six, also;

	if (sscanf(text, "%3s %63s -> %63s", protocol, remote, local) != 3 ||
	    !parse_end(remote, &six, from, &from_port) ||
	    !parse_end(local, &also, to, &to_port) || six != also)
		return false;
	*c = (struct bpf_sk_lookup){
		.family = six ? AF_INET6 : AF_INET,
		.protocol = strcmp(protocol, "tcp") ? IPPROTO_UDP :
			IPPROTO_TCP,
		.remote_port = htons((uint16_t)from_port),
		.local_port = to_port,
	};
	memcpy(six ? (void *)c->remote_ip6 : &c->remote_ip4, from,
	       six ? 16 : 4);
	memcpy(six ? (void *)c->local_ip6 : &c->local_ip4, to, six ? 16 : 4);
	return true;
}

/* ------------------------------------------------------------ what is due */

static bool is_usable(const struct tester *x, uint64_t cookie)
{
	return cookie && (!x->listed ||
			  sockdiag_find(x->usable, x->nusable, cookie));
}

static uint64_t socket_of(const struct tester *x, const char *name,
			  const struct check *c)
{
	struct slot_key k = slot_key(name, (uint8_t)c->packet.protocol,
				     c->packet.family == AF_INET ? 4 : 6);
	const struct slot *slot = slot_find(x->t->slots, &k);

	for (uint32_t i = 0; slot && i < x->t->slots->places; i++) {
		uint64_t cookie = slot_place(x->t->slots, slot->slot, i);

		if (is_usable(x, cookie))
			return cookie;
	}
	return 0;
}

/* The first of the chain that is there; its name. */
static const char *expect(const struct tester *x, const struct check *c,
			  struct testrun *r)
{
	const char *name = "";
	json_t *step;
	size_t i;

	*r = (struct testrun){ .drop = false };
	json_array_foreach(c->chain, i, step) {
		name = json_string_value(step);
		r->drop = !strcmp(name, "drop");
		if (r->drop || !strcmp(name, "pass"))
			break;
		r->cookie = socket_of(x, name, c);
		if (r->cookie)
			break;
	}
	return name;
}

static const char *describe(const struct testrun *r, char text[64])
{
	if (r->drop)
		return "drops it";
	if (!r->cookie)
		return "passes it";
	snprintf(text, 64, "sends it to the socket with cookie %" PRIu64,
		 r->cookie);
	return text;
}

static int fail(const struct tester *x, const struct check *c, size_t rule,
		const char *name, const struct testrun *got)
{
	const json_t *rules = json_object_get(x->t->manifest, "rules");
	const char *label = json_string_value(json_object_get(
		json_array_get(rules, rule), "name"));
	char text[64];

	return fail_internal(x->s, -EBADE, "the self-test failed, nothing was "
			     "changed: `%s` should get `%s` by rule `%s`, but "
			     "the loaded program %s. Please report this",
			     c->text, name, label ? label : "?",
			     describe(got, text));
}

static bool is_equal(const struct testrun *a, const struct testrun *b)
{
	return a->drop == b->drop && a->cookie == b->cookie;
}

/* Once. Where it cannot be done, it is judged without. */
static void list_usable(struct tester *x)
{
	if (x->listed)
		return;
	if (sockdiag_list(x->s, &x->usable, &x->nusable))
		handle_begin(x->s);
	else
		x->listed = true;
}

static int run_check(struct tester *x, struct check *c, size_t rule)
{
	const char *name = "";
	struct testrun due, got;

	for (int i = 0; i < TRIES; i++) {
		int err = testrun(x->s, x->t->loaded->program, &c->packet,
				  &got);

		if (err)
			return err;
		name = expect(x, c, &due);
		if (is_equal(&due, &got))
			return 0;
		list_usable(x);
	}
	return fail(x, c, rule, name, &got);
}

static int run_all(struct tester *x, uint32_t *n)
{
	json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(x->t->manifest, "checks"), i,
			   entry) {
		struct check c = {
			.text = json_string_value(json_array_get(entry, 0)),
			.chain = json_array_get(entry, 2),
		};
		json_t *rule = json_array_get(entry, 1);
		int err = 0;

		if (!parse(c.text, &c.packet))
			err = fail_input(x->s, -EBADMSG, "the object's check "
					 "`%s` is no packet without interface: "
					 "compile the policy again", c.text);
		err = err ? err : run_check(x, &c, (size_t)json_integer_value(
						    rule));
		if (err)
			return err;
		++*n;
	}
	return 0;
}

/* ------------------------------------------------------------ afterwards */

/* Counters as they were: the map is nobody's yet, and began with zeros. */
static int reset(struct skpol *s, int counters)
{
	int cpus = libbpf_num_possible_cpus();
	AUTO_FREE struct image_counter *zero = NULL;
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	int err = counters < 0 ? 0 :
		bpf_obj_get_info_by_fd(counters, &info, &len);

	zero = cpus > 0 ? calloc((size_t)cpus, sizeof(*zero)) : NULL;
	if (!zero)
		return fail_memory(s);
	for (__u32 i = 0; !err && i < info.max_entries; i++)
		err = bpf_map_update_elem(counters, &i, zero, BPF_ANY);
	return err ? fail_bpf(s, err, "reset the counters") : 0;
}

static int forget(void *ctx, void *data, size_t size)
{
	(void)ctx;
	(void)data;
	(void)size;
	return 0;
}

static void drain(int events)
{
	struct ring_buffer *ring = events < 0 ? NULL :
		ring_buffer__new(events, forget, NULL, NULL);

	if (!ring)
		return;
	ring_buffer__consume(ring);
	ring_buffer__free(ring);
}

int selftest_run(struct skpol *s, const struct selftest *t, uint32_t *n)
{
	struct tester x = { .s = s, .t = t };
	int err;

	*n = 0;
	err = run_all(&x, n);
	free(x.usable);
	if (err == -EOPNOTSUPP) {
		note(s, "the policy is not tested before it goes live: %s",
		     skpol_message(s));
		handle_begin(s);
		err = 0;
	}
	if (!*n)
		return err;
	drain(t->loaded->events);
	return err ? err : reset(s, t->loaded->counters);
}
