/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine_kernel - the compiled program, run by the kernel (BPF_PROG_TEST_RUN)
 *
 * In: the policy's text, compiled at -O0, -O1 or -O2, one after the other, and
 * every second time as a forest, half of them as data.
 * Out: the socket selected, told by its cookie. One table of sockets, of every
 * kind, serves all policies of a process, in a network namespace of its own;
 * for a question with empty slots, or with sockets in later places, it is
 * changed. The kernel takes no packet with an interface here: that it does not
 * answer. It takes no policy where the process may not load programs.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../compiler/compile.h"
#include "../../compiler/interp.h"
#include "engine.h"
#include "world.h"

enum { POOL = 128, EVENTS_SIZE = 4096 };	/* sockets of a kind; bytes */
enum { SMALL = 32768, LARGE = 100000 };		/* bytes of a policy's text */

static struct pool {		/* of this process */
	int state;		/* 0 = not yet made, 1 = there, -1 = cannot be */
	int sockets;		/* the map; index = kind * POOL + number */
	uint64_t cookies[SLOT_KINDS * POOL];
	int fds[SLOT_KINDS * POOL];
	uint32_t places[SLOT_KINDS * POOL];	/* where each is now */
} pool;

struct kernel {
	struct compiled c;
	int program, rodata, counters, events;
	uint32_t *kinds;	/* by pool index: its slot + 1 */
};

static int make_socket(unsigned int kind, uint64_t *cookie)
{
	bool six = kind & 1, udp = kind & 2;
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	int fd = socket(six ? AF_INET6 : AF_INET,
			udp ? SOCK_DGRAM : SOCK_STREAM, 0), on = 1;
	socklen_t len = sizeof(*cookie);

	if (fd < 0 ||
	    (six && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on,
			       sizeof(on))) ||
	    bind(fd, six ? (void *)&in6 : (void *)&in,
		 six ? sizeof(in6) : sizeof(in)) ||
	    (!udp && listen(fd, 1)) ||
	    getsockopt(fd, SOL_SOCKET, SO_COOKIE, cookie, &len))
		return -1;
	return fd;
}

static bool fill_pool(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);

	pool.sockets = bpf_map_create(BPF_MAP_TYPE_SOCKMAP, "sockets", 4, 8,
				      SLOT_KINDS * POOL + (IMAGE_PLACES - 1) *
				      IMAGE_SLOTS_MAX, &opts);
	if (pool.sockets < 0)
		return false;
	for (uint32_t i = 0; i < SLOT_KINDS * POOL; i++) {
		uint64_t fd = (uint64_t)make_socket(i / POOL,
						    &pool.cookies[i]);

		pool.fds[i] = (int)fd;
		if ((int)fd < 0 ||
		    bpf_map_update_elem(pool.sockets, &i, &fd, BPF_ANY))
			return false;
	}
	return true;
}

/* Takes socket I out of its place, and puts it into another, or none. */
static bool move(uint32_t i, uint32_t to)
{
	uint32_t from = pool.places[i];
	uint32_t old = i + from * IMAGE_SLOTS_MAX, new = i + to *
		IMAGE_SLOTS_MAX;
	uint64_t fd = (uint64_t)pool.fds[i];

	pool.places[i] = to;
	return (from == IMAGE_PLACES ||
		!bpf_map_delete_elem(pool.sockets, &old)) &&
		(to == IMAGE_PLACES ||
		 !bpf_map_update_elem(pool.sockets, &new, &fd, BPF_NOEXIST));
}

/* Every socket of the policy is where the question says. */
static bool arrange(const uint32_t *kinds, const struct question *q)
{
	for (uint32_t i = 0; i < SLOT_KINDS * POOL; i++) {
		uint32_t to = kinds[i] ? question_place(q, kinds[i] - 1) : 0;

		if (kinds[i] && to != pool.places[i] && !move(i, to))
			return false;
	}
	return true;
}

static bool have_pool(void)
{
	if (!pool.state)
		pool.state = !unshare(CLONE_NEWNET) && fill_pool() ? 1 : -1;
	return pool.state == 1;
}

/* Where in the pool each slot's socket is. False: too many slots. */
static bool place_slots(struct kernel *k, uint32_t *at)
{
	const struct policy *p = k->c.policy;
	uint32_t n[SLOT_KINDS] = { 0 };

	k->kinds = arena_array(&k->c.arena, SLOT_KINDS * POOL,
			       sizeof(*k->kinds));
	for (size_t i = 0; i < p->nsockets; i++)
		for (uint32_t kind = 0; kind < SLOT_KINDS; kind++) {
			uint32_t slot = p->sockets[i].slot[kind];

			if (slot == NO_SLOT)
				continue;
			if (n[kind] == POOL)
				return false;
			at[slot] = kind * POOL + n[kind]++;
			k->kinds[at[slot]] = (uint32_t)i + 1;
		}
	return true;
}

static bool make_rodata(struct kernel *k)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts,
		    .map_flags = BPF_F_RDONLY_PROG);
	struct image *m = k->c.image;
	const struct image_variable *v = image_variable(m, "skpol_slots");
	uint32_t *at = arena_array(&k->c.arena, m->nslots + 1, sizeof(*at));
	uint32_t zero = 0;

	if (!place_slots(k, at))
		return false;
	if (v)
		memcpy(m->rodata + v->offset, at, m->nslots * sizeof(*at));
	k->rodata = bpf_map_create(BPF_MAP_TYPE_ARRAY, "rodata", 4,
				   (uint32_t)m->rodata_size, 1, &opts);
	return k->rodata >= 0 &&
		!bpf_map_update_elem(k->rodata, &zero, m->rodata, BPF_ANY) &&
		!bpf_map_freeze(k->rodata);
}

