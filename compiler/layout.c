/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * layout - where each instruction stands, and how far each jump goes
 *
 * In: code. Out: bytes. Pools stand at regular distances, behind instructions
 * that never fall through where there are any; a stub in a pool is a relay for
 * one label. A jump out of reach goes to the stub in the farthest pool it
 * reaches on its way; so does a stub. `gotol` takes stubs, and what is a goto
 * itself, to wherever they lead. Each round moves pools apart by the stubs it
 * adds, and whoever lost its pool takes a nearer one, never a farther one: rounds
 * end. Stubs that nobody uses in the end are taken out, which only brings things
 * closer.
 */
#include "layout.h"

#include <assert.h>
#include <string.h>

#include "../grammar/arena.h"

enum { REACH = 32000, ROUNDS = 200, NONE = UINT32_MAX };

/* Where something stands: in the bytes, and after the kernel's patching. */
struct at {
	uint32_t slot, weight;
};

struct pool {
	uint32_t before;	/* the instruction it stands before */
	bool skip;		/* code falls into it: jump over it */
	uint32_t nstubs;	/* in use */
	struct at at, end;
};

struct stub {
	label target;
	uint32_t pool, index;	/* which of its pool's */
	uint32_t via;		/* the next stub on the way, or NONE */
	bool used;
};

struct layout {
	struct arena *a;
	const struct code *c;
	uint32_t reach;
	bool gotol;
	struct at *at;		/* of each instruction, and of the end */
	uint32_t *via;		/* of each instruction: its stub, or NONE */
	struct pool *pools;
	size_t npools, pools_cap;
	struct stub *stubs;
	size_t nstubs, stubs_cap;
	uint32_t *index;	/* stub + 1 by pool and label */
	size_t index_mask;
	bool failed;
};

static bool is_jump(const struct insn *i)
{
	return i->target != NO_LABEL;
}

static bool is_wide(const struct insn *i)
{
	return i->code == (BPF_LD | BPF_IMM | BPF_DW);
}

/* A jump of 32 bits, in imm: never too far. */
static bool is_far(const struct insn *i)
{
	return i->code == (BPF_JMP32 | BPF_JA);
}

/* A goto needs no stub where `gotol` may take its place. */
static bool is_anywhere(const struct layout *l, const struct insn *i)
{
	return is_far(i) || (l->gotol && i->code == (BPF_JMP | BPF_JA));
}

static bool falls_through(const struct insn *i)
{
	return i->code != (BPF_JMP | BPF_EXIT) &&
	       i->code != (BPF_JMP | BPF_JA) && !is_far(i);
}

static bool is_ip6_load(const struct insn *i)
{
	return BPF_CLASS(i->code) == BPF_LDX && i->src == BPF_REG_6 &&
	       ((i->off >= 20 && i->off < 36) || (i->off >= 44 && i->off < 60));
}

/* Fields of the context have 32 bits. */
static bool is_part_of_field(const struct insn *i)
{
	return i->src == BPF_REG_6 && (BPF_SIZE(i->code) == BPF_B ||
				       BPF_SIZE(i->code) == BPF_H);
}

/* Whether a constant of 32 bits is blinded: shifts and byte orders are not. */
static bool is_blinded(const struct insn *i)
{
	uint8_t class = BPF_CLASS(i->code), op = BPF_OP(i->code);

	if (class == BPF_ALU || class == BPF_ALU64)
		return BPF_SRC(i->code) == BPF_K && op != BPF_LSH &&
			op != BPF_RSH && op != BPF_ARSH && op != BPF_END;
	return BPF_SRC(i->code) == BPF_K && op > BPF_JA && op != BPF_CALL &&
		op != BPF_EXIT;
}

/*
 * How many instructions the kernel may make of one, at most: constants are
 * blinded where bpf_jit_harden is 2 (kernel/bpf/core.c, bpf_jit_blind_insn;
 * addresses of maps are constants by then), IPv6 fields lie behind a pointer
 * that may be NULL, part of a context field is masked, look-ups in per-CPU
 * arrays are inlined; and for a process without CAP_PERFMON a sum of registers,
 * which may be an address, is bounded for what a misled processor might make of
 * it (kernel/bpf/verifier.c, alu_limit), and a store is followed by a barrier.
 */
