/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_decide - what every leaf ends in: try the sockets of its chain
 *
 * In: r7, the first of four steps. Out: the verdict. The chain is unrolled to
 * the longest of the policy, so there is no loop; the last round knows that
 * its step can only be pass or drop. What is not counted or traced has no code
 * for it.
 */
#include <string.h>

#include "lower_private.h"
#include "template.h"
#include "templates.h"

void lower_tables(struct lower *l)
{
	const struct policy *p = l->in->policy;
	const struct effects *e = l->in->effects;
	uint32_t *v = arena_array(l->a, p->nslots + p->ninterfaces + 1,
				  sizeof(*v));
	for (uint32_t i = 0; i < p->nslots; i++)
		v[i] = i;
	l->slots = rodata_add(l->rodata, "skpol_slots", v, p->nslots, 4);
	memset(v, 0xff, p->ninterfaces * sizeof(*v));
	l->interfaces = rodata_add(l->rodata, "skpol_interfaces", v,
				   p->ninterfaces, 4);
	l->steps = rodata_add(l->rodata, "skpol_steps", e->steps,
			      e->nsteps * (sizeof(*e->steps) / 8), 8);
	rodata_reach(l->rodata, l->slots + 4 * lower_power_of_two(p->nslots));
	rodata_reach(l->rodata, l->steps + sizeof(*e->steps) *
		     lower_power_of_two(e->nsteps));
}

struct decide {
	struct lower *l;
	struct code *c;
	label pass, drop;
	int64_t slot_mask, step_mask;
};

static void locate(struct decide *d)
{
	template_emit(d->c, &template_locate,
		      TEMPLATE_HOLES({ "STEPS", d->l->steps },
				     { "STEP_MASK", d->step_mask }),
		      NULL);
}

/* The socket in the place at hand; code goes on when it is refused. */
static void try_place(struct decide *d, label missing)
{
	template_emit(d->c, &template_assign, NULL,
		      TEMPLATE_WAYS({ "missing", missing },
				    { "assigned", d->pass }));
}

/* The places behind the first, in order: r7 = 0 or the last one's -errno. */
static void try_spares(struct decide *d)
{
	for (int k = 1; k < IMAGE_PLACES; k++) {
		label missing = code_label(d->c);

		template_emit(d->c, &template_spare, NULL, NULL);
		try_place(d, missing);
		code_place(d->c, missing);
	}
}

/*
 * One slot is tried, all its places; code goes on behind it when none can be
 * had. It is counted once: by the errno of the last socket that the kernel
 * refused, or as missing when no place had one.
 */
static void try_step(struct decide *d)
{
	bool counts = d->l->in->effects->counts;
	label missing = code_label(d->c), refused = code_label(d->c);

	template_emit(d->c, &template_place,
		      TEMPLATE_HOLES({ "SLOTS", d->l->slots },
				     { "SLOT_MASK", d->slot_mask }),
		      TEMPLATE_WAYS({ "pass", d->pass }, { "drop", d->drop }));
	try_place(d, missing);
	if (counts)
		emit_goto(d->c, refused);
	code_place(d->c, missing);
	if (counts)
		emit_alu32_imm(d->c, BPF_MOV, BPF_REG_7, 0);
	code_place(d->c, refused);
	try_spares(d);
	if (counts)
		template_emit(d->c, &template_failed, NULL, NULL);
	template_emit(d->c, &template_next, NULL, NULL);
}

static void last_step(struct decide *d)
{
	emit_load(d->c, BPF_W, BPF_REG_1, BPF_REG_8,
		  offsetof(struct image_step, slot));
	emit_jump32_imm(d->c, BPF_JEQ, BPF_REG_1, IMAGE_DROP, d->drop);
}

/* Both ways out; a trace sees the verdict and the step in r8. */
static void finish(struct decide *d)
{
	label end = code_label(d->c), untraced = code_label(d->c);

	code_place(d->c, d->pass);
	if (!d->l->in->effects->traces) {
		template_emit(d->c, &template_pass, NULL, NULL);
		code_place(d->c, d->drop);
		template_emit(d->c, &template_drop, NULL, NULL);
		return;
	}
	emit_alu32_imm(d->c, BPF_MOV, BPF_REG_9, 1);
	emit_goto(d->c, end);
	code_place(d->c, d->drop);
	emit_alu32_imm(d->c, BPF_MOV, BPF_REG_9, 0);
	code_place(d->c, end);
	template_emit(d->c, &template_event,
		      TEMPLATE_HOLES({ "LISTENER",
				       d->l->in->policy->ncounters }),
		      TEMPLATE_WAYS({ "untraced", untraced }));
	if (d->l->in->options.ifindex)
		template_emit(d->c, &template_ifindex, NULL, NULL);
	template_emit(d->c, &template_submit, NULL, NULL);
	code_place(d->c, untraced);
	emit_alu32(d->c, BPF_MOV, BPF_REG_0, BPF_REG_9);
	emit_exit(d->c);
}

void lower_decide(struct lower *l)
{
	struct decide d = { .l = l, .c = l->c };

	if (l->in->options.prologue) {
		l->in->options.epilogue(l->in->options.ctx, l->c);
		return;
	}

	d.slot_mask = (int64_t)lower_power_of_two(l->in->policy->nslots) - 1;
	d.step_mask = (int64_t)lower_power_of_two(l->in->effects->nsteps) - 1;
	d.pass = code_label(l->c);
	d.drop = code_label(l->c);
	template_emit(l->c, &template_decide, NULL, NULL);
	locate(&d);
	if (l->in->effects->counts)
		template_emit(l->c, &template_hit, NULL, NULL);
	for (uint32_t i = 1; i < l->in->effects->longest; i++) {
		try_step(&d);
		locate(&d);
	}
	last_step(&d);
	finish(&d);
}
