/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove_hosts_code - the code that looks up hosts
 *
 * In: a program. Out: where its records are, how a hash leads to them, what is
 * done with what they say. It is known by heart but for its numbers: any other
 * code is not understood. Each place of the records and numbers that the code can
 * come to is inside of .rodata, and nothing that the runtime writes.
 */
#include "prove_hosts.h"

enum { AF_INET6_VALUE = 10 };	/* linux/socket.h */


/* All that leaves goes to one place. */
static bool is_same(uint32_t *others, uint32_t to)
{
	if (!*others)
		*others = to;
	return *others == to;
}

/* The hash in r0 is, or has in it, the last word's product with any number; or
 * that word has no part in it. */
static bool add_product(struct matcher *m, struct records *r, uint8_t reg,
			bool *first)
{
	uint64_t *factor = &r->factors[r->nwords - 1];
	uint8_t to = *first ? 0 : 1;
	bool table, begun = *first;

	if (!match_wide(m, to, factor, &table))
		return true;
	*first = false;
	return !table &&
		match_this(m, (struct bpf_insn)ALU64_X(BPF_MUL, to, reg)) &&
		(begun || match_this(m, (struct bpf_insn)ALU64_X(BPF_ADD, 0, 1)));
}

/* The word that REG is loaded with, into the list; and into the hash. */
static bool add_word(struct matcher *m, struct records *r, uint8_t reg,
		     bool *first)
{
	const struct bpf_insn *i = match_here(m);
	uint32_t w = 0;

	if (!i || r->nwords == WORDS_MAX)
		return false;
	while (w < PW_COUNT && prove_words[w].offset != i->off)
		w++;
	if (w == PW_COUNT || prove_words[w].load != PROVE_BE32 ||
	    (r->nwords && r->words[r->nwords - 1] >= w))
		return false;
	r->words[r->nwords++] = w;
	return match_this(m, (struct bpf_insn)LOAD(BPF_W, reg, 6, i->off)) &&
		add_product(m, r, reg, first);
}

/* r2 and on: words of the packet as they are in memory, one or two in each;
 * r0 = their hash: is_possible() */
static bool load_key(struct matcher *m, struct records *r)
{
	const struct bpf_insn *i = match_here(m);
	bool first = true;

	while (i && i->code == (BPF_LDX | BPF_MEM | BPF_W)) {
		uint8_t reg = (uint8_t)(KEY + r->npairs);
		const struct bpf_insn both[] = {
			ALU64_K(BPF_LSH, reg, 32), ALU64_X(BPF_OR, reg, 7),
		};

		if (r->npairs == PAIRS_MAX || !add_word(m, r, reg, &first))
			return false;
		i = match_here(m);
		r->paired[r->npairs] = i && i->dst_reg == 7 &&
			i->code == (BPF_LDX | BPF_MEM | BPF_W);
		if (r->paired[r->npairs++] &&
		    (!add_word(m, r, 7, &first) || !match_all(m, both, 2)))
			return false;
		i = match_here(m);
	}
	return r->npairs && !first;
}

/* r7 = a number of 16 bits, of 1 << log that are in .rodata */
static bool read_number(struct matcher *m, struct records *r)
{
	static const struct bpf_insn get[] = {
		ALU64_X(BPF_ADD, 7, 1), LOAD(BPF_H, 7, 7, 0),
	};
	int32_t shift;

	if (!match_this(m, (struct bpf_insn)ALU64_X(BPF_MOV, 1, 0)) ||
	    !match_any_imm(m, (struct bpf_insn)ALU64_K(BPF_RSH, 1, 0),
			   &shift) || shift < 33 || shift > 63 ||
	    !match_this(m, (struct bpf_insn)ALU64_K(BPF_LSH, 1, 1)) ||
	    !match_table(m, 7, &r->numbers) || !match_all(m, get, COUNT(get)))
		return false;
	r->log = 64 - (uint32_t)shift;
	return r->numbers % 2 == 0 &&
		match_constant(m->p, r->numbers, (uint64_t)2 << r->log);
}

