/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove_load - reads of the packet and of .rodata
 *
 * In: see prove_value.h. Promise: a read outside of .rodata, or of what the
 * runtime writes there, is not understood; an interface stays a name. Where the
 * next values of the word lead to the next cells, and these hold the same, all
 * of them are read at once: of the word nothing but the address depended on
 * them (prove_line.c), so what follows is the same for each.
 */
#include <string.h>

#include "prove_value.h"

enum { INTERFACE_OFFSET = 64, SLOT = -4, CELLS_AT_ONCE = 256 };

static uint32_t word_at(const struct run *u, uint32_t offset)
{
	if (offset == INTERFACE_OFFSET)
		return u->names ? PW_IFNAME : PW_IFINDEX;
	for (uint32_t w = 0; w < PW_COUNT; w++)
		if (prove_words[w].offset == offset)
			return w;
	return PW_NONE;
}

/* Little endian, as the hosts that this is for: 1, 2, 4 or 8 bytes. */
static inline uint64_t bytes_at(const uint8_t *v, unsigned int size)
{
	uint64_t n = 0;

	switch (size) {
	case 1:
		return *v;
	case 2:
		memcpy(&n, v, 2);
		return n;
	case 4:
		memcpy(&n, v, 4);
		return n;
	default:
		memcpy(&n, v, 8);
		return n;
	}
}

static const char *read_table(struct run *u, struct val *d, uint64_t at,
			      unsigned int size)
{
	const struct prove *p = u->p;
	size_t all = p->image->rodata_size;

	if (at > all || all - at < size)
		return "reads outside of .rodata";
	if (at % size)
		return "reads between two cells";
	if (at + size > p->interfaces && at < p->interfaces_end) {
		if (size != 4)
			return "reads between two interfaces";
		*d = (struct val){ .kind = V_INTERFACE,
				   .n = (at - p->interfaces) / 4 + 1 };
		return NULL;
	}
	if (at + size > p->slots &&
	    at < p->slots + 4 * (uint64_t)p->image->nslots)
		return "reads a slot";
	*d = (struct val){ .kind = V_NUMBER,
			   .n = bytes_at(p->image->rodata + at, size) };
	return NULL;
}

/* How many cells behind the one at AT hold what it holds; at most MORE. */
static uint64_t equal_cells(const struct prove *p, uint64_t at,
			    unsigned int size, uint64_t more)
{
	const uint8_t *v = p->image->rodata;
	uint64_t end = p->image->rodata_size, n = 0;
	uint64_t first = bytes_at(v + at, size);

	if (at < p->slots && p->slots < end)
		end = p->slots;
	if (at < p->interfaces && p->interfaces < end)
		end = p->interfaces;
	if (more > CELLS_AT_ONCE)
		more = CELLS_AT_ONCE;
	while (n < more && at + (n + 2) * size <= end &&
	       bytes_at(v + at + (n + 1) * size, size) == first)
		n++;
	return n;
}

static const char *read_cells(struct run *u, struct val *d,
			      const struct val *s, int16_t off,
			      unsigned int size)
{
	uint64_t at = line_at(u, s) + (uint64_t)(int64_t)off, more = 0;
	const char *why = read_table(u, d, at, size);

	if (!why && d->kind == V_NUMBER && size == (uint64_t)1 << s->up)
		more = equal_cells(u->p, at, size, (u->high >> s->shift) -
				   (u->x >> s->shift));
	val_lower_units(u, s->shift, more);
	return why;
}

static const char *read_zone(struct run *u, struct val *d, int32_t offset,
			     unsigned int size)
{
	uint32_t f = zone_field(offset);

	if (size != 8 || f == FIELD_COUNT || !u->p->zone[f])
		return "a read of the stack where nothing is known";
	*d = val_of_word(u, PW_ZONE + f);
	d->kind = V_LANES;
	return NULL;
}

static unsigned int load_size(uint8_t code)
{
	switch (code) {
	case BPF_LDX | BPF_MEM | BPF_B: return 1;
	case BPF_LDX | BPF_MEM | BPF_H: return 2;
	case BPF_LDX | BPF_MEM | BPF_W: return 4;
	case BPF_LDX | BPF_MEM | BPF_DW: return 8;
	default: return 0;
	}
}

const char *val_load(struct run *u, const struct bpf_insn *i)
{
	struct val *d = &u->r[i->dst_reg], s;
	unsigned int size = load_size(i->code);
	uint32_t word;

	if (i->dst_reg > 9 || i->src_reg > 10 || i->imm || !size)
		return "a load that no stretch uses";
	if (i->src_reg == BPF_REG_10 && i->off == SLOT && size == 4) {
		*d = u->slot;
		return u->slot.kind == V_NUMBER ? NULL :
			"a read of the stack where nothing is known";
	}
	if (i->src_reg == BPF_REG_10)
		return read_zone(u, d, i->off, size);
	s = u->r[i->src_reg];
	if (s.kind == V_TABLE)
		return read_table(u, d, s.n + (uint64_t)(int64_t)i->off, size);
	if (s.kind == V_CELLS)
		return read_cells(u, d, &s, i->off, size);
	if (s.kind != V_CONTEXT || size != 4)
		return "a load from no place that is known";
	word = word_at(u, (uint32_t)(int32_t)i->off);
	if (word == PW_NONE)
		return "a load of no word of the context";
	if (prove_words[word].load == PROVE_HOST)
		*d = val_of_word(u, word);
	else
		*d = (struct val){ .kind = V_RAW, .word = (uint8_t)word };
	return NULL;
}

/* Of a number, into the one place of the stack that is known. */
const char *val_store(struct run *u, const struct bpf_insn *i)
{
	if (i->code != (BPF_STX | BPF_MEM | BPF_W) || i->imm ||
	    i->dst_reg != BPF_REG_10 || i->off != SLOT || i->src_reg > 9)
		return "a store in a stretch";
	u->slot = u->r[i->src_reg];
	if (!val_number(u, &u->slot))
		return "a store of no number";
	u->slot.n = (uint32_t)u->slot.n;
	return NULL;
}

const char *val_wide_load(struct run *u, const struct bpf_insn *i)
{
	const struct prove *p = u->p;
	const struct image_reloc *r;

	if (i->dst_reg > 9 || u->pc + 2 > p->image->ninsns)
		return "a constant of 64 bits where none belongs";
	u->pc++;
	if (!p->reloc[u->pc - 1]) {
		if (i->src_reg || i->off || i[1].code || i[1].dst_reg ||
		    i[1].src_reg || i[1].off)
			return "no constant of 64 bits";
		u->r[i->dst_reg] = (struct val){ .kind = V_NUMBER,
			.n = (uint32_t)i->imm |
			     (uint64_t)(uint32_t)i[1].imm << 32 };
		return NULL;
	}
	r = &p->image->relocs[p->reloc[u->pc - 1] - 1];
	if (r->map != IMAGE_RODATA)
		return "a map in a stretch";
	u->r[i->dst_reg] = (struct val){ .kind = V_TABLE, .n = r->offset };
	return NULL;
}
