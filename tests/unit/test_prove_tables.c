/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_prove_tables - wrong programs that look right table by table
 *
 * Good programs with tables of products or of hosts, of which one instruction is
 * changed: tables and their code are as they should be, and what goes wrong is what
 * the proof could take for granted at their edges, what words or registers hold
 * there. Some packet gets another verdict then than a linear search says, and so
 * the proof must refuse, and have one to show.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture_asked.h"

enum { PACKETS = 5000, PORTS = 300 };

static void grow(struct compiled *c, const char *text, uint32_t hosts,
		 enum compile_products products)
{
	struct compile_options o = {
		.optimize = 2, .until = COMPILE_ALL, .no_lint = true,
		.name = "t.skl", .text = text, .size = strlen(text),
		.products = (uint8_t)products, .hosts_least = hosts,
	};

	assert_int_equal(compile(c, NULL, &o), 0);
	if (c->diags.nerrors)
		diag_print(&c->diags, stderr, false);
	assert_true(c->proof.ok);
}

static size_t wrong(struct compiled *c)
{
	struct asked a;

	asked_begin(&a, c);
	asked_ends(&a, PACKETS);
	return a.wrong;
}

static void is_refused(struct compiled *c)
{
	struct prove_result r;

	assert_true(wrong(c) > 0);
	assert_false(asked_prove(c, &r));
	assert_true(r.has_witness);
}

/* The last instruction like that, before END. */
static struct bpf_insn *last_before(const struct image *m, size_t end,
				    uint8_t code, uint8_t reg)
{
	while (end--)
		if (m->insns[end].code == code && m->insns[end].dst_reg == reg)
			return &m->insns[end];
	fail_msg("no instruction is like that");
	return NULL;
}

/* Behind tables of products: sockets are tried there. */
static size_t behind_products(const struct image *m)
{
	size_t end = m->ninsns;

	while (m->insns[end - 1].code != (BPF_LDX | BPF_MEM | BPF_H))
		end--;
	return end;
}

/* What is looked up last: of what is in REG, all below LIMIT is there. With one less
 * the uppermost goes where IPv6 packets go. */
static void one_is_not_there(struct compiled *c, uint8_t reg, int32_t limit)
{
	struct bpf_insn *v = last_before(c->image, behind_products(c->image),
					 BPF_JMP | BPF_JGE | BPF_K, reg);

	assert_int_equal(v->imm, limit);
	v->imm--;
	is_refused(c);
	v->imm++;
	assert_true(asked_proved(c));
}

/*
 * Local ports 80 and 443 are one column, and the same rules are left of them: one
 * place for both. The code of IPv6 packets asks for the port again, and does with
 * the lower one what rules of IPv4 say, but not with the other one.
 */
static void rows_that_are_not_there(void **state)
{
	struct compiled c;

	(void)state;
	grow(&c, "policy t\nsocket s0\nsocket s1\n"
	     "ip4 tcp from 10.0.0.0/8 port 9 to port { 80, 81, 443 } -> s1\n"
	     "ip4 tcp from 11.0.0.0/8 port 9 to port 81 -> s1\n"
	     "ip4 tcp from 12.0.0.0/8 port 9 to port { 80, 443 } -> s0\n"
	     "ip6 tcp from port 9 to port 443 -> s1\n"
	     "ip6 tcp from port 9 -> s0\n"
	     "default -> pass\n", 0, PRODUCTS_ALWAYS);
	assert_int_equal(c.program.lowered.products.sequence[1], PRODUCT_LPORT);
	one_is_not_there(&c, 7, 3);
	compiled_free(&c);
}

enum { PORTS_TEXT = 1 << 15 };

