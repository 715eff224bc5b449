/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_products - IPv4 by tables alone, asked on both sides of each cut
 *
 * Policies of overlapping networks and ports, IPv6 among them, of which there may be
 * a forest for all. Programs must be proved, and give packets with fields at and
 * beside the ends of the rules' sets the verdict of a linear search. Then bytes of
 * the tables and numbers of the code that reads them, and of what is behind, change:
 * what is still proved must still be right, and what is refused must have a witness,
 * or no packet differs.
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

enum { TEXT_MAX = 1 << 20, PACKETS = 20000,
       MANY = 300, HOSTS = 1500, PAIRS = 60,	/* rules */
       CHANGES = 13 };	/* of a table */

/* Which fields rules ask for. */
enum { LOCAL = 1, REMOTE = 2, LPORT = 4, RPORT = 8, ALL = 15 };

/* ------------------------------------------------------------- policies */

struct text {
	char *v, *to;
};

static void begin(struct text *t)
{
	t->to = t->v = malloc(TEXT_MAX);
	t->to += sprintf(t->to, "policy t\nsocket s0\nsocket s1\n"
			 "socket s2\nsocket s3\n");
}

static void add_network(struct text *t, struct random *r, const char *word)
{
	static const uint8_t lengths[] = { 8, 14, 16, 20, 24, 27, 32, 32 };
	uint32_t length = lengths[random_below(r, sizeof(lengths))];
	uint32_t v = random_below(r, 3) << 30 | random_below(r, 9) << 16 |
		random_below(r, 4) << 11 | random_below(r, 40);

	v &= (uint32_t)(UINT64_MAX << (32 - length));
	t->to += sprintf(t->to, " %s %u.%u.%u.%u/%u", word, v >> 24,
			 v >> 16 & 255, v >> 8 & 255, v & 255, length);
}

static void add_port(struct text *t, struct random *r)
{
	uint32_t low = random_below(r, 40) * 300;

	t->to += sprintf(t->to, random_chance(r, 50) ? " port %u" :
			 " port %u-%u", low, low + random_below(r, 5000));
}

/* What FIELDS has, of most rules some of it only. */
static void add_rule(struct text *t, struct random *r, int fields)
{
	static const char *const ends[] = {
		"s0", "s1 else pass", "s2 else s1", "s3 count", "drop", "pass",
		"drop count",
	};
	static const char *const protocols[] = { "", "tcp ", "udp " };
	int has = fields & (int)random_next(r);

	if (!has)
		has = fields;
	t->to += sprintf(t->to, "ip4 %s", protocols[random_below(r, 3)]);
	if (has & REMOTE)
		add_network(t, r, "from");
	else if (has & RPORT)
		t->to += sprintf(t->to, " from");
	if (has & RPORT)
		add_port(t, r);
	if (has & LOCAL)
		add_network(t, r, "to");
	else if (has & LPORT)
		t->to += sprintf(t->to, " to");
	if (has & LPORT)
		add_port(t, r);
	t->to += sprintf(t->to, " -> %s\n",
			 ends[random_below(r, sizeof(ends) / sizeof(*ends))]);
}

static char *make(uint64_t seed, int fields, uint32_t n)
{
	struct random r = random_new(seed);
	struct text t;

	begin(&t);
	for (uint32_t i = 0; i < n; i++)
		add_rule(&t, &r, fields);
	sprintf(t.to, "tcp to 2001:db8::/32 port 80 -> s0\n"
		"udp from 2001:db8:1::/48 -> drop\ndefault -> s1 else drop\n");
	return t.v;
}

static void grow(struct compiled *c, const char *text,
		 enum compile_products products)
{
	struct compile_options o = {
		.optimize = 2, .until = COMPILE_ALL, .no_lint = true,
		.name = "t.skl", .text = text, .size = strlen(text),
		.products = (uint8_t)products,
	};

	assert_int_equal(compile(c, NULL, &o), 0);
	if (c->diags.nerrors)
		diag_print(&c->diags, stderr, false);
	assert_true(c->proof.ok);
}

/* -------------------------------------------------------------- packets */

static void ask(struct asked *a, struct compiled *c)
{
	asked_begin(a, c);
	asked_ends(a, PACKETS);
}

/* Which field was looked up second, how often. */
static size_t second[PRODUCT_FIELDS];

