/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interp - runs a decoded program with one packet
 *
 * In: a program that interp_prepare() has not refused, a packet. Out: what
 * interp.h says. One switch over the opcode byte; what is not the common case,
 * numbers in registers, is a call out of it. A fault jumps out of the run.
 */
#include "interp.h"

#include <endian.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "../grammar/arena.h"
#include "interp_private.h"

/* ----------------------------------------------------------- meaning */

/*
 * What is computed of a, the destination, and b, the source: both are 64 bits
 * wide, or both 32. The only list of what operations mean.
 */
#define SIGNED(x) \
	_Generic((x), uint64_t: (int64_t)(x), uint32_t: (int32_t)(x))
#define WIDTH (8 * sizeof(a))

#define ARITHMETIC(ALU)						\
	ALU(BPF_ADD, a + b)					\
	ALU(BPF_SUB, a - b)					\
	ALU(BPF_MUL, a * b)					\
	ALU(BPF_DIV, b ? a / b : 0)				\
	ALU(BPF_MOD, b ? a % b : a)				\
	ALU(BPF_OR, a | b)					\
	ALU(BPF_AND, a & b)					\
	ALU(BPF_XOR, a ^ b)					\
	ALU(BPF_LSH, a << (b & (WIDTH - 1)))			\
	ALU(BPF_RSH, a >> (b & (WIDTH - 1)))			\
	ALU(BPF_ARSH, SIGNED(a) >> (b & (WIDTH - 1)))

#define CONDITIONS(JUMP)					\
	JUMP(BPF_JEQ, a == b)					\
	JUMP(BPF_JNE, a != b)					\
	JUMP(BPF_JGT, a > b)					\
	JUMP(BPF_JGE, a >= b)					\
	JUMP(BPF_JLT, a < b)					\
	JUMP(BPF_JLE, a <= b)					\
	JUMP(BPF_JSET, a & b)					\
	JUMP(BPF_JSGT, SIGNED(a) > SIGNED(b))			\
	JUMP(BPF_JSGE, SIGNED(a) >= SIGNED(b))			\
	JUMP(BPF_JSLT, SIGNED(a) < SIGNED(b))			\
	JUMP(BPF_JSLE, SIGNED(a) <= SIGNED(b))

#define SIZES(MEMORY)						\
	MEMORY(BPF_B, uint8_t)					\
	MEMORY(BPF_H, uint16_t)					\
	MEMORY(BPF_W, uint32_t)					\
	MEMORY(BPF_DW, uint64_t)

static uint64_t end(uint8_t code, uint64_t bits, uint64_t v)
{
	bool big = code == (BPF_ALU | BPF_END | BPF_TO_BE);

	switch (bits) {
	case 16: return big ? htobe16((uint16_t)v) : htole16((uint16_t)v);
	case 32: return big ? htobe32((uint32_t)v) : htole32((uint32_t)v);
	default: return big ? htobe64(v) : htole64(v);
	}
}

/* -------------------------------------------------------------- traps */

void interp_say(struct interp_program *p, size_t at, const char *fmt,
		va_list ap)
{
	int n = snprintf(p->trap, sizeof(p->trap), "instruction %zu: ", at);

	vsnprintf(p->trap + n, sizeof(p->trap) - (size_t)n, fmt, ap);
}

void interp_trap(struct machine *m, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	interp_say(m->p, (size_t)(m->op - m->p->ops), fmt, ap);
	va_end(ap);
	m->out->trap = m->p->trap;
	longjmp(*m->trapped, 1);
}

unsigned int interp_register(const struct machine *m, const struct reg *r)
{
	return (unsigned int)(r - m->r);
}

const char *interp_kind(const struct reg *r)
{
	static const char *const kinds[] = {
#define KIND(name, text) [REG_##name] = text,
		REG_KINDS(KIND)
#undef KIND
	};

	return kinds[r->kind];
}

uint16_t interp_id(struct machine *m)
{
	if (m->ids == UINT16_MAX)
		interp_trap(m, "too many pointers");
	return ++m->ids;
}

