/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_lower - which instructions small policies become
 *
 * Policies of a few rules, compiled and proved; then their code up to where the
 * sockets are tried is looked at: what it consists of, and, along each path,
 * that no word is loaded twice and no compare made whose outcome is known.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../compiler/compile.h"

#define HEAD "policy t\nsocket a tcp\nsocket b tcp\nsocket c tcp\n"

enum { WORD_LOAD = BPF_LDX | BPF_MEM | BPF_W, GOTO = BPF_JMP | BPF_JA };

/* --------------------------------------------------------------- the code */

static void make(struct compiled *c, const char *text, unsigned int optimize,
		 uint8_t kind)
{
	struct compile_options o = {
		.optimize = optimize, .until = COMPILE_ALL, .name = "t.skl",
		.text = text, .size = strlen(text),
		.tables_least = kind ? 2 : 0, .tables_kind = kind,
	};

	assert_int_equal(compile(c, NULL, &o), 0);
	assert_non_null(c->image);
	assert_true(c->proof.ok);
}

/* Where the sockets are tried: the same in every program. */
static size_t end_of(const struct image *m)
{
	size_t i = 0;

	while (i < m->ninsns && !(m->insns[i].dst_reg == BPF_REG_7 &&
				  m->insns[i].code == (BPF_ALU | BPF_ADD |
						       BPF_X)))
		i++;
	return i < m->ninsns ? i - 3 : m->ninsns;
}

static size_t count(const char *text, unsigned int optimize, uint8_t code)
{
	struct compiled c;
	size_t n = 0;

	make(&c, text, optimize, 0);
	for (size_t i = 0, end = end_of(c.image); i < end; i++)
		n += c.image->insns[i].code == code;
	compiled_free(&c);
	return n;
}

static size_t count_imm(const char *text, uint8_t code, uint32_t imm)
{
	struct compiled c;
	size_t n = 0;

	make(&c, text, 1, 0);
	for (size_t i = 0, end = end_of(c.image); i < end; i++)
		n += c.image->insns[i].code == code &&
			(uint32_t)c.image->insns[i].imm == imm;
	compiled_free(&c);
	return n;
}

/* JEQ or JNE with IMM. */
static size_t count_equal(const char *text, uint32_t imm)
{
	return count_imm(text, BPF_JMP32 | BPF_JEQ | BPF_K, imm) +
		count_imm(text, BPF_JMP32 | BPF_JNE | BPF_K, imm);
}

/* ------------------------------------------------------------- the paths */

enum { WORDS = 18 };

struct path {
	const struct image *m;
	size_t end;
	size_t ends;		/* of paths */
};

struct known {			/* of r1; nothing where low > high */
	uint32_t low, high;
	uint32_t loaded;	/* a bit for each word of the context */
};

static bool is_jump(const struct bpf_insn *i)
{
	return (BPF_CLASS(i->code) == BPF_JMP ||
		BPF_CLASS(i->code) == BPF_JMP32) && i->code != GOTO &&
	       i->code != (BPF_JMP | BPF_EXIT);
}

static void load(struct known *k, const struct bpf_insn *i)
{
	uint32_t bit = 1u << i->off / 4;

	assert_true(i->off / 4 < WORDS);
	assert_int_equal(k->loaded & bit, 0);
	k->loaded |= bit;
	k->low = 0;
	k->high = i->off == 60 || i->off == 36 ? 65535 : UINT32_MAX;
}

static void forget(struct known *k)
{
	k->low = 1;
	k->high = 0;
}

/* What is known when the jump is TAKEN, or not: each may happen. */
static struct known after(struct known k, const struct bpf_insn *i, bool taken)
{
	uint32_t n = (uint32_t)i->imm;
	uint8_t op = BPF_OP(i->code);

	if (k.low > k.high || BPF_SRC(i->code) == BPF_X)
		return k;
	if (op == BPF_JEQ || op == BPF_JNE) {
		assert_in_range(n, k.low, k.high);
		assert_true(k.low < k.high);
		if (taken == (op == BPF_JEQ))
			forget(&k);
		return k;
	}
	assert_true(op == BPF_JGE || op == BPF_JLT);
	assert_true(k.low < n && n <= k.high);
	if (taken == (op == BPF_JGE))
		k.low = n;
	else
		k.high = n - 1;
	return k;
}

