/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shadow - the machine: registers and memory that know how far they reach
 *
 * In: an image and the variables. Out: an effect. What the verifier would
 * refuse is not its business: the interpreter is run beside it.
 */
#include "shadow_machine.h"

#include <endian.h>
#include <string.h>

const int shadow_errors[SHADOW_ERRORS] = { -91, -97, -94, -17, -22 };

const struct image_listener shadow_listeners[SHADOW_LISTENERS] = {
	{ .every = 1 }, { .every = 0 }, { .every = 2, .rule = 1 },
	{ .every = 1, .rule = 3 }, { .every = 5, .skip = 1, .lost = 9 },
	{ .every = 4 }, { .every = 1, .rule = (uint64_t)1 << 32 | 1 },
	{ .every = 1, .rule = 2 },
};

/* Of each the next number needs all its bytes. */
#define HELD(n) ((uint64_t)(n) << 40 | UINT32_MAX)
const struct image_counter shadow_before = {
	HELD(1), HELD(3), HELD(5), HELD(7), HELD(9), HELD(11), HELD(13),
	HELD(15),
};

static bool is_address(unsigned int var, bool ip6)
{
	if (ip6)
		return (var >= VAR_REMOTE6 && var < VAR_REMOTE6 + 4) ||
		       (var >= VAR_LOCAL6 && var < VAR_LOCAL6 + 4);
	return var == VAR_REMOTE4 || var == VAR_LOCAL4;
}

uint64_t shadow_highest(const struct shadow_vars *v, unsigned int var)
{
	bool ip6 = v->x[VAR_FAMILY];

	if (is_address(var, !ip6))
		return 0;
	if (is_address(var, ip6) ||
	    (var >= VAR_HASH && var < VAR_HASH + VAR_HASHES))
		return UINT32_MAX;
	if (var == VAR_LOCAL_PORT || var == VAR_REMOTE_PORT)
		return UINT16_MAX;
	if (var == VAR_IFINDEX)
		return INT32_MAX;
	if (var >= VAR_PART && var < VAR_PART + VAR_PARTS)
		return part_highest(v, var);
	if (var == VAR_LISTENER)
		return SHADOW_LISTENERS - 1;
	return var >= VAR_PLACE && var < VAR_FULL ?
		SHADOW_REFUSED + SHADOW_ERRORS - 1 : 1;
}

void shadow_use(struct shadow_vars *v, unsigned int var)
{
	if (v->used[var])
		return;
	v->used[var] = true;
	v->order[v->n++] = (uint8_t)var;
	v->x[var] = 0;
	v->high[var] = shadow_highest(v, var);
}

void shadow_trap(struct machine *k, const char *why)
{
	if (!k->out->trap)
		k->out->trap = why;
}

/* All that what follows may hang on. */
static uint64_t fingerprint(const struct machine *k)
{
	const struct shadow_effect *o = k->out;
	uint64_t h = value_mix(k->pc, k->s->x[VAR_FAMILY] << 1 |
			       k->s->x[VAR_PROTOCOL]), word;

	for (int i = 0; i < 10; i++) {
		const struct value *v = &k->r[i];

		h = value_mix(h, value_id(v));
		h = value_mix(h, v->v + v->object);
	}
	for (size_t i = 0; i < STACK; i += 8) {
		memcpy(&word, k->stack + i, 8);
		h = word ? value_mix(h, word + i) : h;
	}
	for (size_t i = 0; i < sizeof(o->counters); i += 8) {
		memcpy(&word, (const uint8_t *)o->counters + i, 8);
		h = word ? value_mix(h, word + i) : h;
	}
	h = value_mix(h, (uint64_t)o->slot << 32 | o->flags);
	return value_mix(h, o->event + o->nevents);
}

/* What the kernel answers: a variable, and each value is its own. */
static uint64_t answer(struct machine *k, unsigned int var)
{
	if (!k->out->asked[var])
		k->out->asked[var] = fingerprint(k) | 1;
	shadow_use(k->s, var);
	k->s->high[var] = k->s->x[var];
	return k->s->x[var];
}

/* --------------------------------------------------------------- calls */

static unsigned int place_var(const struct machine *k, uint32_t index)
{
	uint32_t slot = index % IMAGE_SLOTS_MAX;
	uint32_t place = index / IMAGE_SLOTS_MAX;

	return slot < k->m->nslots && slot < SHADOW_SLOTS &&
	       place < IMAGE_PLACES ? VAR_PLACE + slot * IMAGE_PLACES + place :
		VARS;
}

