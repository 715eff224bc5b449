/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_profile - what is hit often is found sooner, and means the same
 *
 * Reading: what is a profile and what is not. Weighing: the instructions that
 * packets of a hot rule take, counted by the interpreter. Meaning: random
 * policies with random profiles are proved.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../compiler/compile.h"
#include "../../compiler/interp.h"
#include "../random/generate.h"
#include "../random/world.h"

enum { POLICIES = 60 };

/* ---------------------------------------------------------------- reading */

static const struct {
	const char *text, *error;	/* NULL = it is one */
} texts[] = {
	{ "{\"version\":1,\"rules\":[]}", NULL },
	{ "{\"version\":1,\"policy\":\"p\",\"sha256\":\"00\",\"more\":{},"
	  "\"rules\":[{\"name\":\"a\",\"hits\":\"18446744073709551615\","
	  "\"x\":1},{\"name\":\"b\",\"hits\":0}]}", NULL },
	{ "", "line 1" },
	{ "[]", "no profile" },
	{ "{\"rules\":[]}", "no profile" },
	{ "{\"version\":1}", "no profile" },
	{ "{\"version\":\"1\",\"rules\":[]}", "no profile" },
	{ "{\"version\":2,\"rules\":[]}", "its version is 2" },
	{ "{\"version\":1,\"rules\":[{\"hits\":1}]}", "rule 1 of the profile "
	  "has no name" },
	{ "{\"version\":1,\"rules\":[{\"name\":\"a\"}]}", "no number of hits" },
	{ "{\"version\":1,\"rules\":[{\"name\":\"a\",\"hits\":-1}]}",
	  "no number" },
	{ "{\"version\":1,\"rules\":[{\"name\":\"a\",\"hits\":\"-1\"}]}",
	  "no number" },
	{ "{\"version\":1,\"rules\":[{\"name\":\"a\",\"hits\":\"\"}]}",
	  "no number" },
	{ "{\"version\":1,\"rules\":[{\"name\":\"a\",\"hits\":\"1x\"}]}",
	  "no number" },
	{ "{\"version\":1,\"rules\":[{\"name\":\"a\",\"hits\":"
	  "\"18446744073709551616\"}]}", "no number" },
	{ "{\"version\":1,\"rules\":[{\"name\":\"a\",\"hits\":1.5}]}",
	  "no number" },
	{ "{\"version\":1,\"rules\":[{\"name\":\"a\",\"hits\":1},"
	  "{\"name\":\"a\",\"hits\":2}]}", "`a` twice" },
	{ "{\"version\":1,\"version\":1,\"rules\":[]}", "line 1" },
};

static void reading(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		char error[256] = "";
		struct profile *p;
		struct arena a;

		arena_init(&a, NULL);
		p = profile_read(&a, texts[i].text, strlen(texts[i].text),
				 error);
		if (!p != !!texts[i].error || (!p && !strstr(error,
							texts[i].error)))
			fail_msg("%s: %s", texts[i].text, error);
		arena_free(&a);
	}
}

static void large_numbers(void **state)
{
	static const char text[] = "{\"version\":1,\"rules\":["
		"{\"name\":\"b\",\"hits\":\"9007199254740993\"},"
		"{\"name\":\"a\",\"hits\":9007199254740993}]}";
	char error[256];
	struct profile *p;
	struct arena a;

	(void)state;
	arena_init(&a, NULL);
	p = profile_read(&a, text, sizeof(text) - 1, error);
	assert_non_null(p);
	assert_string_equal(p->rules[0].name, "a");
	assert_int_equal(p->rules[0].hits, 9007199254740993);
	assert_int_equal(p->rules[1].hits, 9007199254740993);
	arena_free(&a);
}

/* --------------------------------------------------------------- compiling */

static void compile_as(struct compiled *c, const char *text,
		       unsigned int optimize, const struct profile *p,
		       bool forest)
{
	struct compile_options o = {
		.optimize = optimize, .until = COMPILE_ALL, .profile = p,
		.name = "t.skl", .text = text, .size = strlen(text),
		.no_lint = true, .diagram_weight = forest,
	};

	assert_int_equal(compile(c, NULL, &o), 0);
}

static void compile_with(struct compiled *c, const char *text,
			 unsigned int optimize, const struct profile *p)
{
	compile_as(c, text, optimize, p, false);
}

static bool said(const struct compiled *c, enum diag_id id, const char *text)
{
	for (const struct diag *d = c->diags.first; d; d = d->next)
		if (d->id == id && strstr(d->message, text))
			return true;
	return false;
}