static void walk(struct path *p, size_t pc, struct known k)
{
	for (; pc < p->end; pc++) {
		const struct bpf_insn *i = &p->m->insns[pc];

		if (i->code == (BPF_JMP | BPF_EXIT))
			break;
		if (i->code == GOTO) {
			pc += (size_t)(int64_t)i->off;
		} else if (is_jump(i)) {
			walk(p, pc + 1 + (size_t)(int64_t)i->off,
			     after(k, i, true));
			k = after(k, i, false);
		} else if (i->code == WORD_LOAD && i->src_reg == BPF_REG_6) {
			load(&k, i);
		} else if (i->dst_reg == BPF_REG_1 &&
			   i->code != (BPF_ALU | BPF_END | BPF_TO_BE)) {
			forget(&k);
		}
	}
	p->ends++;
}

static bool goes_to(const struct image *m, size_t i, size_t to)
{
	const struct bpf_insn *k = &m->insns[i];

	return (k->code == GOTO || is_jump(k)) &&
		i + 1 + (size_t)(int64_t)k->off == to;
}

/* Whether code behind AT goes to TO, or falls into it. */
static bool is_entered_after(const struct image *m, size_t at, size_t to)
{
	uint8_t last = m->insns[to - 1].code;

	for (size_t i = at + 1; i < to; i++)
		if (goes_to(m, i, to))
			return true;
	return last != GOTO && last != (BPF_JMP | BPF_EXIT);
}

/* Jumps go forward; and where `if ... goto X; goto Y` stands, Y has to wait for
 * others: else it would follow. */
static void check_jumps(const struct image *m, size_t end)
{
	for (size_t i = 1; i < end; i++) {
		const struct bpf_insn *k = &m->insns[i];
		size_t to = i + 1 + (size_t)(int64_t)k->off;

		if (k->code != GOTO && !is_jump(k))
			continue;
		assert_true(k->off > 0);
		if (k->code == GOTO && is_jump(&m->insns[i - 1]))
			assert_true(is_entered_after(m, i, to));
	}
}

static void check_paths(const char *text, unsigned int optimize, size_t least)
{
	struct compiled c;
	struct path p;

	make(&c, text, optimize, 0);
	p = (struct path){ .m = c.image, .end = end_of(c.image) };
	walk(&p, 0, (struct known){ 1, 0, 0 });
	assert_true(p.ends >= least);
	check_jumps(c.image, p.end);
	compiled_free(&c);
}

static const char many[] = HEAD
	"set us = { 192.0.2.0/24, 198.51.100.7, 2001:db8::/32, fd00::1 }\n"
	"x: tcp to us port { 80, 443, 8000-8099, 8101 } -> a\n"
	"when tcp to us {\n"
	"	y: from 10.0.0.0/8 port 80-9000 -> b\n"
	"	z: from not 10.0.0.0/9 port 1000-2000 -> c\n"
	"	tcp to 192.0.2.128/25 -> drop\n"
	"}\n"
	"w: tcp from port 53 port { 53, 5353 } -> b\n"
	"default -> pass\n";

static void implied_tests_vanish(void **state)
{
	(void)state;
	check_paths(many, 1, 40);
	check_paths(HEAD "x: tcp port 80 -> a\ny: tcp port 80-90 -> b\n"
		    "z: tcp port 1-100 -> c\ndefault -> drop\n", 1, 6);
}

/* 300 rules of networks and ports that overlap; the same ones each time. */
static char *overlapping(void)
{
	uint32_t seed = 1;
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	fputs(HEAD, f);
	for (int i = 0; i < 300; i++) {
		uint32_t r[4];

		for (int k = 0; k < 4; k++)
			r[k] = (seed = seed * 1664525 + 1013904223) >> 8;
		fprintf(f, i % 2 ?
			"r%d: tcp from 10.%u.0.0/%u to 192.0.%u.%u port %u ->\n"
			"\t%c\n" :
			"r%d: tcp from 2001:db8:%x::/%u to fd00::%x:%x port %u ->\n"
			"\t%c\n",
			i, r[0] % 64, i % 2 ? 16 : 48, r[1] % 8, r[2] % 64,
			r[3] % 40 + 1, "abc"[r[3] % 3]);
	}
	fputs("default -> drop\n", f);
	fclose(f);
	return text;
}

