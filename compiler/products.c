/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * products - a diagram, level by level
 *
 * In: see products.h. Out: tables of products. The nodes that are reached so far
 * are the rows; all their cuts are the intervals; and intervals that lead to the
 * same node from each row are one column.
 */
#include "products.h"

#include <stdlib.h>
#include <string.h>

#include "../grammar/arena.h"
#include "diagram.h"
#include "resolve.h"

enum {
	/* Of all tables, as usual: a second cache, where it is small. Instead of
	 * larger ones trees are up to twice as slow, warm, and up to six times as
	 * fast, cold. */
	MAX_BYTES = 1 << 20,
	ALWAYS_BYTES = 16 << 20,
	MAX_CUTS = 2000000,	/* of the diagram */
	MAX_STEPS = 4000000,	/* of making it */
	MAX_CELLS = 16000000,	/* rows times intervals */
	PARTS = 2,		/* protocols */
};

/* What is asked for early is told apart wholly: addresses where few rules of one
 * pair differ by ports, the local port where many do. Protocol and local port are
 * one. */
static const struct {
	uint8_t fields[FIELD_COUNT], sequence[PRODUCT_FIELDS];
} orders[] = {
	{ { FIELD_FAMILY, FIELD_LADDR4, FIELD_RADDR4, FIELD_PROTOCOL,
	    FIELD_LPORT, FIELD_RPORT, FIELD_LADDR6, FIELD_RADDR6, FIELD_IFNAME,
	    FIELD_IFINDEX },
	  { PRODUCT_LOCAL, PRODUCT_REMOTE, PRODUCT_LPORT, PRODUCT_RPORT } },
	{ { FIELD_FAMILY, FIELD_LADDR4, FIELD_PROTOCOL, FIELD_LPORT,
	    FIELD_RADDR4, FIELD_RPORT, FIELD_LADDR6, FIELD_RADDR6, FIELD_IFNAME,
	    FIELD_IFINDEX },
	  { PRODUCT_LOCAL, PRODUCT_LPORT, PRODUCT_REMOTE, PRODUCT_RPORT } },
};

static const struct {
	uint8_t field, bits[RADIX_LEVELS], nlevels;
} shapes[PRODUCT_FIELDS] = {
	[PRODUCT_LOCAL] = { FIELD_LADDR4, { 16, 8, 8 }, 3 },
	[PRODUCT_REMOTE] = { FIELD_RADDR4, { 16, 8, 8 }, 3 },
	[PRODUCT_LPORT] = { FIELD_LPORT, { 9, 8 }, 2 },
	[PRODUCT_RPORT] = { FIELD_RPORT, { 8, 8 }, 2 },
};

struct rows {			/* what is known */
	dref *v;
	size_t n, cap;
	uint32_t *of_node, *of_leaf;	/* 1 + the row, or 0 */
};

struct find {
	struct arena *a;
	const struct diagram *d;
	struct rows rows, next;
	enum product_field field;	/* at hand, and: */
	uint32_t parts;
	uint32_t *cuts;
	size_t ncuts, cuts_cap;
	dref *cells;		/* where each interval leads, row by row */
	size_t nleaves;
};

static const struct dnode *inner(const struct diagram *d, dref r)
{
	return dref_is_leaf(r) ? NULL : &d->nodes[r];
}

/* What is left of R for the protocol PART. */
static dref part_of(const struct find *f, dref r, uint32_t part)
{
	const struct dnode *n = inner(f->d, r);

	return f->parts > 1 && n && n->field == FIELD_PROTOCOL ?
		n->children[part] : r;
}

/* The node that asks for the field at hand, or NULL. */
static const struct dnode *asking(const struct find *f, dref r)
{
	const struct dnode *n = inner(f->d, r);

	return n && n->field == shapes[f->field].field ? n : NULL;
}

static void add_cuts(struct find *f, dref r, uint32_t part)
{
	const struct dnode *n = asking(f, r);

	for (uint32_t i = 0; n && i < n->ncuts; i++)
		*arena_push(f->a, f->cuts, f->ncuts, f->cuts_cap) =
			(part << PRODUCT_PROTOCOL_SHIFT) + (uint32_t)n->cuts[i];
}

