/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * block - nodes of up to 128 bits to blocks of 32
 *
 * In: nodes, children first. Out: blocks. The cuts of a wide node are grouped
 * by their most significant word: a group of one cut with nothing behind that
 * word is a cut of the word, any other group is a block of its own for the
 * next word. Linear in the cuts.
 */
#include "block.h"

#include <string.h>

#include "../grammar/arena.h"

const struct word_info word_info[WORD_ALL] = {
#define WORD(id, field, shift, offset, load) \
	[WORD_##id] = { field, shift, offset, load },
#include "word.def"
#undef WORD
#define FIELD(id, name, highest) \
	[WORD_ZONE + FIELD_##id] = { FIELD_##id, 0, \
				     ZONE_SLOT + 8 * FIELD_##id, LOAD_ZONE },
#include "field.def"
#undef FIELD
};

struct pair {			/* a child, and the first word it is for */
	uint32_t from;
	bref child;
};

struct builder {
	struct arena *a;
	const struct diagram *d;
	const uint32_t *rules;
	const struct zoning *zones;	/* or NULL */
	struct blocks *out;
	bref *done;		/* by node */
	struct pair *stack;
	size_t nstack, stack_cap;
	uint32_t *index;	/* block + 1 by hash */
	size_t index_mask;
};

const uint8_t first_word[FIELD_COUNT] = {
	[FIELD_FAMILY] = WORD_FAMILY, [FIELD_PROTOCOL] = WORD_PROTOCOL,
	[FIELD_LADDR4] = WORD_LADDR4, [FIELD_LADDR6] = WORD_LADDR6_0,
	[FIELD_LPORT] = WORD_LPORT, [FIELD_RADDR4] = WORD_RADDR4,
	[FIELD_RADDR6] = WORD_RADDR6_0, [FIELD_RPORT] = WORD_RPORT,
	[FIELD_IFNAME] = WORD_IFNAME, [FIELD_IFINDEX] = WORD_IFINDEX,
};

static void add(struct builder *b, size_t mark, uint32_t from, bref child)
{
	struct pair *p;

	if (b->nstack > mark && b->stack[b->nstack - 1].from == from)
		b->nstack--;	/* the one before ends where it begins */
	if (b->nstack > mark && b->stack[b->nstack - 1].child == child)
		return;
	p = arena_push(b->a, b->stack, b->nstack, b->stack_cap);
	*p = (struct pair) { from, child };
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9E3779B97F4A7C15;
	return h ^ h >> 32;
}

static uint64_t hash_pairs(uint8_t word, const struct pair *v, size_t n)
{
	uint64_t h = mix(word, n);

	for (size_t i = 0; i < n; i++)
		h = mix(h, (uint64_t)v[i].from << 32 | v[i].child);
	return h;
}

static uint64_t hash_block(const struct block *k)
{
	uint64_t h = mix(k->word, k->ncuts + 1);

	for (uint32_t i = 0; i <= k->ncuts; i++)
		h = mix(h, (uint64_t)(i ? k->cuts[i - 1] : 0) << 32 |
			k->children[i]);
	return h;
}

static bool same(const struct block *k, uint8_t word, const struct pair *v,
		 size_t n)
{
	if (k->word != word || k->ncuts + 1 != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (k->children[i] != v[i].child ||
		    (i && k->cuts[i - 1] != v[i].from))
			return false;
	return true;
}

static void index_grow(struct builder *b)
{
	size_t size = b->index ? (b->index_mask + 1) * 4 : 1024;

	b->index = arena_array(b->a, size, sizeof(*b->index));
	b->index_mask = size - 1;
	for (size_t i = 0; i < b->out->n; i++) {
		size_t at = hash_block(&b->out->v[i]) & b->index_mask;

		while (b->index[at])
			at = (at + 1) & b->index_mask;
		b->index[at] = (uint32_t)i + 1;
	}
}

static uint32_t rule_of(const struct builder *b, bref r)
{
	return bref_is_leaf(r) ? b->rules[bref_leaf(r)] : b->out->v[r].rule;
}

static bref new_block(struct builder *b, uint8_t word, const struct pair *v,
		      size_t n)
{
	uint32_t *cuts = arena_array(b->a, n - 1, sizeof(*cuts));
	bref *children = arena_array(b->a, n, sizeof(*children));
	struct block *k;
	uint32_t rule = UINT32_MAX;

	for (size_t i = 0; i < n; i++) {
		uint32_t of = rule_of(b, v[i].child);

		if (i)
			cuts[i - 1] = v[i].from;
		children[i] = v[i].child;
		rule = of < rule ? of : rule;
	}
	k = arena_push(b->a, b->out->v, b->out->n, b->out->cap);
	*k = (struct block) { .word = word, .ncuts = (uint32_t)n - 1,
			      .cuts = cuts, .children = children,
			      .rule = rule };
	return (bref)b->out->n - 1;
}

static bref intern(struct builder *b, size_t mark, uint8_t word)
{
	const struct pair *v = b->stack + mark;
	size_t n = b->nstack - mark, at;

	if (n == 1)
		return v[0].child;
	if (!b->index || b->out->n * 2 > b->index_mask)
		index_grow(b);
	at = hash_pairs(word, v, n) & b->index_mask;
	for (; b->index[at]; at = (at + 1) & b->index_mask)
		if (same(&b->out->v[b->index[at] - 1], word, v, n))
			return b->index[at] - 1;
	b->index[at] = (uint32_t)b->out->n + 1;
	return new_block(b, word, v, n);
}

static bref block_close(struct builder *b, size_t mark, uint8_t word)
{
	bref r = intern(b, mark, word);

	b->nstack = mark;
	return r;
}

/* Cuts BEGIN to END - 1 of node N, which agree in all words before WORD. */
struct range {
	const struct dnode *n;
	uint32_t begin, end;
};

static bref child(const struct builder *b, const struct dnode *n, uint32_t i)
{
	dref r = n->children[i];

	return dref_is_leaf(r) ? r : b->done[r];
}

static bref split(struct builder *b, struct range r, uint8_t word);

/* One group of cuts of the same word value W, from cut I to before END. */
static void add_group(struct builder *b, size_t mark, const struct range *r,
		      uint32_t i, uint32_t end, uint8_t word)
{
	unsigned int shift = word_info[word].shift;
	u128 behind = ((u128)1 << shift) - 1;
	uint32_t w = (uint32_t)(r->n->cuts[i] >> shift);
	struct range inner = { r->n, i, end };

	if (!(r->n->cuts[i] & behind) && end == i + 1) {
		add(b, mark, w, child(b, r->n, end));
		return;
	}
	add(b, mark, w, split(b, inner, word + 1));
	if (w != UINT32_MAX)
		add(b, mark, w + 1, child(b, r->n, end));
}

static bref split(struct builder *b, struct range r, uint8_t word)
{
	unsigned int shift = word_info[word].shift;
	size_t mark = b->nstack;
	uint32_t i = r.begin;

	add(b, mark, 0, child(b, r.n, r.begin));
	while (i < r.end) {
		uint32_t w = (uint32_t)(r.n->cuts[i] >> shift), end = i + 1;

		while (end < r.end && (uint32_t)(r.n->cuts[end] >> shift) == w)
			end++;
		add_group(b, mark, &r, i, end, word);
		i = end;
	}
	return block_close(b, mark, word);
}

static bref zoned(struct builder *b, const struct dnode *n)
{
	size_t mark = b->nstack;

	add(b, mark, 0, child(b, n, 0));
	for (uint32_t i = 0; i < n->ncuts; i++)
		add(b, mark, zone_of_cut(&b->zones->of[n->field], n->cuts[i]),
		    child(b, n, i + 1));
	return block_close(b, mark, WORD_ZONE + n->field);
}

void blocks_build_zoned(struct arena *a, const struct diagram *d,
			const uint32_t *rules, const struct zoning *z,
			struct blocks *out)
{
	struct builder b = { .a = a, .d = d, .rules = rules, .zones = z,
			     .out = out };

	memset(out, 0, sizeof(*out));
	b.done = arena_array(a, d->nnodes + 1, sizeof(*b.done));
	for (size_t i = 0; i < d->nnodes; i++) {	/* children first */
		const struct dnode *n = &d->nodes[i];
		struct range all = { n, 0, n->ncuts };

		b.done[i] = is_zoned(z, n->field) ? zoned(&b, n) :
			split(&b, all, first_word[n->field]);
	}
	out->root = dref_is_leaf(d->root) ? d->root : b.done[d->root];
}

void blocks_build(struct arena *a, const struct diagram *d,
		  const uint32_t *rules, struct blocks *out)
{
	blocks_build_zoned(a, d, rules, NULL, out);
}