static void must_be_number(struct machine *m, const struct reg *r)
{
	if (r->kind == REG_NONE)
		interp_trap(m, "r%u is not initialized",
			    interp_register(m, r));
	if (r->kind != REG_NUMBER)
		interp_trap(m, "r%u is %s, not a number",
			    interp_register(m, r), interp_kind(r));
}

/* ------------------------------------------------------------ pointers */

static bool may_move(const struct reg *r)
{
	return !r->null && (r->kind == REG_STACK || r->kind == REG_RODATA ||
			    r->kind == REG_COUNTER || r->kind == REG_RECORD);
}

static bool is_pointer(const struct reg *r)
{
	return r->kind != REG_NONE && r->kind != REG_NUMBER;
}

/*
 * Pointer plus number, number plus pointer, pointer minus number; but nothing
 * is subtracted from the stack's.
 */
static void move_pointer(struct machine *m, const struct op *o,
			 struct reg *d, const struct reg *s)
{
	bool plus = BPF_OP(o->code) == BPF_ADD;
	struct reg by = { .kind = REG_NUMBER, .v = o->imm }, moved;
	const struct reg *from = is_pointer(d) ? d : s;

	if (!may_move(from) || (!plus && from->kind == REG_STACK))
		interp_trap(m, "r%u is %s%s, which is not moved",
			    interp_register(m, from), interp_kind(from),
			    from->null ? " or NULL" : "");
	if (BPF_SRC(o->code) == BPF_X) {
		must_be_number(m, from == d ? s : d);
		by = from == d ? *s : *d;
	}
	moved = *from;
	moved.v = plus ? moved.v + by.v : moved.v - by.v;
	*d = moved;
}

/* 64-bit arithmetic with what is no number. */
static void alu_other(struct machine *m, const struct op *o, struct reg *d,
		      const struct reg *s)
{
	bool by_register = BPF_SRC(o->code) == BPF_X;
	uint8_t op = BPF_OP(o->code);

	if (d->kind == REG_NONE || (by_register && s->kind == REG_NONE))
		must_be_number(m, d->kind == REG_NONE ? d : s);
	if (op == BPF_ADD || (op == BPF_SUB && is_pointer(d)))
		move_pointer(m, o, d, s);
	else
		must_be_number(m, is_pointer(d) ? d : s);
}

/*
 * What may be NULL is compared with 0, and so are all copies of it. Only now
 * is a socket or event that is not there known to need no release.
 */
static void null_known(struct machine *m, struct reg was)
{
	if ((was.null & IS_NULL) && was.id == m->held)
		m->holds = false;
	if ((was.null & IS_NULL) && was.kind == REG_RECORD)
		m->record_open = false;
	for (int i = 0; i < INTERP_REGISTERS; i++) {
		struct reg *r = &m->r[i];

		if (!is_pointer(r) || !r->null || r->id != was.id)
			continue;
		r->null = 0;
		if (was.null & IS_NULL)
			*r = (struct reg) { .kind = REG_NUMBER };
	}
}

/* A jump by what is no number: whether it is taken. */
static bool jump_other(struct machine *m, const struct op *o, struct reg *d,
		       const struct reg *s)
{
	uint8_t op = BPF_OP(o->code);
	bool null = d->null & IS_NULL;

	if (!is_pointer(d) || !d->null || BPF_CLASS(o->code) != BPF_JMP ||
	    BPF_SRC(o->code) != BPF_K || o->imm ||
	    (op != BPF_JEQ && op != BPF_JNE))
		must_be_number(m, d->kind == REG_NUMBER ? s : d);
	null_known(m, *d);
	return null == (op == BPF_JEQ);
}

/* ----------------------------------------------------------------- run */

static void finish(struct machine *m)
{
	uint64_t v = m->r[BPF_REG_0].v;

	must_be_number(m, &m->r[BPF_REG_0]);
	if (v > 1)
		interp_trap(m, "the verdict is %llu",
			    (unsigned long long)v);
	if (m->holds)
		interp_trap(m, "a socket is not released");
	if (m->record_open)
		interp_trap(m, "an event is not submitted");
	m->out->verdict = (uint32_t)v;
}

