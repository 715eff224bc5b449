/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diagram_table - hash-consed nodes and their overlay
 *
 * In: children of nodes to be made; pairs of diagrams. Out: node numbers, equal
 * for equal nodes. Promise: an overlay makes no node its result does not
 * reach, so the cuts it adds are a lower bound of the result's size; memory is
 * at most some three times what the live nodes need, plus COLLECT_MIN.
 */
#include "diagram_table.h"

#include <string.h>

/* Bytes below which no collection begins; a test builds with few. */
#ifndef COLLECT_MIN
#define COLLECT_MIN (32 << 20)
#endif

enum { INDEX_MIN = 256, MEMO_MIN = 256 };

void table_setup(struct diagram_table *t, jmp_buf *exhausted,
		 const uint8_t *order)
{
	table_free(t);
	arena_init(&t->mem, exhausted);
	arena_init(&t->old, exhausted);
	arena_init(&t->work, exhausted);
	for (uint8_t i = 0; i < FIELD_COUNT; i++) {
		t->order[i] = order[i];
		t->rank[order[i]] = i;
	}
	t->collect_at = COLLECT_MIN;
	t->max_cuts = t->overlay_end = t->max_steps = SIZE_MAX;
	t->max_weight = t->weight_end = SIZE_MAX;
}

void table_free(struct diagram_table *t)
{
	arena_free(&t->mem);
	arena_free(&t->old);
	arena_free(&t->work);
	memset(t, 0, sizeof(*t));
}

void table_add(struct diagram_table *t, size_t mark, u128 from, dref child)
{
	struct tpair *p;

	if (t->nstack > mark && t->stack[t->nstack - 1].child == child)
		return;
	p = arena_push(&t->mem, t->stack, t->nstack, t->stack_cap);
	p->from = from;
	p->child = child;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9E3779B97F4A7C15;
	return h ^ h >> 32;
}

static uint32_t hash_pairs(uint8_t field, const struct tpair *v, size_t n)
{
	uint64_t h = mix(field, n);

	for (size_t i = 0; i < n; i++) {
		h = mix(h, (uint64_t)v[i].from);
		h = mix(h, (uint64_t)(v[i].from >> 64) ^
			(uint64_t)v[i].child << 32);
	}
	return (uint32_t)h;
}

static bool same_node(const struct dnode *d, uint8_t field,
		      const struct tpair *v, size_t n)
{
	if (d->field != field || d->ncuts + 1 != n ||
	    d->children[0] != v[0].child)
		return false;
	for (size_t i = 1; i < n; i++)
		if (d->children[i] != v[i].child || d->cuts[i - 1] != v[i].from)
			return false;
	return true;
}

static void index_grow(struct diagram_table *t)
{
	size_t size = t->index ? (t->index_mask + 1) * 4 : INDEX_MIN;

	t->index = arena_array(&t->mem, size, sizeof(*t->index));
	t->index_mask = size - 1;
	for (size_t i = 0; i < t->nnodes; i++) {
		size_t at = t->hashes[i] & t->index_mask;

		while (t->index[at])
			at = (at + 1) & t->index_mask;
		t->index[at] = (uint32_t)i + 1;
	}
}

static dref node_new(struct diagram_table *t, uint8_t field,
		     const struct tpair *v, size_t n)
{
	dref *children = arena_array(&t->mem, n, sizeof(*children));
	u128 *cuts = arena_array(&t->mem, n - 1, sizeof(*cuts));
	struct dnode *d = arena_push(&t->mem, t->nodes, t->nnodes, t->cap);
	uint32_t below = !dref_is_leaf(v[0].child);

	children[0] = v[0].child;
	for (size_t i = 1; i < n; i++) {
		below += !dref_is_leaf(v[i].child);
		children[i] = v[i].child;
		cuts[i - 1] = v[i].from;
	}
	d->field = field;
	d->ncuts = (uint32_t)(n - 1);
	d->cuts = cuts;
	d->children = children;
	t->ncuts += n - 1;
	t->weight += dnode_weight(d->ncuts, below);
	if (t->ncuts > t->overlay_end || t->weight > t->weight_end ||
	    t->nnodes >= DREF_LEAF)
		t->failed = true;
	return (dref)t->nnodes - 1;
}

