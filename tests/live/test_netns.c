/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_netns - many namespaces: how they are named, --all, and what is left
 *
 * Children hold namespaces. /run is the test's own, for names as ip-netns(8)
 * gives them. An inode number is used again at once; a cookie is not.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../runtime/handle.h"
#include "rig.h"

static const char policy[] =
	"policy edge\n"
	"socket web tcp ip4\n"
	"web: port 7007 -> web count\n"
	"default -> pass\n";

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

/* ----------------------------------------------------------- namespaces */

static void leave(void *ctx)
{
	if (unshare(CLONE_NEWNET))
		_exit(1);
	if (write(*(int *)ctx, "x", 1) != 1)
		_exit(1);
}

/* A child in a namespace of its own, which ends with it. */
static pid_t hold(void)
{
	int p[2];
	char x;
	pid_t pid;

	assert_int_equal(pipe(p), 0);
	pid = rig_child(leave, &p[1]);
	assert_int_equal(read(p[0], &x, 1), 1);
	close(p[0]);
	close(p[1]);
	return pid;
}

static const char *name_of(pid_t pid)
{
	static char name[32];

	snprintf(name, sizeof(name), "pid:%d", (int)pid);
	return name;
}

static struct skpol *open_in(const char *netns, int want)
{
	struct skpol_options o = { .size = sizeof(o), .bpffs = rig_bpffs,
				   .netns = netns };
	struct skpol *s;
	int err = skpol_open(&o, &s);

	if (err != want)
		fail_msg("%s: %d, %s", netns, err, skpol_message(s));
	return s;
}

static void apply_in(const char *netns)
{
	struct skpol *s = open_in(netns, 0);
	struct skpol_applied out;

	if (rig_apply(s, policy, &out))
		fail_msg("%s: %s", netns, skpol_message(s));
	assert_true(out.changed);
	skpol_close(s);
}

static bool says(const char *netns, const char *words)
{
	struct skpol *s = open_in(netns, 0);
	char *text = NULL;
	bool found;

	assert_int_equal(skpol_status_json(s, &text), 0);
	found = strstr(text, words) != NULL;
	free(text);
	skpol_close(s);
	return found;
}

/* Which folder belongs to a namespace. */
static void identity_of(const char *netns, char out[32])
{
	struct skpol *s = open_in(netns, 0);

	snprintf(out, 32, "%s", s->identity);
	skpol_close(s);
}

static bool has_folder(const char *identity)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/skpol/%s", rig_bpffs, identity);
	return !access(path, F_OK);
}

static uint64_t inode_of(pid_t pid)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

/* ----------------------------------------------------------------- names */

static void refused(const char *netns, int err, const char *words)
{
	struct skpol *s = open_in(netns, err);

	if (!strstr(skpol_message(s), words))
		fail_msg("%s: %s", netns, skpol_message(s));
	skpol_close(s);
}

static void what_is_no_namespace_is_refused(void **state)
{
	char path[96];

	(void)state;
	refused("", -EINVAL, "names no network namespace");
	refused("pid:", -EINVAL, "names no network namespace");
	refused("pid:12x", -EINVAL, "names no network namespace");
	refused("pid:-1", -EINVAL, "names no network namespace");
	refused("pid:0", -ENOENT, "there is no network namespace");
	refused("pid:99999999999999999999", -ENOENT, "there is no network");
	refused("no-such-name", -ENOENT, "(/run/netns/no-such-name)");
	refused("/no/such/path", -ENOENT, "there is no network namespace");
	/* a namespace of another kind, and what is none at all */
	refused("/proc/self/ns/mnt", -EINVAL, "is no network namespace");
	refused("/proc/self/status", -EINVAL, "is no network namespace");
	refused("/tmp", -EINVAL, "is no network namespace");
	refused("..", -EINVAL, "is no network namespace");
	/* nobody waits for a writer */
	snprintf(path, sizeof(path), "%s.fifo", rig_bpffs);
	assert_int_equal(mkfifo(path, 0600), 0);
	refused(path, -EINVAL, "is no network namespace");
	unlink(path);
}

