/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_interp - every form of instruction, every helper
 *
 * Tables of small programs as text. Results are worked out by hand from the
 * kernel's instruction set document. The differential tests run whole policies;
 * here each line is one thing, so that a wrong line says what is wrong. What
 * the verifier would refuse is in test_interp_strict.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "../../compiler/assemble.h"
#include "../../compiler/interp.h"
#include "../../grammar/arena.h"
#include "fixture_code.h"

#define N(v) (sizeof(v) / sizeof(*(v)))

enum { SLOTS = 3, COUNTERS = 2, ABSENT = 1, REFUSED = 2, TEXT_MAX = 2000 };

static uint8_t rodata[24] = { 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88,
			      0x99 };

struct rig {
	struct arena arena;
	struct image image;
	struct interp interp;
	struct interp_result result;
	struct image_counter counters[COUNTERS];
	struct image_event event;
	unsigned int nevents;
};

static bool present(void *ctx, uint32_t index)
{
	(void)ctx;
	return index < SLOTS && index != ABSENT;
}

static int assign(void *ctx, uint32_t index, uint64_t flags)
{
	(void)ctx;
	(void)flags;
	return index == REFUSED ? -EPROTOTYPE : 0;
}

static void on_event(void *ctx, const struct image_event *e)
{
	struct rig *r = ctx;

	r->event = *e;
	r->nevents++;
}

static void run(struct rig *r, const struct packet *p)
{
	r->interp = (struct interp) {
		.image = &r->image,
		.program = interp_prepare(&r->arena, &r->image),
		.sockets = { .present = present, .assign = assign },
		.counters = r->counters,
		.event = on_event, .event_ctx = r,
	};
	interp_run(&r->interp, p, &r->result);
}

static const struct packet packet4 = {
	.family = 4, .protocol = PACKET_UDP, .local_port = 0x1234,
	.remote_port = 0x5678, .local = 0xc0000201, .remote = 0xcb007109,
	.ifindex = 7,
};

static void rig_free(struct rig *r)
{
	arena_free(&r->arena);
	free(r);
}

static struct rig *rig_of(const char *text)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct assemble_error e;
	struct assembled s;

	arena_init(&r->arena, NULL);
	if (!assemble(&r->arena, text, strlen(text), &s, &e))
		fail_msg("%u:%u: %s\nin:\n%s", e.line, e.column, e.text, text);
	code_to_image(&r->arena, &s.code, &r->image);
	r->image.nslots = SLOTS;
	r->image.ncounters = COUNTERS;
	r->image.rodata = rodata;
	r->image.rodata_size = sizeof(rodata);
	return r;
}

static struct rig *run_text(const char *text)
{
	struct rig *r = rig_of(text);

	run(r, &packet4);
	return r;
}

/* Runs TEXT; in the end r0 must be WANTED. */
static void gives(const char *text, uint64_t wanted)
{
	char whole[TEXT_MAX];
	struct rig *r;

	snprintf(whole, sizeof(whole), "%s\nr9 = 0x%llx ll\n"
		 "if r0 == r9 goto as_wanted\nw0 = 0\nexit\n"
		 "as_wanted: w0 = 1\nexit\n", text,
		 (unsigned long long)wanted);
	r = run_text(whole);
	if (r->result.trap)
		fail_msg("%s\n%s", r->result.trap, text);
	if (r->result.verdict != 1)
		fail_msg("r0 is not 0x%llx after:\n%s",
			 (unsigned long long)wanted, text);
	rig_free(r);
}

/* ---------------------------------------------------------- arithmetic */

