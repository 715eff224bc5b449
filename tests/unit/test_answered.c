/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_answered - rules that a table of hosts answers are in no diagram
 *
 * Policies of pairs of hosts, some of which have more than a table can say, among
 * networks before and behind them. Programs must be proved, and give each packet
 * the verdict of a linear search. Then the table changes, byte by byte: what is
 * still proved must be right, and what is refused must have a witness. And where
 * the compiler says that other terms are left out than those that are, the proof
 * must see it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../random/world.h"
#include "fixture_asked.h"

enum { SOCKETS = 4, LINE_MAX = 300, NETWORKS = 12, PORTS_MANY = 9,
       PACKETS = 20000 };

enum shape { ONE_DIAGRAM, TREES, BEHIND_PRODUCTS };

struct made {
	unsigned int family;	/* 4 or 6 */
	uint32_t n;		/* pairs */
	bool plain;		/* nothing that a table cannot say */
	char *text;
};

static char *put_pair(char *to, const struct made *m, uint32_t i)
{
	if (m->family == 4)
		return to + sprintf(to, "from 10.1.%u.%u ", i >> 8, i & 255) ;
	return to + sprintf(to, "from 2001:db8:1::%x ", i);
}

static char *put_local(char *to, const struct made *m, uint32_t i)
{
	if (m->family == 4)
		return to + sprintf(to, "to 10.2.0.%u ", i * 7 % 200);
	return to + sprintf(to, "to 2001:db8:2::%x ", i * 7 % 200);
}

/* A rule of pair I: the port of the one who asks is looked at, if it is not 0. */
static char *put_rule(char *to, const struct made *m, uint32_t i,
		      const char *ports, uint32_t remote)
{
	static const char *const protocol[] = { "tcp ", "udp ", "" };

	to += sprintf(to, "%s", protocol[i % (*ports || remote ? 2 : 3)]);
	to = put_pair(to, m, i);
	if (remote)
		to += sprintf(to, "port %u ", remote);
	to = put_local(to, m, i);
	return to + sprintf(to, "%s-> s%u%s\n", ports, i % SOCKETS,
			    i % 6 == 5 ? " count" : "");
}

/* One in five has more ports than there is room for, one in seven looks at the
 * port of who asks. */
static char *put_rules(char *to, const struct made *m, uint32_t i)
{
	static const char *const ports[] = { "", "port 443 ", "port 80-90 " };
	char port[20];

	if (!m->plain && i % 5 == 4) {
		for (uint32_t k = 0; k < PORTS_MANY; k++) {
			sprintf(port, "port %u ", 1000 + 10 * k);
			to = put_rule(to, m, i + k % 2 * SOCKETS, port, 0);
		}
		return to;
	}
	return put_rule(to, m, i, ports[i % 3], !m->plain && i % 7 == 6 ? 53 : 0);
}

static char *put_networks(char *to, const struct made *m, uint32_t first)
{
	for (uint32_t i = first; i < first + NETWORKS; i++)
		if (m->family == 4)
			to += sprintf(to, "tcp from 10.1.%u.0/26 to 10.2.0.%u/28 "
				      "port %u-%u -> s%u\n", i / 3, i * 16 % 256,
				      60 + i, 90 + 40 * i, i % SOCKETS);
		else
			to += sprintf(to, "udp from 2001:db8:1::%x/122 to "
				      "2001:db8:2::%x/124 port %u-%u -> s%u\n",
				      i * 64, i * 16 % 256, 60 + i, 90 + 40 * i,
				      i % SOCKETS);
	return to;
}

static struct made make(unsigned int family, uint32_t n, bool plain)
{
	struct made m = { .family = family, .n = n, .plain = plain };
	char *to = m.text = malloc((size_t)(n * PORTS_MANY + 40) * LINE_MAX);

