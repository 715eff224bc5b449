/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove_products_code - the code that looks IPv4 packets up in tables
 *
 * In: a program. Out: which words it looks up, and where the tables are. It is
 * known by heart but for its numbers: any other code is not understood. Each entry
 * that the code can read is inside of .rodata, and nothing that the runtime writes:
 * what is read next is compared with how much there is.
 */
#include "prove_products.h"

enum { AF_INET6_VALUE = 10,	/* linux/socket.h */
       AHEAD_MAX = 12 };	/* instructions from the bits to the entry */

#define BIG_ENDIAN(reg, size) \
	{ .code = BPF_ALU | BPF_END | BPF_TO_BE, .dst_reg = (reg), \
	  .imm = (size) }

static const struct {
	uint32_t word, bits[INDEX_LEVELS], nlevels;
} shapes[] = {
	{ PW_LADDR4, { 16, 8, 8 }, 3 }, { PW_RADDR4, { 16, 8, 8 }, 3 },
	{ PW_LPORT, { 9, 8 }, 2 }, { PW_RPORT, { 8, 8 }, 2 },
};

/* r2 = the number that is looked up, of as many bits as the levels have. */
static bool load_number(struct matcher *m, uint32_t word)
{
	const struct bpf_insn load = LOAD(BPF_W, 2, 6,
					  (int16_t)prove_words[word].offset);
	const struct bpf_insn four = BIG_ENDIAN(2, 32);
	const struct bpf_insn two = BIG_ENDIAN(2, 16);
	const struct bpf_insn both[] = {
		LOAD(BPF_W, 5, 6, 12), ALU64_K(BPF_AND, 5, 1),
		ALU64_K(BPF_LSH, 5, NUMBER_PROTOCOL),
		ALU64_K(BPF_AND, 2, UINT16_MAX), ALU64_X(BPF_ADD, 2, 5),
	};

	if (!match_one(m, &load))
		return false;
	if (word == PW_LPORT)
		return match_all(m, both, COUNT(both));
	return match_one(m, word == PW_RPORT ? &two : &four);
}

/* If REG is not less than LIMIT, it goes to OTHERS: bytes need not be asked. */
static bool is_below(struct matcher *m, uint8_t reg, uint32_t width,
		     uint32_t *limit, uint32_t others)
{
	const struct bpf_insn not_less = { .code = BPF_JMP | BPF_JGE | BPF_K,
					   .dst_reg = reg };
	int32_t imm;
	uint32_t to;

	*limit = UINT8_MAX + 1;
	if (width == 1)
		return true;
	if (!match_jump(m, not_less, &imm, &to) || imm < 1 || imm > UINT16_MAX ||
	    to != others)
		return false;
	*limit = (uint32_t)imm;
	return true;
}

/* r5 = the bits of w2 that LEVEL of X looks at. */
static bool take_bits(struct matcher *m, const struct lookup *x, uint32_t level)
{
	uint32_t bits = x->level[level].bits, below = 0;

	for (uint32_t i = level + 1; i < x->nlevels; i++)
		below += x->level[i].bits;
	const struct bpf_insn copy = { .code = BPF_ALU | BPF_MOV | BPF_X,
				       .dst_reg = 5, .src_reg = 2 };
	const struct bpf_insn down = ALU64_K(BPF_RSH, 5, (int32_t)below);
	const struct bpf_insn mask = ALU64_K(BPF_AND, 5, (1 << bits) - 1);

	return match_one(m, &copy) && (!below || match_one(m, &down)) &&
		(below + bits == 32 || match_one(m, &mask));
}

/* r4 += REG << LOG */
static bool add_scaled(struct matcher *m, uint8_t reg, uint32_t log)
{
	const struct bpf_insn scale = ALU64_K(BPF_LSH, reg, (int32_t)log);
	const struct bpf_insn add = ALU64_X(BPF_ADD, 4, reg);

	return (!log || match_one(m, &scale)) && match_one(m, &add);
}

/* Whether all that can be read of a table is a constant. */
static bool is_readable(const struct matcher *m, uint32_t offset,
			uint32_t width, uint64_t n)
{
	return offset % width == 0 && match_constant(m->p, offset, n * width);
}

/* The size of an entry shows in the load; before it an index is scaled by it. */
static uint32_t width_ahead(const struct matcher *m)
{
	struct matcher at = *m;
	const struct bpf_insn *i;

	for (int n = 0; n < AHEAD_MAX && (i = match_here(&at)); n++) {
		if (BPF_CLASS(i->code) == BPF_LDX)
			return BPF_SIZE(i->code) == BPF_H ? 2 : 1;
		at.pc += i->code == (BPF_LD | BPF_IMM | BPF_DW) ? 2 : 1;
	}
	return 1;
}

