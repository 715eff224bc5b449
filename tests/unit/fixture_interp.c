/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fixture_interp - programs and what becomes of them, in a small world
 */
#include "fixture_interp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../compiler/assemble.h"
#include "../../grammar/arena.h"
#include "fixture_code.h"

#define PASS "w0 = 1\nexit\n"
/* r0 = the socket in slot 1, or a pass; r6 = the context */
#define SOCKET							\
	"r6 = r1\n w1 = 1\n *(u32 *)(r10 - 4) = w1\n"		\
	"r1 = sockets ll\n r2 = r10\n r2 += -4\n call 1\n"
/* r0 = the result for slot 0, which holds none */
#define NO_SOCKET						\
	"*(u32 *)(r10 - 4) = 0\n"				\
	"r1 = sockets ll\n r2 = r10\n r2 += -4\n call 1\n"
#define HELD SOCKET "if r0 == 0 goto none\n r9 = r0\n"
#define ASSIGN(flags)						\
	"r1 = r6\n r2 = r9\n r3 = " flags "\n call 124\n r8 = r0\n"
#define RELEASE "r1 = r9\n call 86\n"
#define NONE "none: w0 = 1\n exit\n"
/*
 * r0 = counter number KEY, 0 or 2; as read from the packet: of a number that
 * it knows, 6.18 knows whether there is a counter.
 */
#define CALL_COUNTER						\
	"*(u32 *)(r10 - 4) = w1\n"				\
	"r1 = counters ll\n r2 = r10\n r2 += -4\n call 1\n"
#define COUNTER_0 "r6 = r1\n w1 = *(u8 *)(r6 + 41)\n" CALL_COUNTER
#define COUNTER_2 "r6 = r1\n w1 = *(u8 *)(r6 + 42)\n" CALL_COUNTER
#define ANOTHER "w1 = *(u8 *)(r6 + 41)\n" CALL_COUNTER
/* The verdict is 1 when r0 (or w0) is V: the verifier must see 0 or 1. */
#define IS(v) "if r0 == " v " goto yes\n w0 = 0\n exit\nyes: w0 = 1\n exit\n"
#define EVENT "r1 = events ll\n r2 = 64\n r3 = 0\n call 131\n"
#define WHOLE							\
	"r1 = 0\n"						\
	"*(u64 *)(r0 + 0) = r1\n *(u64 *)(r0 + 8) = r1\n"	\
	"*(u64 *)(r0 + 16) = r1\n *(u64 *)(r0 + 24) = r1\n"	\
	"*(u64 *)(r0 + 32) = r1\n *(u64 *)(r0 + 40) = r1\n"	\
	"*(u64 *)(r0 + 48) = r1\n *(u64 *)(r0 + 56) = r1\n"
#define SUBMIT "r1 = r0\n r2 = 0\n call 132\n"
/* 64 bytes of the stack, and all of them sent */
#define FILLED							\
	"r2 = r10\n r2 += -64\n r0 = r2\n" WHOLE
#define OUTPUT(flags)						\
	"r1 = events ll\n r3 = 64\n r4 = " flags "\n call 130\n"
#define DISCARD "r1 = r0\n r2 = 0\n call 133\n"

#define RUNS(v, ...) { .verdict = v, .text = __VA_ARGS__ }
#define SELECTS(v, ...) { .verdict = v, .selects = true, .text = __VA_ARGS__ }
#define TRAPS(why, ...) { .trap = why, .text = __VA_ARGS__ }
#define STRICTER(why, ...) \
	{ .trap = why, .stricter = true, .text = __VA_ARGS__ }
/* An instruction given as bytes, after one that sets r0. */
#define RAW(bytes) \
	TRAPS("1: an unknown instruction", "r0 = 0\n .8byte " bytes "\n" PASS)

