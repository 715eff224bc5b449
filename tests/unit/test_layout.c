/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_layout - bytes that do what the code with labels does
 *
 * A walk goes through code and bytes at once, from the first instruction on,
 * along both ways of each branch: what stands in the bytes must be the code's
 * instruction, or a relay on the way to it. It sees every pair that a run
 * could, so what it has not seen in the bytes is unreachable, and that must be
 * nothing: the verifier refuses it. Reaches are small, so that small programs
 * need islands.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../compiler/assemble.h"
#include "../../compiler/layout.h"
#include "../../grammar/arena.h"
#include "fixture_code.h"

enum { RULES = 5, FAR = BPF_JMP32 | BPF_JA, NEAR = BPF_JMP | BPF_JA };

static struct place places[RULES + 1];

static int setup(void **state)
{
	struct arena *a = malloc(sizeof(*a));

	arena_init(a, NULL);
	for (uint32_t i = 0; i <= RULES; i++)
		places[i] = (struct place) { .begin = i, .end = i + 1 };
	*state = a;
	return 0;
}

static int teardown(void **state)
{
	arena_free(*state);
	free(*state);
	return 0;
}

/* ----------------------------------------------------------- the walk */

struct pair {			/* code from INSN on is bytes from SLOT on */
	uint32_t insn, slot;
};

struct walk {
	struct arena *a;
	const struct code *c;
	const struct image *m;
	struct pair *todo;
	size_t ntodo, cap;
	uint32_t *as;		/* by slot: the instruction it leads to, + 1 */
	bool *seen;		/* by slot; both halves of an ld_imm64 */
};

static bool is_wide(uint8_t code)
{
	return code == (BPF_LD | BPF_IMM | BPF_DW);
}

static bool is_goto(uint8_t code)
{
	return code == NEAR || code == FAR;
}

static int64_t target(const struct image *m, uint32_t slot)
{
	const struct bpf_insn *i = &m->insns[slot];

	return (int64_t)slot + 1 + (i->code == FAR ? i->imm : i->off);
}

static uint32_t rule_at(const struct image *m, uint32_t slot)
{
	size_t i = m->nlines;

	while (i && m->lines[i - 1].insn > slot)
		i--;
	assert_true(i > 0);
	return (uint32_t)m->lines[i - 1].place.begin;
}

/* The code's own gotos are gone through here, those of the bytes in step(). */
static void see(struct walk *w, uint32_t insn, int64_t slot)
{
	while (is_goto(w->c->v[insn].code))
		insn = w->c->labels[w->c->v[insn].target];
	assert_true(slot >= 0 && slot < (int64_t)w->m->ninsns);
	*arena_push(w->a, w->todo, w->ntodo, w->cap) =
		(struct pair) { insn, (uint32_t)slot };
}

static void same_wide(const struct walk *w, const struct insn *in,
		      uint32_t slot)
{
	const struct bpf_insn *i = &w->m->insns[slot];
	const struct image_reloc *r = w->m->relocs;

	assert_int_equal(i[1].code, 0);
	if (in->map == IMAGE_NO_MAP) {
		assert_int_equal((uint32_t)i[0].imm, (uint32_t)in->imm);
		assert_int_equal((uint32_t)i[1].imm,
				 (uint32_t)((uint64_t)in->imm >> 32));
		return;
	}
	while (r < w->m->relocs + w->m->nrelocs && r->insn != slot)
		r++;
	assert_true(r < w->m->relocs + w->m->nrelocs);
	assert_int_equal(r->map, in->map);
	assert_int_equal(r->offset, in->imm);
	assert_int_equal(i[0].imm, 0);
	assert_int_equal(i[1].imm, 0);
}

