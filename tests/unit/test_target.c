/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_target - which kernel takes the tables of a policy
 *
 * A policy of so many prefixes that its own tables (none of products) take more
 * than the 4 MiB that kernels before 6.0 allocate for a value of a map. Without a
 * target the object is for a newer kernel, and says so; for an older target it is
 * an error that names the size and what helps, and that does help. What is in the
 * tables is proved, and asked. An interface that an older kernel does not tell is
 * an error at the place that asks for it.
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

enum { PREFIXES = 12000, FEW = 2000, LINE = 40, PACKETS = 3000,
       PAIRS = 58000, MAP_MAX = 4 << 20 };

/* ------------------------------------------------------------- policies */

/* A prefix of the set: no two of these networks have much in common. */
static u128 prefix(struct random *r)
{
	return (u128)0x2001 << 112 | (u128)(random_next(r) >> 24) << 64;
}

/* A set of N prefixes, which MATCH looks at, too. */
static char *make(uint32_t n, const char *match)
{
	struct random r = random_new(1);
	char *text = malloc((size_t)(n + 10) * LINE), *to = text;

	to += sprintf(to, "policy t\nsocket s0\nset far = { 2001:db8::/32");
	for (uint32_t i = 0; i < n; i++) {
		u128 v = prefix(&r);

		to += sprintf(to, ",\n2001:%x:%x:%x::/64",
			      (uint32_t)(v >> 96) & 0xffff,
			      (uint32_t)(v >> 80) & 0xffff,
			      (uint32_t)(v >> 64) & 0xffff);
	}
	sprintf(to, " }\nip6 to far %s -> s0\ndefault -> pass\n", match);
	return text;
}

/* KERNEL: the target; NULL: none is asked for. */
static struct compile_options options(const char *text, const char *kernel)
{
	return (struct compile_options){
		.optimize = 2, .until = COMPILE_ALL, .no_lint = true,
		.name = "t.skl", .text = text, .size = strlen(text),
		.target = kernel ? target_find(kernel) : NULL,
	};
}

static void grow(struct compiled *c, const struct compile_options *o)
{
	assert_int_equal(compile(c, NULL, o), 0);
	if (c->diags.nerrors)
		diag_print(&c->diags, stderr, false);
	assert_int_equal(c->diags.nerrors, 0);
	assert_true(c->proof.ok);
	assert_int_equal(c->program.lowered.products.bytes, 0);
}

/* -------------------------------------------------------------- packets */

/* Addresses of prefixes and those beside. */
static void ask(struct compiled *c)
{
	struct random r = random_new(1);
	struct asked a;

	asked_begin(&a, c);
	for (uint32_t i = 0; i < PACKETS; i++) {
		struct packet k = {
			.family = 6, .protocol = PACKET_TCP,
			.local = prefix(&r) + i % 3 - i % 2,
		};

		asked_packet(&a, &k);
	}
	assert_int_equal(a.wrong, 0);
}

/* ------------------------------------------------------------- manifest */

static void says(struct compiled *c, const struct compile_options *o,
		 const char *key, const char *want)
{
	json_t *m = compile_manifest(c, o);
	char *text = json_dumps(json_object_get(m, key), JSON_SORT_KEYS |
				JSON_COMPACT | JSON_ENCODE_ANY);

	assert_string_equal(text, want);
	free(text);
	json_decref(m);
}

/* Compiled again as the manifest of C says, it is the same. */
static void is_the_same_again(struct compiled *c,
			      const struct compile_options *o)
{
	json_t *m = compile_manifest(c, o);
	struct compile_options again = options(o->text, NULL);
	struct compiled d;

	compile_options_like(&again, json_object_get(m, "options"));
	grow(&d, &again);
	assert_ptr_equal(d.target, c->target);
	assert_ptr_equal(d.oldest, c->oldest);
	assert_int_equal(d.image->rodata_size, c->image->rodata_size);
	assert_memory_equal(d.image->rodata, c->image->rodata,
			    d.image->rodata_size);
	compiled_free(&d);
	json_decref(m);
}

/* ---------------------------------------------------------------- tests */

static void without_a_target_it_is_for_a_newer_one(void **state)
{
	char *text = make(PREFIXES, "");
	struct compile_options o = options(text, NULL);
	struct compiled c;

	(void)state;
	grow(&c, &o);
	assert_true(c.image->rodata_size > MAP_MAX);
	assert_ptr_equal(c.target, target_find("5.10"));
	assert_ptr_equal(c.oldest, target_find("6.1"));
	says(&c, &o, "kernel", "\"6.1\"");
	says(&c, &o, "options", "{\"newer_kernel\":true,\"optimize\":2,"
	     "\"target_kernel\":\"5.10\"}");
	ask(&c);
	is_the_same_again(&c, &o);
	compiled_free(&c);
	free(text);
}

/* Rules that ask for an interface want 5.17, and their tables a newer one; few
 * prefixes want nothing. */
static void the_newest_reason_counts(void **state)
{
	char *text = make(PREFIXES, "on \"eth0\""), *few = make(FEW, "");
	struct compile_options o = options(text, NULL);
	struct compiled c;

	(void)state;
	grow(&c, &o);
	assert_ptr_equal(c.target, target_find("5.17"));
	assert_ptr_equal(c.oldest, target_find("6.1"));
	says(&c, &o, "kernel", "\"6.1\"");
	is_the_same_again(&c, &o);
	compiled_free(&c);
	o = options(few, NULL);
	grow(&c, &o);
	assert_true(c.image->rodata_size <= MAP_MAX);
	assert_ptr_equal(c.oldest, target_find("5.10"));
	says(&c, &o, "kernel", "\"5.10\"");
	says(&c, &o, "options", "{\"optimize\":2,\"target_kernel\":\"5.10\"}");
	compiled_free(&c);
	free(text);
	free(few);
}

