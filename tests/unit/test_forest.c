/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_forest - several trees are one policy, and the proof knows when not
 *
 * Random policies are made forests by force: the trees name the clause that a
 * linear search finds. Then a small policy of three trees, with something wrong
 * in what is declared of it or in its bytes: the proof must see each.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../compiler/compile.h"
#include "../random/aim.h"
#include "../random/generate.h"

enum { POLICIES = 300, PACKETS = 100, HALF = 800 };

static const char three_trees[] =
	"policy t\n"
	"socket a\nsocket b\nsocket c\n"
	"r1: from 10.0.0.0/8 to 192.0.2.1 -> a\n"
	"r2: from 10.1.0.0/16 to 192.0.0.0/8 -> b count\n"
	"r3: tcp from 10.1.1.0/24 to 192.0.2.0/24 -> c\n"
	"r4: from 10.1.2.0/24 to 192.0.3.0/24 -> split by from { 50% a, 50% b }\n"
	"r5: from fd00::/16 to 2001:db8::1 -> a\n"
	"r6: from fd00:1::/64 to 2001:db8::/64 -> drop\n"
	"default -> pass\n";

static bool grow_as(struct compiled *c, const char *text,
		    unsigned int optimize, bool data)
{
	struct compile_options o = {
		.optimize = optimize, .until = COMPILE_ALL, .no_proof = true,
		.name = "t.skl", .text = text, .size = strlen(text),
		.diagram_weight = 1, .all_data = data,
	};

	if (compile(c, NULL, &o))
		return false;
	if (c->image && c->forest)
		return true;
	compiled_free(c);
	return false;
}

static bool grow(struct compiled *c, const char *text, unsigned int optimize)
{
	return grow_as(c, text, optimize, false);
}

/* ------------------------------------------------------------ the trees */

static size_t ask(const struct compiled *c, uint64_t seed)
{
	struct arena a;
	struct random r = random_new(seed);
	const struct aim *aim;
	size_t wrong = 0;

	arena_init(&a, NULL);
	aim = aim_new(&a, c->ast);
	for (int i = 0; i < PACKETS; i++) {
		u128 v[FIELD_COUNT];
		struct packet k;

		aim_packet(aim, &r, &k);
		policy_packet_fields(c->policy, &k, v);
		wrong += forest_walk(c->forest, c->policy, v) !=
			(uint32_t)(policy_clause(c->policy, v) -
				   c->policy->clauses);
	}
	arena_free(&a);
	return wrong;
}

static void walks(void **state)
{
	size_t wrong = 0, forests = 0, trees = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= POLICIES; seed++) {
		struct compiled c;
		struct arena a;

		arena_init(&a, NULL);
		if (grow(&c, generate_policy(&a, seed, 0), 2)) {
			wrong += ask(&c, seed);
			forests++;
			trees += c.forest->ntrees;
			compiled_free(&c);
		}
		arena_free(&a);
	}
	assert_int_equal(wrong, 0);
	assert_true(forests > POLICIES / 2);
	assert_true(trees > forests + POLICIES / 4);
}

static void groups(void **state)
{
	struct compiled c;

	(void)state;
	assert_true(grow(&c, three_trees, 2));
	assert_int_equal(c.forest->ntrees, 3);
	/* r1 and r5, r2, then r3, r4 and r6; the default is in no tree */
	assert_int_equal(c.forest->trees[0].lowest, 0);
	assert_int_equal(c.forest->trees[1].lowest, 1);
	assert_int_equal(c.forest->trees[2].lowest, 2);
	assert_int_equal(c.forest->trees[0].nterms, 2);
	assert_int_equal(c.forest->trees[1].nterms, 1);
	assert_int_equal(c.forest->trees[2].nterms, 3);
	assert_int_equal(c.forest->tree_of[6], FOREST_NO_TREE);
	compiled_free(&c);
}

/* Rules that are narrow in the local address, and as many in the remote one. One of
 * these is about the protocol of the first, so that a tree of all weighs more than
 * two, but not twice as much. */
static char *make_two(void)
{
	char *text = malloc((2 * HALF + 10) * 80), *to = text;

	to += sprintf(to, "policy t\nsocket s0\nsocket s1\n");
	for (int i = 0; i < HALF; i++)
		to += sprintf(to, "udp to 11.%d.%d.0/24 port %d-%d -> s%d\n",
			      i / 200, i % 200, i, i + 2000, i % 2);
	for (int i = 0; i < HALF; i++)
		to += sprintf(to, "%s from 10.%d.%d.0/24 to port %d-%d -> "
			      "s%d\n", i ? "tcp" : "udp", i / 200, i % 200, i,
			      i + 2000, i % 2);
	sprintf(to, "default -> pass\n");
	return text;
}

