/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * weight - packets by rule, then by block; compares by weight
 *
 * In: blocks, children first. Out: weights. Down the blocks goes the share of
 * all possible packets that reaches each leaf; a rule's hits over its share are
 * its density; up the blocks goes the mean density, and share times density is
 * the weight of a way. Each family by itself: as addresses are counted, IPv4 is
 * everything or nothing. Linear in the children. Of two ways the one that is
 * taken more seldom is not foreseen. For a tree of compares over few children
 * the best is found by trying all, over many a fifth of the weight is split off.
 */
#include "weight.h"

#include <string.h>

#include "../grammar/arena.h"

enum {
	BEST_MAX = 24,		/* children for which all trees are tried */
	TABLE_MIN = 24,		/* cuts of a block that may be a table */
	TABLE_COST = 14,	/* instructions of a look-up, about */
};

static const double CLEARLY = 0.9;	/* where a weight is an estimate */

/* ------------------------------------------------------------- the packets */

struct spread {
	const struct blocks *b;
	const struct weight_input *in;
	double *reach;		/* by block: share of packets that comes here */
	double *mean;		/* by block: density of what is below */
	double *share;		/* by leaf: of all packets */
	double *density;	/* by leaf: hits for all packets */
	uint32_t *last;		/* by leaf: the last rule that had it, + 1 */
	double **weight;	/* by block: its children's */
};

static double values_of(const struct spread *s, uint8_t word)
{
	switch (word_info[word].field) {
	case FIELD_FAMILY:
	case FIELD_PROTOCOL:
		return 2;
	case FIELD_LPORT:
	case FIELD_RPORT:
		return 65536;
	case FIELD_IFNAME:
		return (double)s->in->policy->ninterfaces + 1;
	case FIELD_IFINDEX:
		return 2147483648.0;
	default:
		return 4294967296.0;
	}
}

/* The part of the values of B's word that go to child I. */
static double part(const struct spread *s, const struct block *b, uint32_t i)
{
	double all = values_of(s, b->word);
	double from = i ? b->cuts[i - 1] : 0;
	double to = i < b->ncuts ? b->cuts[i] : all;

	return (to - from) / all;
}

/* From ROOT: of one family, or of all packets. */
static void go_down(struct spread *s, bref root)
{
	memset(s->share, 0, s->in->nleaves * sizeof(*s->share));
	memset(s->reach, 0, s->b->n * sizeof(*s->reach));
	if (bref_is_leaf(root)) {
		s->share[bref_leaf(root)] = 1;
		return;
	}
	s->reach[root] = 1;
	for (size_t n = root + 1; n-- > 0;) {
		const struct block *b = &s->b->v[n];

		for (uint32_t i = 0; s->reach[n] > 0 && i <= b->ncuts; i++) {
			bref r = b->children[i];
			double x = s->reach[n] * part(s, b, i);

			if (bref_is_leaf(r))
				s->share[bref_leaf(r)] += x;
			else
				s->reach[r] += x;
		}
	}
}

/* Adds to BY_RULE the share of each leaf of each rule, once. */
static void share_rules(struct spread *s, double *by_rule)
{
	uint32_t *last = s->last;

	memset(last, 0, s->in->nleaves * sizeof(*last));
	memset(by_rule, 0, s->in->policy->nrules * sizeof(*by_rule));
	for (size_t i = 0; i < s->in->nat; i++) {
		uint32_t rule = s->in->at[i].rule;
		uint32_t leaf = s->in->at[i].leaf;

		if (last[leaf] != rule + 1)
			by_rule[rule] += s->share[leaf];
		last[leaf] = rule + 1;
	}
}

/* The hits of each rule over its share, half of them if both families have it;
 * OTHER is the share in the other family, or NULL. */
static void find_density(struct spread *s, const double *by_rule,
			 const double *other)
{
	uint32_t *last = s->last;

	memset(last, 0, s->in->nleaves * sizeof(*last));
	memset(s->density, 0, s->in->nleaves * sizeof(*s->density));
	for (size_t i = 0; i < s->in->nat; i++) {
		uint32_t rule = s->in->at[i].rule;
		uint32_t leaf = s->in->at[i].leaf;
		double hits = (double)s->in->hits[rule];

		if (other && other[rule] > 0)
			hits = hits / 2;
		if (last[leaf] != rule + 1 && by_rule[rule] > 0)
			s->density[leaf] += hits / by_rule[rule];
		last[leaf] = rule + 1;
	}
}