static inline void set(struct reg *r, uint64_t v)
{
	*r = (struct reg) { .kind = REG_NUMBER, .v = v };
}

static inline bool numbers(const struct reg *d, const struct reg *s)
{
	return d->kind == REG_NUMBER && s->kind == REG_NUMBER;
}

#define ALU(op, value)							\
	case BPF_ALU64 | op | BPF_K:					\
		if (d->kind == REG_NUMBER) {				\
			uint64_t a = d->v, b = o->imm;			\
			d->v = (uint64_t)(value);			\
		} else {						\
			alu_other(m, o, d, s);				\
		}							\
		break;							\
	case BPF_ALU64 | op | BPF_X:					\
		if (numbers(d, s)) {					\
			uint64_t a = d->v, b = s->v;			\
			d->v = (uint64_t)(value);			\
		} else {						\
			alu_other(m, o, d, s);				\
		}							\
		break;							\
	case BPF_ALU | op | BPF_K: {					\
		uint32_t a = (uint32_t)d->v, b = (uint32_t)o->imm;	\
		if (d->kind != REG_NUMBER)				\
			must_be_number(m, d);				\
		d->v = (uint32_t)(value);				\
		break;							\
	}								\
	case BPF_ALU | op | BPF_X: {					\
		uint32_t a = (uint32_t)d->v, b = (uint32_t)s->v;	\
		if (!numbers(d, s))					\
			must_be_number(m, d->kind == REG_NUMBER ? s : d); \
		d->v = (uint32_t)(value);				\
		break;							\
	}

#define JUMP_IF(class, source, type, other, known, condition)		\
	case class | source: {						\
		type a = (type)d->v, b = (type)other;			\
		bool taken = (known) ? condition :			\
			jump_other(m, o, d, s);				\
		if (taken) {						\
			o = ops + o->target;				\
			continue;					\
		}							\
		break;							\
	}
#define JUMP(op, condition)						\
	JUMP_IF(BPF_JMP | op, BPF_K, uint64_t, o->imm,			\
		d->kind == REG_NUMBER, condition)			\
	JUMP_IF(BPF_JMP | op, BPF_X, uint64_t, s->v,			\
		numbers(d, s), condition)				\
	JUMP_IF(BPF_JMP32 | op, BPF_K, uint32_t, o->imm,		\
		d->kind == REG_NUMBER, condition)			\
	JUMP_IF(BPF_JMP32 | op, BPF_X, uint32_t, s->v,			\
		numbers(d, s), condition)

#define MEMORY(size, type)						\
	case BPF_LDX | BPF_MEM | size:					\
		if (o->context && s->kind == REG_CONTEXT) {		\
			type v;						\
			memcpy(&v, m->context + o->off, sizeof(v));	\
			set(d, v);					\
		} else {						\
			*d = interp_load(m, s, o->off, sizeof(type));	\
		}							\
		break;							\
	case BPF_ST | BPF_MEM | size:					\
		interp_store(m, d, o->off, sizeof(type), o->imm);	\
		break;							\
	case BPF_STX | BPF_MEM | size:					\
		must_be_number(m, s);					\
		interp_store(m, d, o->off, sizeof(type), s->v);		\
		break;

/* tests/bench/count.c has a watcher at each instruction. */
#ifndef INTERP_STEP
#define INTERP_STEP(m)	((void)0)
#endif