/* Ports are looked at after addresses, in a tree, or in a table at -O2. */
static const char few[] =
	"policy few\nsocket a tcp\nsocket b udp\n"
	"r0: tcp port 22 -> pass count\n"
	"r1: tcp port 80 -> a count\n"
	"r2: tcp port 443 -> a count\n"
	"r3: tcp to 192.0.2.0/24 port 8080 -> a count\n"
	"r4: udp port 53 -> b count\n"
	"r5: udp from 2001:db8::/32 port 443 -> b count\n"
	"r6: tcp port 5000-5999 -> a count\n"
	"r7: tcp port 1000 -> a count\n"
	"default -> drop\n";

static const char *const few_packets[] = {
	"tcp 203.0.113.9:50000 -> 192.0.2.1:22",
	"tcp 203.0.113.9:50000 -> 192.0.2.1:80",
	"tcp 203.0.113.9:50000 -> 192.0.2.1:443",
	"tcp 203.0.113.9:50000 -> 192.0.2.1:8080",
	"udp 203.0.113.9:50000 -> 192.0.2.1:53",
	"udp [2001:db8::9]:50000 -> [2001:db8::1]:443",
	"tcp 203.0.113.9:50000 -> 192.0.2.1:5500",
	"tcp 203.0.113.9:50000 -> 192.0.2.1:1000",
};
enum { FEW = sizeof(few_packets) / sizeof(*few_packets) };

static size_t steps(struct compiled *c, const char *text)
{
	struct interp in = { .image = c->image };
	struct interp_result r;
	char error[PACKET_ERROR_MAX];
	struct packet k;

	assert_non_null(c->image);
	assert_true(packet_parse(text, strlen(text), &k, error));
	in.program = interp_prepare(&c->arena, c->image);
	interp_run(&in, &k, &r);
	assert_null(r.trap);
	return r.steps;
}

/* Each rule in turn is the only one that is hit. One may be first already. */
static void hot_rules(void **state)
{
	size_t shorter = 0, saved = 0;

	(void)state;
	for (unsigned int optimize = 1; optimize <= 2; optimize++)
		for (int hot = 0; hot < FEW; hot++) {
			char name[8];
			struct profile_rule rule = { name, 1000 };
			struct profile p = { .rules = &rule, .nrules = 1 };
			struct compiled plain, weighed;
			size_t before, after;

			snprintf(name, sizeof(name), "r%d", hot);
			compile_with(&plain, few, optimize, NULL);
			compile_with(&weighed, few, optimize, &p);
			before = steps(&plain, few_packets[hot]);
			after = steps(&weighed, few_packets[hot]);
			if (after > before)
				fail_msg("r%d at -O%u: %zu instructions, %zu "
					 "without the profile", hot, optimize,
					 after, before);
			shorter += after < before;
			saved += before - after;
			assert_true(weight_sum(weighed.program.gain.after) <=
				    weight_sum(weighed.program.gain.before));
			assert_true(weighed.proof.ok);
			compiled_free(&plain);
			compiled_free(&weighed);
		}
	print_message("%zu of %d shorter, by %.1f instructions\n", shorter,
		      2 * FEW, (double)saved / (double)shorter);
	assert_true(shorter > FEW);
}

/* What is expected is what happens, on average over the hits. */
static void expected(void **state)
{
	static const uint64_t hits[FEW] = { 5, 300, 900, 40, 700, 10, 3, 60 };
	struct profile_rule rules[FEW];
	struct profile p = { .rules = rules, .nrules = FEW };
	struct compiled plain, weighed;
	double before = 0, after = 0, all = 0;
	char names[FEW][8];

	(void)state;
	for (int i = 0; i < FEW; i++) {
		snprintf(names[i], sizeof(names[i]), "r%d", i);
		rules[i] = (struct profile_rule){ names[i], hits[i] };
		all += (double)hits[i];
	}
	compile_with(&plain, few, 1, NULL);
	compile_with(&weighed, few, 1, &p);
	for (int i = 0; i < FEW; i++) {
		before += (double)(hits[i] * steps(&plain, few_packets[i]));
		after += (double)(hits[i] * steps(&weighed, few_packets[i]));
	}
	before /= all;
	after /= all;
	print_message("expected %.2f to %.2f, %.2f to %.2f instructions\n",
		      weighed.program.gain.before.instructions,
		      weighed.program.gain.after.instructions, before, after);
	assert_true(after < before);
	/* one packet stands for each rule, and what follows is the same */
	assert_true(before - after >
		    0.8 * (weighed.program.gain.before.instructions -
			   weighed.program.gain.after.instructions));
	compiled_free(&plain);
	compiled_free(&weighed);
}

