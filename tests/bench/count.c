/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * count - what a look-up consists of, where no counter of the processor says it
 *
 * In: POLICY.skl, and POLICY.pkt beside it; KiB of the second cache, 1024 if that
 * is not said (less is left of it where other work comes between packets). Out: for
 * the program that skpolc makes at -O2, up to the socket: instructions a packet; the
 * longest chain of them that wait for each other, in cycles (a load of .rodata or
 * the packet 4, of the stack 1, a product 3, all others 1 or 0); branches, how many
 * of them are taken, and how many a predictor with the history of 14 branches misses;
 * gotos, relays of far jumps among them; lines of code, of 5 bytes an instruction;
 * lines and pages of .rodata that are read; and how many of these are not in a first
 * cache of 32 KiB (one for code, one for the rest), the second, a cache of 72
 * translations, while packets of 64 bytes stream by. Of the rest that is not in the
 * second one, how many wait for another one of them: for its value, or as it decides
 * a branch that was not foreseen. It is the interpreter that counts, with a watcher
 * at each step; so figures are the same on each machine, and in each run.
 */
static void watch(const void *machine);
#define INTERP_STEP(m) watch(m)
#include "../../compiler/interp.c"

#include <stdlib.h>

#include "../../compiler/compile.h"
#include "bench.h"

enum {
	CHAIN_MAX = 1 << 16, HISTORY = 14, SLOTS = INTERP_STACK / 8,
	LINE_LOG = 6, PAGE_LOG = 12, SEEN_MAX = 1024, WAYS_MAX = 72,
	WAYS = 8, KIB_MAX = 1024, OP_BYTES = 5,
	LOAD = 4, STACK_LOAD = 1, PRODUCT = 3,
};

static const uint64_t CODE = (uint64_t)1 << 44;

/* Sets of the least recently used. */
struct cache {
	uint32_t sets, ways;
	uint64_t tags[KIB_MAX << (10 - LINE_LOG)],
		 used[KIB_MAX << (10 - LINE_LOG)], clock;
	size_t misses;
};

/* Lines, or pages, that one packet has read. */
struct seen {
	uint64_t v[SEEN_MAX];
	size_t n;
};

static struct {
	bool on;		/* up to the first call of a helper */
	const struct op *before;
	uint32_t ready[INTERP_REGISTERS], ready_slot[SLOTS], latest;
	/* reads behind the second cache, one after the other, up to what is there */
	uint32_t far[INTERP_REGISTERS], far_slot[SLOTS], farthest, since;
	uint32_t history;
	uint8_t predictor[1 << HISTORY];
	struct cache first, second, translations, code_first;
	struct seen lines, pages, code;
	uint64_t code_line;	/* the last one */
	uint64_t packet;	/* its address */
	size_t packets, instructions, chain, branches, taken, missed, gotos,
	       read_lines, read_pages, far_chain, code_lines, code_far;
} count = {
	.first = { .sets = 64, .ways = WAYS },
	.code_first = { .sets = 64, .ways = WAYS },
	.second = { .ways = WAYS },
	.translations = { .sets = 1, .ways = WAYS_MAX },
};

/* --------------------------------------------------------------- caches */

/* Whether TAG was there; it is now. */
static bool touch(struct cache *c, uint64_t tag)
{
	size_t begin = tag % c->sets * c->ways, oldest = begin;

	for (size_t i = begin; i < begin + c->ways; i++) {
		if (c->tags[i] == tag + 1) {
			c->used[i] = ++c->clock;
			return true;
		}
		if (c->used[i] < c->used[oldest])
			oldest = i;
	}
	c->tags[oldest] = tag + 1;
	c->used[oldest] = ++c->clock;
	c->misses++;
	return false;
}

/* Whether it is behind the second cache. */
static bool read_memory(uint64_t address)
{
	(void)touch(&count.translations, address >> PAGE_LOG);
	return !touch(&count.first, address >> LINE_LOG) &&
		!touch(&count.second, address >> LINE_LOG);
}

static size_t add_seen(struct seen *s, uint64_t what)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i] == what)
			return 0;
	if (s->n < SEEN_MAX)
		s->v[s->n++] = what;
	return 1;
}