static void check(uint64_t seed, int fields, uint32_t n)
{
	char *text = make(seed, fields, n);
	struct compiled c;
	struct asked a;

	grow(&c, text, PRODUCTS_ALWAYS);
	assert_int_not_equal(c.program.lowered.products.bytes, 0);
	for (int f = 0; f < PRODUCT_FIELDS; f++)
		if (f != PRODUCT_LPORT)	/* has the protocol */
			assert_int_equal(!c.program.lowered.products.columns[f],
					 !(fields >> f & 1));
	second[c.program.lowered.products.sequence[1]]++;
	ask(&a, &c);
	assert_int_equal(a.wrong, 0);
	compiled_free(&c);
	free(text);
}

/* Each two fields, three, all; in both orders. */
static void each_field(void **state)
{
	(void)state;
	for (int fields = 1; fields <= ALL; fields++)
		if (fields & (fields - 1))
			check((uint64_t)fields, fields, 25);
	for (uint64_t seed = 100; seed < 110; seed++)
		check(seed, ALL, 120);
	assert_true(second[PRODUCT_REMOTE] && second[PRODUCT_LPORT]);
}

/* More columns and nodes than a byte can number. */
static void many(void **state)
{
	struct random r = random_new(5);
	struct compiled c;
	struct asked a;
	struct text t;

	(void)state;
	begin(&t);
	for (uint32_t i = 0; i < MANY; i++) {
		uint32_t local = (uint32_t)random_next(&r) >> 6 << 6;

		t.to += sprintf(t.to, "tcp to %u.%u.%u.%u/26 from 10.0.%u.%u "
				"port %u -> s%u\n", local >> 24,
				local >> 16 & 255, local >> 8 & 255, local & 255,
				i >> 8, i & 255, 1000 + i, i % 2);
	}
	sprintf(t.to, "default -> pass\n");
	grow(&c, t.v, PRODUCTS_ALWAYS);
	assert_int_not_equal(c.program.lowered.products.bytes, 0);
	assert_in_range(c.program.lowered.products.columns[PRODUCT_LOCAL], 257,
			MANY + 1);
	assert_in_range(c.program.lowered.products.columns[PRODUCT_REMOTE], 257,
			MANY + 1);
	ask(&a, &c);
	assert_int_equal(a.wrong, 0);
	compiled_free(&c);
	free(t.v);
}

/* All pages of remote ports are alike: one node, and bytes lead to it. */
static void one_node(void **state)
{
	struct compiled c;
	struct asked a;
	struct text t;

	(void)state;
	begin(&t);
	t.to += sprintf(t.to, "set ports = { 5");
	for (int i = 1; i < 256; i++)
		t.to += sprintf(t.to, ", %d", 256 * i + 5);
	sprintf(t.to, " }\nip4 tcp from port ports to port 80 -> s0\n"
		"ip4 to 192.0.2.0/24 from 10.0.0.0/8 -> s1\n"
		"default -> pass\n");
	grow(&c, t.v, PRODUCTS_ALWAYS);
	assert_int_not_equal(c.program.lowered.products.bytes, 0);
	ask(&a, &c);
	assert_int_equal(a.wrong, 0);
	compiled_free(&c);
	free(t.v);
}

/* ------------------------------------------------- where there are none */

/* Whether TEXT has them, with MORE rules before its first one. */
static bool has_them(const char *text, const char *more,
		     enum compile_products products)
{
	char *whole = malloc(TEXT_MAX);
	const char *end = strstr(text, "ip4");
	struct compiled c;
	bool has;

	sprintf(whole, "%.*s%s%s", (int)(end - text), text, more, end);
	grow(&c, whole, products);
	has = c.program.lowered.products.bytes;
	compiled_free(&c);
	free(whole);
	return has;
}

static void when_it_is_worth_it(void **state)
{
	char *few = make(1, ALL, 20), *more = make(1, ALL, 200);
	char *local = make(1, LOCAL | LPORT, 200);

	(void)state;
	assert_false(has_them(few, "", PRODUCTS_USUAL));
	assert_true(has_them(few, "", PRODUCTS_ALWAYS));
	assert_true(has_them(more, "", PRODUCTS_USUAL));
	assert_false(has_them(more, "", PRODUCTS_NEVER));
	/* a single diagram asks for one address as well */
	assert_false(has_them(local, "", PRODUCTS_USUAL));
	assert_true(has_them(local, "", PRODUCTS_ALWAYS));
	free(few);
	free(more);
	free(local);
}

