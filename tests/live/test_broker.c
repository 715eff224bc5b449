/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_broker - service accounts fill their own slots, and no others
 *
 * `skpol watch --broker` runs; clients are processes without privileges, some
 * of which mean harm. Whatever they do, slots that are not theirs stay as they
 * are, and others are served.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "service.h"

enum { PORT = 8008, WEB = 65501, STAFF = 65502, OTHER = 65503 };

static char path[100];
static pid_t broker;

static pid_t start_broker(void)
{
	const char *skpol = getenv("SKPOL") ? getenv("SKPOL") : "./skpol";
	pid_t pid = fork();

	if (!pid) {
		dup2(open("/dev/null", O_WRONLY), 1);
		execl(skpol, "skpol", "--bpffs", rig_bpffs, "watch",
		      "--broker", path, "--allow", "web=65501", "--allow",
		      "dns=65501,@65502", NULL);
		_exit(99);
	}
	return pid;
}

static int dial(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	strcpy(sa.sun_path, path);
	if (!connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
		return fd;
	close(fd);
	return -1;
}

static int setup(void **state)
{
	int err = service_setup(state), fd = -1;

	/* not in the folder of the test, which only root may enter */
	snprintf(path, sizeof(path), "/tmp/skpol-test-%d.broker",
		 (int)getpid());
	broker = start_broker();
	for (int i = 0; i < 500 && (fd = dial()) < 0; i++)
		usleep(10000);
	assert_true(fd >= 0);
	close(fd);
	return err;
}

static int teardown(void **state)
{
	int status;

	kill(broker, SIGTERM);
	assert_int_equal(waitpid(broker, &status, 0), broker);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
	assert_int_equal(access(path, F_OK), -1);
	return service_teardown(state);
}

/* ------------------------------------------------------------ clients */

static bool send_fds(int to, const void *text, size_t size, const int *fds,
		     size_t n)
{
	char control[CMSG_SPACE(253 * sizeof(int))] = { 0 };
	struct iovec v = { (void *)text, size };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

	if (n) {
		m.msg_control = control;
		m.msg_controllen = CMSG_SPACE(n * sizeof(int));
		CMSG_FIRSTHDR(&m)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&m)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&m)->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), fds, n * sizeof(int));
	}
	return sendmsg(to, &m, MSG_NOSIGNAL) >= 0;
}

/* What user UID (and group GID) is answered to SIZE bytes and N descriptors. */
static void ask_bytes(int uid, int gid, const void *text, size_t size,
		      const int *fds, size_t n, char reply[8192])
{
	int answer[2];
	ssize_t got;
	pid_t pid;

	assert_int_equal(pipe(answer), 0);
	pid = fork();
	if (!pid) {
		int fd;

		if (setgroups(0, NULL) || setgid((gid_t)gid) ||
		    setuid((uid_t)uid))
			_exit(1);
		fd = dial();
		send_fds(fd, text, size, fds, n);
		got = recv(fd, reply, 8191, 0);
		if (got < 0 && errno == ECONNRESET)
			got = recv(fd, reply, 8191, 0);
		_exit(got > 0 && write(answer[1], reply, (size_t)got) == got ?
		      0 : 1);
	}
	close(answer[1]);
	got = read(answer[0], reply, 8191);
	reply[got > 0 ? got : 0] = '\0';
	close(answer[0]);
	waitpid(pid, NULL, 0);
}

static void answers(int uid, int gid, const char *text, const int *fds,
		    size_t n, const char *expected)
{
	char reply[8192];

	ask_bytes(uid, gid, text, strlen(text), fds, n, reply);
	if (!strstr(reply, expected))
		fail_msg("`%s` is answered by `%s`, not by `%s`", text, reply,
			 expected);
}

static uint64_t held(const char *name, const char *protocol)
{
	return rig_slot(name, protocol, "ip4");
}

/* ------------------------------------------------------------ what is allowed */