static void execute(struct machine *m)
{
	const struct op *const ops = m->p->ops, *o = ops;
	size_t steps = 0;

	for (;;) {
		struct reg *d = &m->r[o->dst];
		const struct reg *s = &m->r[o->src];

		m->op = o;
		m->steps = ++steps;
		if (steps > INTERP_STEPS_MAX)
			interp_trap(m, "too many steps");
		INTERP_STEP(m);
		switch (o->code) {
		ARITHMETIC(ALU)
		CONDITIONS(JUMP)
		SIZES(MEMORY)
		case BPF_ALU64 | BPF_MOV | BPF_K:
			set(d, o->imm);
			break;
		case BPF_ALU64 | BPF_MOV | BPF_X:
			if (s->kind == REG_NONE)
				must_be_number(m, s);
			*d = *s;
			break;
		case BPF_ALU | BPF_MOV | BPF_K:
			set(d, (uint32_t)o->imm);
			break;
		case BPF_ALU | BPF_MOV | BPF_X:
			must_be_number(m, s);
			set(d, (uint32_t)s->v);
			break;
		case BPF_ALU64 | BPF_NEG:
			must_be_number(m, d);
			d->v = -d->v;
			break;
		case BPF_ALU | BPF_NEG:
			must_be_number(m, d);
			d->v = -(uint32_t)d->v;
			break;
		case BPF_ALU | BPF_END | BPF_TO_BE:
		case BPF_ALU | BPF_END | BPF_TO_LE:
			must_be_number(m, d);
			d->v = end(o->code, o->imm, d->v);
			break;
		case BPF_LD | BPF_IMM | BPF_DW:
			set(d, o->imm);
			o++;
			break;
		case CODE_RODATA:
			*d = (struct reg) { .kind = REG_RODATA,
					    .v = o->imm };
			o++;
			break;
		case CODE_MAP:
			*d = (struct reg) { .kind = REG_MAP,
					    .object = (uint32_t)o->imm };
			o++;
			break;
		case BPF_JMP | BPF_JA:
		case BPF_JMP32 | BPF_JA:
			o = ops + o->target;
			continue;
		case BPF_JMP | BPF_CALL:
			interp_call(m, (int)o->imm);
			break;
		case BPF_JMP | BPF_EXIT:
			finish(m);
			return;
		default:
			interp_trap(m, "no meaning is known");
		}
		o++;
	}
}

/* The 4 or 16 bytes of an address, most significant first. */
static void put_address(uint8_t *ip4, uint8_t *ip6, uint8_t family, u128 v)
{
	uint32_t word = htobe32((uint32_t)v);
	uint64_t words[2] = { htobe64((uint64_t)(v >> 64)),
			      htobe64((uint64_t)v) };

	if (family == 4)
		memcpy(ip4, &word, sizeof(word));
	else
		memcpy(ip6, words, sizeof(words));
}

void interp_context(const struct packet *p, uint8_t ctx[72])
{
	uint32_t family = p->family == 4 ? AF_INET : AF_INET6;
	uint32_t protocol = p->protocol, port = p->local_port;
	uint16_t remote_port = htobe16(p->remote_port);

	memset(ctx, 0, 72);
	memcpy(ctx + 8, &family, 4);
	memcpy(ctx + 12, &protocol, 4);
	put_address(ctx + 16, ctx + 20, p->family, p->remote);
	memcpy(ctx + 36, &remote_port, 2);
	put_address(ctx + 40, ctx + 44, p->family, p->local);
	memcpy(ctx + 60, &port, 4);
	memcpy(ctx + 64, &p->ifindex, 4);
}

static void start(struct machine *m, const struct interp *in,
		  const struct packet *p, struct interp_result *out)
{
	memset(m, 0, offsetof(struct machine, stack));
	m->in = in;
	m->p = in->program;
	m->out = out;
	interp_context(p, m->context);
	m->r[BPF_REG_1].kind = REG_CONTEXT;
	m->r[BPF_REG_10].kind = REG_STACK;
}

/* M is the caller's: what changes of it on the way is kept by longjmp(). */
static void run(struct machine *m)
{
	jmp_buf trapped;

	m->trapped = &trapped;
	if (!setjmp(trapped))
		execute(m);
}

void interp_run(const struct interp *in, const struct packet *p,
		struct interp_result *out)
{
	struct interp_program *program = in->program;
	struct machine m;

	*out = (struct interp_result) { .slot = INTERP_NO_SOCKET };
	if (program->refused) {
		out->trap = program->trap;
		out->at = program->at;
		return;
	}
	start(&m, in, p, out);
	run(&m);
	out->at = (size_t)(m.op - program->ops);
	out->steps = m.steps;
}
