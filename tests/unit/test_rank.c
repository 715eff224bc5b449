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
#include <string.h>

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
			assert_int_equal(c.ranks->of_clause[k], x->rank[k]);
		assert_int_equal(c.ranks->n, x->rank[x->n - 1] + 1);
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
	assert_int_equal(c.ranks->of_clause[2], 2);
	assert_int_equal(c.ranks->of_clause[3], 1);
	assert_int_equal(c.ranks->lowest[0], 0);
	assert_int_equal(c.ranks->lowest[1], 1);
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
	memcpy(rank, c.ranks->number_of_clause, sizeof(rank));
	assert_true(prove_forest_image(&c.arena, c.policy, c.image, &f, &r));
	tree_of[0] = c.forest->tree_of[1];
	tree_of[1] = c.forest->tree_of[0];
	rank[0] = c.ranks->number_of_clause[1];
	rank[1] = c.ranks->number_of_clause[0];
	assert_false(prove_forest_image(&c.arena, other.policy, c.image, &f,
					&r));
	assert_string_equal(r.why, "ranks fall");
	compiled_free(&c);
	compiled_free(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shared),
		cmocka_unit_test(lowest),
		cmocka_unit_test(must_not_fall),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