static double density_of(const struct spread *s, bref r)
{
	return bref_is_leaf(r) ? s->density[bref_leaf(r)] : s->mean[r];
}

/* The mean density of each block, and what goes to its children. */
static void go_up(struct spread *s)
{
	for (size_t n = 0; n < s->b->n; n++) {
		const struct block *b = &s->b->v[n];
		double sum = 0;

		for (uint32_t i = 0; i <= b->ncuts; i++) {
			double x = part(s, b, i);

			x = x * density_of(s, b->children[i]);
			sum = sum + x;
			s->weight[n][i] += s->reach[n] * x;
		}
		s->mean[n] = sum;
	}
}

static const struct block *family_block(const struct blocks *b)
{
	return !bref_is_leaf(b->root) && b->v[b->root].word == WORD_FAMILY ?
		&b->v[b->root] : NULL;
}

static void spread_hits(struct spread *s, struct arena *a)
{
	const struct block *families = family_block(s->b);
	double *by_rule[2], sum;

	for (int f = 0; f < 2; f++)
		by_rule[f] = arena_array(a, s->in->policy->nrules,
					 sizeof(double));
	for (int f = 0; families && f < 2; f++) {
		go_down(s, families->children[f]);
		share_rules(s, by_rule[f]);
	}
	for (int f = 0; f < (families ? 2 : 1); f++) {
		go_down(s, families ? families->children[f] : s->b->root);
		if (!families)
			share_rules(s, by_rule[0]);
		find_density(s, by_rule[f], families ? by_rule[!f] : NULL);
		go_up(s);
		if (!families)
			continue;
		sum = density_of(s, families->children[f]);
		s->weight[s->b->root][f] = sum;
	}
}

void weight_blocks(struct arena *a, struct blocks *b,
		   const struct weight_input *in)
{
	size_t leaves = (size_t)in->nleaves + 1;
	struct spread s = { .b = b, .in = in };

	s.reach = arena_array(a, b->n + 1, sizeof(*s.reach));
	s.mean = arena_array(a, b->n + 1, sizeof(*s.mean));
	s.share = arena_array(a, leaves, sizeof(*s.share));
	s.density = arena_array(a, leaves, sizeof(*s.density));
	s.last = arena_array(a, leaves, sizeof(*s.last));
	s.weight = arena_array(a, b->n + 1, sizeof(*s.weight));
	for (size_t n = 0; n < b->n; n++)
		s.weight[n] = arena_array(a, (size_t)b->v[n].ncuts + 1,
					  sizeof(**s.weight));
	spread_hits(&s, a);
	for (size_t n = 0; n < b->n; n++)
		b->v[n].weight = s.weight[n];
}

/* ------------------------------------------------------------ the compares */

static double sum_of(const struct block *b, uint32_t begin, uint32_t end)
{
	double sum = 0;

	for (uint32_t i = begin; i <= end; i++)
		sum = sum + b->weight[i];
	return sum;
}

/* So much that children which no packet was seen at are halved, too. */
static double least_weight(const struct block *b, uint32_t begin, uint32_t end)
{
	double sum = sum_of(b, begin, end);

	return sum > 0 ? sum / (1e6 * (end - begin + 1)) : 1;
}

/* Three children of which the one in the middle takes one compare. */
static bool is_lone(const struct block *b, uint32_t begin, uint32_t end)
{
	return end == begin + 2 && b->children[begin] == b->children[end];
}

/* Of a compare that parts X from Y. */
static double compare_cost(double x, double y, double missed)
{
	return x + y + missed * (x < y ? x : y);
}

/* All trees over at most BEST_MAX children. */
struct trees {
	double cost[BEST_MAX][BEST_MAX], weight[BEST_MAX][BEST_MAX];
	uint8_t middle[BEST_MAX][BEST_MAX];
};

static void best_of(struct trees *t, const struct block *b, uint32_t begin,
		    uint32_t i, uint32_t k)
{
	double best = -1;

	if (is_lone(b, begin + i, begin + k)) {
		double alone = t->weight[i + 1][i + 1];

		t->middle[i][k] = (uint8_t)(i + 1);
		t->cost[i][k] = compare_cost(alone, t->weight[i][k] - alone,
					     WEIGHT_MISSED);
		return;
	}
	for (uint32_t m = i + 1; m <= k; m++) {
		double cost = t->cost[i][m - 1] + t->cost[m][k] +
			compare_cost(t->weight[i][m - 1], t->weight[m][k],
				     WEIGHT_MISSED);

		if (best >= 0 && cost >= best)
			continue;
		best = cost;
		t->middle[i][k] = (uint8_t)m;
	}
	t->cost[i][k] = best;
}

