/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_ours - a workload's policy, compiled at some -O
 *
 * In: its text. Out: a program that ends where the sockets would be tried, with
 * the step of skpol_steps that it would begin with.
 */
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static const char *const names[] = { "O0", "O1", "O2" };

/* The name of the socket that has each slot. */
static uint16_t *slot_labels(const struct policy *p, struct workload *w)
{
	uint16_t *v = calloc(p->nslots + 1, sizeof(*v));

	for (size_t i = 0; i < p->nsockets; i++) {
		uint16_t l = workload_label(w, p->sockets[i].name);

		for (int kind = 0; kind < SLOT_KINDS; kind++)
			if (p->sockets[i].slot[kind] != NO_SLOT)
				v[p->sockets[i].slot[kind]] = l;
	}
	return v;
}

static void label_steps(struct bench_program *p, const struct compiled *c,
			struct workload *w)
{
	const struct effects *e = c->effects;
	uint16_t *slots = slot_labels(c->policy, w);

	p->by_kind = true;
	p->nlabels = e->nsteps;
	p->labels = calloc(e->nsteps + 1, sizeof(*p->labels));
	for (size_t i = 0; i < e->nsteps; i++) {
		uint32_t slot = e->steps[i].slot;

		p->labels[i] = slot == IMAGE_PASS ? workload_label(w, "pass") :
			slot == IMAGE_DROP ? workload_label(w, "drop") :
			slots[slot & IMAGE_SLOT_MASK];
	}
	free(slots);
}

bool bench_ours(struct bench_program *p, struct workload *w,
		const struct bench_packets *k, unsigned int optimize)
{
	struct compile_options o = {
		.optimize = optimize, .until = COMPILE_ALL, .text = w->text,
		.size = w->size, .name = w->path ? w->path : "bench.skl",
		.prologue = bench_prologue, .epilogue = bench_epilogue,
	};
	struct compiled c;
	bool done;

	p->name = names[optimize];
	if (compile(&c, NULL, &o))
		return false;
	done = c.image && bench_load(p, c.image, k, -1);
	if (done)
		label_steps(p, &c, w);
	compiled_free(&c);
	return done;
}