static void what_they_cannot(void **state)
{
	char *text = make(1, ALL, 20);

	(void)state;
	assert_false(has_them(text, "ip4 on \"eth0\" port 1 -> s1\n",
			      PRODUCTS_ALWAYS));
	assert_false(has_them(text, "ip4 tcp port 77 -> split by from "
			      "{ 50% s0, 50% s1 }\n", PRODUCTS_ALWAYS));
	/* of IPv6, they are the diagram's */
	assert_true(has_them(text, "ip6 on \"eth0\" port 1 -> s1\n"
			     "ip6 tcp port 77 -> split by from "
			     "{ 50% s0, 50% s1 }\n", PRODUCTS_ALWAYS));
	free(text);
}

/* Behind them a table of IPv6 hosts, as there would be without them. */
static void hosts_behind(void **state)
{
	char *text = make(1, ALL, 200), *to = strstr(text, "tcp to 2001");
	struct compiled c;
	struct asked a;

	(void)state;
	for (uint32_t i = 0; i < HOSTS; i++)
		to += sprintf(to, "tcp to 2001:db8::%x:%x from fd00:%x::%x "
			      "port %u -> s%u\n", i * 7 % 999, i, i * 77 % 1000,
			      i + 9, 1 + i % 50, i % 4);
	sprintf(to, "ip4 to 192.0.2.1 -> drop\ndefault -> pass\n");
	grow(&c, text, PRODUCTS_USUAL);
	assert_int_not_equal(c.program.lowered.products.bytes, 0);
	assert_int_equal(c.program.lowered.hosts[0].n, 0);
	assert_in_range(c.program.lowered.hosts[1].n, HOSTS * 9 / 10, HOSTS);
	ask(&a, &c);
	assert_int_equal(a.wrong, 0);
	compiled_free(&c);
	free(text);
}

/* All that IPv6 packets get. */
static void only_a_split(void **state)
{
	char *text = make(1, ALL, 20);
	struct compiled c;
	struct asked a;

	(void)state;
	sprintf(strstr(text, "tcp to 2001"), "ip4 -> s2\n"
		"default -> split by to { 60%% s0, 20%% s1, 20%% s3 }\n");
	grow(&c, text, PRODUCTS_ALWAYS);
	assert_int_not_equal(c.program.lowered.products.bytes, 0);
	ask(&a, &c);
	assert_int_equal(a.wrong, 0);
	compiled_free(&c);
	free(text);
}

/* -------------------------------------- where one diagram is too large */

/* Pairs of hosts of both families, and IPv6 networks that these are in. */
static char *put_pairs(char *to)
{
	for (uint32_t i = 0; i < PAIRS; i++) {
		uint32_t l = i % 20, r = i % 7;

		to += i % 3 ? sprintf(to, "tcp to 2001:db8::%x00 from fd00:%x::9",
				      l, r) :
			sprintf(to, "tcp to 2001:db8::%x00/120 from fd00:%x::/32",
				l, r);
		to += sprintf(to, " port %u-%u -> s%u\n", i * 9, i * 11, i % 4);
		to += sprintf(to, "tcp to 192.0.2.%u from 192.0.3.%u -> s%u\n",
			      l, r, i % 4);
	}
	return to;
}

/* As a forest, with tables of products; HOSTS: the least of a table of hosts. */
static void grow_forest(struct compiled *c, uint32_t hosts)
{
	char *text = make(7, ALL, 40);
	struct compile_options o = {
		.optimize = 2, .until = COMPILE_ALL, .no_lint = true,
		.name = "t.skl", .text = text, .products = PRODUCTS_ALWAYS,
		.diagram_weight = 1, .hosts_least = hosts,
	};

	sprintf(put_pairs(strstr(text, "tcp to 2001")),
		"default -> s1 else drop\n");
	o.size = strlen(text);
	assert_int_equal(compile(c, NULL, &o), 0);
	assert_int_equal(c->diags.nerrors, 0);
	assert_true(c->proof.ok);
	assert_int_not_equal(c->program.lowered.products.bytes, 0);
	assert_true(c->forest->ntrees > 1);
	free(text);
}

/* The forest is of all packets, and not in the program: behind the tables is one
 * diagram, of IPv6, and a table of hosts before it where one is wanted. */
static void no_forest_behind(void **state)
{
	(void)state;
	for (int hosts = 0; hosts < 2; hosts++) {
		static const struct forest_rank_options plain = { .pack = true };
		struct forest_ranks ranks;
		struct prove_result r;
		struct prove_forest f;
		struct compiled c;
		struct asked a;

		grow_forest(&c, hosts ? 1 : UINT32_MAX);
		assert_int_equal(c.program.lowered.hosts[0].n, 0);
		assert_int_equal(!c.program.lowered.hosts[1].n, !hosts);
		ask(&a, &c);
		assert_int_equal(a.wrong, 0);
		forest_rank(&c.arena, c.forest, c.policy, c.effects, &plain,
			    &ranks);
		f = (struct prove_forest){ c.forest->ntrees, c.forest->tree_of,
					   ranks.number_of_clause };
		assert_false(prove_forest_image(&c.arena, c.policy, c.image, &f,
						&r));
		assert_false(r.has_witness);	/* nothing is wrong with it */
		compiled_free(&c);
	}
}

