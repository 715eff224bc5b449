/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_effect - the rows of skpol_steps against the outcomes they stand for
 *
 * For every action and every kind of packet the chain of steps is followed as
 * the program does, and must be the chain that was written, without the
 * sockets that have no slot for the packet. Then which effects are one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../compiler/effect.h"
#include "fixture_policy.h"

static struct fixture *prepare(const char *text, bool merge,
			       struct effects *out)
{
	struct fixture *w = fixture_compile(text);

	if (!w->policy) {
		diag_print(&w->diags, stderr, false);
		fail_msg("does not compile: %s", text);
	}
	effects_build(&w->arena, w->policy, merge, out);
	return w;
}

/* ---------------------------------------------------------- the chains */

struct follower {
	const struct policy *p;
	const struct effects *e;
	const struct outcome *o;
	bool merge;
};

static void check_step(const struct follower *f, const struct image_step *s)
{
	const struct policy_rule *r = &f->p->rules[f->o->rule];

	assert_int_equal(s->counter, r->counter);
	if (!r->trace)
		assert_int_equal(s->rule, IMAGE_NO_TRACE);
	else
		assert_int_equal(s->rule, f->o->rule);
}

/* The chain of the outcome for packets of KIND, from row FIRST on. */
static void check_chain(const struct follower *f, uint32_t first,
			unsigned int kind)
{
	const struct image_step *s = &f->e->steps[first + kind];
	uint32_t length = 1;

	for (uint32_t i = 0; i < f->o->nsteps; i++) {
		const struct step *step = &f->o->steps[i];
		uint32_t slot = f->p->sockets[step->socket].slot[kind];

		if (slot == NO_SLOT)
			continue;
		check_step(f, s);
		assert_int_equal(s->slot & IMAGE_SLOT_MASK, slot);
		assert_int_equal(s->slot >> IMAGE_FLAGS_SHIFT, step->flags);
		assert_in_range(s->next, 0, f->e->nsteps - 1);
		s = &f->e->steps[s->next];
		length++;
	}
	check_step(f, s);
	assert_int_equal(s->slot, f->o->pass ? IMAGE_PASS : IMAGE_DROP);
	assert_in_range(length, 1, f->e->longest);
}

static void check_outcome(struct follower *f, uint32_t outcome, uint32_t number)
{
	const struct effect *e = &f->e->v[number];
	const struct policy_rule *r;

	f->o = &f->p->outcomes[outcome];
	r = &f->p->rules[f->o->rule];
	assert_in_range(number, 0, f->e->n - 1);
	assert_int_equal(e->first % 4, 0);
	if (!f->merge)
		assert_int_equal(e->rule, f->o->rule);
	assert_true(e->rule <= f->o->rule);
	if (!f->o->nsteps && !r->trace && r->counter == NO_COUNTER)
		assert_int_equal(e->kind, f->o->pass ? EFFECT_PASS :
				 EFFECT_DROP);
	else
		assert_int_equal(e->kind, EFFECT_STEPS);
	for (unsigned int kind = 0; kind < SLOT_KINDS; kind++)
		check_chain(f, e->first, kind);
}

static void check_action(struct follower *f, uint32_t number)
{
	const struct action *a = &f->p->actions[number];
	const struct effect *e = &f->e->v[f->e->of_action[number]];

	if (!a->split) {
		check_outcome(f, a->outcome, f->e->of_action[number]);
		return;
	}
	assert_int_equal(e->kind, EFFECT_SPLIT);
	assert_int_equal(e->rule, a->rule);
	assert_ptr_equal(e->split, a->split);
	for (size_t i = 0; i < a->split->nparts; i++)
		check_outcome(f, a->split->outcomes[i], e->parts[i]);
}

static void check_all(const struct policy *p, const struct effects *e,
		      bool merge)
{
	struct follower f = { .p = p, .e = e, .merge = merge };
	bool counts = false, traces = false;

	for (uint32_t i = 0; i < p->nactions; i++)
		check_action(&f, i);
	for (size_t i = 0; i < p->nrules; i++) {
		counts |= p->rules[i].counter != NO_COUNTER;
		traces |= p->rules[i].trace;
	}
	assert_int_equal(e->counts, counts);
	assert_int_equal(e->traces, traces);
}