const struct program programs[] = {
	/* the program as a whole */
	RUNS(1, PASS),
	RUNS(0, "w0 = 0\n exit\n"),
	TRAPS("0: an unknown instruction", ".8byte 0xff\n" PASS),
	/* a call by a register; an offset in an add */
	TRAPS("an unknown instruction", ".8byte 0x7c0000008d\n" PASS),
	TRAPS("an unknown instruction", ".8byte 0x10007\n" PASS),
	/* a load of the packet; be32 of 24 bits; register 11 */
	TRAPS("an unknown instruction", ".8byte 0x20\n" PASS),
	TRAPS("an unknown instruction",
	      "r0 = 1\n .8byte 0x18000000dc\n exit\n"),
	TRAPS("an unknown instruction", ".8byte 0x1000000bb7\n" PASS),
	RAW("0x10b7"),		/* r0 = 0, of r1 */
	RAW("0x1000010bf"),	/* r0 = r1, and 1 */
	RAW("0x1000087"),	/* r0 = -r0, at 256 */
	RAW("0x100000087"),	/* ... and 1 */
	RAW("0x10dc"),		/* r0 = be0 r0, of r1 */
	RAW("0x8000000dc"),	/* r0 = be8 r0 */
	RAW("0x1000000000d7"),	/* a swap */
	RAW("0x10037"),	/* r0 s/= 0 */
	RAW("0x1005"),		/* goto +0, of r1 */
	RAW("0x100000005"),	/* ... and 1 */
	RAW("0x10006"),	/* gotol +0, at 1 */
	RAW("0x10000001d"),	/* if r0 == r0, and 1 */
	RAW("0x1015"),		/* if r0 == 0, of r1 */
	RAW("0x195"),		/* exit, of r1 */
	RAW("0x100000095"),	/* ... and 1 */
	RAW("0x86"),		/* a call in 32 bits */
	RAW("0x96"),		/* an exit in 32 bits */
	RAW("0x500000185"),	/* call 5, in r1 */
	RAW("0x1085"),		/* a call of a function */
	RAW("0x100001061"),	/* a load, and 1 */
	RAW("0x1fff8017b"),	/* a store, and 1 */
	RAW("0xfff8107a"),	/* a store of a number, and r1 */
	RAW("0x1000000c3"),	/* an atomic */
	TRAPS("0: a jump into", ".8byte 0x10005\n r0 = 1 ll\n exit\n"),
	TRAPS("0: a jump outside", ".8byte 0x50005\n" PASS),
	TRAPS("1: a jump outside", "w0 = 1\n .8byte 0xfffd0005\n"),
	TRAPS("0: the program has no end", "w0 = 1\n"),
	TRAPS("2: no way leads here", "w0 = 1\n exit\n w0 = 0\n exit\n"),
	TRAPS("r10 is written", "r10 = 1\n" PASS),
	TRAPS("r10 is written", "r10 += 8\n" PASS),
	TRAPS("r10 is written", "r10 = *(u64 *)(r10 - 8)\n" PASS),
	TRAPS("a division by 0", "r0 = 1\n r0 /= 0\n exit\n"),
	TRAPS("a division by 0", "w0 = 1\n w0 %= 0\n exit\n"),
	TRAPS("a shift by 64", "r0 = 1\n r0 <<= 64\n exit\n"),
	TRAPS("a shift by 32", "w0 = 1\n w0 >>= 32\n exit\n"),
	TRAPS("a shift by -1", "w0 = 1\n w0 s>>= -1\n exit\n"),
	TRAPS("too many steps",
	      "w0 = 1\nl: r0 += 0\n if r0 == 1 goto l\n exit\n"),
	RUNS(1, "w0 = 0\nl: w0 += 1\n if w0 < 10 goto l\n w0 -= 9\n exit\n"),
	RUNS(1, "w0 = 0\n gotol l\nm: exit\nl: w0 += 1\n if w0 s< 1 goto l\n"
	     "goto m\n"),

	/* registers */
	TRAPS("0: r3 is not initialized", "r0 = r3\n exit\n"),
	TRAPS("r3 is not initialized", "w0 = w3\n exit\n"),
	TRAPS("r0 is not initialized", "exit\n"),
	TRAPS("r2 is not initialized", "w0 = 1\n r0 += r2\n exit\n"),
	TRAPS("r2 is not initialized", "w0 = 1\n r2 += 1\n exit\n"),
	TRAPS("r2 is not initialized", "w0 = 1\n w2 += 1\n exit\n"),
	TRAPS("r2 is not initialized", "w0 = 1\n r2 = -r2\n exit\n"),
	TRAPS("r2 is not initialized", "w0 = 1\n r2 = be32 r2\n exit\n"),
	TRAPS("r2 is not initialized", "w0 = 1\n if r2 == 0 goto l\nl: exit\n"),
	TRAPS("r2 is not initialized",
	      "w0 = 1\n if w0 == w2 goto l\nl: exit\n"),
	TRAPS("r2 is not initialized",
	      "w0 = 1\n *(u32 *)(r10 - 4) = r2\n exit\n"),
	TRAPS("r2 is not initialized", "r0 = *(u32 *)(r2 + 0)\n exit\n"),
	TRAPS("r2 is not initialized",
	      "w0 = 1\n *(u32 *)(r2 + 0) = r0\n exit\n"),
	TRAPS("the verdict is 2", "w0 = 2\n exit\n"),
	TRAPS("the verdict is 4294967296", "r0 = 0x100000000 ll\n exit\n"),
	TRAPS("r0 is the context, not a number", "r0 = r1\n exit\n"),

	/* the context; one test of its own asks for every offset */
	RUNS(1, "w0 = *(u32 *)(r1 + 8)\n" IS("2")),	/* AF_INET */
	RUNS(1, "w0 = *(u8 *)(r1 + 40)\n" IS("192")),
	TRAPS("a read of 4 bytes at 72 of r1, the context",
	      "w0 = *(u32 *)(r1 + 72)\n exit\n"),
	TRAPS("a read of 4 bytes at -4", "w0 = *(u32 *)(r1 - 4)\n exit\n"),
	TRAPS("a write of 4 bytes", "w0 = 1\n *(u32 *)(r1 + 8) = w0\n exit\n"),
	STRICTER("r1 is the context, which is not moved",
		 "r1 += 8\n" PASS),
	RUNS(1, "r2 = *(u64 *)(r1 + 0)\n w0 = 1\n if r2 == 0 goto l\n"
	     "w0 = 0\nl: exit\n"),
	TRAPS("r2 may be NULL", "r2 = *(u64 *)(r1 + 0)\n"
	      "w0 = *(u32 *)(r2 + 0)\n exit\n"),

	/* the stack */
	RUNS(1, "r0 = 1\n *(u64 *)(r10 - 512) = r0\n"
	     "r0 = *(u8 *)(r10 - 512)\n exit\n"),
	RUNS(1, "r1 = 0x0102030405060708 ll\n *(u64 *)(r10 - 8) = r1\n"
	     "w0 = *(u16 *)(r10 - 6)\n" IS("0x0506")),
	RUNS(1, "*(u64 *)(r10 - 8) = -1\n *(u8 *)(r10 - 5) = 2\n"
	     "r1 = *(u32 *)(r10 - 8)\n r2 = 0x02ffffff ll\n w0 = 0\n"
	     "if r1 != r2 goto l\n r1 = *(u32 *)(r10 - 4)\n"
	     "if w1 != -1 goto l\n w0 = 1\nl: exit\n"),
	RUNS(1, "r2 = r10\n r2 += -16\n w0 = 1\n *(u16 *)(r2 + 4) = r0\n"
	     "w0 = *(u16 *)(r10 - 12)\n" IS("1")),
	RUNS(1, "r2 = -16\n r2 += r10\n w0 = 1\n *(u16 *)(r2 + 4) = r0\n"
	     "w0 = *(u16 *)(r10 - 12)\n" IS("1")),
	TRAPS("r2 is the stack, which is not moved",
	      "r2 = r10\n r2 -= 8\n" PASS),
	RUNS(1, "r0 = r10\n r0 += -8\n *(u32 *)(r10 - 8) = 3\n"
	     "w0 = *(u32 *)(r0 + 0)\n" IS("3")),
	TRAPS("at -516 of r10, the stack",
	      "w0 = 1\n *(u32 *)(r10 - 516) = r0\n exit\n"),
	TRAPS("at 0 of r10", "w0 = 1\n *(u8 *)(r10 + 0) = r0\n exit\n"),
	TRAPS("at -4 of r10", "r0 = 1\n *(u64 *)(r10 - 4) = r0\n exit\n"),
	TRAPS("at -6 of r10", "w0 = 1\n *(u32 *)(r10 - 6) = r0\n exit\n"),
	STRICTER("never written", "r0 = *(u32 *)(r10 - 4)\n" PASS),
	STRICTER("never written", "w0 = 1\n *(u16 *)(r10 - 4) = r0\n"
		 "w0 = *(u32 *)(r10 - 4)\n" PASS),
	STRICTER("r1 is the context, not a number",
		 "*(u64 *)(r10 - 8) = r1\n" PASS),

	/* .rodata */
	RUNS(1, "r1 = skpol_rodata + 8 ll\n w0 = *(u32 *)(r1 + 0)\n"
	     "w2 = *(u32 *)(r1 - 8)\n w0 -= 6\n w0 *= w2\n exit\n"),
	RUNS(1, "r1 = skpol_rodata ll\n w2 = *(u8 *)(r1 + 8)\n r1 += r2\n"
	     "w0 = *(u8 *)(r1 - 7)\n exit\n"),
	RUNS(1, "r1 = skpol_rodata ll\n r0 = *(u64 *)(r1 + 8)\n r0 >>= 63\n"
	     "exit\n"),
	TRAPS("at 16 of r1, .rodata",
	      "r1 = skpol_rodata ll\n w0 = *(u32 *)(r1 + 16)\n exit\n"),
	TRAPS("at -1 of r1", "r1 = skpol_rodata ll\n w0 = *(u8 *)(r1 - 1)\n"
	      "exit\n"),
	TRAPS("at 16 of r1", "r1 = skpol_rodata + 8 ll\n"
	      "r0 = *(u64 *)(r1 + 8)\n exit\n"),
	TRAPS("outside .rodata", "r1 = skpol_rodata + 16 ll\n" PASS),
	TRAPS("a write of 4 bytes", "r1 = skpol_rodata ll\n w0 = 1\n"
	      "*(u32 *)(r1 + 0) = w0\n exit\n"),
	STRICTER("a read of 4 bytes at 2",
		 "r1 = skpol_rodata ll\n r0 = *(u32 *)(r1 + 2)\n" PASS),

	/* arithmetic and compares of pointers */
	TRAPS("r2 is the stack, not a number", "r2 = r10\n r2 *= 2\n" PASS),
	TRAPS("r2 is the stack, not a number", "r2 = r10\n w2 += 2\n" PASS),
	TRAPS("r2 is the stack, not a number", "r2 = r10\n r2 &= -8\n" PASS),
	TRAPS("r2 is the stack, not a number",
	      "r2 = r10\n r3 = 1\n r3 -= r2\n" PASS),
	TRAPS("not a number", "r2 = r10\n r2 += r10\n" PASS),
	STRICTER("r10 is the stack, not a number", "w2 = w10\n" PASS),
	STRICTER("r2 is the stack, which is not moved",
		 "r2 = r10\n r2 -= r10\n" PASS),
	STRICTER("r10 is the stack, not a number",
		 "w0 = 1\n if r10 == 0 goto l\nl: exit\n"),
	STRICTER("r1 is the context, not a number",
		 "w0 = 1\n if w1 == 0 goto l\nl: exit\n"),
	STRICTER("r2 is the stack, not a number",
		 "r2 = r10\n r2 = -r2\n" PASS),
	TRAPS("r1 is a map, which is not moved",
	      "r1 = sockets ll\n r1 += 8\n" PASS),
	TRAPS("a read of 4 bytes at 0 of r1, a number",
	      "w1 = 0\n w0 = *(u32 *)(r1 + 0)\n exit\n"),

	/* counters */
	RUNS(1, COUNTER_0 "if r0 == 0 goto l\n r1 = 5\n"
	     "*(u64 *)(r0 + 56) = r1\n w0 = *(u8 *)(r0 + 56)\nl: "
	     IS("5")),
	RUNS(0, COUNTER_2 "r7 = r0\n if r0 != 0 goto l\n r0 = r7\n exit\n"
	     "l: w0 = 1\n exit\n"),
	RUNS(1, COUNTER_0 "r7 = r0\n if r0 == 0 goto l\n"
	     "r1 = *(u64 *)(r7 + 0)\nl: w0 = 1\n exit\n"),
	TRAPS("r0 may be NULL", COUNTER_0 "r0 = *(u64 *)(r0 + 0)\n" PASS),
	TRAPS("r0 may be NULL", COUNTER_0 "*(u64 *)(r0 + 0) = 1\n" PASS),
	TRAPS("r0 is a counter or NULL, which is not moved",
	      COUNTER_0 "r0 += 8\n" PASS),
	TRAPS("r7 may be NULL", COUNTER_0 "r7 = r0\n" ANOTHER
	      "if r0 == 0 goto l\n r1 = *(u64 *)(r7 + 0)\nl: " PASS),
	TRAPS("at 64 of r0, a counter", COUNTER_0 "if r0 == 0 goto l\n"
	      "r1 = *(u64 *)(r0 + 64)\nl: " PASS),
	TRAPS("at 60 of r0, a counter", COUNTER_0 "if r0 == 0 goto l\n"
	      "*(u64 *)(r0 + 60) = 1\nl: " PASS),
	STRICTER("r0 is a counter, not a number",
		 COUNTER_0 "if r0 == 1 goto l\nl: " PASS),
	STRICTER("r0 is a counter, not a number",
		 COUNTER_0 "if r0 s> 0 goto l\nl: " PASS),
	TRAPS("at -8 of r0", COUNTER_0 "if r0 == 0 goto l\n"
	      "r0 += -8\n r1 = *(u64 *)(r0 + 0)\nl: " PASS),
	RUNS(1, COUNTER_0 "if r0 == 0 goto l\n r1 = 7\n r0 += 16\n"
	     "r0 -= 8\n *(u64 *)(r0 + 0) = r1\n"
	     "r0 = *(u64 *)(r0 + 0)\nl: " IS("7")),
	STRICTER("r0 is a counter, not a number", COUNTER_0
		 "if w0 == 0 goto l\nl: " PASS),
	STRICTER("was not written",
		 "r1 = counters ll\n r2 = r10\n r2 += -4\n call 1\n" PASS),
	TRAPS("r2 is not 4 bytes of the stack",
	      "r1 = counters ll\n r2 = 0\n call 1\n" PASS),
	TRAPS("r2 is not 4 bytes of the stack",
	      "*(u32 *)(r10 - 4) = 0\n r1 = counters ll\n r2 = r10\n"
	      "r2 += -2\n call 1\n" PASS),
	TRAPS("r1 is no map", "*(u32 *)(r10 - 4) = 0\n r1 = 0\n r2 = r10\n"
	      "r2 += -4\n call 1\n" PASS),
	TRAPS("r1 is no map", "*(u32 *)(r10 - 4) = 0\n r1 = events ll\n"
	      "r2 = r10\n r2 += -4\n call 1\n" PASS),
	TRAPS("r1 is no map", "*(u32 *)(r10 - 4) = 0\n"
	      "r1 = skpol_rodata ll\n r2 = r10\n r2 += -4\n call 1\n" PASS),

	/* calls */
	TRAPS("helper 84 is not known",
	      "r2 = 0\n r3 = 0\n r4 = 0\n r5 = 0\n call 84\n" PASS),
	TRAPS("helper 9999 is not known", "call 9999\n" PASS),
	RUNS(1, "r6 = r1\n call 5\n w0 = *(u32 *)(r6 + 8)\n" IS("2")),
	TRAPS("r1 is not initialized",
	      "call 8\n w0 = *(u32 *)(r1 + 8)\n exit\n"),
	TRAPS("r5 is not initialized", "r5 = 1\n call 8\n r0 = r5\n exit\n"),
	RUNS(1, "r9 = 1\n call 118\n call 7\n r0 = r9\n exit\n"),

	/* sockets */
	SELECTS(1, HELD ASSIGN("0") RELEASE "w0 = 0\n if r8 != 0 goto l\n"
		"w0 = 1\nl: exit\n" NONE),
	RUNS(1, HELD ASSIGN("4") RELEASE "w0 = 0\n if r8 != -22 goto l\n"
	     "w0 = 1\nl: exit\n" NONE),
	SELECTS(1, HELD ASSIGN("0") ASSIGN("0") RELEASE
		"w0 = 0\n if r8 != -17 goto l\n w0 = 1\nl: exit\n" NONE),
	SELECTS(1, HELD ASSIGN("2") ASSIGN("3") RELEASE
		"w0 = 0\n if r8 != 0 goto l\n w0 = 1\nl: exit\n" NONE),
	SELECTS(0, HELD ASSIGN("0") RELEASE "w0 = 0\n exit\n" NONE),
	RUNS(1, HELD ASSIGN("0") RELEASE "r9 = 0\n" ASSIGN("1")
	     "w0 = 1\n exit\n" NONE),
	SELECTS(1, HELD ASSIGN("0") RELEASE "r2 = *(u64 *)(r6 + 0)\n w0 = 1\n"
		"if r2 != 0 goto l\n w0 = 0\nl: exit\n" NONE),
	RUNS(1, "r2 = 0\n r3 = 0\n call 124\n w1 = 1\n if r0 == 0 goto l\n"
	     "w1 = 0\nl: w0 = w1\n exit\n"),
	RUNS(0, NO_SOCKET "if r0 == 0 goto l\n r1 = r0\n call 86\n"
	     "w0 = 1\n exit\nl: exit\n"),
	TRAPS("a socket is not released", HELD "w0 = 1\n exit\n" NONE),
	TRAPS("a socket is not released", HELD ASSIGN("0") "w0 = 1\n exit\n"
	      NONE),
	TRAPS("a socket is not released", SOCKET "w0 = 1\n exit\n"),
	TRAPS("a socket is not released", NO_SOCKET PASS),
	TRAPS("a socket is not released", HELD RELEASE NO_SOCKET PASS NONE),
	TRAPS("a second socket", NO_SOCKET "if r0 != 0 goto l\n" NO_SOCKET
	      NO_SOCKET PASS "l: r1 = r0\n call 86\n" PASS),
	RUNS(1, NO_SOCKET "if r0 != 0 goto l\n" NO_SOCKET
	     "if r0 != 0 goto l\n" PASS "l: r1 = r0\n call 86\n" PASS),
	TRAPS("r1 is no socket that is held", SOCKET "r1 = r0\n call 86\n"
	      PASS),
	TRAPS("r1 is no socket that is held", HELD RELEASE "r1 = r6\n call 86\n"
	      PASS NONE),
	TRAPS("r9 is not initialized", HELD RELEASE RELEASE PASS NONE),
	TRAPS("r9 is not initialized", HELD RELEASE ASSIGN("0") PASS NONE),
	STRICTER("r2 is no socket", SOCKET "r9 = r0\n" ASSIGN("0")
		 "if r9 == 0 goto none\n" RELEASE PASS NONE),
	TRAPS("r2 is no socket", "r2 = 1\n r3 = 0\n call 124\n" PASS),
	TRAPS("r1 is not the context", HELD "r1 = r10\n r2 = r9\n r3 = 0\n"
	      "call 124\n" RELEASE PASS NONE),
	TRAPS("r3 is no flags", HELD "r1 = r6\n r2 = r9\n call 124\n" RELEASE
	      PASS NONE),
	TRAPS("r1 is no socket that is held", HELD ASSIGN("0") RELEASE
	      "r1 = *(u64 *)(r6 + 0)\n if r1 == 0 goto none\n call 86\n"
	      PASS NONE),
	STRICTER("a second socket", HELD "r7 = r9\n w1 = 1\n"
		 "r1 = sockets ll\n r2 = r10\n r2 += -4\n call 1\n"
		 "r1 = r7\n call 86\n" PASS NONE),

	/* events */
	RUNS(1, EVENT "if r0 == 0 goto l\n" WHOLE SUBMIT "l: " PASS),
	RUNS(1, EVENT "if r0 == 0 goto l\n" DISCARD "l: " PASS),
	RUNS(1, EVENT "if r0 == 0 goto l\n" WHOLE "w1 = *(u32 *)(r0 + 60)\n"
	     SUBMIT "l: " PASS),
	TRAPS("an event is not submitted", EVENT "if r0 == 0 goto l\n"
	      WHOLE "l: " PASS),
	TRAPS("an event is not submitted", EVENT PASS),
	TRAPS("r0 may be NULL", EVENT WHOLE SUBMIT PASS),
	TRAPS("r1 is not the beginning of an event", EVENT SUBMIT PASS),
	TRAPS("r1 is not the beginning of an event", EVENT
	      "if r0 == 0 goto l\n" WHOLE "r1 = r10\n r2 = 0\n call 132\nl: "
	      PASS),
	TRAPS("r1 is not the beginning of an event", EVENT
	      "if r0 == 0 goto l\n r1 = r0\n r1 += 8\n r2 = 0\n call 133\nl: "
	      PASS),
	TRAPS("at 64 of r0, an event", EVENT "if r0 == 0 goto l\n"
	      "r1 = *(u8 *)(r0 + 64)\n" DISCARD "l: " PASS),
	TRAPS("r2 is no flags", EVENT "if r0 == 0 goto l\n" WHOLE
	      "r1 = r0\n call 132\nl: " PASS),
	TRAPS("r9 is not initialized", EVENT "if r0 == 0 goto l\n r9 = r0\n"
	      WHOLE SUBMIT "r1 = *(u32 *)(r9 + 0)\nl: " PASS),
	TRAPS("at 64 of r0, an event", EVENT "if r0 == 0 goto l\n"
	      "*(u8 *)(r0 + 64) = 1\n" DISCARD "l: " PASS),
	STRICTER("not wholly written", EVENT "if r0 == 0 goto l\n" SUBMIT
		 "l: " PASS),
	STRICTER("never written", EVENT "if r0 == 0 goto l\n"
		 "w1 = *(u32 *)(r0 + 4)\n" DISCARD "l: " PASS),
	STRICTER("r2 is not the size", "r1 = events ll\n r2 = 8\n r3 = 0\n"
		 "call 131\n if r0 == 0 goto l\n" DISCARD "l: " PASS),
	TRAPS("r1 is not the map of events", "r1 = counters ll\n r2 = 64\n"
	      "r3 = 0\n call 131\n" PASS),
	RUNS(1, FILLED OUTPUT("0") IS("0")),
	RUNS(1, FILLED OUTPUT("1") IS("0")),
	RUNS(1, FILLED OUTPUT("4") IS("-22")),
	TRAPS("r2 is not initialized", FILLED OUTPUT("0")
	      "r0 = r2\n exit\n"),
	TRAPS("r1 is not the map of events", FILLED
	      "r1 = counters ll\n r3 = 64\n r4 = 0\n call 130\n" PASS),
	TRAPS("r2 is not 64 bytes of the stack", FILLED "r2 += 8\n"
	      OUTPUT("0") PASS),
	TRAPS("r2 is not 64 bytes of the stack", "r2 = 1\n"
	      OUTPUT("0") PASS),
	STRICTER("the stack at r2 was not written", FILLED "r2 += -8\n"
		 OUTPUT("0") PASS),
	STRICTER("r3 is not the size of an event", FILLED
		 "r1 = events ll\n r3 = 8\n r4 = 0\n call 130\n" PASS),
	TRAPS("r4 is no flags", FILLED "r1 = events ll\n r3 = 64\n"
	      "call 130\n" PASS),
};
const size_t nprograms = sizeof(programs) / sizeof(programs[0]);

/* --------------------------------------------------------------- world */

void fixture_image(struct arena *a, const char *text, struct image *out)
{
	static const uint32_t rodata[] = { 1, 0, 7, 0x80000000 };
	struct assembled as;
	struct assemble_error e;

	if (!assemble(a, text, strlen(text), &as, &e)) {
		fprintf(stderr, "%s\n%u:%u: %s\n", text, e.line, e.column,
			e.text);
		exit(1);
	}
	code_to_image(a, &as.code, out);
	out->rodata = arena_alloc(a, sizeof(rodata));
	memcpy(out->rodata, rodata, sizeof(rodata));
	out->rodata_size = sizeof(rodata);
	out->ncounters = FIXTURE_COUNTERS;
	out->nslots = FIXTURE_SLOTS;
	out->events = true;
}

void fixture_packet(struct packet *p)
{
	static const char text[] = "tcp 203.0.113.9:50000 -> 192.0.2.1:443";
	char error[PACKET_ERROR_MAX];

	if (!packet_parse(text, strlen(text), p, error))
		abort();
}