static void same_insn(const struct walk *w, uint32_t n, uint32_t slot)
{
	const struct insn *in = &w->c->v[n];
	const struct bpf_insn *i = &w->m->insns[slot];

	assert_int_equal(i->code, in->code);
	assert_int_equal(i->dst_reg, in->dst);
	assert_int_equal(i->src_reg, in->src);
	assert_int_equal(rule_at(w->m, slot), in->rule);
	if (is_wide(in->code)) {
		same_wide(w, in, slot);
		w->seen[slot + 1] = true;
		return;
	}
	assert_int_equal(i->imm, (int32_t)in->imm);
	if (in->target == NO_LABEL)
		assert_int_equal(i->off, in->off);
}

static void step(struct walk *w, struct pair p)
{
	const struct insn *in = &w->c->v[p.insn];
	uint8_t code = w->m->insns[p.slot].code;

	w->seen[p.slot] = true;
	if (is_goto(code)) {
		see(w, p.insn, target(w->m, p.slot));
		return;
	}
	same_insn(w, p.insn, p.slot);
	if (in->target != NO_LABEL)
		see(w, w->c->labels[in->target], target(w->m, p.slot));
	if (code != (BPF_JMP | BPF_EXIT))
		see(w, p.insn + 1, (int64_t)p.slot + 1 + is_wide(code));
}

static void check_same(struct arena *a, const struct code *c,
		       const struct image *m)
{
	struct walk w = { .a = a, .c = c, .m = m };

	w.as = arena_array(a, m->ninsns, sizeof(*w.as));
	w.seen = arena_array(a, m->ninsns, sizeof(*w.seen));
	see(&w, 0, 0);
	while (w.ntodo) {
		struct pair p = w.todo[--w.ntodo];

		if (w.as[p.slot]) {
			assert_int_equal(w.as[p.slot], p.insn + 1);
			continue;
		}
		w.as[p.slot] = p.insn + 1;
		step(&w, p);
	}
	for (size_t i = 0; i < m->ninsns; i++)
		if (!w.seen[i])
			fail_msg("instruction %zu is not reached", i);
}

static uint32_t count(const struct image *m, uint8_t code)
{
	uint32_t n = 0;

	for (size_t i = 0; i < m->ninsns; i++) {
		n += m->insns[i].code == code;
		i += is_wide(m->insns[i].code);
	}
	return n;
}

static void check_reach(const struct image *m, uint32_t reach)
{
	for (size_t i = 0; i < m->ninsns; i++) {
		uint8_t class = BPF_CLASS(m->insns[i].code);

		if (class != BPF_JMP && class != BPF_JMP32)
			continue;
		assert_in_range(abs(m->insns[i].off), 0, reach + 1);
	}
}

static bool lay(struct arena *a, const struct code *c, uint32_t reach,
		bool gotol, struct image *out)
{
	struct layout_options o = { .reach = reach, .gotol = gotol };

	*out = (struct image) { 0 };
	if (!layout(a, c, &o, places, out))
		return false;
	check_same(a, c, out);
	check_reach(out, reach && reach < INT16_MAX ? reach : INT16_MAX);
	return true;
}

/* ---------------------------------------------------- random programs */

/* What falls through, of all widths that the kernel makes of one. */
static void emit_plain(struct code *c)
{
	switch (random_below(6)) {
	case 0:
		emit_load(c, BPF_W, BPF_REG_1, BPF_REG_6, 44);
		break;
	case 1:
		emit_imm64(c, BPF_REG_2, (uint64_t)random_word() << 32 |
			   random_word());
		break;
	case 2:
		emit_map(c, BPF_REG_2, IMAGE_RODATA, random_word());
		break;
	case 3:
		emit_map(c, BPF_REG_1, IMAGE_SOCKETS, 0);
		break;
	case 4:
		emit_call(c, 1);
		break;
	default:
		emit_alu32_imm(c, BPF_MOV, BPF_REG_0, random_word());
		break;
	}
}