	to += sprintf(to, "policy t\n");
	for (int i = 0; i < SOCKETS; i++)
		to += sprintf(to, "socket s%d\n", i);
	to = put_networks(to, &m, 0);
	for (uint32_t i = 0; i < n; i++)
		to = put_rules(to, &m, i);
	to = put_networks(to, &m, NETWORKS);
	sprintf(to, "default -> drop\n");
	return m;
}

static void grow(struct compiled *c, const struct made *m, enum shape shape)
{
	struct compile_options o = {
		.optimize = 2, .until = COMPILE_ALL, .no_lint = true,
		.name = "t.skl", .text = m->text, .size = strlen(m->text),
		.diagram_weight = shape == TREES, .hosts_least = 1,
		.products = shape == BEHIND_PRODUCTS ? PRODUCTS_ALWAYS :
			PRODUCTS_NEVER,
	};

	assert_int_equal(compile(c, NULL, &o), 0);
	if (c->diags.nerrors)
		diag_print(&c->diags, stderr, false);
	assert_int_equal(c->diags.nerrors, 0);
	assert_true(c->proof.ok);
	assert_true(!c->program.trees == (shape != TREES));
	assert_true(!c->program.lowered.products.bytes == (shape != BEHIND_PRODUCTS));
}

static void done(struct compiled *c, struct made *m)
{
	compiled_free(c);
	free(m->text);
}

static size_t terms_of(const struct policy *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->nclauses; i++)
		n += p->clauses[i].terms.n;
	return n;
}

static size_t answered_of(const struct compiled *c)
{
	size_t n = 0;

	assert_non_null(c->program.answered);
	for (size_t i = 0; i < terms_of(c->policy); i++)
		n += c->program.answered[i] == FOREST_NO_TREE;
	return n;
}

static void ask(struct compiled *c)
{
	struct asked a;

	asked_begin(&a, c);
	asked_ends(&a, PACKETS);
	assert_int_equal(a.wrong, 0);
}

/* ------------------------------------------------------------ what is left */

static size_t cuts_of_trees(const struct forest *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->ntrees; i++)
		n += diagram_stats(f->trees[i].diagram).cuts;
	return n;
}

/* Less than half of the cuts that all rules take. */
static void half_is_left(const struct compiled *c)
{
	size_t left = c->program.trees ? cuts_of_trees(c->program.trees) :
		diagram_stats(c->program.diagram).cuts;
	size_t all = c->program.trees ? cuts_of_trees(c->forest) :
		diagram_stats(c->diagram).cuts;

	assert_true(left * 2 < all);
}

static void plain_ones_are_answered(void **state)
{
	(void)state;
	for (unsigned int family = 4; family <= 6; family += 2)
		for (enum shape s = ONE_DIAGRAM; s <= TREES; s++) {
			struct made m = make(family, 300, true);
			struct compiled c;

			grow(&c, &m, s);
			assert_int_equal(answered_of(&c), m.n);
			half_is_left(&c);
			ask(&c);
			done(&c, &m);
		}
}

/* Of a pair with many ports, those for which there is room. */
static void others_are_left(void **state)
{
	(void)state;
	for (unsigned int family = 4; family <= 6; family += 2)
		for (enum shape s = ONE_DIAGRAM; s <= TREES; s++) {
			struct made m = make(family, 315, false);
			struct compiled c;

			grow(&c, &m, s);
			/* less a fifth and a seventh, but for what is in both;
			 * and of the fifth six ports each, at most */
			assert_in_range(answered_of(&c), 216, 216 + 63 * 6);
			ask(&c);
			done(&c, &m);
		}
}

