/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove_run - a stretch of code, for all values of the word it looks at
 *
 * In: a pc at which a word of the packet is loaded. Out: ranges of the word,
 * rising, and where each leads: the next load, or an end. From the lowest
 * value left the code is run as it is; each compare and each read of a table
 * lowers the highest value for which the same would happen. Registers but the
 * context and kept words are lost at a load: code that read one is refused.
 */
#include "prove_value.h"

const struct prove_word_info prove_words[PW_COUNT] = {
#define LOAD_HOST PROVE_HOST
#define LOAD_BE32 PROVE_BE32
#define LOAD_BE16 PROVE_BE16
#define WORD(id, field, shift, offset, load) \
	[PW_##id] = { field, shift, offset, load },
#include "word.def"
#undef WORD
};

enum { STEPS_MAX = 4000, KEPT_ROW = 1 << 16 };

/* What may be kept across loads: the register and the pair it would hold. */
static const uint8_t kept_reg[4] = { 5, 7, 8, 9 };
static const uint8_t pair_word[4] = { PW_LADDR6_0, PW_LADDR6_2, PW_RADDR6_0,
				      PW_RADDR6_2 };

static uint32_t kept_of(const struct run *u)
{
	uint32_t out = 0;

	for (int i = 0; i < 4; i++) {
		const struct val *v = &u->r[kept_reg[i]];

		if ((v->kind != V_HIGH && v->kind != V_PAIR) || v->shift)
			continue;
		for (uint32_t k = 0; k < 4; k++)
			if (pair_word[k] == v->word)
				out |= (k + (v->kind == V_HIGH ? 1 : 5))
				       << 4 * i;
	}
	return out;
}

static void set_kept(struct run *u, uint32_t kept)
{
	for (int i = 0; i < 4; i++) {
		uint32_t k = kept >> 4 * i & 15;

		if (!k)
			continue;
		u->r[kept_reg[i]] = (struct val){
			.kind = k < 5 ? V_HIGH : V_PAIR,
			.word = pair_word[(k - 1) % 4],
		};
	}
}

static struct target target(const struct run *u, uint32_t kind,
			    uint32_t value)
{
	return (struct target){ kind, u->pc, value,
				kind == TO_BLOCK ? kept_of(u) : 0, 0 };
}

/* In a tree: on at a row of a table, whose number is in r7, its place in r3. */
static struct target row(const struct run *u)
{
	struct target to = target(u, TO_BLOCK, (uint32_t)u->r[7].n);

	to.kept |= KEPT_ROW;
	if (u->r[3].kind == V_TABLE && u->r[3].n < UINT32_MAX)
		to.row = (uint32_t)u->r[3].n + 1;
	return to;
}

static struct target fault(struct run *u, const char *why)
{
	if (!u->p->why) {
		u->p->why = arena_printf(u->p->a, "instruction %u: %s", u->pc,
					 why);
		u->p->why_pc = u->pc;
	}
	return target(u, TO_FAULT, 0);
}

/* ------------------------------------------------------------ the stretch */

/* Whether I compares words where they are kept, and others than are looked at. */
static bool compares_others(const struct run *u, const struct bpf_insn *i)
{
	const struct val *v = &u->r[i->dst_reg <= 9 ? i->dst_reg : 0];
	uint32_t word = v->word + (BPF_CLASS(i->code) == BPF_JMP32);

	return run_is_compare(i) && v->kind == V_PAIR && u->word != PW_NONE &&
		word != u->word;
}

/* The same, and I loads what they are compared with. */
static bool loads_for_compare(const struct run *u, const struct bpf_insn *i)
{
	const struct image *m = u->p->image;

	return i->code == (BPF_LD | BPF_IMM | BPF_DW) &&
		u->pc + 2 < m->ninsns && BPF_SRC(i[2].code) == BPF_X &&
		i[2].src_reg == i->dst_reg && compares_others(u, &i[2]);
}

/* Whether the instruction is where the next word begins. */
static bool begins_word(const struct run *u, const struct bpf_insn *i)
{
	uint8_t class = BPF_CLASS(i->code);

	if (compares_others(u, i) || loads_for_compare(u, i))
		return true;
	if (i->dst_reg != BPF_REG_1)
		return false;
	if (class == BPF_LDX && i->src_reg == BPF_REG_10)
		return zone_field(i->off) < FIELD_COUNT;
	if (i->src_reg > 9)
		return false;
	if (class == BPF_LDX)
		return u->r[i->src_reg].kind == V_CONTEXT;
	return (class == BPF_ALU64 || class == BPF_ALU) &&
	       BPF_OP(i->code) == BPF_MOV && BPF_SRC(i->code) == BPF_X &&
	       u->r[i->src_reg].kind == V_PAIR;
}

/* Not the load that ends a tree: best.s uses what it loads at once. */
static bool reads_on(const struct run *u)
{
	const struct image *m = u->p->image;

	return u->pc + 1 < m->ninsns && !run_is_end(&m->insns[u->pc + 1]);
}

/* The seed of a hash. */
static bool begins_split(const struct run *u, const struct bpf_insn *i)
{
	return i->code == (BPF_LD | BPF_IMM | BPF_DW) &&
	       i->dst_reg == BPF_REG_1 && !u->p->reloc[u->pc];
}

static struct target next_word(struct run *u)
{
	bool number = u->r[BPF_REG_7].kind == V_NUMBER;

	if (number && !(u->p->tree.inside && reads_on(u)))
		return target(u, TO_DECIDE, (uint32_t)u->r[BPF_REG_7].n);
	if (u->r[BPF_REG_6].kind != V_CONTEXT)
		return fault(u, "r6 is not the context");
	if (number)
		return row(u);
	return target(u, TO_BLOCK, 0);
}

static const char *step(struct run *u, const struct bpf_insn *i)
{
	switch (BPF_CLASS(i->code)) {
	case BPF_ALU:
		if (BPF_OP(i->code) == BPF_END)
			return val_swap(u, i);
		return val_alu(u, i);
	case BPF_ALU64:
		return val_alu(u, i);
	case BPF_LDX:
		return val_load(u, i);
	case BPF_LD:
		return val_wide_load(u, i);
	case BPF_JMP:
	case BPF_JMP32:
		return val_jump(u, i);
	default:
		return val_store(u, i);
	}
}

/* It holds the rank that the trees before have found. */
static bool writes_r0(const struct bpf_insn *i)
{
	uint8_t class = BPF_CLASS(i->code);

	return !i->dst_reg && class != BPF_JMP && class != BPF_JMP32;
}

static bool stores_zone(const struct bpf_insn *i)
{
	return i->code == (BPF_STX | BPF_MEM | BPF_DW) &&
		i->dst_reg == BPF_REG_10 && i->src_reg == BPF_REG_7 &&
		!i->imm && zone_field(i->off) < FIELD_COUNT;
}

/* r7 is the zone, four times. */
static struct target zone(struct run *u, const struct bpf_insn *i)
{
	struct val v = u->r[BPF_REG_7];
	struct target to;

	if (!val_number(u, &v) || v.n % ZONE_ONES ||
	    v.n / ZONE_ONES > ZONE_LAST)
		return fault(u, "stores no zone");
	to = target(u, TO_ZONE, (uint32_t)(v.n / ZONE_ONES));
	to.kept = zone_field(i->off);
	return to;
}

/* Most of all instructions: they neither begin nor end anything. */
static bool is_arithmetic(const struct bpf_insn *i)
{
	uint8_t class = BPF_CLASS(i->code);

	return i->dst_reg > BPF_REG_1 && i->dst_reg < BPF_REG_6 &&
	       (class == BPF_ALU64 ||
		(class == BPF_ALU && BPF_OP(i->code) != BPF_END));
}

static struct target run(struct run *u)
{
	const struct image *m = u->p->image;

	for (bool first = true;; first = false, u->pc++) {
		const struct bpf_insn *i;
		const char *why;
		bool found;

		if (u->pc >= m->ninsns || ++u->steps > STEPS_MAX)
			return fault(u, "the program is left, or never ends");
		why = keys_found(u, &found);
		if (why)
			return fault(u, why);
		if (found)
			continue;
		i = &m->insns[u->pc];
		if (is_arithmetic(i)) {
			why = val_alu(u, i);
			if (why)
				return fault(u, why);
			continue;
		}
		if (i->code == (BPF_JMP | BPF_EXIT)) {
			if (u->r[0].kind != V_NUMBER && !val_number(u, &u->r[0]))
				return fault(u, "an unknown verdict");
			return target(u, TO_EXIT, (uint32_t)u->r[0].n);
		}
		if (begins_split(u, i))
			return target(u, TO_SPLIT, 0);
		if (u->zoning && stores_zone(i))
			return zone(u, i);
		if (!first && begins_word(u, i))
			return next_word(u);
		why = run_is_end(i) ? "the end, where no end is" :
			(u->p->tree.inside || u->zoning) && writes_r0(i) ?
			"a tree writes r0" : step(u, i);
		if (why)
			return fault(u, why);
	}
}

struct target run_number(struct prove *p, uint32_t pc, uint8_t reg,
			 uint64_t n)
{
	struct run u = { .p = p, .word = PW_NONE, .pc = pc };
	struct target to;

	u.r[BPF_REG_6].kind = V_CONTEXT;
	u.r[reg] = (struct val){ .kind = V_NUMBER, .n = n };
	to = run(&u);
	if (u.word != PW_NONE)
		return fault(&u, "looks at the packet now");
	return to;
}

static bool same_target(const struct target *a, const struct target *b)
{
	return a->kind == b->kind && a->pc == b->pc && a->value == b->value &&
	       a->kept == b->kept && a->row == b->row;
}

void run_add_piece(struct prove *p, struct stretch *s, uint64_t low,
		   uint64_t high, struct target to)
{
	/* every `exit` is the same place */
	if (to.kind == TO_EXIT)
		to.pc = 0;
	if (s->n && same_target(&s->v[s->n - 1].to, &to)) {
		s->v[s->n - 1].high = high;
		return;
	}
	p->out->pieces++;
	*arena_push(p->a, s->v, s->n, s->cap) =
		(struct piece){ low, high, to };
}

/* The highest value that the stretch is run for. */
static uint64_t highest(const struct run *u)
{
	const struct range *b;

	if (u->word == PW_HASH)
		return UINT32_MAX;
	if (u->word >= PW_ZONE)
		return zone_box(u->p, u->word - PW_ZONE).high;
	b = &u->p->box[u->word];
	return u->wide ? (uint64_t)b->high << 32 | b[1].high : b->high;
}

static bool is_half_address(uint32_t word)
{
	return word < PW_COUNT && (prove_words[word].shift == 96 ||
				   prove_words[word].shift == 32) &&
		prove_words[word + 1].field == prove_words[word].field;
}

/* Whether the same must be run again, with more known of what it is about. */
static bool run_again(const struct run *u, bool *names, bool *wide)
{
	if (u->again && !*names) {
		*names = true;
		return true;
	}
	if (u->want_wide && !*wide && is_half_address(u->want_wide - 1)) {
		*wide = true;
		return true;
	}
	return false;
}

/* Runs from AT with what START knows, for all values. */
static void run_all(struct run *start, struct stretch *s)
{
	const struct image *m = start->p->image;
	/* cells of tables may be bytes */
	size_t left = 2 * (65536 + m->ninsns + m->rodata_size);
	bool names = false, wide = false;
	uint64_t from = 0;

	s->n = 0;
	for (;;) {
		struct run u = *start;
		struct target to;

		u.names = names;
		u.wide = wide;
		u.from = from;
		if (u.word == PW_HASH)
			u.x = from;
		to = run(&u);
		if (run_again(&u, &names, &wide)) {
			u.p->why = NULL;
			s->n = 0;
			from = 0;
			continue;
		}
		if (s->n && (u.word != s->word || (wide && !s->wide)))
			to = fault(&u, "looks at another word now");
		if (!left--)	/* more than it has compares and cells */
			to = fault(&u, "each value goes its own way");
		s->word = u.word;
		s->wide = wide;
		run_add_piece(u.p, s, u.x, u.high, to);
		if (u.word == PW_NONE || to.kind == TO_FAULT ||
		    u.high >= highest(&u))
			return;
		from = u.high + 1;
	}
}

/* The values of the stretch's word, or words, that may be here. */
static void domain(const struct prove *p, const struct stretch *s,
		   uint64_t *low, uint64_t *high)
{
	const struct range *b = &p->box[s->word];

	*low = s->wide ? (uint64_t)b->low << 32 | b[1].low : b->low;
	*high = s->wide ? (uint64_t)b->high << 32 | b[1].high : b->high;
}

static bool known(const struct prove *p, const struct stretch *s,
		  const struct target *at)
{
	uint64_t low, high;

	if (!same_target(&s->at, at))
		return false;
	if (s->word == PW_NONE)
		return true;
	domain(p, s, &low, &high);
	return s->low == low && s->high == high;
}

static bool foreseen(const struct prove *p, uint32_t pc,
		     const struct stretch *s)
{
	uint32_t words = (s->wide ? 3u : 1u) << s->word;

	return (p->live[pc] & words) == words;
}

const struct stretch *run_stretch(struct prove *p, struct target at)
{
	struct stretch *s = p->stretch[at.pc];
	struct run u = { .p = p, .word = PW_NONE, .pc = at.pc };

	if (s && known(p, s, &at))
		return s;
	s = arena_alloc(p->a, sizeof(*s));	/* the old is still in use */
	p->stretch[at.pc] = s;
	s->at = at;
	if (at.pc)
		u.r[BPF_REG_6].kind = V_CONTEXT;
	else
		u.r[BPF_REG_1].kind = V_CONTEXT;
	set_kept(&u, at.kept);
	if (at.kept & KEPT_ROW)
		u.r[BPF_REG_7] = (struct val){ .kind = V_NUMBER,
					       .n = at.value };
	if (at.row)
		u.r[BPF_REG_3] = (struct val){ .kind = V_TABLE,
					       .n = at.row - 1 };
	run_all(&u, s);
	zone_opened(p, s);
	if (s->word != PW_NONE) {
		domain(p, s, &s->low, &s->high);
		if (!foreseen(p, at.pc, s))
			s->v[0].to = fault(&u, "a word that was not foreseen");
	}
	return s;
}

const struct stretch *run_zone(struct prove *p, uint32_t pc)
{
	struct stretch *s = arena_alloc(p->a, sizeof(*s));
	struct run u = { .p = p, .word = PW_NONE, .pc = pc, .zoning = true };

	u.r[BPF_REG_6].kind = V_CONTEXT;
	run_all(&u, s);
	return s;
}

void run_hash(struct prove *p, uint32_t pc, struct stretch *out)
{
	struct run u = { .p = p, .word = PW_HASH, .pc = pc,
			 .high = UINT32_MAX };

	*out = (struct stretch){ .word = PW_HASH };
	u.r[BPF_REG_1] = (struct val){ .kind = V_WORD, .word = PW_HASH };
	u.r[BPF_REG_6].kind = V_CONTEXT;	/* nothing but loads used it */
	run_all(&u, out);
}
