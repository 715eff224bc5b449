/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_assemble - text to instructions and back
 *
 * The encodings below are written from linux/bpf.h, not from the code. The
 * round trip takes every entry of opcode.def with random operands, and bytes
 * that are no instruction at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../compiler/assemble.h"
#include "../../compiler/opcode.h"
#include "../../grammar/arena.h"
#include "fixture_code.h"

enum { ROUNDS = 300, LENGTH = 60 };

static int setup(void **state)
{
	struct arena *a = malloc(sizeof(*a));

	arena_init(a, NULL);
	*state = a;
	return 0;
}

static int teardown(void **state)
{
	arena_free(*state);
	free(*state);
	return 0;
}

static void take(struct arena *a, const char *text, struct assembled *out)
{
	struct assemble_error e;

	if (!assemble(a, text, strlen(text), out, &e))
		fail_msg("%u:%u: %s\nin:\n%s", e.line, e.column, e.text, text);
}

static uint64_t bytes_of(const struct bpf_insn *i)
{
	uint64_t v;

	memcpy(&v, i, sizeof(v));
	return v;
}

static const struct { const char *text; uint64_t bytes; } encodings[] = {
	{ "r1 = 5", 0x5000001b7 },
	{ "w1 = -1", 0xffffffff000001b4 },
	{ "w1 = 0xffffffff", 0xffffffff000001b4 },
	{ "r1 = r2", 0x21bf },
	{ "r1+=r2", 0x210f },
	{ "r10 += -8", 0xfffffff800000a07 },
	{ "w3 s>>= w4", 0x43cc },
	{ "r1 %= 7", 0x700000197 },
	{ "r9 = -r9", 0x987 },
	{ "w9 = -w9", 0x984 },
	{ "r1 = be16 r1", 0x10000001dc },
	{ "r1 = be32 r1", 0x20000001dc },
	{ "r1 = le64 r1", 0x40000001d4 },
	{ "r1 = *(u32 *)(r6 + 8)", 0x86161 },
	{ "w1 = *(u8*)(r6+8)", 0x86171 },
	{ "r1 = *(u16 *)(r6)", 0x6169 },
	{ "r1 = *(u64 *)(r6 - 32768)", 0x80006179 },
	{ "*(u64 *)(r10 - 8) = r1", 0xfff81a7b },
	{ "*(u32 *)(r1 + 32767) = 5", 0x57fff0162 },
	{ "*(u16 *)(r1 + 0) = w2", 0x216b },
	{ "call 124", 0x7c00000085 },
	{ "\texit\t# done", 0x95 },
	{ "L: goto L", 0xffff0005 },
	{ "L: gotol L", 0xffffffff00000006 },
	{ "L: if w1 == 2 goto L", 0x2ffff0116 },
	{ "L: if w1 > 0x80000000 goto L", 0x80000000ffff0126 },
	{ "L: if r1 s> 3 goto L // far", 0x3ffff0165 },
	{ "L: if r1 s<= r2 goto L", 0xffff21dd },
	{ "L: if w1 & w2 goto L", 0xffff214e },
	{ ".equ N, -3\nr1 = N", 0xfffffffd000001b7 },
	{ ".equ O, 8\n*(u8 *)(r1 - O) = r2", 0xfff82173 },
	{ ".8byte 0x1122334455667788", 0x1122334455667788 },
	{ "; a comment\nM: N:\n\nexit", 0x95 },
};

static void test_encodings(void **state)
{
	struct assembled s;
	struct image m;

	for (size_t i = 0; i < sizeof(encodings) / sizeof(*encodings); i++) {
		take(*state, encodings[i].text, &s);
		code_to_image(*state, &s.code, &m);
		assert_int_equal(m.ninsns, 1);
		if (bytes_of(m.insns) != encodings[i].bytes)
			fail_msg("%s: %llx", encodings[i].text, (unsigned long
				 long)bytes_of(m.insns));
	}
}