/* r3 = the entry of level number I of X: a node of the next one, or a column */
static bool read_level(struct matcher *m, struct lookup *x, uint32_t i,
		       uint32_t others)
{
	struct index_level *l = &x->level[i];
	uint32_t log, nodes = i ? x->level[i - 1].below : 1;

	l->width = width_ahead(m);
	log = l->width - 1;
	const struct bpf_insn load = LOAD(l->width > 1 ? BPF_H : BPF_B, 3, 4, 0);

	return take_bits(m, x, i) &&
		match_table(m, 4, &l->offset) && add_scaled(m, 5, log) &&
		(!i || add_scaled(m, 3, l->bits + log)) &&
		match_one(m, &load) && is_below(m, 3, l->width, &l->below, others) &&
		is_readable(m, l->offset, l->width,
			    (uint64_t)nodes << l->bits);
}

static bool read_index(struct matcher *m, struct lookup *x, uint32_t others)
{
	for (uint32_t i = 0; i < x->nlevels; i++)
		if (!read_level(m, x, i, others))
			return false;
	return true;
}

static uint32_t columns_of(const struct lookup *x)
{
	return x->level[x->nlevels - 1].below;
}

/* r7 = next[r7][r3] */
static bool read_next(struct matcher *m, struct lookup *x, uint32_t others)
{
	const struct bpf_insn scale = ALU64_K(BPF_LSH, 7, 0);
	const struct bpf_insn add = ALU64_X(BPF_ADD, 4, 7);
	const struct bpf_insn load = LOAD(BPF_H, 7, 4, 0);
	int32_t imm;

	if (!is_below(m, 7, 2, &x->nrows, others) ||
	    !match_table(m, 4, &x->next) || !add_scaled(m, 3, 1) ||
	    !match_any_imm(m, scale, &imm) || imm < 1 || imm > 17 ||
	    !match_one(m, &add) || !match_one(m, &load))
		return false;
	x->row_log = (uint32_t)imm - 1;
	return is_readable(m, x->next, 2,
			   ((uint64_t)(x->nrows - 1) << x->row_log) +
			   columns_of(x));
}

static bool read_lookup(struct matcher *m, struct prove_products *p, size_t shape,
			uint32_t others)
{
	const struct bpf_insn known = ALU64_X(BPF_MOV, 7, 3);
	struct lookup *x = &p->of[p->n];

	x->word = shapes[shape].word;
	x->nlevels = shapes[shape].nlevels;
	for (uint32_t i = 0; i < x->nlevels; i++)
		x->level[i].bits = shapes[shape].bits[i];
	if (!load_number(m, x->word) || !read_index(m, x, others))
		return false;
	return p->n++ ? read_next(m, x, others) : match_one(m, &known);
}

static bool was_read(const struct prove_products *p, uint32_t word)
{
	for (uint32_t i = 0; i < p->n; i++)
		if (p->of[i].word == word)
			return true;
	return false;
}

/* That of the word that is looked up at M, for the first time; or none. */
static size_t next_shape(struct matcher *m, const struct prove_products *p)
{
	const struct bpf_insn *i = match_here(m);
	size_t shape = 0;

	if (!i || i->code != (BPF_LDX | BPF_MEM | BPF_W) || i->src_reg != 6)
		return COUNT(shapes);
	while (shape < COUNT(shapes) &&
	       (i->off != prove_words[shapes[shape].word].offset ||
		was_read(p, shapes[shape].word)))
		shape++;
	return shape;
}

bool products_read(struct matcher *m, uint32_t *others)
{
	const struct bpf_insn family = LOAD(BPF_W, 1, 6, 8);
	const struct bpf_insn six = { .code = BPF_JMP32 | BPF_JEQ | BPF_K,
				      .dst_reg = 1 };
	struct prove_products *p = m->p->products;
	int32_t value;
	size_t shape;

	if (!match_one(m, &family) || !match_jump(m, six, &value, others) ||
	    value != AF_INET6_VALUE)
		return false;
	while ((shape = next_shape(m, p)) < COUNT(shapes))
		if (!read_lookup(m, p, shape, *others))
			return false;
	if (!p->n || !match_decides(m))
		return false;
	p->decide = m->pc;
	return true;
}