/* An end of the way; what stands behind it is jumped to from before it. */
static void emit_end(struct code *c, uint32_t labels, bool gotol)
{
	label behind = code_label(c);

	emit_jump32_imm(c, BPF_JEQ, BPF_REG_1, random_word(), behind);
	if (random_below(2))
		emit_exit(c);
	else
		emit(c, (struct insn) {
			.code = gotol && random_below(2) ? FAR : NEAR,
			.map = IMAGE_NO_MAP, .target = random_below(labels),
		});
	code_place(c, behind);
}

/* N turns; LABELS labels all over them, jumped to from everywhere. */
static void random_code(struct arena *a, struct code *c, uint32_t n,
			uint32_t labels, bool gotol)
{
	code_init(c, a);
	for (uint32_t i = 0; i < labels; i++)
		code_label(c);
	for (uint32_t i = 0; i < n; i++) {
		c->rule = i * (RULES + 1) / n;
		if (i % (n / labels) == 0 && i / (n / labels) < labels)
			code_place(c, i / (n / labels));
		if (!random_below(4))
			emit_jump64_imm(c, BPF_JGT, BPF_REG_3,
					(int32_t)random_word(),
					random_below(labels));
		else if (!random_below(12))
			emit_end(c, labels, gotol);
		else
			emit_plain(c);
	}
	emit_exit(c);
}

static void test_random(void **state)
{
	static const uint32_t reaches[] = { 150, 200, 400, 1000, 5000, 0 };
	struct image m;
	struct code c;

	for (int round = 0; round < 120; round++) {
		bool gotol = round % 2;
		struct arena a;

		arena_init(&a, NULL);
		random_code(&a, &c, 100 + random_below(1500),
			    3 + random_below(30), gotol);
		for (size_t i = 0; i < sizeof(reaches) / sizeof(*reaches); i++)
			if (!lay(&a, &c, reaches[i], gotol, &m))
				assert_true(reaches[i] && reaches[i] < 400);
		arena_free(&a);
	}
	(void)state;
}

/* Any reach at all: it ends, and what it gives is right. */
static void test_tiny_reaches(void **state)
{
	struct image m;
	struct code c;
	unsigned int done = 0;

	for (uint32_t reach = 1; reach < 150; reach++) {
		struct arena a;

		arena_init(&a, NULL);
		random_code(&a, &c, 60, 3, reach % 2);
		done += lay(&a, &c, reach, reach % 2, &m);
		arena_free(&a);
	}
	assert_in_range(done, 40, 148);
	(void)state;
}

/* ----------------------------------------------------- known programs */

/* A jump over N plain instructions of weight 1, and one back. */
static void over(struct arena *a, struct code *c, uint32_t n)
{
	label end = code_label((code_init(c, a), c)), begin;

	begin = code_here(c);
	emit_jump64(c, BPF_JGT, BPF_REG_1, BPF_REG_2, end);
	for (uint32_t i = 0; i < n; i++)
		emit_alu64(c, BPF_MOV, BPF_REG_0, BPF_REG_1);
	code_place(c, end);
	emit_jump64(c, BPF_JGT, BPF_REG_2, BPF_REG_1, begin);
	emit_exit(c);
}

static void test_in_reach_is_direct(void **state)
{
	struct image m;
	struct code c;

	over(*state, &c, 98);
	assert_true(lay(*state, &c, 100, false, &m));
	assert_int_equal(m.ninsns, c.n);
	assert_int_equal(m.insns[0].off, 98);
	assert_int_equal(m.insns[99].off, -100);
}

static void test_out_of_reach_is_relayed(void **state)
{
	struct image m;
	struct code c;

	over(*state, &c, 1000);
	assert_true(lay(*state, &c, 100, false, &m));
	assert_true(count(&m, NEAR) >= 20);	/* ten a way, at least */
	assert_int_equal(count(&m, FAR), 0);
}

