/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_mapkey - maps against a list of entries
 *
 * Random maps of every shape are written as text and kept as a list; a dumb
 * search over the list (the longest prefix, then the narrowest range, whatever
 * the order of `by`) says which entry a packet gets, and whether two entries
 * clash: both must agree with what the resolver makes of the text. Then
 * what the text of a map may not say, and a map of 1,000,000 entries.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../compiler/policy.h"
#include "../../grammar/arena.h"
#include "../../grammar/parse.h"

struct work {
	struct arena arena;
	struct source_set sources;
	struct diags diags;
	struct ast *ast;
	struct policy *policy;
};

static struct work *parse(const char *text)
{
	struct work *w = calloc(1, sizeof(*w));
	int file;

	arena_init(&w->arena, NULL);
	source_init(&w->sources, &w->arena);
	diag_init(&w->diags, &w->arena, &w->sources);
	file = source_add(&w->sources, "t.skl", text, strlen(text));
	w->ast = parse_policy(&w->arena, &w->sources, &w->diags, file);
	if (w->diags.nerrors) {
		diag_print(&w->diags, stderr, false);
		fail_msg("does not parse: %s", text);
	}
	return w;
}

static struct work *compile(const char *text)
{
	struct work *w = parse(text);

	w->policy = policy_resolve(&w->arena, w->ast, &w->diags);
	return w;
}

static void done(struct work *w)
{
	arena_free(&w->arena);
	free(w);
}

static bool holds(const struct terms *t, const u128 v[FIELD_COUNT])
{
	size_t i;
	int f;

	for (i = 0; i < t->n; i++) {
		for (f = 0; f < FIELD_COUNT; f++)
			if (t->v[i].set[f] &&
			    !iset_contains(t->v[i].set[f], v[f]))
				break;
		if (f == FIELD_COUNT)
			return true;
	}
	return false;
}

static const char *verdict(const struct policy *p, const u128 v[FIELD_COUNT])
{
	const struct outcome *o;
	size_t i;

	for (i = 0; !holds(&p->clauses[i].terms, v); i++)
		;
	o = &p->outcomes[policy_action_outcome(p, p->clauses[i].action, v)];
	return policy_choice_name(p, policy_first_choice(p, o, v[FIELD_FAMILY],
							 v[FIELD_PROTOCOL]));
}

/* ------------------------------------------------- the dumb reference */

enum { ENTRIES = 14, SOCKETS = 4 };

struct entry {
	unsigned int family, length, socket;
	uint32_t low;		/* in 10.0.0.0/24, or ::10.0.0.0/120 */
	unsigned int port_low, port_high;
};

struct shape {
	const char *by;
	bool address, port;
	enum field f4, f6, fport;
};

static const struct shape shapes[] = {
	{ "to", true, false, FIELD_LADDR4, FIELD_LADDR6, 0 },
	{ "from", true, false, FIELD_RADDR4, FIELD_RADDR6, 0 },
	{ "port", false, true, 0, 0, FIELD_LPORT },
	{ "from port", false, true, 0, 0, FIELD_RPORT },
	{ "to, port", true, true, FIELD_LADDR4, FIELD_LADDR6,
	  FIELD_LPORT },
	{ "port, to", true, true, FIELD_LADDR4, FIELD_LADDR6,
	  FIELD_LPORT },
	{ "from, port", true, true, FIELD_RADDR4, FIELD_RADDR6,
	  FIELD_LPORT },
	{ "from port, to", true, true, FIELD_LADDR4, FIELD_LADDR6,
	  FIELD_RPORT },
};

static uint64_t seed = 7;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 6364136223846793005 + 1442695040888963407;
	return (seed >> 33) % n;
}

static uint32_t size_of(const struct entry *e)
{
	return 1u << ((e->family == 4 ? 32 : 128) - e->length);
}

static struct entry random_entry(const struct shape *s)
{
	struct entry e = { .family = rnd(2) ? 4 : 6, .socket = rnd(SOCKETS),
			   .port_high = 65535 };
	unsigned int bits = rnd(7);

