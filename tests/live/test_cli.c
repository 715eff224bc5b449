/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_cli - the command skpol: exit status, JSON, privileges, verdicts
 *
 * Against the running kernel, in namespaces of the test's own.
 */
#include <cap-ng.h>
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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "rig.h"

static const char policy[] =
	"policy edge\n"
	"socket web\n"
	"socket dns udp\n"
	"web: tcp port 80 -> web count\n"
	"udp-web: udp port 443 -> web\n"
	"dns: udp port 53 -> dns else pass count trace\n"
	"no: tcp port 81 -> drop\n"
	"default -> pass\n";

static char object[96], packets[96];

static void write_file(const char *path, const void *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), (ssize_t)size);
	close(fd);
}

static int setup(void **state)
{
	struct rig_object o = rig_compile(policy);

	(void)state;
	rig_reset();
	snprintf(object, sizeof(object), "%s.o", rig_bpffs);
	snprintf(packets, sizeof(packets), "%s.pkt", rig_bpffs);
	write_file(object, o.bytes, o.size);
	free(o.bytes);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(object);
	unlink(packets);
	rig_reset();
	return 0;
}

static void said(const char *text, const char *words)
{
	if (!strstr(text, words))
		fail_msg("`%s` does not say `%s`", text, words);
}

static void exits(struct rig_output o, int status, const char *words)
{
	if (o.status != status)
		fail_msg("exit status %d, not %d: %s", o.status, status,
			 o.err);
	said(o.err, words);
}

static void faults_have_their_exit_status(void **state)
{
	(void)state;
	exits(RIG_SKPOL("apply", "/nonexistent.o"), 1, "No such file");
	exits(RIG_SKPOL("apply", "/dev/null"), 1, "skpol: /dev/null: no object "
	      "file (it does not begin as ELF); a policy's text must be called "
	      "NAME.skl\n");
	exits(RIG_SKPOL("apply", "/"), 1, "Is a directory");
	exits(RIG_SKPOL("apply"), 2, "usage: skpol apply FILE.o");
	exits(RIG_SKPOL("apply", object, "more"), 2, "usage");
	exits(RIG_SKPOL("fly"), 2, "no verb `fly`");
	exits(RIG_SKPOL("status", "--tcp"), 2, "status takes no --tcp");
	exits(RIG_SKPOL("status", "--colour"), 2, "--colour");
	exits(RIG_SKPOL("stats", "--watch", "1"), 2, "the value of --watch "
	      "follows a `=`: --watch=1\n");
	exits(RIG_SKPOL("stats", "1", "--json"), 2, "usage: skpol stats");
	exits(RIG_SKPOL("register", "web", "--fds", "--pid", "1"), 2,
	      "one of");
	exits(RIG_SKPOL("--netns", "nobody", "status"), 1,
	      "no network namespace `nobody`");
	exits(RIG_SKPOL("--netns", "pid:x", "status"), 1, "pid:N");
	exits(RIG_SKPOL("--netns", "/dev/null", "status"), 1,
	      "is no network namespace");
	exits(RIG_SKPOL("--bpffs", "/proc", "status"), 3,
	      "no bpf file system at /proc");
	exits(RIG_SKPOL("remove"), 0, "");
	exits(RIG_SKPOL("stats"), 0, "no policy here");
	exits(RIG_SKPOL("register", "web", "--pid", "999999999"), 1,
	      "no process");
}

enum { BYTE_ORDER_AT = 5, MACHINE_AT = 18 };	/* in an ELF file */

/* VERB names the file that has BYTES, and says WORDS of it. */
static void names_file(const char *verb, const void *bytes, size_t size,
		       const char *words)
{
	char line[256];

	write_file(packets, bytes, size);
	snprintf(line, sizeof(line), "skpol: %s: %s\n", packets, words);
	exits(RIG_SKPOL(verb, packets), 1, line);
}