static bool place_empty(struct machine *k, uint32_t index)
{
	unsigned int var = place_var(k, index);

	return var == VARS || answer(k, var) == SHADOW_EMPTY;
}

/* Whoever listens has written it before. */
static void listener(struct machine *k)
{
	struct image_counter *c = &k->out->counters[k->m->ncounters - 1];

	if (k->listened)
		return;
	k->listened = true;
	memcpy(c, &shadow_listeners[answer(k, VAR_LISTENER)], sizeof(*c));
}

static struct value look_up(struct machine *k)
{
	struct value key = k->r[2], r = { .null = true };
	uint8_t *p = key.kind == SHADOW_STACK ?
		shadow_place(k, &key, 0, 1) : NULL;

	if (k->r[1].kind != SHADOW_MAP || !p || key.v + STACK > STACK - 4) {
		shadow_trap(k, "a look-up of nothing");
		return value_fixed(0);
	}
	memcpy(&r.object, p, 4);
	if (k->r[1].object == IMAGE_SOCKETS) {
		r.kind = SHADOW_SOCKET;
		r.is_null = place_empty(k, r.object);
	} else if (k->r[1].object == IMAGE_COUNTERS) {
		r.kind = SHADOW_COUNTER;
		r.is_null = r.object >= k->m->ncounters ||
			r.object >= SHADOW_COUNTERS;
		if (k->m->events && r.object == k->m->ncounters - 1)
			listener(k);
	} else {
		shadow_trap(k, "no map to look into");
	}
	return r;
}

static int assign(struct machine *k)
{
	const struct value *sk = &k->r[2];
	uint64_t said, flags = k->r[3].v;
	bool is_null = sk->kind == SHADOW_NUMBER && !sk->v;

	value_fix(k->s, &k->r[3]);
	if (k->r[1].kind != SHADOW_CONTEXT || k->r[3].kind != SHADOW_NUMBER ||
	    (!is_null && (sk->kind != SHADOW_SOCKET || sk->null))) {
		shadow_trap(k, "nothing to assign");
		return 0;
	}
	if (flags & ~(uint64_t)3)
		return -22;
	said = is_null ? SHADOW_TAKEN : answer(k, place_var(k, sk->object));
	if (said >= SHADOW_REFUSED)
		return shadow_errors[said - SHADOW_REFUSED];
	if (k->out->slot != SHADOW_NO_SLOT && !(flags & 1))
		return -17;
	k->out->slot = is_null ? SHADOW_NO_SLOT : sk->object;
	k->out->flags = (uint32_t)flags;
	return 0;
}

static struct value reserve(struct machine *k)
{
	memset(k->sent, 0xff, sizeof(k->sent));
	return (struct value){ .kind = SHADOW_RECORD, .null = true,
			       .is_null = answer(k, VAR_FULL) };
}

static void submit(struct machine *k)
{
	k->out->nevents++;
	for (int i = 0; i < EVENT; i++)
		k->out->event = value_mix(k->out->event, k->sent[i]);
}

static void call(struct machine *k, int helper)
{
	struct value r = value_fixed(0);

	k->s->entered = true;
	switch (helper) {
	case BPF_FUNC_map_lookup_elem: r = look_up(k); break;
	case BPF_FUNC_sk_assign:
		r = value_fixed((uint64_t)(int64_t)assign(k));
		break;
	case BPF_FUNC_sk_release:
	case BPF_FUNC_ktime_get_ns:
	case BPF_FUNC_get_prandom_u32:
	case BPF_FUNC_get_smp_processor_id:
	case BPF_FUNC_ringbuf_discard:
		break;
	case BPF_FUNC_jiffies64: r = value_fixed(SHADOW_JIFFIES); break;
	case BPF_FUNC_ringbuf_reserve: r = reserve(k); break;
	case BPF_FUNC_ringbuf_submit: submit(k); break;
	default: shadow_trap(k, "an unknown helper");
	}
	for (int i = 1; i <= 5; i++)
		k->r[i] = (struct value){ 0 };
	k->r[0] = r;
}

/* -------------------------------------------------------- instructions */

static bool pointer_alu(struct machine *k, uint8_t op, struct value *d,
			struct value o)
{
	bool first = d->kind != SHADOW_NUMBER;
	struct value at = first ? *d : o, by = first ? o : *d;