	e.length = (e.family == 4 ? 32 : 128) - bits;
	e.low = 0x0a000000 + (rnd(64) >> bits << bits);
	if (!s->address)
		e.family = e.length = e.low = 0;
	if (s->port && rnd(6)) {
		e.port_low = rnd(16);
		e.port_high = e.port_low + (rnd(2) ? 0 : rnd(8));
	}
	return e;
}

static bool same_key_size(const struct entry *x, const struct entry *y)
{
	return x->family == y->family && x->length == y->length &&
	       x->port_high - x->port_low == y->port_high - y->port_low;
}

static bool clash(const struct entry *x, const struct entry *y)
{
	return same_key_size(x, y) && x->low == y->low &&
	       x->port_low <= y->port_high && y->port_low <= x->port_high;
}

static bool entry_holds(const struct shape *s, const struct entry *e,
			const u128 v[FIELD_COUNT])
{
	if (s->address) {
		bool ip6 = e->family == 6;
		uint32_t address = v[ip6 ? s->f6 : s->f4];

		if (v[FIELD_FAMILY] != ip6 || address < e->low ||
		    address - e->low >= size_of(e))
			return false;
	}
	return !s->port || (v[s->fport] >= e->port_low &&
			    v[s->fport] <= e->port_high);
}

/* Whether X goes before Y, both holding the packet. */
static bool goes_first(const struct entry *x, const struct entry *y)
{
	unsigned int p = x->port_high - x->port_low;
	unsigned int q = y->port_high - y->port_low;

	return x->length != y->length ? x->length > y->length : p < q;
}

static const char *reference(const struct shape *s, const struct entry *e,
			     size_t n, const u128 v[FIELD_COUNT])
{
	static const char *const names[] = { "s0", "s1", "s2", "s3" };
	const struct entry *best = NULL;
	size_t i;

	for (i = 0; i < n; i++)
		if (entry_holds(s, &e[i], v) &&
		    (!best || goes_first(&e[i], best)))
			best = &e[i];
	return best ? names[best->socket] : "pass";
}

static char *write_port(char *at, const struct entry *e)
{
	if (e->port_low == e->port_high)
		return at + sprintf(at, "%u", e->port_low);
	return at + sprintf(at, "%u-%u", e->port_low, e->port_high);
}

static char *write_entry(char *at, const struct shape *s,
			 const struct entry *e)
{
	if (s->address) {
		at += sprintf(at, "%s10.0.0.%u/%u", e->family == 6 ? "::" : "",
			      e->low & 255, e->length);
		if (s->port && e->port_high < 65535)
			at = write_port(at + sprintf(at, " port "), e);
	} else {
		at = write_port(at, e);
	}
	return at + sprintf(at, " -> s%u\n", e->socket);
}

static void compare(const struct shape *s, const struct entry *e, size_t n,
		    const struct policy *p)
{
	int i;

	for (i = 0; i < 150; i++) {
		u128 v[FIELD_COUNT] = { 0 };
		bool ip6 = rnd(2);
		const char *want, *got;

		v[FIELD_FAMILY] = ip6;
		v[FIELD_PROTOCOL] = rnd(2);
		v[ip6 ? FIELD_LADDR6 : FIELD_LADDR4] = 0x0a000000 + rnd(66);
		v[ip6 ? FIELD_RADDR6 : FIELD_RADDR4] = 0x0a000000 + rnd(66);
		v[FIELD_LPORT] = rnd(26);
		v[FIELD_RPORT] = rnd(26);
		want = reference(s, e, n, v);
		got = verdict(p, v);
		if (strcmp(want, got))
			fail_msg("map by %s: %s, expected %s", s->by, got,
				 want);
	}
}

static size_t clashes(const struct entry *e, size_t n)
{
	size_t i, j, count = 0;

	for (i = 0; i < n; i++)
		for (j = 0; j < i; j++)
			count += clash(&e[i], &e[j]);
	return count;
}