static bool read_table(uint64_t offset)
{
	bool far = read_memory(offset);

	count.read_lines += add_seen(&count.lines, offset >> LINE_LOG);
	count.read_pages += add_seen(&count.pages, offset >> PAGE_LOG);
	return far;
}

static void read_code(const struct machine *m, const struct op *o)
{
	uint64_t at = CODE + (uint64_t)(o - m->p->ops) * OP_BYTES;
	uint64_t line = at >> LINE_LOG;

	if (line == count.code_line)
		return;
	count.code_line = line;
	count.code_lines += add_seen(&count.code, line);
	if (!touch(&count.code_first, line))
		count.code_far += !touch(&count.second, line);
}

/* ---------------------------------------------------------------- chain */

static uint32_t later(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* Of SLOTS, that of the 8 bytes of the stack that OFF from R is in, or NULL. */
static uint32_t *stack_slot(uint32_t slots[SLOTS], const struct reg *r, int32_t off)
{
	int64_t at = (int64_t)r->v + off + INTERP_STACK;

	if (r->kind != REG_STACK || at < 0 || at >= INTERP_STACK)
		return NULL;
	return &slots[at / 8];
}

static uint32_t loaded(const struct machine *m, const struct op *o)
{
	const struct reg *from = &m->r[o->src];
	const uint32_t *slot = stack_slot(count.ready_slot, from, o->off);

	if (slot)
		return later(count.ready[o->src], *slot) + STACK_LOAD;
	return count.ready[o->src] + LOAD;
}

static uint32_t calculated(const struct op *o)
{
	bool by_register = BPF_SRC(o->code) == BPF_X;
	uint32_t from = by_register ? count.ready[o->src] : 0;

	if (BPF_OP(o->code) == BPF_MOV)
		return by_register ? from : 1;
	if (BPF_OP(o->code) == BPF_END)
		return count.ready[o->dst] + 1;
	return later(from, count.ready[o->dst]) +
		(BPF_OP(o->code) == BPF_MUL ? PRODUCT : 1);
}

/* The same, counted in reads behind the second cache alone. */
static void far_chain(const struct machine *m, const struct op *o)
{
	const struct reg *from = &m->r[o->src];
	uint32_t *slot, n = count.since;
	uint8_t class = BPF_CLASS(o->code);

	if (class == BPF_STX) {
		slot = stack_slot(count.far_slot, &m->r[o->dst], o->off);
		if (slot)
			*slot = count.far[o->src];
		return;
	}
	if (class == BPF_LDX) {
		slot = stack_slot(count.far_slot, from, o->off);
		n = later(n, slot ? *slot : count.far[o->src]);
		if (from->kind == REG_RODATA &&
		    read_table(from->v + (uint64_t)(int64_t)o->off))
			n++;
	} else if (class == BPF_ALU || class == BPF_ALU64) {
		if (BPF_OP(o->code) != BPF_MOV)
			n = later(n, count.far[o->dst]);
		if (BPF_SRC(o->code) == BPF_X)
			n = later(n, count.far[o->src]);
	} else if (class != BPF_LD) {
		return;
	}
	count.far[o->dst] = n;
	count.farthest = later(count.farthest, n);
}

/* When what O writes is ready. */
static void chain(const struct machine *m, const struct op *o)
{
	uint32_t *slot, when = 0;

	switch (BPF_CLASS(o->code)) {
	case BPF_LDX:
		count.ready[o->dst] = when = loaded(m, o);
		break;
	case BPF_ALU:
	case BPF_ALU64:
		count.ready[o->dst] = when = calculated(o);
		break;
	case BPF_LD:
		count.ready[o->dst] = 0;
		break;
	case BPF_STX:
		slot = stack_slot(count.ready_slot, &m->r[o->dst], o->off);
		if (slot)
			*slot = count.ready[o->src];
		break;
	}
	count.latest = later(count.latest, when);
}

/* ------------------------------------------------------------- branches */

static bool is_branch(const struct machine *m, const struct op *o)
{
	uint8_t class = BPF_CLASS(o->code), op = BPF_OP(o->code);

	return (class == BPF_JMP || class == BPF_JMP32) && op != BPF_JA &&
		op != BPF_CALL && op != BPF_EXIT &&
		m->p->ops + o->target != o + 1;
}

static void branch(const struct machine *m, const struct op *o, bool taken)
{
	uint32_t at = (uint32_t)(o - m->p->ops);
	uint8_t *state = &count.predictor[
		((at * 2654435761u >> (32 - HISTORY)) ^ count.history) &
		((1u << HISTORY) - 1)];

	count.branches++;
	count.taken += taken;
	if ((*state >= 2) != taken) {
		count.missed++;
		count.since = later(count.since, later(count.far[o->dst],
			BPF_SRC(o->code) == BPF_X ? count.far[o->src] : 0));
	}
	if (taken && *state < 3)
		++*state;
	if (!taken && *state)
		--*state;
	count.history = count.history << 1 | taken;
}

static void watch(const void *machine)
{
	const struct machine *m = machine;
	const struct op *o = m->op;

	if (!count.on)
		return;
	if (count.before && is_branch(m, count.before))
		branch(m, count.before, o != count.before + 1);
	count.before = o;
	if (o->code == (BPF_JMP | BPF_CALL)) {
		count.on = false;
		return;
	}
	count.instructions++;
	count.gotos += o->code == (BPF_JMP | BPF_JA) ||
		o->code == (BPF_JMP32 | BPF_JA);
	read_code(m, o);
	chain(m, o);
	far_chain(m, o);
}

/* -------------------------------------------------------------- packets */

static void one(const struct interp *m, const struct packet *p)
{
	struct interp_result result;

	count.on = true;
	count.before = NULL;
	count.latest = count.farthest = count.since = 0;
	count.lines.n = count.pages.n = count.code.n = 0;
	count.code_line = 0;
	memset(count.ready, 0, sizeof(count.ready));
	memset(count.ready_slot, 0, sizeof(count.ready_slot));
	memset(count.far, 0, sizeof(count.far));
	memset(count.far_slot, 0, sizeof(count.far_slot));
	count.packet += 1 << LINE_LOG;
	(void)read_memory(count.packet);
	interp_run(m, p, &result);
	count.packets++;
	count.chain += count.latest;
	count.far_chain += count.farthest;
}

static void say(const char *what, size_t n)
{
	printf("%-34s %8.2f\n", what, (double)n / (double)count.packets);
}

static void report(const struct compiled *c)
{
	printf("program: %zu instructions, %zu bytes of tables; %zu packets, "
	       "each:\n", (size_t)c->image->ninsns,
	       (size_t)c->image->rodata_size, count.packets);
	say("instructions", count.instructions);
	say("longest chain, cycles", count.chain);
	say("branches", count.branches);
	say("  taken", count.taken);
	say("  not foreseen", count.missed);
	say("gotos", count.gotos);
	say("lines of code", count.code_lines);
	say("  not in the first cache (32 KiB)", count.code_first.misses);
	say("  not in the second", count.code_far);
	say("lines of tables", count.read_lines);
	say("pages of tables", count.read_pages);
	say("not in the first cache (32 KiB)", count.first.misses);
	say("not in the second", count.second.misses - count.code_far);
	say("  one after the other", count.far_chain);
	say("not among 72 translations", count.translations.misses);
}

int main(int argc, char **argv)
{
	static struct workload w;
	struct compile_options o = { .optimize = 2, .until = COMPILE_ALL,
				     .no_proof = true };
	struct compiled c;
	struct interp m = { 0 };

	int kib = argc > 2 ? atoi(argv[2]) : KIB_MAX;

	if (argc < 2 || argc > 3 || kib < 1 || kib > KIB_MAX ||
	    !workload_file(&w, argv[1])) {
		fprintf(stderr, "usage: count POLICY.skl [KIB, to %d] "
			"(POLICY.pkt beside it)\n", KIB_MAX);
		return 2;
	}
	count.second.sets = (uint32_t)kib * 1024 / (WAYS << LINE_LOG);
	o.name = argv[1];
	o.text = w.text;
	o.size = w.size;
	if (compile(&c, NULL, &o) || !c.image) {
		fprintf(stderr, "count: %s does not compile: see skpolc\n",
			argv[1]);
		return 1;
	}
	count.packet = (uint64_t)1 << 40;	/* behind all tables, before CODE */
	m.image = c.image;
	m.program = interp_prepare(&c.arena, c.image);
	for (size_t i = 0; i < w.ntrace; i++)
		one(&m, &w.trace[i]);
	report(&c);
	compiled_free(&c);
	return 0;
}