static int rising(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void find_cuts(struct find *f)
{
	size_t n = 0;

	f->ncuts = 0;
	for (uint32_t part = 0; part < f->parts; part++) {
		if (part)
			*arena_push(f->a, f->cuts, f->ncuts, f->cuts_cap) =
				part << PRODUCT_PROTOCOL_SHIFT;
		for (size_t i = 0; i < f->rows.n; i++)
			add_cuts(f, part_of(f, f->rows.v[i], part), part);
	}
	if (f->ncuts)
		qsort(f->cuts, f->ncuts, sizeof(*f->cuts), rising);
	for (size_t i = 0; i < f->ncuts; i++)
		if (!n || f->cuts[n - 1] != f->cuts[i])
			f->cuts[n++] = f->cuts[i];
	f->ncuts = n;
}

/* Where the intervals lead from R. */
static void fill_row(const struct find *f, dref r, dref *row)
{
	const struct dnode *n = NULL;
	dref of_part = r;
	uint32_t at = 0;

	for (size_t i = 0; i <= f->ncuts; i++) {
		uint32_t low = i ? f->cuts[i - 1] : 0, part = 0;

		if (f->parts > 1)
			part = low >> PRODUCT_PROTOCOL_SHIFT;
		low -= part << PRODUCT_PROTOCOL_SHIFT;
		if (!i || (f->parts > 1 && !low)) {
			of_part = part_of(f, r, part);
			n = asking(f, of_part);
			at = 0;
		}
		while (n && at < n->ncuts && n->cuts[at] <= low)
			at++;
		row[i] = n ? n->children[at] : of_part;
	}
}

static bool fill_cells(struct find *f)
{
	size_t width = f->ncuts + 1;

	if (width * f->rows.n > MAX_CELLS)
		return false;
	f->cells = arena_array(f->a, width * f->rows.n, sizeof(*f->cells));
	for (size_t i = 0; i < f->rows.n; i++)
		fill_row(f, f->rows.v[i], f->cells + i * width);
	return true;
}

/* ---------------------------------------------------------------- columns */

/* The column of each interval, and an interval of each column; how many columns, 0
 * if they are too many. */
static uint32_t find_columns(const struct find *f, uint16_t *column,
			     size_t *interval)
{
	size_t width = f->ncuts + 1;
	dref *v = arena_array(f->a, f->rows.n, sizeof(*v));
	struct symtab seen = { 0 };
	uint32_t n = 0;

	for (size_t i = 0; i < width && n < UINT16_MAX; i++) {
		uint32_t k;

		for (size_t row = 0; row < f->rows.n; row++)
			v[row] = f->cells[row * width + i];
		k = symtab_add(f->a, &seen, v, f->rows.n * sizeof(*v), n);
		if (k == n)
			interval[n++] = i;
		column[i] = (uint16_t)k;
	}
	return n < UINT16_MAX ? n : 0;
}

/* The row that R is in what is known next. */
static uint32_t next_row(struct find *f, dref r)
{
	uint32_t *row = dref_is_leaf(r) ? &f->next.of_leaf[dref_action(r)] :
		&f->next.of_node[r];

	if (*row)
		return *row - 1;
	*arena_push(f->a, f->next.v, f->next.n, f->next.cap) = r;
	return (*row = (uint32_t)f->next.n) - 1;
}

static void begin_next(struct find *f)
{
	f->next = (struct rows){
		.of_node = arena_array(f->a, f->d->nnodes + 1,
				       sizeof(uint32_t)),
		.of_leaf = arena_array(f->a, f->nleaves, sizeof(uint32_t)),
	};
}

static void fill_next(struct find *f, const size_t *interval,
		      struct product *out)
{
	size_t width = f->ncuts + 1;

	while (1u << out->row_log < out->ncolumns)
		out->row_log++;
	out->next = arena_array(f->a, f->rows.n << out->row_log,
				sizeof(*out->next));
	for (size_t i = 0; i < f->rows.n; i++)
		for (uint32_t k = 0; k < out->ncolumns; k++)
			out->next[(i << out->row_log) + k] = (uint16_t)
				next_row(f, f->cells[i * width + interval[k]]);
}

/* From one row the columns are what is known next, in the same order. */
static void take_columns(struct find *f, const size_t *interval, uint32_t n)
{
	for (uint32_t k = 0; k < n; k++)
		next_row(f, f->cells[interval[k]]);
}

static bool make_product(struct find *f, struct product *out)
{
	uint16_t *column = arena_array(f->a, f->ncuts + 1, sizeof(*column));
	size_t *interval = arena_array(f->a, f->ncuts + 1, sizeof(*interval));
	struct radix_input in = {
		.bits = shapes[f->field].bits,
		.nlevels = shapes[f->field].nlevels, .cuts = f->cuts,
		.ncuts = f->ncuts, .values = column, .max_bytes = MAX_BYTES,
	};

	if (!fill_cells(f))
		return false;
	out->ncolumns = find_columns(f, column, interval);
	out->asked = out->ncolumns > 1;
	if (out->ncolumns <= 1)
		return out->ncolumns;
	in.nvalues = out->ncolumns;
	begin_next(f);
	out->nrows = (uint32_t)f->rows.n;
	if (f->rows.n > 1)
		fill_next(f, interval, out);
	else
		take_columns(f, interval, out->ncolumns);
	f->rows = f->next;
	return f->rows.n < UINT16_MAX && radix_build(f->a, &in, &out->columns);
}

/* ------------------------------------------------------------------ all */

static struct diagram *diagram_of(struct arena *a, const struct policy *p,
				  const struct effects *e, const uint8_t *order)
{
	const struct iset *four = iset_range(a, 0, 0);
	struct diagram_options o = { .order = order, .max_cuts = MAX_CUTS,
				     .max_steps = MAX_STEPS };
	struct term box = { .set[FIELD_FAMILY] = four };
	struct diagram *d = diagram_within(a, p, &box, &o);

	/* the default holds all packets: none has no action */
	return d ? diagram_map_leaves(a, d, e->of_action, DREF_LEAF) : NULL;
}

/* What is done in the end; false: it is not as simple, or not known yet. */
static bool find_steps(struct find *f, const struct effects *e,
		       struct products *out)
{
	uint16_t *step = arena_array(f->a, f->rows.n, sizeof(*step));

	for (size_t i = 0; i < f->rows.n; i++) {
		dref r = f->rows.v[i];
		const struct effect *x;

		if (!dref_is_leaf(r))
			return false;
		x = &e->v[dref_action(r)];
		if (x->kind == EFFECT_SPLIT || x->first > UINT16_MAX)
			return false;
		step[i] = (uint16_t)x->first;
	}
	out->step = step;
	return true;
}

static size_t bytes_of_rows(const struct product *x)
{
	return x->next ? sizeof(*x->next) * x->nrows << x->row_log : 0;
}

/* Whether some rule of IPv4 asks for FIELD: cheap to find out, of any policy. */
static bool is_asked(const struct policy *p, enum field field)
{
	for (size_t i = 0; i < p->nclauses; i++)
		for (size_t k = 0; k < p->clauses[i].terms.n; k++)
			if (p->clauses[i].terms.v[k].set[field])
				return true;
	return false;
}

static bool are_worth_it(const struct products *p, bool always)
{
	int asked = 0;

	for (int i = 0; i < PRODUCT_FIELDS; i++)
		asked += p->of[i].asked;
	return always ? asked > 1 : p->of[PRODUCT_LOCAL].asked &&
		p->of[PRODUCT_REMOTE].asked;
}

/* In less than MOST bytes. */
static bool make_all(struct find *f, size_t most, struct products *out)
{
	*arena_push(f->a, f->rows.v, f->rows.n, f->rows.cap) = f->d->root;
	for (int i = 0; i < PRODUCT_FIELDS; i++) {
		struct product *x = &out->of[out->sequence[i]];

		f->field = (enum product_field)out->sequence[i];
		f->parts = f->field == PRODUCT_LPORT ? PARTS : 1;
		find_cuts(f);
		if (!make_product(f, x))
			return false;
		out->bytes += radix_bytes(&x->columns) + bytes_of_rows(x);
		if (out->bytes >= most)
			return false;
	}
	return true;
}

static bool find_in_order(struct arena *a, const struct products_input *in,
			  size_t order, size_t most, struct products *out)
{
	struct find f = { .a = a, .nleaves = in->effects->n };

	*out = (struct products){ .sequence = orders[order].sequence };
	f.d = diagram_of(a, in->policy, in->effects, orders[order].fields);
	return f.d && make_all(&f, most, out) && are_worth_it(out, in->always) &&
		find_steps(&f, in->effects, out);
}

void products_find(struct arena *a, const struct products_input *in,
		   struct products *out)
{
	size_t most = in->always ? ALWAYS_BYTES : MAX_BYTES;

	*out = (struct products){ .any = false };
	if (!in->always && (!is_asked(in->policy, FIELD_LADDR4) ||
			    !is_asked(in->policy, FIELD_RADDR4)))
		return;
	for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
		struct products p;

		if (!find_in_order(a, in, i, most, &p))
			continue;
		p.any = true;
		most = p.bytes;
		*out = p;
	}
}