static const struct { const char *text; uint64_t r0; } sums[] = {
	{ "r0 = -1", UINT64_MAX },
	{ "w0 = -1", UINT32_MAX },
	{ "r1 = 0x123456789abcdef0 ll\nr0 = r1", 0x123456789abcdef0 },
	{ "r1 = 0x123456789abcdef0 ll\nw0 = w1", 0x9abcdef0 },
	{ "r0 = 0xffffffff ll\nr0 += 1", 0x100000000 },
	{ "w0 = -1\nw0 += 1", 0 },
	{ "r0 = 0x1ffffffff ll\nw0 += 1", 0 },
	{ "r0 = 1\nr1 = 2\nr0 -= r1", UINT64_MAX },
	{ "r0 = 1\nw1 = 2\nw0 -= w1", UINT32_MAX },
	{ "r0 = 1\nr0 -= -1", 2 },
	{ "r0 = 0x100000001 ll\nr0 *= r0", 0x200000001 },
	{ "r0 = 0x10001\nw0 *= w0", 0x20001 },
	{ "r0 = 3\nr0 *= -1", (uint64_t)-3 },
	{ "r0 = -1\nr0 /= 2", INT64_MAX },
	{ "w0 = -1\nw0 /= 2", INT32_MAX },
	{ "r0 = 7\nr1 = 0\nr0 /= r1", 0 },
	{ "r0 = 0x700000007 ll\nw1 = 0\nw0 /= w1", 0 },
	{ "r0 = -1\nr0 %= 10", 5 },
	{ "w0 = -1\nw0 %= 10", 5 },
	{ "r0 = 0x700000007 ll\nr1 = 0\nr0 %= r1", 0x700000007 },
	{ "r0 = 0x700000007 ll\nw1 = 0\nw0 %= w1", 7 },
	{ "r0 = 0x1f0\nr0 |= 0x0f", 0x1ff },
	{ "r0 = 0\nr0 |= -16", (uint64_t)-16 },
	{ "r0 = 0\nw0 |= -16", 0xfffffff0 },
	{ "r0 = -1\nr0 &= 0xff", 0xff },
	{ "r0 = -1\nr0 &= -256", (uint64_t)-256 },
	{ "r0 = -1\nw0 &= -256", 0xffffff00 },
	{ "r0 = 0xff\nr1 = 0x0f\nr0 ^= r1", 0xf0 },
	{ "r0 = 0x1000000ff ll\nw0 ^= 0xff", 0 },
	{ "r0 = 1\nr0 <<= 63", 0x8000000000000000 },
	{ "r0 = 1\nr1 = 65\nr0 <<= r1", 2 },
	{ "r0 = 3\nw0 <<= 31", 0x80000000 },
	{ "r0 = 1\nw1 = 33\nw0 <<= w1", 2 },
	{ "r0 = -1\nr0 >>= 60", 15 },
	{ "r0 = -1\nw0 >>= 28", 15 },
	{ "r0 = -256\nr0 s>>= 4", (uint64_t)-16 },
	{ "w0 = -256\nw0 s>>= 4", 0xfffffff0 },
	{ "w0 = 256\nw0 s>>= 4", 16 },
	{ "r0 = 5\nr0 = -r0", (uint64_t)-5 },
	{ "r0 = 5\nw0 = -w0", (uint32_t)-5 },
	{ "r0 = 0x1122334455667788 ll\nr0 = be16 r0", 0x8877 },
	{ "r0 = 0x1122334455667788 ll\nr0 = be32 r0", 0x88776655 },
	{ "r0 = 0x1122334455667788 ll\nr0 = be64 r0", 0x8877665544332211 },
	{ "r0 = 0x1122334455667788 ll\nr0 = le16 r0", 0x7788 },
	{ "r0 = 0x1122334455667788 ll\nr0 = le32 r0", 0x55667788 },
	{ "r0 = 0x1122334455667788 ll\nr0 = le64 r0", 0x1122334455667788 },
	{ "goto a\nb: r0 = 2\ngoto c\na: r0 = 1\ngoto b\nc:\n", 2 },
	{ "gotol a\nb: r0 = 2\ngoto c\na: r0 = 1\ngotol b\nc:\n", 2 },
	{ "goto a\nb: r0 = 3\ngoto c\na: goto b\nc:\n", 3 },
};

static void test_arithmetic(void **state)
{
	for (size_t i = 0; i < N(sums); i++)
		gives(sums[i].text, sums[i].r0);
	(void)state;
}

/* --------------------------------------------------------------- jumps */

/* For A and B: which of the compares hold, in 64 bits and in 32. */
static const struct {
	const char *a, *b;
	const char *holds64, *holds32;
} compares[] = {
	{ "5", "5", "== >= <= s>= s<= &", "== >= <= s>= s<= &" },
	{ "4", "5", "!= < <= s< s<= &", "!= < <= s< s<= &" },
	{ "8", "5", "!= > >= s> s>=", "!= > >= s> s>=" },
	{ "-1", "1", "!= > >= s< s<= &", "!= > >= s< s<= &" },
	{ "1", "-1", "!= < <= s> s>= &", "!= < <= s> s>= &" },
	{ "-2", "-1", "!= < <= s< s<= &", "!= < <= s< s<= &" },
	{ "0", "0", "== >= <= s>= s<=", "== >= <= s>= s<=" },
	{ "0x100000005", "5", "!= > >= s> s>= &", "== >= <= s>= s<= &" },
	{ "0xffffffff", "-1", "!= < <= s> s>= &", "== >= <= s>= s<= &" },
	{ "0x80000000", "1", "!= > >= s> s>=", "!= > >= s< s<=" },
};