static uint32_t weight(const struct insn *i)
{
	switch (BPF_CLASS(i->code)) {
	case BPF_LD:
		return 7;
	case BPF_LDX:
		return is_ip6_load(i) || is_part_of_field(i) ? 3 : 1;
	case BPF_ST:
		return 3;
	case BPF_STX:
		return 2;
	case BPF_ALU:
	case BPF_ALU64:
		if (i->code == (BPF_ALU64 | BPF_ADD | BPF_X))
			return 8;
		return is_blinded(i) ? 3 : 1;
	case BPF_JMP:
	case BPF_JMP32:
		if (i->code == (BPF_JMP | BPF_CALL))
			return 12;
		return is_blinded(i) ? 3 : 1;
	default:
		return 1;
	}
}

/* ------------------------------------------------------------ places */

static void add_pool(struct layout *l, uint32_t before, bool skip)
{
	struct pool *p = arena_push(l->a, l->pools, l->npools, l->pools_cap);

	*p = (struct pool) { .before = before, .skip = skip };
}

/* The second pool on the way should be in reach, too, with its stubs: so a relay
 * goes as far as it can, and few pools have few stubs that many packets take. */
static void choose_pools(struct layout *l)
{
	uint32_t since = 0, apart = l->reach / 64 * 31;

	for (uint32_t i = 0; i < l->c->n; i++) {
		bool skip = i && falls_through(&l->c->v[i - 1]);

		if (since > apart + apart / 4 || (since > apart && !skip)) {
			add_pool(l, i, skip);
			since = 0;
		}
		since += weight(&l->c->v[i]);
	}
	add_pool(l, (uint32_t)l->c->n, false);
}

static uint32_t pool_size(const struct pool *p)
{
	return p->nstubs ? p->nstubs + p->skip : 0;
}

static void place_all(struct layout *l)
{
	struct at at = { 0, 0 };
	size_t next = 0;

	for (uint32_t i = 0; i <= l->c->n; i++) {
		while (next < l->npools && l->pools[next].before == i) {
			struct pool *p = &l->pools[next++];

			p->at = at;
			at.slot += pool_size(p);
			at.weight += pool_size(p);
			p->end = at;
		}
		l->at[i] = at;
		if (i == l->c->n)
			break;
		at.slot += is_wide(&l->c->v[i]) ? 2 : 1;
		at.weight += weight(&l->c->v[i]);
	}
}

static struct at stub_at(const struct layout *l, const struct stub *s)
{
	const struct pool *p = &l->pools[s->pool];
	uint32_t n = s->index + p->skip;

	return (struct at) { p->at.slot + n, p->at.weight + n };
}

static struct at label_at(const struct layout *l, label target)
{
	return l->at[l->c->labels[target]];
}

static bool in_reach(const struct layout *l, struct at from, struct at to)
{
	uint32_t d = from.weight < to.weight ? to.weight - from.weight :
		from.weight - to.weight;

	return d <= l->reach;
}

/* ------------------------------------------------------------- stubs */

static size_t index_slot(const struct layout *l, uint32_t pool, label target)
{
	uint64_t h = ((uint64_t)pool << 32 | target) * 0x9E3779B97F4A7C15;
	size_t i = (size_t)(h >> 32) & l->index_mask;

	while (l->index[i]) {
		const struct stub *s = &l->stubs[l->index[i] - 1];

		if (s->pool == pool && s->target == target)
			break;
		i = (i + 1) & l->index_mask;
	}
	return i;
}

static void index_grow(struct layout *l)
{
	size_t size = l->index ? (l->index_mask + 1) * 4 : 1024;

	l->index = arena_array(l->a, size, sizeof(*l->index));
	l->index_mask = size - 1;
	for (uint32_t i = 0; i < l->nstubs; i++)
		l->index[index_slot(l, l->stubs[i].pool,
				    l->stubs[i].target)] = i + 1;
}

static uint32_t stub_get(struct layout *l, uint32_t pool, label target)
{
	struct stub *s;
	size_t slot;

	if (!l->index || l->nstubs * 2 > l->index_mask)
		index_grow(l);
	slot = index_slot(l, pool, target);
	if (l->index[slot])
		return l->index[slot] - 1;
	s = arena_push(l->a, l->stubs, l->nstubs, l->stubs_cap);
	*s = (struct stub) { .target = target, .pool = pool, .via = NONE,
			     .index = l->pools[pool].nstubs++ };
	l->index[slot] = (uint32_t)l->nstubs;
	return (uint32_t)l->nstubs - 1;
}