static void all_trees(struct trees *t, const struct block *b, uint32_t begin,
		      uint32_t end)
{
	double least = least_weight(b, begin, end);
	uint32_t n = end - begin + 1;

	for (uint32_t i = 0; i < n; i++) {
		t->weight[i][i] = b->weight[begin + i] + least;
		t->cost[i][i] = 0;
	}
	for (uint32_t length = 2; length <= n; length++)
		for (uint32_t i = 0; i + length <= n; i++) {
			uint32_t k = i + length - 1;

			t->weight[i][k] = t->weight[i][k - 1] +
				t->weight[k][k];
			best_of(t, b, begin, i, k);
		}
}

/* From the upper end on, the child with which a fifth of the weight is nearest. */
static uint32_t fifth(const struct block *b, uint32_t begin, uint32_t end)
{
	double least = least_weight(b, begin, end), right = 0, next = 0;
	double all = sum_of(b, begin, end) + least * (end - begin + 1);
	uint32_t i = end;

	for (; i > begin + 1; i--) {
		next = right + b->weight[i] + least;
		if (next * 5 >= all)
			break;
		right = next;
	}
	return i < end && next - all / 5 > all / 5 - right ? i + 1 : i;
}

uint32_t weight_lone(const struct block *b, uint32_t begin, uint32_t end)
{
	for (uint32_t i = begin + 2; i <= end; i += 2)
		if (b->children[i] != b->children[begin])
			return 0;
	return (end - begin) % 2 ? 0 : (end - begin) / 2;
}

/* A fifth of the children. */
static uint32_t split(const struct block *b, uint32_t begin, uint32_t end)
{
	uint32_t n = end - begin + 1;
	uint32_t at = end + 1 - (n < 8 ? 1 : (n + 2) / 5);

	if (weight_lone(b, begin, end))
		return at - (at - begin) % 2;
	if (at > begin + 1 && at < end &&
	    b->children[at - 1] == b->children[at + 1])
		at--;
	return at;
}

uint32_t weight_middle(const struct block *b, uint32_t begin, uint32_t end)
{
	struct trees t;

	if (!b->weight || sum_of(b, begin, end) <= 0)
		return split(b, begin, end);
	if (end - begin + 1 > BEST_MAX)
		return fifth(b, begin, end);
	all_trees(&t, b, begin, end);
	return begin + t.middle[0][end - begin];
}

/* One after the other. */
static double lone_cost(const struct block *b, uint32_t begin, uint32_t end,
			double missed)
{
	double rest = sum_of(b, begin, end), cost = 0;

	for (uint32_t i = begin + 1; i < end; i += 2) {
		rest = rest - b->weight[i];
		cost = cost + compare_cost(b->weight[i], rest, missed);
	}
	return cost;
}

/* Compares of all packets of children BEGIN to END together; and MISSED for
 * each that is not foreseen. */
static double tree_cost(const struct block *b, uint32_t begin, uint32_t end,
			bool weighed, double missed)
{
	uint32_t middle;

	if (begin == end)
		return 0;
	if (is_lone(b, begin, end))
		return compare_cost(b->weight[begin + 1], b->weight[begin] +
				    b->weight[end], missed);
	if (!weighed && weight_lone(b, begin, end) &&
	    weight_lone(b, begin, end) <= LONE_MAX)
		return lone_cost(b, begin, end, missed);
	middle = weighed ? weight_middle(b, begin, end) :
		split(b, begin, end);
	return compare_cost(sum_of(b, begin, middle - 1),
			    sum_of(b, middle, end), missed) +
	       tree_cost(b, begin, middle - 1, weighed, missed) +
	       tree_cost(b, middle, end, weighed, missed);
}

bool weight_is_likely(const struct block *b, uint32_t i)
{
	double sides = 0;

	if (b->weight && i)
		sides += b->weight[i - 1];
	if (b->weight && i < b->ncuts)
		sides += b->weight[i + 1];
	return !b->weight || b->weight[i] >= sides;
}

