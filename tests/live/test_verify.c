/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_verify - the running program is this text, or it is said what differs
 *
 * What was tampered with is made here: another program, other tables and other
 * maps behind the pins of a generation.
 */
#include <bpf/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "rig.h"

#define POLICY(extra) \
	"policy edge\n" \
	"socket web tcp ip4\n" \
	"web: port 7007 -> web count\n" \
	extra \
	"default -> pass\n"
#define ONE POLICY("one: tcp port 7001 -> drop count\n")
#define TWO POLICY("one: tcp port 7002 -> drop count\n")

/* Many prefixes: they are in tables, and the code is the same for either. */
#define TABLES(n) POLICY("t: tcp from { " \
	"10.0.0." #n ", 10.0.1.0/25, 10.0.2.0/25, 10.0.3.0/25, 10.0.4.0/25, " \
	"10.0.5.0/25, 10.0.6.0/25, 10.0.7.0/25, 10.0.8.0/25, 10.0.9.0/25, " \
	"10.1.1.0/25, 10.1.2.0/25, 10.1.3.0/25, 10.1.4.0/25, 10.1.5.0/25, " \
	"10.2.1.0/25, 10.2.2.0/25, 10.2.3.0/25, 10.2.4.0/25, 10.2.5.0/25, " \
	"10.3.1.0/25, 10.3.2.0/25, 10.3.3.0/25, 10.3.4.0/25, 10.3.5.0/25, " \
	"10.4.1.0/25, 10.4.2.0/25, 10.4.3.0/25, 10.4.4.0/25, 10.4.5.0/25 " \
	"} -> drop count\n")

static int setup(void **state)
{
	(void)state;
	rig_reset();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_reset();
	return 0;
}

static json_t *verify(const char *text)
{
	struct rig_object o = rig_compile(text);
	struct skpol *s = rig_open();
	char *json;
	json_t *j;

	if (skpol_verify_json(s, o.bytes, o.size, &json))
		fail_msg("verify: %s", skpol_message(s));
	j = json_loads(json, 0, NULL);
	assert_non_null(j);
	free(json);
	free(o.bytes);
	skpol_close(s);
	return j;
}

static bool is_same(const char *text)
{
	json_t *j = verify(text);
	bool same = json_is_true(json_object_get(j, "same"));

	assert_int_equal(json_array_size(json_object_get(j, "differences")) ==
			 0, same);
	json_decref(j);
	return same;
}

/* Whether a difference of that kind says WORDS. */
static bool differs(const char *text, const char *what, const char *words)
{
	json_t *j = verify(text), *e;
	bool found = false;
	size_t i;

	assert_false(json_is_true(json_object_get(j, "same")));
	json_array_foreach(json_object_get(j, "differences"), i, e)
		found |= !strcmp(json_string_value(json_object_get(e, "what")),
				 what) &&
			strstr(json_string_value(json_object_get(e, "text")),
			       words);
	json_decref(j);
	return found;
}

static void what_was_applied_is_the_same(void **state)
{
	json_t *before, *after, *j;

	(void)state;
	assert_true(differs(ONE, "policy", "no policy"));
	rig_must_apply(TABLES(1));
	before = rig_status();
	assert_true(is_same(TABLES(1)));
	j = verify(TABLES(1));
	assert_int_equal(json_array_size(json_object_get(j, "unknown")), 0);
	json_decref(j);
	/* nothing has changed */
	after = rig_status();
	assert_true(json_equal(before, after));
	json_decref(before);
	json_decref(after);
	/* generations and other slots do not matter */
	rig_must_apply(POLICY("") "socket other udp\n");
	rig_must_apply(TABLES(1));
	assert_true(is_same(TABLES(1)));
}

static void other_texts_differ(void **state)
{
	(void)state;
	rig_must_apply(ONE);
	assert_true(differs(TWO, "source", "the rules are others"));
	assert_true(differs(ONE "# a comment\n", "source", "only comments"));
	assert_true(differs("policy other\ndefault -> pass\n", "policy",
			    "`edge` runs, not `other`"));
}

static int get(const char *entry)
{
	int fd = bpf_obj_get(rig_state(entry));

	assert_true(fd >= 0);
	return fd;
}

/* Puts the program of generation 2, which is live, into the folder of 1. */
static void move_program(void)
{
	int program = get("2/program");

	assert_int_equal(unlink(rig_state("1/program")), 0);
	assert_int_equal(bpf_obj_pin(program, rig_state("1/program")), 0);
	assert_int_equal(unlink(rig_state("2/program")), 0);
	close(program);
}

static void move(const char *what)
{
	char from[32], to[32];
	int fd;

	snprintf(from, sizeof(from), "2/%s", what);
	snprintf(to, sizeof(to), "1/%s", what);
	fd = get(from);
	assert_int_equal(unlink(rig_state(to)), 0);
	assert_int_equal(bpf_obj_pin(fd, rig_state(to)), 0);
	close(fd);
}

static void another_program_is_found(void **state)
{
	(void)state;
	rig_must_apply(ONE);
	rig_must_apply(TWO);
	move_program();
	assert_true(differs(ONE, "program", "hash"));
	assert_true(differs(ONE, "program", "instruction"));
	/* it counts where nobody looks */
	assert_true(differs(ONE, "maps", "`counters`"));
	move("counters");
	assert_false(differs(ONE, "maps", ""));
}

