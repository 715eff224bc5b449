/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interp_prepare - decodes an image, and checks what needs no packet
 *
 * In: an image. Out: a program whose jumps and map references are resolved;
 * or one that is refused as a whole, with the first reason. Promise: in a
 * program that is not refused every instruction is one of opcode.def, every
 * way from the first leads to another one or is an `exit`, and only those
 * that may be are led to.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../grammar/arena.h"
#include "interp_private.h"
#include "opcode.h"

struct decoder {
	const struct image *m;
	struct interp_program *p;
	uint8_t first[256];	/* by code: its first line of opcodes */
	uint8_t *length;	/* slots of each instruction; 0 = second half */
};

__attribute__((format(printf, 3, 4)))
static void refuse(struct interp_program *p, size_t at, const char *fmt, ...)
{
	va_list ap;

	if (p->refused)
		return;
	p->refused = true;
	p->at = at;
	va_start(ap, fmt);
	interp_say(p, at, fmt, ap);
	va_end(ap);
}

/* ------------------------------------------------------- instructions */

static void index_opcodes(struct decoder *d)
{
	for (size_t i = nopcodes; i--;)
		d->first[opcodes[i].code] = (uint8_t)i;
}

/* NULL: there is no such instruction. */
static const struct opcode *opcode_at(const struct decoder *d, size_t at)
{
	const struct bpf_insn *i = &d->m->insns[at];

	for (size_t o = d->first[i->code]; o < nopcodes; o++)
		if (opcode_fits(&opcodes[o], i, d->m->ninsns - at))
			return &opcodes[o];
	return NULL;
}

static bool writes_dst(const struct opcode *op)
{
	return op->pattern[0] == '%';
}

/* What the verifier refuses of an operand that it can see. */
static void check_operand(struct decoder *d, size_t at)
{
	const struct bpf_insn *i = &d->m->insns[at];
	bool wide = BPF_CLASS(i->code) == BPF_ALU64;
	uint8_t op = BPF_OP(i->code);

	if (BPF_SRC(i->code) == BPF_X ||
	    (!wide && BPF_CLASS(i->code) != BPF_ALU))
		return;
	if ((op == BPF_DIV || op == BPF_MOD) && !i->imm)
		refuse(d->p, at, "a division by 0");
	else if ((op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH) &&
		 (i->imm < 0 || i->imm >= (wide ? 64 : 32)))
		refuse(d->p, at, "a shift by %d", i->imm);
}

static void set_target(struct decoder *d, size_t at, int64_t distance)
{
	int64_t to = (int64_t)at + 1 + distance;

	if (to < 0 || to >= (int64_t)d->m->ninsns)
		refuse(d->p, at, "a jump outside the program");
	else
		d->p->ops[at].target = (uint32_t)to;
}

static void decode_one(struct decoder *d, size_t at)
{
	const struct bpf_insn *i = &d->m->insns[at];
	const struct opcode *op = opcode_at(d, at);
	struct op *o = &d->p->ops[at];

	d->length[at] = i->code == OPCODE_WIDE ? 2 : 1;
	if (!op) {
		refuse(d->p, at, "an unknown instruction");
		return;
	}
	*o = (struct op) { .code = i->code, .dst = i->dst_reg,
			   .src = i->src_reg, .off = i->off,
			   .imm = (uint64_t)(int64_t)i->imm };
	if (op->code == OPCODE_WIDE)
		o->imm = (uint32_t)i->imm |
			(uint64_t)(uint32_t)i[1].imm << 32;
	if (writes_dst(op) && i->dst_reg == BPF_REG_10)
		refuse(d->p, at, "r10 is written");
	check_operand(d, at);
	if (opcode_has(op->pattern, "l"))
		set_target(d, at, i->off);
	else if (opcode_has(op->pattern, "L"))
		set_target(d, at, i->imm);
}

static unsigned int load_size(uint8_t code)
{
	switch (BPF_SIZE(code)) {
	case BPF_B: return 1;
	case BPF_H: return 2;
	case BPF_W: return 4;
	default: return 8;
	}
}

/* A load of 8 bytes is no number, so it is never one of these. */
static void mark_context_loads(struct interp_program *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct op *o = &p->ops[i];

		o->context = BPF_CLASS(o->code) == BPF_LDX &&
			interp_context_allows((uint64_t)(int64_t)o->off,
					      load_size(o->code));
	}
}

static void decode_reloc(struct decoder *d, const struct image_reloc *r)
{
	struct op *o;

	if (r->insn >= d->p->n || r->map >= IMAGE_MAPS ||
	    d->p->ops[r->insn].code != OPCODE_WIDE) {
		refuse(d->p, r->insn, "a map where none can be");
		return;
	}
	o = &d->p->ops[r->insn];
	o->code = r->map == IMAGE_RODATA ? CODE_RODATA : CODE_MAP;
	o->imm = r->map == IMAGE_RODATA ? r->offset : r->map;
	if (r->map == IMAGE_RODATA && r->offset >= d->m->rodata_size)
		refuse(d->p, r->insn, "a place outside .rodata");
}

/* --------------------------------------------------------------- ways */

static bool falls_through(uint8_t code)
{
	return code != (BPF_JMP | BPF_EXIT) && code != (BPF_JMP | BPF_JA) &&
	       code != (BPF_JMP32 | BPF_JA);
}

static bool jumps(uint8_t code)
{
	return (BPF_CLASS(code) == BPF_JMP || BPF_CLASS(code) == BPF_JMP32) &&
	       BPF_OP(code) != BPF_CALL && BPF_OP(code) != BPF_EXIT;
}

struct ways {
	uint8_t *seen;
	uint32_t *todo;
	size_t n;
};

static void go(struct decoder *d, struct ways *w, size_t from, size_t to)
{
	if (to >= d->p->n) {
		refuse(d->p, from, "the program has no end here");
	} else if (!d->length[to]) {
		refuse(d->p, from, "a jump into an instruction");
	} else if (!w->seen[to]) {
		w->seen[to] = 1;
		w->todo[w->n++] = (uint32_t)to;
	}
}

static void check_ways(struct decoder *d, struct arena *a)
{
	struct interp_program *p = d->p;
	struct ways w = { .seen = arena_alloc(a, p->n + 1),
			  .todo = arena_array(a, p->n + 1, sizeof(*w.todo)) };

	go(d, &w, 0, 0);
	while (w.n && !p->refused) {
		size_t at = w.todo[--w.n];
		uint8_t code = p->ops[at].code;

		if (jumps(code))
			go(d, &w, at, p->ops[at].target);
		if (falls_through(code))
			go(d, &w, at, at + d->length[at]);
	}
	for (size_t i = 0; i < p->n; i++)
		if (d->length[i] && !w.seen[i])
			refuse(p, i, "no way leads here");
}

struct interp_program *interp_prepare(struct arena *a, const struct image *m)
{
	struct interp_program *p = arena_alloc(a, sizeof(*p));
	struct decoder d = { .m = m, .p = p,
			     .length = arena_alloc(a, m->ninsns + 1) };

	p->n = m->ninsns;
	p->ops = arena_array(a, p->n + 1, sizeof(*p->ops));
	index_opcodes(&d);
	for (size_t i = 0; i < p->n; i += d.length[i])
		decode_one(&d, i);
	for (size_t i = 0; i < m->nrelocs; i++)
		decode_reloc(&d, &m->relocs[i]);
	mark_context_loads(p);
	if (!p->refused)
		check_ways(&d, a);
	return p;
}

const char *interp_refused(const struct interp_program *p)
{
	return p->refused ? p->trap : NULL;
}
