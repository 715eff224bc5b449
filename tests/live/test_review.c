/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_review - what apply says before it does: --check, --diff, --keep
 *
 * Through the command, in namespaces of the test's own.
 */
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "rig.h"

#define POLICY(ports, extra) \
	"policy edge\n" \
	"socket web tcp at 127.0.0.2 port 8008\n" \
	"web: tcp to 127.0.0.0/8 port " ports " -> web count\n" \
	extra \
	"default -> pass\n"
#define ONE POLICY("7007", "")
#define TWO POLICY("7000-7007", "")

static char one[96], two[96], keeps[96];
static int tcp = -1;

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void write_object(char path[96], const char *name, const char *text)
{
	struct rig_object o = rig_compile(text);
	FILE *f;

	snprintf(path, 96, "%s%s", rig_bpffs, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(o.bytes, 1, o.size, f), o.size);
	assert_int_equal(fclose(f), 0);
	free(o.bytes);
}

static int setup(void **state)
{
	(void)state;
	rig_reset();
	tcp = rig_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	write_object(one, ".one.o", ONE);
	write_object(two, ".two.o", TWO);
	snprintf(keeps, sizeof(keeps), "%s.keep", rig_bpffs);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(one);
	unlink(two);
	unlink(keeps);
	close(tcp);
	rig_reset();
	return 0;
}

static void said(const char *text, const char *words)
{
	if (!strstr(text, words))
		fail_msg("`%s` does not say `%s`", text, words);
}

static json_t *json_of(const struct rig_output *o)
{
	json_t *j = json_loads(o->out, 0, NULL);

	assert_non_null(j);
	return j;
}

/* ------------------------------------------------------------ --check */

static unsigned long seen;

static int see(const char *path, const struct stat *st, int type,
	       struct FTW *where)
{
	(void)type;
	(void)where;
	for (; *path; path++)
		seen = seen * 31 + (unsigned char)*path;
	seen = seen * 31 + (unsigned long)st->st_ino;
	seen = seen * 31 + (unsigned long)st->st_mtim.tv_nsec;
	return 0;
}

/* Names, inodes and times of all that is pinned. */
static unsigned long picture(void)
{
	char path[80];

	snprintf(path, sizeof(path), "%s/skpol", rig_bpffs);
	seen = 0;
	nftw(path, see, 8, FTW_PHYS);
	return seen;
}

static void check_changes_nothing(void **state)
{
	unsigned long before;
	struct rig_output o;

	(void)state;
	o = RIG_SKPOL("apply", "--check", one);
	assert_int_equal(o.status, 0);
	said(o.out, "edge: generation 1 would be live; nothing was changed");
	assert_int_equal(picture(), 0);		/* not even a folder */
	assert_int_equal(RIG_SKPOL("apply", one).status, 0);
	before = picture();
	o = RIG_SKPOL("apply", "--check", "--json", two);
	assert_int_equal(o.status, 0);
	said(o.out, "{\"version\":1,\"changed\":true,\"generation\":2,"
	     "\"policy\":\"edge\",\"check\":true,\"tested\":");
	o = RIG_SKPOL("apply", "--check", "--json", one);
	assert_int_equal(o.status, 0);
	assert_string_equal(o.out, "{\"version\":1,\"changed\":false,"
			    "\"generation\":1,\"policy\":\"edge\",\"check\":"
			    "true}\n");
	assert_int_equal(picture(), before);
	assert_int_equal(rig_connect("127.0.0.1", 7000), ECONNREFUSED);
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
	assert_false(rig_has_problem(""));
}

/* New names get slots in the rehearsal only; a real one takes the same. */
static void check_of_new_sockets(void **state)
{
	static const char text[] =
		"policy edge\nsocket web tcp at 127.0.0.2 port 8008\n"
		"socket more\nsocket most udp\n"
		"port 7007 -> more else web\nport 7008 -> most else pass\n"
		"default -> drop\n";
	unsigned long before;

	(void)state;
	write_object(two, ".two.o", text);
	assert_int_equal(RIG_SKPOL("apply", one).status, 0);
	before = picture();
	assert_int_equal(RIG_SKPOL("apply", "--check", two).status, 0);
	assert_int_equal(picture(), before);
	assert_int_equal(RIG_SKPOL("apply", two).status, 0);
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
}

/* What apply would refuse, and with what status, --check does. */
static void check_fails_as_apply(void **state)
{
	struct rig_output o;

	(void)state;
	write_file(keeps, "no object");
	assert_int_equal(RIG_SKPOL("apply", "--check", keeps).status, 1);
	write_file(keeps, "policy edge\n");
	close(tcp);
	tcp = -1;
	o = RIG_SKPOL("apply", "--check", "--require-sockets", one);
	assert_int_equal(o.status, 1);
	said(o.err, "without a socket: nothing was changed");
	tcp = rig_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	assert_int_equal(RIG_SKPOL("apply", one).status, 0);
	assert_int_equal(RIG_SKPOL("apply", "--confirm", "1h", two).status, 0);
	o = RIG_SKPOL("apply", "--check", one);
	assert_int_equal(o.status, 3);
	said(o.err, "`skpol confirm`");
	assert_int_equal(RIG_SKPOL("confirm").status, 0);
}