/* Tables have all IPv4 packets before hosts are asked: these are of IPv6 alone. */
static void four_are_left_to_tables(void **state)
{
	struct made six = make(6, 200, false), four = make(4, 60, true), m;
	char *end;
	struct compiled c;
	size_t term = 0;

	(void)state;
	m = six;
	m.text = malloc(strlen(four.text) + strlen(six.text) + 1);
	strcpy(m.text, four.text);
	end = strstr(m.text, "default");
	strcpy(end, strstr(six.text, "udp from"));
	grow(&c, &m, BEHIND_PRODUCTS);
	assert_in_range(answered_of(&c), 137, 137 + 40 * 6);
	for (size_t i = 0; i < c.policy->nclauses; i++) {
		const struct terms *t = &c.policy->clauses[i].terms;

		for (size_t k = 0; k < t->n; k++)
			if (c.program.answered[term++])
				assert_non_null(t->v[k].set[FIELD_RADDR6]);
	}
	ask(&c);
	done(&c, &m);
	free(six.text);
	free(four.text);
}

/* Whose part it is hangs on a hash, and no table says that. */
static void splits_are_left(void **state)
{
	struct made m = make(4, 90, true);
	struct compiled c;
	char *to = strstr(m.text, "default");

	(void)state;
	for (uint32_t i = 0; i < 9; i++)
		to += sprintf(to, "from 10.3.0.%u to 10.2.0.1 -> split by from "
			      "{ 50%% s0, 50%% s1 }\n", i);
	sprintf(to, "default -> drop\n");
	grow(&c, &m, ONE_DIAGRAM);
	assert_int_equal(answered_of(&c), m.n);
	done(&c, &m);
}

/* ---------------------------------------------------------------- the proof */

/* Each byte of the table NAME in turn; out: how many changes are refused. */
static size_t change_table(struct compiled *c, const char *name)
{
	const struct image_variable *v = asked_variable(c->image, name);
	size_t refused = 0;

	assert_non_null(v);
	for (uint32_t at = 0; at < v->size; at++) {
		uint8_t *byte = &c->image->rodata[v->offset + at], old = *byte;
		struct prove_result r;

		*byte ^= (uint8_t)(1 << at % 8);
		if (!asked_prove(c, &r)) {
			refused++;
			assert_true(r.has_witness);
		}
		*byte = old;
	}
	return refused;
}

/* A host that is not found any more is in no diagram: its packets show. */
static void changes_show(void **state)
{
	(void)state;
	for (enum shape s = ONE_DIAGRAM; s <= TREES; s++) {
		struct made m = make(4, 24, true);
		struct compiled c;

		grow(&c, &m, s);
		assert_true(change_table(&c, "skpol_numbers") >= 12);
		assert_true(change_table(&c, "skpol_hosts") >= 24 * 12);
		done(&c, &m);
	}
}

/* The number from which on what is done is no step is above that which leaves it to
 * the diagrams: a record that leaves all UDP to them does something then. */
static void no_step_is_none(void **state)
{
	struct made m = { .family = 4, .n = 24, .plain = true };
	char *to = m.text = malloc((size_t)m.n * LINE_MAX);
	struct prove_result r;
	struct compiled c;
	struct bpf_insn *i;

	(void)state;
	to += sprintf(to, "policy t\nsocket s0\nsocket s1\nudp from port 53 -> "
		      "s1\n");
	for (uint32_t k = 0; k < m.n; k++) {
		to += sprintf(to, "tcp ");
		to = put_pair(to, &m, k);
		to = put_local(to, &m, k);
		to += sprintf(to, "-> s1\n");
	}
	sprintf(to, "default -> s0\n");
	grow(&c, &m, ONE_DIAGRAM);
	for (i = c.image->insns; i->code != (BPF_JMP32 | BPF_JGE | BPF_K);)
		i++;
	assert_int_equal(i->imm, HOST_STEPS);
	i->imm = 1 << 17;
	assert_false(asked_prove(&c, &r));
	assert_true(r.has_witness);
	done(&c, &m);
}

/* Of one diagram: that a term is left out which is not is no reason to leave it out
 * of the rules that are proved; that one is in which is not, is seen. */
