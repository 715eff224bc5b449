/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_hosts - hosts in a table, asked on both sides of each of their ports
 *
 * Policies of hosts, or pairs of them, with prefixes and ports of everybody
 * between and behind. Small ones get a table by force. Programs must be proved,
 * and give each packet the verdict of a linear search. Then each byte of a table
 * and each number of the code that reads it changes: what is still proved must
 * still be right, and what is refused must have a witness, or no packet differs.
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

enum { SOCKETS = 5, LINE_MAX = 300, EXTRA = 12, MANY = 30000 };

/* What rules name of each host. */
enum which { LOCAL = HOSTS_LOCAL, REMOTE = HOSTS_REMOTE,
	     BOTH = HOSTS_LOCAL | HOSTS_REMOTE };

struct made {
	unsigned int family;	/* 4 or 6 */
	enum which named;
	uint32_t n;		/* hosts */
	bool few;		/* ports: one of each, and others have none */
	char *text;
};

/* Pair I; some share an address. */
static u128 local_of(const struct made *m, uint32_t i)
{
	uint32_t k = m->named == BOTH ? i % (m->n / 2 + 1) : i;

	if (m->family == 4)
		return 0xc0000200 + k * 5;
	return (u128)0x20010db800000000 << 64 | (u128)(k % 3) << 64 |
		(u128)(k % 5) << 32 | k;
}

static u128 remote_of(const struct made *m, uint32_t i)
{
	if (m->family == 4)
		return 0x0a000000 + i * 3;
	return (u128)0x20010db8ffff0000 << 64 | (u128)i << 48 | 7;
}

static const char *address(const struct made *m, u128 v, char buf[60])
{
	if (m->family == 4)
		sprintf(buf, "%u.%u.%u.%u", (uint32_t)v >> 24,
			(uint32_t)v >> 16 & 255, (uint32_t)v >> 8 & 255,
			(uint32_t)v & 255);
	else
		sprintf(buf, "%x:%x:%x:%x:%x:%x:%x:%x",
			(uint32_t)(v >> 112), (uint32_t)(v >> 96) & 0xffff,
			(uint32_t)(v >> 80) & 0xffff,
			(uint32_t)(v >> 64) & 0xffff,
			(uint32_t)(v >> 48) & 0xffff,
			(uint32_t)(v >> 32) & 0xffff,
			(uint32_t)(v >> 16) & 0xffff, (uint32_t)v & 0xffff);
	return buf;
}

static uint16_t port_of(uint32_t i, uint32_t k)
{
	return (uint16_t)(1000 + i * 7 % 300 + k * 100);
}

/* One in three has two ports, one in five more than there is room for. */
static uint32_t rules_of(const struct made *m, uint32_t i)
{
	return m->few ? 1 : i % 5 == 4 ? EXTRA : i % 3 == 2 ? 2 : 1;
}

/* Rules of host I: one in seven looks at the remote port. */
static char *put_host(char *to, const struct made *m, uint32_t i)
{
	static const char *const protocol[] = { "tcp ", "udp ", "" };
	char buf[60];

	for (uint32_t k = 0; k < rules_of(m, i); k++) {
		to += sprintf(to, "%s", protocol[(i + k) % (m->few ? 2 : 3)]);
		if (m->named & LOCAL)
			to += sprintf(to, "to %s ",
				      address(m, local_of(m, i), buf));
		to += sprintf(to, "port %u ", port_of(i, k));
		if (m->named & REMOTE)
			to += sprintf(to, "from %s %s",
				      address(m, remote_of(m, i), buf),
				      i % 7 == 3 ? "port 53 " : "");
		else if (i % 7 == 3)
			to += sprintf(to, "from port 53 ");
		to += i % 11 == 5 ? sprintf(to, "-> %s\n", k % 2 ? "pass" :
					    "drop") :
			sprintf(to, "-> s%u%s\n", (i + k) % SOCKETS,
				i % 4 ? "" : " count");
	}
	return to;
}

