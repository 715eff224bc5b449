/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_template - the templates, put together, in the kernel
 *
 * A program of all of them is loaded and run by BPF_PROG_TEST_RUN: what it
 * decides, selects, counts and sends is asked of the kernel. SKIP (77) where
 * no program may be loaded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../compiler/assemble.h"
#include "../../compiler/layout.h"
#include "../../compiler/template.h"
#include "../../grammar/arena.h"
#include "templates.h"

enum {
	NSLOTS = 8, NSTEPS = 8, CHAIN = 3, NCOUNTERS = 5, RULE = 7,
	LISTENER = NCOUNTERS - 1,
	SLOTS = 8, STEPS = SLOTS + NSLOTS * 4,
	RODATA_SIZE = STEPS + NSTEPS * sizeof(struct image_step),
	INDEX_EMPTY = 3, INDEX_LISTENER = 5,	/* in sockets */
	NO = (int)UINT32_MAX,
};

/* Slot 0 is empty, slot 1 a TCP listener for IPv4. */
static const struct image_step steps[NSTEPS] = {
	{ .slot = 0, .next = 4, .counter = 0, .rule = RULE },	/* tcp4 */
	{ .slot = 1, .next = 5, .counter = 1, .rule = NO },	/* tcp6 */
	{ .slot = 1, .next = 5, .counter = 2, .rule = NO },	/* udp4 */
	{ .slot = IMAGE_PASS, .counter = 3, .rule = RULE },	/* udp6 */
	{ .slot = 1, .counter = 0, .rule = RULE },
	{ .slot = IMAGE_DROP, .counter = NO, .rule = NO },
	{ .slot = IMAGE_DROP, .counter = NO, .rule = NO },
	{ .slot = IMAGE_DROP, .counter = NO, .rule = NO },
};

struct rig {
	struct arena arena;
	int maps[IMAGE_MAPS], program, listener, ncpus;
	struct image_event event;	/* the last one */
	unsigned int nevents;
};

/* ----------------------------------------------------------- program */

struct exits {
	label pass, drop;
};

static void one_step(struct code *c, const struct exits *x, bool first)
{
	label missing = code_label(c), failed = code_label(c);

	template_emit(c, &template_locate, TEMPLATE_HOLES(
		{ "STEP_MASK", NSTEPS - 1 }, { "STEPS", STEPS }), NULL);
	if (first)
		template_emit(c, &template_hit, NULL, NULL);
	template_emit(c, &template_place, TEMPLATE_HOLES(
		{ "SLOT_MASK", NSLOTS - 1 }, { "SLOTS", SLOTS }),
		TEMPLATE_WAYS({ "drop", x->drop }, { "pass", x->pass }));
	template_emit(c, &template_assign, NULL, TEMPLATE_WAYS(
		{ "missing", missing }, { "assigned", x->pass }));
	emit_goto(c, failed);
	code_place(c, missing);
	emit_alu32_imm(c, BPF_MOV, BPF_REG_7, 0);
	code_place(c, failed);
	for (int k = 1; k < IMAGE_PLACES; k++) {
		missing = code_label(c);
		template_emit(c, &template_spare, NULL, NULL);
		template_emit(c, &template_assign, NULL, TEMPLATE_WAYS(
			{ "missing", missing }, { "assigned", x->pass }));
		code_place(c, missing);
	}
	template_emit(c, &template_failed, NULL, NULL);
	template_emit(c, &template_next, NULL, NULL);
}

