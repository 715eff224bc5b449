/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_analysis - explain, diff and lint on random policies of the whole
 * language, against the dumb reference
 *
 * explain names the verdict and the rule that eval.c names; packets of a diff
 * get the verdicts that it tells, from the rules of either side; a policy is
 * the same as itself and as its normal form; a rule that lint calls unreachable
 * decides no packet at the edges, and of forests it says the same. Meant to be
 * run under the sanitizers, too: SKPOL_RANDOM_POLICIES and SKPOL_RANDOM_SEED
 * say how many, and from where.
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
#include "../../compiler/diff.h"
#include "../../compiler/eval.h"
#include "../../compiler/explain.h"
#include "../random/aim.h"
#include "../random/generate.h"

enum { POLICIES = 60, PACKETS = 100 };

struct side {
	struct arena arena;
	struct compiled c;
	struct eval *eval;
	struct aim *aim;
};

static uint64_t number_of(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static uint32_t line_of(struct side *s, struct place at)
{
	return source_position(&s->c.sources, at.file, at.begin).line;
}

/* A diagram where LARGE, else a forest. False: it has a mistake. */
static bool begin_text(struct side *s, const char *text, bool large)
{
	struct compile_options o = {
		.optimize = 2, .until = COMPILE_PROVED, .name = "t.skl",
		.text = text, .size = strlen(text),
		.diagram_weight = large ? 0 : 1,
	};

	assert_int_equal(compile(&s->c, NULL, &o), 0);
	if (s->c.diags.nerrors)
		return false;
	s->eval = eval_new(&s->c.arena, s->c.ast);
	s->aim = aim_new(&s->arena, s->c.ast);
	return true;
}

static void end(struct side *s)
{
	compiled_free(&s->c);
	arena_free(&s->arena);
}

/* The policy of SEED, or of the next one that has no mistake. */
static void begin(struct side *s, uint64_t seed, bool large)
{
	for (;; seed += 1000000) {
		arena_init(&s->arena, NULL);
		if (begin_text(s, generate_policy(&s->arena, seed, 0), large))
			return;
		end(s);
	}
}

static const char *string(const json_t *j, const char *key)
{
	const char *text = json_string_value(json_object_get(j, key));

	assert_non_null(text);
	return text;
}

/* --------------------------------------------------------------- explain */

static void explain_one(struct side *s, const struct packet *k)
{
	struct explain_input in = {
		.policy = s->c.policy, .diagram = s->c.diagram,
		.forest = s->c.forest, .sources = &s->c.sources,
	};
	struct eval_result e = eval_packet(s->eval, k);
	json_t *j = explain_json(&in, k), *rule;
	char *text = NULL, packet[PACKET_TEXT_MAX];
	size_t size;
	FILE *f;

	assert_non_null(j);
	rule = json_object_get(j, "rule");
	if (strcmp(string(j, "verdict"), e.verdict) ||
	    json_integer_value(json_object_get(rule, "line")) !=
	    line_of(s, e.rule->place))
		fail_msg("%s: explain says %s of line %d, the rules %s of %u",
			 packet_print(k, packet), string(j, "verdict"),
			 (int)json_integer_value(json_object_get(rule,
								 "line")),
			 e.verdict, line_of(s, e.rule->place));
	f = open_memstream(&text, &size);
	assert_non_null(f);
	explain_text(j, f);
	fclose(f);
	assert_true(size > 0);
	free(text);
	json_decref(j);
}

static void explaining(void **state)
{
	uint64_t first = number_of("SKPOL_RANDOM_SEED", 1);
	uint64_t n = number_of("SKPOL_RANDOM_POLICIES", POLICIES);

	(void)state;
	for (uint64_t i = 0; i < n; i++) {
		struct random r = random_new(first + i);
		struct side s;

		begin(&s, first + i, i % 3);
		for (int k = 0; k < PACKETS; k++) {
			struct packet packet;

			aim_packet(s.aim, &r, &packet);
			explain_one(&s, &packet);
		}
		end(&s);
	}
}

/* ------------------------------------------------------------------ diff */

/* As diff writes them: `... on eth0 (number 7)` says both. */
static void parse(const char *text, struct packet *p)
{
	const char *number = strstr(text, " (number ");
	size_t n = number ? (size_t)(number - text) : strlen(text);
	char error[PACKET_ERROR_MAX];

	if (!packet_parse(text, n, p, error))
		fail_msg("%s: %s", text, error);
	if (number)
		p->ifindex = (uint32_t)strtoul(number + 9, NULL, 10);
}

/* Each packet of each change is what the change says, on both sides. */
static size_t check_packets(struct side *x, struct side *y, const json_t *d)
{
	json_t *change, *text;
	size_t i, k, n = 0;

	json_array_foreach(json_object_get(d, "changes"), i, change)
		json_array_foreach(json_object_get(change, "packets"), k,
				   text) {
			struct packet p;

			parse(json_string_value(text), &p);
			assert_string_equal(
				string(json_object_get(change, "old"),
				       "verdict"),
				eval_packet(x->eval, &p).verdict);
			assert_string_equal(
				string(json_object_get(change, "new"),
				       "verdict"),
				eval_packet(y->eval, &p).verdict);
			n++;
		}
	return n;
}

static json_t *difference(struct side *x, struct side *y)
{
	struct diff_side old = { x->c.policy, &x->c.sources,
				 x->c.forest, NULL };
	struct diff_side new = { y->c.policy, &y->c.sources,
				 y->c.forest, NULL };
	json_t *d;

	assert_int_equal(diff_json(&old, &new, NULL, &d), 0);
	return d;
}

/* Where the verdicts of a packet differ, they are not the same. */
static bool rules_differ(struct side *x, struct side *y, struct random *r)
{
	struct packet k;

	for (int i = 0; i < PACKETS; i++) {
		aim_packet(i % 2 ? x->aim : y->aim, r, &k);
		if (strcmp(eval_packet(x->eval, &k).verdict,
			   eval_packet(y->eval, &k).verdict))
			return true;
	}
	return false;
}

static void differing(void **state)
{
	uint64_t first = number_of("SKPOL_RANDOM_SEED", 1);
	uint64_t n = number_of("SKPOL_RANDOM_POLICIES", POLICIES);
	size_t packets = 0;

	(void)state;
	for (uint64_t i = 0; i < n; i++) {
		struct random r = random_new(first + i);
		struct side x, y;
		json_t *there, *back, *self;

		begin(&x, first + i, true);
		begin(&y, first + i + 1, i % 2);
		there = difference(&x, &y);
		back = difference(&y, &x);
		self = difference(&x, &x);
		assert_true(diff_same(self));
		assert_int_equal(diff_same(there), diff_same(back));
		assert_false(diff_same(there) && rules_differ(&x, &y, &r));
		packets += check_packets(&x, &y, there);
		packets += check_packets(&y, &x, back);
		json_decref(there);
		json_decref(back);
		json_decref(self);
		end(&x);
		end(&y);
	}
	assert_true(packets > n);
}

/* ------------------------------------------------------------------ lint */

static bool is_unreachable(struct side *s, const struct ast_rule *rule)
{
	for (const struct diag *d = s->c.diags.first; d; d = d->next)
		if (d->id == DIAG_UNREACHABLE_RULE && d->has_place &&
		    d->place.file == rule->place.file &&
		    line_of(s, d->place) == line_of(s, rule->place))
			return true;
	return false;
}

static void linting(void **state)
{
	uint64_t first = number_of("SKPOL_RANDOM_SEED", 1);
	uint64_t n = number_of("SKPOL_RANDOM_POLICIES", POLICIES);
	size_t unreachable = 0;

	(void)state;
	for (uint64_t i = 0; i < n; i++) {
		struct random r = random_new(first + i);
		struct side s;

		begin(&s, first + i, i % 2);
		for (const struct diag *d = s.c.diags.first; d; d = d->next)
			unreachable += d->id == DIAG_UNREACHABLE_RULE;
		for (int k = 0; k < 4 * PACKETS; k++) {
			struct packet p;

			aim_packet(s.aim, &r, &p);
			assert_false(is_unreachable(&s, eval_packet(s.eval,
						&p).rule));
		}
		end(&s);
	}
	print_message("%zu rules are never reached\n", unreachable);
	assert_true(unreachable > 0);
}

/* The lines of the warnings of ID, as a text. */
static void lines_of(struct side *s, enum diag_id id, char text[4096])
{
	size_t n = 0;

	text[0] = 0;
	for (const struct diag *d = s->c.diags.first; d; d = d->next)
		if (d->id == id && n < 4000)
			n += (size_t)sprintf(text + n, "%u ",
					     line_of(s, d->place));
}

/* Rule by rule, and all in one diagram: the same is said. */
static void forests_alike(void **state)
{
	static const enum diag_id ids[] = { DIAG_UNREACHABLE_RULE,
					    DIAG_REDUNDANT_RULE };
	uint64_t first = number_of("SKPOL_RANDOM_SEED", 1);
	uint64_t n = 4 * number_of("SKPOL_RANDOM_POLICIES", POLICIES);
	size_t said[2] = { 0, 0 }, forests = 0;

	(void)state;
	for (uint64_t i = 0; i < n; i++) {
		char one[4096], other[4096];
		struct side x, y;

		begin(&x, first + i, true);
		begin(&y, first + i, false);
		assert_int_equal(!x.c.diagram, 0);
		forests += !y.c.diagram;
		for (int k = 0; k < 2; k++) {
			lines_of(&x, ids[k], one);
			lines_of(&y, ids[k], other);
			if (strcmp(one, other))
				fail_msg("%s of %d: %s, in a forest %s",
					 diag_name(ids[k]), (int)(first + i),
					 one, other);
			said[k] += *one != 0;
		}
		end(&x);
		end(&y);
	}
	print_message("%zu and %zu of %zu forests have such rules\n", said[0],
		      said[1], forests);
	assert_true(said[0] && said[1] && forests > n / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(explaining),
		cmocka_unit_test(differing),
		cmocka_unit_test(linting),
		cmocka_unit_test(forests_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