/* r0 = the place where to start, of PLACES that there are */
static bool find_start(struct matcher *m, const struct records *r,
		       int32_t *places)
{
	const struct bpf_insn rest[] = {
		ALU64_K(BPF_LSH, 0, (int32_t)r->log), ALU64_K(BPF_RSH, 0, 32),
	};
	const struct bpf_insn times = ALU64_K(BPF_MUL, 0, 0);
	const struct bpf_insn shift = ALU64_K(BPF_RSH, 0, 32);

	return match_all(m, rest, COUNT(rest)) &&
		match_any_imm(m, times, places) && *places > 0 &&
		match_one(m, &shift);
}

/* r0 += r7, in steps, from behind */
static bool add_number(struct matcher *m, struct records *r)
{
	const struct bpf_insn back = ALU64_K(BPF_SUB, 0, 0);
	const struct bpf_insn steps = ALU64_K(BPF_MUL, 7, 0);
	int32_t from, step = 1;

	if (!match_any_imm(m, back, &from) || from < 0)
		return false;
	if (match_any_imm(m, steps, &step) && step < 1)
		return false;
	r->back = (uint32_t)from;
	r->step = (uint32_t)step;
	return match_this(m, (struct bpf_insn)ALU64_X(BPF_ADD, 0, 7));
}

/* r7 = the address of one of the records; what leads to none goes to OTHERS */
static bool find_record(struct matcher *m, struct records *r, uint32_t *others)
{
	const struct bpf_insn scale = ALU64_K(BPF_LSH, 0, 0);
	const struct bpf_insn none = { .code = BPF_JMP | BPF_JGE | BPF_K };
	int32_t places, bound, log;
	uint32_t to;

	if (!read_number(m, r) || !find_start(m, r, &places) ||
	    !add_number(m, r) || !match_jump(m, none, &bound, &to) ||
	    bound != places || !match_any_imm(m, scale, &log) ||
	    log < 5 || log > 6 ||
	    !match_table(m, 7, &r->offset) ||
	    !match_this(m, (struct bpf_insn)ALU64_X(BPF_ADD, 7, 0)))
		return false;
	r->nplaces = (uint32_t)places;
	r->size_log = (uint32_t)log;
	return is_same(others, to) && r->offset % 8 == 0 &&
		match_constant(m->p, r->offset,
			    (uint64_t)r->nplaces << r->size_log);
}

/* All words are those of the record, or it goes to OTHERS, from all families. */
static bool compare_key(struct matcher *m, const struct records *r,
			uint32_t *others)
{
	for (uint32_t i = 0; i < r->npairs; i++) {
		struct bpf_insn differs = {
			.code = BPF_JMP | BPF_JNE | BPF_X, .dst_reg = 0,
			.src_reg = (uint8_t)(KEY + i),
		};
		uint32_t to;
		int32_t none;

		if (!match_this(m, (struct bpf_insn)LOAD(BPF_DW, 0, 7,
						  (int16_t)(8 * i))) ||
		    !match_jump(m, differs, &none, &to) || none)
			return false;
		if (!is_same(others, to))
			return false;
	}
	return true;
}

/* r2 = the sum of the marks that are left in each 64 bits of cuts */
static bool add_lanes(struct matcher *m, const struct records *r)
{
	const struct bpf_insn add = ALU64_X(BPF_ADD, 2, 3);

	for (uint32_t i = 0; i < records_nlanes(r); i++) {
		uint8_t reg = (uint8_t)(2 + i);
		const struct bpf_insn marks[] = {
			LOAD(BPF_DW, reg, 7,
			     (int16_t)(records_lanes(r) + 8 * i)),
			ALU64_X(BPF_SUB, reg, 1), ALU64_X(BPF_AND, reg, 9),
		};

		if (!match_all(m, marks, COUNT(marks)) ||
		    (i && !match_one(m, &add)))
			return false;
	}
	return true;
}