static void write_program(struct code *c)
{
	struct exits x = { code_label(c), code_label(c) };
	label end = code_label(c), untraced = code_label(c);

	emit_alu64(c, BPF_MOV, BPF_REG_6, BPF_REG_1);
	emit_alu64_imm(c, BPF_MOV, BPF_REG_7, 0);
	template_emit(c, &template_decide, NULL, NULL);
	for (int i = 0; i < CHAIN; i++)
		one_step(c, &x, !i);
	code_place(c, x.drop);
	emit_alu32_imm(c, BPF_MOV, BPF_REG_9, 0);
	emit_goto(c, end);
	code_place(c, x.pass);
	emit_alu32_imm(c, BPF_MOV, BPF_REG_9, 1);
	code_place(c, end);
	template_emit(c, &template_event,
		      TEMPLATE_HOLES({ "LISTENER", LISTENER }),
		      TEMPLATE_WAYS({ "untraced", untraced }));
	template_emit(c, &template_ifindex, NULL, NULL);
	template_emit(c, &template_submit, NULL, NULL);
	code_place(c, untraced);
	emit_jump32_imm(c, BPF_JEQ, BPF_REG_9, 0, x.drop = code_label(c));
	template_emit(c, &template_pass, NULL, NULL);
	code_place(c, x.drop);
	template_emit(c, &template_drop, NULL, NULL);
}

static void link_maps(const struct rig *r, struct image *m)
{
	for (size_t i = 0; i < m->nrelocs; i++) {
		const struct image_reloc *l = &m->relocs[i];
		struct bpf_insn *insn = &m->insns[l->insn];

		insn->src_reg = l->map == IMAGE_RODATA ?
			BPF_PSEUDO_MAP_VALUE : BPF_PSEUDO_MAP_FD;
		insn[0].imm = r->maps[l->map];
		insn[1].imm = (int32_t)l->offset;
	}
}

static int load(const struct code *c, const struct rig *r)
{
	static const struct place nowhere[1];
	static char log[1 << 20];
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .log_buf = log,
		    .log_size = sizeof(log),
		    .expected_attach_type = BPF_SK_LOOKUP);
	struct image m = { 0 };
	int fd;

	assert_true(layout(c->arena, c, &(struct layout_options) { 0 },
			   nowhere, &m));
	link_maps(r, &m);
	fd = bpf_prog_load(BPF_PROG_TYPE_SK_LOOKUP, "templates",
			   "Dual BSD/GPL", m.insns, m.ninsns, &opts);
	if (fd < 0)
		fprintf(stderr, "%s\n", log + (strlen(log) > 4000 ?
					       strlen(log) - 4000 : 0));
	return fd;
}

/* -------------------------------------------------------------- maps */

static void make_rodata(struct rig *r)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts,
		    .map_flags = BPF_F_RDONLY_PROG);
	unsigned char bytes[RODATA_SIZE] = { 0 };
	uint32_t slots[NSLOTS] = { INDEX_EMPTY, INDEX_LISTENER };
	uint32_t zero = 0;

	memcpy(bytes + SLOTS, slots, sizeof(slots));
	memcpy(bytes + STEPS, steps, sizeof(steps));
	r->maps[IMAGE_RODATA] = bpf_map_create(BPF_MAP_TYPE_ARRAY, "rodata",
					       4, RODATA_SIZE, 1, &opts);
	assert_int_equal(bpf_map_update_elem(r->maps[IMAGE_RODATA], &zero,
					     bytes, 0), 0);
	assert_int_equal(bpf_map_freeze(r->maps[IMAGE_RODATA]), 0);
}

static void make_maps(struct rig *r)
{
	uint32_t key = INDEX_LISTENER;
	uint64_t value;

	make_rodata(r);
	r->maps[IMAGE_SOCKETS] = bpf_map_create(BPF_MAP_TYPE_SOCKMAP,
		"sockets", 4, 8, NSLOTS + (IMAGE_PLACES - 1) * IMAGE_SLOTS_MAX,
		NULL);
	r->maps[IMAGE_COUNTERS] = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY,
		"counters", 4, sizeof(struct image_counter), NCOUNTERS, NULL);
	r->maps[IMAGE_EVENTS] = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "events",
					       0, 0, 4096, NULL);
	r->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(listen(r->listener, 1), 0);
	value = (uint64_t)r->listener;
	assert_int_equal(bpf_map_update_elem(r->maps[IMAGE_SOCKETS], &key,
					     &value, 0), 0);
}

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct code c;

	*state = r;
	arena_init(&r->arena, NULL);
	r->ncpus = libbpf_num_possible_cpus();
	make_maps(r);
	code_init(&c, &r->arena);
	write_program(&c);
	r->program = load(&c, r);
	return r->program < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	for (int i = 0; i < IMAGE_MAPS; i++)
		close(r->maps[i]);
	close(r->listener);
	close(r->program);
	arena_free(&r->arena);
	free(r);
	return 0;
}

