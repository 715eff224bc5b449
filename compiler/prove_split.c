/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove_split - whether code computes the hash of a split, and acts on it
 *
 * In: a pc where r1 is given a seed. Out: yes or no. The code is run on
 * expressions instead of numbers; equal expressions are one, so what is left
 * in r1 is the hash that policy.h defines exactly when it is the same number.
 */
#include <string.h>

#include "prove_private.h"

enum { EXPRS_MAX = 512, STEPS_MAX = 1000, CONSTANT = 0x100, WORD_OF = 0x101,
       SWAP = 0x102 };

struct expr {
	uint32_t op, a, b;
	uint64_t n;		/* of a constant; offset of a word; bits */
};

struct hash_run {
	struct prove *p;
	struct expr v[EXPRS_MAX];	/* 0 is nothing */
	uint32_t n;
	uint32_t r[11];
	uint32_t family;	/* field value */
};

static uint32_t make(struct hash_run *h, uint32_t op, uint32_t a, uint32_t b,
		     uint64_t n)
{
	struct expr e = { op, a, b, n };

	for (uint32_t i = 1; i < h->n; i++)
		if (h->v[i].op == op && h->v[i].a == a && h->v[i].b == b &&
		    h->v[i].n == n)
			return i;
	if (h->n == EXPRS_MAX)
		return 0;
	h->v[h->n] = e;
	return h->n++;
}

static uint32_t constant(struct hash_run *h, uint64_t n)
{
	return make(h, CONSTANT, 0, 0, n);
}

static uint32_t word(struct hash_run *h, uint32_t w)
{
	const struct prove_word_info *i = &prove_words[w];
	uint32_t e = make(h, WORD_OF, 0, 0, i->offset);

	if (i->load == PROVE_HOST)
		return e;
	return make(h, SWAP, e, 0, i->load == PROVE_BE32 ? 32 : 16);
}

static uint32_t mix(struct hash_run *h, uint32_t e, uint32_t w)
{
	e = make(h, BPF_XOR, e, word(h, w), 0);
	e = make(h, BPF_MUL, e, constant(h, 0x9E3779B97F4A7C15), 0);
	return make(h, BPF_XOR, e,
		    make(h, BPF_RSH, e, constant(h, 32), 0), 0);
}

static uint32_t mix_address(struct hash_run *h, uint32_t e, uint32_t w4,
			    uint32_t w6)
{
	if (!h->family)
		return mix(h, e, w4);
	for (uint32_t i = 0; i < 4; i++)
		e = mix(h, e, w6 + i);
	return e;
}

static uint32_t wanted(struct hash_run *h, const struct split *s)
{
	uint32_t e = constant(h, s->seed);

	for (size_t i = 0; i < s->nkeys; i++)
		switch (s->keys[i]) {
		case AST_KEY_TO:
			e = mix_address(h, e, PW_LADDR4, PW_LADDR6_0);
			break;
		case AST_KEY_FROM:
			e = mix_address(h, e, PW_RADDR4, PW_RADDR6_0);
			break;
		case AST_KEY_PORT:
			e = mix(h, e, PW_LPORT);
			break;
		case AST_KEY_FROM_PORT:
			e = mix(h, e, PW_RPORT);
			break;
		case AST_KEY_ON:
			e = mix(h, e, PW_IFINDEX);
			break;
		}
	e = make(h, BPF_MUL, e, constant(h, 0xD6E8FEB86659FD93), 0);
	return make(h, BPF_RSH, e, constant(h, 32), 0);
}

