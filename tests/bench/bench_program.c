/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_program - loads a program in both its forms, and runs it
 *
 * In: an image that begins with the prologue. Out: the program that takes its
 * packets from the map of the stream, and the same with `r6 = r1` instead of
 * the prologue: the instructions left over go nowhere, and the verifier takes
 * them out.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../../compiler/interp.h"
#include "bench.h"

/* Slots of the prologue; bench_prologue() must emit as many. */
enum { PROLOGUE = 9 };

double bench_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ------------------------------------------------------ the stream's map */

bool packets_open(struct bench_packets *k)
{
	LIBBPF_OPTS(bpf_map_create_opts, o, .map_flags = BPF_F_MMAPABLE);
	_Static_assert(sizeof(struct stream_map) ==
		       PACKETS_AT + STREAM * STRIDE, "no padding");

	k->fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "stream", 4,
			       sizeof(struct stream_map), 1, &o);
	k->map = k->fd < 0 ? MAP_FAILED :
		mmap(NULL, sizeof(*k->map), PROT_READ | PROT_WRITE, MAP_SHARED,
		     k->fd, 0);
	return k->map != MAP_FAILED;
}

void packets_put(struct bench_packets *k, const struct stream *s)
{
	k->map->next = 0;
	for (size_t i = 0; i < STREAM; i++)
		interp_context(&s->packets[i], k->map->packets[i]);
}

/* ---------------------------------------------------------- its two ends */

/* IMAGE_EVENTS stands for the map of the stream: nothing here has events. */
void bench_prologue(void *ctx, struct code *c, struct rodata *r)
{
	(void)ctx;
	(void)r;
	emit_map(c, BPF_REG_1, IMAGE_EVENTS, 0);
	emit_load(c, BPF_DW, BPF_REG_6, BPF_REG_1, 0);
	emit_alu64(c, BPF_MOV, BPF_REG_2, BPF_REG_6);
	emit_alu64_imm(c, BPF_ADD, BPF_REG_2, STRIDE);
	emit_store(c, BPF_DW, BPF_REG_1, 0, BPF_REG_2);
	emit_alu64_imm(c, BPF_AND, BPF_REG_6, (STREAM - 1) * STRIDE);
	emit_alu64_imm(c, BPF_ADD, BPF_REG_1, PACKETS_AT);
	emit_alu64(c, BPF_ADD, BPF_REG_6, BPF_REG_1);
}

void bench_epilogue(void *ctx, struct code *c)
{
	(void)ctx;
	emit_map(c, BPF_REG_1, IMAGE_EVENTS, ANSWER_AT);
	emit_store(c, BPF_W, BPF_REG_1, 0, BPF_REG_7);
	emit_alu32_imm(c, BPF_MOV, BPF_REG_0, 1);
	emit_exit(c);
}

/* ------------------------------------------------------------- loading */

static bool make_maps(struct bench_program *p, const struct image *m)
{
	/* as libskpol does it */
	LIBBPF_OPTS(bpf_map_create_opts, o,
		    .map_flags = BPF_F_RDONLY_PROG | BPF_F_MMAPABLE);
	uint32_t zero = 0, size = m->rodata_size ? (uint32_t)m->rodata_size : 8;

	p->counters = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "counters", 4,
				     sizeof(struct image_counter),
				     m->ncounters ? m->ncounters : 1, NULL);
	p->rodata = bpf_map_create(BPF_MAP_TYPE_ARRAY, "rodata", 4, size, 1,
				   &o);
	return p->counters >= 0 && p->rodata >= 0 && (!m->rodata_size ||
		!bpf_map_update_elem(p->rodata, &zero, m->rodata, 0)) &&
		!bpf_map_freeze(p->rodata);
}

static void relocate(struct bench_program *p, struct image *m, int stream)
{
	for (size_t i = 0; i < m->nrelocs; i++) {
		struct bpf_insn *insn = &m->insns[m->relocs[i].insn];
		uint8_t map = m->relocs[i].map;
		bool value = map == IMAGE_RODATA || map == IMAGE_EVENTS;

		insn[0].src_reg = value ? BPF_PSEUDO_MAP_VALUE :
			BPF_PSEUDO_MAP_FD;
		insn[0].imm = map == IMAGE_RODATA ? p->rodata :
			map == IMAGE_EVENTS ? stream :
			map == IMAGE_COUNTERS ? p->counters : p->other;
		insn[1].imm = (int32_t)m->relocs[i].offset;
	}
}

static int load(const struct image *m)
{
	LIBBPF_OPTS(bpf_prog_load_opts, o,
		    .expected_attach_type = BPF_SK_LOOKUP);

	return bpf_prog_load(BPF_PROG_TYPE_SK_LOOKUP, "bench", "GPL",
			     m->insns, m->ninsns, &o);
}

static void take_context(struct image *m)
{
	struct bpf_insn nothing = { .code = BPF_JMP | BPF_JA };

	for (size_t i = 0; i < PROLOGUE; i++)
		m->insns[i] = nothing;
	m->insns[0] = (struct bpf_insn) {
		.code = BPF_ALU64 | BPF_MOV | BPF_X,
		.dst_reg = BPF_REG_6, .src_reg = BPF_REG_1,
	};
}

bool bench_load(struct bench_program *p, struct image *m,
		const struct bench_packets *k, int other)
{
	double begin;

	p->other = other;
	p->ninsns = m->ninsns;
	p->rodata_size = m->rodata_size;
	if (!make_maps(p, m))
		return false;
	relocate(p, m, k->fd);
	p->from_map = load(m);
	take_context(m);
	begin = bench_now();
	p->from_context = load(m);
	p->load_seconds = bench_now() - begin;
	for (int i = 0; i < BENCH_COPIES - 1 && m->ninsns <= COPIED_MAX; i++)
		p->again[i] = load(m);
	if (p->from_map >= 0 && p->from_context >= 0)
		return true;
	fprintf(stderr, "bench: the kernel refuses %zu instructions (%s)%s: "
		"%s\n", m->ninsns, p->name, p->from_context < 0 ? "" :
		" that read a map", strerror(errno));
	return p->from_context >= 0;
}

void bench_close(struct bench_program *p)
{
	int fds[] = { p->from_map, p->from_context, p->rodata, p->counters,
		      p->other };

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	for (int i = 0; i < BENCH_COPIES - 1; i++)
		if (p->again[i] > 0)
			close(p->again[i]);
	free(p->labels);
}

int bench_run(int fd, const void *context, uint32_t repeat, uint32_t *ns)
{
	LIBBPF_OPTS(bpf_test_run_opts, o);
	struct bpf_sk_lookup any = { .family = 2, .protocol = 6 };

	o.ctx_in = context ? context : &any;
	o.ctx_size_in = sizeof(any);
	o.repeat = (int)repeat;
	if (bpf_prog_test_run_opts(fd, &o))
		return -1;
	*ns = o.duration;
	return (int)o.retval;
}