/* ---------------------------------------------------------- packets */

/* The verdict; *SELECTED: whether the listener was. */
static uint32_t run(const struct rig *r, int family, int protocol,
		    bool *selected)
{
	struct bpf_sk_lookup in = {
		.family = (uint32_t)family, .protocol = (uint32_t)protocol,
		.remote_port = htons(50000), .local_port = 443,
	}, out = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &in,
		    .ctx_size_in = sizeof(in), .ctx_out = &out,
		    .ctx_size_out = sizeof(out), .repeat = 1);

	if (family == AF_INET) {
		in.remote_ip4 = htonl(0xcb007109);
		in.local_ip4 = htonl(0xc0000201);
	} else {
		inet_pton(AF_INET6, "2001:db8::9", in.remote_ip6);
		inet_pton(AF_INET6, "2001:db8:1:2:3:4:5:6", in.local_ip6);
	}
	assert_int_equal(bpf_prog_test_run_opts(r->program, &opts), 0);
	*selected = out.cookie != 0;
	return opts.retval;
}

static struct image_counter counter(const struct rig *r, uint32_t key)
{
	struct image_counter *v = calloc((size_t)r->ncpus, sizeof(*v));
	struct image_counter sum = { 0 };

	assert_int_equal(bpf_map_lookup_elem(r->maps[IMAGE_COUNTERS], &key, v),
			 0);
	for (int i = 0; i < r->ncpus; i++) {
		sum.hits += v[i].hits;
		sum.missing += v[i].missing;
		sum.eprototype += v[i].eprototype;
		sum.eafnosupport += v[i].eafnosupport;
		sum.other += v[i].esocktnosupport + v[i].eexist + v[i].other;
		sum.last_hit |= v[i].last_hit;
	}
	free(v);
	return sum;
}

static void check_counter(const struct rig *r, uint32_t key, uint64_t missing,
			  uint64_t eprototype, uint64_t eafnosupport)
{
	struct image_counter n = counter(r, key);

	assert_int_equal(n.hits, 1);
	assert_int_equal(n.missing, missing);
	assert_int_equal(n.eprototype, eprototype);
	assert_int_equal(n.eafnosupport, eafnosupport);
	assert_int_equal(n.other, 0);
	assert_int_not_equal(n.last_hit, 0);
}

/* Writes what a listener asks for. */
static void listen_to(const struct rig *r, uint64_t every, uint64_t rule,
		      uint64_t skip)
{
	struct image_listener *v = calloc((size_t)r->ncpus, sizeof(*v));
	uint32_t key = LISTENER;

	for (int i = 0; i < r->ncpus; i++)
		v[i] = (struct image_listener){ .every = every, .rule = rule,
						.skip = skip };
	assert_int_equal(bpf_map_update_elem(r->maps[IMAGE_COUNTERS], &key, v,
					     0), 0);
	free(v);
}

static uint64_t lost(const struct rig *r)
{
	struct image_listener *v = calloc((size_t)r->ncpus, sizeof(*v));
	uint32_t key = LISTENER;
	uint64_t n = 0;

	assert_int_equal(bpf_map_lookup_elem(r->maps[IMAGE_COUNTERS], &key, v),
			 0);
	for (int i = 0; i < r->ncpus; i++)
		n += v[i].lost;
	free(v);
	return n;
}