/* What everybody does, so that it overlaps with hosts. */
static char *put_others(char *to, const struct made *m, bool first)
{
	const char *local = m->family == 4 ? "192.0.2.0/26" :
		"2001:db8:0:1::/64";
	const char *remote = m->family == 4 ? "10.0.0.0/28" :
		"2001:db8:ffff::/58";

	if (first)
		return to + sprintf(to, "udp port 1100-1119 from port 9 -> "
				    "s1\ntcp port 1200 to %s -> drop\n",
				    local);
	return to + sprintf(to, "from %s port 1000-1150 -> s2\nto %s -> s3 "
			    "count\ntcp port 1300-1400 -> pass\n", remote,
			    local);
}

static struct made make_some(struct made m)
{
	char *to = m.text = malloc((size_t)(m.n + 20) * EXTRA * LINE_MAX);

	to += sprintf(to, "policy t\n");
	for (int i = 0; i < SOCKETS; i++)
		to += sprintf(to, "socket s%d\n", i);
	to = m.few ? to : put_others(to, &m, true);
	for (uint32_t i = 0; i < m.n; i++)
		to = put_host(to, &m, i);
	to = m.few ? to : put_others(to, &m, false);
	sprintf(to, "default -> s0\n");
	return m;
}

static struct made make(unsigned int family, enum which named, uint32_t n)
{
	return make_some((struct made){ .family = family, .named = named,
					.n = n });
}

static struct made make_few(unsigned int family, enum which named, uint32_t n)
{
	return make_some((struct made){ .family = family, .named = named,
					.n = n, .few = true });
}

static void grow_by(struct compiled *c, const struct made *m, bool forest,
		    uint32_t least, const struct profile *profile)
{
	struct compile_options o = {
		.optimize = 2, .until = COMPILE_ALL, .no_lint = true,
		.name = "t.skl", .text = m->text, .size = strlen(m->text),
		.diagram_weight = forest, .hosts_least = least,
		.profile = profile,
	};

	assert_int_equal(compile(c, NULL, &o), 0);
	if (c->diags.nerrors)
		diag_print(&c->diags, stderr, false);
	assert_true(!c->forest == !forest);
	assert_true(c->proof.ok);
}

static void grow(struct compiled *c, const struct made *m, bool forest,
		 uint32_t least)
{
	grow_by(c, m, forest, least, NULL);
}

/* -------------------------------------------------------------- packets */

static void ask_ports(struct asked *a, const struct made *m, uint32_t i,
		      u128 local, u128 remote)
{
	for (uint32_t k = 0; k <= rules_of(m, i); k++)
		for (int n = 0; n < 12; n++) {
			struct packet q = {
				.family = (uint8_t)m->family, .local = local,
				.remote = remote,
				.protocol = n & 1 ? PACKET_UDP : PACKET_TCP,
				.local_port = (uint16_t)(port_of(i, k) +
							 n / 2 % 3 - 1),
				.remote_port = n < 6 ? 53 : 9,
			};

			asked_packet(a, &q);
		}
}

/* Each host, and those beside it. */
static void ask_hosts(struct asked *a, struct compiled *c,
		      const struct made *m, uint32_t step)
{
	struct packet nobody = { .family = (uint8_t)m->family,
				 .protocol = PACKET_TCP };

	asked_begin(a, c);
	for (uint32_t i = 0; i < m->n; i += step) {
		u128 l = local_of(m, i), r = remote_of(m, i);

		ask_ports(a, m, i, l, r);
		ask_ports(a, m, i, l + 1, r);
		ask_ports(a, m, i, l, r + 1);
		ask_ports(a, m, i, l, remote_of(m, i + 1));
		if (m->family == 6)
			ask_ports(a, m, i, l ^ (u128)1 << 100,
				  r ^ (u128)1 << 70);
	}
	asked_packet(a, &nobody);	/* as free places look */
}

static const struct lowered_hosts *table_of(const struct compiled *c,
					    const struct made *m)
{
	return &c->program.lowered.hosts[m->family == 6];
}

static uint32_t record_size(const struct compiled *c, const struct made *m)
{
	size_t n = table_of(c, m)->n;

	return asked_variable(c->image, "skpol_hosts")->size /
		(uint32_t)(n + n / 8 + 1);
}

