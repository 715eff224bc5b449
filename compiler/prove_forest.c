/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove_forest - a program of several trees does what the rules say
 *
 * In: an image, and how its maker says that it split the rules. Out: whether
 * the parts, put together, are the whole. Each tree is walked by itself, for
 * all packets, with the terms of its group only (prove.c), and must end in r7
 * with the rank of the first of them; so there is no product of trees. Then:
 *
 *	- every term is in a group, or of the rank that r0 begins with, or hosts
 *	  answer it, or an earlier one has all its packets;
 *	- ranks do not fall from one clause to a later one of another tree;
 *	- none is above that of the default, with which r0 begins;
 *	- the zones that are stored before the trees are such as prove_zone.c says;
 *	- no tree writes r0, and after each r0 is the lower of r0 and r7;
 *	- a tree is passed by only where r0 is below all its ranks;
 *	- what is done in the end with the rank of a clause is what it asks for.
 *
 * So r0 is the lowest of the ranks that the first clause of each tree has, and
 * none of them is below that of the first of all. The split itself is not
 * believed: another one that fulfils this is as good.
 */
#include "prove_private.h"

struct walker {
	struct matcher at;
	uint32_t initial;	/* rank */
	uint32_t behind;	/* where a jump over the tree leads, or NOWHERE */
	bool *silent;		/* by clause: no tree need find any of its terms */
};

enum { NOWHERE = UINT32_MAX, ALL_KINDS = 15 };

/* ------------------------------------------------- instructions by heart */

static bool match(struct walker *w, const struct bpf_insn *v, size_t n)
{
	struct prove *p = w->at.p;

	return match_all(&w->at, v, n) || prove_fail(p, arena_printf(p->a,
		"instruction %u: not how trees are joined", w->at.pc));
}

/* r6 = r1, hosts, w0 = a rank */
static bool begin(struct walker *w)
{
	const struct bpf_insn *i;

	if (!match_context(&w->at))
		return prove_fail(w->at.p, "a program that begins otherwise");
	if (!hosts_proved(w->at.p, &w->at.pc))
		return false;
	i = match_here(&w->at);
	if (!i || i->code != (BPF_ALU | BPF_MOV | BPF_K) || i->dst_reg ||
	    i->imm < 0)
		return prove_fail(w->at.p, "no rank to begin with");
	w->initial = (uint32_t)i->imm;
	w->at.pc++;
	return true;
}

/*
 * r0 = the lower of r0 and r7. Both are below 2^32, so the difference has a
 * sign; XOR with the same number twice changes nothing.
 */
static bool keep_lower(struct walker *w)
{
	static const struct bpf_insn lower[] = {
		{ .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 1, .src_reg = 6,
		  .off = 12 },
		{ .code = BPF_ALU | BPF_XOR | BPF_X, .dst_reg = 7, .src_reg = 1 },
		{ .code = BPF_ALU | BPF_XOR | BPF_X, .dst_reg = 7, .src_reg = 1 },
		{ .code = BPF_ALU64 | BPF_SUB | BPF_X, .dst_reg = 7 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 1,
		  .src_reg = 7 },
		{ .code = BPF_ALU64 | BPF_ARSH | BPF_K, .dst_reg = 1,
		  .imm = 63 },
		{ .code = BPF_ALU64 | BPF_AND | BPF_X, .dst_reg = 7,
		  .src_reg = 1 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_X, .src_reg = 7 },
	};

	return match(w, lower, sizeof(lower) / sizeof(*lower));
}

/* w2 = w0, by way of the stack */
static bool take_rank(struct walker *w)
{
	static const struct bpf_insn take[] = {
		{ .code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = 10, .off = -4 },
		{ .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 2, .src_reg = 10,
		  .off = -4 },
	};

	return match(w, take, sizeof(take) / sizeof(*take));
}

/* ------------------------------------------------------------- the groups */