static void names_all(const char *verb)
{
	static const char text[] = "policy edge\ndefault -> pass\n";
	struct rig_object o = rig_compile(policy);
	char *bytes = o.bytes;

	names_file(verb, text, sizeof(text) - 1, "no object file (it does not "
		   "begin as ELF); a policy's text must be called NAME.skl");
	names_file(verb, bytes, 30, "cut off in the ELF header");
	bytes[MACHINE_AT]++;
	names_file(verb, bytes, o.size, "an ELF file, but no BPF object");
	bytes[BYTE_ORDER_AT] ^= 3;
	names_file(verb, bytes, o.size, "compiled for the other byte order");
	free(bytes);
}

static void files_that_are_no_object_are_named(void **state)
{
	(void)state;
	names_all("apply");
	names_all("verify");
}

static void is_json(const char *text, const char *expected)
{
	json_t *j = json_loads(text, 0, NULL), *e = json_loads(expected, 0,
							       NULL);

	assert_non_null(j);
	assert_non_null(e);
	if (!json_equal(j, e))
		fail_msg("%s is not %s", text, expected);
	json_decref(j);
	json_decref(e);
}

static void json_has_the_keys_of_the_design(void **state)
{
	json_t *j, *list, *e;

	(void)state;
	j = json_loads(RIG_SKPOL("apply", object, "--json").out, 0, NULL);
	assert_true(json_integer_value(json_object_get(j, "tested")) > 0);
	json_object_del(j, "tested");
	e = json_loads("{\"version\":1,\"changed\":true,\"generation\":1,"
		       "\"policy\":\"edge\"}", 0, NULL);
	assert_true(json_equal(j, e));
	json_decref(e);
	json_decref(j);
	is_json(RIG_SKPOL("--json", "apply", object).out,
		"{\"version\":1,\"changed\":false,\"generation\":1,"
		"\"policy\":\"edge\"}");
	j = json_loads(RIG_SKPOL("status", "--json").out, 0, NULL);
	assert_int_equal(json_integer_value(json_object_get(j, "version")), 1);
	assert_string_equal(json_string_value(json_object_get(j, "policy")),
			    "edge");
	assert_true(json_is_true(json_object_get(j, "attached")));
	assert_int_equal(strlen(json_string_value(json_object_get(j,
							"sha256"))), 64);
	list = json_object_get(j, "sockets");
	assert_int_equal(json_array_size(list), 6);
	e = json_array_get(list, 0);
	assert_true(json_is_null(json_object_get(e, "cookie")));
	assert_true(json_is_string(json_object_get(e, "protocol")));
	list = json_object_get(j, "programs");
	assert_int_equal(json_array_size(list), 1);
	assert_true(json_is_true(json_object_get(json_array_get(list, 0),
						 "ours")));
	json_decref(j);
	j = json_loads(RIG_SKPOL("stats", "--json").out, 0, NULL);
	list = json_object_get(j, "rules");
	assert_int_equal(json_array_size(list), 2);
	e = json_array_get(list, 0);
	assert_string_equal(json_string_value(json_object_get(e, "name")),
			    "web");
	assert_int_equal(json_integer_value(json_object_get(e, "line")), 4);
	assert_true(json_is_integer(json_object_get(e, "hits")));
	assert_true(json_is_integer(json_object_get(e, "missing")));
	assert_true(json_is_integer(json_object_get(e, "refused")));
	assert_true(json_is_string(json_object_get(e, "verdict")));
	assert_true(json_is_string(json_object_get(e, "file")));
	json_decref(j);
	is_json(RIG_SKPOL("remove", "--json").out,
		"{\"version\":1,\"changed\":true}");
}