static void check(struct made m, bool forest)
{
	/* two addresses of IPv6 have no room beside their ports in half a line */
	bool half = m.few && (m.family == 4 || m.named != BOTH);
	struct compiled c;
	struct asked a;

	grow(&c, &m, forest, 1);
	assert_int_equal(table_of(&c, &m)->named, m.named);
	/* those with a remote port have nothing that could be said */
	assert_in_range(table_of(&c, &m)->n, 20, 40);
	assert_int_equal(record_size(&c, &m), half ? 32 : 64);
	ask_hosts(&a, &c, &m, 1);
	assert_int_equal(a.wrong, 0);
	assert_true(a.packets > 40 * 4 * 2 * 12);
	compiled_free(&c);
	free(m.text);
}

static void each_kind(void **state)
{
	(void)state;
	for (unsigned int family = 4; family <= 6; family += 2)
		for (int named = LOCAL; named <= BOTH; named++) {
			enum which w = (enum which)named;

			for (int forest = 0; forest < 2; forest++) {
				check(make(family, w, 40), forest);
				check(make_few(family, w, 40), forest);
			}
		}
}

/* No word tells one host from the others. */
static void one_or_two(void **state)
{
	(void)state;
	for (uint32_t n = 1; n <= 2; n++) {
		struct made m = make(6, BOTH, n);
		struct compiled c;
		struct asked a;

		grow(&c, &m, false, 1);
		assert_int_equal(table_of(&c, &m)->n, n);
		ask_hosts(&a, &c, &m, 1);
		assert_int_equal(a.wrong, 0);
		compiled_free(&c);
		free(m.text);
	}
}

/* Both families in one policy: two tables, one end. */
static void both_families(void **state)
{
	struct made four = make(4, BOTH, 30), six = make(6, LOCAL, 30), m;
	struct compiled c;
	struct asked a;

	(void)state;
	m = six;
	m.text = malloc(strlen(four.text) + strlen(six.text) + 1);
	/* all rules of the first but its default, all of the other's */
	strcpy(m.text, four.text);
	strcpy(strstr(m.text, "default"), strstr(six.text, "udp port"));
	grow(&c, &m, false, 1);
	assert_int_equal(table_of(&c, &four)->named, BOTH);
	assert_int_equal(table_of(&c, &six)->named, LOCAL);
	ask_hosts(&a, &c, &four, 1);
	assert_int_equal(a.wrong, 0);
	ask_hosts(&a, &c, &six, 1);
	assert_int_equal(a.wrong, 0);
	compiled_free(&c);
	free(four.text);
	free(six.text);
	free(m.text);
}

/* How many hosts are in a table that is not there by force. */
static size_t found_by_itself(unsigned int family, enum which named, uint32_t n)
{
	struct made m = make(family, named, n);
	struct compiled c;
	struct asked a;
	size_t found;

	grow(&c, &m, false, 0);
	found = table_of(&c, &m)->n;
	ask_hosts(&a, &c, &m, 37);
	assert_int_equal(a.wrong, 0);
	compiled_free(&c);
	free(m.text);
	return found;
}

/* Only where there are many, and a look-up takes long; of IPv6, some. */
static void when_it_is_worth_it(void **state)
{
	(void)state;
	assert_int_equal(found_by_itself(6, BOTH, 20), 0);
	assert_in_range(found_by_itself(6, BOTH, 200), 100, 200);
	assert_in_range(found_by_itself(6, LOCAL, 60), 24, 60);
	assert_int_equal(found_by_itself(4, BOTH, 200), 0);
	assert_in_range(found_by_itself(6, BOTH, 1500), 1000, 1500);
	assert_in_range(found_by_itself(6, LOCAL, 1500), 1000, 1500);
	assert_in_range(found_by_itself(4, LOCAL, 1500), 1000, 1500);
}