/* KERNEL does not take the tables of TEXT, SIZE bytes of them. */
static void is_refused(const char *text, const char *kernel, size_t size)
{
	struct compile_options o = options(text, kernel);
	const struct diag *d;
	struct compiled c;
	char want[200];

	assert_int_equal(compile(&c, NULL, &o), 0);
	assert_int_equal(c.diags.nerrors, 1);
	assert_null(c.image);
	d = c.diags.first;
	assert_int_equal(d->id, DIAG_TOO_LARGE);
	sprintf(want, "its tables take %zu bytes, and kernel %s takes no more "
		"than %d in one map", size, kernel, MAP_MAX);
	assert_string_equal(d->message, want);
	assert_non_null(strstr(d->help, "6.1"));
	assert_non_null(strstr(d->help, "--max-tables 4194304"));
	compiled_free(&c);
}

/* What the help of the error says: no more tables than the target takes. */
static void fits_by_the_help(const char *text, const char *kernel)
{
	struct compile_options o = options(text, kernel);
	struct compiled c;

	o.max_tables = MAP_MAX;
	grow(&c, &o);
	assert_true(c.image->rodata_size <= MAP_MAX);
	assert_ptr_equal(c.oldest, target_find(kernel));
	ask(&c);
	compiled_free(&c);
}

static void a_target_is_kept(void **state)
{
	char *text = make(PREFIXES, "");
	struct compile_options o = options(text, "6.1");
	struct compiled c;

	(void)state;
	grow(&c, &o);
	assert_true(c.image->rodata_size > MAP_MAX);
	assert_ptr_equal(c.oldest, target_find("6.1"));
	says(&c, &o, "options", "{\"optimize\":2,\"target_kernel\":\"6.1\"}");
	ask(&c);
	is_refused(text, "5.10", c.image->rodata_size);
	is_refused(text, "5.17", c.image->rodata_size);
	fits_by_the_help(text, "5.10");
	compiled_free(&c);
	free(text);
}

/* N pairs of hosts, here and there: some 74 bytes each in a table of them, as the
 * first has too many ports for half a line. */
static char *make_pairs(uint32_t n)
{
	char *text = malloc((size_t)(n + 10) * 2 * LINE), *to = text;

	to += sprintf(to, "policy t\nsocket s0\nsocket s1\ntcp port {1, 3} to "
		      "10.0.0.0 from 11.0.0.0 -> s1\n");
	for (uint32_t i = 0; i < n; i++) {
		uint32_t v = i * 2654435761u >> 8;

		to += sprintf(to, "tcp to 10.%u.%u.%u from 11.%u.%u.%u -> "
			      "s%u\n", v >> 16, v >> 8 & 255, v & 255,
			      v >> 16, v >> 8 & 255, v & 255, i % 2);
	}
	sprintf(to, "default -> pass\n");
	return text;
}

static void ask_pairs(struct compiled *c)
{
	struct asked a;

	asked_begin(&a, c);
	asked_ends(&a, PACKETS);
	assert_int_equal(a.wrong, 0);
}

/* A table of hosts need not be there: a target that does not take it gets none. */
static void hosts_are_left_out(void **state)
{
	char *text = make_pairs(PAIRS);
	struct compile_options o = options(text, "5.10");
	struct compiled c;

	(void)state;
	grow(&c, &o);
	assert_true(c.image->rodata_size <= MAP_MAX);
	assert_int_equal(c.program.lowered.hosts[0].n, 0);
	assert_ptr_equal(c.oldest, target_find("5.10"));
	ask_pairs(&c);
	compiled_free(&c);
	o = options(text, NULL);
	grow(&c, &o);
	assert_true(c.image->rodata_size > MAP_MAX);
	assert_int_equal(c.program.lowered.hosts[0].n, PAIRS);
	assert_ptr_equal(c.oldest, target_find("6.1"));
	ask_pairs(&c);
	compiled_free(&c);
	free(text);
}

/* What comes after a policy's head; LINE and COLUMN of what asks for the interface. */
static const struct {
	const char *text;
	uint32_t line, column;
} asks[] = {
	{ "udp -> a\ntcp on \"eth0\" -> b\non 3 -> a", 5, 8 },
	{ "when tcp on not \"eth0\" {\nport 80 -> a\n}", 4, 13 },
	{ "map m by on {\n\"eth0\" -> a\n}\nudp -> a\ntcp -> map m", 8, 8 },
	{ "tcp -> split by from, on { 50% a, 50% b }", 4, 8 },
	{ "map m by port {\n80 -> split by on { 50% a, 50% b }\n}\n"
	  "tcp -> map m", 5, 7 },
};

static void who_asks_for_the_interface_is_shown(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(asks) / sizeof(*asks); i++) {
		struct source_position at;
		struct compile_options o;
		const struct diag *g;
		struct compiled c;
		char text[300];

		sprintf(text, "policy t\nsocket a\nsocket b\n%s\n"
			"default -> pass\n", asks[i].text);
		o = options(text, "5.10");
		assert_int_equal(compile(&c, NULL, &o), 0);
		assert_int_equal(c.diags.nerrors, 1);
		for (g = c.diags.first; g->id != DIAG_TOO_OLD; )
			g = g->next;
		assert_true(g->has_place);
		at = source_position(&c.sources, 0, g->place.begin);
		assert_int_equal(at.line, asks[i].line);
		assert_int_equal(at.column, asks[i].column);
		compiled_free(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_target_it_is_for_a_newer_one),
		cmocka_unit_test(the_newest_reason_counts),
		cmocka_unit_test(a_target_is_kept),
		cmocka_unit_test(hosts_are_left_out),
		cmocka_unit_test(who_asks_for_the_interface_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
