/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_ours - a workload's policy, compiled at some -O
 *
 * In: its text. Out: a program that ends where the sockets would be tried, with
 * the step of skpol_steps that it would begin with. It runs on 5.10 and newer, as
 * skpolc makes it; or, where that has so much code that jumps need relays, it is
 * made for the kernel of this machine, too.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "bench.h"

enum { RELAYS_FROM = 10000 };	/* instructions */

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

static bool make(struct bench_program *p, struct workload *w,
		 const struct bench_packets *k, unsigned int optimize,
		 const struct target *target)
{
	struct compile_options o = {
		.optimize = optimize, .until = COMPILE_ALL, .text = w->text,
		.size = w->size, .name = w->path ? w->path : "bench.skl",
		.prologue = bench_prologue, .epilogue = bench_epilogue,
		.target = target,
	};
	struct compiled c;
	bool done;

	if (compile(&c, NULL, &o))
		return false;
	done = c.image && bench_load(p, c.image, k, -1);
	if (done)
		label_steps(p, &c, w);
	compiled_free(&c);
	return done;
}

static size_t ordinary;		/* instructions at -O2, in this set's process */

bool bench_ours(struct bench_program *p, struct workload *w,
		const struct bench_packets *k, unsigned int optimize)
{
	bool done;

	p->name = names[optimize];
	done = make(p, w, k, optimize, NULL);
	if (done && optimize == 2)
		ordinary = p->ninsns;
	return done;
}

/* "6.18.5-x" and the like, as a number that grows with it. */
static unsigned long release_number(const char *text)
{
	unsigned int major = 0, minor = 0;

	sscanf(text, "%u.%u", &major, &minor);
	return (unsigned long)major << 16 | minor;
}

/* The newest that is not newer than the kernel here. */
static const struct target *target_here(void)
{
	const struct target *best = NULL, *all;
	struct utsname u;
	size_t n;

	all = target_list(&n);
	uname(&u);
	for (size_t i = 0; i < n; i++)
		if (release_number(all[i].name) <= release_number(u.release))
			best = &all[i];
	return best;
}

/* Where relays are left out, or larger tables make another program. */
bool bench_native(struct bench_program *p, struct workload *w,
		  const struct bench_packets *k)
{
	const struct target *here = target_here();

	p->name = "native";
	return here && here->gotol && make(p, w, k, 2, here) &&
		(p->ninsns >= RELAYS_FROM || p->ninsns != ordinary);
}