static void one_random_map(const struct shape *s)
{
	static char text[8192];
	struct entry e[ENTRIES];
	size_t n = 1 + rnd(ENTRIES), i;
	bool expect_clash = !rnd(4);
	char *at = text;
	struct work *w;

	at += sprintf(at, "policy p\nsocket s0\nsocket s1\nsocket s2\n"
		      "socket s3\nany -> map m\ndefault -> pass\n"
		      "map m by %s {\n", s->by);
	for (i = 0; i < n; i++) {
		do {
			e[i] = random_entry(s);
		} while (!expect_clash && clashes(e, i + 1));
		at = write_entry(at, s, &e[i]);
	}
	strcpy(at, "}\n");
	w = compile(text);
	if (!!w->policy != !clashes(e, n)) {
		diag_print(&w->diags, stderr, false);
		fail_msg("%zu clashes: %s", clashes(e, n), text);
	}
	if (w->policy)
		compare(s, e, n, w->policy);
	else
		assert_int_equal(w->diags.first->id, DIAG_DUPLICATE_KEY);
	done(w);
}

static void random_maps(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 3000; i++)
		one_random_map(&shapes[i % (sizeof(shapes) /
					    sizeof(*shapes))]);
}

/* ------------------------------------------------------ what is refused */

static const struct {
	const char *map, *expected;	/* "" = nothing */
} table[] = {
	{ "map m by to {\n10.0.0.0/8 -> a\n10.0.0.0/9 -> b\n}", "" },
	{ "map m by to {\n10.0.0.0/8 -> a\n10.0.0.0/8 -> a\n}",
	  "duplicate-key@3:1" },
	{ "map m by to {\n10.0.0.1 -> a\n10.0.0.1/32 -> a\n}",
	  "duplicate-key@3:1" },
	{ "map m by to {\n10.0.0.1, 10.0.0.1 -> a\n}", "" },
	{ "map m by to {\n10.0.0.1, ::1 -> a\n::2, ::1 -> b\n}",
	  "duplicate-key@3:6" },
	{ "map m by to {\ndefault -> a\ndefault -> b\n}",
	  "duplicate-key@3:1" },
	{ "map m by to, port {\n10.0.0.0/8 -> a\n"
	  "10.0.0.0/8 port 0-65535 -> b\n}", "duplicate-key@3:1" },
	{ "map m by to, port {\n10.0.0.0/8 port 1-10 -> a\n"
	  "10.0.0.0/8 port 5-14 -> b\n}", "duplicate-key@3:1" },
	{ "map m by to, port {\n10.0.0.0/8 port 1-10 -> a\n"
	  "10.0.0.0/8 port 5-15 -> b\n10.0.0.0/9 port 5-14 -> b\n}", "" },
	{ "map m by to, port {\n10.0.0.0/8 port 1, 2 -> a\n"
	  "10.0.0.0/8 port 3, 2 -> b\n}", "duplicate-key@3:1" },
	{ "map m by port {\n1-10 -> a\n5-14 -> b\n}", "duplicate-key@3:1" },
	{ "map m by to {\n10.0.0.1-10.0.0.9 -> a\n}", "kind-mismatch@2:1" },
	{ "map m by to {\n10.0.0.1-10.0.0.1 -> a\n}", "" },
	{ "map m by to {\n80 -> a\n\"eth0\" -> b\n}",
	  "kind-mismatch@2:1 kind-mismatch@3:1" },
	{ "map m by port {\n10.0.0.1 -> a\n70000 -> b\n}",
	  "kind-mismatch@2:1 port-range@3:1" },
	{ "map m by to {\n10.0.0.1 port 80 -> a\n}", "kind-mismatch@2:15" },
	{ "map m by port {\n80 port 81 -> a\n}", "kind-mismatch@2:9" },
	{ "map m by to, from {\n10.0.0.1 -> a\n}", "kind-mismatch@1:5" },
	{ "map m by port, from port {\n1 -> a\n}", "kind-mismatch@1:5" },
	{ "map m by to, on {\n10.0.0.1 -> a\n}", "kind-mismatch@1:5" },
	{ "map m by on {\n\"eth0\", 3 -> a\n4 -> b\n}", "" },
	{ "map m by on {\n3 -> a\n\"eth0\" -> b\n\"eth0\", 3 -> c\n}",
	  "undefined-name@4:14 duplicate-key@4:1 duplicate-key@4:9" },
	{ "map m by on {\n3-5 -> a\n}", "kind-mismatch@2:1" },
	{ "map m by on {\n0 -> a\n}", "port-range@2:1" },
	{ "map m by to {\nst -> a\n}\nset st = { 10.0.0.1, 10.0.0.0/8 }", "" },
	{ "map m by to {\nst -> a\n10.0.0.1 -> b\n}\n"
	  "set st = { 10.0.0.1, 10.0.0.0/8 }", "duplicate-key@3:1" },
	{ "map m by to {\nst -> a\n}\nset st = { 10.0.0.1-10.0.0.3 }",
	  "kind-mismatch@4:12" },
	{ "map m by to {\nst -> a\n}\nset st = { 1 }", "kind-mismatch@2:1" },
	{ "map m by to {\n10.0.0.1 -> zz\n}", "undefined-name@2:13" },
	{ "map m by to {\n}", "" },
};

