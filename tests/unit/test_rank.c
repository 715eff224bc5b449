/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_rank - clauses of one effect share a rank where trees cannot tell
 *
 * Rules "from ... to" are in one tree here, rules "to" alone in another. What
 * the ranks of their clauses are, and that the proof takes them; and that it
 * takes no ranks that fall from one tree to the other, though each tree finds
 * just the rank that is declared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "../../compiler/compile.h"

enum { CLAUSES_MAX = 8 };

#define HEAD "policy t\nsocket a\nsocket b\n"
#define NEAR(n) "from 10." #n ".0.0/16 to 192.0.2.0/24 -> "
#define WIDE(n) "to 192.0." #n ".0/24 -> "
/* a term in each tree */
#define BOTH "to { 192.0.3.0/24, 2000::/3 } from { 10.9.0.0/16, fd00::/48 } -> "

static void grow(struct compiled *c, const char *text)
{
	struct compile_options o = {
		.optimize = 2, .until = COMPILE_ALL, .name = "t.skl",
		.text = text, .size = strlen(text), .diagram_weight = 1,
	};

	assert_int_equal(compile(c, NULL, &o), 0);
	assert_non_null(c->forest);
	assert_true(c->proof.ok);
}

static const struct expected {
	const char *text;
	size_t ntrees, n;
	uint32_t rank[CLAUSES_MAX];
} cases[] = {
	/* one tree: as many as effects, the default's is the highest */
	{ HEAD NEAR(1) "a\n" NEAR(2) "b\n" NEAR(3) "a\n" NEAR(4) "drop\n"
	  NEAR(5) "b\n" "default -> pass\n", 1, 6, { 0, 1, 0, 2, 1, 3 } },
	{ HEAD NEAR(1) "a\n" NEAR(2) "pass\n" NEAR(3) "b\n"
	  "default -> pass\n", 1, 4, { 0, 2, 1, 2 } },
	/* a run ends where the other tree has a clause; the highest rank goes on */
	{ HEAD NEAR(1) "a\n" NEAR(2) "b\n" NEAR(3) "a\n" WIDE(3) "b\n"
	  WIDE(2) "a\n" NEAR(4) "a\n" "default -> pass\n", 2, 7,
	  { 0, 1, 0, 1, 2, 2, 3 } },
	{ HEAD NEAR(1) "a\n" WIDE(2) "b\n" NEAR(2) "a\n" WIDE(3) "b\n"
	  "default -> b\n", 2, 5, { 0, 1, 2, 3, 3 } },
	/* what is in both is in no run with others */
	{ HEAD NEAR(1) "a\n" NEAR(2) "b\n" BOTH "a\n" NEAR(4) "b\n"
	  "default -> pass\n", 2, 5, { 0, 1, 2, 3, 4 } },
};

static void shared(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct expected *x = &cases[i];
		struct compiled c;

		grow(&c, x->text);
		assert_int_equal(c.forest->ntrees, x->ntrees);
		assert_int_equal(c.policy->nclauses, x->n);
		for (size_t k = 0; k < x->n; k++)
			assert_int_equal(c.program.ranks->of_clause[k], x->rank[k]);
		assert_int_equal(c.program.ranks->n, x->rank[x->n - 1] + 1);
		compiled_free(&c);
	}
}

/* A tree may be passed by below its lowest rank, which is not its first
 * clause's: that one is new, and the highest rank before it serves the second. */
static void lowest(void **state)
{
	struct compiled c;

	(void)state;
	grow(&c, HEAD NEAR(1) "a\n" NEAR(2) "b\n" WIDE(3) "a\n" WIDE(2) "b\n"
	     "default -> pass\n");
	assert_int_equal(c.program.ranks->of_clause[2], 2);
	assert_int_equal(c.program.ranks->of_clause[3], 1);
	assert_int_equal(c.program.ranks->lowest[0], 0);
	assert_int_equal(c.program.ranks->lowest[1], 1);
	compiled_free(&c);
}

/* The program of `near before wide`, declared to be of `wide before near`. */
static void must_not_fall(void **state)
{
	struct compiled c, other;
	uint8_t tree_of[3];
	uint32_t rank[3];
	struct prove_forest f = { 2, tree_of, rank };
	struct prove_result r;

	(void)state;
	grow(&c, HEAD NEAR(1) "a\n" WIDE(2) "b\n" "default -> pass\n");
	grow(&other, HEAD WIDE(2) "b\n" NEAR(1) "a\n" "default -> pass\n");
	memcpy(tree_of, c.forest->tree_of, sizeof(tree_of));
	memcpy(rank, c.program.ranks->number_of_clause, sizeof(rank));
	assert_true(prove_forest_image(&c.arena, c.policy, c.image, &f, &r));
	tree_of[0] = c.forest->tree_of[1];
	tree_of[1] = c.forest->tree_of[0];
	rank[0] = c.program.ranks->number_of_clause[1];
	rank[1] = c.program.ranks->number_of_clause[0];
	assert_false(prove_forest_image(&c.arena, other.policy, c.image, &f,
					&r));
	assert_string_equal(r.why, "ranks fall");
	compiled_free(&c);
	compiled_free(&other);
}