static void own_slots(void **state)
{
	int tcp = service_socket(SOCK_STREAM, "127.0.0.2", PORT, 0);
	int udp = service_socket(SOCK_DGRAM, "127.0.0.2", PORT, 0);
	int two = service_socket(SOCK_STREAM, "127.0.0.3", PORT, 0);

	(void)state;
	answers(WEB, WEB, "register web tcp", &tcp, 1, "ok 1\n");
	assert_int_equal(held("web", "tcp"), rig_cookie(tcp));
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
	answers(OTHER, STAFF, "register dns", &udp, 1, "ok 1\n");
	assert_int_equal(held("dns", "udp"), rig_cookie(udp));
	answers(WEB, WEB, "register web", &two, 1, "error 1 17 `web` for tcp");
	assert_int_equal(held("web", "tcp"), rig_cookie(tcp));
	answers(WEB, WEB, "register web replace", &two, 1, "ok 1\n");
	assert_int_equal(held("web", "tcp"), rig_cookie(two));
	answers(WEB, WEB, "unregister web udp", NULL, 0, "ok 0\n");
	answers(WEB, WEB, "unregister web", NULL, 0, "ok 1\n");
	assert_int_equal(held("web", "tcp"), 0);
}

static void the_slots_of_others(void **state)
{
	int fd = service_socket(SOCK_STREAM, "127.0.0.2", PORT, 0);

	(void)state;
	service_put("four", fd, 1);
	answers(WEB, WEB, "register four replace", &fd, 1, "error 1 1 user "
		"65501 may not change `four`");
	answers(WEB, WEB, "unregister four", NULL, 0, "error 1 1 user");
	answers(OTHER, STAFF, "register web", &fd, 1, "error 1 1 user 65503");
	answers(OTHER, OTHER, "register web", &fd, 1, "error 1 1 no --allow "
		"rule of the broker is for this user");
	answers(0, 0, "register web", &fd, 1, "error 1 1 no --allow");
	assert_int_equal(held("four", "tcp"), rig_cookie(fd));
	assert_int_equal(held("web", "tcp"), 0);
}

/* The command itself, as a service account would call it. */
static void by_the_command(void **state)
{
	const char *skpol = getenv("SKPOL") ? getenv("SKPOL") : "./skpol";
	int status;
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		int fd = rig_socket(SOCK_STREAM, "127.0.0.2", PORT, 0);
		char number[16];

		dup2(fd, 3);
		snprintf(number, sizeof(number), "%d", (int)getpid());
		setenv("LISTEN_PID", number, 1);
		setenv("LISTEN_FDS", "1", 1);
		if (setgroups(0, NULL) || setgid(WEB) || setuid(WEB))
			_exit(1);
		dup2(open("/dev/null", O_WRONLY), 1);
		execl(skpol, "skpol", "register", "web", "--fds", "--via",
		      path, NULL);
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(held("web", "tcp"), 0);	/* closed by its exit */
}

/* ------------------------------------------------------------ what is not */

static int foreign_socket(void)
{
	int own = open("/proc/self/ns/net", O_RDONLY), fd;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	fd = rig_socket(SOCK_STREAM, "0.0.0.0", PORT, 0);
	assert_int_equal(setns(own, CLONE_NEWNET), 0);
	close(own);
	return fd;
}

static void sockets_that_do_not_do(void **state)
{
	int file = open("/dev/null", O_RDONLY), pipes[2];
	int o_path = open("/dev/null", O_PATH), foreign = foreign_socket();
	int unix_socket = socket(AF_UNIX, SOCK_STREAM, 0);
	int silent = service_socket(SOCK_STREAM, "127.0.0.2", PORT, RIG_SILENT);
	const struct { const int *fd; const char *words; } cases[] = {
		{ &file, "error 1 88 descriptor" },
		{ &pipes[0], "is no socket" },
		{ &o_path, "is no socket" },
		{ &unix_socket, "is a unix socket" },
		{ &foreign, "lives in another network namespace" },
		{ &silent, "does not listen" },
	};

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		answers(WEB, WEB, "register web", cases[i].fd, 1,
			cases[i].words);
		close(*cases[i].fd == silent ? -1 : *cases[i].fd);
	}
	close(pipes[1]);
	service_none();
}