/* More remote ports than a byte can say, of two local ones. */
static void put_ports(char *to)
{
	to += sprintf(to, "policy t\nsocket s0\nsocket s1\n");
	for (int i = 1; i < PORTS; i++)
		to += sprintf(to, "ip4 tcp from port %d to port { 80, 443 } -> "
			      "s0 count\n", i);
	sprintf(to, "tcp from port %d to port 80 -> s1\n"
		"ip4 tcp from port %d to port 443 -> s1\n"
		"ip6 tcp from port %d to port 443 -> s0\n"
		"default -> pass\n", PORTS, PORTS, PORTS);
}

/* The same of columns: or nobody asks whether they are there. */
static void columns_that_are_not_there(void **state)
{
	char text[PORTS_TEXT];
	struct compiled c;

	(void)state;
	put_ports(text);
	grow(&c, text, 0, PRODUCTS_ALWAYS);
	assert_int_equal(c.program.lowered.products.columns[PRODUCT_RPORT], PORTS + 1);
	one_is_not_there(&c, 3, PORTS + 1);
	compiled_free(&c);
}

/* All is as it should be, but a table ends too early, which no verifier would
 * accept. */
static void tables_that_are_not_there(void **state)
{
	const struct image_variable *v;
	char text[PORTS_TEXT];
	struct prove_result r;
	struct compiled c;

	(void)state;
	put_ports(text);
	grow(&c, text, 0, PRODUCTS_ALWAYS);
	v = asked_variable(c.image, "skpol_next_rport");
	asked_read_copy(&c, v, (uint32_t)(c.image->rodata_size + 7) & ~7u);
	assert_true(asked_proved(&c));
	c.image->rodata_size -= v->size / 2;
	assert_false(asked_prove(&c, &r));
	compiled_free(&c);
}

/* Where sockets are tried r1 is loaded first: instead, what it holds is added to the
 * step. */
static void add_what_r1_holds(struct compiled *c, size_t at)
{
	struct bpf_insn *v = &c->image->insns[at], old = *v;

	assert_int_equal(v->code, BPF_LDX | BPF_MEM | BPF_W);
	assert_int_equal(v->dst_reg, 1);
	*v = (struct bpf_insn){ .code = BPF_ALU | BPF_ADD | BPF_X,
				.dst_reg = 7, .src_reg = 1 };
	is_refused(c);
	*v = old;
	assert_true(asked_proved(c));
}

/* The family: 2 steps on is what UDP packets get, of which none come there. */
static void products_leave_the_family(void **state)
{
	struct compiled c;

	(void)state;
	grow(&c, "policy t\nsocket s0\nsocket s1\n"
	     "ip4 tcp from 10.0.0.0/8 to 192.0.2.0/24 -> s0\n"
	     "ip4 tcp from 11.0.0.0/8 to 198.51.100.0/24 -> s1\n"
	     "default -> pass\n", 0, PRODUCTS_ALWAYS);
	assert_int_not_equal(c.program.lowered.products.bytes, 0);
	add_what_r1_holds(&c, behind_products(c.image));
	compiled_free(&c);
}

/* The port, some times over. */
static void hosts_leave_the_port(void **state)
{
	const struct bpf_insn *special;
	struct compiled c;

	(void)state;
	grow(&c, "policy t\nsocket s0\nsocket s1\n"
	     "tcp to 192.0.2.1 port 80 from 10.0.0.1 -> s0\n"
	     "tcp to 192.0.2.2 port 81 from 10.0.0.2 -> s1\n"
	     "tcp to 192.0.2.3 port 82 from 10.0.0.3 -> s0\n"
	     "default -> pass\n", 1, PRODUCTS_NEVER);
	assert_int_equal(c.program.lowered.hosts[0].n, 3);
	special = c.image->insns;
	while (special->code != (BPF_JMP32 | BPF_JGE | BPF_K))
		special++;
	add_what_r1_holds(&c, (size_t)(special + 1 - c.image->insns));
	compiled_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_that_are_not_there),
		cmocka_unit_test(tables_that_are_not_there),
		cmocka_unit_test(columns_that_are_not_there),
		cmocka_unit_test(products_leave_the_family),
		cmocka_unit_test(hosts_leave_the_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