static void one_diagram_is_not_believed(void **state)
{
	struct made m = make(6, 60, false);
	struct prove_result r;
	struct compiled c;
	size_t n, refused = 0;
	uint8_t *said;

	(void)state;
	grow(&c, &m, ONE_DIAGRAM);
	n = terms_of(c.policy);
	said = malloc(n);
	for (size_t i = 0; i < n; i++) {
		memcpy(said, c.program.answered, n);
		said[i] = said[i] ? 0 : FOREST_NO_TREE;
		const uint8_t *before = c.program.answered;

		c.program.answered = said;
		if (before[i])
			refused += !asked_prove(&c, &r);
		else
			assert_true(asked_prove(&c, &r));
		c.program.answered = before;
	}
	/* all but those that others hide */
	assert_in_range(refused, answered_of(&c) * 3 / 4, answered_of(&c));
	free(said);
	done(&c, &m);
}

/* Nor that a term is in no tree which hosts do not answer. */
static void trees_are_not_believed(void **state)
{
	struct made m = make(4, 60, false);
	struct prove_result r;
	struct compiled c;
	size_t n, last;

	(void)state;
	grow(&c, &m, TREES);
	n = terms_of(c.policy);
	last = n - 1;	/* the default is in none */
	for (size_t i = 0; i < last; i++) {
		uint8_t *tree = &c.program.trees->tree_of[i], before = *tree;

		if (before == FOREST_NO_TREE) {
			assert_int_equal(c.program.answered[i], FOREST_NO_TREE);
			continue;
		}
		*tree = FOREST_NO_TREE;
		assert_false(asked_prove(&c, &r));
		*tree = before;
	}
	assert_true(asked_proved(&c));
	done(&c, &m);
}

/* ------------------------------------------------------ what does not fit */

/* Pairs of hosts, each with a port of its own, among one rule of networks. */
static char *make_pairs(uint32_t n)
{
	char *text = malloc((size_t)(n + 4) * LINE_MAX), *to = text;

	to += sprintf(to, "policy t\nsocket s0\n");
	for (uint32_t i = 0; i < n; i++)
		to += sprintf(to, "from 2001:db8:1::%x to 2001:db8:2::%x port %u "
			      "-> s0\n", i * i * 37 + 1, i * 7919 % 9973,
			      443 + i);
	sprintf(to, "tcp from 2001:db8:1::/64 to 2001:db8:2::/60 -> drop\n"
		"default -> pass\n");
	return text;
}

static void grow_small(struct compiled *c, const char *text, uint32_t hosts,
		       size_t most)
{
	struct compile_options o = {
		.optimize = 2, .until = COMPILE_ALL, .no_lint = true,
		.name = "t.skl", .text = text, .size = strlen(text),
		.hosts_least = hosts, .max_instructions = most,
	};

	assert_int_equal(compile(c, NULL, &o), 0);
}

/* What is too large without a table of hosts has one; and a small diagram, no tree,
 * is what it leaves. */
static void what_fits_is_not_refused(void **state)
{
	enum { PAIRS = 30, MOST = 250 };
	char *text = make_pairs(PAIRS);
	struct compiled c;

	(void)state;
	grow_small(&c, text, UINT32_MAX, MOST);
	assert_int_equal(c.diags.nerrors, 1);
	compiled_free(&c);
	grow_small(&c, text, 0, MOST);
	assert_int_equal(c.diags.nerrors, 0);
	assert_true(c.proof.ok);
	assert_in_range(c.image->ninsns, 1, MOST);
	assert_int_equal(c.program.lowered.hosts[1].n, PAIRS);
	assert_non_null(c.forest);
	assert_null(c.program.trees);
	assert_in_range(diagram_stats(c.program.diagram).cuts, 1, 10);
	ask(&c);
	compiled_free(&c);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_ones_are_answered),
		cmocka_unit_test(others_are_left),
		cmocka_unit_test(four_are_left_to_tables),
		cmocka_unit_test(splits_are_left),
		cmocka_unit_test(changes_show),
		cmocka_unit_test(no_step_is_none),
		cmocka_unit_test(one_diagram_is_not_believed),
		cmocka_unit_test(trees_are_not_believed),
		cmocka_unit_test(what_fits_is_not_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
