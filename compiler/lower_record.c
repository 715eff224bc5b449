/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_record - a record found by a hash of words
 *
 * In: where its numbers and records are in .rodata (perfect.h), and words of the
 * packet. Out: code that leads to the one record that these words may be of. The
 * words are hashed as they are in memory: whoever wants to know compares them
 * with those of the record, so no packet depends on the hash.
 */
#include "lower_private.h"
#include "perfect.h"

enum { HASH = BPF_REG_0, SCRATCH = BPF_REG_1 };

void lower_hash_word(struct code *c, int reg, uint64_t factor, bool *first)
{
	int to = *first ? HASH : SCRATCH;

	if (!factor)
		return;
	emit_imm64(c, to, factor);
	emit_alu64(c, BPF_MUL, to, reg);
	if (!*first)
		emit_alu64(c, BPF_ADD, HASH, to);
	*first = false;
}

/* TO = the number that is read */
static void read_number(struct code *c, const struct lower_records *t, int to)
{
	emit_alu64(c, BPF_MOV, SCRATCH, HASH);
	emit_alu64_imm(c, BPF_RSH, SCRATCH, 64 - (int32_t)t->places->log);
	emit_alu64_imm(c, BPF_LSH, SCRATCH, 1);
	emit_map(c, to, IMAGE_RODATA, t->numbers);
	emit_alu64(c, BPF_ADD, to, SCRATCH);
	emit_load(c, BPF_H, to, to, 0);
}

static void add_wrapped(struct code *c, const struct perfect *p, int number)
{
	emit_alu64_imm(c, BPF_RSH, HASH, 64 - (int32_t)p->wrap_log);
	emit_alu64(c, BPF_ADD, HASH, number);
	emit_alu64_imm(c, BPF_AND, HASH, (int32_t)p->nplaces - 1);
}

/* The jump is never taken by words that have a record; a verifier does not know
 * of any. */
static void add_bounded(struct code *c, const struct perfect *p, int number,
			label others)
{
	emit_alu64_imm(c, BPF_RSH, HASH, 32);
	emit_alu64_imm(c, BPF_MUL, HASH, (int32_t)p->nplaces);
	emit_alu64_imm(c, BPF_RSH, HASH, 32);
	emit_alu64_imm(c, BPF_SUB, HASH, PERFECT_BACK * (int32_t)p->step);
	if (p->step > 1)
		emit_alu64_imm(c, BPF_MUL, number, (int32_t)p->step);
	emit_alu64(c, BPF_ADD, HASH, number);
	emit_jump64_imm(c, BPF_JGE, HASH, (int32_t)p->nplaces, others);
}

void lower_find_record(struct code *c, const struct lower_records *t, int to,
		       label others)
{
	read_number(c, t, to);
	emit_alu64_imm(c, BPF_LSH, HASH, (int32_t)t->places->log);
	if (t->places->wrap_log)
		add_wrapped(c, t->places, to);
	else
		add_bounded(c, t->places, to, others);
	emit_alu64_imm(c, BPF_LSH, HASH, (int32_t)t->record_log);
	emit_map(c, to, IMAGE_RODATA, t->records);
	emit_alu64(c, BPF_ADD, to, HASH);
}
