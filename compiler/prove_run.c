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
#include <string.h>

#include "prove_private.h"

const struct prove_word_info prove_words[PW_COUNT] = {
#define LOAD_HOST PROVE_HOST
#define LOAD_BE32 PROVE_BE32
#define LOAD_BE16 PROVE_BE16
#define WORD(id, field, shift, offset, load) \
	[PW_##id] = { field, shift, offset, load },
#include "word.def"
#undef WORD
};

enum val_kind {
	V_NONE, V_NUMBER, V_CONTEXT, V_TABLE,	/* n = number, offset */
	V_RAW,			/* word as it is in memory */
	V_WORD,			/* (word >> shift) + n */
	V_MINUS,		/* n - word */
	V_HIGH, V_PAIR,		/* word << 32, and with the next one */
	V_INTERFACE,		/* n = index of the name */
};

struct val {
	uint8_t kind, word, shift;
	uint64_t n;
};

struct run {
	struct prove *p;
	struct val r[11];
	uint32_t word;		/* that X is a value of, or PW_NONE */
	uint64_t x, high;
	uint64_t from;
	bool names;		/* X is an interface name */
	bool again;		/* as such */
	uint32_t pc, steps;
};

enum { STEPS_MAX = 4000, FAMILY_OFFSET = 8, PROTOCOL_OFFSET = 12,
       INTERFACE_OFFSET = 64 };

/* What may be kept across loads: the register and the pair it would hold. */
static const uint8_t kept_reg[4] = { 5, 7, 8, 9 };
static const uint8_t pair_word[4] = { PW_LADDR6_0, PW_LADDR6_2, PW_RADDR6_0,
				      PW_RADDR6_2 };

static uint32_t kept_of(const struct run *u)
{
	uint32_t out = 0;

	for (int i = 0; i < 4; i++) {
		const struct val *v = &u->r[kept_reg[i]];

		if (v->kind != V_HIGH && v->kind != V_PAIR)
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
				kind == TO_BLOCK ? kept_of(u) : 0 };
}

static struct target fault(struct run *u, const char *why)
{
	if (!u->p->why)
		u->p->why = arena_printf(u->p->a, "instruction %u: %s", u->pc,
					 why);
	return target(u, TO_FAULT, 0);
}

/* ----------------------------------------------------------------- words */

static uint32_t word_at(const struct run *u, uint32_t offset)
{
	if (offset == INTERFACE_OFFSET)
		return u->names ? PW_IFNAME : PW_IFINDEX;
	for (uint32_t w = 0; w < PW_COUNT; w++)
		if (prove_words[w].offset == offset)
			return w;
	return PW_NONE;
}

/* The word that this stretch is about. */
static void bind(struct run *u, uint32_t word)
{
	const struct range *b = &u->p->box[word];

	if (u->word != PW_NONE)
		return;
	u->word = word;
	u->x = u->from > b->low ? u->from : b->low;
	u->high = b->high;
}

static struct val of_word(struct run *u, uint32_t word)
{
	static const uint32_t family[] = { 2, 10 }, protocol[] = { 6, 17 };

	bind(u, word);
	if (word == u->word && (word == PW_FAMILY || word == PW_PROTOCOL)) {
		u->high = u->x;
		return (struct val){ .kind = V_NUMBER, .n = word == PW_FAMILY ?
				     family[u->x & 1] : protocol[u->x & 1] };
	}
	return (struct val){ .kind = V_WORD, .word = (uint8_t)word };
}

static void lower_high(struct run *u, uint64_t high)
{
	if (high < u->high)
		u->high = high;
}

/* The number that V is for X, and for X to the new u->high; false if none. */
static bool number(struct run *u, struct val *v)
{
	if (v->kind == V_NUMBER)
		return true;
	if ((v->kind != V_WORD && v->kind != V_MINUS) || v->word != u->word ||
	    u->word == PW_IFNAME)
		return false;
	if (v->kind == V_MINUS) {
		lower_high(u, u->x);
		v->n -= u->x;
	} else {
		lower_high(u, u->x | (((uint64_t)1 << v->shift) - 1));
		v->n += u->x >> v->shift;
	}
	v->kind = V_NUMBER;
	v->shift = 0;
	return true;
}

/* ------------------------------------------------------------ arithmetic */

static uint64_t compute(uint8_t op, uint64_t a, uint64_t b, bool wide)
{
	unsigned int mask = wide ? 63 : 31;

	if (!wide) {
		a = (uint32_t)a;
		b = (uint32_t)b;
	}
	switch (op) {
	case BPF_ADD: a += b; break;
	case BPF_SUB: a -= b; break;
	case BPF_MUL: a *= b; break;
	case BPF_OR: a |= b; break;
	case BPF_AND: a &= b; break;
	case BPF_XOR: a ^= b; break;
	case BPF_LSH: a <<= b & mask; break;
	case BPF_RSH: a >>= b & mask; break;
	case BPF_MOV: a = b; break;
	}
	return wide ? a : (uint32_t)a;
}

static bool is_plain(const struct val *v)
{
	return v->kind == V_WORD && !v->n;
}

/* The forms that stay a function of the word; false: not one of them. */
static bool symbolic(struct run *u, uint8_t op, bool wide, struct val *d,
		     const struct val *s)
{
	bool by_number = s->kind == V_NUMBER;

	if (op == BPF_MOV && (wide || is_plain(s))) {
		*d = *s;
	} else if (op == BPF_MOV && s->kind == V_PAIR) {
		*d = of_word(u, s->word + 1u);
	} else if (op == BPF_RSH && d->kind == V_PAIR && by_number && wide &&
		   s->n == 32) {
		*d = of_word(u, d->word);
	} else if (op == BPF_RSH && is_plain(d) && by_number &&
		   d->shift + s->n < 32) {
		d->shift += (uint8_t)s->n;
	} else if (op == BPF_LSH && is_plain(d) && !d->shift && by_number &&
		   wide && s->n == 32 &&
		   d->word < PW_COUNT && prove_words[d->word].shift) {
		d->kind = V_HIGH;
	} else if (op == BPF_OR && d->kind == V_HIGH && is_plain(s) &&
		   !s->shift && wide && s->word == d->word + 1) {
		d->kind = V_PAIR;
	} else if (op == BPF_AND && is_plain(d) && by_number &&
		   d->word == u->word && !(s->n & (s->n + 1)) &&
		   u->high >> d->shift <= s->n) {
		;		/* the mask takes nothing away */
	} else if (op == BPF_ADD && wide && d->kind == V_WORD && !d->shift &&
		   by_number && s->n < 1u << 31) {
		d->n += s->n;
	} else if (op == BPF_SUB && wide && d->kind == V_NUMBER &&
		   s->kind == V_WORD && !s->shift && d->n <= UINT32_MAX &&
		   s->n < 1u << 31) {
		*d = (struct val){ V_MINUS, s->word, 0, d->n - s->n };
	} else {
		return false;
	}
	return true;
}

/* n - word, as a sign: 1 for all words above n. */
static bool sign(struct run *u, struct val *d, const struct val *s)
{
	bool negative = (int64_t)d->n < (int64_t)u->x;

	if (d->kind != V_MINUS || d->word != u->word || s->kind != V_NUMBER ||
	    s->n != 63)
		return false;
	if (!negative)
		lower_high(u, d->n);
	*d = (struct val){ .kind = V_NUMBER, .n = negative };
	return true;
}

static const char *alu(struct run *u, const struct bpf_insn *i)
{
	bool wide = BPF_CLASS(i->code) == BPF_ALU64;
	uint8_t op = BPF_OP(i->code);
	struct val *d = &u->r[i->dst_reg], s;

	if (i->dst_reg > 9 || i->src_reg > 9 || i->off)
		return "a register or offset that no stretch uses";
	s = BPF_SRC(i->code) == BPF_X ? u->r[i->src_reg] :
		(struct val){ .kind = V_NUMBER,
			      .n = (uint64_t)(int64_t)i->imm };
	if (!wide && s.kind == V_NUMBER)
		s.n = (uint32_t)s.n;
	if (BPF_SRC(i->code) == BPF_X && s.kind == V_NONE)
		return "reads a register that nothing is known of";
	if (op != BPF_MOV && d->kind == V_NONE)
		return "changes a register that nothing is known of";
	if (op > BPF_MOV || op == BPF_DIV || op == BPF_NEG || op == BPF_MOD)
		return "arithmetic that no stretch uses";
	if (symbolic(u, op, wide, d, &s) ||
	    (op == BPF_RSH && wide && sign(u, d, &s)))
		return NULL;
	if (op == BPF_ADD && wide && d->kind == V_TABLE && number(u, &s)) {
		d->n += s.n;
		return NULL;
	}
	if (!number(u, &s) || (op != BPF_MOV && !number(u, d)))
		return "arithmetic that is not understood";
	*d = (struct val){ .kind = V_NUMBER,
			   .n = compute(op, d->n, s.n, wide) };
	return NULL;
}

static const char *swap(struct run *u, const struct bpf_insn *i)
{
	struct val *d = &u->r[i->dst_reg];
	uint8_t load = d->kind == V_RAW ? prove_words[d->word].load : 0;

	if (i->dst_reg > 9 || i->src_reg || i->off ||
	    i->code != (BPF_ALU | BPF_END | BPF_TO_BE) ||
	    i->imm != (load == PROVE_BE32 ? 32 : load == PROVE_BE16 ? 16 : 0))
		return "a swap of bytes that is not understood";
	*d = of_word(u, d->word);
	return NULL;
}

/* ------------------------------------------------------------ the memory */

static const char *read_table(struct run *u, struct val *d, uint64_t at)
{
	const struct prove *p = u->p;
	uint32_t v;

	if (at > p->image->rodata_size || p->image->rodata_size - at < 4)
		return "reads outside of .rodata";
	if (at >= p->interfaces && at < p->interfaces_end) {
		if (at % 4)
			return "reads between two interfaces";
		*d = (struct val){ .kind = V_INTERFACE,
				   .n = (at - p->interfaces) / 4 + 1 };
		return NULL;
	}
	if (at + 4 > p->slots && at < p->slots + 4 * (uint64_t)p->image->nslots)
		return "reads a slot";
	memcpy(&v, p->image->rodata + at, 4);
	*d = (struct val){ .kind = V_NUMBER, .n = v };
	return NULL;
}

static const char *load(struct run *u, const struct bpf_insn *i)
{
	struct val *d = &u->r[i->dst_reg], s;
	uint32_t word;

	if (i->dst_reg > 9 || i->src_reg > 9 || i->imm ||
	    i->code != (BPF_LDX | BPF_MEM | BPF_W))
		return "a load that no stretch uses";
	s = u->r[i->src_reg];
	if (s.kind == V_TABLE)
		return read_table(u, d, s.n + (uint64_t)(int64_t)i->off);
	if (s.kind != V_CONTEXT)
		return "a load from no place that is known";
	word = word_at(u, (uint32_t)(int32_t)i->off);
	if (word == PW_NONE)
		return "a load of no word of the context";
	if (prove_words[word].load == PROVE_HOST)
		*d = of_word(u, word);
	else
		*d = (struct val){ .kind = V_RAW, .word = (uint8_t)word };
	return NULL;
}

static const char *wide_load(struct run *u, const struct bpf_insn *i)
{
	const struct prove *p = u->p;
	const struct image_reloc *r;

	if (!p->reloc[u->pc] || i->dst_reg > 9 ||
	    u->pc + 2 > p->image->ninsns)
		return "a constant of 64 bits where none belongs";
	r = &p->image->relocs[p->reloc[u->pc] - 1];
	if (r->map != IMAGE_RODATA)
		return "a map in a stretch";
	u->r[i->dst_reg] = (struct val){ .kind = V_TABLE, .n = r->offset };
	u->pc++;
	return NULL;
}

/* -------------------------------------------------------------- branches */

static bool holds(uint8_t op, uint64_t a, uint64_t b)
{
	switch (op) {
	case BPF_JEQ: return a == b;
	case BPF_JNE: return a != b;
	case BPF_JGT: return a > b;
	case BPF_JGE: return a >= b;
	case BPF_JLT: return a < b;
	case BPF_JLE: return a <= b;
	default: return a & b;
	}
}

/* A compare of the word itself: the same up to where it changes. */
static bool compare_word(struct run *u, uint8_t op, uint64_t n, bool *taken)
{
	*taken = holds(op, u->x, n);
	switch (op) {
	case BPF_JEQ:
	case BPF_JNE:
		if (u->x < n)
			lower_high(u, n - 1);
		else if (u->x == n)
			lower_high(u, n);
		return true;
	case BPF_JGE:
	case BPF_JLT:
		if (u->x < n)
			lower_high(u, n - 1);
		return true;
	case BPF_JGT:
	case BPF_JLE:
		if (u->x <= n)
			lower_high(u, n);
		return true;
	}
	return false;
}

static const char *compare(struct run *u, const struct bpf_insn *i,
			   bool *taken)
{
	bool wide = BPF_CLASS(i->code) == BPF_JMP;
	uint8_t op = BPF_OP(i->code);
	struct val d, s = { .kind = V_NUMBER,
			    .n = (uint64_t)(int64_t)i->imm };

	if (i->dst_reg > 9 || i->src_reg > 9)
		return "a compare of no register";
	d = u->r[i->dst_reg];
	if (BPF_SRC(i->code) == BPF_X)
		s = u->r[i->src_reg];
	if (!wide && s.kind == V_NUMBER)
		s.n = (uint32_t)s.n;
	if (op == BPF_JSGT || op == BPF_JSGE || op == BPF_JSLT ||
	    op == BPF_JSLE)
		return "a signed compare";
	if (s.kind == V_INTERFACE && is_plain(&d) && d.word == u->word) {
		if (u->word == PW_IFINDEX && (op == BPF_JEQ || op == BPF_JNE))
			u->again = true;
		else if (u->word != PW_IFNAME || u->again)
			return "a compare with an interface";
		return compare_word(u, op, s.n, taken) ? NULL :
			"a compare with an interface";
	}
	if (s.kind == V_NUMBER && is_plain(&d) && !d.shift &&
	    d.word == u->word && u->word != PW_IFNAME &&
	    compare_word(u, op, s.n, taken))
		return NULL;
	if (!number(u, &d) || !number(u, &s))
		return "a compare that is not understood";
	*taken = wide ? holds(op, d.n, s.n) :
		holds(op, (uint32_t)d.n, (uint32_t)s.n);
	return NULL;
}

/* ------------------------------------------------------------ the stretch */

/* Whether the instruction is where the next word begins. */
static bool begins_word(const struct run *u, const struct bpf_insn *i)
{
	uint8_t class = BPF_CLASS(i->code);

	if (i->dst_reg != BPF_REG_1 || i->src_reg > 9)
		return false;
	if (class == BPF_LDX)
		return u->r[i->src_reg].kind == V_CONTEXT;
	return (class == BPF_ALU64 || class == BPF_ALU) &&
	       BPF_OP(i->code) == BPF_MOV && BPF_SRC(i->code) == BPF_X &&
	       u->r[i->src_reg].kind == V_PAIR;
}

static struct target next_word(struct run *u)
{
	if (u->r[BPF_REG_7].kind == V_NUMBER)
		return target(u, TO_DECIDE, (uint32_t)u->r[BPF_REG_7].n);
	if (u->r[BPF_REG_6].kind != V_CONTEXT)
		return fault(u, "r6 is not the context");
	return target(u, TO_BLOCK, 0);
}

static const char *jump(struct run *u, const struct bpf_insn *i)
{
	bool taken = true;
	int64_t off = i->off;
	const char *why = NULL;

	if (BPF_OP(i->code) == BPF_JA) {
		if (BPF_CLASS(i->code) == BPF_JMP32)
			off = i->imm;
	} else if (BPF_OP(i->code) == BPF_CALL || BPF_OP(i->code) > BPF_JSLE) {
		return "a call, or no instruction that is known";
	} else {
		why = compare(u, i, &taken);
	}
	if (taken)
		u->pc = (uint32_t)((int64_t)u->pc + off);
	return why;
}

static const char *step(struct run *u, const struct bpf_insn *i)
{
	switch (BPF_CLASS(i->code)) {
	case BPF_ALU:
		if (BPF_OP(i->code) == BPF_END)
			return swap(u, i);
		return alu(u, i);
	case BPF_ALU64:
		return alu(u, i);
	case BPF_LDX:
		return load(u, i);
	case BPF_LD:
		return wide_load(u, i);
	case BPF_JMP:
	case BPF_JMP32:
		return jump(u, i);
	default:
		return "a store in a stretch";
	}
}

static struct target run(struct run *u)
{
	const struct image *m = u->p->image;

	for (bool first = true;; first = false, u->pc++) {
		const struct bpf_insn *i;
		const char *why;

		if (u->pc >= m->ninsns || ++u->steps > STEPS_MAX)
			return fault(u, "the program is left, or never ends");
		i = &m->insns[u->pc];
		if (i->code == (BPF_JMP | BPF_EXIT)) {
			if (u->r[0].kind != V_NUMBER && !number(u, &u->r[0]))
				return fault(u, "an unknown verdict");
			return target(u, TO_EXIT, (uint32_t)u->r[0].n);
		}
		if (i->code == (BPF_LD | BPF_IMM | BPF_DW) &&
		    !u->p->reloc[u->pc])
			return target(u, TO_SPLIT, 0);
		if (!first && begins_word(u, i))
			return next_word(u);
		why = step(u, i);
		if (why)
			return fault(u, why);
	}
}

static bool same_target(const struct target *a, const struct target *b)
{
	return a->kind == b->kind && a->pc == b->pc && a->value == b->value &&
	       a->kept == b->kept;
}

static void add_piece(struct prove *p, struct stretch *s, uint64_t low,
		      uint64_t high, struct target to)
{
	/* every `exit` is the same place */
	if (to.kind == TO_EXIT)
		to.pc = 0;
	if (s->n && same_target(&s->v[s->n - 1].to, &to)) {
		s->v[s->n - 1].high = (uint32_t)high;
		return;
	}
	p->out->pieces++;
	*arena_push(p->a, s->v, s->n, s->cap) =
		(struct piece){ (uint32_t)low, (uint32_t)high, to };
}

/* Runs from AT with what START knows, for all values. */
static void run_all(struct run *start, struct stretch *s)
{
	const struct image *m = start->p->image;
	size_t left = 2 * (65536 + m->ninsns + m->rodata_size / 4);
	bool names = false;
	uint64_t from = 0;

	s->n = 0;
	for (;;) {
		struct run u = *start;
		struct target to;

		u.names = names;
		u.from = from;
		if (u.word == PW_HASH)
			u.x = from;
		to = run(&u);
		if (u.again && !names) {
			names = true;
			continue;
		}
		if (s->n && u.word != s->word)
			to = fault(&u, "looks at another word now");
		if (!left--)	/* more than it has compares and cells */
			to = fault(&u, "each value goes its own way");
		s->word = u.word;
		add_piece(u.p, s, u.x, u.high, to);
		from = u.high + 1;
		if (u.word == PW_NONE || to.kind == TO_FAULT)
			return;
		if (from > (u.word == PW_HASH ? UINT32_MAX :
			    u.p->box[u.word].high))
			return;
	}
}

static bool known(const struct prove *p, const struct stretch *s,
		  const struct target *at)
{
	const struct range *b = &p->box[s->word == PW_NONE ? 0 : s->word];

	return same_target(&s->at, at) &&
	       (s->word == PW_NONE || (s->domain.low == b->low &&
				       s->domain.high == b->high));
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
	run_all(&u, s);
	if (s->word != PW_NONE) {
		s->domain = p->box[s->word];
		if (!(p->live[at.pc] >> s->word & 1))
			s->v[0].to = fault(&u, "a word that was not foreseen");
	}
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
