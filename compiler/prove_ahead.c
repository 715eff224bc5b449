/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove_ahead - what the proof must know of a program before it walks
 *
 * In: an image. Out: by instruction, its map reference and the words of the
 * packet that may be read from there on.
 */
#include "prove_private.h"

static const uint8_t reg_pair[11] = {	/* for the look ahead; checked */
	[7] = PW_LADDR6_0, [5] = PW_LADDR6_2, [8] = PW_RADDR6_0,
	[9] = PW_RADDR6_2,
};

/* -------------------------------------------------------- what is ahead */

/* Whether I shifts r1 by 32 bits, as OP says: a pair is made, or taken apart. */
static bool shifts_r1(const struct prove *p, uint32_t pc, uint8_t op)
{
	const struct bpf_insn *i = &p->image->insns[pc];

	return pc < p->image->ninsns && i->dst_reg == BPF_REG_1 &&
		i->code == (BPF_ALU64 | op | BPF_K) && i->imm == 32;
}

/* What is compared where it is kept: the second word of a pair, or both. */
static uint16_t words_compared(const struct bpf_insn *i)
{
	uint8_t pair = i->dst_reg <= 9 ? reg_pair[i->dst_reg] : 0;

	if (!pair || !run_is_compare(i))
		return 0;
	return (uint16_t)((BPF_CLASS(i->code) == BPF_JMP ? 3u : 2u) << pair);
}

/* The load of a word into r1, and of the next one too, where it is a pair. */
static uint16_t words_read(const struct prove *p, uint32_t pc)
{
	const struct bpf_insn *i = &p->image->insns[pc];
	uint16_t mask = 0;

	if (i->dst_reg != BPF_REG_1)
		return words_compared(i);
	if (i->code == (BPF_LDX | BPF_MEM | BPF_W) &&
	    i->src_reg == BPF_REG_6) {
		for (uint32_t w = 0; w < PW_COUNT; w++)
			if (prove_words[w].offset == i->off)
				mask |= (uint16_t)(1u << w);
		if (shifts_r1(p, pc + 2, BPF_LSH))
			mask |= (uint16_t)(mask << 1);
	} else if (i->code == (BPF_LDX | BPF_MEM | BPF_DW) &&
		   i->src_reg == BPF_REG_10) {
		for (uint32_t w = 0; w < PW_COUNT; w++)
			if (prove_words[w].field == zone_field(i->off))
				mask |= (uint16_t)(1u << w);
	} else if (BPF_OP(i->code) == BPF_MOV && BPF_SRC(i->code) == BPF_X &&
		   i->src_reg <= 9 && reg_pair[i->src_reg]) {
		unsigned int low = BPF_CLASS(i->code) == BPF_ALU;

		mask = (uint16_t)(1u << (reg_pair[i->src_reg] + low));
		if (!low && !shifts_r1(p, pc + 1, BPF_RSH))
			mask |= (uint16_t)(mask << 1);
	}
	return mask;
}

/* As `decide` and `best` begin (bpf-templates/). */
bool run_is_end(const struct bpf_insn *i)
{
	return BPF_CLASS(i->code) == BPF_ALU && BPF_SRC(i->code) == BPF_X &&
	       BPF_OP(i->code) != BPF_MOV && BPF_OP(i->code) != BPF_END &&
	       i->dst_reg == BPF_REG_7 && i->src_reg == BPF_REG_1;
}

bool run_is_compare(const struct bpf_insn *i)
{
	uint8_t class = BPF_CLASS(i->code), op = BPF_OP(i->code);

	return (class == BPF_JMP || class == BPF_JMP32) && op != BPF_JA &&
		op != BPF_CALL && op != BPF_EXIT;
}

bool run_is_goto(const struct bpf_insn *i)
{
	return i->code == (BPF_JMP | BPF_JA) || i->code == (BPF_JMP32 | BPF_JA);
}

int64_t run_jump(const struct bpf_insn *i, int64_t pc)
{
	return pc + 1 + (i->code == (BPF_JMP32 | BPF_JA) ? i->imm : i->off);
}

size_t run_code_end(const struct prove *p, uint32_t pc)
{
	int64_t last = pc, end = (int64_t)p->image->ninsns;

	for (int64_t i = pc; i <= last; i++) {
		const struct bpf_insn *v = &p->image->insns[i];
		bool goes = run_is_goto(v);
		int64_t to = goes || run_is_compare(v) ? run_jump(v, i) : i;

		if (!goes && v->code != (BPF_JMP | BPF_EXIT) && to <= i)
			to = i + 1;
		if (to > last && to < end)
			last = to;
	}
	return (size_t)last + 1;
}

static uint16_t ahead(const struct prove *p, uint32_t pc)
{
	const struct bpf_insn *i = &p->image->insns[pc];
	bool goes = run_is_goto(i), jumps = goes || run_is_compare(i);
	bool falls = !goes && i->code != (BPF_JMP | BPF_EXIT);
	int64_t to = run_jump(i, pc);
	uint16_t mask = words_read(p, pc);

	if (run_is_end(i))
		return 0;
	if (falls && pc + 1 < p->image->ninsns)
		mask |= p->live[pc + 1];
	if (jumps && to >= 0 && to < (int64_t)p->image->ninsns)
		mask |= p->live[to];
	return mask;
}

void run_prepare(struct prove *p)
{
	size_t n = p->image->ninsns;
	bool changed = true;

	p->live = arena_array(p->a, n, sizeof(*p->live));
	p->reloc = arena_array(p->a, n, sizeof(*p->reloc));
	p->stretch = arena_array(p->a, n, sizeof(*p->stretch));
	for (uint32_t i = 0; i < p->image->nrelocs; i++)
		if (p->image->relocs[i].insn < n)
			p->reloc[p->image->relocs[i].insn] = i + 1;
	while (changed) {
		changed = false;
		for (size_t i = n; i-- > 0;) {
			uint16_t mask = ahead(p, (uint32_t)i);

			changed |= mask != p->live[i];
			p->live[i] = mask;
		}
	}
}
