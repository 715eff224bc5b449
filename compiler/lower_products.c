/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lower_products - all IPv4 packets by tables alone
 *
 * In: l->in->products. Out: its tables in .rodata, and code that reads them, one
 * after the other; behind it is what is done with IPv6 packets. For each field
 * that is asked for:
 *
 *	r3 = column		the bits of the number, some at a time
 *	r7 = next[r7][r3]	what is known then
 *
 * and in the end r7 = the first of four steps. A number of 16 bits that was read is
 * compared with what there is, so that a verifier knows where the next read is: these
 * jumps are never taken, and nothing waits for them. Bytes where they are enough: they
 * need no compare, and are in the first cache more often.
 */
#include "lower_private.h"

enum {
	NODES = UINT8_MAX + 1,	/* or columns, that a byte can say */
	COST = 70,		/* tenths of a nanosecond: the same packet again */
	NUMBER = BPF_REG_2,	/* what is looked up */
	COLUMN = BPF_REG_3,
	PLACE = BPF_REG_4,	/* in a table */
	BITS = BPF_REG_5,
	KNOWN = BPF_REG_7,
};

static const char *const index_names[PRODUCT_FIELDS][RADIX_LEVELS] = {
	[PRODUCT_LOCAL] = { "skpol_local0", "skpol_local1", "skpol_local2" },
	[PRODUCT_REMOTE] = { "skpol_remote0", "skpol_remote1",
			     "skpol_remote2" },
	[PRODUCT_LPORT] = { "skpol_lport0", "skpol_lport1" },
	[PRODUCT_RPORT] = { "skpol_rport0", "skpol_rport1" },
};
static const char *const next_names[PRODUCT_FIELDS] = {
	[PRODUCT_REMOTE] = "skpol_next_remote",
	[PRODUCT_LPORT] = "skpol_next_lport",
	[PRODUCT_RPORT] = "skpol_next_rport",
};

/* ------------------------------------------------------------- the tables */

static uint8_t width_log(uint8_t width)
{
	return width > 1;
}

static uint32_t add_level(struct lower *l, enum product_field field,
			  uint32_t level)
{
	const struct radix_level *x =
		&l->in->products->of[field].columns.level[level];
	const char *name = index_names[field][level];
	size_t n = (size_t)x->n << x->bits;
	uint8_t width = radix_width(x);
	uint32_t offset;
	uint8_t *v;

	rodata_align(l->rodata, LINE);
	v = rodata_space(l->rodata, name, n, width, &offset);
	if (level)	/* a byte above leads to each of as many nodes */
		rodata_reach(l->rodata, offset +
			     (NODES << (x->bits + width_log(width))));
	for (size_t i = 0; v && i < n; i++) {
		uint8_t *to = v + i * width;

		to[0] = (uint8_t)x->v[i];	/* little endian */
		if (width > 1)
			to[1] = (uint8_t)(x->v[i] >> 8);
	}
	return offset;
}

/* N numbers of rows; or with LAST, what is done in the end. */
static uint32_t add_numbers(struct lower *l, const char *name,
			    const uint16_t *known, size_t n, bool last)
{
	uint16_t *v = arena_array(l->a, n, sizeof(*v));
	uint32_t offset;

	for (size_t i = 0; i < n; i++)
		v[i] = last ? l->in->products->step[known[i]] : known[i];
	rodata_align(l->rodata, LINE);
	offset = rodata_add(l->rodata, name, v, n, sizeof(*v));
	rodata_reach(l->rodata, offset + sizeof(*v) * (n + NODES));
	return offset;
}

/* --------------------------------------------------------------- the code */

/* REG is a number that was read, of WIDTH, less than BELOW. */
static void is_below(struct code *c, int reg, uint8_t width, uint32_t below,
		     label others)
{
	if (width > 1)
		emit_jump64_imm(c, BPF_JGE, reg, (int32_t)below, others);
}

/* PLACE += REG, times 1 << LOG */
static void add_scaled(struct code *c, int reg, uint32_t log)
{
	if (log)
		emit_alu64_imm(c, BPF_LSH, reg, (int32_t)log);
	emit_alu64(c, BPF_ADD, PLACE, reg);
}

/* BITS = those of NUMBER that LEVEL of X looks at. Of a number whose bytes were
 * turned the verifiers of 5.10 and 6.1 know nothing: a move of 32 bits bounds it. */