static const char *const signs[] = { "==", "!=", ">", ">=", "<", "<=", "s>",
				     "s>=", "s<", "s<=", "&" };

static bool listed(const char *list, const char *sign)
{
	size_t n = strlen(sign);

	for (const char *p = list; (p = strstr(p, sign)); p++)
		if ((p == list || p[-1] == ' ') && (!p[n] || p[n] == ' '))
			return true;
	return false;
}

static void compare(size_t i, const char *sign, bool wide)
{
	const char *list = wide ? compares[i].holds64 : compares[i].holds32;
	uint64_t taken = listed(list, sign);
	char text[TEXT_MAX], c = wide ? 'r' : 'w';

	snprintf(text, sizeof(text), "r1 = %s ll\nr2 = %s ll\nr0 = 1\n"
		 "if %c1 %s %c2 goto on\nr0 = 0\non:\n", compares[i].a,
		 compares[i].b, c, sign, c);
	gives(text, taken);
	snprintf(text, sizeof(text), "r1 = %s ll\nr0 = 1\n"
		 "if %c1 %s %s goto on\nr0 = 0\non:\n", compares[i].a, c, sign,
		 compares[i].b);
	gives(text, taken);
}

static void test_jumps(void **state)
{
	for (size_t i = 0; i < N(compares); i++)
		for (size_t s = 0; s < N(signs); s++) {
			compare(i, signs[s], true);
			compare(i, signs[s], false);
		}
	(void)state;
}

/* -------------------------------------------------------------- memory */

static const struct { const char *text; uint64_t r0; } memory[] = {
	{ "r0 = *(u32 *)(r1 + 8)", 2 },			/* AF_INET */
	{ "r0 = *(u32 *)(r1 + 12)", 17 },
	{ "r0 = *(u8 *)(r1 + 12)", 17 },
	{ "r0 = *(u32 *)(r1 + 16)", 0x097100cb },	/* network order */
	{ "r0 = *(u8 *)(r1 + 16)", 0xcb },
	{ "r0 = *(u16 *)(r1 + 18)", 0x0971 },
	{ "r0 = *(u32 *)(r1 + 20)", 0 },
	{ "r0 = *(u32 *)(r1 + 36)", 0x7856 },
	{ "r0 = *(u16 *)(r1 + 36)", 0x7856 },
	{ "r0 = *(u32 *)(r1 + 40)", 0x010200c0 },
	{ "r0 = *(u32 *)(r1 + 60)", 0x1234 },		/* host order */
	{ "r0 = *(u32 *)(r1 + 64)", 7 },
	{ "r6 = r1\nr0 = *(u32 *)(r6 + 8)", 2 },
	{ "*(u64 *)(r10 - 8) = -2\nr0 = *(u64 *)(r10 - 8)", (uint64_t)-2 },
	{ "*(u64 *)(r10 - 8) = -2\nr0 = *(u16 *)(r10 - 4)", 0xffff },
	{ "r2 = 0x1122334455667788 ll\n*(u64 *)(r10 - 512) = r2\n"
	  "r0 = *(u8 *)(r10 - 512)", 0x88 },
	{ "*(u8 *)(r10 - 1) = 0x1ff\nr0 = *(u8 *)(r10 - 1)", 0xff },
	{ "r2 = r10\nr2 += -16\n*(u32 *)(r2 + 4) = 9\n"
	  "r0 = *(u32 *)(r10 - 12)", 9 },
	{ "r2 = -16\nr2 += r10\n*(u16 *)(r2 + 2) = 9\n"
	  "r0 = *(u16 *)(r10 - 14)", 9 },
	{ "r2 = skpol_rodata + 16 ll\nr3 = 8\nr2 -= r3\n"
	  "r0 = *(u8 *)(r2 + 0)", 0x99 },
	{ "r2 = skpol_rodata ll\nr0 = *(u64 *)(r2 + 0)", 0x8877665544332211 },
	{ "r2 = skpol_rodata + 4 ll\nr0 = *(u32 *)(r2 + 4)", 0x99 },
	{ "r2 = skpol_rodata ll\nr3 = 8\nr2 += r3\nr0 = *(u8 *)(r2 + 0)",
	  0x99 },
	{ "r2 = skpol_rodata ll\nr3 = 8\nr3 += r2\nr0 = *(u8 *)(r3 - 8)",
	  0x11 },
	{ "r2 = skpol_rodata + 16 ll\nr0 = *(u64 *)(r2 + 0)", 0 },
};