static void other_tables_are_found(void **state)
{
	(void)state;
	rig_must_apply(TABLES(1));
	rig_must_apply(TABLES(2));
	move_program();
	move("counters");
	assert_true(differs(TABLES(1), "tables", "byte"));
	assert_false(differs(TABLES(1), "program", ""));
	assert_false(differs(TABLES(1), "maps", ""));
}

static void a_map_in_place_of_another_is_found(void **state)
{
	(void)state;
	rig_must_apply(ONE);
	rig_must_apply(TWO);
	assert_true(is_same(TWO));
	assert_int_equal(unlink(rig_state("2/counters")), 0);
	assert_true(differs(TWO, "maps", "`counters`"));
}

static void what_does_not_run_differs(void **state)
{
	(void)state;
	rig_must_apply(ONE);
	assert_int_equal(unlink(rig_state("link")), 0);
	assert_true(differs(ONE, "attached", "generation 1 is not attached"));
}

static void interfaces_move(void **state)
{
	static const char text[] =
		POLICY("i: tcp port 7001 on \"dummy7\" -> drop\n");

	(void)state;
	if (!rig_interface("dummy7"))
		skip();
	rig_must_apply(text);
	assert_true(is_same(text));
	assert_false(rig_has_problem(""));
	assert_int_equal(system("ip link del dummy7"), 0);
	assert_true(rig_has_problem("interfaces have come, gone"));
	assert_true(differs(text, "interfaces", "apply it again"));
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

/* skpolc, with these OPTIONS, makes OBJECT of the policy at PATH. */
static void make_object(const char *options, const char *path,
			const char *object)
{
	const char *skpolc = getenv("SKPOLC");
	char command[300];

	snprintf(command, sizeof(command), "%s %s %s -o %s",
		 skpolc ? skpolc : "./skpolc", options, path, object);
	assert_int_equal(system(command), 0);
}

static void the_command_takes_the_options_of_what_runs(void **state)
{
	char path[96], object[96];
	struct rig_output o;

	(void)state;
	snprintf(path, sizeof(path), "%s.skl", rig_bpffs);
	snprintf(object, sizeof(object), "%s.o", rig_bpffs);
	write_file(path, ONE);
	make_object("-O0 --target-kernel=6.1", path, object);
	assert_int_equal(RIG_SKPOL("apply", object).status, 0);
	o = RIG_SKPOL("verify", path);
	assert_int_equal(o.status, 0);
	assert_non_null(strstr(o.out, "edge: generation 1 runs, and is this "
			       "policy"));
	write_file(path, TWO);
	o = RIG_SKPOL("verify", path);
	assert_int_equal(o.status, 1);
	assert_non_null(strstr(o.out, "differs: source: the rules are"));
	o = RIG_SKPOL("verify", "--json", object);
	assert_int_equal(o.status, 0);
	assert_non_null(strstr(o.out, "\"same\":true"));
	assert_int_equal(RIG_SKPOL("verify", "/nowhere.o").status, 1);
	unlink(path);
	unlink(object);
}

/* Without them another program would be made, and a change be reported. */
static void the_limits_are_among_them(void **state)
{
	char path[96], object[96];
	struct rig_output o;

	(void)state;
	snprintf(path, sizeof(path), "%s.skl", rig_bpffs);
	snprintf(object, sizeof(object), "%s.o", rig_bpffs);
	write_file(path, TABLES(1));
	make_object("--max-tables=350", path, object);
	assert_int_equal(RIG_SKPOL("apply", object).status, 0);
	assert_int_equal(RIG_SKPOL("verify", path).status, 0);
	o = RIG_SKPOL("explain", "--json",
		      "tcp 10.0.1.1:50000 -> 192.0.2.1:443");
	assert_int_equal(o.status, 0);
	assert_non_null(strstr(o.out, "\"same\":true"));
	make_object("", path, object);
	o = RIG_SKPOL("verify", object);
	assert_int_equal(o.status, 1);
	assert_non_null(strstr(o.out, "differs: options: what runs was "
			       "compiled with {\"max_tables\":350,"));
	unlink(path);
	unlink(object);
}

/* A profile is not kept: only the object can be the same. */
static void a_profile_is_not(void **state)
{
	char path[96], object[96], profile[96], options[120];
	struct rig_output o;

	(void)state;
	snprintf(path, sizeof(path), "%s.skl", rig_bpffs);
	snprintf(object, sizeof(object), "%s.o", rig_bpffs);
	snprintf(profile, sizeof(profile), "%s.profile", rig_bpffs);
	rig_must_apply(ONE);
	o = RIG_SKPOL("stats", "--profile");
	assert_int_equal(o.status, 0);
	write_file(profile, o.out);
	write_file(path, ONE);
	snprintf(options, sizeof(options), "--profile=%s", profile);
	make_object(options, path, object);
	assert_int_equal(RIG_SKPOL("apply", object).status, 0);
	o = RIG_SKPOL("verify", path);
	assert_int_equal(o.status, 1);
	assert_non_null(strstr(o.out, "verify the object that was applied"));
	assert_int_equal(RIG_SKPOL("verify", object).status, 0);
	unlink(path);
	unlink(object);
	unlink(profile);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_was_applied_is_the_same),
		TEST(other_texts_differ),
		TEST(another_program_is_found),
		TEST(other_tables_are_found),
		TEST(a_map_in_place_of_another_is_found),
		TEST(what_does_not_run_differs),
		TEST(interfaces_move),
		TEST(the_command_takes_the_options_of_what_runs),
		TEST(the_limits_are_among_them),
		TEST(a_profile_is_not),
	};

	RIG_MAIN(tests);
}