/* Else the kernel's compiler might refuse a large program (lower.c). */
static void jumps_go_forward(void **state)
{
	char *text = overlapping();

	(void)state;
	for (unsigned int level = 0; level < 3; level++) {
		struct compiled c;
		size_t n = 0;

		make(&c, text, level, 0);
		for (size_t i = 0; i < c.image->ninsns; i++) {
			const struct bpf_insn *k = &c.image->insns[i];

			if (k->code != GOTO && (!is_jump(k) ||
						BPF_OP(k->code) == BPF_CALL))
				continue;
			assert_true(k->off > 0);
			n++;
		}
		assert_true(n > 500);
		compiled_free(&c);
	}
	free(text);
}

/* ----------------------------------------------------------- one compare */

static void one_value_is_one_compare(void **state)
{
	static const char address[] = HEAD
		"x: ip4 to 192.0.2.1 -> drop\ndefault -> pass\n";
	static const char port[] = HEAD
		"x: tcp ip4 port 443 -> drop\ndefault -> pass\n";

	(void)state;
	/* as it lies in memory */
	assert_int_equal(count_equal(address, 0x010200c0), 1);
	assert_int_equal(count(address, 1, BPF_ALU | BPF_END | BPF_TO_BE), 0);
	assert_int_equal(count_equal(port, 443), 1);
	assert_int_equal(count(port, 1, BPF_JMP32 | BPF_JGE | BPF_K), 0);
	/* -O0 knows nothing of that */
	assert_int_equal(count(address, 0, BPF_ALU | BPF_END | BPF_TO_BE), 1);
}

static void one_prefix_is_one_compare(void **state)
{
	static const char text[] = HEAD
		"x: ip4 from 203.0.113.128/25 -> drop\ndefault -> pass\n";

	(void)state;
	assert_int_equal(count_imm(text, BPF_ALU | BPF_AND | BPF_K,
				   0x80ffffff), 1);
	assert_int_equal(count_equal(text, 0x807100cb), 1);
	assert_int_equal(count(text, 1, BPF_ALU | BPF_END | BPF_TO_BE), 0);
}

static void one_range_is_one_compare(void **state)
{
	static const char text[] = HEAD
		"x: tcp ip4 port 9000-9099 -> drop\ndefault -> pass\n";

	(void)state;
	assert_int_equal(count_imm(text, BPF_ALU | BPF_SUB | BPF_K, 9000), 1);
	assert_int_equal(count_imm(text, BPF_JMP32 | BPF_JLT | BPF_K, 100) +
			 count_imm(text, BPF_JMP32 | BPF_JGE | BPF_K, 100),
			 1);
}

/* Two words of IPv6 that are in a register anyway. */
static void two_words_are_one_compare(void **state)
{
	static const char text[] = HEAD
		"x: to 2001:db8::1 from 2001:db8:7::/48 -> drop\n"
		"default -> pass\n";
	struct compiled c;
	size_t n[16] = { 0 };

	(void)state;
	make(&c, text, 1, 1);
	for (size_t i = 0, end = end_of(c.image); i < end; i++)
		if (c.image->insns[i].code == (BPF_JMP | BPF_JEQ | BPF_X) ||
		    c.image->insns[i].code == (BPF_JMP | BPF_JNE | BPF_X))
			n[c.image->insns[i].dst_reg]++;
	compiled_free(&c);
	assert_int_equal(n[7], 1);	/* where they are kept */
	assert_int_equal(n[5], 1);
	assert_int_equal(n[1], 1);	/* shifted */
}

/* Networks that differ in the first word: the second one is asked for once
 * behind each, in the register that it is kept in. */
static void kept_words_are_compared_in_place(void **state)
{
	enum { NETWORKS = 70 };
	char text[NETWORKS * 64] = HEAD;
	size_t n = 0, moved = 0;
	struct compiled c;

	(void)state;
	for (unsigned int i = 0; i < NETWORKS; i++)
		sprintf(text + strlen(text), "to 2001:%x:%x:7::/64 -> drop\n",
			2 * i + 1, i + 5);
	strcat(text, "default -> pass\n");
	make(&c, text, 1, 0);
	for (size_t i = 0, end = end_of(c.image); i < end; i++) {
		const struct bpf_insn *x = &c.image->insns[i];

		n += (x->code == (BPF_JMP32 | BPF_JEQ | BPF_K) ||
		      x->code == (BPF_JMP32 | BPF_JNE | BPF_K)) &&
			x->dst_reg == BPF_REG_7;
		moved += x->code == (BPF_ALU | BPF_MOV | BPF_X);
	}
	compiled_free(&c);
	assert_int_equal(n, NETWORKS);
	assert_int_equal(moved, 0);
}