/* A table is passed by where half of the packets are for one port. */
static void before_tables(void **state)
{
	struct profile_rule rule = { "hot", 1000 };
	struct profile p = { .rules = &rule, .nrules = 1 };
	struct compiled plain, weighed;
	char text[1024] = "policy many\nsocket a tcp\n"
		"hot: tcp port 4444 -> a count\n"
		"cold: tcp port { 1";
	size_t n = strlen(text);

	(void)state;
	for (int i = 0; i < 40; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, ", %d",
				      5 + 7 * i);
	snprintf(text + n, sizeof(text) - n, " } -> a\ndefault -> drop\n");
	compile_with(&plain, text, 2, NULL);
	compile_with(&weighed, text, 2, &p);
	assert_true(steps(&weighed, "tcp 1.2.3.4:5 -> 192.0.2.1:4444") + 5 <
		    steps(&plain, "tcp 1.2.3.4:5 -> 192.0.2.1:4444"));
	assert_true(steps(&weighed, "tcp 1.2.3.4:5 -> 192.0.2.1:12") <=
		    steps(&plain, "tcp 1.2.3.4:5 -> 192.0.2.1:12") + 2);
	compiled_free(&plain);
	compiled_free(&weighed);
}

/* --------------------------------------------------------------- what fits */

static void other_policy(void **state)
{
	struct profile_rule rule = { "r1", 1000 };
	struct profile p = { .policy = "less", .rules = &rule, .nrules = 1 };
	struct compiled plain, c;

	(void)state;
	compile_with(&plain, few, 2, NULL);
	compile_with(&c, few, 2, &p);
	assert_true(said(&c, DIAG_STALE_PROFILE, "of policy `less`"));
	assert_int_equal(c.image->ninsns, plain.image->ninsns);
	assert_memory_equal(c.image->insns, plain.image->insns,
			    c.image->ninsns * sizeof(*c.image->insns));
	compiled_free(&c);
	compiled_free(&plain);
}

static void other_text(void **state)
{
	struct profile_rule rules[] = { { "r1", 1000 }, { "s1", 9 } };
	struct profile p = { .policy = "few", .sha256 = "00", .rules = rules,
			     .nrules = 1 };
	struct compiled c;

	(void)state;
	compile_with(&c, few, 2, &p);
	assert_true(said(&c, DIAG_STALE_PROFILE, "an earlier text"));
	assert_int_equal(c.profile.nrules, 1);
	assert_int_equal(c.profile.nsilent, FEW);
	assert_int_equal(c.profile.total, 1000);
	compiled_free(&c);
	p.nrules = 2;
	p.sha256 = NULL;
	compile_with(&c, few, 2, &p);
	assert_true(said(&c, DIAG_STALE_PROFILE, "1 rule that the policy has "
			 "not: `s1`"));
	assert_int_equal(c.profile.total, 1000);
	compiled_free(&c);
}

/* Rules of a policy, each with some hits. */
static struct profile *random_profile(struct arena *a, struct random *r,
				      const struct policy *y)
{
	struct profile *p = arena_alloc(a, sizeof(*p));

	p->rules = arena_array(a, y->nrules, sizeof(*p->rules));
	for (size_t i = 0; i < y->nrules; i++)
		p->rules[i] = (struct profile_rule){
			arena_strdup(a, y->rules[i].name),
			random_next(r) >> random_below(r, 64),
		};
	for (size_t i = 1; i < y->nrules; i++)	/* by name */
		for (size_t k = i; k && strcmp(p->rules[k - 1].name,
					       p->rules[k].name) > 0; k--) {
			struct profile_rule swap = p->rules[k];

			p->rules[k] = p->rules[k - 1];
			p->rules[k - 1] = swap;
		}
	p->nrules = y->nrules;
	return p;
}

static bool same_bytes(const struct compiled *x, const struct compiled *y)
{
	return x->image->ninsns == y->image->ninsns &&
	       !memcmp(x->image->insns, y->image->insns,
		       x->image->ninsns * sizeof(*x->image->insns)) &&
	       x->image->rodata_size == y->image->rodata_size &&
	       !memcmp(x->image->rodata, y->image->rodata,
		       x->image->rodata_size);
}

