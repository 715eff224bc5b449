/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove_match - instructions that are known by heart
 *
 * In: a place in the program. Out: whether what is wanted stands there, and the
 * place behind it. Jumps that are always taken are followed: they are relays.
 */
#include "prove_private.h"

enum { RELAYS_MAX = 100000 };

const struct bpf_insn *match_here(struct matcher *m)
{
	const struct image *image = m->p->image;

	for (uint32_t n = 0; n < RELAYS_MAX && m->pc < image->ninsns; n++) {
		const struct bpf_insn *i = &image->insns[m->pc];

		if (!run_is_goto(i))
			return i;
		m->pc = (uint32_t)run_jump(i, m->pc);
	}
	return NULL;
}

bool match_context(struct matcher *m)
{
	static const struct bpf_insn context = {
		.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 6, .src_reg = 1,
	};

	return match_one(m, &context);
}

bool match_one(struct matcher *m, const struct bpf_insn *want)
{
	const struct bpf_insn *i = match_here(m);

	if (!i || i->code != want->code || i->dst_reg != want->dst_reg ||
	    i->src_reg != want->src_reg || i->off != want->off ||
	    i->imm != want->imm)
		return false;
	m->pc++;
	return true;
}

bool match_all(struct matcher *m, const struct bpf_insn *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!match_one(m, &v[i]))
			return false;
	return true;
}

bool match_any_imm(struct matcher *m, struct bpf_insn want, int32_t *imm)
{
	const struct bpf_insn *i = match_here(m);

	if (!i)
		return false;
	want.imm = i->imm;
	if (!match_one(m, &want))
		return false;
	*imm = want.imm;
	return true;
}

bool match_jump(struct matcher *m, struct bpf_insn want, int32_t *imm,
		uint32_t *to)
{
	const struct bpf_insn *i = match_here(m);
	struct matcher at = *m;

	if (!i)
		return false;
	at.pc = (uint32_t)run_jump(i, m->pc);
	want.off = i->off;
	if (!match_any_imm(m, want, imm) || !match_here(&at))
		return false;
	*to = at.pc;
	return true;
}

bool match_wide(struct matcher *m, uint8_t reg, uint64_t *value, bool *table)
{
	const struct bpf_insn *i = match_here(m);
	uint32_t reloc;

	if (!i || m->pc + 2 > m->p->image->ninsns ||
	    i->code != (BPF_LD | BPF_IMM | BPF_DW) || i->dst_reg != reg)
		return false;
	reloc = m->p->reloc[m->pc];
	*table = reloc;
	if (reloc) {
		const struct image_reloc *r = &m->p->image->relocs[reloc - 1];

		if (r->map != IMAGE_RODATA)
			return false;
		*value = r->offset;
	} else {
		if (i->src_reg || i->off || i[1].code || i[1].dst_reg ||
		    i[1].src_reg || i[1].off)
			return false;
		*value = (uint32_t)i->imm | (uint64_t)(uint32_t)i[1].imm << 32;
	}
	m->pc += 2;
	return true;
}

bool match_imm64(struct matcher *m, uint8_t reg, uint64_t want)
{
	uint64_t value;
	bool table;

	return match_wide(m, reg, &value, &table) && !table && value == want;
}

bool match_table(struct matcher *m, uint8_t reg, uint32_t *offset)
{
	uint64_t value;
	bool table;

	if (!match_wide(m, reg, &value, &table) || !table)
		return false;
	*offset = (uint32_t)value;
	return true;
}

bool match_decides(struct matcher *m)
{
	const struct bpf_insn *i = match_here(m);

	return i && i->code == (BPF_LDX | BPF_MEM | BPF_W) && i->dst_reg == 1 &&
		i->src_reg == 6;
}

bool match_constant(const struct prove *p, uint64_t offset, uint64_t size)
{
	uint64_t end = offset + size;

	return end <= p->image->rodata_size &&
	       (offset >= p->slots + 4 * (uint64_t)p->image->nslots ||
		end <= p->slots) &&
	       (offset >= p->interfaces_end || end <= p->interfaces);
}