/* ------------------------------------------------------------------ leaves */

static bool is_target(const struct image *m, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (goes_to(m, i, at))
			return true;
	return false;
}

/* Copies of a leaf that are jumped to: those with VALUE for r7. */
static size_t shared_leaves(const struct image *m, int value)
{
	size_t n = 0;

	for (size_t i = 0, end = end_of(m); i < end; i++)
		n += m->insns[i].code == (BPF_ALU | BPF_MOV | BPF_K) &&
			m->insns[i].dst_reg == BPF_REG_7 &&
			m->insns[i].imm == value && is_target(m, i);
	return n;
}

/* What leads to one socket by a jump is emitted once, and nothing jumps to what
 * follows. */
static void equal_ends_are_one(void **state)
{
	static const char text[] = HEAD
		"x: tcp port { 80, 443, 8000-8099 } -> a\n"
		"y: tcp from 10.0.0.0/8 -> a\n"
		"z: tcp ip6 from 2001:db8::/32 port 1-9 -> a\n"
		"w: tcp port 22 -> b\n"
		"default -> pass\n";
	struct compiled c;
	size_t end;

	(void)state;
	assert_int_equal(count(text, 1, BPF_JMP | BPF_EXIT), 1);
	make(&c, text, 1, 0);
	assert_int_equal(shared_leaves(c.image, 0), 1);
	assert_int_equal(shared_leaves(c.image, 4), 1);
	end = end_of(c.image);
	assert_false(c.image->insns[end - 1].code == GOTO &&
		     !c.image->insns[end - 1].off);
	compiled_free(&c);
}

/* ------------------------------------------------------------------- bits */

enum { BIT = BPF_JMP32 | BPF_JSET | BPF_K };

static void ports_are_bits(void **state)
{
	static const char text[] = HEAD
		"x: tcp port { 100, 102, 105-107, 131 } -> a\n"
		"default -> pass\n";
	static const char wide[] = HEAD
		"x: tcp port { 100, 102, 105-107, 163 } -> a\n"
		"default -> pass\n";
	static const char few[] = HEAD
		"x: tcp port { 100, 102 } -> a\ndefault -> pass\n";

	(void)state;
	assert_int_equal(count(text, 2, BIT), 1);
	assert_int_equal(count(text, 2, BPF_LD | BPF_IMM | BPF_DW), 0);
	assert_int_equal(count(wide, 2, BIT), 1);
	assert_int_equal(count(wide, 2, BPF_LD | BPF_IMM | BPF_DW), 1);
	assert_int_equal(count(text, 1, BIT), 0);
	assert_int_equal(count(few, 2, BIT), 0);
}

static void networks_are_bits(void **state)
{
	static const char text[] = HEAD
		"x: tcp to { 10.0.1.0/24, 10.0.3.0/24, 10.0.5.0/24,\n"
		"	10.0.9.0/24 } -> a\n"
		"y: tcp from 192.0.2.1 -> b\n"
		"default -> pass\n";

	(void)state;
	assert_int_equal(count(text, 2, BIT), 1);
	assert_int_equal(count(text, 2, BPF_ALU | BPF_RSH | BPF_K), 1);
}

static void windows_are_tables(void **state)
{
	static const char text[] = HEAD
		"x: tcp to { 10.0.1.0/24, 10.0.4.0/24 } -> a\n"
		"y: tcp to { 10.0.3.0/24, 10.0.7.0/24 } -> b\n"
		"z: tcp to { 10.0.200.0/24, 10.1.0.0/24 } -> c\n"
		"default -> pass\n";

	(void)state;
	assert_int_equal(count(text, 2, BPF_LDX | BPF_MEM | BPF_B), 1);
	assert_int_equal(count(text, 2, BIT), 0);
	assert_int_equal(count(text, 1, BPF_LDX | BPF_MEM | BPF_B), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(implied_tests_vanish),
		cmocka_unit_test(jumps_go_forward),
		cmocka_unit_test(one_value_is_one_compare),
		cmocka_unit_test(one_prefix_is_one_compare),
		cmocka_unit_test(one_range_is_one_compare),
		cmocka_unit_test(two_words_are_one_compare),
		cmocka_unit_test(kept_words_are_compared_in_place),
		cmocka_unit_test(equal_ends_are_one),
		cmocka_unit_test(ports_are_bits),
		cmocka_unit_test(networks_are_bits),
		cmocka_unit_test(windows_are_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
