/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_confirm - a policy on trial is confirmed in time, or rolled back
 *
 * Against the running kernel, in namespaces of the test's own. That something
 * happens in the end is waited for; nothing depends on how soon.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "edge.h"
#include "rig.h"

enum { LONG = 3600000, WAIT_TRIES = 1200, WAIT_US = 25000 };

static struct rig_object two;
static char file[96];

static struct skpol_applied try_two(uint32_t ms)
{
	struct skpol_apply_options o = { .size = sizeof(o), .confirm_ms = ms };
	struct skpol *s = rig_open();
	struct skpol_applied out;

	if (skpol_apply(s, two.bytes, two.size, &o, &out))
		fail_msg("apply: %s", skpol_message(s));
	skpol_close(s);
	return out;
}

/* 0 = confirmed now, 1 = before, or the negative errno. */
static int confirm(void)
{
	struct skpol *s = rig_open();
	struct skpol_applied out;
	int err = skpol_confirm(s, &out);

	skpol_close(s);
	return err ? err : !out.changed;
}

static bool enforce(int64_t *left)
{
	struct skpol *s = rig_open();
	bool changed;

	if (skpol_confirm_enforce(s, left, &changed))
		fail_msg("enforce: %s", skpol_message(s));
	skpol_close(s);
	return changed;
}

static bool is_pending(void)
{
	json_t *j = rig_status();
	bool pending = json_is_object(json_object_get(j, "confirm"));

	json_decref(j);
	return pending;
}

static void confirmed_in_time(void **state)
{
	struct skpol_applied a;
	int64_t left;

	(void)state;
	rig_must_apply(EDGE_ONE);
	a = try_two(LONG);
	assert_true(a.changed);
	assert_in_range(a.unconfirmed_ms, LONG / 2, LONG);
	assert_int_equal(a.back, 1);
	assert_true(is_pending());
	assert_true(edge_served(7002));
	assert_false(enforce(&left));
	assert_in_range(left, LONG / 2, LONG);
	assert_int_equal(confirm(), 0);
	assert_int_equal(confirm(), 1);
	assert_false(is_pending());
	assert_false(enforce(&left));
	assert_int_equal(left, -1);
	assert_false(rig_must_apply(EDGE_TWO).changed);
	assert_true(rig_must_apply(EDGE_ONE).changed);
	assert_int_equal(confirm(), -ENOENT);
}

static void overdue_is_rolled_back(void **state)
{
	int64_t left;

	(void)state;
	rig_must_apply(EDGE_ONE);
	assert_true(edge_served(7007));
	try_two(1);
	assert_true(edge_served(7007));
	usleep(2000);
	assert_true(is_pending());	/* readers change nothing */
	assert_true(enforce(&left));
	assert_int_equal(left, 0);
	assert_false(is_pending());
	assert_true(edge_served(7001));
	assert_false(edge_served(7002));
	assert_int_equal(rig_count("web", "hits"), 2);
	assert_int_equal(confirm(), -ETIME);
	assert_false(enforce(&left));
	assert_false(rig_has_problem(""));
}

/* Without a process that waits, whoever comes next does it. */
static void the_next_command_rolls_back(void **state)
{
	struct skpol *s = rig_open();
	struct skpol_claim c = { .size = sizeof(c), .name = "web" };
	struct skpol_applied out;
	size_t filled;

	(void)state;
	rig_must_apply(EDGE_ONE);
	try_two(1);
	usleep(2000);
	assert_int_equal(confirm(), -ETIME);
	assert_true(edge_served(7001));
	try_two(1);
	usleep(2000);
	assert_int_equal(skpol_register_fds(s, &c, &edge_udp, 1, &filled), 0);
	assert_true(edge_served(7001));
	try_two(1);
	usleep(2000);
	assert_int_equal(skpol_rollback(s, 0, &out), 0);
	assert_true(out.changed);
	assert_true(edge_served(7001));
	/* once more, and not to what has failed, unless that is said */
	assert_int_equal(skpol_rollback(s, 0, &out), -ENOENT);
	assert_non_null(strstr(skpol_message(s), "was not confirmed"));
	assert_true(edge_served(7001));
	assert_int_equal(skpol_rollback(s, out.generation - 1, &out), 0);
	assert_true(edge_served(7002));
	rig_must_apply(EDGE_ONE);
	try_two(1);
	usleep(2000);
	assert_false(rig_must_apply(EDGE_ONE).changed);
	assert_true(edge_served(7001));
	skpol_close(s);
}