static int take_event(void *rig, void *data, size_t size)
{
	struct rig *r = rig;

	assert_int_equal(size, sizeof(r->event));
	memcpy(&r->event, data, sizeof(r->event));
	r->nevents++;
	return 0;
}

static unsigned int events(struct rig *r)
{
	struct ring_buffer *b = ring_buffer__new(r->maps[IMAGE_EVENTS],
						 take_event, r, NULL);

	assert_non_null(b);
	r->nevents = 0;
	ring_buffer__consume(b);
	ring_buffer__free(b);
	return r->nevents;
}

static void check_event(const struct image_event *e, uint32_t slot)
{
	assert_int_not_equal(e->time, 0);
	assert_int_equal(e->rule, RULE);
	assert_int_equal(e->slot, slot);
	assert_int_equal(e->ifindex, 0);
	assert_int_equal(e->local_port, 443);
	assert_int_equal(e->remote_port, 50000);
	assert_int_equal(e->unused, 0);
	assert_int_equal(e->unused2, 0);
}

static void an_empty_slot_and_then_a_socket(void **state)
{
	static const uint8_t local[16] = { 192, 0, 2, 1 };
	static const uint8_t remote[16] = { 203, 0, 113, 9 };
	struct rig *r = *state;
	bool selected;

	listen_to(r, 1, 0, 0);
	assert_int_equal(run(r, AF_INET, IPPROTO_TCP, &selected), 1);
	assert_true(selected);
	check_counter(r, 0, 1, 0, 0);
	assert_int_equal(events(r), 1);
	check_event(&r->event, 1);
	assert_int_equal(r->event.family, AF_INET);
	assert_int_equal(r->event.protocol, IPPROTO_TCP);
	assert_memory_equal(r->event.local, local, 16);
	assert_memory_equal(r->event.remote, remote, 16);
}

static void a_socket_of_another_family(void **state)
{
	struct rig *r = *state;
	bool selected;

	assert_int_equal(run(r, AF_INET6, IPPROTO_TCP, &selected), 0);
	check_counter(r, 1, 0, 0, 1);
	assert_int_equal(events(r), 0);
}

static void a_socket_of_another_protocol(void **state)
{
	struct rig *r = *state;
	bool selected;

	assert_int_equal(run(r, AF_INET, IPPROTO_UDP, &selected), 0);
	check_counter(r, 2, 0, 1, 0);
	assert_int_equal(events(r), 0);
}

static void a_pass_is_counted_and_traced(void **state)
{
	struct rig *r = *state;
	uint8_t local[16], remote[16];
	bool selected;

	inet_pton(AF_INET6, "2001:db8:1:2:3:4:5:6", local);
	inet_pton(AF_INET6, "2001:db8::9", remote);
	assert_int_equal(run(r, AF_INET6, IPPROTO_UDP, &selected), 1);
	assert_false(selected);
	check_counter(r, 3, 0, 0, 0);
	assert_int_equal(events(r), 1);
	check_event(&r->event, IMAGE_PASS);
	assert_int_equal(r->event.family, AF_INET6);
	assert_int_equal(r->event.protocol, IPPROTO_UDP);
	assert_memory_equal(r->event.local, local, 16);
	assert_memory_equal(r->event.remote, remote, 16);
}

/* Puts FD into a place of the slot that is empty; -1 takes it out. */
static void set_place(const struct rig *r, uint32_t place, int fd)
{
	uint32_t key = INDEX_EMPTY + place * IMAGE_SLOTS_MAX;
	uint64_t value = (uint64_t)fd;
	int map = r->maps[IMAGE_SOCKETS];

	assert_int_equal(fd < 0 ? bpf_map_delete_elem(map, &key) :
			 bpf_map_update_elem(map, &key, &value, 0), 0);
}