struct seen {
	size_t weighed, cheaper, changed, forests;
};

/* The same bytes each time, and they are proved. */
static void one_policy(struct random *r, uint64_t seed, bool forest,
		       struct seen *seen)
{
	unsigned int optimize = 1 + seed % 2;
	struct compiled plain, c, again;
	const struct profile *p;
	struct arena a;
	char *text;

	arena_init(&a, NULL);
	text = generate_policy(&a, seed, 0);
	compile_as(&plain, text, optimize, NULL, forest);
	assert_non_null(plain.image);
	p = random_profile(&a, r, plain.policy);
	compile_as(&c, text, optimize, p, forest);
	compile_as(&again, text, optimize, p, forest);
	assert_non_null(c.image);
	assert_true(c.proof.ok);
	assert_true(same_bytes(&c, &again));
	seen->forests += !!c.forest;
	seen->changed += !same_bytes(&c, &plain);
	seen->weighed += !!c.profile.hits;
	seen->cheaper += weight_sum(c.program.gain.after) < weight_sum(c.program.gain.before);
	assert_true(weight_sum(c.program.gain.after) <=
		    weight_sum(c.program.gain.before) * 1.0001);
	compiled_free(&again);
	compiled_free(&c);
	compiled_free(&plain);
	arena_free(&a);
}

static void random_policies(void **state)
{
	struct random r = random_new(5);
	struct seen seen = { 0 };

	(void)state;
	for (uint64_t seed = 1; seed <= POLICIES; seed++)
		one_policy(&r, seed, false, &seen);
	assert_int_equal(seen.weighed, POLICIES);
	assert_true(seen.cheaper > POLICIES / 2);
}

static void random_forests(void **state)
{
	struct random r = random_new(6);
	struct seen seen = { 0 };

	(void)state;
	for (uint64_t seed = 1; seed <= POLICIES; seed++)
		one_policy(&r, seed, true, &seen);
	print_message("%zu forests, %zu cheaper\n", seen.forests,
		      seen.cheaper);
	assert_int_equal(seen.weighed, POLICIES);
	assert_true(seen.forests > POLICIES / 2);
	assert_true(seen.cheaper > POLICIES / 2);
	assert_true(seen.changed > POLICIES / 2);
}

/* Three trees; a packet of a hot rule takes fewer instructions. */
static void hot_trees(void **state)
{
	static const char text[] = "policy t\nsocket a\n"
		"r1: from 10.0.0.0/8 to 192.0.2.1 port 80-90 -> a count\n"
		"r2: from 10.1.0.0/16 to 192.0.0.0/8 port 7 -> pass count\n"
		"r3: from 10.1.1.0/24 to 192.0.2.0/24 port 100-900 -> a\n"
		"r4: from 10.1.2.0/24 to 192.0.3.0/24 port 443 -> drop count\n"
		"r5: from 10.1.9.0/24 to 192.0.9.0/24 port 22 -> pass\n"
		"r6: from 10.1.9.0/24 to 192.0.7.0/24 port 53 -> a count\n"
		"default -> drop\n";
	struct profile_rule rule = { "r6", 1000 };
	struct profile p = { .rules = &rule, .nrules = 1 };
	struct compiled plain, weighed;
	size_t before, after;

	(void)state;
	compile_as(&plain, text, 1, NULL, true);
	compile_as(&weighed, text, 1, &p, true);
	assert_int_equal(weighed.forest->ntrees, 3);
	before = steps(&plain, "tcp 10.1.9.1:5 -> 192.0.7.1:53");
	after = steps(&weighed, "tcp 10.1.9.1:5 -> 192.0.7.1:53");
	print_message("%zu to %zu instructions, expected %.1f to %.1f\n",
		      before, after, weighed.program.gain.before.instructions,
		      weighed.program.gain.after.instructions);
	assert_true(after < before);
	assert_true(weight_sum(weighed.program.gain.after) <
		    weight_sum(weighed.program.gain.before));
	compiled_free(&plain);
	compiled_free(&weighed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reading),
		cmocka_unit_test(large_numbers),
		cmocka_unit_test(hot_rules),
		cmocka_unit_test(expected),
		cmocka_unit_test(before_tables),
		cmocka_unit_test(other_policy),
		cmocka_unit_test(other_text),
		cmocka_unit_test(random_policies),
		cmocka_unit_test(random_forests),
		cmocka_unit_test(hot_trees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