static void the_first_one_leaves_nothing(void **state)
{
	struct skpol *s = rig_open();
	struct skpol_applied a;
	bool changed;
	int64_t left;

	(void)state;
	a = try_two(1);
	assert_int_equal(a.back, 0);
	assert_true(edge_served(7002));
	usleep(2000);
	assert_true(enforce(&left));
	assert_int_equal(rig_attached(), 0);
	assert_false(edge_served(7002));
	assert_int_equal(confirm(), -ENOENT);
	assert_false(enforce(&left));
	assert_int_equal(rig_must_apply(EDGE_ONE).generation, 1);
	assert_int_equal(skpol_remove(s, true, &changed), 0);
	assert_false(rig_exists(""));
	skpol_close(s);
}

static void one_at_a_time(void **state)
{
	struct skpol *s = rig_open();
	struct skpol_applied out;
	int64_t left;

	(void)state;
	rig_must_apply(EDGE_ONE);
	try_two(LONG);
	assert_false(try_two(LONG).changed);	/* the very same: nothing */
	assert_true(is_pending());
	assert_int_equal(rig_apply(s, EDGE_ONE, &out), -EBUSY);
	assert_int_equal(skpol_fault(s), SKPOL_FAULT_SYSTEM);
	assert_non_null(strstr(skpol_message(s), "`skpol confirm`"));
	assert_true(edge_served(7002));
	/* back before the time, and then it is over */
	assert_int_equal(skpol_rollback(s, 0, &out), 0);
	assert_true(edge_served(7001));
	assert_false(is_pending());
	assert_false(enforce(&left));
	assert_int_equal(confirm(), -ENOENT);
	/* by number, the one that was on trial runs again, and not on trial */
	assert_int_equal(skpol_rollback(s, 0, &out), -ENOENT);
	assert_int_equal(skpol_rollback(s, 2, &out), 0);
	assert_true(edge_served(7002));
	assert_false(is_pending());
	assert_false(enforce(&left));
	assert_int_equal(left, -1);
	skpol_close(s);
}

static void a_lost_way_back_is_said(void **state)
{
	int64_t left;

	(void)state;
	rig_must_apply(EDGE_ONE);
	try_two(1);
	assert_int_equal(unlink(rig_state("1/program")), 0);
	usleep(2000);
	assert_false(enforce(&left));
	assert_true(edge_served(7002));
	assert_non_null(strstr(rig_notes, "cannot be rolled back"));
	rig_must_apply(EDGE_ONE);		/* another one is taken */
	assert_true(edge_served(7001));
}

/* ------------------------------------------------------------ the watcher */

/* The process that waits, of this test's namespace; 0 = none. */
static pid_t find_watcher(void)
{
	struct stat ours, theirs;
	DIR *d = opendir("/proc");
	struct dirent *e;
	pid_t found = 0;

	assert_int_equal(stat("/proc/self/ns/net", &ours), 0);
	while (!found && (e = readdir(d))) {
		char path[300], name[32] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%s/ns/net", e->d_name);
		if (stat(path, &theirs) || theirs.st_ino != ours.st_ino)
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		f = fopen(path, "r");
		if (f && fgets(name, sizeof(name), f) &&
		    !strcmp(name, "skpol-confirm\n"))
			found = (pid_t)atoi(e->d_name);
		if (f)
			fclose(f);
	}
	closedir(d);
	return found;
}

/* Where the watcher is, for whoever reads that a test failed. */
static void say_watcher(void)
{
	pid_t pid = find_watcher();
	char command[160];

	snprintf(command, sizeof(command), "cd /proc/%d && cat stat wchan stack "
		 "cmdline >&2; ls -l /proc/%d/fd >&2", (int)pid, (int)pid);
	if (pid && system(command))
		fprintf(stderr, "process %d is not there any more\n", (int)pid);
}

static bool comes_true(bool (*condition)(void))
{
	for (int i = 0; i < WAIT_TRIES && !condition(); i++)
		usleep(WAIT_US);
	if (condition())
		return true;
	say_watcher();
	return false;
}

static bool one_runs(void)
{
	return edge_served(7001);
}

static bool watcher_there(void)
{
	return find_watcher();
}

static bool watcher_gone(void)
{
	return !find_watcher();
}

static void start_trial(const char *time)
{
	struct rig_output o;

	rig_must_apply(EDGE_ONE);
	o = RIG_SKPOL("apply", "--confirm", time, file);
	assert_int_equal(o.status, 0);
	assert_non_null(strstr(o.out, "unconfirmed: `skpol confirm` within"));
	assert_non_null(strstr(o.out, "or generation 1 runs again"));
	assert_true(edge_served(7002));
}

static void the_watcher_rolls_back(void **state)
{
	(void)state;
	start_trial("1s");
	assert_true(comes_true(one_runs));
	assert_true(comes_true(watcher_gone));
	assert_int_equal(RIG_SKPOL("confirm").status, 3);
	assert_non_null(strstr(RIG_SKPOL("status").out, "kept: generation 2, "
			       "edge, source"));
	assert_non_null(strstr(RIG_SKPOL("status").out, ", not confirmed\n"));
}