/* TCP over IPv4: a socket is selected, what is counted beside the hit. */
static void check_step(const struct rig *r, uint64_t missing,
		       uint64_t eafnosupport)
{
	struct image_counter before = counter(r, 0), after;
	bool selected;

	assert_int_equal(run(r, AF_INET, IPPROTO_TCP, &selected), 1);
	assert_true(selected);
	after = counter(r, 0);
	assert_int_equal(after.hits, before.hits + 1);
	assert_int_equal(after.missing, before.missing + missing);
	assert_int_equal(after.eafnosupport,
			 before.eafnosupport + eafnosupport);
	assert_int_equal(after.eprototype, before.eprototype);
	assert_int_equal(after.other, before.other);
}

static void each_place_is_tried_and_counted_once(void **state)
{
	struct rig *r = *state;
	int six = socket(AF_INET6, SOCK_STREAM, 0), on = 1;

	assert_int_equal(setsockopt(six, IPPROTO_IPV6, IPV6_V6ONLY, &on,
				    sizeof(on)), 0);
	assert_int_equal(listen(six, 1), 0);
	for (uint32_t place = 0; place < IMAGE_PLACES; place++) {
		set_place(r, place, r->listener);
		check_step(r, 0, 0);
		set_place(r, place, -1);
		check_step(r, 1, 0);
		set_place(r, place, six);	/* refused: the next step */
		check_step(r, 0, 1);
		set_place(r, (place + 1) % IMAGE_PLACES, six);
		check_step(r, 0, 1);
		set_place(r, (place + 1) % IMAGE_PLACES, r->listener);
		check_step(r, 0, 0);	/* before it or after it */
		set_place(r, place, -1);
		set_place(r, (place + 1) % IMAGE_PLACES, -1);
	}
	close(six);
	events(r);
}

/* A pass of udp6, some times: how many events it makes. */
static unsigned int heard(struct rig *r, int times)
{
	bool selected;

	while (times--)
		assert_int_equal(run(r, AF_INET6, IPPROTO_UDP, &selected), 1);
	return events(r);
}

static void a_listener_hears_what_it_asked_for(void **state)
{
	struct rig *r = *state;

	listen_to(r, 0, 0, 0);
	assert_int_equal(heard(r, 3), 0);
	listen_to(r, 1, RULE + 1, 0);
	assert_int_equal(heard(r, 3), 3);
	listen_to(r, 1, RULE, 0);
	assert_int_equal(heard(r, 3), 0);
	listen_to(r, 1000, 0, 0);
	assert_int_equal(heard(r, 1), 1);
	listen_to(r, 1000, 0, 999);
	assert_int_equal(heard(r, 1), 0);
	assert_int_equal(lost(r), 0);
}

static void what_has_no_room_is_counted(void **state)
{
	enum { ROOM = 4096 / (64 + 8), MORE = 5 };
	struct rig *r = *state;

	listen_to(r, 1, 0, 0);
	assert_int_equal(heard(r, 0), 0);
	assert_int_equal(heard(r, ROOM + MORE), ROOM);
	assert_int_equal(lost(r), MORE);
	assert_int_equal(heard(r, 1), 1);
}

static bool may_load(void)
{
	static const struct bpf_insn pass[] = {
		{ .code = BPF_ALU | BPF_MOV | BPF_K, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type = BPF_SK_LOOKUP);
	int fd = bpf_prog_load(BPF_PROG_TYPE_SK_LOOKUP, "pass", "Dual BSD/GPL",
			       pass, 2, &opts);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_slot_and_then_a_socket),
		cmocka_unit_test(a_socket_of_another_family),
		cmocka_unit_test(a_socket_of_another_protocol),
		cmocka_unit_test(a_pass_is_counted_and_traced),
		cmocka_unit_test(each_place_is_tried_and_counted_once),
		cmocka_unit_test(a_listener_hears_what_it_asked_for),
		cmocka_unit_test(what_has_no_room_is_counted),
	};

	if (unshare(CLONE_NEWNET) || !may_load()) {
		fprintf(stderr, "SKIP: no SK_LOOKUP program may be loaded: "
			"%s\n", strerror(errno));
		return 77;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