static size_t weight_of(const struct forest *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->ntrees; i++)
		n += diagram_stats(f->trees[i].diagram).weight;
	return n;
}

static void fewer_trees_where_there_is_room(void **state)
{
	struct forest_options o = { .max_weight = 0 };
	char *text = make_two();
	struct forest *f;
	struct compiled c;
	size_t two, one;

	(void)state;
	assert_true(grow(&c, text, 2));
	f = forest_build(&c.arena, c.policy, &o);
	assert_int_equal(f->ntrees, 2);
	two = weight_of(f);
	o.enough = SIZE_MAX;
	f = forest_build(&c.arena, c.policy, &o);
	assert_int_equal(f->ntrees, 1);
	one = weight_of(f);
	assert_in_range(one, two * 5 / 4 + 2000, two * 2);
	o.enough = one - 1;
	assert_int_equal(forest_build(&c.arena, c.policy, &o)->ntrees, 2);
	o.enough = one;
	assert_int_equal(forest_build(&c.arena, c.policy, &o)->ntrees, 1);
	compiled_free(&c);
	free(text);
}

/* No better order of the fields is looked for than that of the tree that a group
 * was in before. */
static void orders_are_kept(void **state)
{
	struct forest_options o = { .keep_apart = true };
	struct compiled c;
	struct forest *f, *like;

	(void)state;
	assert_true(grow(&c, three_trees, 2));
	like = forest_build(&c.arena, c.policy, &o);
	for (size_t i = 0; i < like->ntrees; i++) {
		uint8_t *order = like->trees[i].diagram->order;
		uint8_t swap = order[FIELD_COUNT - 1 - i];

		order[FIELD_COUNT - 1 - i] = order[1];
		order[1] = swap;
	}
	o.like = like;
	f = forest_build(&c.arena, c.policy, &o);
	assert_int_equal(f->ntrees, like->ntrees);
	for (size_t i = 0; i < f->ntrees; i++)
		assert_memory_equal(f->trees[i].diagram->order,
				    like->trees[i].diagram->order, FIELD_COUNT);
	compiled_free(&c);
}

/* ------------------------------------------------------------- the proof */

struct claim {			/* what is said of a program, to be changed */
	struct compiled c;
	uint8_t tree_of[7];
	uint32_t rank[7];
	struct prove_forest f;
};

static void open_claim_as(struct claim *k, unsigned int optimize, bool data)
{
	assert_true(grow_as(&k->c, three_trees, optimize, data));
	assert_int_equal(k->c.policy->nclauses, 7);
	memcpy(k->tree_of, k->c.forest->tree_of, sizeof(k->tree_of));
	memcpy(k->rank, k->c.program.ranks->number_of_clause, sizeof(k->rank));
	k->f = (struct prove_forest){ k->c.forest->ntrees, k->tree_of,
				      k->rank };
}

static void open_claim(struct claim *k, unsigned int optimize)
{
	open_claim_as(k, optimize, false);
}

static bool holds(struct claim *k)
{
	struct prove_result r;
	bool ok = prove_forest_image(&k->c.arena, k->c.policy, k->c.image,
				     &k->f, &r);

	assert_true(ok || r.why);
	assert_false(!ok && r.unproved);
	return ok;
}

static void split_is_not_believed(void **state)
{
	struct claim k;

	(void)state;
	for (unsigned int o = 0; o <= 2; o++) {
		open_claim(&k, o);
		assert_true(holds(&k));
		for (int i = 0; i < 6; i++) {
			uint8_t tree = k.tree_of[i];

			for (uint8_t to = 0; to <= 3; to++) {
				k.tree_of[i] = to;
				assert_true(holds(&k) == (to == tree));
			}
			k.tree_of[i] = tree;
			for (int by = -1; by <= 1; by += 2) {
				k.rank[i] += (uint32_t)by;
				assert_false(holds(&k));
				k.rank[i] -= (uint32_t)by;
			}
		}
		k.f.ntrees = 2;
		assert_false(holds(&k));
		compiled_free(&k.c);
	}
}