static void the_watcher_ends_when_confirmed(void **state)
{
	struct rig_output o;

	(void)state;
	start_trial("1h");
	assert_true(comes_true(watcher_there));
	o = RIG_SKPOL("status");
	assert_non_null(strstr(o.out, "unconfirmed: `skpol confirm` within"));
	o = RIG_SKPOL("confirm", "--json");
	assert_int_equal(o.status, 0);
	assert_string_equal(o.out, "{\"version\":1,\"changed\":true,"
			    "\"generation\":2,\"policy\":\"edge\"}\n");
	assert_string_equal(RIG_SKPOL("confirm").out, "edge: generation 2 is "
			    "confirmed already, nothing changed\n");
	assert_true(comes_true(watcher_gone));
	assert_true(edge_served(7002));
	assert_null(strstr(RIG_SKPOL("status").out, "unconfirmed"));
}

/* A shell whose whole session is killed, as if the connection had died. */
static void the_shell_dies(void **state)
{
	const char *skpol = getenv("SKPOL");
	char command[400];
	int status;
	pid_t pid;

	(void)state;
	rig_must_apply(EDGE_ONE);
	snprintf(command, sizeof(command), "%s --bpffs %s apply --confirm=1s "
		 "%s >/dev/null; kill -9 0", skpol ? skpol : "./skpol",
		 rig_bpffs, file);
	pid = fork();
	if (!pid) {
		setsid();
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_true(comes_true(one_runs));
	assert_true(comes_true(watcher_gone));
}

static void the_watcher_is_killed(void **state)
{
	(void)state;
	start_trial("2s");
	assert_true(comes_true(watcher_there));
	kill(find_watcher(), SIGKILL);
	assert_true(comes_true(watcher_gone));
	assert_true(is_pending());
	usleep(2100000);
	assert_true(edge_served(7002));	/* overdue, and nobody there to see */
	assert_int_equal(RIG_SKPOL("confirm").status, 3);
	assert_true(edge_served(7001));
}

/* No descriptor is kept that somebody could be waiting at. */
static void the_watcher_holds_nothing(void **state)
{
	char path[64];
	struct dirent *e;
	int n = 0;
	DIR *d;

	(void)state;
	start_trial("1h");
	assert_true(comes_true(watcher_there));
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)find_watcher());
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d))) {
		char target[256] = "";

		if (e->d_name[0] == '.')
			continue;
		n++;
		if (readlinkat(dirfd(d), e->d_name, target,
			       sizeof(target) - 1) < 0)
			continue;
		assert_true(!strcmp(target, "/dev/null") ||
			    !strncmp(target, "pipe:", 5) ||
			    !strncmp(target, "net:", 4) ||
			    !strncmp(target, "socket:", 7) ||	/* syslog */
			    strstr(target, "/ns/net"));
	}
	closedir(d);
	assert_in_range(n, 4, 6);
	assert_int_equal(RIG_SKPOL("rollback").status, 0);
	assert_true(comes_true(watcher_gone));
}

static void times(void **state)
{
	static const char *const bad[] = { "", "0", "30x", "-1s", "1d", "25h",
					   "30 s", "99999999999999999999" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(RIG_SKPOL("apply", "--confirm", bad[i],
					   file).status, 2);
	assert_int_equal(rig_attached(), 0);
	assert_int_equal(RIG_SKPOL("confirm").status, 1);
}

/* Apply fails: nothing is on trial, and nobody waits. */
static void a_failed_apply(void **state)
{
	(void)state;
	rig_must_apply(EDGE_ONE);
	assert_int_equal(RIG_SKPOL("apply", "--confirm=1h", "/none.o").status,
			 1);
	assert_false(is_pending());
	assert_true(comes_true(watcher_gone));
}

static void write_object(void)
{
	FILE *f;

	two = rig_compile(EDGE_TWO);
	snprintf(file, sizeof(file), "%s.o", rig_bpffs);
	f = fopen(file, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(two.bytes, 1, two.size, f), two.size);
	assert_int_equal(fclose(f), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, edge_setup, edge_teardown)
	const struct CMUnitTest tests[] = {
		TEST(confirmed_in_time),
		TEST(overdue_is_rolled_back),
		TEST(the_next_command_rolls_back),
		TEST(the_first_one_leaves_nothing),
		TEST(one_at_a_time),
		TEST(a_lost_way_back_is_said),
		TEST(the_watcher_rolls_back),
		TEST(the_watcher_ends_when_confirmed),
		TEST(the_shell_dies),
		TEST(the_watcher_is_killed),
		TEST(the_watcher_holds_nothing),
		TEST(times),
		TEST(a_failed_apply),
	};
	int failed = rig_start();

	if (failed)
		return failed;
	write_object();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(file);
	free(two.bytes);
	rig_stop();
	return failed;
}