static void test_out_of_reach_by_gotol(void **state)
{
	struct image m;
	struct code c;

	over(*state, &c, 1000);
	assert_true(lay(*state, &c, 100, true, &m));
	assert_int_equal(count(&m, FAR), 2);
	assert_true(count(&m, NEAR) <= 2);	/* over an island */
}

/* A goto is one itself then, and needs no island. */
static void test_goto_becomes_gotol(void **state)
{
	struct image m;
	struct code c;
	label body, end;

	code_init(&c, *state);
	body = code_label(&c);
	end = code_label(&c);
	emit_jump32_imm(&c, BPF_JEQ, BPF_REG_1, 1, body);
	emit_goto(&c, end);
	code_place(&c, body);
	for (int i = 0; i < 1000; i++)
		emit_alu32_imm(&c, BPF_MOV, BPF_REG_0, 1);
	emit_exit(&c);
	code_place(&c, end);
	emit_exit(&c);
	assert_true(lay(*state, &c, 100, true, &m));
	assert_int_equal(m.ninsns, c.n);
	assert_int_equal(m.insns[1].code, FAR);
	assert_int_equal(m.insns[1].imm, 1001);
	assert_true(lay(*state, &c, 100, false, &m));
	assert_true(m.ninsns > c.n);
	assert_int_equal(count(&m, FAR), 0);
}

/* What 16 bits allow is kept, and left. */
static void test_sixteen_bits(void **state)
{
	struct image m;
	struct code c;

	over(*state, &c, 31000);
	assert_true(lay(*state, &c, 0, false, &m));
	assert_int_equal(m.ninsns, c.n);
	over(*state, &c, 300000);
	assert_true(lay(*state, &c, 0, false, &m));
	assert_true(m.ninsns > c.n);
	over(*state, &c, 300000);
	assert_true(lay(*state, &c, UINT32_MAX, true, &m));
	assert_int_equal(count(&m, FAR), 2);
}

/* Whether a jump of REACH passes over N of what ONE emits without a relay. */
static bool passes(struct arena *a, void (*one)(struct code *c), uint32_t n,
		   uint32_t reach)
{
	struct layout_options o = { .reach = reach };
	struct image m;
	struct code c;
	label end;

	code_init(&c, a);
	end = code_label(&c);
	emit_jump64(&c, BPF_JEQ, BPF_REG_0, BPF_REG_1, end);
	for (uint32_t i = 0; i < n; i++)
		one(&c);
	code_place(&c, end);
	emit_exit(&c);
	assert_true(layout(a, &c, &o, places, &m));
	return m.insns[0].off == (int)m.ninsns - 2;
}

static void address(struct code *c) { emit_imm64(c, BPF_REG_2, 1ull << 40); }
static void map(struct code *c) { emit_map(c, BPF_REG_2, IMAGE_RODATA, 8); }
static void constant(struct code *c)
{
	emit_alu32_imm(c, BPF_MOV, BPF_REG_7, 5);
}
static void shift(struct code *c) { emit_alu32_imm(c, BPF_LSH, BPF_REG_7, 5); }
static void swap(struct code *c) { emit_be(c, BPF_REG_7, 32); }
static void field(struct code *c)
{
	emit_load(c, BPF_W, BPF_REG_2, BPF_REG_6, 60);
}
static void part(struct code *c)
{
	emit_load(c, BPF_H, BPF_REG_2, BPF_REG_6, 36);
}
static void ip6(struct code *c)
{
	emit_load(c, BPF_W, BPF_REG_2, BPF_REG_6, 44);
}
static void table(struct code *c)
{
	emit_load(c, BPF_H, BPF_REG_2, BPF_REG_3, 44);
}
static void store(struct code *c)
{
	emit_store(c, BPF_DW, BPF_REG_10, -16, BPF_REG_7);
}
static void sum(struct code *c)
{
	emit_alu64(c, BPF_ADD, BPF_REG_3, BPF_REG_2);
}
static void compare(struct code *c)
{
	label next = code_label(c);

	emit_jump32_imm(c, BPF_JEQ, BPF_REG_1, 4, next);
	code_place(c, next);
}