static bool is_reported(struct work *w, const char *item)
{
	const struct diag *d;

	for (d = w->diags.first; d; d = d->next) {
		struct source_position at =
			source_position(&w->sources, d->place.file,
					d->place.begin);
		char buf[80];

		snprintf(buf, sizeof(buf), "%s@%u:%u", diag_name(d->id),
			 at.line, at.column);
		if (!strcmp(buf, item))
			return true;
	}
	return false;
}

static void check_reports(struct work *w, const char *map,
			  const char *expected)
{
	char *list = arena_strdup(&w->arena, expected), *item;
	size_t n = 0;

	for (item = strtok(list, " "); item; item = strtok(NULL, " "), n++)
		if (!is_reported(w, item)) {
			diag_print(&w->diags, stderr, false);
			fail_msg("%s: no %s", map, item);
		}
	if (n != w->diags.nerrors + w->diags.nwarnings) {
		diag_print(&w->diags, stderr, false);
		fail_msg("%s: expected %s", map, expected);
	}
}

static void refused(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(*table); i++) {
		char text[1024];
		struct work *w;

		snprintf(text, sizeof(text),
			 "%s\nsocket a\nsocket b\npolicy p\ndefault -> pass\n"
			 "tcp -> map m\nip4 -> a else b\n", table[i].map);
		w = compile(text);
		check_reports(w, text, table[i].expected);
		done(w);
	}
}

static const char *ask(struct work *w, const char *packet)
{
	char error[PACKET_ERROR_MAX];
	u128 v[FIELD_COUNT];
	struct packet k;

	assert_true(packet_parse(packet, strlen(packet), &k, error));
	policy_packet_fields(w->policy, &k, v);
	return verdict(w->policy, v);
}

/* Rule conditions, default, no entry, interfaces, splits in entries. */
static void in_rules(void **state)
{
	struct work *w = compile(
		"policy p\nsocket a\nsocket b\nsocket c\ndefault -> drop\n"
		"map m by to {\n10.0.0.0/8, fd00::/8 -> a\n10.1.0.0/16 -> b\n"
		"default -> c else pass\n}\n"
		"map i by on, port {\n\"eth0\" port 1 -> a\n\"eth0\" -> b\n"
		"3 port 1-9 -> c\n}\n"
		"when to { 10.0.0.0/12, fd00::/9, 192.0.2.1 } {\n"
		"x: tcp port 80 -> map m\n}\ny: udp -> map i\n");

	(void)state;
	assert_non_null(w->policy);
	assert_string_equal(ask(w, "tcp 1.1.1.1:1 -> 10.0.0.1:80"), "a");
	assert_string_equal(ask(w, "tcp 1.1.1.1:1 -> 10.1.0.1:80"), "b");
	assert_string_equal(ask(w, "tcp 1.1.1.1:1 -> 10.1.0.1:81"), "drop");
	assert_string_equal(ask(w, "tcp 1.1.1.1:1 -> 10.16.0.1:80"), "drop");
	assert_string_equal(ask(w, "tcp 1.1.1.1:1 -> 192.0.2.1:80"), "c");
	assert_string_equal(ask(w, "tcp [::1]:1 -> [fd00::1]:80"), "a");
	assert_string_equal(ask(w, "tcp [::1]:1 -> [fd80::1]:80"), "drop");
	assert_string_equal(ask(w, "udp 1.1.1.1:1 -> 2.2.2.2:1 on eth0"), "a");
	assert_string_equal(ask(w, "udp 1.1.1.1:1 -> 2.2.2.2:2 on eth0"), "b");
	assert_string_equal(ask(w, "udp 1.1.1.1:1 -> 2.2.2.2:9 on 3"), "c");
	assert_string_equal(ask(w, "udp 1.1.1.1:1 -> 2.2.2.2:10 on 3"), "drop");
	done(w);
}