static void words_that_make_no_sense(void **state)
{
	int fd = service_socket(SOCK_STREAM, "127.0.0.2", PORT, 0);
	char reply[8192], garbage[4000];

	(void)state;
	answers(WEB, WEB, "hello", &fd, 1, "neither `register` nor");
	answers(WEB, WEB, "register", &fd, 1, "names no socket");
	answers(WEB, WEB, "register web now", &fd, 1, "a word that is not");
	answers(WEB, WEB, "register web", NULL, 0, "no descriptor came");
	answers(WEB, WEB, "register web\x1b[31m", &fd, 1, "error 1 1 user");
	ask_bytes(WEB, WEB, "register\0web", 12, &fd, 1, reply);
	assert_non_null(strstr(reply, "is no line of at most 511"));
	for (int round = 0; round < 50; round++) {
		for (size_t i = 0; i < sizeof(garbage); i++)
			garbage[i] = (char)rand();
		ask_bytes(WEB, WEB, garbage, (size_t)rand() % sizeof(garbage),
			  &fd, (size_t)rand() % 2, reply);
		if (*reply)
			assert_non_null(strstr(reply, "error 1 "));
	}
	service_none();
	answers(WEB, WEB, "register web", &fd, 1, "ok 1");
}

static void as_many_as_a_message_holds(void **state)
{
	int fds[253];

	(void)state;
	fds[0] = service_socket(SOCK_STREAM, "127.0.0.2", PORT, 0);
	for (int i = 1; i < 253; i++)
		fds[i] = fds[0];
	answers(WEB, WEB, "register web", fds, 253, "ok 1");
	assert_int_equal(held("web", "tcp"), rig_cookie(fds[0]));
}

static void connect_and_wait(void *ctx)
{
	(void)ctx;
	if (setgroups(0, NULL) || setgid(WEB) || setuid(WEB))
		_exit(1);
	for (int i = 0; i < 12; i++)
		dial();		/* and never a word */
}

/* Who says nothing holds up nobody else, and himself for seconds only. */
static void slow_clients(void **state)
{
	int udp = service_socket(SOCK_DGRAM, "127.0.0.2", PORT, 0);
	char reply[8192] = "";

	(void)state;
	service_child(connect_and_wait, NULL);
	answers(OTHER, STAFF, "register dns", &udp, 1, "ok 1");
	answers(WEB, WEB, "register dns", &udp, 1, "error 3 11 too many "
		"requests at once");
	service_kill();
	for (int i = 0; i < 200 && !strstr(reply, "ok"); i++) {
		ask_bytes(WEB, WEB, "register dns", 12, &udp, 1, reply);
		usleep(10000);
	}
	assert_non_null(strstr(reply, "ok 0"));
}

/* ------------------------------------------------------------ its own life */

static void where_it_listens(void **state)
{
	struct rig_output o = RIG_SKPOL("watch", "--broker", path, "--allow",
					"web=root");

	(void)state;
	assert_int_equal(o.status, 3);		/* somebody is there */
	assert_non_null(strstr(o.err, "Address already in use"));
	kill(broker, SIGKILL);
	waitpid(broker, NULL, 0);
	assert_int_equal(access(path, F_OK), 0);
	broker = start_broker();		/* takes what was left behind */
	for (int i = 0; i < 500 && dial() < 0; i++)
		usleep(10000);
	answers(WEB, WEB, "unregister web", NULL, 0, "ok 0");
	o = RIG_SKPOL("watch", "--broker", "/nonexistent/x", "--allow", "a=0",
		      "--allow", "web=0");
	assert_int_equal(o.status, 3);
	assert_non_null(strstr(o.err, "note: `a` is allowed to somebody, and "
			       "the policy that runs has no such socket; it "
			       "has: "));
	assert_null(strstr(o.err, "`web` is allowed"));
	o = RIG_SKPOL("watch", "--broker", "x", "--allow", "web=no-such-user");
	assert_int_equal(o.status, 1);
	assert_non_null(strstr(o.err, "there is no user `no-such-user`"));
	o = RIG_SKPOL("watch", "--broker", "x");
	assert_int_equal(o.status, 2);
	o = RIG_SKPOL("watch", "--allow", "web=0");
	assert_int_equal(o.status, 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(own_slots),
		TEST(the_slots_of_others),
		TEST(by_the_command),
		TEST(sockets_that_do_not_do),
		TEST(words_that_make_no_sense),
		TEST(as_many_as_a_message_holds),
		TEST(slow_clients),
		TEST(where_it_listens),
	};

	signal(SIGPIPE, SIG_IGN);
	RIG_MAIN(tests);
}