static uint32_t lowest_of(const struct prove *p, uint32_t tree)
{
	const struct prove_forest *f = p->forest;
	uint32_t lowest = UINT32_MAX;
	size_t term = 0;

	for (size_t i = 0; i < p->policy->nclauses; i++)
		for (size_t k = 0; k < p->policy->clauses[i].terms.n; k++)
			if (f->tree_of[term++] == tree && f->rank[i] < lowest)
				lowest = f->rank[i];
	return lowest;
}

static bool is_any(const struct term *t)
{
	for (int f = 0; f < FIELD_COUNT; f++)
		if (t->set[f])
			return false;
	return true;
}

/* The highest rank so far in each tree, and of what is in none. */
struct highest {
	uint32_t of[PROVE_TREES + 1];
};

/* Whether RANK is none below those of the other trees. */
static bool is_behind(const struct highest *h, uint32_t tree, uint32_t rank)
{
	for (uint32_t t = 0; t <= PROVE_TREES; t++)
		if (t != tree && h->of[t] > rank)
			return false;
	return true;
}

/* TREES: a mask of those that a clause of that rank is in. */
static bool rises(struct highest *h, uint32_t trees, uint32_t rank)
{
	for (uint32_t t = 0; t <= PROVE_TREES; t++)
		if (trees >> t & 1 && !is_behind(h, t, rank))
			return false;
	for (uint32_t t = 0; t <= PROVE_TREES; t++)
		if (trees >> t & 1 && h->of[t] < rank)
			h->of[t] = rank;
	return true;
}

/* Whether each interval of X is inside of one of Y. */
static bool is_inside(const struct iset *x, const struct iset *y)
{
	size_t k = 0;

	for (size_t i = 0; i < x->n; i++) {
		while (k < y->n && y->v[k].high < x->v[i].high)
			k++;
		if (k == y->n || y->v[k].low > x->v[i].low)
			return false;
	}
	return true;
}

static bool has_all_of(const struct term *other, const struct term *t)
{
	for (int f = 0; f < FIELD_COUNT; f++)
		if (other->set[f] &&
		    (!t->set[f] || !is_inside(t->set[f], other->set[f])))
			return false;
	return true;
}

/* Whether one of the terms before CLAUSE has all packets of T. */
static bool is_hidden(const struct policy *y, size_t clause,
		      const struct term *t)
{
	for (size_t i = 0; i < clause; i++)
		for (size_t k = 0; k < y->clauses[i].terms.n; k++)
			if (has_all_of(&y->clauses[i].terms.v[k], t))
				return true;
	return false;
}

/* A mask of those that the clause is in, or PROVE_TREES for none where that matters;
 * *TERM is the number of its first term, and then of the next one's. */
static uint32_t trees_of(struct prove *p, size_t clause, size_t *term)
{
	const struct terms *t = &p->policy->clauses[clause].terms;
	const struct prove_forest *f = p->forest;
	uint32_t trees = 0;

	for (size_t k = 0; k < t->n; k++) {
		uint8_t tree = f->tree_of[(*term)++];

		if (tree < f->ntrees)
			trees |= 1u << tree;
		else if (!hosts_answer(p, &t->v[k]) &&
			 !is_hidden(p->policy, clause, &t->v[k]))
			trees |= 1u << PROVE_TREES;
	}
	return trees;
}

/* What no tree finds has the rank that r0 begins with; so has the default. */
static bool covered(struct walker *w)
{
	struct prove *p = w->at.p;
	const struct policy *y = p->policy;
	const struct prove_forest *f = p->forest;
	const struct clause *last = &y->clauses[y->nclauses - 1];
	struct highest highest = { { 0 } };
	size_t term = 0;

	if (f->ntrees > PROVE_TREES)
		return prove_fail(p, "too many trees");
	w->silent = arena_array(p->a, y->nclauses, sizeof(*w->silent));
	for (size_t i = 0; i < y->nclauses; i++) {
		uint32_t trees = trees_of(p, i, &term);

		w->silent[i] = !trees;
		if (trees >> PROVE_TREES && f->rank[i] != w->initial)
			return prove_fail(w->at.p, "a rule in no tree");
		if (!rises(&highest, trees, f->rank[i]))
			return prove_fail(w->at.p, "ranks fall");
		if (f->rank[i] > w->initial)
			return prove_fail(w->at.p, "a rank above the default's");
	}
	if (f->rank[y->nclauses - 1] != w->initial || last->terms.n != 1 ||
	    !is_any(&last->terms.v[0]))
		return prove_fail(w->at.p, "the default is not what trees begin "
				  "with");
	return true;
}