static bool make_maps(struct kernel *k)
{
	struct image *m = k->c.image;
	uint32_t n = m->ncounters ? m->ncounters : 1;

	k->counters = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "counters", 4,
				     sizeof(struct image_counter), n, NULL);
	k->events = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "events", 0, 0,
				   EVENTS_SIZE, NULL);
	return k->counters >= 0 && k->events >= 0 && make_rodata(k);
}

/*
 * Effective capabilities for a while: all, or what a careful operator gives,
 * without CAP_PERFMON and CAP_SYS_ADMIN, with which the verifier forgives more
 * (and is much quicker: large policies are loaded with all).
 */
static void capabilities(bool all)
{
	struct __user_cap_header_struct h = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct d[2];
	uint64_t few = 1ull << CAP_BPF | 1ull << CAP_NET_ADMIN;

	if (syscall(SYS_capget, &h, d))
		return;
	for (int i = 0; i < 2; i++)
		d[i].effective = d[i].permitted &
			(all ? UINT32_MAX : (uint32_t)(few >> 32 * i));
	syscall(SYS_capset, &h, d);
}

static bool load(struct kernel *k, bool few)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type = BPF_SK_LOOKUP);
	struct image *m = k->c.image;
	int fds[IMAGE_MAPS] = { pool.sockets, k->counters, k->events,
				k->rodata };

	for (size_t i = 0; i < m->nrelocs; i++) {
		struct bpf_insn *insn = &m->insns[m->relocs[i].insn];
		bool value = m->relocs[i].map == IMAGE_RODATA;

		insn[0].src_reg = value ? BPF_PSEUDO_MAP_VALUE :
			BPF_PSEUDO_MAP_FD;
		insn[0].imm = fds[m->relocs[i].map];
		insn[1].imm = (int32_t)m->relocs[i].offset;
	}
	capabilities(!few);
	k->program = bpf_prog_load(BPF_PROG_TYPE_SK_LOOKUP, "skpol_dispatch",
				   "GPL", m->insns, m->ninsns, &opts);
	capabilities(true);
	return k->program >= 0;
}

static void close_fd(int fd)
{
	if (fd > 0)
		close(fd);
}

static void finish(void *state)
{
	struct kernel *k = state;

	close_fd(k->program);
	close_fd(k->rodata);
	close_fd(k->counters);
	close_fd(k->events);
	compiled_free(&k->c);
	free(k);
}

/*
 * Shapes that a small policy would never get, one after the other. In a large
 * one each table would be of a kind that its cost speaks against: more code than
 * the verifier follows, and nobody's.
 */
static void force_shapes(struct compile_options *o, size_t n)
{
	o->diagram_weight = n % 2;
	o->all_data = n % 4 == 1;
	o->tables_least = n % 5 < 3 ? 2 : 0;
	o->tables_kind = (uint8_t)(1 + n / 5 % 11);
	o->hosts_least = n / 3 % 2;
	o->products = n % 7 < 2 ? PRODUCTS_ALWAYS : PRODUCTS_USUAL;
}

static void *prepare(struct subject *s)
{
	const struct source_file *f = &s->sources.files[0];
	struct compile_options o = {
		.optimize = (unsigned int)(f->size % 3),
		.until = COMPILE_ALL, .name = "t.skl", .text = f->text,
		.size = f->size, .no_proof = true,	/* engine_bytes has it */
	};
	struct kernel *k;

	if (!have_pool())
		return NULL;
	if (f->size < SMALL)
		force_shapes(&o, f->size);
	k = calloc(1, sizeof(*k));
	if (!k || compile(&k->c, NULL, &o)) {
		free(k);
		return NULL;
	}
	if (k->c.image && make_maps(k) && !load(k, f->size < LARGE))
		k->program = -1;	/* an answer of its own: see ask() */
	else if (!k->program) {
		finish(k);
		return NULL;
	}
	return k;
}

static const char *selected(const struct kernel *k, uint64_t cookie)
{
	for (uint32_t i = 0; i < SLOT_KINDS * POOL; i++)
		if (pool.cookies[i] == cookie)
			return k->kinds[i] ? k->c.policy->sockets[
				k->kinds[i] - 1].name : "a foreign socket";
	return "an unknown socket";
}

static bool ask(void *state, const struct question *q, struct answer *a)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct kernel *k = state;
	struct bpf_sk_lookup ctx;

	a->flags = -1;
	a->rule = NULL;
	a->verdict = "a program that the verifier refuses";
	if (k->program < 0)
		return true;
	if (q->packet.ifindex)
		return false;
	_Static_assert(sizeof(ctx) == 72, "struct bpf_sk_lookup");
	interp_context(&q->packet, (uint8_t *)&ctx);
	opts.ctx_in = opts.ctx_out = &ctx;
	opts.ctx_size_in = opts.ctx_size_out = sizeof(ctx);
	a->verdict = "a table that cannot be changed";
	if (!arrange(k->kinds, q))
		return true;
	a->verdict = "a failed run";
	if (bpf_prog_test_run_opts(k->program, &opts))
		return true;
	a->verdict = !opts.retval ? "drop" : ctx.cookie ?
		selected(k, ctx.cookie) : "pass";
	return true;
}

const struct engine engine_kernel = { "kernel", prepare, ask, finish };