/* The node of these children, made when there is none yet. */
static dref intern(struct diagram_table *t, uint8_t field,
		   const struct tpair *v, size_t n)
{
	uint32_t hash = hash_pairs(field, v, n), found;
	size_t at, nhashes = t->nnodes;

	if (!t->index || t->nnodes * 2 > t->index_mask)
		index_grow(t);
	at = hash & t->index_mask;
	while ((found = t->index[at])) {
		if (t->hashes[found - 1] == hash &&
		    same_node(&t->nodes[found - 1], field, v, n))
			return found - 1;
		at = (at + 1) & t->index_mask;
	}
	*arena_push(&t->mem, t->hashes, nhashes, t->hashes_cap) = hash;
	t->index[at] = (uint32_t)nhashes;
	return node_new(t, field, v, n);
}

dref table_close(struct diagram_table *t, size_t mark, uint8_t field)
{
	size_t n = t->nstack - mark;
	dref r = t->stack[mark].child;

	if (n > 1)
		r = intern(t, field, t->stack + mark, n);
	t->nstack = mark;
	t->steps += n;
	if (t->steps > t->max_steps)
		t->failed = true;
	return r;
}

static struct tmemo *memo_find(struct tmemo *memo, size_t mask, uint64_t key)
{
	size_t at = (size_t)mix(key, 0) & mask;

	while (memo[at].key && memo[at].key != key)
		at = (at + 1) & mask;
	return &memo[at];
}

static void memo_grow(struct diagram_table *t)
{
	size_t size = t->memo ? (t->memo_mask + 1) * 4 : MEMO_MIN;
	struct tmemo *fresh = arena_array(&t->mem, size, sizeof(*fresh));

	for (size_t i = 0; t->memo && i <= t->memo_mask; i++)
		if (t->memo[i].key)
			*memo_find(fresh, size - 1, t->memo[i].key) =
				t->memo[i];
	t->memo = fresh;
	t->memo_mask = size - 1;
}

static void memo_put(struct diagram_table *t, uint64_t key, dref result)
{
	struct tmemo *m;

	if (!t->memo || t->nmemo * 2 > t->memo_mask)
		memo_grow(t);
	m = memo_find(t->memo, t->memo_mask, key);
	m->key = key;
	m->result = result;
	t->nmemo++;
}

static dref overlay(struct diagram_table *t, dref a, dref b);

/* A leaf of `second` and another below it. */
static dref second_leaf(const struct diagram_second *s, dref a, dref b)
{
	uint32_t base = s->nverdicts + 1;
	uint32_t x = dref_action(a) / base, y = dref_action(b) / base;

	if (s->rule[x] != s->rule[y])
		return DREF_LEAF | (x * base + 1 + s->verdict[y]);
	return DREF_LEAF | (x * base + dref_action(b) % base);
}

/* Nothing below A can change it. */
static bool settled(const struct diagram_table *t, dref a)
{
	return !t->second || dref_action(a) % (t->second->nverdicts + 1);
}

/* Both have an action somewhere, and one of them is a node. */
static dref merge(struct diagram_table *t, dref a, dref b)
{
	static const struct dnode leaf = { .field = 0 };
	/* copies: the array moves when it grows */
	struct dnode x = dref_is_leaf(a) ? leaf : t->nodes[a];
	struct dnode y = dref_is_leaf(b) ? leaf : t->nodes[b];
	unsigned int rx = dref_is_leaf(a) ? FIELD_COUNT : t->rank[x.field];
	unsigned int ry = dref_is_leaf(b) ? FIELD_COUNT : t->rank[y.field];
	size_t i = 0, j = 0, mark = table_open(t);
	size_t nx = rx <= ry ? x.ncuts : 0, ny = ry <= rx ? y.ncuts : 0;
	u128 from = 0;

	while (!t->failed) {
		bool step_x, step_y;
		dref r = overlay(t, rx <= ry ? x.children[i] : a,
				 ry <= rx ? y.children[j] : b);

		table_add(t, mark, from, r);
		if (i == nx && j == ny)
			break;
		step_x = i < nx && (j == ny || x.cuts[i] <= y.cuts[j]);
		step_y = j < ny && (i == nx || y.cuts[j] <= x.cuts[i]);
		from = step_x ? x.cuts[i] : y.cuts[j];
		i += step_x;
		j += step_y;
	}
	if (t->failed) {
		t->nstack = mark;
		return DREF_NONE;
	}
	return table_close(t, mark, rx <= ry ? x.field : y.field);
}