/* Of many with `at`, exactly those that are missing are said. */
static void missing_sockets_are_said(void **state)
{
	static const char text[] =
		"policy edge\nsocket none tcp ip4\n"
		"socket a udp ip4 at 127.0.0.2 port 9001\n"
		"socket b tcp ip4 at 127.0.0.2 port 8008\n"
		"socket c udp ip4 at 127.0.0.2 port 9003\n"
		"socket d udp ip4 at 127.0.0.2 port 9004\n"
		"tcp port 1 -> none\nudp port 1 -> a\ntcp port 2 -> b\n"
		"udp port 2 -> c\nudp port 3 -> d\ndefault -> pass\n";
	int a = rig_socket(SOCK_DGRAM, "127.0.0.2", 9001, 0);
	int d = rig_socket(SOCK_DGRAM, "127.0.0.2", 9004, 0);
	static const char *const flags[] = { "--check", "--json" };

	(void)state;
	write_object(two, ".two.o", text);
	for (int i = 0; i < 2; i++) {
		struct rig_output o = RIG_SKPOL("apply", flags[i], two);

		assert_int_equal(o.status, 0);
		said(o.err, "no socket yet for `none`");
		said(o.err, "no socket yet for `c`");
		assert_null(strstr(o.err, "`a`"));
		assert_null(strstr(o.err, "`b`"));
		assert_null(strstr(o.err, "`d`"));
	}
	assert_int_equal(rig_connect("127.0.0.1", 2), 0);
	close(a);
	close(d);
}

static void exit_codes(void **state)
{
	(void)state;
	assert_int_equal(RIG_SKPOL("apply", "--detailed-exitcode", "--check",
				   one).status, 5);
	assert_int_equal(RIG_SKPOL("apply", "--detailed-exitcode", one).status,
			 5);
	assert_int_equal(RIG_SKPOL("apply", "--detailed-exitcode", one).status,
			 0);
	assert_int_equal(RIG_SKPOL("apply", "--detailed-exitcode", "--check",
				   one).status, 0);
	assert_int_equal(RIG_SKPOL("apply", "--detailed-exitcode",
				   "/none.o").status, 1);
}

/* ------------------------------------------------------------ --diff */

static void diff_of_first_and_same(void **state)
{
	struct rig_output o = RIG_SKPOL("apply", "--check", "--diff", one);
	json_t *j;

	(void)state;
	assert_int_equal(o.status, 0);
	said(o.out, "pass -> web\n  old: pass, by default\n  new: web, by ");
	assert_int_equal(rig_attached(), 0);
	o = RIG_SKPOL("apply", "--diff", one);
	said(o.out, "pass -> web\n");
	said(o.out, "edge: generation 1 is live\n");
	assert_int_not_equal(rig_attached(), 0);
	o = RIG_SKPOL("apply", "--diff", "--json", one);
	j = json_of(&o);
	assert_true(json_is_true(json_object_get(json_object_get(j, "diff"),
						 "same")));
	json_decref(j);
}

/* The packet that the diff names is one that really changes. */
static void diff_names_packets(void **state)
{
	struct rig_output o;
	json_t *j, *change;

	(void)state;
	assert_int_equal(RIG_SKPOL("apply", one).status, 0);
	o = RIG_SKPOL("apply", "--check", "--diff", two);
	said(o.out, "pass -> web\n  old: pass, by default, ");
	assert_null(strstr(o.out, "generation 1:"));
	said(o.out, "generation 2 would be live");
	o = RIG_SKPOL("apply", "--diff", "--json", two);
	j = json_of(&o);
	assert_true(json_is_true(json_object_get(j, "changed")));
	change = json_array_get(json_object_get(json_object_get(j, "diff"),
						"changes"), 0);
	said(json_string_value(json_array_get(json_object_get(change,
							      "packets"), 0)),
	     "-> 127.0.0.1:7000");
	json_decref(j);
	assert_int_equal(rig_connect("127.0.0.1", 7000), 0);
}

