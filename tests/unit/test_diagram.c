/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_diagram - diagrams against clauses that are gone through one by one
 *
 * Of random clauses, on packets of every kind: the diagram must say what the
 * clauses say, and so must what it reaches from a term, what is left of it
 * when leaves are mapped, and what it knows of the next rule. Its form is
 * checked too: ordered, reduced, every node once, and the same diagram for the
 * same meaning.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture_policy.h"
#include "fixture_world.h"

/* ---------------------------------------------------------- meaning */

static void assert_walks(const struct world *w, const struct diagram *d)
{
	u128 v[FIELD_COUNT];

	for (unsigned int i = 0; world_packet(w, i, v); i++)
		assert_int_equal(diagram_walk(d, v),
				 world_scan(w->clauses, w->n, v));
}

static void random_policies(void **state)
{
	(void)state;
	for (int i = 0; i < 600; i++) {
		struct world *w = world_new(1 + world_rnd(CLAUSES_MAX));
		struct diagram_options o = { 0 };
		uint8_t order[FIELD_COUNT];
		struct diagram *d;

		world_random_order(order);
		if (i % 3)
			o.order = order;
		d = diagram_build_clauses(&w->arena, w->clauses, w->n, &o);
		assert_non_null(d);
		if (o.order)
			assert_memory_equal(d->order, order, sizeof(order));
		world_assert_form(d);
		assert_walks(w, d);
		world_free(w);
	}
}

/* The same packets as C in other words: many terms, repeated, shuffled. */
static struct clause reworded(struct world *w, const struct clause *c)
{
	struct clause out = { .action = c->action };

	for (size_t i = 0; i < c->terms.n; i++) {
		struct term t = c->terms.v[i];
		unsigned int f = world_dims[w->used[world_rnd(DIMS)]][world_rnd(2)];
		const struct iset *s = t.set[f];

		for (size_t k = 0; s && k < s->n; k++) {
			t.set[f] = iset_range(&w->arena, s->v[k].low,
					      s->v[k].high);
			*arena_push(&w->arena, out.terms.v, out.terms.n,
				    out.terms.cap) = t;
		}
		if (!s || !world_rnd(3))
			*arena_push(&w->arena, out.terms.v, out.terms.n,
				    out.terms.cap) = c->terms.v[i];
	}
	for (size_t i = out.terms.n; i > 1; i--) {
		size_t k = world_rnd((uint32_t)i);
		struct term swap = out.terms.v[i - 1];

		out.terms.v[i - 1] = out.terms.v[k];
		out.terms.v[k] = swap;
	}
	return out;
}

/* One meaning, one diagram: repeats of rules and other words add nothing. */
static void canonical(void **state)
{
	(void)state;
	for (int i = 0; i < 400; i++) {
		struct world *w = world_new(1 + world_rnd(CLAUSES_MAX));
		struct clause c[2 * CLAUSES_MAX];
		uint8_t order[FIELD_COUNT];
		struct diagram_options o = { .order = order };
		struct diagram *x, *y;
		size_t n = 0;

		world_random_order(order);
		for (size_t k = 0; k < w->n; k++) {
			c[n++] = reworded(w, &w->clauses[k]);
			if (!world_rnd(3)) {
				c[n] = w->clauses[world_rnd((uint32_t)k + 1)];
				n++;
			}
		}
		x = diagram_build_clauses(&w->arena, w->clauses, w->n, &o);
		y = diagram_build_clauses(&w->arena, c, n, &o);
		assert_int_equal(x->nnodes, y->nnodes);
		assert_true(world_same_below(x, x->root, y, y->root));
		world_free(w);
	}
}

/* --------------------------------------------------------- restrict */

struct visits {
	const struct world *w;
	const struct diagram *d;
	const struct term *term;
	uint32_t seen;			/* by action; bit ACTIONS: none */
	size_t n, stop_after;
	bool inner;
};

static uint32_t leaf_bit(dref r)
{
	return 1u << (r == DREF_NONE ? ACTIONS : dref_action(r));
}

static bool visit(void *ctx, dref leaf, const u128 v[FIELD_COUNT])
{
	struct visits *s = ctx, again = *s;
	unsigned int other = v[FIELD_FAMILY] ? 4 : 6;

	assert_true(dref_is_leaf(leaf));
	assert_false(s->seen & leaf_bit(leaf));
	assert_true(world_in_term(s->term, v));
	assert_int_equal(world_scan(s->w->clauses, s->w->n, v), leaf);
	assert_true(!v[other == 4 ? FIELD_LADDR4 : FIELD_LADDR6] &&
		    !v[other == 4 ? FIELD_RADDR4 : FIELD_RADDR6]);
	s->seen |= leaf_bit(leaf);
	if (!s->inner && !s->stop_after) {	/* a visitor may ask, too */
		again.inner = true;
		again.seen = 0;
		assert_true(diagram_restrict(s->d, s->term, visit, &again));
	}
	return ++s->n != s->stop_after;
}