/* The first pool that stands at WEIGHT or behind it. */
static size_t pool_after(const struct layout *l, uint32_t w)
{
	size_t low = 0, high = l->npools;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (l->pools[middle].at.weight < w)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * The pool farthest on the way from FROM to TO that lies wholly in reach; NONE
 * when there is none, and then the program cannot be laid out. HERE: a pool
 * that does not count (a stub's own).
 */
static uint32_t pool_towards(const struct layout *l, struct at from,
			     struct at to, uint32_t here)
{
	uint32_t low = from.weight > l->reach ? from.weight - l->reach : 0;
	size_t i;

	if (to.weight < from.weight) {
		i = pool_after(l, low);
		return i < l->npools && i != here &&
		       l->pools[i].end.weight <= from.weight ? (uint32_t)i :
		       NONE;
	}
	i = pool_after(l, from.weight + l->reach);
	while (i-- > 0 && l->pools[i].at.weight > from.weight)
		if (i != here &&
		    l->pools[i].end.weight <= from.weight + l->reach)
			return (uint32_t)i;
	return NONE;
}

/* Whether FROM's way to TARGET, by *VIA, had to be changed. */
static bool reroute(struct layout *l, struct at from, label target,
		    uint32_t *via, uint32_t here)
{
	struct at to = label_at(l, target);
	struct at next = *via == NONE ? to : stub_at(l, &l->stubs[*via]);
	uint32_t pool;

	if (in_reach(l, from, next))
		return false;
	pool = pool_towards(l, from, to, here);
	if (pool == NONE) {
		l->failed = true;
		return false;
	}
	*via = stub_get(l, pool, target);
	return true;
}

static bool round_of(struct layout *l)
{
	size_t nstubs = l->nstubs;	/* new ones have no place yet */
	bool changed = false;

	for (uint32_t i = 0; i < l->c->n; i++)
		if (is_jump(&l->c->v[i]) && !is_anywhere(l, &l->c->v[i]))
			changed |= reroute(l, l->at[i], l->c->v[i].target,
					   &l->via[i], NONE);
	for (size_t i = 0; i < nstubs && !l->gotol; i++) {
		uint32_t via = l->stubs[i].via;

		changed |= reroute(l, stub_at(l, &l->stubs[i]),
				   l->stubs[i].target, &via,
				   l->stubs[i].pool);
		l->stubs[i].via = via;
	}
	return changed || l->nstubs > nstubs;
}

/* Takes out the stubs that no jump leads to. */
static void prune(struct layout *l)
{
	for (uint32_t i = 0; i < l->c->n; i++)
		for (uint32_t s = l->via[i]; s != NONE && !l->stubs[s].used;
		     s = l->stubs[s].via)
			l->stubs[s].used = true;
	for (size_t i = 0; i < l->npools; i++)
		l->pools[i].nstubs = 0;
	for (size_t i = 0; i < l->nstubs; i++)
		if (l->stubs[i].used)
			l->stubs[i].index =
				l->pools[l->stubs[i].pool].nstubs++;
}

static bool settle(struct layout *l)
{
	int rounds = 0;

	do {
		place_all(l);
		if (l->failed || ++rounds > ROUNDS)
			return false;
	} while (round_of(l));
	prune(l);
	place_all(l);
	return l->at[l->c->n].slot <= CODE_MAX;
}

/* ------------------------------------------------------------ output */

static int16_t short_offset(const struct layout *l, struct at from,
			    struct at to)
{
	int64_t off = (int64_t)to.slot - from.slot - 1;

	assert(in_reach(l, from, to));
	assert(off >= INT16_MIN && off <= INT16_MAX);
	return (int16_t)off;
}

static int32_t long_offset(struct at from, struct at to)
{
	return (int32_t)((int64_t)to.slot - from.slot - 1);
}

/* To wherever it is; without `gotol`, in reach. */
static void write_goto(const struct layout *l, struct at from, struct at to,
		       struct bpf_insn *out)
{
	if (l->gotol && !in_reach(l, from, to)) {
		out->code = BPF_JMP32 | BPF_JA;
		out->imm = long_offset(from, to);
		return;
	}
	out->code = BPF_JMP | BPF_JA;
	out->off = short_offset(l, from, to);
}

static void write_stub(const struct layout *l, const struct stub *s,
		       struct bpf_insn *out)
{
	struct at at = stub_at(l, s);
	struct at to = label_at(l, s->target);

	if (s->via != NONE)
		to = stub_at(l, &l->stubs[s->via]);
	write_goto(l, at, to, &out[at.slot]);
}

static void write_skip(const struct pool *p, struct bpf_insn *out)
{
	if (!p->skip || !p->nstubs)
		return;
	out[p->at.slot].code = BPF_JMP | BPF_JA;
	out[p->at.slot].off = (int16_t)p->nstubs;
}

static void write_insn(const struct layout *l, uint32_t n,
		       struct bpf_insn *out)
{
	const struct insn *in = &l->c->v[n];
	struct bpf_insn *i = &out[l->at[n].slot];

	i->code = in->code;
	i->dst_reg = in->dst & 15;
	i->src_reg = in->src & 15;
	i->off = in->off;
	i->imm = (int32_t)in->imm;
	if (is_wide(in)) {
		/* a map's offset goes to the relocation */
		i[1].imm = (int32_t)(in->imm >> 32);
		if (in->map != IMAGE_NO_MAP)
			i[0].imm = i[1].imm = 0;
	}
	if (is_far(in))
		i->imm = long_offset(l->at[n], label_at(l, in->target));
	else if (is_anywhere(l, in))
		write_goto(l, l->at[n], label_at(l, in->target), i);
	else if (is_jump(in))
		i->off = short_offset(l, l->at[n], l->via[n] == NONE ?
				      label_at(l, in->target) :
				      stub_at(l, &l->stubs[l->via[n]]));
}

static void write_relocs(const struct layout *l, struct image *out)
{
	size_t n = 0;

	for (size_t i = 0; i < l->c->n; i++)
		n += is_wide(&l->c->v[i]) && l->c->v[i].map != IMAGE_NO_MAP;
	out->relocs = arena_array(l->a, n, sizeof(*out->relocs));
	out->nrelocs = 0;
	for (size_t i = 0; i < l->c->n; i++) {
		const struct insn *in = &l->c->v[i];

		if (!is_wide(in) || in->map == IMAGE_NO_MAP)
			continue;
		out->relocs[out->nrelocs++] = (struct image_reloc) {
			.insn = l->at[i].slot, .map = in->map,
			.offset = (uint32_t)in->imm,
		};
	}
}

static void write_lines(const struct layout *l, const struct place *places,
			struct image *out)
{
	uint32_t last = NONE;
	size_t cap = 0;

	out->lines = NULL;
	out->nlines = 0;
	for (size_t i = 0; i < l->c->n; i++) {
		uint32_t rule = l->c->v[i].rule;

		if (rule == last)
			continue;
		last = rule;
		*arena_push(l->a, out->lines, out->nlines, cap) =
			(struct image_line) { l->at[i].slot, places[rule] };
	}
}

bool layout(struct arena *a, const struct code *c,
	    const struct layout_options *o, const struct place *places,
	    struct image *out)
{
	struct layout l = {
		.a = a, .c = c, .gotol = o->gotol,
		.reach = o->reach && o->reach < REACH ? o->reach : REACH,
	};

	if (c->failed)
		return false;
	l.at = arena_array(a, c->n + 1, sizeof(*l.at));
	l.via = arena_array(a, c->n, sizeof(*l.via));
	memset(l.via, 0xff, c->n * sizeof(*l.via));
	choose_pools(&l);
	if (!settle(&l))
		return false;
	out->ninsns = l.at[c->n].slot;
	out->insns = arena_array(a, out->ninsns, sizeof(*out->insns));
	for (uint32_t i = 0; i < c->n; i++)
		write_insn(&l, i, out->insns);
	for (size_t i = 0; i < l.npools; i++)
		write_skip(&l.pools[i], out->insns);
	for (size_t i = 0; i < l.nstubs; i++)
		if (l.stubs[i].used)
			write_stub(&l, &l.stubs[i], out->insns);
	write_relocs(&l, out);
	write_lines(&l, places, out);
	return true;
}