	if (by.kind != SHADOW_NUMBER || at.null ||
	    (op != BPF_ADD && (op != BPF_SUB || !first)) ||
	    at.kind == SHADOW_CONTEXT || at.kind == SHADOW_SOCKET ||
	    at.kind == SHADOW_MAP)
		return false;
	if (at.kind != SHADOW_RODATA || at.form == LINE || by.form != LINE)
		value_fix(k->s, &by);
	if (at.kind != SHADOW_RODATA)
		value_fix(k->s, &at);
	*d = at;
	d->kind = SHADOW_NUMBER;
	if (!value_alu(k->s, op, true, d, by))
		return false;
	d->kind = at.kind;
	d->object = at.object;
	return true;
}

static const char *alu(struct machine *k, const struct bpf_insn *i)
{
	bool wide = BPF_CLASS(i->code) == BPF_ALU64;
	bool by_register = BPF_SRC(i->code) == BPF_X;
	struct value *d = &k->r[i->dst_reg], o;
	uint8_t op = BPF_OP(i->code);

	o = by_register && op != BPF_NEG ? k->r[i->src_reg] :
		value_fixed((uint64_t)(int64_t)i->imm);
	if (op == BPF_NEG) {
		o = *d;
		*d = value_fixed(0);
		op = BPF_SUB;
	}
	if (o.kind == SHADOW_NONE)
		return "reads nothing";
	if (op == BPF_MOV) {
		if (!wide && o.kind != SHADOW_NUMBER)
			return "half a pointer";
		*d = o;
		if (!wide)
			value_narrow(k->s, d);
		return NULL;
	}
	if (d->kind == SHADOW_NONE)
		return "changes nothing";
	if (d->kind != SHADOW_NUMBER || o.kind != SHADOW_NUMBER)
		return wide && pointer_alu(k, op, d, o) ? NULL :
			"arithmetic with a pointer";
	return value_alu(k->s, op, wide, d, o) ? NULL : "no such arithmetic";
}

static const char *swap(struct machine *k, const struct bpf_insn *i)
{
	struct value *d = &k->r[i->dst_reg];
	bool big = BPF_SRC(i->code) == BPF_TO_BE;
	int bits = i->imm;

	if (d->kind != SHADOW_NUMBER)
		return "no number to swap";
	if (d->form == RAW && big && bits == (d->var == VAR_REMOTE_PORT ?
					      16 : 32)) {
		*d = value_line(k->s, d->var);
		return NULL;
	}
	if (d->form == RAW && !big && bits >= 32)
		return NULL;
	if (d->form == LINE && big && bits == 32 && !d->shift && !d->add &&
	    d->mul == 1 && (is_address(d->var, true) ||
			    is_address(d->var, false))) {
		d->form = RAW;
		d->v = htobe32((uint32_t)d->v);
		return NULL;
	}
	if (d->half && big && bits <= 32) {	/* the higher half */
		*d = value_line(k->s, d->var);
		d->shift = 16;
		d->mul = bits == 32 ? 65536 : 1;
		d->v = value_at(d, k->s->x[d->var]);
		return NULL;
	}
	value_fix(k->s, d);
	if (bits == 16)
		d->v = big ? htobe16((uint16_t)d->v) : (uint16_t)d->v;
	else if (bits == 32)
		d->v = big ? htobe32((uint32_t)d->v) : (uint32_t)d->v;
	else if (bits == 64)
		d->v = big ? htobe64(d->v) : d->v;
	else
		return "no such swap";
	return NULL;
}

static bool with_null(struct machine *k, struct value *d, uint8_t op)
{
	bool null = d->is_null;

	for (int i = 0; i < 10; i++) {
		struct value *r = &k->r[i];

		if (r == d || !r->null || r->kind != d->kind ||
		    r->object != d->object)
			continue;
		r->null = false;
		if (null)
			*r = value_fixed(0);
	}
	d->null = false;
	if (null)
		*d = value_fixed(0);
	return null == (op == BPF_JEQ);
}