static void a_dead_process_has_none(void **state)
{
	pid_t pid = hold();
	char name[32];

	(void)state;
	snprintf(name, sizeof(name), "%s", name_of(pid));
	skpol_close(open_in(name, 0));
	rig_kill(pid);
	refused(name, -ENOENT, "there is no network namespace");
}

static void names_paths_and_pids_are_one_namespace(void **state)
{
	pid_t pid = hold();
	char by_pid[32], by_name[32], by_path[32], own[32], command[128];
	char path[64];

	(void)state;
	snprintf(command, sizeof(command), "ip netns attach blue %d",
		 (int)pid);
	assert_int_equal(system(command), 0);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	identity_of(name_of(pid), by_pid);
	identity_of("blue", by_name);
	identity_of(path, by_path);
	assert_string_equal(by_pid, by_name);
	assert_string_equal(by_pid, by_path);
	identity_of(NULL, own);
	assert_string_not_equal(by_pid, own);
	apply_in("blue");
	assert_true(says(name_of(pid), "\"attached\":true"));
	assert_true(says(NULL, "\"policy\":null"));
	rig_kill(pid);
	assert_int_equal(system("ip netns del blue"), 0);
}

/* ------------------------------------------------------------------- --all */

static size_t count(const char *text, const char *words)
{
	size_t n = 0;

	for (; (text = strstr(text, words)); text += strlen(words))
		n++;
	return n;
}

static void every_namespace_is_visited(void **state)
{
	pid_t a = hold(), b = hold(), empty = hold();
	char name[48], command[64];
	struct rig_output o;

	(void)state;
	assert_string_equal(RIG_SKPOL("status", "--all").out,
			    "no namespace has a policy\n");
	rig_must_apply(policy);
	apply_in(name_of(a));
	apply_in(name_of(b));
	snprintf(command, sizeof(command), "ip netns attach red %d", (int)b);
	assert_int_equal(system(command), 0);
	o = RIG_SKPOL("status", "--all");
	assert_int_equal(o.status, 0);
	assert_int_equal(count(o.out, "policy edge, generation 1, attached"),
			 3);
	assert_int_equal(count(o.out, "== red (cookie "), 1);
	assert_int_equal(count(o.out, "== this namespace (cookie "), 1);
	assert_int_equal(count(o.out, name_of(a)), 1);
	snprintf(name, sizeof(name), "%s ", name_of(empty));
	assert_int_equal(count(o.out, name), 0);
	o = RIG_SKPOL("stats", "--all");
	assert_int_equal(count(o.out, "web "), 3);
	o = RIG_SKPOL("metrics", "--all");
	assert_int_equal(count(o.out, "# TYPE skpol_attached "), 1);
	assert_int_equal(count(o.out, "skpol_attached{netns=\"red\"} 1"), 1);
	assert_int_equal(count(o.out, "\nskpol_attached"), 3);
	rig_kill(empty);
	rig_kill(a);
	rig_kill(b);
	assert_int_equal(system("ip netns del red"), 0);
}

static void json_is_one_value(void **state)
{
	pid_t pid = hold();
	struct rig_output o;
	json_t *j, *list, *e;
	size_t i, named = 0;

	(void)state;
	rig_must_apply(policy);
	apply_in(name_of(pid));
	o = RIG_SKPOL("status", "--all", "--json");
	assert_int_equal(o.status, 0);
	j = json_loads(o.out, 0, NULL);
	assert_non_null(j);
	list = json_object_get(j, "namespaces");
	assert_int_equal(json_array_size(list), 2);
	json_array_foreach(list, i, e) {
		assert_string_equal(json_string_value(json_object_get(
			json_object_get(e, "report"), "policy")), "edge");
		assert_true(json_is_string(json_object_get(e, "cookie")));
		named += json_is_string(json_object_get(e, "netns"));
	}
	assert_int_equal(named, 1);
	json_decref(j);
	o = RIG_SKPOL("status", "--all", "--netns", name_of(pid));
	assert_int_equal(o.status, 2);
	/* the worst of all is the exit status */
	o = RIG_SKPOL("verify", "--all", "--json", "/nowhere.o");
	assert_int_equal(o.status, 1);
	j = json_loads(o.out, 0, NULL);
	assert_non_null(j);
	json_decref(j);
	rig_kill(pid);
}