static const char *const policies[] = {
	"default -> pass\n",
	"default -> drop count\n",
	"default -> pass trace\n",
	"socket a tcp\nsocket b ip4\nsocket c\n"
	"port 1 -> a else b else c else pass\n"
	"port 2 -> b no-reuseport else c replace\n"
	"port 3 -> c replace no-reuseport else a else pass count\n"
	"port 4 -> a else b else c else pass\n"
	"default -> drop\n",
	"socket a\nsocket b\n"
	"x: port 1 -> split by from { 50% a, 30% b, 20% a } else pass\n"
	"y: port 2 -> split by to, to port { 10% a, 90% b } count trace\n"
	"default -> pass\n",
	"socket a\nsocket b udp\n"
	"map m by to { 192.0.2.1 -> a; 192.0.2.2 -> b else a\n"
	"2001:db8::/32 -> split by from { 50% a, 50% b }; default -> drop }\n"
	"port 1 -> map m\nport 2 -> map m count\ndefault -> pass\n",
};

static void test_chains(void **state)
{
	for (size_t i = 0; i < sizeof(policies) / sizeof(*policies); i++)
		for (int merge = 0; merge < 2; merge++) {
			char text[1000];
			struct effects e;
			struct fixture *w;

			snprintf(text, sizeof(text), "policy p\n%s",
				 policies[i]);
			w = prepare(text, merge, &e);
			check_all(w->policy, &e, merge);
			fixture_free(w);
		}
	(void)state;
}

static void test_random(void **state)
{
	for (int i = 0; i < 400; i++) {
		struct fixture *w = fixture_random();
		struct effects e;

		for (int merge = 0; merge < 2; merge++) {
			effects_build(&w->arena, w->policy, merge, &e);
			check_all(w->policy, &e, merge);
		}
		fixture_free(w);
	}
	(void)state;
}

/* ------------------------------------------------------------- merging */

/* How many effects TEXT has, with MERGE. */
static size_t effects_of(const char *text, bool merge)
{
	struct effects e;
	struct fixture *w = prepare(text, merge, &e);
	size_t n = e.n;

	fixture_free(w);
	return n;
}

static const struct {
	const char *rules;
	size_t apart, merged;	/* effects, the default's included */
} merges[] = {
	{ "port 1 -> a\nport 2 -> a\n", 3, 2 },
	{ "port 1 -> a\nport 2 -> b\n", 3, 3 },
	{ "port 1 -> a\nport 2 -> a replace\n", 3, 3 },
	{ "port 1 -> a\nport 2 -> a else pass\n", 3, 3 },
	{ "port 1 -> a\nport 2 -> a else drop\n", 3, 2 },
	{ "port 1 -> a else b\nport 2 -> b else a\n", 3, 3 },
	{ "port 1 -> a count\nport 2 -> a count\n", 3, 3 },
	{ "port 1 -> a count\nport 2 -> a\n", 3, 3 },
	{ "port 1 -> a trace\nport 2 -> a trace\n", 3, 3 },
	{ "port 1 -> drop\nport 2 -> pass\nport 3 -> drop\n", 4, 2 },
	{ "port 1 -> pass count\nport 2 -> drop\n", 3, 3 },
};

static void test_merging(void **state)
{
	char text[300];

	for (size_t i = 0; i < sizeof(merges) / sizeof(*merges); i++) {
		snprintf(text, sizeof(text), "policy p\nsocket a\nsocket b\n"
			 "%sdefault -> pass\n", merges[i].rules);
		assert_int_equal(effects_of(text, false), merges[i].apart);
		assert_int_equal(effects_of(text, true), merges[i].merged);
	}
	(void)state;
}

/* A tail that two chains have in common is in the table once. */
static void test_tails_are_shared(void **state)
{
	struct effects e;
	struct fixture *w = prepare(
		"policy p\nsocket a\nsocket b\nsocket c\n"
		"port 1 -> a else c\nport 2 -> b else c\nport 3 -> c\n"
		"default -> pass\n", true, &e);

	/* four rows of four; behind them c for each kind, and drop */
	assert_int_equal(e.n, 4);
	assert_int_equal(e.nsteps, 16 + 4 + 1);
	assert_int_equal(e.longest, 3);
	fixture_free(w);
	(void)state;
}

/* What no kind of packet can go through is not unrolled for. */
static void test_longest(void **state)
{
	struct effects e;
	struct fixture *w = prepare(
		"policy p\nsocket a tcp\nsocket b udp\nsocket c tcp ip6\n"
		"any -> a else b else c\ndefault -> pass\n", true, &e);

	assert_int_equal(e.longest, 3);	/* tcp6: a, c, drop */
	fixture_free(w);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chains),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_merging),
		cmocka_unit_test(test_tails_are_shared),
		cmocka_unit_test(test_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