static void test_memory(void **state)
{
	for (size_t i = 0; i < N(memory); i++)
		gives(memory[i].text, memory[i].r0);
	(void)state;
}

static void test_context6(void **state)
{
	struct packet p = packet4;
	uint8_t c[72];

	p.family = 6;
	p.protocol = PACKET_TCP;
	p.local = (u128)0x20010db8 << 96 | 0x0102;
	p.remote = (u128)0xfd << 120 | 0x0304;
	interp_context(&p, c);
	assert_int_equal(c[8], 10);
	assert_int_equal(c[12], 6);
	for (int i = 16; i < 20; i++)
		assert_int_equal(c[i] | c[i + 24], 0);	/* IPv4's */
	assert_int_equal(c[20], 0xfd);
	assert_int_equal(c[35], 0x04);
	assert_int_equal(c[44], 0x20);
	assert_int_equal(c[47], 0xb8);
	assert_int_equal(c[58], 0x01);
	assert_int_equal(c[59], 0x02);
	(void)state;
}

/* ------------------------------------------------------------- helpers */

#define KEY(map, key)							\
	"r6 = r1\n*(u32 *)(r10 - 4) = " #key "\nr1 = " #map " ll\n"	\
	"r2 = r10\nr2 += -4\ncall 1\n"
#define GIVE_BACK "r1 = r9\ncall 86\n"
#define ASSIGN(flags)							\
	"r9 = r0\nr1 = r6\nr2 = r0\nr3 = " #flags "\ncall 124\nr7 = r0\n" \
	GIVE_BACK
#define UNLESS_NULL "if r0 == 0 goto null\n"
#define NULL_IS(n) "goto end\nnull: r0 = " #n "\nend:\n"

static const struct { const char *text; uint64_t r0; } calls[] = {
	{ "call 5", 0 }, { "call 7", 0 }, { "call 8", 0 }, { "call 118", 0 },
	{ KEY(sockets, 0) UNLESS_NULL "r9 = r0\n" GIVE_BACK "r0 = 1\n"
	  NULL_IS(2), 1 },
	{ KEY(sockets, 1) UNLESS_NULL "r9 = r0\n" GIVE_BACK "r0 = 1\n"
	  NULL_IS(2), 2 },
	{ KEY(sockets, 9) "if r0 != 0 goto got\nr0 = 2\ngoto end\n"
	  "got: r9 = r0\n" GIVE_BACK "r0 = 1\nend:\n", 2 },
	{ KEY(sockets, 0) UNLESS_NULL ASSIGN(0) "r0 = r7\n" NULL_IS(2), 0 },
	{ KEY(sockets, 2) UNLESS_NULL ASSIGN(0) "r0 = r7\n" NULL_IS(2),
	  (uint64_t)-EPROTOTYPE },
	{ KEY(counters, 1) UNLESS_NULL "r0 = *(u64 *)(r0 + 0)\n" NULL_IS(9),
	  0 },
	{ KEY(counters, 2) UNLESS_NULL "r0 = *(u64 *)(r0 + 0)\n" NULL_IS(9),
	  9 },
	{ "r1 = events ll\nr2 = 64\nr3 = 0\ncall 131\n" UNLESS_NULL
	  "r1 = r0\nr2 = 0\ncall 133\nr0 = 1\n" NULL_IS(2), 1 },
};

static void test_helpers(void **state)
{
	for (size_t i = 0; i < N(calls); i++)
		gives(calls[i].text, calls[i].r0);
	(void)state;
}

static void test_assignment(void **state)
{
	struct rig *r = run_text(KEY(sockets, 0) UNLESS_NULL ASSIGN(3)
				 "null: w0 = 1\nexit\n");

	assert_null(r->result.trap);
	assert_int_equal(r->result.verdict, 1);
	assert_int_equal(r->result.slot, 0);
	assert_int_equal(r->result.flags, 3);
	assert_true(r->result.steps > 10);
	rig_free(r);
	r = run_text(KEY(sockets, 2) UNLESS_NULL ASSIGN(0)
		     "null: w0 = 0\nexit\n");
	assert_null(r->result.trap);
	assert_int_equal(r->result.verdict, 0);
	assert_int_equal(r->result.slot, INTERP_NO_SOCKET);
	rig_free(r);
	(void)state;
}

