/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * disassemble - bytes to text
 *
 * In: an image. Out: text by the patterns of opcode.def; `.8byte` for bytes
 * that no pattern makes, so that nothing is left out or made up.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "assemble.h"
#include "opcode.h"

enum { START = 1, TARGET = 2 };		/* marks of a slot */

struct line {			/* one instruction, while it is written */
	const struct image *m;
	size_t i;
	bool by_label;		/* jumps as `goto L12`, else `goto +3` */
	char *buf;
	size_t size, n;
};

__attribute__((format(printf, 2, 3)))
static void put(struct line *l, const char *fmt, ...)
{
	size_t room = l->n < l->size ? l->size - l->n : 0;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(room ? l->buf + l->n : NULL, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		l->n += (size_t)n;
}

/* ------------------------------------------------------------ decode */

/* NULL: the bytes are no instruction of ours. */
static const struct opcode *decode(const struct image *m, size_t at)
{
	for (size_t i = 0; i < nopcodes; i++)
		if (opcode_fits(&opcodes[i], &m->insns[at],
				m->ninsns - at))
			return &opcodes[i];
	return NULL;
}

static size_t slots(const struct opcode *op)
{
	return op && op->code == OPCODE_WIDE ? 2 : 1;
}

/* How far it jumps; false: it does not. */
static bool distance(const struct bpf_insn *i, const struct opcode *op,
		     int64_t *d)
{
	if (!op || !opcode_has(op->pattern, "lL"))
		return false;
	*d = opcode_has(op->pattern, "L") ? i->imm : i->off;
	return true;
}

/* Where it jumps to, the end included; false: outside, or it does not jump. */
static bool target(const struct image *m, size_t at, const struct opcode *op,
		   size_t *to)
{
	int64_t d;

	if (!distance(&m->insns[at], op, &d))
		return false;
	d += (int64_t)at + 1;
	*to = (size_t)d;
	return d >= 0 && d <= (int64_t)m->ninsns;
}

/* ------------------------------------------------------------- print */

static void put_wide(struct line *l)
{
	const struct bpf_insn *i = &l->m->insns[l->i];
	size_t low = 0, high = l->m->nrelocs;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (l->m->relocs[middle].insn < l->i)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == l->m->nrelocs || l->m->relocs[low].insn != l->i) {
		put(l, "0x%" PRIx64, (uint64_t)(uint32_t)i[1].imm << 32 |
		    (uint32_t)i[0].imm);
		return;
	}
	put(l, "%s", map_names[l->m->relocs[low].map]);
	if (l->m->relocs[low].offset)
		put(l, "+%" PRIu32, l->m->relocs[low].offset);
}

static void put_target(struct line *l, int64_t d)
{
	if (l->by_label)
		put(l, "L%" PRId64, (int64_t)l->i + 1 + d);
	else
		put(l, "%+" PRId64, d);
}

static void put_operand(struct line *l, char letter)
{
	const struct bpf_insn *i = &l->m->insns[l->i];

	switch (letter) {
	case 'd':
	case 'D':
		put(l, "%c%d", letter == 'd' ? 'r' : 'w', i->dst_reg);
		break;
	case 's':
	case 'S':
		put(l, "%c%d", letter == 's' ? 'r' : 'w', i->src_reg);
		break;
	case 'i':
	case 'u':
		put(l, "%" PRId32, i->imm);
		break;
	case 'o':
		put(l, " %c %d", i->off < 0 ? '-' : '+', abs(i->off));
		break;
	case 'l':
		put_target(l, i->off);
		break;
	case 'L':
		put_target(l, i->imm);
		break;
	case 'm':
		put_wide(l);
		break;
	default:
		put(l, "%c", letter);
	}
}

static void put_raw(struct line *l)
{
	const struct bpf_insn *i = &l->m->insns[l->i];

	put(l, ".8byte 0x%016" PRIx64, (uint64_t)(uint32_t)i->imm << 32 |
	    (uint64_t)(uint16_t)i->off << 16 | (uint64_t)i->src_reg << 12 |
	    (uint64_t)i->dst_reg << 8 | i->code);
}

static void put_insn(struct line *l, const struct opcode *op)
{
	if (!op) {
		put_raw(l);
		return;
	}
	for (const char *p = op->pattern; *p; p++) {
		if (*p == '%')
			put_operand(l, *++p);
		else
			put(l, "%c", *p);
	}
}

int disassemble_insn(const struct image *m, size_t i, char *buf, size_t size)
{
	struct line l = { .m = m, .i = i, .buf = buf, .size = size };
	const struct opcode *op = decode(m, i);

	put_insn(&l, op);
	return (int)slots(op);
}

/* ----------------------------------------------------- whole program */

static void mark(const struct image *m, uint8_t *marks)
{
	const struct opcode *op;
	size_t to;

	marks[m->ninsns] = START;
	for (size_t i = 0; i < m->ninsns; i += slots(op)) {
		op = decode(m, i);
		marks[i] |= START;
		if (target(m, i, op, &to))
			marks[to] |= TARGET;
	}
}

static void print(const struct image *m, const uint8_t *marks, FILE *out)
{
	const struct opcode *op;
	char buf[128];
	size_t to;

	for (size_t i = 0; i < m->ninsns; i += slots(op)) {
		struct line l = { .m = m, .i = i, .by_label = true,
				  .buf = buf, .size = sizeof(buf) };
		int64_t d;

		op = decode(m, i);
		if (marks[i] & TARGET)
			fprintf(out, "L%zu:\n", i);
		if (distance(&m->insns[i], op, &d) &&
		    !(target(m, i, op, &to) && marks[to] & START))
			put_raw(&l);
		else
			put_insn(&l, op);
		fprintf(out, "\t%s\n", buf);
	}
	if (marks[m->ninsns] & TARGET)
		fprintf(out, "L%zu:\n", m->ninsns);
}

void disassemble(const struct image *m, FILE *out)
{
	uint8_t *marks = calloc(m->ninsns + 1, 1);

	if (!marks) {
		fputs("# no memory to disassemble with\n", out);
		return;
	}
	mark(m, marks);
	print(m, marks, out);
	free(marks);
}