bool weight_helps(const struct block *b)
{
	return tree_cost(b, 0, b->ncuts, true, WEIGHT_MISSED) <
		tree_cost(b, 0, b->ncuts, false, WEIGHT_MISSED) * CLEARLY;
}

/* As it is made of B. */
static double settled_cost(const struct block *b, double missed)
{
	return tree_cost(b, 0, b->ncuts, weight_helps(b), missed);
}

/* ---------------------------------------------------------------- peeling */

static bool is_one_value(const struct block *b, uint32_t i)
{
	uint32_t from = i ? b->cuts[i - 1] : 0;

	return i < b->ncuts && b->cuts[i] - from == 1;
}

static uint32_t heaviest(const struct block *b)
{
	uint32_t best = UINT32_MAX;

	for (uint32_t i = 0; i <= b->ncuts; i++)
		if (is_one_value(b, i) && (best == UINT32_MAX ||
					   b->weight[i] > b->weight[best]))
			best = i;
	return best;
}

/* Where CHILD's value belongs to its neighbour, of which it is no part. */
static void without(struct arena *a, const struct block *b, uint32_t child,
		    struct block *out)
{
	uint32_t n = 0, *cuts = arena_array(a, b->ncuts, sizeof(*cuts));
	bref *children = arena_array(a, b->ncuts + 1, sizeof(*children));
	double *weight = arena_array(a, b->ncuts + 1, sizeof(*weight));

	for (uint32_t i = 0; i <= b->ncuts; i++) {
		if (i == child)
			continue;
		if (n && children[n - 1] == b->children[i]) {
			weight[n - 1] += b->weight[i];
			continue;
		}
		if (n)
			cuts[n - 1] = b->cuts[i - 1];
		children[n] = b->children[i];
		weight[n++] = b->weight[i];
	}
	*out = *b;
	out->ncuts = n - 1;
	out->cuts = cuts;
	out->children = children;
	out->weight = weight;
}

bool weight_peel(struct arena *a, const struct block *b, bool table,
		 uint32_t *child, struct block *rest)
{
	uint32_t best = heaviest(b);
	double all = sum_of(b, 0, b->ncuts), cost;

	if (best == UINT32_MAX || b->weight[best] * 4 < all || all <= 0)
		return false;
	without(a, b, best, rest);
	*child = best;
	if (table)
		return true;
	cost = compare_cost(b->weight[best], all - b->weight[best],
			    WEIGHT_MISSED) +
		settled_cost(rest, WEIGHT_MISSED);
	return cost < settled_cost(b, WEIGHT_MISSED) * 0.999;
}

/* ------------------------------------------------------------------- cost */

bool weight_is_table(const struct block *b, unsigned int optimize)
{
	return optimize >= 2 && b->ncuts >= TABLE_MIN &&
	       b->word != WORD_IFNAME;
}

static double block_cost(struct arena *a, const struct block *b,
			 unsigned int optimize, bool weighed, double missed)
{
	struct block now = *b, rest;
	uint32_t child;
	double cost = 0;

	while (weighed && weight_peel(a, &now, weight_is_table(&now, optimize),
				      &child, &rest)) {
		cost = cost + compare_cost(now.weight[child],
			sum_of(&now, 0, now.ncuts) - now.weight[child], missed);
		now = rest;
	}
	if (weight_is_table(&now, optimize))
		return cost + TABLE_COST * sum_of(&now, 0, now.ncuts);
	return cost + (weighed ? settled_cost(&now, missed) :
		       tree_cost(&now, 0, now.ncuts, false, missed));
}

/* MISSED: as what a branch counts that is not foreseen. */
static double cost_with(struct arena *a, const struct blocks *b,
			unsigned int optimize, bool weighed, double missed)
{
	double cost = 0, all = 0;

	for (size_t n = 0; n < b->n; n++) {
		const struct block *k = &b->v[n];
		double here = sum_of(k, 0, k->ncuts);
		int load = word_info[k->word].load == LOAD_HOST ? 1 : 2;

		cost = cost + here * load +
			block_cost(a, k, optimize, weighed, missed);
		if (n == b->root)
			all = here;
	}
	return all > 0 ? cost / all : 0;
}

struct weight_cost weight_cost(struct arena *a, const struct blocks *b,
			       unsigned int optimize, bool weighed)
{
	struct weight_cost c = {
		.instructions = cost_with(a, b, optimize, weighed, 0),
	};

	c.missed = cost_with(a, b, optimize, weighed, 1) - c.instructions;
	return c;
}