static const struct { const char *text; int64_t imm; uint8_t map; } wides[] = {
	{ "r1 = 0x9E3779B97F4A7C15 ll", (int64_t)0x9E3779B97F4A7C15,
	  IMAGE_NO_MAP },
	{ "r1 = -9223372036854775808 ll", INT64_MIN, IMAGE_NO_MAP },
	{ "r1 = 18446744073709551615 ll", -1, IMAGE_NO_MAP },
	{ "r1 = sockets ll", 0, IMAGE_SOCKETS },
	{ "r1 = counters ll", 0, IMAGE_COUNTERS },
	{ "r1 = events ll", 0, IMAGE_EVENTS },
	{ "r1 = skpol_rodata ll", 0, IMAGE_RODATA },
	{ "r1 = skpol_rodata + 0xffffffff ll", UINT32_MAX, IMAGE_RODATA },
};

static void test_wide(void **state)
{
	struct assembled s;

	for (size_t i = 0; i < sizeof(wides) / sizeof(*wides); i++) {
		take(*state, wides[i].text, &s);
		assert_int_equal(s.code.n, 1);
		assert_int_equal(s.code.v->code, 0x18);
		assert_int_equal(s.code.v->imm, wides[i].imm);
		assert_int_equal(s.code.v->map, wides[i].map);
	}
}

static const struct {
	const char *text;
	unsigned int line, column;
	const char *says;
} mistakes[] = {
	{ "exit\nfoo", 2, 1, "no instruction" },
	{ "r1 = r11", 1, 6, "no .set or .equ" },
	{ "r1 =", 1, 5, "no instruction" },
	{ "r1 = 0x80000000", 1, 6, "32 bits" },
	{ "w1 = 0x100000000", 1, 6, "32 bits" },
	{ "r1 = -2147483649", 1, 6, "32 bits" },
	{ "r1 = 0x10000000000000000 ll", 1, 6, "64 bits" },
	{ "r1 = be32 r2", 1, 11, "another register" },
	{ "r1 = *(u32 *)(r6 + 32768)", 1, 18, "16 bits" },
	{ "r1 = *(u32 *)(r6 - 32769)", 1, 18, "16 bits" },
	{ "r1 = *(u31 *)(r6 + 8)", 1, 10, "no instruction" },
	{ "r1 = w2", 1, 6, "no .set or .equ" },
	{ "exit now", 1, 6, "no instruction" },
	{ "if r1 == 1 gotoL", 1, 16, "no instruction" },
	{ "L: exit\nL: exit", 2, 1, "stands twice" },
	{ ".set A, 1", 1, 6, "hole is 0" },
	{ ".set A, 0\n.equ A, 0", 2, 6, "declared twice" },
	{ ".set A 0", 1, 8, "comma" },
	{ ".set 1, 0", 1, 6, "a name" },
	{ ".equ A, 1 2", 1, 11, "should end" },
	{ ".set A, 0\nr1 = *(u8 *)(r2 - A)", 2, 17, "subtracted" },
	{ "r1 = skpol_rodata + -1 ll", 1, 21, "32 bits" },
	{ ".text", 1, 1, "no such directive" },
	{ ".8byte 0x18", 1, 8, "half" },
	{ "r1 = 1 ; r2 = 2", 1, 8, "one instruction a line" },
};

static void test_mistakes(void **state)
{
	struct assemble_error e;
	struct assembled s;

	for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
		const char *t = mistakes[i].text;

		if (assemble(*state, t, strlen(t), &s, &e))
			fail_msg("taken: %s", t);
		if (e.line != mistakes[i].line ||
		    e.column != mistakes[i].column ||
		    !strstr(e.text, mistakes[i].says))
			fail_msg("%s: %u:%u: %s", t, e.line, e.column, e.text);
	}
}