static uint32_t reachable(const struct world *w, const struct term *t)
{
	u128 v[FIELD_COUNT];
	uint32_t seen = 0;

	for (unsigned int i = 0; world_packet(w, i, v); i++)
		if (world_in_term(t, v))
			seen |= leaf_bit(world_scan(w->clauses, w->n, v));
	return seen;
}

static void assert_restrict(const struct world *w, const struct diagram *d,
			    const struct term *t)
{
	struct visits s = { .w = w, .d = d, .term = t };
	size_t all;

	assert_true(diagram_restrict(d, t, visit, &s));
	assert_int_equal(s.seen, reachable(w, t));
	all = s.n;
	for (size_t i = 1; i <= all; i++) {
		s.seen = 0;
		s.n = 0;
		s.stop_after = i;
		assert_false(diagram_restrict(d, t, visit, &s));
		assert_int_equal(s.n, i);
	}
}

static void restricted(void **state)
{
	const struct term any = { { NULL } };

	(void)state;
	for (int i = 0; i < 300; i++) {
		struct world *w = world_new(1 + world_rnd(CLAUSES_MAX));
		struct diagram *d = diagram_build_clauses(&w->arena,
			w->clauses, w->n, NULL);
		struct term nothing = any;

		assert_restrict(w, d, &any);
		for (int k = 0; k < 6; k++) {
			struct term t = world_term(w, (uint32_t)k % 3);

			assert_restrict(w, d, &t);
		}
		nothing.set[FIELD_LPORT] = iset_build(&w->arena, NULL, 0);
		assert_restrict(w, d, &nothing);
		world_free(w);
	}
}

/* ------------------------------------------------------- map leaves */

static void mapped(void **state)
{
	(void)state;
	for (int i = 0; i < 200; i++) {
		struct world *w = world_new(1 + world_rnd(CLAUSES_MAX));
		struct diagram *d = diagram_build_clauses(&w->arena,
			w->clauses, w->n, NULL), *m, *fresh;
		uint32_t to[ACTIONS], kinds = 1 + world_rnd(ACTIONS);
		struct diagram_options o = { .order = d->order };

		for (int k = 0; k < ACTIONS; k++)
			to[k] = world_rnd(kinds);
		m = diagram_map_leaves(&w->arena, d, to, DREF_NONE);
		for (size_t k = 0; k < w->n; k++)
			w->clauses[k].action = to[w->clauses[k].action];
		world_assert_form(m);
		assert_walks(w, m);
		fresh = diagram_build_clauses(&w->arena, w->clauses, w->n,
					      &o);
		assert_true(world_same_below(m, m->root, fresh, fresh->root));
		world_free(w);
	}
}

/* ----------------------------------------------------------- second */

enum { VERDICTS = 3 };

/* Clauses as actions of their own, some neighbours of one rule. */
static void make_rules(struct world *w, uint32_t *rule, uint32_t *verdict)
{
	for (uint32_t i = 0; i < w->n; i++) {
		w->clauses[i].action = i;
		rule[i] = i ? rule[i - 1] + !!world_rnd(3) : 0;
		verdict[i] = world_rnd(VERDICTS);
	}
}

static dref scan_second(const struct world *w,
			const struct diagram_second *s,
			const u128 v[FIELD_COUNT])
{
	dref first = world_scan(w->clauses, w->n, v), next;
	uint32_t leaf, i;

	if (first == DREF_NONE)
		return first;
	leaf = dref_action(first) * (VERDICTS + 1);
	for (i = dref_action(first); i < w->n; i++)
		if (s->rule[i] != s->rule[dref_action(first)])
			break;
	next = world_scan(w->clauses + i, w->n - i, v);
	if (next != DREF_NONE)
		leaf += 1 + s->verdict[dref_action(next)];
	return DREF_LEAF | leaf;
}

static void second(void **state)
{
	(void)state;
	for (int i = 0; i < 300; i++) {
		struct world *w = world_new(1 + world_rnd(CLAUSES_MAX));
		uint32_t rule[CLAUSES_MAX], verdict[CLAUSES_MAX];
		struct diagram_second s = { rule, verdict, VERDICTS };
		uint8_t order[FIELD_COUNT];
		struct diagram_options o = { .order = order, .second = &s };
		u128 v[FIELD_COUNT];
		struct diagram *d;

		world_random_order(order);
		make_rules(w, rule, verdict);
		d = diagram_build_clauses(&w->arena, w->clauses, w->n, &o);
		world_assert_form(d);
		for (unsigned int k = 0; world_packet(w, k, v); k++)
			assert_int_equal(diagram_walk(d, v),
					 scan_second(w, &s, v));
		o.max_steps = 1;
		if (d->nnodes > 3)
			assert_null(diagram_build_clauses(&w->arena,
				w->clauses, w->n, &o));
		world_free(w);
	}
}