static void diff_is_bounded(void **state)
{
	enum { RULES = 130 };
	static char text[RULES * 64 + 64];
	char *p = text + sprintf(text, "policy edge\n");
	struct rig_output o;
	json_t *j, *diff;
	size_t lines = 0;
	FILE *f;
	static char big[1 << 18];

	(void)state;
	for (int i = 0; i < RULES; i++)
		p += sprintf(p, "socket s%d\ns%d: port %d -> s%d\n", i, i,
			     100 + i, i);
	sprintf(p, "default -> pass\n");
	write_object(two, ".two.o", text);
	o = RIG_SKPOL("apply", "--check", "--diff", two);
	assert_int_equal(o.status, 0);
	for (const char *c = o.out; *c; c++)
		lines += *c == '\n';
	assert_in_range(lines, 50, 200);
	snprintf(big, sizeof(big), "SKPOL=${SKPOL:-./skpol}; $SKPOL --bpffs %s "
		 "apply --check --diff --json %s 2>/dev/null", rig_bpffs, two);
	f = popen(big, "r");
	assert_non_null(f);
	j = json_loadf(f, 0, NULL);
	pclose(f);
	diff = json_object_get(j, "diff");
	assert_int_equal(json_array_size(json_object_get(diff, "changes")),
			 100);
	assert_int_equal(json_integer_value(json_object_get(diff, "left_out")),
			 RULES - 100);
	json_decref(j);
}

/* ------------------------------------------------------------ --keep */

static void keeps_by_option(void **state)
{
	struct rig_output o;

	(void)state;
	assert_int_equal(RIG_SKPOL("apply", one).status, 0);
	o = RIG_SKPOL("apply", "--keep", "tcp to 127.0.0.1 port 22", "--keep",
		      "tcp to 127.0.0.1 port 7005", two);
	assert_int_equal(o.status, 1);
	said(o.err, "the keep `tcp to 127.0.0.1 port 7005 -> pass` does not "
	     "hold: `tcp ");
	said(o.err, " -> 127.0.0.1:7005` goes to `web`");
	assert_int_equal(rig_connect("127.0.0.1", 7000), ECONNREFUSED);
	o = RIG_SKPOL("apply", "--keep", "tcp to 127.0.0.1 port 22", "--keep",
		      "tcp to 127.0.0.1 port 7005 -> web", "--json", two);
	assert_int_equal(o.status, 0);
	said(o.out, "\"keeps\":2");
	assert_int_equal(rig_connect("127.0.0.1", 7000), 0);
	o = RIG_SKPOL("apply", "--keep", "tcp por 22", one);
	assert_int_equal(o.status, 1);
	said(o.err, "makes no sense here");
	assert_int_equal(RIG_SKPOL("apply", "--keep", "tcp\nany", one).status,
			 2);
}

static void keeps_by_file(void **state)
{
	struct rig_output o;

	(void)state;
	write_file(keeps, "# the way in\n\n"
		   "tcp to 127.0.0.1 port 22   # sshd\n"
		   "on \"eth#0\" tcp port 22\n"
		   "tcp to 127.0.0.1 port 7000-7001 -> { pass, drop }\n");
	assert_int_equal(RIG_SKPOL("apply", "--keep-file", keeps, one).status,
			 0);
	o = RIG_SKPOL("apply", "--check", "--keep-file", keeps, two);
	assert_int_equal(o.status, 1);
	said(o.err, ".keep:5) does not hold: `tcp ");
	assert_null(strstr(o.err, ".keep:3)"));
	assert_int_equal(RIG_SKPOL("apply", "--keep-file", "/none",
				   two).status, 1);
	assert_int_equal(RIG_SKPOL("apply", "--keep-file", "/dev/null",
				   two).status, 0);
}

static void no_guard_is_no_keep(void **state)
{
	static const char *const empty[] = { "", " \t", "# x", " # x" };
	struct rig_output o;

	(void)state;
	for (size_t i = 0; i < sizeof(empty) / sizeof(*empty); i++) {
		o = RIG_SKPOL("apply", "--keep", empty[i], one);
		assert_int_equal(o.status, 2);
		said(o.err, "is empty: it takes a match");
	}
	write_file(keeps, "\n  \n# nothing yet\n");
	o = RIG_SKPOL("apply", "--keep-file", keeps, one);
	assert_int_equal(o.status, 2);
	said(o.err, ".keep: there is no keep in it (--keep-file /dev/null is "
	     "for none)");
	assert_int_equal(rig_attached(), 0);
}

/* A keep cannot end the policy's text and say something else. */
static void keeps_are_expectations_only(void **state)
{
	static const char *const bad[] = {
		"any -> pass; default -> drop", "any -> { pass", "}",
		"any -> pass } ", "include \"/etc/passwd\"", "",
	};

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(bad) / sizeof(*bad); i++)
		if (RIG_SKPOL("apply", "--check", "--keep", bad[i],
			      one).status != 1)
			fail_msg("`%s` is taken for a keep", bad[i]);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(check_changes_nothing),
		TEST(check_of_new_sockets),
		TEST(check_fails_as_apply),
		TEST(missing_sockets_are_said),
		TEST(exit_codes),
		TEST(diff_of_first_and_same),
		TEST(diff_names_packets),
		TEST(diff_is_bounded),
		TEST(keeps_by_option),
		TEST(keeps_by_file),
		TEST(no_guard_is_no_keep),
		TEST(keeps_are_expectations_only),
	};

	RIG_MAIN(tests);
}