/* Whether I is one of those that join trees: they use r0. */
static bool joins(const struct bpf_insn *i)
{
	uint8_t class = BPF_CLASS(i->code);

	if (class == BPF_JMP32 && BPF_OP(i->code) == BPF_JLT && !i->dst_reg)
		return true;
	if ((class != BPF_ALU && class != BPF_ALU64) ||
	    BPF_OP(i->code) == BPF_END)
		return false;
	return !i->dst_reg || (BPF_SRC(i->code) == BPF_X && !i->src_reg) ||
	       BPF_OP(i->code) == BPF_ARSH ||
	       (BPF_OP(i->code) == BPF_XOR && i->dst_reg == 7);
}

static void check_changed(struct claim *k, struct bpf_insn *i,
			  struct bpf_insn to)
{
	struct bpf_insn old = *i;

	*i = to;
	assert_false(holds(k));
	*i = old;
}

/* Up to where the lowest rank is taken from the stack. */
static void joints_are_known(void **state)
{
	struct claim k;
	size_t n = 0;

	(void)state;
	open_claim(&k, 2);
	for (size_t i = 0; i < k.c.image->ninsns; i++) {
		struct bpf_insn *x = &k.c.image->insns[i], to = *x;

		if (x->code == (BPF_STX | BPF_MEM | BPF_W) &&
		    x->dst_reg == 10)
			break;
		if (!joins(x))
			continue;
		n++;
		to.imm++;
		check_changed(&k, x, to);
		to = *x;
		to.code = BPF_CLASS(x->code) == BPF_JMP32 ?
			BPF_JMP32 | BPF_JLE | BPF_K : x->code ^ BPF_ADD ^
			BPF_SUB;
		check_changed(&k, x, to);
	}
	/* rank to begin with, 5 a joint that are looked for, 2 skips */
	assert_int_equal(n, 1 + 3 * 5 + 2);
	compiled_free(&k.c);
}

/* A tree that writes r0 spoils what the others found. */
static void r0_is_carried(void **state)
{
	struct bpf_insn spoil = { .code = BPF_ALU | BPF_MOV | BPF_K };
	struct claim k;
	size_t n = 0;

	(void)state;
	open_claim(&k, 2);
	for (size_t i = 3; i < k.c.image->ninsns; i++) {
		struct bpf_insn *x = &k.c.image->insns[i];

		/* a leaf of a tree is w7 = rank */
		if (x->code != (BPF_ALU | BPF_MOV | BPF_K) || x->dst_reg != 7)
			continue;
		n++;
		check_changed(&k, x, spoil);
	}
	assert_true(n >= 6);
	compiled_free(&k.c);
}

static void table_is_read(void **state)
{
	const struct image_variable *v;
	struct claim k;
	uint32_t n;

	(void)state;
	open_claim_as(&k, 2, true);
	v = image_variable(k.c.image, "skpol_ranks");
	assert_non_null(v);
	n = k.c.program.ranks->n;
	assert_int_equal(v->size, 4 * n);
	for (uint32_t i = 0; i < n; i++) {	/* as the next one's */
		uint32_t next = v->offset + 4 * ((i + 1) % n), old;
		uint8_t *cell = &k.c.image->rodata[v->offset + 4 * i];

		memcpy(&old, cell, 4);
		memcpy(cell, &k.c.image->rodata[next], 4);
		assert_false(holds(&k));
		memcpy(cell, &old, 4);
	}
	assert_true(holds(&k));
	compiled_free(&k.c);
}

/* A cut, or what comes next, is changed: some packet goes elsewhere. */
static void rows_are_read(void **state)
{
	struct claim k;
	size_t rows = 0, seen = 0;

	(void)state;
	open_claim_as(&k, 2, true);
	assert_true(holds(&k));
	for (size_t i = 0; i < k.c.image->nvariables; i++) {
		const struct image_variable *v = &k.c.image->variables[i];

		if (strncmp(v->name, "skpol_rows_", 11))
			continue;
		rows++;
		for (uint32_t at = 0; at < v->size; at += 2) {
			uint8_t *cell = k.c.image->rodata + v->offset + at;

			*cell ^= 1;
			seen += !holds(&k);
			*cell ^= 1;
		}
	}
	assert_int_equal(rows, k.f.ntrees);
	assert_true(seen >= 40);
	assert_true(holds(&k));
	compiled_free(&k.c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(walks),
		cmocka_unit_test(groups),
		cmocka_unit_test(fewer_trees_where_there_is_room),
		cmocka_unit_test(orders_are_kept),
		cmocka_unit_test(split_is_not_believed),
		cmocka_unit_test(joints_are_known),
		cmocka_unit_test(r0_is_carried),
		cmocka_unit_test(table_is_read),
		cmocka_unit_test(rows_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