static void packets(void **state)
{
	const char *names[] = { "eth0", "lo" };
	const struct policy p = { .interfaces = names, .ninterfaces = 2 };
	static const char *const texts[] = {
		"tcp 203.0.113.9:50000 -> 192.0.2.1:443",
		"udp [2001:db8::9]:1 -> [2001:db8::1]:53 on lo",
		"tcp 0.0.0.0:0 -> 255.255.255.255:65535 on eth0",
		"udp [::]:0 -> [ffff::]:65535 on 7",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		char text[PACKET_TEXT_MAX];
		u128 v[FIELD_COUNT];
		struct packet k;

		assert_true(packet_parse(texts[i], strlen(texts[i]), &k,
					 text));
		policy_packet_fields(&p, &k, v);
		diagram_packet(&p, v, &k);
		assert_string_equal(packet_print(&k, text), texts[i]);
	}
}

/* ---------------------------------------------------------- Graphviz */

static const char dot_policy[] =
	"policy p\nsocket web\nsocket canary\ndefault -> pass\n"
	"low: tcp to 10.0.0.0/8 port { 80, 90, 100, 110, 120, 130 } -> web\n"
	"s: tcp to 10.0.0.0-10.0.0.3 -> split by from { 90% web, 10% canary }\n"
	"udp on \"a\\b\" -> drop\n";

static const char dot_expected[] =
	"digraph \"p\" {\n"
	"\tnode [shape=box];\n"
	"\tn6 [label=\"family\"];\n"
	"\tn6 -> n4 [label=\"ip4\"];\n"
	"\tn6 -> n5 [label=\"ip6\"];\n"
	"\tn5 [label=\"protocol\"];\n"
	"\tn5 -> a3 [label=\"tcp\"];\n"
	"\tn5 -> n3 [label=\"udp\"];\n"
	"\tn4 [label=\"protocol\"];\n"
	"\tn4 -> n2 [label=\"tcp\"];\n"
	"\tn4 -> n3 [label=\"udp\"];\n"
	"\tn3 [label=\"interface\"];\n"
	"\tn3 -> a3 [label=\"others\"];\n"
	"\tn3 -> a2 [label=\"a\\\\b\"];\n"
	"\tn2 [label=\"local-ip4\"];\n"
	"\tn2 -> a3 [label=\"0.0.0.0-9.255.255.255\\n11.0.0.0-255.255.255.255\"];\n"
	"\tn2 -> n0 [label=\"10.0.0.0/30\"];\n"
	"\tn2 -> n1 [label=\"10.0.0.4-10.255.255.255\"];\n"
	"\tn1 [label=\"local-port\"];\n"
	"\tn1 -> a3 [label=\"0-79\\n81-89\\n91-99\\n101-109\\nand 3 more\"];\n"
	"\tn1 -> a0 [label=\"80\\n90\\n100\\n110\\nand 2 more\"];\n"
	"\tn0 [label=\"local-port\"];\n"
	"\tn0 -> a1 [label=\"0-79\\n81-89\\n91-99\\n101-109\\nand 3 more\"];\n"
	"\tn0 -> a0 [label=\"80\\n90\\n100\\n110\\nand 2 more\"];\n"
	"\ta0 [shape=ellipse, label=\"low\\nweb else drop\"];\n"
	"\ta1 [shape=ellipse, label=\"s\\nsplit by from { 90% web, 10% canary }\"];\n"
	"\ta2 [shape=ellipse, label=\"udp on \\\"a\\\\b\\\" -> drop\\ndrop\"];\n"
	"\ta3 [shape=ellipse, label=\"default\\npass\"];\n"
	"}\n";

static void graphviz(void **state)
{
	struct fixture *w = fixture_compile(dot_policy);
	const struct diagram_options o = { .order = world_plain_order };
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	assert_non_null(w->policy);
	diagram_dot(diagram_build(&w->arena, w->policy, &o), w->policy, f);
	fclose(f);
	assert_string_equal(text, dot_expected);
	free(text);
	fixture_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_policies),
		cmocka_unit_test(canonical),
		cmocka_unit_test(restricted),
		cmocka_unit_test(mapped),
		cmocka_unit_test(second),
		cmocka_unit_test(packets),
		cmocka_unit_test(graphviz),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