/* A rank above that with which r0 begins is never taken. */
static void must_not_be_above(void **state)
{
	struct compiled c;
	uint8_t tree_of[2] = { 0, 0 };	/* the default, too */
	uint32_t rank[2], high, n = 0;
	struct prove_forest f = { 1, tree_of, rank };
	struct prove_result r;

	(void)state;
	grow(&c, HEAD NEAR(1) "a\n" "default -> b\n");
	memcpy(rank, c.program.ranks->number_of_clause, sizeof(rank));
	high = rank[0] + (2u << c.program.ranks->low_bits);
	for (size_t i = 0; i < c.image->ninsns; i++) {
		struct bpf_insn *x = &c.image->insns[i];

		if (x->code == (BPF_ALU | BPF_MOV | BPF_K) &&
		    x->dst_reg == BPF_REG_7 && (uint32_t)x->imm == rank[0]) {
			x->imm = (int32_t)high;
			n++;
		}
	}
	assert_int_equal(n, 1);
	rank[0] = high;
	assert_false(prove_forest_image(&c.arena, c.policy, c.image, &f, &r));
	assert_string_equal(r.why, "a rank above the default's");
	compiled_free(&c);
}

/* Where the instruction AT stands when two more are in front of JOIN. */
static size_t moved(size_t at, size_t join)
{
	return at < join ? at : at + 2;
}

static bool is_jump(const struct bpf_insn *x)
{
	uint8_t class = BPF_CLASS(x->code), op = BPF_OP(x->code);

	return (class == BPF_JMP || class == BPF_JMP32) && op != BPF_CALL &&
		op != BPF_EXIT;
}

/* The instructions of M with room for two in front of JOIN. */
static struct bpf_insn *with_room(struct image *m, size_t join)
{
	struct bpf_insn *v = calloc(m->ninsns + 2, sizeof(*v));

	for (size_t i = 0; i < m->ninsns; i++) {
		struct bpf_insn x = m->insns[i];

		if (is_jump(&x))
			x.off = (int16_t)(moved(i + 1 + (size_t)x.off, join) -
					  moved(i, join) - 1);
		v[moved(i, join)] = x;
	}
	for (size_t i = 0; i < m->nrelocs; i++)
		m->relocs[i].insn = (uint32_t)moved(m->relocs[i].insn, join);
	m->ninsns += 2;
	return v;
}

/* Before the first tree is joined, a block of its own, to which the IPv6 packets
 * of both trees go: those of the second go round for ever. */
static void must_end_in_its_tree(void **state)
{
	static const struct bpf_insn first = {	/* of best.s */
		.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_1,
		.src_reg = BPF_REG_6, .off = 12,
	};
	struct compiled c;
	struct bpf_insn *v;
	struct prove_forest f;
	struct prove_result r;
	size_t join = 0, n = 0;

	(void)state;
	grow(&c, HEAD NEAR(1) "a\n" WIDE(3) "b\n" "default -> pass\n");
	f = (struct prove_forest){ 2, c.forest->tree_of,
				   c.program.ranks->number_of_clause };
	while (memcmp(&c.image->insns[join], &first, sizeof(first)) ||
	       c.image->insns[join + 1].code != (BPF_ALU | BPF_XOR | BPF_X))
		join++;
	v = with_room(c.image, join);
	v[join] = first;
	v[join].off = 60;		/* the port */
	v[join + 1] = (struct bpf_insn){
		.code = BPF_ALU | BPF_MOV | BPF_K, .dst_reg = BPF_REG_7,
		.imm = (int32_t)c.program.ranks->number[c.program.ranks->n - 1],
	};
	c.image->insns = v;
	for (size_t i = 0; i < c.image->ninsns; i++) {
		if (v[i].code != (BPF_JMP32 | BPF_JEQ | BPF_K) ||
		    v[i].dst_reg != BPF_REG_1 || v[i].imm != AF_INET6)
			continue;
		v[i].off = (int16_t)(join - i - 1);
		assert_int_equal(prove_forest_image(&c.arena, c.policy,
						    c.image, &f, &r), !n);
		n++;
	}
	assert_int_equal(n, 2);
	free(v);
	compiled_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shared),
		cmocka_unit_test(lowest),
		cmocka_unit_test(must_not_fall),
		cmocka_unit_test(must_not_be_above),
		cmocka_unit_test(must_end_in_its_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