static void a_full_disk_is_no_success(void **state)
{
	int out = dup(1), full = open("/dev/full", O_WRONLY), status;
	pid_t pid;

	(void)state;
	assert_int_equal(RIG_SKPOL("apply", object).status, 0);
	pid = fork();
	if (!pid) {
		dup2(full, 1);
		dup2(full, 2);
		execl(getenv("SKPOL") ? getenv("SKPOL") : "./skpol", "skpol",
		      "--bpffs", rig_bpffs, "status", NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(WEXITSTATUS(status), 3);
	close(out);
	close(full);
}

/* ------------------------------------------------------------ privileges */

enum { STAYS = 60 };		/* s, until a command is ended that does not */

/* Runs `skpol VERB` as root of nothing but the capabilities A and B. */
static struct rig_output with_capabilities(int a, int b, const char *verb,
					   const char *arg, const char *arg2)
{
	static struct rig_output result;
	char path[96];
	int status, out;
	ssize_t n;
	pid_t pid = fork();

	snprintf(path, sizeof(path), "%s.out", rig_bpffs);
	if (!pid) {
		out = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
		dup2(out, 1);
		dup2(out, 2);
		capng_clear(CAPNG_SELECT_BOTH);
		for (int i = 0; i < 2; i++) {
			int cap = i ? b : a;

			if (cap >= 0)
				capng_update(CAPNG_ADD, CAPNG_EFFECTIVE |
					     CAPNG_PERMITTED |
					     CAPNG_BOUNDING_SET,
					     (unsigned int)cap);
		}
		if (capng_apply(CAPNG_SELECT_BOTH))
			_exit(126);
		alarm(STAYS);
		execl(getenv("SKPOL") ? getenv("SKPOL") : "./skpol", "skpol",
		      "--bpffs", rig_bpffs, verb, arg, arg2, NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	out = open(path, O_RDONLY);
	n = read(out, result.err, sizeof(result.err) - 1);
	result.err[n < 0 ? 0 : n] = '\0';
	close(out);
	unlink(path);
	return result;
}

static void two_capabilities_suffice(void **state)
{
	int fd = rig_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	char pid[16];

	(void)state;
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	exits(with_capabilities(CAP_BPF, CAP_NET_ADMIN, "apply", object,
				NULL), 0, "edge: generation 1 is live");
	exits(with_capabilities(CAP_BPF, CAP_NET_ADMIN, "register", "web",
				NULL), 1, "no address is given");
	exits(with_capabilities(CAP_BPF, CAP_NET_ADMIN, "status", NULL, NULL),
	      0, "skpol_dispatch  (this policy)");
	exits(with_capabilities(CAP_BPF, CAP_NET_ADMIN, "stats", NULL, NULL),
	      0, "dns");
	write_file(packets, "udp [::1]:1 -> [::1]:53 => dns\n", 31);
	exits(with_capabilities(CAP_BPF, CAP_NET_ADMIN, "verdicts", object,
				packets), 0, "=> dns");
	exits(with_capabilities(CAP_BPF, CAP_NET_ADMIN, "remove", NULL, NULL),
	      0, "removed");
	close(fd);
}

static void missing_capabilities_are_named(void **state)
{
	(void)state;
	exits(with_capabilities(CAP_BPF, -1, "apply", object, NULL), 3,
	      "needs CAP_NET_ADMIN");
	exits(with_capabilities(CAP_NET_ADMIN, -1, "apply", object, NULL), 3,
	      "needs CAP_BPF");
	exits(with_capabilities(-1, -1, "apply", object, NULL), 3,
	      "needs CAP_BPF and CAP_NET_ADMIN");
	assert_int_equal(RIG_SKPOL("apply", object).status, 0);
	exits(with_capabilities(-1, -1, "remove", NULL, NULL), 3, "may not");
	assert_int_equal(RIG_SKPOL("remove").status, 0);
}

/* Who may not fill a slot need not wait for one to become empty. */
static void a_watch_without_capabilities_ends(void **state)
{
	(void)state;
	exits(with_capabilities(-1, -1, "watch", NULL, NULL), 3,
	      "skpol: may not make a map: needs CAP_BPF");
	assert_int_equal(RIG_SKPOL("apply", object).status, 0);
	exits(with_capabilities(-1, -1, "watch", NULL, NULL), 3,
	      "skpol: may not");
}

enum { GROUP = 4321 };

/* A group is to read the state, and cannot: that is said. */
static void a_group_that_cannot_read_is_named(void **state)
{
	mode_t mask = umask(077);
	char path[96];

	(void)state;
	snprintf(path, sizeof(path), "%s/skpol", rig_bpffs);
	assert_int_equal(mkdir(path, 0750), 0);
	assert_int_equal(chown(path, 0, GROUP), 0);
	assert_int_equal(chmod(path, 02750), 0);
	exits(with_capabilities(CAP_BPF, CAP_NET_ADMIN, "apply", object,
				NULL), 0, "may not read what is in it: needs "
	      "CAP_FSETID");
	umask(mask);
}

/* ------------------------------------------------------------ verdicts */

static struct rig_output verdicts(const char *text)
{
	write_file(packets, text, strlen(text));
	return RIG_SKPOL("verdicts", object, packets);
}

static void the_kernel_gives_verdicts(void **state)
{
	static const char good[] =
		"# all of them\n"
		"tcp 203.0.113.9:50000 -> 192.0.2.1:80 => web\n"
		"tcp [2001:db8::9]:50000 -> [2001:db8::1]:80 => web\n"
		"\n"
		"udp 203.0.113.9:50000 -> 192.0.2.1:53 => dns\n"
		"udp 203.0.113.9:50000 -> 192.0.2.1:443 => web # a comment\n"
		"tcp 203.0.113.9:50000 -> 192.0.2.1:81 => drop\n"
		"tcp 203.0.113.9:50000 -> 192.0.2.1:82 => pass\n"
		"udp [2001:db8::9]:1 -> [2001:db8::1]:65535";
	struct rig_output o = verdicts(good);

	(void)state;
	exits(o, 0, "");
	said(o.out, "tcp [2001:db8::9]:50000 -> [2001:db8::1]:80 => web\n");
	said(o.out, "udp [2001:db8::9]:1 -> [2001:db8::1]:65535 => pass\n");
	assert_false(rig_exists(""));	/* nothing was attached or kept */
}

static void wrong_lines_are_named(void **state)
{
	static const char wrong[] =
		"tcp 203.0.113.9:50000 -> 192.0.2.1:80 => web\n"
		"tcp 203.0.113.9:50000 -> 192.0.2.1:81 => web\n"
		"tcp 203.0.113.9:50000 -> 192.0.2.1:80 on lo => web\n"
		"tcp 203.0.113.9 -> 192.0.2.1:80\n"
		"tcp 203.0.113.9:50000 -> 192.0.2.1:81 => wep\n";
	struct rig_output o = verdicts(wrong);

	(void)state;
	exits(o, 1, ".pkt:2: expected web, the kernel says drop");
	said(o.err, ".pkt:3: the kernel takes no packet with an interface");
	said(o.err, ".pkt:4: ");
	said(o.err, ".pkt:5: there is no socket `wep`; the kernel says drop");
	said(o.err, "4 of 5 lines are not as expected");
	assert_null(strstr(o.err, ".pkt:1:"));
	exits(RIG_SKPOL("verdicts", object, "/nonexistent"), 1, "No such");
	exits(verdicts("# none\n"), 1, ".pkt: there is no packet in it");
}

static void namespaces_by_name_path_and_pid(void **state)
{
	char path[96], by_pid[32];
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s.net", rig_bpffs);
	fd = open(path, O_CREAT | O_RDONLY, 0600);
	close(fd);
	assert_int_equal(mount("/proc/self/ns/net", path, NULL, MS_BIND,
			       NULL), 0);
	assert_int_equal(RIG_SKPOL("--netns", path, "apply", object).status,
			 0);
	snprintf(by_pid, sizeof(by_pid), "pid:%d", (int)getpid());
	said(RIG_SKPOL("--netns", by_pid, "status").out, "policy edge");
	said(RIG_SKPOL("status").out, "policy edge");
	assert_int_equal(umount(path), 0);
	unlink(path);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(faults_have_their_exit_status),
		TEST(files_that_are_no_object_are_named),
		TEST(json_has_the_keys_of_the_design),
		TEST(a_full_disk_is_no_success),
		TEST(two_capabilities_suffice),
		TEST(missing_capabilities_are_named),
		TEST(a_watch_without_capabilities_ends),
		TEST(a_group_that_cannot_read_is_named),
		TEST(the_kernel_gives_verdicts),
		TEST(wrong_lines_are_named),
		TEST(namespaces_by_name_path_and_pid),
	};

	RIG_MAIN(tests);
}
