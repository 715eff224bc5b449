/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fixture_operation - what operations mean, said in another way
 *
 * Results are computed with numbers of 128 bits, by division and powers of two,
 * or bit by bit, so that no mistake is made twice.
 */
#include "fixture_interp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef __int128 i128;

static const uint64_t edges[] = {
	0, 1, 2, 7, 31, 32, 33, 63, 64, 100, 0x7fffffff, 0x80000000,
	0x80000001, 0xfffffffe, 0xffffffff, 0x100000000, 0x123456789abcdef0,
	0x7fffffffffffffff, 0x8000000000000000, 0xffffffff80000000,
	0xfffffffffffffffe, 0xffffffffffffffff,
};
enum { EDGES = sizeof(edges) / sizeof(edges[0]) };

static i128 power(unsigned int n)
{
	return (i128)1 << n;
}

static i128 as_signed(u128 x, unsigned int bits)
{
	return x >= (u128)power(bits - 1) ? (i128)x - power(bits) : (i128)x;
}

/* Bit by bit: the one of `ones` pairs of bits of which the result has one. */
static u128 bitwise(u128 x, u128 y, const char ones[4])
{
	u128 v = 0;

	for (unsigned int i = 0; i < 64; i++)
		if (ones[(x >> i & 1) * 2 + (y >> i & 1)] == '1')
			v += (u128)power(i);
	return v;
}

static i128 floor_divide(i128 x, i128 by)
{
	i128 rest = (x % by + by) % by;

	return (x - rest) / by;
}

/* X op Y of BITS, by another arithmetic: of 128 bits, without bits. */
static uint64_t computed(const char *op, unsigned int bits, uint64_t left,
			 uint64_t right)
{
	u128 whole = (u128)power(bits), x = left % whole, y = right % whole;
	unsigned int by = (unsigned int)(y % bits);

	if (!strcmp(op, "+="))
		return (uint64_t)((x + y) % whole);
	if (!strcmp(op, "-="))
		return (uint64_t)((whole + x - y) % whole);
	if (!strcmp(op, "*="))
		return (uint64_t)(x * y % whole);
	if (!strcmp(op, "/="))
		return y ? (uint64_t)(x / y) : 0;
	if (!strcmp(op, "%="))
		return y ? (uint64_t)(x - x / y * y) : (uint64_t)x;
	if (!strcmp(op, "|="))
		return (uint64_t)bitwise(x, y, "0111");
	if (!strcmp(op, "&="))
		return (uint64_t)bitwise(x, y, "0001");
	if (!strcmp(op, "^="))
		return (uint64_t)bitwise(x, y, "0110");
	if (!strcmp(op, "<<="))
		return (uint64_t)(x * (u128)power(by) % whole);
	if (!strcmp(op, ">>="))
		return (uint64_t)(x / (u128)power(by));
	if (!strcmp(op, "s>>="))
		return (uint64_t)((u128)floor_divide(as_signed(x, bits),
						     power(by)) % whole);
	return (uint64_t)y;	/* = */
}

static bool holds(const char *op, unsigned int bits, uint64_t left,
		  uint64_t right)
{
	u128 whole = (u128)power(bits);
	bool is_signed = *op == 's';
	i128 x = (i128)(left % whole), y = (i128)(right % whole);
	const char *sign = op + is_signed;

	if (is_signed) {
		x = as_signed((u128)x, bits);
		y = as_signed((u128)y, bits);
	}
	if (!strcmp(sign, "&"))
		return bitwise((u128)x, (u128)y, "0001");
	if (!strcmp(sign, "!="))
		return x != y;
	return (x < y && *sign == '<') || (x > y && *sign == '>') ||
	       (x == y && sign[1] == '=');
}

struct writer {
	FILE *out;
	char *text;
	size_t size;
};

static void begin(struct writer *w)
{
	w->out = open_memstream(&w->text, &w->size);
}

static void finish(struct writer *w, void (*each)(void *, const char *),
		   void *ctx)
{
	fputs("w0 = 1\n exit\nbad: w0 = 0\n exit\n", w->out);
	fclose(w->out);
	each(ctx, w->text);
	free(w->text);
}

static void operands(struct writer *w, uint64_t x, uint64_t y)
{
	fprintf(w->out, "r1 = 0x%llx ll\n r2 = 0x%llx ll\n",
		(unsigned long long)x, (unsigned long long)y);
}

static void check(struct writer *w, uint64_t v)
{
	fprintf(w->out, "r3 = 0x%llx ll\n if r1 != r3 goto bad\n",
		(unsigned long long)v);
}

/* Whether Y can stand in the instruction: as the kernel has it. */
static bool allowed(const char *op, unsigned int bits, uint64_t y)
{
	if ((int64_t)y != (int32_t)y)
		return false;
	if (strchr("/%", *op) && op[1])
		return y != 0;
	return !strstr(op, "<<=") && !strstr(op, ">>=") ? true : y < bits;
}

