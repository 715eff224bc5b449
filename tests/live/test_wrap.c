/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_wrap - skpol register NAME -- COMMAND
 *
 * The command is this program again: `test_wrap serve HOW`, which listens at
 * 127.0.0.2:8008, and ends with status 7 at SIGTERM.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "service.h"

enum { PORT = 8008, NOBODY = 65534 };

static const char *self;

/* ------------------------------------------------------------ the command */

static void end(int number)
{
	(void)number;
	_exit(7);
}

static void listen_and_wait(void)
{
	rig_socket(SOCK_STREAM, "127.0.0.2", PORT, 0);
	for (;;)
		pause();
}

/* Two processes that do not listen; FILE gets the number of one that would stay,
 * as nobody hands signals on to it. */
static void serve_far(const char *file)
{
	FILE *f;

	if (fork())
		for (;;)
			pause();
	signal(SIGTERM, SIG_DFL);
	setsid();
	f = fopen(file, "w");
	fprintf(f, "%d", getpid());
	fclose(f);
	for (;;)
		pause();
}

static int serve(const char *how)
{
	signal(SIGTERM, end);
	if (!strcmp(how, "never"))
		for (;;)
			pause();
	if (!strcmp(how, "quit"))
		return 5;
	if (!strcmp(how, "nobody") && (setgid(NOBODY) || setuid(NOBODY)))
		return 1;
	if (*how == '/')
		serve_far(how);
	if (!strcmp(how, "later"))
		usleep(300000);
	if (!strcmp(how, "child")) {
		if (fork())
			for (;;)
				pause();
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	}
	listen_and_wait();
	return 0;
}

/* ------------------------------------------------------------ the wrapper */

static pid_t start(const char *how, const char *option)
{
	const char *skpol = getenv("SKPOL") ? getenv("SKPOL") : "./skpol";
	pid_t pid = fork();

	if (!pid) {
		if (option)
			execl(skpol, "skpol", "--bpffs", rig_bpffs, "register",
			      "web", "--tcp", option, "--", self, "serve",
			      how, NULL);
		execl(skpol, "skpol", "--bpffs", rig_bpffs, "register", "web",
		      "--", self, "serve", how, NULL);
		_exit(99);
	}
	return pid;
}

static int status_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static uint64_t held(void)
{
	return rig_slot("web", "tcp", "ip4");
}

static void wait_until_held(void)
{
	for (int i = 0; i < 500 && !held(); i++)
		usleep(10000);
	assert_true(held());
}

/* The slot is filled, and SIGTERM comes back as the command's own status. */
static void serves_as(const char *how)
{
	pid_t pid = start(how, NULL);

	wait_until_held();
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
	kill(pid, SIGTERM);
	assert_int_equal(status_of(pid), 7);
}

static void commands_that_listen(void **state)
{
	(void)state;
	serves_as("now");
	assert_int_equal(held(), 0);
	serves_as("later");
	serves_as("nobody");
}

/* What a command has started serves; the command itself only waits. */
static void workers_are_found(void **state)
{
	(void)state;
	serves_as("child");
}

static void commands_that_end_first(void **state)
{
	struct rig_output o;

	(void)state;
	assert_int_equal(status_of(start("quit", NULL)), 5);
	o = RIG_SKPOL("register", "web", "--", "/nonexistent/command");
	assert_int_equal(o.status, 127);
	assert_non_null(strstr(o.err, "cannot run /nonexistent/command: No "
			       "such file"));
	o = RIG_SKPOL("register", "web", "--", "/");
	assert_int_equal(o.status, 126);
	o = RIG_SKPOL("register", "web", "true");
	assert_int_equal(o.status, 2);
	o = RIG_SKPOL("register", "web", "--fds", "--", "true");
	assert_int_equal(o.status, 2);
}

static void commands_that_do_not_listen(void **state)
{
	struct rig_output o = RIG_SKPOL("register", "web", "--timeout", "1s",
					"--", self, "serve", "never");

	(void)state;
	assert_int_equal(o.status, 1);
	assert_non_null(strstr(o.err, "the command is ended: not registered "
			       "after 1 seconds: it does not listen"));
}

/* Nothing of a command that is ended goes on. */
static void what_it_has_started(void **state)
{
	struct rig_output o;
	char file[96];
	int pid = 0;
	FILE *f;

	(void)state;
	snprintf(file, sizeof(file), "%s.far", rig_bpffs);
	o = RIG_SKPOL("register", "web", "--timeout", "1s", "--", self,
		      "serve", file);
	assert_int_equal(o.status, 1);
	f = fopen(file, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%d", &pid), 1);
	fclose(f);
	unlink(file);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
}

/* No command runs that could not be registered whatever it does. */
static void a_name_that_the_policy_has_not(void **state)
{
	struct rig_output o;
	char file[96];

	(void)state;
	snprintf(file, sizeof(file), "%s.started", rig_bpffs);
	o = RIG_SKPOL("register", "webb", "--", "touch", file);
	assert_int_equal(o.status, 1);
	assert_non_null(strstr(o.err, "skpol: policy `edge` has no socket "
			       "`webb`; it has: web, dns, four"));
	assert_int_equal(access(file, F_OK), -1);
	o = RIG_SKPOL("register", "dns", "--tcp", "--", "touch", file);
	assert_int_equal(o.status, 1);
	assert_non_null(strstr(o.err, "`dns` is declared for udp over ip4"));
	assert_int_equal(access(file, F_OK), -1);
}

/* The policy may come later. */
static void before_there_is_a_policy(void **state)
{
	pid_t pid;

	(void)state;
	assert_int_equal(RIG_SKPOL("remove", "--sockets").status, 0);
	pid = start("now", NULL);
	wait_until_held();
	kill(pid, SIGTERM);
	assert_int_equal(status_of(pid), 7);
}

/* Somebody else has the slot: he keeps it, and the command is ended. */
static void a_taken_slot(void **state)
{
	int fd = service_socket(SOCK_STREAM, "127.0.0.3", PORT, 0);
	struct rig_output o;
	pid_t pid;

	(void)state;
	service_put("web", fd, 1);
	o = RIG_SKPOL("register", "web", "--", self, "serve", "now");
	assert_int_equal(o.status, 1);
	assert_non_null(strstr(o.err, "the command is ended: `web` for tcp "
			       "over ip4 holds another socket"));
	assert_int_equal(held(), rig_cookie(fd));
	pid = start("now", "--replace");
	for (int i = 0; i < 500 && held() == rig_cookie(fd); i++)
		usleep(10000);
	assert_int_not_equal(held(), rig_cookie(fd));
	kill(pid, SIGTERM);
	assert_int_equal(status_of(pid), 7);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		SERVICE_TEST(commands_that_listen),
		SERVICE_TEST(commands_that_end_first),
		SERVICE_TEST(commands_that_do_not_listen),
		SERVICE_TEST(what_it_has_started),
		SERVICE_TEST(a_name_that_the_policy_has_not),
		SERVICE_TEST(before_there_is_a_policy),
		SERVICE_TEST(a_taken_slot),
		SERVICE_TEST(workers_are_found),
	};

	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(argv[2]);
	self = realpath("/proc/self/exe", NULL);
	RIG_MAIN(tests);
}