/* r7 = the cell of the record for protocol and port: value_at() */
static bool find_cell(struct matcher *m, const struct records *r)
{
	static const struct bpf_insn port[] = {
		LOAD(BPF_W, 1, 6, 60), LOAD(BPF_W, 0, 6, 12),
		ALU64_K(BPF_AND, 0, 1), ALU64_K(BPF_LSH, 0, 16),
		ALU64_X(BPF_ADD, 1, 0), ALU64_K(BPF_ADD, 1, 1),
	};
	const struct bpf_insn count[] = {
		ALU64_X(BPF_MUL, 2, 8), ALU64_K(BPF_RSH, 2, CELL),
		ALU64_X(BPF_ADD, 7, 2),
		LOAD(BPF_H, 7, 7, (int16_t)records_done(r)),
	};
	const struct bpf_insn lanes = ALU64_X(BPF_MUL, 1, 8);

	return match_all(m, port, COUNT(port)) && match_imm64(m, 8, ONES) &&
		match_one(m, &lanes) && match_imm64(m, 9, ONES << MARK) &&
		add_lanes(m, r) && match_all(m, count, COUNT(count));
}

static bool is_six(uint32_t word)
{
	uint8_t f = prove_words[word].field;

	return f == FIELD_LADDR6 || f == FIELD_RADDR6;
}

static bool look_up(struct matcher *m, uint32_t family, uint32_t *others)
{
	struct records *r = &m->p->hosts->of[family];

	if (!load_key(m, r) || !find_record(m, r, others) ||
	    !compare_key(m, r, others) || !find_cell(m, r))
		return false;
	for (uint32_t i = 0; i < r->nwords; i++)
		if (is_six(r->words[i]) != (family == 1))
			return false;
	return true;
}

/* w0 = a verdict, exit */
static bool leaves(struct matcher *m, uint32_t *verdict)
{
	const struct bpf_insn set = { .code = BPF_ALU | BPF_MOV | BPF_K };
	const struct bpf_insn end = { .code = BPF_JMP | BPF_EXIT };
	int32_t imm;

	if (!match_any_imm(m, set, &imm) || !match_one(m, &end))
		return false;
	*verdict = (uint32_t)imm;
	return true;
}

/* What is done with the number in r7. */
static bool act(struct matcher *m, uint32_t others)
{
	struct bpf_insn above = { .code = BPF_JMP32 | BPF_JGE | BPF_K,
				  .dst_reg = 7 };
	struct bpf_insn equal = { .code = BPF_JMP32 | BPF_JEQ | BPF_K,
				  .dst_reg = 7 };
	struct prove_hosts *h = m->p->hosts;
	struct matcher at = *m, exit = *m;
	int32_t special, ask, leave;
	uint32_t to;

	if (!match_jump(m, above, &special, &at.pc) || !match_decides(m) ||
	    !match_jump(&at, equal, &ask, &to) || to != others ||
	    !match_jump(&at, equal, &leave, &exit.pc) ||
	    !leaves(&exit, &h->verdict) || !leaves(&at, &h->other_verdict))
		return false;
	h->decide = m->pc;
	h->special = (uint32_t)special;
	h->ask = (uint32_t)ask;
	h->leave = (uint32_t)leave;
	return true;
}

/* By family; PC is behind the load of it. */
static bool lookups(struct matcher *m, uint32_t *others)
{
	struct bpf_insn not_six = { .code = BPF_JMP32 | BPF_JNE | BPF_K,
				    .dst_reg = 1 };
	struct bpf_insn six = { .code = BPF_JMP32 | BPF_JEQ | BPF_K,
				.dst_reg = 1 };
	struct matcher at = *m;
	int32_t family;
	uint32_t to;

	if (match_jump(m, not_six, &family, others))
		return family == AF_INET6_VALUE && look_up(m, 1, others);
	if (!match_jump(m, six, &family, &to) || family != AF_INET6_VALUE ||
	    !look_up(m, 0, others))
		return false;
	if (to == *others)
		return true;
	at.pc = to;
	return look_up(&at, 1, others) && match_here(m) && match_here(&at) &&
		at.pc == m->pc;
}

bool hosts_read(struct matcher *m, uint32_t *others)
{
	const struct bpf_insn family = LOAD(BPF_W, 1, 6, 8);

	*others = 0;
	return match_one(m, &family) && lookups(m, others) && act(m, *others);
}