static void test_holes_and_ways(void **state)
{
	struct assembled s;

	take(*state, ".set A, 0\n.set B, 0\n"
	     "w1 &= A\nr2 = *(u8 *)(r1 + B)\nif w1 == A goto out\n"
	     "r3 = skpol_rodata + B ll\nback: goto back\nend:", &s);
	assert_int_equal(s.code.n, 5);
	assert_int_equal(s.nholes, 4);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(s.holes[i].insn, i);
		assert_string_equal(s.holes[i].name, i % 2 ? "B" : "A");
		assert_int_equal(s.holes[i].field, i == 1 ? HOLE_OFF :
				 HOLE_IMM);
	}
	assert_int_equal(s.nways, 3);
	assert_string_equal(s.ways[0].name, "out");
	assert_int_equal(s.code.labels[s.ways[0].label], LABEL_UNPLACED);
	assert_string_equal(s.ways[1].name, "back");
	assert_int_equal(s.code.labels[s.ways[1].label], 4);
	assert_string_equal(s.ways[2].name, "end");
	assert_int_equal(s.code.labels[s.ways[2].label], 5);
	assert_int_equal(s.code.v[2].target, s.ways[0].label);
}

/* -------------------------------------------------------- round trip */

static void check_round_trip(struct arena *a, const struct image *m)
{
	struct assembled s;
	struct image back;
	size_t size;
	char *text;
	FILE *f = open_memstream(&text, &size);

	disassemble(m, f);
	fclose(f);
	take(a, text, &s);
	code_to_image(a, &s.code, &back);
	assert_int_equal(back.ninsns, m->ninsns);
	for (size_t i = 0; i < m->ninsns; i++)
		if (bytes_of(&back.insns[i]) != bytes_of(&m->insns[i]))
			fail_msg("slot %zu in:\n%s", i, text);
	assert_int_equal(back.nrelocs, m->nrelocs);
	for (size_t i = 0; i < m->nrelocs; i++) {
		assert_int_equal(back.relocs[i].insn, m->relocs[i].insn);
		assert_int_equal(back.relocs[i].map, m->relocs[i].map);
		assert_int_equal(back.relocs[i].offset, m->relocs[i].offset);
	}
	free(text);
}

static void test_round_trip(void **state)
{
	struct image m;

	for (int i = 0; i < ROUNDS; i++) {
		random_image(*state, 1 + random_below(LENGTH), NULL, &m);
		check_round_trip(*state, &m);
	}
}

static void test_any_bytes(void **state)
{
	struct bpf_insn insns[LENGTH];
	struct image m = { .insns = insns, .ninsns = LENGTH };

	for (int i = 0; i < ROUNDS; i++) {
		for (size_t n = 0; n < LENGTH; n++) {
			uint32_t words[2] = { random_word(), random_word() };

			memcpy(&insns[n], words, sizeof(words));
			if (random_below(2))	/* an opcode that there is */
				insns[n].code = opcodes[random_below(
					(uint32_t)nopcodes)].code;
			if (random_below(2))
				insns[n].off = (int16_t)random_below(LENGTH);
			if (insns[n].code == OPCODE_WIDE)
				insns[n].code = 0;
		}
		check_round_trip(*state, &m);
	}
}

static void test_one_insn(void **state)
{
	struct assembled s;
	struct image m;
	char buf[64];

	take(*state, "A: if r1 s> 3 goto B\nr1 = skpol_rodata + 64 ll\n"
	     "r2 = -1 ll\nB: goto A\nr3 = *(u32 *)(r10 - 8)\n", &s);
	code_to_image(*state, &s.code, &m);
	assert_int_equal(disassemble_insn(&m, 0, buf, sizeof(buf)), 1);
	assert_string_equal(buf, "if r1 s> 3 goto +4");
	assert_int_equal(disassemble_insn(&m, 1, buf, sizeof(buf)), 2);
	assert_string_equal(buf, "r1 = skpol_rodata+64 ll");
	assert_int_equal(disassemble_insn(&m, 3, buf, sizeof(buf)), 2);
	assert_string_equal(buf, "r2 = 0xffffffffffffffff ll");
	assert_int_equal(disassemble_insn(&m, 5, buf, sizeof(buf)), 1);
	assert_string_equal(buf, "goto -6");
	assert_int_equal(disassemble_insn(&m, 6, buf, 8), 1);
	assert_string_equal(buf, "r3 = *(");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encodings),
		cmocka_unit_test(test_wide),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_holes_and_ways),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_one_insn),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