/*
 * As many instructions as Linux 6.18 makes of each where net.core.bpf_jit_harden
 * is 2: sums over programs are those of `bpftool prog show` (xlated), which hold
 * no `part`; that is what the kernel allows itself. Of `sum` and `store` it makes
 * so many only where the process has no CAP_PERFMON, too. A kernel that makes more
 * of one than is counted here refuses large programs: tests/vm loads some.
 */
static void test_what_the_kernel_makes(void **state)
{
	static const struct {
		void (*one)(struct code *c);
		uint32_t size;
	} all[] = {
		{ address, 7 }, { map, 7 }, { constant, 3 }, { shift, 1 },
		{ swap, 1 }, { field, 1 }, { part, 3 }, { ip6, 3 },
		{ table, 1 }, { compare, 3 }, { store, 2 }, { sum, 8 },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		uint32_t n = 420 / all[i].size;

		assert_true(passes(*state, all[i].one, n, 421));
		assert_false(passes(*state, all[i].one, n + 1, 421));
	}
}

static void test_gotol_of_the_text(void **state)
{
	static const char text[] =
		"a: if w1 == 1 goto b\n gotol c\n"
		"b: r1 = 0x1122334455667788 ll\n gotol a\n"
		"c: w0 = 1\n exit\n";
	struct assemble_error e;
	struct assembled s;
	struct image m;

	assert_true(assemble(*state, text, strlen(text), &s, &e));
	assert_true(lay(*state, &s.code, 0, true, &m));
	assert_int_equal(m.ninsns, 7);
	assert_int_equal(m.insns[1].code, FAR);
	assert_int_equal(m.insns[1].imm, 3);
	assert_int_equal(m.insns[1].off, 0);
	assert_int_equal(m.insns[4].imm, -5);
	for (uint32_t i = 0; i < 500; i++)
		emit_exit(&s.code);	/* unreachable: not walked */
	assert_true(layout(*state, &s.code, &(struct layout_options) {
			   .reach = 60, .gotol = true }, places, &m));
}

/* No loop of relays, no crash: it says no. */
static void test_too_large(void **state)
{
	struct layout_options o = { 0 };
	struct image m;
	struct code c;

	code_init(&c, *state);
	for (uint32_t i = 0; i < CODE_MAX - 1; i++)
		emit_alu64(&c, BPF_MOV, BPF_REG_0, BPF_REG_1);
	emit_exit(&c);
	assert_true(layout(*state, &c, &o, places, &m));
	assert_int_equal(m.ninsns, CODE_MAX);
	emit_exit(&c);
	assert_true(c.failed);
	assert_false(layout(*state, &c, &o, places, &m));
	code_init(&c, *state);
	for (uint32_t i = 0; i <= CODE_MAX / 2; i++)
		emit_imm64(&c, BPF_REG_0, 1);
	assert_false(c.failed);
	assert_false(layout(*state, &c, &o, places, &m));
}

static void test_same_again(void **state)
{
	struct image m, again;
	struct code c;

	random_code(*state, &c, 2000, 20, false);
	assert_true(lay(*state, &c, 400, false, &m));
	assert_true(lay(*state, &c, 400, false, &again));
	assert_int_equal(m.ninsns, again.ninsns);
	assert_memory_equal(m.insns, again.insns,
			    m.ninsns * sizeof(*m.insns));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_tiny_reaches),
		cmocka_unit_test(test_in_reach_is_direct),
		cmocka_unit_test(test_out_of_reach_is_relayed),
		cmocka_unit_test(test_out_of_reach_by_gotol),
		cmocka_unit_test(test_goto_becomes_gotol),
		cmocka_unit_test(test_sixteen_bits),
		cmocka_unit_test(test_what_the_kernel_makes),
		cmocka_unit_test(test_gotol_of_the_text),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_same_again),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