static dref overlay(struct diagram_table *t, dref a, dref b)
{
	uint64_t key = (uint64_t)a << 32 | b;
	struct tmemo *m;
	dref r;

	if (a == b || b == DREF_NONE)
		return a;
	if (a == DREF_NONE)
		return b;
	if (dref_is_leaf(a)) {
		if (settled(t, a))
			return a;
		if (dref_is_leaf(b))
			return second_leaf(t->second, a, b);
	}
	if (t->memo) {
		m = memo_find(t->memo, t->memo_mask, key);
		if (m->key)
			return m->result;
	}
	r = merge(t, a, b);
	if (!t->failed)
		memo_put(t, key, r);
	return r;
}

dref table_import(struct diagram_table *t, const struct dnode *nodes, dref r,
		  dref *seen, const struct leaf_map *map)
{
	const struct dnode *d;
	size_t mark;

	if (dref_is_leaf(r) && map)
		return r == DREF_NONE ? map->none :
			DREF_LEAF | map->to[dref_action(r)];
	if (dref_is_leaf(r))
		return r;
	if (seen[r] != DREF_NONE)
		return seen[r];
	d = &nodes[r];
	mark = table_open(t);
	for (uint32_t i = 0; i <= d->ncuts; i++) {
		dref c = table_import(t, nodes, d->children[i], seen, map);

		table_add(t, mark, i ? d->cuts[i - 1] : 0, c);
	}
	return seen[r] = table_close(t, mark, d->field);
}

/* Keeps what `roots` reach, in fresh memory; forgets the memo. */
static void collect(struct diagram_table *t)
{
	size_t steps = t->steps, max_steps = t->max_steps, n = t->nnodes;
	const struct dnode *nodes = t->nodes;
	const dref *roots = t->roots;
	size_t nroots = t->nroots;
	dref *seen = arena_array(&t->mem, n + 1, sizeof(*seen));

	memset(seen, 0xff, n * sizeof(*seen));
	t->old = t->mem;
	arena_init(&t->mem, t->old.exhausted);
	memset(&t->nodes, 0, offsetof(struct diagram_table, collect_at) -
	       offsetof(struct diagram_table, nodes));
	t->max_steps = t->overlay_end = t->weight_end = SIZE_MAX;
	for (size_t i = 0; i < nroots; i++) {
		dref r = table_import(t, nodes, roots[i], seen, NULL);

		*arena_push(&t->mem, t->roots, t->nroots, t->roots_cap) = r;
	}
	arena_free(&t->old);
	t->steps = steps;
	t->max_steps = max_steps;
	t->collect_at = 3 * t->mem.used;
	if (t->collect_at < COLLECT_MIN)
		t->collect_at = COLLECT_MIN;
}

dref table_overlay(struct diagram_table *t, dref a, dref b)
{
	if (t->mem.used > t->collect_at && !t->failed) {
		*arena_push(&t->mem, t->roots, t->nroots, t->roots_cap) = a;
		*arena_push(&t->mem, t->roots, t->nroots, t->roots_cap) = b;
		collect(t);
		b = t->roots[--t->nroots];
		a = t->roots[--t->nroots];
	}
	if (__builtin_add_overflow(t->ncuts, t->max_cuts, &t->overlay_end))
		t->overlay_end = SIZE_MAX;
	if (__builtin_add_overflow(t->weight, t->max_weight, &t->weight_end))
		t->weight_end = SIZE_MAX;
	if (!t->failed)
		a = overlay(t, a, b);
	t->overlay_end = t->weight_end = SIZE_MAX;
	return t->failed ? DREF_NONE : a;
}