static void all_can_be_removed(void **state)
{
	pid_t pid = hold();

	(void)state;
	rig_must_apply(policy);
	apply_in(name_of(pid));
	assert_int_equal(RIG_SKPOL("remove", "--all").status, 0);
	assert_true(says(name_of(pid), "\"policy\":null"));
	assert_true(says(NULL, "\"policy\":null"));
	rig_kill(pid);
}

/* Nothing but an open descriptor leads to it: no name, no process. */
static void what_nothing_leads_to_is_still_there(void **state)
{
	pid_t pid = hold();
	char path[64], identity[32];
	struct rig_output o;
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	identity_of(path, identity);
	apply_in(path);
	rig_kill(pid);
	o = RIG_SKPOL("status", "--all");
	assert_int_equal(o.status, 0);
	assert_non_null(strstr(o.out, "without a name or process"));
	assert_non_null(strstr(o.out, "policy edge, generation 1, attached"));
	assert_true(has_folder(identity));
	assert_int_equal(RIG_SKPOL("doctor", "--all").status, 0);
	assert_int_equal(RIG_SKPOL("remove", "--all").status, 0);
	assert_false(has_folder(identity));
	close(fd);
}

/* ------------------------------------------------------------ leftovers */

enum { TRIES = 400, STEP_US = 10000 };

static void the_dead_are_swept(void **state)
{
	pid_t pid = hold();
	char identity[32];

	(void)state;
	identity_of(name_of(pid), identity);
	apply_in(name_of(pid));
	assert_true(has_folder(identity));
	rig_kill(pid);
	/* the kernel takes a namespace down when it comes to it */
	for (int i = 0; i < TRIES && has_folder(identity); i++) {
		usleep(STEP_US);
		assert_int_equal(RIG_SKPOL("status", "--all").status, 0);
	}
	assert_false(has_folder(identity));
}

static void an_inode_that_is_used_again_means_nothing(void **state)
{
	pid_t pid = hold();
	uint64_t inode = inode_of(pid);
	char old[32], new[32];
	int tries = 0;

	(void)state;
	identity_of(name_of(pid), old);
	apply_in(name_of(pid));
	rig_kill(pid);
	do {	/* until the number comes again */
		usleep(STEP_US);
		pid = hold();
		if (inode_of(pid) == inode)
			break;
		rig_kill(pid);
	} while (++tries < TRIES);
	if (tries == TRIES)
		skip();
	identity_of(name_of(pid), new);
	assert_string_not_equal(old, new);
	assert_true(says(name_of(pid), "\"policy\":null"));
	apply_in(name_of(pid));
	assert_true(says(name_of(pid), "\"generation\":1"));
	assert_false(has_folder(old));
	rig_kill(pid);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_is_no_namespace_is_refused),
		TEST(a_dead_process_has_none),
		TEST(names_paths_and_pids_are_one_namespace),
		TEST(every_namespace_is_visited),
		TEST(json_is_one_value),
		TEST(all_can_be_removed),
		TEST(what_nothing_leads_to_is_still_there),
		TEST(the_dead_are_swept),
		TEST(an_inode_that_is_used_again_means_nothing),
	};
	int failed = rig_start();

	if (failed)
		return failed;
	if (mount("tmpfs", "/run", "tmpfs", 0, "mode=755")) {
		rig_stop();
		return RIG_SKIP;
	}
	mkdir("/run/netns", 0755);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rig_stop();
	return failed;
}
