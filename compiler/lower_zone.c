/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_zone - the zones of a packet, before any tree asks for them
 *
 * In: the zones of a forest. Out: code that puts each into the stack, four times
 * (block.h): a table has it for every port, and of two protocols it is which.
 * No look-up waits for another. (The proof looks for what is stored there:
 * prove_zone.c.) Tables ask for zones; compares do not, for the word itself is at
 * hand sooner.
 */
#include "lower_private.h"

enum {
	PORTS = 65536,
	PROTOCOL_SHIFT = 4,	/* IPPROTO_TCP = 6 is 0 then, UDP = 17 is 1 */
};

/* The zone of each port, in 1 or 2 bytes. */
static uint32_t add_table(struct lower *l, const struct zones *z,
			  unsigned int size)
{
	uint32_t offset, zone = 0;
	uint8_t *v = rodata_space(l->rodata, arena_printf(l->a,
				  "skpol_zones_%zu", l->rodata->nvariables),
				  PORTS, (uint8_t)size, &offset);

	for (uint32_t i = 0; v && i < PORTS; i++) {
		while (zone < z->ncuts && z->cuts[zone] <= i)
			zone++;
		v[i * size] = (uint8_t)zone;
		if (size > 1)
			v[i * size + 1] = (uint8_t)(zone >> 8);
	}
	return offset;
}

static void port(struct lower *l, enum word w, const struct zones *z)
{
	unsigned int size = z->ncuts < 256 ? 1 : 2;

	lower_load_context(l, BPF_REG_1, w);
	emit_alu32_imm(l->c, BPF_AND, BPF_REG_1, PORTS - 1);
	if (size > 1)
		emit_alu64_imm(l->c, BPF_LSH, BPF_REG_1, 1);
	emit_map(l->c, BPF_REG_3, IMAGE_RODATA, add_table(l, z, size));
	emit_alu64(l->c, BPF_ADD, BPF_REG_3, BPF_REG_1);
	emit_load(l->c, size > 1 ? BPF_H : BPF_B, BPF_REG_7, BPF_REG_3, 0);
	emit_checkpoint(l->c);
}

static void protocol(struct lower *l)
{
	lower_load_context(l, BPF_REG_7, WORD_PROTOCOL);
	emit_alu32_imm(l->c, BPF_RSH, BPF_REG_7, PROTOCOL_SHIFT);
	emit_alu32_imm(l->c, BPF_AND, BPF_REG_7, 1);
}

static void store(struct lower *l, uint32_t field)
{
	emit_imm64(l->c, BPF_REG_2, ZONE_ONES);
	emit_alu64(l->c, BPF_MUL, BPF_REG_7, BPF_REG_2);
	emit_store(l->c, BPF_DW, BPF_REG_10,
		   -(int)word_info[WORD_ZONE + field].offset, BPF_REG_7);
}

/* No table but a row has the one cut of a protocol. */
void lower_zones(struct lower *l, bool rows)
{
	const struct zoning *z = l->in->forest->zones;

	for (uint32_t f = 0; f < FIELD_COUNT; f++) {
		if (!is_zoned(z, f) || (f == FIELD_PROTOCOL && !rows))
			continue;
		if (f == FIELD_PROTOCOL)
			protocol(l);
		else
			port(l, first_word[f], &z->of[f]);
		store(l, f);
	}
}

void lower_unzone(struct lower *l, struct block *b)
{
	uint32_t *cuts, field = b->word - WORD_ZONE;

	if (b->word < WORD_ZONE)
		return;
	cuts = arena_array(l->a, b->ncuts, sizeof(*cuts));
	for (uint32_t i = 0; i < b->ncuts; i++)
		cuts[i] = (uint32_t)l->in->forest->zones->of[field]
			.cuts[b->cuts[i] - 1];
	b->cuts = cuts;
	b->word = first_word[field];
}
