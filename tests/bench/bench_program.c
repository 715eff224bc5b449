/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_program - loads programs and times them (BPF_PROG_TEST_RUN)
 *
 * In: an image. Out: nanoseconds. The kernel reports the mean of a call's runs
 * in whole nanoseconds; of one run, in steps of its clock.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../compiler/interp.h"
#include "../../compiler/layout.h"
#include "bench.h"

enum { WARM_RUNS = 1 << 19, WARM_CALLS = 5, COLD_CALLS = 20000 };

void bench_prologue(void *ctx, struct code *c, struct rodata *r)
{
	const struct stream *s = ctx;
	uint8_t *v = arena_alloc(c->arena, (size_t)STREAM * STRIDE);
	label none = code_label(c);
	uint32_t at;

	for (size_t i = 0; i < STREAM; i++)
		interp_context(&s->packets[i], v + i * STRIDE);
	at = rodata_add(r, "skpol_stream", v, (size_t)STREAM * STRIDE, 1);
	emit_store_imm(c, BPF_W, BPF_REG_10, -4, 0);
	emit_map(c, BPF_REG_1, IMAGE_COUNTERS, 0);
	emit_alu64(c, BPF_MOV, BPF_REG_2, BPF_REG_10);
	emit_alu64_imm(c, BPF_ADD, BPF_REG_2, -4);
	emit_call(c, BPF_FUNC_map_lookup_elem);
	emit_alu64_imm(c, BPF_MOV, BPF_REG_6, 0);
	emit_jump64_imm(c, BPF_JEQ, BPF_REG_0, 0, none);
	emit_load(c, BPF_DW, BPF_REG_6, BPF_REG_0, 0);
	emit_alu64(c, BPF_MOV, BPF_REG_1, BPF_REG_6);
	emit_alu64_imm(c, BPF_ADD, BPF_REG_1, 1);
	emit_store(c, BPF_DW, BPF_REG_0, 0, BPF_REG_1);
	code_place(c, none);
	emit_alu64_imm(c, BPF_AND, BPF_REG_6, STREAM - 1);
	emit_alu64_imm(c, BPF_LSH, BPF_REG_6, 7);
	emit_map(c, BPF_REG_1, IMAGE_RODATA, at);
	emit_alu64(c, BPF_ADD, BPF_REG_6, BPF_REG_1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool make_maps(const struct image *m, struct bench_program *p)
{
	LIBBPF_OPTS(bpf_map_create_opts, o, .map_flags = BPF_F_RDONLY_PROG);
	uint32_t zero = 0;

	p->counters = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "counters", 4,
				     sizeof(struct image_counter), 1, NULL);
	p->rodata = bpf_map_create(BPF_MAP_TYPE_ARRAY, "rodata", 4,
				   (uint32_t)m->rodata_size, 1, &o);
	return p->counters >= 0 && p->rodata >= 0 &&
		!bpf_map_update_elem(p->rodata, &zero, m->rodata, 0) &&
		!bpf_map_freeze(p->rodata);
}

bool bench_load(const struct image *m, int other, struct bench_program *p)
{
	LIBBPF_OPTS(bpf_prog_load_opts, o,
		    .expected_attach_type = BPF_SK_LOOKUP);
	double begin;

	*p = (struct bench_program) { .program = -1, .other = other };
	if (!make_maps(m, p))
		return false;
	for (size_t i = 0; i < m->nrelocs; i++) {
		struct bpf_insn *insn = &m->insns[m->relocs[i].insn];
		uint8_t map = m->relocs[i].map;

		insn[0].src_reg = map == IMAGE_RODATA ? BPF_PSEUDO_MAP_VALUE :
			BPF_PSEUDO_MAP_FD;
		insn[0].imm = map == IMAGE_RODATA ? p->rodata :
			map == IMAGE_COUNTERS ? p->counters : other;
		insn[1].imm = (int32_t)m->relocs[i].offset;
	}
	begin = now();
	p->program = bpf_prog_load(BPF_PROG_TYPE_SK_LOOKUP, "bench", "GPL",
				   m->insns, m->ninsns, &o);
	p->load_seconds = now() - begin;
	p->ninsns = m->ninsns;
	p->rodata_size = m->rodata_size - (size_t)STREAM * STRIDE;
	if (p->program < 0)
		fprintf(stderr, "bench: the kernel refuses a program of %zu "
			"instructions: %s\n", m->ninsns, strerror(errno));
	return p->program >= 0;
}

void bench_close(struct bench_program *p)
{
	int fds[] = { p->program, p->rodata, p->counters, p->other };

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static double run(const struct bench_program *p, int repeat)
{
	LIBBPF_OPTS(bpf_test_run_opts, o);
	struct bpf_sk_lookup ctx = { .family = 2, .protocol = 6 };

	o.ctx_in = &ctx;
	o.ctx_size_in = sizeof(ctx);
	o.repeat = repeat;
	if (bpf_prog_test_run_opts(p->program, &o))
		return -1;
	return o.duration;
}

double bench_warm(const struct bench_program *p)
{
	double least = 1e9;

	run(p, STREAM);
	for (int i = 0; i < WARM_CALLS; i++) {
		double ns = run(p, WARM_RUNS);

		least = ns < least ? ns : least;
	}
	return least;
}

double bench_cold(const struct bench_program *p)
{
	double sum = 0;

	for (int i = 0; i < COLD_CALLS; i++)
		sum += run(p, 1);
	return sum / COLD_CALLS;
}

bool bench_image(struct arena *a, const struct code *c, struct rodata *r,
		 struct image *out)
{
	struct layout_options o = { 0, false };
	struct place nowhere[1] = { { 0, 0, 0 } };

	memset(out, 0, sizeof(*out));
	rodata_finish(r, out);
	return layout(a, c, &o, nowhere, out);
}
