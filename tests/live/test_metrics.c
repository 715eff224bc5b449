/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_metrics - skpol metrics: its formats, its numbers, who may read them
 *
 * Against the running kernel, in namespaces of the test's own. The format is
 * judged by metrics.awk, and by promtool where there is one.
 */
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "rig.h"

enum { GROUP = 4321, NOBODY = 65534 };

static const char policy[] =
	"policy edge\n"
	"socket web\n"
	"web: udp port 7007 -> web count\n"
	"no: udp port 7008 -> drop count\n"
	"tcp port 81 on \"lo\" -> drop count\n"
	"tcp port 81 on \"lo\" -> drop count\n"
	"quiet: udp port 7009 -> drop\n"
	"default -> pass\n";

static char file[96];
static int udp = -1;

static int setup(void **state)
{
	(void)state;
	rig_reset();
	snprintf(file, sizeof(file), "%s.prom", rig_bpffs);
	udp = rig_socket(SOCK_DGRAM, "127.0.0.2", 8008, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(udp);
	unlink(file);
	rig_reset();
	return 0;
}

static void says(const char *text, const char *words)
{
	if (!strstr(text, words))
		fail_msg("`%s` is not in\n%s", words, text);
}

static void silent_about(const char *text, const char *words)
{
	if (strstr(text, words))
		fail_msg("`%s` is in\n%s", words, text);
}

/* What COMMAND, given the metrics, says of them; it must be content. */
static void judge(const char *command, bool openmetrics)
{
	char line[256];
	struct rig_output o = openmetrics ?
		RIG_SKPOL("metrics", "--openmetrics", "-o", file) :
		RIG_SKPOL("metrics", "-o", file);

	if (o.status)
		fail_msg("metrics: %s", o.err);
	snprintf(line, sizeof(line), "%s <%s >&2", command, file);
	if (system(line))
		fail_msg("%s", line);
}

static void judge_both(void)
{
	const char *src = getenv("srcdir") ? getenv("srcdir") : "..";
	char awk[200];

	snprintf(awk, sizeof(awk), "awk -f %s/tests/live/metrics.awk", src);
	judge(awk, false);
	snprintf(awk, sizeof(awk), "awk -v openmetrics=1 -f "
		 "%s/tests/live/metrics.awk", src);
	judge(awk, true);
	if (!system("command -v promtool >/dev/null"))
		judge("promtool check metrics", false);
}

static void send_some(int n, uint16_t port)
{
	for (int i = 0; i < n; i++)
		rig_send("127.0.0.1", port);
}

static void register_web(void)
{
	struct skpol *s = rig_open();
	struct skpol_claim c = { .size = sizeof(c), .name = "web" };
	size_t filled;

	assert_int_equal(skpol_register_fds(s, &c, &udp, 1, &filled), 0);
	skpol_close(s);
}

static void numbers_and_labels(void **state)
{
	struct rig_output o;

	(void)state;
	rig_must_apply(policy);
	send_some(3, 7007);
	register_web();
	send_some(4, 7007);
	send_some(5, 7008);
	o = RIG_SKPOL("metrics");
	assert_int_equal(o.status, 0);
	says(o.out, "skpol_rule_hits_total{policy=\"edge\",rule=\"web\"} 7\n");
	says(o.out, "skpol_rule_missing_total{policy=\"edge\",rule=\"web\"} "
	     "3\n");
	says(o.out, "skpol_rule_hits_total{policy=\"edge\",rule=\"no\"} 5\n");
	silent_about(o.out, "missing_total{policy=\"edge\",rule=\"no\"}");
	silent_about(o.out, "quiet");
	says(o.out, "rule=\"tcp port 81 on \\\"lo\\\" -> drop\"} 0\n");
	says(o.out, "skpol_rule_refused_total{policy=\"edge\",rule=\"web\","
	     "reason=\"EPROTOTYPE\"} 0\n");
	says(o.out, "skpol_socket_registered{policy=\"edge\",name=\"web\","
	     "protocol=\"udp\",family=\"ip4\"} 1\n");
	says(o.out, "protocol=\"tcp\",family=\"ip4\"} 0\n");
	says(o.out, "\nskpol_attached 1\n");
	says(o.out, "generation=\"1\"");
	judge_both();
}

/* To about a second, says the contract; what is wrong is wrong by more. */
static void when_it_was_last_hit(void **state)
{
	static const char name[] =
		"last_hit_timestamp_seconds{policy=\"edge\",rule=\"no\"} ";
	long before = time(NULL), hit;
	struct rig_output o;
	const char *at;

	(void)state;
	rig_must_apply(policy);
	silent_about(RIG_SKPOL("metrics").out, "last_hit");
	send_some(1, 7008);
	o = RIG_SKPOL("metrics");
	at = strstr(o.out, name);
	assert_non_null(at);
	hit = strtol(at + strlen(name), NULL, 10);
	assert_in_range(hit, before - 60, time(NULL));
	rig_must_apply("policy edge\nno: udp port 7008 -> pass count\n"
		       "default -> pass\n");
	o = RIG_SKPOL("metrics");
	at = strstr(o.out, name);
	assert_non_null(at);
	assert_in_range(strtol(at + strlen(name), NULL, 10), hit - 1, hit + 1);
	judge_both();
}

static void nothing_applied(void **state)
{
	struct rig_output o = RIG_SKPOL("metrics");

	(void)state;
	assert_int_equal(o.status, 0);
	says(o.out, "\nskpol_attached 0\n");
	silent_about(o.out, "policy=");
	judge_both();
}

static void a_namespace_is_a_label(void **state)
{
	struct rig_output o;
	char netns[32];

	(void)state;
	rig_must_apply(policy);
	snprintf(netns, sizeof(netns), "pid:%d", (int)getpid());
	o = RIG_SKPOL("--netns", netns, "metrics");
	says(o.out, "skpol_attached{netns=\"pid:");
	says(o.out, "\",policy=\"edge\",rule=\"web\"} 0\n");
}

static int entries(void)
{
	char folder[96];
	int n = 0;
	DIR *d;

	strcpy(folder, rig_bpffs);
	*strrchr(folder, '/') = '\0';
	d = opendir(folder);
	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void a_file_whole_or_not_at_all(void **state)
{
	struct rig_output o;
	struct stat before, after;
	int n;

	(void)state;
	assert_int_equal(RIG_SKPOL("metrics", "-o", file).status, 0);
	assert_int_equal(stat(file, &before), 0);
	assert_int_equal(before.st_mode & 0777, 0644);
	n = entries();
	assert_int_equal(RIG_SKPOL("metrics", "-o", file).status, 0);
	assert_int_equal(stat(file, &after), 0);
	assert_int_not_equal(before.st_ino, after.st_ino);
	o = RIG_SKPOL("metrics", "-o", rig_bpffs);	/* a folder */
	assert_int_equal(o.status, 3);
	says(o.err, "cannot write");
	assert_int_equal(entries(), n);
	o = RIG_SKPOL("metrics", "-o", "/nonexistent/file");
	assert_int_equal(o.status, 3);
}

/* As root, a rename would make a file of /dev/null for everybody. */
static void what_is_no_file_is_written_to(void **state)
{
	char device[128], link[128];
	struct rig_output o;
	struct stat st;

	(void)state;
	snprintf(device, sizeof(device), "%s.full", file);
	snprintf(link, sizeof(link), "%s.link", file);
	assert_int_equal(mknod(device, S_IFCHR | 0600, makedev(1, 7)), 0);
	o = RIG_SKPOL("metrics", "-o", device);
	assert_int_equal(o.status, 3);
	says(o.err, "cannot write");
	assert_int_equal(lstat(device, &st), 0);
	assert_true(S_ISCHR(st.st_mode));
	unlink(device);

	assert_int_equal(symlink("/proc/self/fd/1", link), 0);
	o = RIG_SKPOL("metrics", "-o", link);
	assert_int_equal(o.status, 0);
	says(o.out, "skpol_attached");
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	unlink(link);

	/* any other link goes, not what it leads to */
	assert_int_equal(symlink("/nonexistent/file", link), 0);
	assert_int_equal(RIG_SKPOL("metrics", "-o", link).status, 0);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	unlink(link);
}

/* ------------------------------------------------------------ privileges */

/* `skpol VERB` as nobody, in group GROUP or not. */
static struct rig_output as_nobody(bool member, const char *verb)
{
	struct rig_output o = { .status = -1 };
	const gid_t gid = member ? GROUP : NOBODY;
	int out = open(file, O_RDWR | O_CREAT | O_TRUNC, 0600), status;
	pid_t pid = fork();

	if (!pid) {
		dup2(out, 1);
		dup2(out, 2);
		if (setgroups(0, NULL) || setgid(gid) || setuid(NOBODY))
			_exit(126);
		execl(getenv("SKPOL") ? getenv("SKPOL") : "./skpol", "skpol",
		      "--bpffs", rig_bpffs, verb, NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	lseek(out, 0, SEEK_SET);
	status = WEXITSTATUS(status);
	o.status = status;
	o.out[read(out, o.out, sizeof(o.out) - 1)] = '\0';
	close(out);
	return o;
}

/* A folder that gives its group to what is made in it. */
static void share_state(void)
{
	char path[96];

	strcpy(path, rig_bpffs);
	*strrchr(path, '/') = '\0';
	assert_int_equal(chmod(path, 0711), 0);
	assert_int_equal(chmod(rig_bpffs, 0711), 0);
	snprintf(path, sizeof(path), "%s/skpol", rig_bpffs);
	assert_int_equal(mkdir(path, 0750), 0);
	assert_int_equal(chown(path, 0, GROUP), 0);
	assert_int_equal(chmod(path, 02750), 0);
}

/* As the command does it: it has given up what it has no need of. */
static void apply_by_command(mode_t mask)
{
	struct rig_object c = rig_compile(policy);
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	mode_t before = umask(mask);
	struct rig_output o;

	assert_int_equal(write(fd, c.bytes, c.size), c.size);
	close(fd);
	free(c.bytes);
	o = RIG_SKPOL("apply", file);
	umask(before);
	if (o.status)
		fail_msg("apply: %s", o.err);
}

static void group_may_read(mode_t mask)
{
	struct rig_output o;
	struct stat st;
	char path[96];

	share_state();
	apply_by_command(mask);
	send_some(6, 7008);
	o = as_nobody(true, "metrics");
	if (o.status == 127)
		skip();			/* nobody may not run what was built */
	if (o.status)
		fail_msg("metrics: %s", o.out);
	says(o.out, "rule=\"no\"} 6\n");
	says(o.out, "family=\"ip4\"} 0\n");
	silent_about(o.out, "skpol_attached");
	o = as_nobody(true, "stats");
	assert_int_equal(o.status, 0);
	says(o.out, "web");
	o = as_nobody(false, "metrics");
	assert_int_equal(o.status, 3);
	says(o.out, "let a group read");
	o = as_nobody(true, "remove");
	assert_int_equal(o.status, 3);
	assert_int_not_equal(rig_attached(), 0);
	/* what only root may: the link can be changed by who opens it */
	assert_int_equal(stat(rig_state("link"), &st), 0);
	assert_int_equal(st.st_mode & 077, 0);
	/* the choice outlives the policy */
	assert_int_equal(RIG_SKPOL("remove", "--sockets").status, 0);
	snprintf(path, sizeof(path), "%s/skpol", rig_bpffs);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_gid, GROUP);
}

static void a_group_may_read(void **state)
{
	(void)state;
	group_may_read(022);
}

static void a_group_may_read_under_a_strict_umask(void **state)
{
	(void)state;
	group_may_read(077);
}

static void others_may_not(void **state)
{
	struct rig_output o;

	(void)state;
	rig_must_apply(policy);
	assert_int_equal(chmod(rig_bpffs, 0711), 0);
	o = as_nobody(true, "metrics");
	if (o.status == 127)
		skip();
	assert_int_equal(o.status, 3);
	says(o.out, "may not read");
	o = as_nobody(true, "status");
	assert_int_equal(o.status, 3);
	says(o.out, "may not read");
	says(o.out, "/1/program: be root, or let a group read");
}

/* What may not be looked at is no reason to apply the policy again. */
static void others_are_told_no_lies(void **state)
{
	struct rig_output o;

	(void)state;
	rig_must_apply(policy);
	assert_int_equal(chmod(rig_bpffs, 0711), 0);
	o = as_nobody(false, "doctor");
	if (o.status == 127)
		skip();
	silent_about(o.out, "is gone");
	silent_about(o.out, "skpol remove");
	says(o.out, "unknown  state         cannot read the state: may not "
	     "read");
	says(o.out, "unknown  sockets       not looked at");
	says(o.out, "unknown  routes        not looked at");
	says(o.out, "unknown  replies       not looked at");
	says(o.out, "cannot list the programs on the namespace: Operation not "
	     "permitted\n                       -> run as root, or with "
	     "CAP_NET_ADMIN");
}

/* A program knows the number, and a new interface of the name has another one. */
static void interfaces_that_move(void **state)
{
	static const char on[] = "policy edge\n"
		"tcp port 7001 on \"dummy7\" -> drop\n"
		"tcp port 7002 on \"lo\" -> drop\ndefault -> pass\n";
	struct rig_output o;

	(void)state;
	if (!rig_interface("dummy7"))
		skip();
	rig_must_apply(on);
	o = RIG_SKPOL("metrics");
	says(o.out, "skpol_interface_current{policy=\"edge\","
	     "name=\"dummy7\"} 1\n");
	assert_int_equal(system("ip link del dummy7"), 0);
	o = RIG_SKPOL("metrics");
	says(o.out, "name=\"dummy7\"} 0\n");
	says(o.out, "name=\"lo\"} 1\n");
	judge_both();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(interfaces_that_move),
		TEST(numbers_and_labels),
		TEST(when_it_was_last_hit),
		TEST(nothing_applied),
		TEST(a_namespace_is_a_label),
		TEST(a_file_whole_or_not_at_all),
		TEST(what_is_no_file_is_written_to),
		TEST(a_group_may_read),
		TEST(a_group_may_read_under_a_strict_umask),
		TEST(others_may_not),
		TEST(others_are_told_no_lies),
	};

	RIG_MAIN(tests);
}