static const char *jump(struct machine *k, const struct bpf_insn *i)
{
	bool wide = BPF_CLASS(i->code) == BPF_JMP, taken = true;
	uint8_t op = BPF_OP(i->code);
	struct value *d = &k->r[i->dst_reg], o;
	int64_t by = op == BPF_JA && !wide ? i->imm : i->off;

	if (op != BPF_JA) {
		o = BPF_SRC(i->code) == BPF_X ? k->r[i->src_reg] :
			value_fixed((uint64_t)(int64_t)i->imm);
		if (d->null && wide && o.kind == SHADOW_NUMBER &&
		    o.form == FIXED && !o.v && op <= BPF_JNE)
			taken = with_null(k, d, op);
		else if (d->kind != SHADOW_NUMBER || o.kind != SHADOW_NUMBER)
			return "a compare of no numbers";
		else if (by)	/* else both ways are one */
			taken = value_compare(k->s, op, wide, *d, o);
	}
	if (taken)
		k->pc = (uint32_t)((int64_t)k->pc + by);
	return NULL;
}

static void wide_load(struct machine *k, const struct bpf_insn *i)
{
	struct value *d = &k->r[i->dst_reg];

	*d = value_fixed((uint32_t)i->imm | (uint64_t)(uint32_t)i[1].imm << 32);
	for (size_t n = 0; n < k->m->nrelocs; n++) {
		const struct image_reloc *r = &k->m->relocs[n];

		if (r->insn != k->pc)
			continue;
		d->kind = r->map == IMAGE_RODATA ? SHADOW_RODATA : SHADOW_MAP;
		d->object = r->map;
		d->v = r->map == IMAGE_RODATA ? r->offset : 0;
	}
	k->pc++;
}

static unsigned int size_of(uint8_t code)
{
	static const uint8_t sizes[] = { 4, 2, 1, 8 };

	return sizes[BPF_SIZE(code) >> 3];
}

static void step(struct machine *k, const struct bpf_insn *i)
{
	const char *why = NULL;

	switch (BPF_CLASS(i->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		why = BPF_OP(i->code) == BPF_END ? swap(k, i) : alu(k, i);
		break;
	case BPF_LDX:
		k->r[i->dst_reg] = shadow_load(k, k->r[i->src_reg], i->off,
					size_of(i->code));
		break;
	case BPF_ST:
		shadow_store(k, k->r[i->dst_reg], i->off, size_of(i->code),
		      value_fixed((uint64_t)(int64_t)i->imm));
		break;
	case BPF_STX:
		shadow_store(k, k->r[i->dst_reg], i->off, size_of(i->code),
		      k->r[i->src_reg]);
		break;
	case BPF_LD:
		wide_load(k, i);
		break;
	default:
		if (i->code == (BPF_JMP | BPF_CALL))
			call(k, i->imm);
		else
			why = jump(k, i);
	}
	if (why)
		shadow_trap(k, why);
}

static void finish(struct machine *k)
{
	if (k->r[0].kind != SHADOW_NUMBER) {
		shadow_trap(k, "an end without a number");
		return;
	}
	value_fix(k->s, &k->r[0]);
	if (k->r[0].v > 1)
		shadow_trap(k, "an end with another number");
	k->out->verdict = (uint32_t)k->r[0].v;
}

/* The image has been decoded by the interpreter: every instruction is one. */
void shadow_run(const struct image *m, struct shadow_vars *v,
		struct shadow_effect *out)
{
	struct machine k = { .m = m, .s = v, .out = out };

	memset(out, 0, sizeof(*out));
	out->slot = SHADOW_NO_SLOT;
	v->entered = false;
	for (uint32_t i = 0; i < m->ncounters && i < SHADOW_COUNTERS; i++)
		out->counters[i] = shadow_before;
	k.r[1].kind = SHADOW_CONTEXT;
	k.r[10].kind = SHADOW_STACK;
	shadow_use(v, VAR_FAMILY);
	for (; !out->trap; k.pc++) {
		const struct bpf_insn *i = &m->insns[k.pc];

		if (++out->steps > SHADOW_STEPS)
			shadow_trap(&k, "too many steps");
		else if (i->code == (BPF_JMP | BPF_EXIT))
			break;
		step(&k, i);
	}
	if (!out->trap)
		finish(&k);
	if (m->events && !k.listened)
		memcpy(&out->counters[m->ncounters - 1],
		       &shadow_listeners[v->x[VAR_LISTENER]],
		       sizeof(*out->counters));
	for (unsigned int i = 0; i < VAR_HASHES; i++)
		out->hashed |= v->used[VAR_HASH + i];
}