static void test_counting(void **state)
{
	struct rig *r = run_text(KEY(counters, 1) UNLESS_NULL
				 "r1 = *(u64 *)(r0 + 8)\nr1 += 5\n"
				 "*(u64 *)(r0 + 8) = r1\n"
				 "*(u64 *)(r0 + 56) = 7\n"
				 "null: w0 = 1\nexit\n");

	assert_null(r->result.trap);
	assert_int_equal(r->counters[1].missing, 5);
	assert_int_equal(r->counters[1].other, 7);
	assert_int_equal(r->counters[1].hits, 0);
	assert_int_equal(r->counters[0].missing, 0);
	rig_free(r);
	(void)state;
}

#define RESERVE "r1 = events ll\nr2 = 64\nr3 = 0\ncall 131\n"	\
	"if r0 == 0 goto end\nr7 = r0\n"
#define FILL(from) "*(u64 *)(r7 + " #from ") = " #from "\n"
#define SUBMIT "r1 = r7\nr2 = 0\ncall 132\n"
#define END "end: w0 = 1\nexit\n"

static void test_event(void **state)
{
	struct rig *r = run_text(RESERVE FILL(0) FILL(8) FILL(16) FILL(24)
				 FILL(32) FILL(40) FILL(48) FILL(56)
				 "*(u32 *)(r7 + 12) = 77\n" SUBMIT END);

	assert_null(r->result.trap);
	assert_int_equal(r->nevents, 1);
	assert_int_equal(r->event.rule, 8);
	assert_int_equal(r->event.slot, 77);
	assert_int_equal(r->event.ifindex, 16);
	rig_free(r);
	(void)state;
}

/* ------------------------------------------------------ wrong images */

/* A jump into an ld_imm64, and jumps out at either end. */
static void test_wrong_targets(void **state)
{
	static const struct { int16_t off; const char *trap; } jumps[] = {
		{ 2, "a jump into an instruction" },
		{ 5, "a jump outside the program" },
		{ 30000, "a jump outside the program" },
		{ -2, "a jump outside the program" },
		{ -30000, "a jump outside the program" },
	};

	for (size_t i = 0; i < N(jumps); i++) {
		struct rig *r = rig_of("goto a\nr1 = 1\na: r0 = 1 ll\nexit");

		r->image.insns[0].off = jumps[i].off;
		run(r, &packet4);
		assert_non_null(r->result.trap);
		assert_non_null(strstr(r->result.trap, jumps[i].trap));
		rig_free(r);
	}
	(void)state;
}

/* An ld_imm64 whose other fields are not 0, or whose second half is cut off. */
static void test_wrong_wide(void **state)
{
	for (int i = 0; i < 6; i++) {
		struct rig *r = rig_of("r0 = 1 ll\nexit");
		struct bpf_insn *v = r->image.insns;

		v[0].off = i == 0;
		v[0].src_reg = i == 1;
		v[1].code = i == 2 ? BPF_JMP | BPF_EXIT : 0;
		v[1].off = i == 3;
		v[1].dst_reg = i == 4;
		if (i == 5)
			r->image.ninsns = 1;
		run(r, &packet4);
		assert_non_null(r->result.trap);
		assert_non_null(strstr(r->result.trap,
				       "an unknown instruction"));
		rig_free(r);
	}
	(void)state;
}

/* Where no one counts or looks for sockets: all are there. */
static void test_nothing_given(void **state)
{
	struct rig *r = rig_of(KEY(counters, 0) UNLESS_NULL
			       "*(u64 *)(r0 + 0) = 1\nr1 = r6\n"
			       KEY(sockets, 1) UNLESS_NULL ASSIGN(0)
			       "w0 = 1\nexit\nnull: w0 = 0\nexit\n");

	r->interp.image = &r->image;
	r->interp.program = interp_prepare(&r->arena, &r->image);
	interp_run(&r->interp, &packet4, &r->result);
	assert_null(r->result.trap);
	assert_int_equal(r->result.verdict, 1);
	assert_int_equal(r->result.slot, 1);
	rig_free(r);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arithmetic),
		cmocka_unit_test(test_jumps),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_context6),
		cmocka_unit_test(test_helpers),
		cmocka_unit_test(test_assignment),
		cmocka_unit_test(test_counting),
		cmocka_unit_test(test_event),
		cmocka_unit_test(test_wrong_targets),
		cmocka_unit_test(test_wrong_wide),
		cmocka_unit_test(test_nothing_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