/* Nor where other rules are more: IPv6 hosts in N of them. */
static size_t found_among(uint32_t n)
{
	struct made m = make(6, LOCAL, 60);
	char *to = strstr(m.text, "default");
	struct compiled c;
	size_t found;

	for (uint32_t i = 0; i < n; i++)
		to += sprintf(to, "tcp port %u -> s%u\n", 5000 + 2 * i,
			      i % SOCKETS);
	sprintf(to, "default -> s0\n");
	grow(&c, &m, false, 0);
	found = table_of(&c, &m)->n;
	compiled_free(&c);
	free(m.text);
	return found;
}

static void when_they_are_most(void **state)
{
	(void)state;
	assert_in_range(found_among(10), 24, 60);
	assert_int_equal(found_among(400), 0);
}

/* How many of N pairs of IPv6 hosts are in a table, among MORE rules of networks;
 * *CODE: instructions of it all. */
static size_t pairs_among(uint32_t n, uint32_t more, size_t *code)
{
	struct random r = random_new(n + more);
	struct made m = make(6, BOTH, n);
	size_t begin = (size_t)(strstr(m.text, "default") - m.text), found;
	char *text = malloc(begin + (more + 1) * 100), *to = text + begin;
	struct compiled c;

	memcpy(text, m.text, begin);
	for (uint32_t i = 0; i < more; i++)
		to += sprintf(to, "tcp from fd%02x:%x::/32 to fd00:%x:%x::/48 "
			      "port %u -> s%u\n", random_below(&r, 60),
			      random_below(&r, 9), random_below(&r, 40),
			      random_below(&r, 9), random_below(&r, 90),
			      i % SOCKETS);
	sprintf(to, "default -> s0\n");
	free(m.text);
	m.text = text;
	grow(&c, &m, false, 0);
	found = table_of(&c, &m)->n;
	*code = c.image->ninsns;
	compiled_free(&c);
	free(text);
	return found;
}

/* Where it takes long, a hundred that a fifth of the rules name are enough: here, two
 * or three rules name each pair. */
static void when_it_takes_long(void **state)
{
	size_t code;

	(void)state;
	assert_in_range(pairs_among(150, 1000, &code), 100, 150);
	assert_true(code > 5000);
	assert_int_equal(pairs_among(90, 500, &code), 0);
	assert_true(code > 5000);
	assert_int_equal(pairs_among(150, 3500, &code), 0);
	assert_true(code > 5000);
}