static void take_bits(struct code *c, const struct radix *x, uint32_t level)
{
	uint32_t bits = x->level[level].bits, below = 0;

	for (uint32_t i = level + 1; i < x->nlevels; i++)
		below += x->level[i].bits;
	emit_alu32(c, BPF_MOV, BITS, NUMBER);
	if (below)
		emit_alu64_imm(c, BPF_RSH, BITS, (int32_t)below);
	if (below + bits < 32)
		emit_alu64_imm(c, BPF_AND, BITS, (1 << bits) - 1);
}

/* COLUMN = that of NUMBER */
static void find_column(struct lower *l, enum product_field field,
			label others)
{
	const struct radix *x = &l->in->products->of[field].columns;
	struct code *c = l->c;

	for (uint32_t i = 0; i < x->nlevels; i++) {
		const struct radix_level *level = &x->level[i];
		uint8_t width = radix_width(level);
		uint32_t offset = add_level(l, field, i);

		take_bits(c, x, i);
		emit_map(c, PLACE, IMAGE_RODATA, offset);
		add_scaled(c, BITS, width_log(width));
		if (i)
			add_scaled(c, COLUMN, level->bits + width_log(width));
		emit_load(c, width > 1 ? BPF_H : BPF_B, COLUMN, PLACE, 0);
		is_below(c, COLUMN, width, level->below, others);
	}
}

/* NUMBER = what FIELD looks up; of a local port, behind the protocol */
static void load_number(struct lower *l, enum product_field field)
{
	static const uint8_t words[PRODUCT_FIELDS] = {
		[PRODUCT_LOCAL] = WORD_LADDR4, [PRODUCT_REMOTE] = WORD_RADDR4,
		[PRODUCT_LPORT] = WORD_LPORT, [PRODUCT_RPORT] = WORD_RPORT,
	};

	lower_load_context(l, NUMBER, words[field]);
	if (field != PRODUCT_LPORT)
		return;
	lower_load_context(l, BITS, WORD_PROTOCOL);
	emit_alu64_imm(l->c, BPF_AND, BITS, 1);
	emit_alu64_imm(l->c, BPF_LSH, BITS, PRODUCT_PROTOCOL_SHIFT);
	emit_alu64_imm(l->c, BPF_AND, NUMBER, UINT16_MAX);
	emit_alu64(l->c, BPF_ADD, NUMBER, BITS);
}

/* KNOWN = next[KNOWN][COLUMN] */
static void look_up(struct lower *l, enum product_field field, bool last,
		    label others)
{
	const struct product *x = &l->in->products->of[field];
	struct code *c = l->c;

	is_below(c, KNOWN, 2, x->nrows, others);
	emit_map(c, PLACE, IMAGE_RODATA,
		 add_numbers(l, next_names[field], x->next,
			     (size_t)x->nrows << x->row_log, last));
	add_scaled(c, COLUMN, 1);
	add_scaled(c, KNOWN, x->row_log + 1);
	emit_load(c, BPF_H, KNOWN, PLACE, 0);
}

static enum product_field last_asked(const struct products *p)
{
	int i = PRODUCT_FIELDS - 1;

	while (!p->of[p->sequence[i]].asked)
		i--;
	return (enum product_field)p->sequence[i];
}

static void look_up_all(struct lower *l, label others)
{
	const struct products *p = l->in->products;
	enum product_field last = last_asked(p);

	for (int i = 0; i < PRODUCT_FIELDS; i++) {
		enum product_field field = (enum product_field)p->sequence[i];
		const struct product *x = &p->of[field];

		if (!x->asked)
			continue;
		load_number(l, field);
		find_column(l, field, others);
		if (x->next)
			look_up(l, field, field == last, others);
		else
			emit_alu64(l->c, BPF_MOV, KNOWN, COLUMN);
	}
}

static void report(struct lower *l)
{
	const struct products *p = l->in->products;
	struct lower_report *r = l->in->report;

	if (!r)
		return;
	r->expected += COST;	/* of IPv4: see lower() */
	r->products.bytes = p->bytes;
	r->products.cost = COST;
	r->products.sequence = p->sequence;
	for (int i = 0; i < PRODUCT_FIELDS; i++)
		r->products.columns[i] = p->of[i].asked ? p->of[i].ncolumns : 0;
}

void lower_products(struct lower *l)
{
	label others;

	if (!l->in->products)
		return;
	report(l);
	others = code_label(l->c);
	l->c->rule = (uint32_t)l->in->policy->nrules;
	emit_load(l->c, BPF_W, BPF_REG_1, BPF_REG_6,
		  word_info[WORD_FAMILY].offset);
	emit_jump32_imm(l->c, BPF_JEQ, BPF_REG_1, AF_INET6_VALUE, others);
	look_up_all(l, others);
	lower_decide(l);
	code_place(l->c, others);
}