static void split_seeds(void **state)
{
	struct work *w = compile(
		"policy p\nsocket a\nsocket b\ndefault -> drop\n"
		"map m by to {\n"
		"10.0.0.0/8 -> split by from { 50% a, 50% b }\n"
		"11.0.0.0/8 -> split by from { 50% a, 50% b }\n}\n"
		"x: tcp -> map m\ny: udp -> map m\n");
	const struct policy *p = w->policy;
	size_t i, j;

	(void)state;
	assert_non_null(p);
	assert_int_equal(p->nactions, 5);
	for (i = 0; i < 4; i++)
		for (j = 0; j < i; j++)
			assert_true(p->actions[i].split->seed !=
				    p->actions[j].split->seed);
	/* sha256("x\n10.0.0.0/8") */
	assert_true(p->actions[0].split->seed == 0x2a805e198d4c8ef0);
	done(w);
}

/* ------------------------------------------------------------- size */

static void fill(struct work *w, size_t n)
{
	struct ast_map *m = w->ast->maps;
	struct ast_verdict v[8];
	size_t i;

	for (i = 0; i < 8; i++)
		v[i] = m->entries[i].verdict;
	m->entries = arena_array(&w->arena, n, sizeof(*m->entries));
	m->nentries = n;
	for (i = 0; i < n; i++) {
		struct ast_element *e = arena_alloc(&w->arena, sizeof(*e));

		e->kind = AST_PREFIX;
		e->family = 4;
		e->length = 24 + i % 3 * 4;
		e->low = (i * 7919 % (1 << 24)) << 8;
		e->high = e->low | ((1u << (32 - e->length)) - 1);
		m->entries[i].keys = (struct ast_elements){ e, 1, 1 };
		m->entries[i].verdict = v[i % 8];
	}
}

/* As many groups as there are lengths and verdicts, and memory in bounds. */
static void million(void **state)
{
	char text[512], *at = text;
	struct work *w;
	size_t used;
	int i;

	(void)state;
	at += sprintf(at, "policy p\ndefault -> drop\nany -> map m\n");
	for (i = 0; i < 8; i++)
		at += sprintf(at, "socket s%d\n", i);
	at += sprintf(at, "map m by to {\n");
	for (i = 0; i < 8; i++)
		at += sprintf(at, "10.0.0.%d -> s%d\n", i, i);
	strcpy(at, "}\n");
	w = parse(text);
	fill(w, 1000000);
	used = w->arena.used;
	w->policy = policy_resolve(&w->arena, w->ast, &w->diags);
	assert_non_null(w->policy);
	assert_int_equal(w->policy->nclauses, 3 * 8 + 1);
	assert_true(w->arena.used - used < 300u << 20);
	print_message("%zu MB\n", (w->arena.used - used) >> 20);
	done(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_maps),
		cmocka_unit_test(refused),
		cmocka_unit_test(in_rules),
		cmocka_unit_test(split_seeds),
		cmocka_unit_test(million),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