static int by_name(const void *a, const void *b)
{
	const struct profile_rule *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* Hits of the rules of P that name a pair, or of all others. */
static struct profile hits_of(const struct policy *p, bool pairs)
{
	struct profile out = { .nrules = p->nrules };

	out.rules = calloc(p->nrules, sizeof(*out.rules));
	for (size_t i = 0; i < p->nrules; i++) {
		const struct term *t = p->rules[i].terms.v;
		bool names = t && t->set[FIELD_LADDR6] && t->set[FIELD_RADDR6];

		out.rules[i] = (struct profile_rule){
			p->rules[i].name, names == pairs ? 10 : 0,
		};
	}
	qsort(out.rules, out.nrules, sizeof(*out.rules), by_name);
	return out;
}

/* With a profile it is hits that count. */
static void when_they_are_hit(void **state)
{
	struct made many = make(6, BOTH, 1500);
	struct compiled c, d;

	(void)state;
	grow(&c, &many, false, 0);
	for (int pairs = 0; pairs < 2; pairs++) {
		struct profile hits = hits_of(c.policy, pairs);

		grow_by(&d, &many, false, 0, &hits);
		assert_true(!table_of(&d, &many)->n == !pairs);
		compiled_free(&d);
		free(hits.rules);
	}
	compiled_free(&c);
	free(many.text);
}

/* ------------------------------------------------------------ the proof */

struct tally {
	size_t proved, refused, witnesses;
};

/* After a change of C's image. */
static void judge(struct compiled *c, const struct made *m, struct tally *t)
{
	struct prove_result r;
	struct asked a;

	if (asked_prove(c, &r)) {
		ask_hosts(&a, c, m, 1);
		assert_int_equal(a.wrong, 0);
		t->proved++;
		return;
	}
	t->refused++;
	if (r.has_witness) {
		t->witnesses++;
		return;
	}
	ask_hosts(&a, c, m, 1);
	assert_int_equal(a.wrong, 0);
}

static void change_table(struct compiled *c, const struct made *m,
			 const char *name, struct tally *t)
{
	const struct image_variable *v = asked_variable(c->image, name);

	assert_non_null(v);
	for (uint32_t at = 0; at < v->size; at++) {
		uint8_t *byte = &c->image->rodata[v->offset + at];

		*byte ^= (uint8_t)(1 << at % 8);
		judge(c, m, t);
		*byte ^= (uint8_t)(1 << at % 8);
	}
}

/* Where the code that looks hosts up ends, and what r7 says is done. */
static size_t code_of_table(const struct image *m)
{
	size_t n = 0;

	while (m->insns[n].code != (BPF_JMP32 | BPF_JGE | BPF_K))
		n++;
	return n + 1;
}

/* Of each instruction something else in turn. */
static void change_code(struct compiled *c, const struct made *m,
			struct tally *t)
{
	size_t n = code_of_table(c->image);

	for (size_t i = 0; i < n; i++) {
		struct bpf_insn *v = &c->image->insns[i], old = *v;

		asked_change(v, i);
		judge(c, m, t);
		*v = old;
	}
}

/* At least LEAST of the changes of M's records are seen, and as many do nothing. */
static void must_show(struct made m, size_t least)
{
	struct tally table = { 0 }, numbers = { 0 }, code = { 0 };
	struct compiled c;

	grow(&c, &m, false, 1);
	change_table(&c, &m, "skpol_hosts", &table);
	/* cuts and what is done; what is of other hosts then, nobody finds */
	assert_true(table.witnesses >= least && table.proved >= least);
	assert_true(table.refused <= table.witnesses + 2);
	change_table(&c, &m, "skpol_numbers", &numbers);
	/* a host is not found then, whose rules are in no diagram */
	assert_int_equal(numbers.refused, numbers.witnesses);
	change_code(&c, &m, &code);
	assert_true(code.refused > 40 && code.witnesses > 10);
	assert_true(asked_proved(&c));
	compiled_free(&c);
	free(m.text);
}

static void changes_show(void **state)
{
	(void)state;
	must_show(make(6, BOTH, 6), 100);
	must_show(make_few(4, BOTH, 12), 50);
	must_show(make_few(6, LOCAL, 12), 50);
}

/* So many that numbers are steps of more than one place. */
static void many_places(void **state)
{
	struct made m = { .family = 4, .named = BOTH, .n = MANY };
	char *to = m.text = malloc((size_t)MANY * LINE_MAX), local[60], from[60];
	struct compiled c;
	int refused = 0;

	(void)state;
	to += sprintf(to, "policy t\nsocket s0\nsocket s1\n");
	for (uint32_t i = 0; i < m.n; i++)
		to += sprintf(to, "tcp to %s from %s -> s%u\n",
			      address(&m, local_of(&m, i), local),
			      address(&m, remote_of(&m, i), from), i % 2);
	sprintf(to, "default -> drop\n");
	grow(&c, &m, true, 1);
	assert_int_equal(table_of(&c, &m)->n, MANY);
	for (size_t i = 0; i < 20; i++) {
		const struct image_variable *v =
			asked_variable(c.image, "skpol_hosts4");
		uint8_t *byte = &c.image->rodata[v->offset + i * 32 + 16];
		struct prove_result r;

		*byte ^= 1;
		refused += !asked_prove(&c, &r);
		*byte ^= 1;
	}
	/* one place in nine is free, of these nobody is */
	assert_in_range(refused, 14, 20);
	compiled_free(&c);
	free(m.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind),
		cmocka_unit_test(one_or_two),
		cmocka_unit_test(both_families),
		cmocka_unit_test(when_it_is_worth_it),
		cmocka_unit_test(when_they_are_most),
		cmocka_unit_test(when_it_takes_long),
		cmocka_unit_test(when_they_are_hit),
		cmocka_unit_test(changes_show),
		cmocka_unit_test(many_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
