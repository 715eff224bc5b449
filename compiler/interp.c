/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interp - decodes the bytes of an image, and runs them
 *
 * In: an image, a packet. Out: what interp.h says. Decoding resolves jumps and
 * map references once; running is one switch over the operation. Numbers are
 * 64 bits; an operation of 32 zeroes the upper half.
 */
#include "interp.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../grammar/arena.h"
#include "interp_private.h"

enum op_kind {
	OP_BAD,			/* no instruction that we know */
	OP_ALU, OP_ALU32, OP_END, OP_IMM64, OP_MAP, OP_RODATA,
	OP_LOAD, OP_STORE, OP_STORE_IMM, OP_JUMP, OP_JUMP32, OP_GOTO,
	OP_CALL, OP_EXIT,
};

struct op {
	uint8_t kind;		/* enum op_kind */
	uint8_t op;		/* BPF_OP() of the opcode */
	uint8_t dst, src;
	bool by_register;	/* the operand is src, not imm */
	uint8_t size;		/* bytes of a load or store; bits of an END */
	int16_t off;
	uint32_t target;	/* of a jump; ninsns = outside */
	uint64_t imm;
};

struct interp_program {
	struct op *ops;
	size_t n;
};

/* ----------------------------------------------------------- decoding */

static uint8_t access_size(uint8_t code)
{
	static const uint8_t bytes[] = {
		[BPF_W >> 3] = 4, [BPF_H >> 3] = 2, [BPF_B >> 3] = 1,
		[BPF_DW >> 3] = 8,
	};

	return bytes[BPF_SIZE(code) >> 3];
}

static uint32_t target(size_t at, int64_t off, size_t n)
{
	int64_t t = (int64_t)at + 1 + off;

	return t < 0 || t >= (int64_t)n ? (uint32_t)n : (uint32_t)t;
}

static void decode_alu(struct op *o, const struct bpf_insn *i)
{
	o->kind = BPF_CLASS(i->code) == BPF_ALU64 ? OP_ALU : OP_ALU32;
	if (o->op > BPF_END || i->off)
		o->kind = OP_BAD;
	if (o->op != BPF_END)
		return;
	o->size = (uint8_t)i->imm;
	if (BPF_CLASS(i->code) != BPF_ALU ||
	    (i->imm != 16 && i->imm != 32 && i->imm != 64))
		o->kind = OP_BAD;
	else
		o->kind = OP_END;
}

static void decode_jump(struct op *o, const struct bpf_insn *i, size_t at,
			size_t n)
{
	bool wide = BPF_CLASS(i->code) == BPF_JMP;

	o->kind = wide ? OP_JUMP : OP_JUMP32;
	o->target = target(at, i->off, n);
	if (o->op == BPF_JA) {
		o->kind = OP_GOTO;
		if (!wide)
			o->target = target(at, i->imm, n);
	} else if (o->op == BPF_CALL) {
		o->kind = wide && !i->src_reg ? OP_CALL : OP_BAD;
	} else if (o->op == BPF_EXIT) {
		o->kind = wide ? OP_EXIT : OP_BAD;
	} else if (o->op > BPF_JSLE) {
		o->kind = OP_BAD;
	}
}

