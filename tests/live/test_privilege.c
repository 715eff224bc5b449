/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_privilege - what the command may do while it works
 *
 * It waits for its input, a FIFO, and /proc/PID/status says which capabilities
 * it has by then. What it does in the end works all the same.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "rig.h"

static const char policy[] =
	"policy edge\n"
	"socket web tcp ip4\n"
	"web: port 7007 -> web count\n"
	"default -> pass\n";

static char fifo[80];

static int setup(void **state)
{
	(void)state;
	rig_reset();
	snprintf(fifo, sizeof(fifo), "%s.fifo", rig_bpffs);
	unlink(fifo);
	return mkfifo(fifo, 0600);
}

static int teardown(void **state)
{
	(void)state;
	unlink(fifo);
	rig_reset();
	return 0;
}

static pid_t start(const char *netns, const char *verb, const char *file)
{
	const char *argv[12] = { "skpol", "--bpffs", rig_bpffs };
	const char *program = getenv("SKPOL") ? getenv("SKPOL") : "./skpol";
	int n = 3, null = open("/dev/null", O_RDWR | O_CLOEXEC);
	pid_t pid;

	if (netns) {
		argv[n++] = "--netns";
		argv[n++] = netns;
	}
	argv[n++] = verb;
	argv[n++] = fifo;
	argv[n] = file;
	pid = fork();
	if (!pid) {
		dup2(null, 1);
		dup2(null, 2);
		execv(program, (char *const *)argv);
		_exit(127);
	}
	close(null);
	return pid;
}

/* The number behind KEY in /proc/PID/status. */
static uint64_t status_of(pid_t pid, const char *key, int base)
{
	char path[64], line[256];
	size_t n = strlen(key);
	uint64_t v = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, key, n) && line[n] == ':')
			v = strtoull(line + n + 1, NULL, base);
	fclose(f);
	return v;
}

static uint64_t bit(int cap)
{
	return (uint64_t)1 << cap;
}

/* Opening the FIFO returns when the command has opened it to read. */
static int finish(pid_t pid, int fd, const void *bytes, size_t size)
{
	int status;

	assert_int_equal(write(fd, bytes, size), size);
	close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect_capabilities(pid_t pid, uint64_t want)
{
	/* what the test itself lacks, nobody gives */
	uint64_t ours = status_of(getpid(), "CapPrm", 16);

	assert_int_equal(status_of(pid, "CapEff", 16), want & ours);
	assert_int_equal(status_of(pid, "CapPrm", 16), want & ours);
	assert_int_equal(status_of(pid, "CapInh", 16), 0);
	assert_int_equal(status_of(pid, "CapAmb", 16), 0);
	assert_int_equal(status_of(pid, "CapBnd", 16), want & ours);
	assert_int_equal(status_of(pid, "NoNewPrivs", 10), 1);
}

static uint64_t apply_needs(void)
{
	return bit(CAP_BPF) | bit(CAP_NET_ADMIN) | bit(CAP_PERFMON) |
		bit(CAP_SYS_RESOURCE) | bit(CAP_SYS_PTRACE) |
		bit(CAP_DAC_READ_SEARCH) | bit(CAP_FSETID);
}

static void apply_keeps_what_it_needs(void **state)
{
	struct rig_object o = rig_compile(policy);
	pid_t pid = start(NULL, "apply", NULL);
	int fd = open(fifo, O_WRONLY);

	(void)state;
	expect_capabilities(pid, apply_needs());
	assert_int_equal(finish(pid, fd, o.bytes, o.size), 0);
	assert_true(rig_attached());
	free(o.bytes);
}

static void another_namespace_takes_one_more(void **state)
{
	struct rig_object o = rig_compile(policy);
	char netns[32];
	pid_t pid;
	int fd;

	(void)state;
	snprintf(netns, sizeof(netns), "pid:%d", (int)getpid());
	pid = start(netns, "apply", NULL);
	fd = open(fifo, O_WRONLY);
	expect_capabilities(pid, apply_needs() | bit(CAP_SYS_ADMIN));
	assert_int_equal(finish(pid, fd, o.bytes, o.size), 0);
	assert_true(rig_attached());
	free(o.bytes);
}

static void a_trial_takes_a_namespace(void **state)
{
	struct rig_object o = rig_compile(policy);
	char packets[96];
	FILE *f;
	pid_t pid;
	int fd;

	(void)state;
	snprintf(packets, sizeof(packets), "%s.pkt", rig_bpffs);
	f = fopen(packets, "w");
	fputs("tcp 203.0.113.9:50000 -> 192.0.2.1:7007 => web\n", f);
	fclose(f);
	pid = start(NULL, "verdicts", packets);
	fd = open(fifo, O_WRONLY);
	expect_capabilities(pid, bit(CAP_BPF) | bit(CAP_NET_ADMIN) |
			    bit(CAP_PERFMON) | bit(CAP_SYS_RESOURCE) |
			    bit(CAP_SYS_ADMIN) | bit(CAP_DAC_READ_SEARCH));
	assert_int_equal(finish(pid, fd, o.bytes, o.size), 0);
	unlink(packets);
	free(o.bytes);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(apply_keeps_what_it_needs),
		TEST(another_namespace_takes_one_more),
		TEST(a_trial_takes_a_namespace),
	};

	RIG_MAIN(tests);
}