/* ------------------------------------------------------------ the proof */

struct tally {
	size_t proved, refused, witnesses;
};

/* After a change of C's image. */
static void judge(struct compiled *c, struct tally *t)
{
	struct prove_result r;
	struct asked a;

	if (asked_prove(c, &r)) {
		ask(&a, c);
		assert_int_equal(a.wrong, 0);
		t->proved++;
		return;
	}
	t->refused++;
	if (r.has_witness) {
		t->witnesses++;
		return;
	}
	ask(&a, c);
	assert_int_equal(a.wrong, 0);
}

/* Some of its bytes. */
static void change_table(struct compiled *c, const char *name,
			 struct tally *t)
{
	const struct image_variable *v = asked_variable(c->image, name);
	uint32_t step;

	assert_non_null(v);
	step = v->size / CHANGES | 1;
	for (uint32_t at = 0; at < v->size; at += step) {
		uint8_t *byte = &c->image->rodata[v->offset + at];

		*byte ^= (uint8_t)(1 << at % 8);
		judge(c, t);
		*byte ^= (uint8_t)(1 << at % 8);
	}
}

static void tables_show(void **state)
{
	static const char *const names[] = {
		"skpol_local0", "skpol_local1", "skpol_local2",
		"skpol_remote0", "skpol_remote1", "skpol_remote2",
		"skpol_lport0", "skpol_lport1", "skpol_rport0",
		"skpol_rport1", "skpol_next_remote", "skpol_next_lport",
		"skpol_next_rport",
	};
	char *text = make(3, ALL, 12);
	struct tally t = { 0 };
	struct compiled c;

	(void)state;
	grow(&c, text, PRODUCTS_ALWAYS);
	assert_int_equal(c.program.lowered.products.sequence[1], PRODUCT_REMOTE);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		change_table(&c, names[i], &t);
	/* what no number leads to may change */
	assert_true(t.witnesses > 100 && t.proved > 5);
	assert_int_equal(t.refused, t.witnesses);
	assert_true(asked_proved(&c));
	compiled_free(&c);
	free(text);
}

/* Behind the last one of the numbers of 16 bits that are read: the step. */
static size_t code_of_tables(const struct image *m)
{
	size_t n = m->ninsns;

	for (size_t i = 0; i < m->ninsns; i++)
		if (m->insns[i].code == (BPF_LDX | BPF_MEM | BPF_H))
			n = i + 1;
	return n;
}

/* Of each instruction something else in turn. */
static void code_shows(void **state)
{
	char *text = make(4, ALL, 12);
	struct tally t = { 0 };
	struct compiled c;

	(void)state;
	grow(&c, text, PRODUCTS_ALWAYS);
	assert_int_equal(c.program.lowered.products.sequence[1], PRODUCT_LPORT);
	for (size_t i = 0; i < code_of_tables(c.image); i++)
		for (int k = 0; k < ASKED_CHANGES; k++) {
			struct bpf_insn *v = &c.image->insns[i], old = *v;

			asked_change(v, (size_t)k);
			judge(&c, &t);
			*v = old;
		}
	assert_true(t.refused > 300 && t.witnesses > 200);
	compiled_free(&c);
	free(text);
}

/* Some of those behind, which IPv6 packets get. */
static void code_behind_shows(void **state)
{
	struct tally t = { 0 };
	struct compiled c;

	(void)state;
	grow_forest(&c, 0);
	for (size_t i = code_of_tables(c.image); i < c.image->ninsns; i += 7) {
		struct bpf_insn *v = &c.image->insns[i], old = *v;

		asked_change(v, i);
		judge(&c, &t);
		*v = old;
	}
	assert_true(t.witnesses > 100);
	assert_true(asked_proved(&c));
	compiled_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_field),
		cmocka_unit_test(many),
		cmocka_unit_test(one_node),
		cmocka_unit_test(when_it_is_worth_it),
		cmocka_unit_test(what_they_cannot),
		cmocka_unit_test(hosts_behind),
		cmocka_unit_test(only_a_split),
		cmocka_unit_test(no_forest_behind),
		cmocka_unit_test(tables_show),
		cmocka_unit_test(code_shows),
		cmocka_unit_test(code_behind_shows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