static void write_operation(struct writer *w, const char *op,
			    unsigned int bits, uint64_t x, uint64_t y)
{
	char r = bits == 64 ? 'r' : 'w';

	operands(w, x, y);
	fprintf(w->out, "%c1 %s %c2\n", r, op, r);
	check(w, computed(op, bits, x, y));
	if (!allowed(op, bits, y))
		return;
	operands(w, x, 0);
	fprintf(w->out, "%c1 %s %d\n", r, op, (int)y);
	check(w, computed(op, bits, x, y));
}

static void jump(struct writer *w, const char *condition, bool taken)
{
	static unsigned int n;

	if (taken)
		fprintf(w->out, "if %s goto l%u\n goto bad\nl%u:\n", condition,
			n, n);
	else
		fprintf(w->out, "if %s goto bad\n", condition);
	n++;
}

static void write_condition(struct writer *w, const char *op,
			    unsigned int bits, uint64_t x, uint64_t y)
{
	char r = bits == 64 ? 'r' : 'w', condition[64];
	bool taken = holds(op, bits, x, y);

	operands(w, x, y);
	snprintf(condition, sizeof(condition), "%c1 %s %c2", r, op, r);
	jump(w, condition, taken);
	if ((int64_t)y != (int32_t)y)
		return;
	snprintf(condition, sizeof(condition), "%c1 %s %d", r, op, (int)y);
	jump(w, condition, taken);
}

static void each_pair(const char *op, unsigned int bits,
		      void (*write)(struct writer *, const char *,
				    unsigned int, uint64_t, uint64_t),
		      void (*each)(void *, const char *), void *ctx)
{
	struct writer w;

	begin(&w);
	for (int i = 0; i < EDGES; i++)
		for (int k = 0; k < EDGES; k++)
			write(&w, op, bits, edges[i], edges[k]);
	finish(&w, each, ctx);
}

static uint64_t swapped(uint64_t x, unsigned int bytes)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < bytes; i++)
		v = v * 256 + (x >> 8 * i) % 256;
	return v;
}

static void write_unary(struct writer *w, uint64_t x)
{
	operands(w, x, 0);
	fputs("r1 = -r1\n", w->out);
	check(w, computed("-=", 64, 0, x));
	operands(w, x, 0);
	fputs("w1 = -w1\n", w->out);
	check(w, computed("-=", 32, 0, x));
	for (unsigned int bytes = 2; bytes <= 8; bytes *= 2) {
		operands(w, x, 0);
		fprintf(w->out, "r1 = le%u r1\n", bytes * 8);
		check(w, bytes == 8 ? x : x % (uint64_t)power(bytes * 8));
		operands(w, x, 0);
		fprintf(w->out, "r1 = be%u r1\n", bytes * 8);
		check(w, swapped(x, bytes));
	}
}

/* Written whole or in part, read whole or in part: X under the byte 0x5a. */
static void write_memory(struct writer *w, uint64_t x)
{
	for (unsigned int bytes = 1; bytes <= 8; bytes *= 2) {
		uint64_t low = bytes == 8 ? x : x % (uint64_t)power(bytes * 8);
		uint64_t rest = bytes == 8 ? 0 : 0x5a5a5a5a5a5a5a5a -
			0x5a5a5a5a5a5a5a5a % (uint64_t)power(bytes * 8);

		operands(w, x, 0x5a5a5a5a5a5a5a5a);
		fprintf(w->out, "*(u64 *)(r10 - 8) = r2\n"
			"*(u%u *)(r10 - 8) = r1\n r1 = *(u%u *)(r10 - 8)\n",
			bytes * 8, bytes * 8);
		check(w, low);
		fputs("r1 = *(u64 *)(r10 - 8)\n", w->out);
		check(w, low + rest);
		fprintf(w->out, "*(u%u *)(r10 - 8) = %d\n"
			"r1 = *(u64 *)(r10 - 8)\n", bytes * 8, -2);
		check(w, rest + (bytes == 8 ? -(uint64_t)2 :
				 (uint64_t)power(bytes * 8) - 2));
	}
}

static void each_edge(void (*write)(struct writer *, uint64_t),
		      void (*each)(void *, const char *), void *ctx)
{
	struct writer w;

	begin(&w);
	for (int i = 0; i < EDGES; i++)
		write(&w, edges[i]);
	finish(&w, each, ctx);
}

void each_operation(void (*each)(void *ctx, const char *text), void *ctx)
{
	static const char *const arithmetic[] = {
		"+=", "-=", "*=", "/=", "%=", "|=", "&=", "^=", "<<=", ">>=",
		"s>>=", "=",
	};
	static const char *const conditions[] = {
		"==", "!=", ">", ">=", "<", "<=", "&", "s>", "s>=", "s<",
		"s<=",
	};

	for (unsigned int bits = 32; bits <= 64; bits += 32) {
		for (size_t i = 0; i < 12; i++)
			each_pair(arithmetic[i], bits, write_operation, each,
				  ctx);
		for (size_t i = 0; i < 11; i++)
			each_pair(conditions[i], bits, write_condition, each,
				  ctx);
	}
	each_edge(write_unary, each, ctx);
	each_edge(write_memory, each, ctx);
}