/* --------------------------------------------------------------- the walk */

/* if w0 < RANK goto behind the tree: RANK is none above the tree's lowest. */
static bool pass_by(struct walker *w, uint32_t tree)
{
	const struct bpf_insn *i = match_here(&w->at);
	struct matcher to = { .p = w->at.p };

	w->behind = NOWHERE;
	if (!i || i->code != (BPF_JMP32 | BPF_JLT | BPF_K) || i->dst_reg ||
	    i->src_reg)
		return true;
	if ((uint32_t)i->imm > lowest_of(w->at.p, tree))
		return prove_fail(w->at.p,
				  "a tree is passed by that may be lower");
	to.pc = (uint32_t)run_jump(i, w->at.pc);
	if (!match_here(&to))
		return prove_fail(w->at.p, "a jump out of the program");
	w->behind = to.pc;
	w->at.pc++;
	return true;
}

static bool one_tree(struct walker *w, uint32_t tree)
{
	struct prove *p = w->at.p;
	struct target start = { .kind = TO_BLOCK };
	bool ok;

	if (!pass_by(w, tree) || !match_here(&w->at))
		return false;
	start.pc = w->at.pc;
	p->tree.inside = true;
	p->tree.number = tree + 1;
	p->tree.join = 0;
	p->tree.none = w->initial;
	ok = prove_walk(p, start, rule_tree(p, tree));
	p->tree.inside = false;
	p->tree.number = 0;
	if (!ok)
		return false;
	w->at.pc = p->tree.join;
	if (!keep_lower(w) || !match_here(&w->at))
		return false;
	if (w->behind != NOWHERE && w->behind != w->at.pc)
		return prove_fail(p, "more than the tree is passed by");
	return true;
}

bool tree_leaf_fits(struct prove *p, struct target at, uint32_t deed)
{
	if (at.kind != TO_DECIDE)
		return false;
	if (!p->tree.join)
		p->tree.join = at.pc;
	if (at.pc != p->tree.join)
		return false;
	return deed == TREE_NOTHING ? at.value >= p->tree.none :
		at.value == deed;
}

/* --------------------------------------------------------------- the end */

static bool ends_right(struct walker *w)
{
	struct prove *p = w->at.p;
	const struct policy *y = p->policy;
	struct target at = { 0 };
	uint64_t known = UINT64_MAX;	/* the rank that AT is of */

	for (size_t i = 0; i < y->nclauses; i++) {
		uint32_t rank = p->forest->rank[i];
		uint32_t deed = p->deed_of_action[y->clauses[i].action];

		if (w->silent[i])
			continue;
		if (rank != known)
			at = run_number(p, w->at.pc, BPF_REG_2, rank);
		known = rank;
		if (!leaf_fits(p, at, deed, ALL_KINDS))
			return prove_fail(p, "a rank leads to what another "
					  "rule says");
	}
	return true;
}

bool forest_proved(struct prove *p)
{
	struct walker w = { .at = { p, 0 } };

	rule_begin(p);
	if (!begin(&w) || !covered(&w) || !zones_found(p, &w.at.pc))
		return false;
	for (uint32_t i = 0; i < p->forest->ntrees; i++)
		if (!one_tree(&w, i))
			return false;
	return take_rank(&w) && ends_right(&w);
}