/* Whether what the instruction has no use for is 0, as the kernel demands. */
static bool reserved_is_zero(const struct bpf_insn *i)
{
	uint8_t op = BPF_OP(i->code);
	bool by_register = BPF_SRC(i->code) == BPF_X;

	switch (BPF_CLASS(i->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		if (op == BPF_NEG)
			return !by_register && !i->src_reg && !i->imm;
		if (op == BPF_END)
			return !i->src_reg;
		return by_register ? !i->imm : !i->src_reg;
	case BPF_JMP:
	case BPF_JMP32:
		if (op == BPF_CALL)
			return !by_register && !i->dst_reg && !i->off;
		if (op == BPF_EXIT)
			return !by_register && !i->dst_reg && !i->src_reg &&
			       !i->off && !i->imm;
		if (op == BPF_JA)
			return !by_register && !i->dst_reg && !i->src_reg &&
			       !(BPF_CLASS(i->code) == BPF_JMP ? i->imm :
				 i->off);
		return by_register ? !i->imm : !i->src_reg;
	case BPF_ST:
		return !i->src_reg;
	case BPF_LDX:
	case BPF_STX:
		return !i->imm;
	default:
		return !i->off;
	}
}

/* The second half of an ld_imm64, but for its imm. */
static bool is_second(const struct bpf_insn *i)
{
	return !i->code && !i->dst_reg && !i->src_reg && !i->off;
}

static void decode_one(struct op *o, const struct bpf_insn *i, size_t at,
		       size_t n)
{
	*o = (struct op) {
		.op = BPF_OP(i->code), .dst = i->dst_reg, .src = i->src_reg,
		.by_register = BPF_SRC(i->code) == BPF_X, .off = i->off,
		.imm = (uint64_t)(int64_t)i->imm, .size = access_size(i->code),
	};
	switch (BPF_CLASS(i->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		decode_alu(o, i);
		break;
	case BPF_JMP:
	case BPF_JMP32:
		decode_jump(o, i, at, n);
		break;
	case BPF_LDX:
		o->kind = BPF_MODE(i->code) == BPF_MEM ? OP_LOAD : OP_BAD;
		break;
	case BPF_ST:
		o->kind = BPF_MODE(i->code) == BPF_MEM ? OP_STORE_IMM :
			OP_BAD;
		break;
	case BPF_STX:
		o->kind = BPF_MODE(i->code) == BPF_MEM ? OP_STORE : OP_BAD;
		break;
	default:
		if (i->code == (BPF_LD | BPF_IMM | BPF_DW) && at + 1 < n) {
			o->kind = i->src_reg || !is_second(&i[1]) ? OP_BAD :
				OP_IMM64;
			o->imm = (uint32_t)i->imm |
				(uint64_t)(uint32_t)i[1].imm << 32;
		}
		break;
	}
	if (o->dst >= INTERP_REGISTERS || o->src >= INTERP_REGISTERS ||
	    !reserved_is_zero(i))
		o->kind = OP_BAD;
}

static void decode_relocs(struct interp_program *p, const struct image *m)
{
	for (size_t i = 0; i < m->nrelocs; i++) {
		const struct image_reloc *r = &m->relocs[i];
		struct op *o = &p->ops[r->insn];

		if (r->insn >= p->n || o->kind != OP_IMM64)
			continue;
		o->kind = r->map == IMAGE_RODATA ? OP_RODATA : OP_MAP;
		o->imm = r->map == IMAGE_RODATA ? r->offset : r->map;
	}
}

struct interp_program *interp_prepare(struct arena *a, const struct image *m)
{
	struct interp_program *p = arena_alloc(a, sizeof(*p));

	p->n = m->ninsns;
	p->ops = arena_array(a, p->n + 1, sizeof(*p->ops));
	for (size_t i = 0; i < p->n; i++) {
		decode_one(&p->ops[i], &m->insns[i], i, p->n);
		if (m->insns[i].code == (BPF_LD | BPF_IMM | BPF_DW))
			i++;	/* the second half stays OP_BAD */
	}
	decode_relocs(p, m);
	return p;
}

/* --------------------------------------------------------------- traps */

void interp_trap(struct machine *m, const char *fmt, ...)
{
	struct interp_result *out = m->out;
	va_list ap;
	int n;

	if (out->trap)
		return;
	n = snprintf(out->text, sizeof(out->text), "instruction %zu: ", m->pc);
	va_start(ap, fmt);
	vsnprintf(out->text + n, sizeof(out->text) - (size_t)n, fmt, ap);
	va_end(ap);
	out->trap = out->text;
}

static const struct reg *used(struct machine *m, unsigned int r)
{
	if (m->r[r].kind == REG_NONE)
		interp_trap(m, "r%u is not initialized", r);
	return &m->r[r];
}

static uint64_t number_of(struct machine *m, unsigned int r)
{
	if (used(m, r)->kind != REG_NUMBER)
		interp_trap(m, "r%u is no number", r);
	return m->r[r].v;
}

static struct reg *written(struct machine *m, unsigned int r)
{
	if (r == BPF_REG_10)
		interp_trap(m, "r10 is written");
	return &m->r[r];
}

/* ---------------------------------------------------------- arithmetic */

static uint64_t operand(struct machine *m, const struct op *o)
{
	return o->by_register ? number_of(m, o->src) : o->imm;
}

/* Shifts by more than the width are masked, division by zero gives 0. */
static uint64_t alu(struct machine *m, const struct op *o, uint64_t a,
		    uint64_t b, unsigned int bits)
{
	switch (o->op) {
	case BPF_ADD: return a + b;
	case BPF_SUB: return a - b;
	case BPF_MUL: return a * b;
	case BPF_DIV: return b ? a / b : 0;
	case BPF_MOD: return b ? a % b : a;
	case BPF_OR: return a | b;
	case BPF_AND: return a & b;
	case BPF_XOR: return a ^ b;
	case BPF_LSH: return a << (b & (bits - 1));
	case BPF_RSH: return a >> (b & (bits - 1));
	case BPF_NEG: return -a;
	case BPF_ARSH:
		return bits == 64 ? (uint64_t)((int64_t)a >> (b & 63)) :
			(uint64_t)((int32_t)a >> (b & 31));
	default:
		interp_trap(m, "an unknown operation");
		return 0;
	}
}

static bool may_move(uint8_t kind)
{
	return kind == REG_STACK || kind == REG_RODATA ||
	       kind == REG_COUNTER || kind == REG_RECORD;
}

/* Pointer plus number, pointer minus number, number plus pointer. */
static void move_pointer(struct machine *m, const struct op *o)
{
	struct reg *d = written(m, o->dst);

	if (o->op == BPF_ADD && o->by_register && d->kind == REG_NUMBER) {
		uint64_t n = d->v;

		*d = m->r[o->src];
		d->v += n;
	} else if (o->op == BPF_ADD) {
		d->v += operand(m, o);
	} else if (o->op == BPF_SUB) {
		d->v -= operand(m, o);
	} else {
		interp_trap(m, "arithmetic on a pointer");
	}
	if (!may_move(d->kind) || d->maybe_null)
		interp_trap(m, "arithmetic on a pointer");
}

static void run_alu64(struct machine *m, const struct op *o)
{
	struct reg *d = written(m, o->dst);
	uint64_t b;

	if (o->op == BPF_MOV) {
		*d = o->by_register ? *used(m, o->src) :
			(struct reg) { .kind = REG_NUMBER, .v = o->imm };
		return;
	}
	if (used(m, o->dst)->kind != REG_NUMBER ||
	    (o->by_register && m->r[o->src].kind != REG_NUMBER &&
	     m->r[o->src].kind != REG_NONE)) {
		move_pointer(m, o);
		return;
	}
	b = o->op == BPF_NEG ? 0 : operand(m, o);
	d->v = alu(m, o, d->v, b, 64);
}

static void run_alu32(struct machine *m, const struct op *o)
{
	struct reg *d = written(m, o->dst);
	uint32_t a = 0, b = o->op == BPF_NEG ? 0 : (uint32_t)operand(m, o);

	if (o->op == BPF_MOV) {
		*d = (struct reg) { .kind = REG_NUMBER, .v = b };
		return;
	}
	a = (uint32_t)number_of(m, o->dst);
	d->v = (uint32_t)alu(m, o, a, b, 32);
}

static void run_end(struct machine *m, const struct op *o)
{
	struct reg *d = written(m, o->dst);
	uint64_t v = number_of(m, o->dst);

	if (o->size == 16)
		d->v = o->by_register ? __builtin_bswap16((uint16_t)v) :
			(uint16_t)v;
	else if (o->size == 32)
		d->v = o->by_register ? __builtin_bswap32((uint32_t)v) :
			(uint32_t)v;
	else if (o->by_register)
		d->v = __builtin_bswap64(v);
}

/* --------------------------------------------------------------- jumps */

static bool holds64(uint8_t op, uint64_t a, uint64_t b)
{
	switch (op) {
	case BPF_JEQ: return a == b;
	case BPF_JNE: return a != b;
	case BPF_JGT: return a > b;
	case BPF_JGE: return a >= b;
	case BPF_JLT: return a < b;
	case BPF_JLE: return a <= b;
	case BPF_JSET: return a & b;
	case BPF_JSGT: return (int64_t)a > (int64_t)b;
	case BPF_JSGE: return (int64_t)a >= (int64_t)b;
	case BPF_JSLT: return (int64_t)a < (int64_t)b;
	default: return (int64_t)a <= (int64_t)b;	/* BPF_JSLE */
	}
}

static uint64_t sign_extend(uint64_t v)
{
	return (uint64_t)(int64_t)(int32_t)v;
}

static bool holds32(uint8_t op, uint64_t a, uint64_t b)
{
	if (op == BPF_JSGT || op == BPF_JSGE || op == BPF_JSLT ||
	    op == BPF_JSLE)
		return holds64(op, sign_extend(a), sign_extend(b));
	return holds64(op, (uint32_t)a, (uint32_t)b);
}

/* What may be NULL is compared with 0, and is known from then on. */
static bool null_check(struct machine *m, const struct op *o)
{
	struct reg *d = &m->r[o->dst];
	bool null = d->null;
	struct reg was = *d;

	if (o->by_register || o->imm ||
	    (o->op != BPF_JEQ && o->op != BPF_JNE)) {
		interp_trap(m, "a pointer is compared");
		return false;
	}
	for (int i = 0; i < INTERP_REGISTERS; i++) {
		struct reg *r = &m->r[i];

		if (r->kind != was.kind || !r->maybe_null)
			continue;
		r->maybe_null = false;
		if (null)
			*r = (struct reg) { .kind = REG_NUMBER };
	}
	return null == (o->op == BPF_JEQ);
}

static bool run_jump(struct machine *m, const struct op *o)
{
	if (o->kind == OP_JUMP && m->r[o->dst].maybe_null)
		return null_check(m, o);
	return o->kind == OP_JUMP ?
		holds64(o->op, number_of(m, o->dst), operand(m, o)) :
		holds32(o->op, number_of(m, o->dst), operand(m, o));
}

/* ----------------------------------------------------------------- run */

static void finish(struct machine *m)
{
	uint64_t v = number_of(m, BPF_REG_0);

	m->out->verdict = (uint32_t)v;
	if (v > 1)
		interp_trap(m, "the verdict is %llu",
			    (unsigned long long)v);
	else if (m->holds)
		interp_trap(m, "a socket is not released");
	else if (m->record_open)
		interp_trap(m, "a record is not submitted");
}

static void store(struct machine *m, const struct op *o)
{
	uint64_t v = o->kind == OP_STORE ? number_of(m, o->src) : o->imm;

	interp_store(m, used(m, o->dst), o->off, o->size, v);
}

static void load(struct machine *m, const struct op *o)
{
	uint64_t v = interp_load(m, used(m, o->src), o->off, o->size);

	*written(m, o->dst) = (struct reg) { .kind = REG_NUMBER, .v = v };
}

/* One instruction; false after the last. */
static bool step(struct machine *m, const struct op *o)
{
	size_t next = m->pc + 1;

	switch ((enum op_kind)o->kind) {
	case OP_BAD:
		interp_trap(m, "no instruction");
		break;
	case OP_ALU:
		run_alu64(m, o);
		break;
	case OP_ALU32:
		run_alu32(m, o);
		break;
	case OP_END:
		run_end(m, o);
		break;
	case OP_IMM64:
		*written(m, o->dst) = (struct reg) { .kind = REG_NUMBER,
						     .v = o->imm };
		next++;
		break;
	case OP_RODATA:
		*written(m, o->dst) = (struct reg) { .kind = REG_RODATA,
						     .v = o->imm };
		next++;
		break;
	case OP_MAP:
		*written(m, o->dst) = (struct reg) {
			.kind = REG_MAP, .object = (uint32_t)o->imm };
		next++;
		break;
	case OP_LOAD:
		load(m, o);
		break;
	case OP_STORE:
	case OP_STORE_IMM:
		store(m, o);
		break;
	case OP_JUMP:
	case OP_JUMP32:
		if (run_jump(m, o))
			next = o->target;
		break;
	case OP_GOTO:
		next = o->target;
		break;
	case OP_CALL:
		interp_call(m, (int)o->imm);
		break;
	case OP_EXIT:
		finish(m);
		return false;
	}
	m->pc = next;
	return true;
}

void interp_context(const struct packet *p, uint8_t ctx[72])
{
	uint32_t family = p->family == 4 ? 2 : 10;	/* AF_INET, AF_INET6 */
	uint32_t protocol = p->protocol, port = p->local_port;
	int n = p->family == 4 ? 4 : 16;
	uint16_t remote_port = htons(p->remote_port);

	memset(ctx, 0, 72);
	memcpy(ctx + 8, &family, 4);
	memcpy(ctx + 12, &protocol, 4);
	for (int i = 0; i < n; i++) {
		int shift = 8 * (n - 1 - i);

		ctx[(n == 4 ? 16 : 20) + i] = (uint8_t)(p->remote >> shift);
		ctx[(n == 4 ? 40 : 44) + i] = (uint8_t)(p->local >> shift);
	}
	memcpy(ctx + 36, &remote_port, 2);
	memcpy(ctx + 60, &port, 4);
	memcpy(ctx + 64, &p->ifindex, 4);
}

void interp_run(const struct interp *in, const struct packet *p,
		struct interp_result *out)
{
	const struct interp_program *program = in->program;
	struct machine m = { .in = in, .p = program, .out = out };

	*out = (struct interp_result) { .slot = INTERP_NO_SOCKET };
	interp_context(p, m.context);
	m.r[BPF_REG_1].kind = REG_CONTEXT;
	m.r[BPF_REG_10].kind = REG_STACK;
	do {
		if (m.pc >= program->n)
			interp_trap(&m, "the program has no end here");
		else if (++out->steps > INTERP_STEPS_MAX)
			interp_trap(&m, "too many steps");
		else if (!step(&m, &program->ops[m.pc]))
			break;
	} while (!out->trap);
	out->at = m.pc;
}