/* One instruction that is no jump; false when it is not understood. */
static bool step(struct hash_run *h, const struct bpf_insn *i, uint32_t *pc)
{
	uint32_t *d = &h->r[i->dst_reg];
	uint8_t op = BPF_OP(i->code);

	if (i->dst_reg > 5 || i->src_reg > 9)
		return false;
	if (i->code == (BPF_LD | BPF_IMM | BPF_DW)) {
		if (h->p->reloc[*pc] || *pc + 1 >= h->p->image->ninsns)
			return false;
		*d = constant(h, (uint32_t)i->imm |
			      (uint64_t)(uint32_t)i[1].imm << 32);
		++*pc;
	} else if (i->code == (BPF_LDX | BPF_MEM | BPF_W)) {
		if (i->src_reg != BPF_REG_6)
			return false;
		*d = i->off == prove_words[PW_FAMILY].offset ?
			constant(h, h->family ? 10 : 2) :
			make(h, WORD_OF, 0, 0, (uint64_t)(int64_t)i->off);
	} else if (i->code == (BPF_ALU | BPF_END | BPF_TO_BE)) {
		*d = make(h, SWAP, *d, 0, (uint64_t)(int64_t)i->imm);
	} else if (BPF_CLASS(i->code) == BPF_ALU64 && !i->off) {
		uint32_t s = BPF_SRC(i->code) == BPF_X ? h->r[i->src_reg] :
			constant(h, (uint64_t)(int64_t)i->imm);

		if (op > BPF_MOV || !s)
			return false;
		*d = op == BPF_MOV ? s : *d ? make(h, op, *d, s, 0) : 0;
	} else {
		return false;
	}
	return *d;
}

/* What is compared is a constant here: the family. */
static bool jump(struct hash_run *h, const struct bpf_insn *i, uint32_t *pc)
{
	bool equal;
	int64_t off = i->off;

	if (i->code == (BPF_JMP | BPF_JA) || i->code == (BPF_JMP32 | BPF_JA)) {
		if (BPF_CLASS(i->code) == BPF_JMP32)
			off = i->imm;
		*pc = (uint32_t)((int64_t)*pc + off);
		return true;
	}
	if (i->dst_reg > 5 || h->v[h->r[i->dst_reg]].op != CONSTANT)
		return false;
	equal = (uint32_t)h->v[h->r[i->dst_reg]].n == (uint32_t)i->imm;
	if (i->code == (BPF_JMP32 | BPF_JNE | BPF_K))
		equal = !equal;
	else if (i->code != (BPF_JMP32 | BPF_JEQ | BPF_K))
		return false;
	if (equal)
		*pc = (uint32_t)((int64_t)*pc + off);
	return true;
}

/* The instruction before which r1 is the hash, or 0. */
static uint32_t end_of_hash(struct hash_run *h, uint32_t pc,
			    const struct split *s)
{
	const struct image *m = h->p->image;
	uint32_t want;

	h->n = 1;
	memset(h->r, 0, sizeof(h->r));
	want = wanted(h, s);
	for (int steps = 0; want && steps < STEPS_MAX && pc < m->ninsns;
	     steps++, pc++) {
		const struct bpf_insn *i = &m->insns[pc];
		uint8_t class = BPF_CLASS(i->code);

		if (h->r[1] == want)
			return pc;
		if (class == BPF_JMP || class == BPF_JMP32 ?
		    !jump(h, i, &pc) : !step(h, i, &pc))
			return 0;
	}
	return 0;
}

static bool parts_fit(struct prove *p, const struct stretch *t,
		      const struct split *s, uint32_t kinds)
{
	size_t part = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct piece *x = &t->v[i];

		while (part + 1 < s->nparts && s->starts[part + 1] <= x->low)
			part++;
		for (size_t k = part; k < s->nparts &&
		     (k == part || s->starts[k] <= x->high); k++)
			if (!leaf_outcome(p, x->to, s->outcomes[k], kinds))
				return false;
	}
	return t->n && t->v[t->n - 1].high == UINT32_MAX;
}

bool split_fits(struct prove *p, uint32_t pc, const struct split *s,
		uint32_t kinds)
{
	static const uint32_t of_family[] = { 1 << SLOT_TCP4 | 1 << SLOT_UDP4,
					      1 << SLOT_TCP6 | 1 << SLOT_UDP6 };
	struct hash_run *h = arena_alloc(p->a, sizeof(*h));

	h->p = p;
	for (uint32_t f = 0; f < 2; f++) {
		struct stretch t;
		uint32_t end;

		if (!(kinds & of_family[f]))
			continue;
		h->family = f;
		end = end_of_hash(h, pc, s);
		if (!end)
			return false;
		run_hash(p, end, &t);
		if (!parts_fit(p, &t, s, kinds & of_family[f]))
			return false;
	}
	return true;
}
