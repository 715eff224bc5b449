/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fixture_code - code to bytes, one to one; code at random
 */
#include "fixture_code.h"

#include "../../grammar/arena.h"

static uint32_t width(const struct insn *i)
{
	return i->code == (BPF_LD | BPF_IMM | BPF_DW) ? 2 : 1;
}

static uint32_t *places(struct arena *a, const struct code *c)
{
	uint32_t *at = arena_array(a, c->n + 1, sizeof(*at));

	for (size_t i = 0; i < c->n; i++)
		at[i + 1] = at[i] + width(&c->v[i]);
	return at;
}

static void write_wide(const struct insn *in, uint32_t at, struct image *out)
{
	struct bpf_insn *i = &out->insns[at];

	if (in->map == IMAGE_NO_MAP) {
		i[0].imm = (int32_t)in->imm;
		i[1].imm = (int32_t)(in->imm >> 32);
		return;
	}
	out->relocs[out->nrelocs++] = (struct image_reloc) {
		.insn = at, .map = in->map, .offset = (uint32_t)in->imm,
	};
}

void code_to_image(struct arena *a, const struct code *c, struct image *out)
{
	uint32_t *at = places(a, c);

	*out = (struct image) { .ninsns = at[c->n] };
	out->insns = arena_array(a, out->ninsns, sizeof(*out->insns));
	out->relocs = arena_array(a, c->n, sizeof(*out->relocs));
	for (size_t n = 0; n < c->n; n++) {
		const struct insn *in = &c->v[n];
		struct bpf_insn *i = &out->insns[at[n]];
		uint32_t to = in->target == NO_LABEL ? 0 :
			at[c->labels[in->target]] - at[n] - 1;

		*i = (struct bpf_insn) { .code = in->code,
			.dst_reg = in->dst & 15, .src_reg = in->src & 15,
			.off = in->off, .imm = (int32_t)in->imm };
		if (width(in) == 2)
			write_wide(in, at[n], out);
		else if (in->target == NO_LABEL)
			continue;
		else if (in->code == (BPF_JMP32 | BPF_JA))
			i->imm = (int32_t)to;
		else
			i->off = (int16_t)to;
		if (width(in) == 2 && in->map != IMAGE_NO_MAP)
			i->imm = 0;
	}
}

/* -------------------------------------------------------- random code */

static uint64_t seed = 1;

uint32_t random_below(uint32_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % below;
}

uint32_t random_word(void)
{
	static const uint32_t edges[] = { 0, 1, 10, INT32_MAX, 0x80000000,
					  UINT32_MAX };

	return random_below(2) ? edges[random_below(6)] : random_below(0x10000) << 16 |
		random_below(0x10000);
}

/* An instruction of OP in front of LABELS labels. */
static struct insn insn_of(const struct opcode *op, uint32_t labels)
{
	const char *p = op->pattern;
	struct insn i = { .code = op->code, .map = IMAGE_NO_MAP,
			  .imm = op->imm, .target = NO_LABEL };

	if (opcode_has(p, "dD"))
		i.dst = (uint8_t)random_below(11);
	if (opcode_has(p, "sS"))
		i.src = (uint8_t)random_below(11);
	if (opcode_has(p, "o"))
		i.off = (int16_t)random_word();
	if (opcode_has(p, "iu"))
		i.imm = (int32_t)random_word();
	if (opcode_has(p, "lL"))
		i.target = random_below(labels);
	if (opcode_has(p, "m")) {
		i.map = (uint8_t)random_below(IMAGE_MAPS + 1);
		i.imm = i.map == IMAGE_RODATA ? random_word() : 0;
		if (i.map == IMAGE_NO_MAP)
			i.imm = (int64_t)((uint64_t)random_word() << 32 | random_word());
	}
	return i;
}

static const struct opcode *pick(bool (*wanted)(const struct opcode *))
{
	const struct opcode *op;

	do
		op = &opcodes[random_below((uint32_t)nopcodes)];
	while (wanted && !wanted(op));
	return op;
}

void random_image(struct arena *a, uint32_t n,
		  bool (*wanted)(const struct opcode *), struct image *out)
{
	struct code c;

	code_init(&c, a);
	for (uint32_t i = 0; i <= n; i++)
		code_label(&c);
	for (label i = 0; i < n; i++) {
		code_place(&c, i);
		emit(&c, insn_of(pick(wanted), n + 1));
	}
	code_place(&c, n);
	code_to_image(a, &c, out);
}
