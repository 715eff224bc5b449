/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_sources - where sockets come from: a process, a pidfile, an address,
 * a service manager
 *
 * Against the running kernel, in namespaces of the test's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "service.h"

static int service_fd;

/* Sockets, gaps of any length, an O_PATH descriptor, things that do not fit. */
static void be_a_service(void *ctx)
{
	int tcp = rig_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	int udp = rig_socket(SOCK_DGRAM, "127.0.0.2", 8008, 0);
	int odd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)ctx;
	fcntl(tcp, F_SETFL, O_NONBLOCK);
	dup2(tcp, 700);
	dup2(udp, 90);
	dup2(odd, 20);
	close(tcp);
	close(udp);
	open("/dev/null", O_PATH);
	open("/dev/null", O_RDONLY);
	rig_socket(SOCK_STREAM, "127.0.0.2", 8001, RIG_SILENT);
}

static int file_flags(pid_t pid, int fd)
{
	char path[64], line[64];
	unsigned int flags = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)pid, fd);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		sscanf(line, "flags: %o", &flags);
	fclose(f);
	return (int)flags;
}

static void from_a_process(void **state)
{
	struct skpol_claim c = { .size = sizeof(c), .name = "web" };
	pid_t pid = service_child(be_a_service, NULL);
	int flags = file_flags(pid, 700);
	size_t filled;

	(void)state;
	if (skpol_register_pid(service, &c, pid, &filled))
		fail_msg("%s", skpol_message(service));
	assert_int_equal(filled, 2);
	assert_true(rig_slot("web", "tcp", "ip4"));
	assert_true(rig_slot("web", "udp", "ip4"));
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
	assert_int_equal(file_flags(pid, 700), flags);
	assert_true(flags & O_NONBLOCK);
	assert_int_equal(skpol_register_pid(service, &c, pid, &filled), 0);
	assert_int_equal(filled, 0);
}

static void from_a_pidfile(void **state)
{
	pid_t pid = service_child(be_a_service, NULL);
	char path[80];
	struct rig_output o;
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "%.60s.pid", rig_bpffs);
	f = fopen(path, "w");
	fprintf(f, "%d\n", (int)pid);
	fclose(f);
	o = RIG_SKPOL("register", "web", "--pidfile", path, "--udp");
	assert_string_equal(o.err, "");
	assert_int_equal(o.status, 0);
	assert_string_equal(o.out, "web: 1 slot filled\n");
	assert_false(rig_slot("web", "tcp", "ip4"));
	assert_true(rig_slot("web", "udp", "ip4"));
	f = fopen(path, "w");
	fputs("nonsense\n", f);
	fclose(f);
	o = RIG_SKPOL("register", "web", "--pidfile", path);
	assert_int_equal(o.status, 1);
	assert_non_null(strstr(o.err, "is no process number"));
	unlink(path);
}

static void be_idle(void *ctx)
{
	for (int fd = 3; fd < 100; fd++)
		close(fd);
	if (ctx)
		service_fd = socket(AF_UNIX, SOCK_STREAM, 0);
}

static void processes_that_do_not_fit(void **state)
{
	struct skpol_claim c = { .size = sizeof(c), .name = "web" };
	size_t filled;
	pid_t pid = service_child(be_idle, NULL);

	(void)state;
	assert_int_equal(skpol_register_pid(service, &c, pid, &filled), -ENOENT);
	assert_non_null(strstr(skpol_message(service), "it has none at all"));
	pid = service_child(be_idle, service);
	assert_int_equal(skpol_register_pid(service, &c, pid, &filled),
			 -EAFNOSUPPORT);
	assert_non_null(strstr(skpol_message(service), "is a unix socket"));
	assert_int_equal(skpol_register_pid(service, &c, 0, &filled), -ESRCH);
	service_kill();
	assert_int_equal(skpol_register_pid(service, &c, pid, &filled), -ESRCH);
	assert_non_null(strstr(skpol_message(service), "there is no process"));
	service_none();
}

static void be_two_services(void *ctx)
{
	(void)ctx;
	be_idle(NULL);
	rig_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	rig_socket(SOCK_STREAM, "127.0.0.2", 8009, 0);
}

static void two_that_fit_are_an_error(void **state)
{
	struct skpol_claim c = { .size = sizeof(c), .name = "web" };
	pid_t pid = service_child(be_two_services, NULL);
	size_t filled;

	(void)state;
	assert_int_equal(skpol_register_pid(service, &c, pid, &filled), -ENOTUNIQ);
	assert_non_null(strstr(skpol_message(service), "127.0.0.2:8008"));
	assert_non_null(strstr(skpol_message(service), "127.0.0.2:8009"));
	service_none();
	c.local = "127.0.0.2:8009";
	assert_int_equal(skpol_register_pid(service, &c, pid, &filled), 0);
	assert_int_equal(filled, 1);
	c.local = "127.0.0.2:8010";
	assert_int_equal(skpol_register_pid(service, &c, pid, &filled), -ENOENT);
	assert_non_null(strstr(skpol_message(service), "bound to another address"));
	c.local = "127.0.0.2";
	assert_int_equal(skpol_register_pid(service, &c, pid, &filled), -EINVAL);
}

static void be_a_group(void *ctx)
{
	(void)ctx;
	be_idle(NULL);
	for (int i = 0; i < 3; i++)
		rig_socket(SOCK_STREAM, "127.0.0.2", 8008, RIG_REUSEPORT);
}

static void a_group_is_one_service(void **state)
{
	struct skpol_claim c = { .size = sizeof(c), .name = "web" };
	pid_t pid = service_child(be_a_group, NULL);
	size_t filled;

	(void)state;
	if (skpol_register_pid(service, &c, pid, &filled))
		fail_msg("%s", skpol_message(service));
	assert_int_equal(filled, 1);
	for (int i = 0; i < 8; i++)
		assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
}

static void be_at_mapped(void *ctx)
{
	(void)ctx;
	be_idle(NULL);
	rig_socket(SOCK_STREAM, "::ffff:127.0.0.9", 8008, 0);
	rig_socket(SOCK_DGRAM, "127.0.0.9", 8008, 0);
}

static void from_an_address(void **state)
{
	struct skpol_claim c = { .size = sizeof(c), .name = "web",
				 .local = "127.0.0.9:8008" };
	size_t filled;

	(void)state;
	assert_int_equal(skpol_register_at(service, &c, &filled), -ENOENT);
	assert_non_null(strstr(skpol_message(service), "nobody listens at "
			       "127.0.0.9:8008"));
	service_child(be_at_mapped, NULL);
	if (skpol_register_at(service, &c, &filled))
		fail_msg("%s", skpol_message(service));
	assert_int_equal(filled, 3);
	assert_true(rig_slot("web", "udp", "ip4"));
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
	c.local = NULL;
	assert_int_equal(skpol_register_at(service, &c, &filled), -EINVAL);
	assert_non_null(strstr(skpol_message(service), "no address is given"));
}

static void found_at_the_policys_address(void **state)
{
	static const char text[] =
		"policy edge\n"
		"socket web tcp at 127.0.0.2 port 8008\n"
		"web: tcp port 7007 -> web count\n"
		"default -> pass\n";
	struct rig_output o;

	(void)state;
	assert_true(rig_must_apply(text).empty == 2);
	assert_int_equal(rig_connect("127.0.0.1", 7007), ECONNREFUSED);
	assert_true(rig_count("web", "missing") >= 1);
	service_child(be_a_service, NULL);
	/* the same policy again finds what has come up since */
	assert_true(rig_must_apply(text).changed);
	assert_true(rig_slot("web", "tcp", "ip4"));
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
	assert_false(rig_must_apply(text).changed);
	service_kill();
	assert_false(rig_slot("web", "tcp", "ip4"));
	service_child(be_a_service, NULL);
	o = RIG_SKPOL("register", "web");
	assert_int_equal(o.status, 0);
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
}

/* ------------------------------------------------------------ LISTEN_FDS */

/* Runs `skpol register NAME --fds` with FDS passed as a manager would. */
static struct rig_output run_with_fds(const char *name, const char *count,
				      const char *names, const int *fds,
				      int n, bool wrong_pid)
{
	static struct rig_output result;
	int out = memfd_create("out", 0), status;
	ssize_t got;
	pid_t pid = fork();

	if (!pid) {
		char text[16];

		dup2(out, 1);
		dup2(out, 2);
		for (int i = 0; i < n; i++)
			dup2(fds[i], 100 + i);
		for (int i = 0; i < n; i++)
			fds[i] < 0 ? close(3 + i) : dup2(100 + i, 3 + i);
		snprintf(text, sizeof(text), "%d", wrong_pid ? 1 :
			 (int)getpid());
		setenv("LISTEN_PID", text, 1);
		setenv("LISTEN_FDS", count, 1);
		if (names)
			setenv("LISTEN_FDNAMES", names, 1);
		execl(getenv("SKPOL") ? getenv("SKPOL") : "./skpol", "skpol",
		      "--bpffs", rig_bpffs, "register", name, "--fds", NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	result.status = WEXITSTATUS(status);
	got = pread(out, result.out, sizeof(result.out) - 1, 0);
	result.out[got < 0 ? 0 : got] = '\0';
	close(out);
	return result;
}

static void from_listen_fds(void **state)
{
	int fds[] = {
		service_socket(SOCK_STREAM, "127.0.0.2", 8008, 0),
		service_socket(SOCK_DGRAM, "127.0.0.2", 53, 0),
		service_socket(SOCK_DGRAM, "127.0.0.2", 8008, 0),
	};
	struct rig_output o;

	(void)state;
	o = run_with_fds("web", "3", "web:dns.socket:web", fds, 3, false);
	assert_string_equal(o.out, "web: 2 slots filled\n");
	assert_int_equal(rig_slot("web", "tcp", "ip4"), rig_cookie(fds[0]));
	assert_int_equal(rig_slot("web", "udp", "ip4"), rig_cookie(fds[2]));
	o = run_with_fds("dns", "3", "web:dns.socket:web", fds, 3, false);
	assert_string_equal(o.out, "dns: 1 slot filled\n");
	assert_int_equal(rig_slot("dns", "udp", "ip4"), rig_cookie(fds[1]));
	o = run_with_fds("four", "1", NULL, fds, 1, false);
	assert_string_equal(o.out, "four: 1 slot filled\n");
}

static void listen_fds_that_are_refused(void **state)
{
	int fds[] = { service_socket(SOCK_STREAM, "127.0.0.2", 8008, 0), -1 };
	struct rig_output o;

	(void)state;
	o = run_with_fds("web", "1", "other", fds, 1, false);
	assert_int_equal(o.status, 1);
	assert_non_null(strstr(o.out, "none of the descriptors is called "
			       "`web`"));
	o = run_with_fds("web", "1", "web", fds, 1, true);
	assert_int_equal(o.status, 1);
	assert_non_null(strstr(o.out, "LISTEN_PID"));
	o = run_with_fds("web", "many", "web", fds, 1, false);
	assert_int_equal(o.status, 1);
	assert_non_null(strstr(o.out, "LISTEN_FDS is many"));
	o = run_with_fds("web", "2", "web:web", fds, 2, false);
	assert_int_equal(o.status, 1);
	assert_non_null(strstr(o.out, "descriptor 4 is not open"));
	service_none();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVICE_TEST(from_a_process),
		SERVICE_TEST(from_a_pidfile),
		SERVICE_TEST(processes_that_do_not_fit),
		SERVICE_TEST(two_that_fit_are_an_error),
		SERVICE_TEST(a_group_is_one_service),
		SERVICE_TEST(from_an_address),
		SERVICE_TEST(found_at_the_policys_address),
		SERVICE_TEST(from_listen_fds),
		SERVICE_TEST(listen_fds_that_are_refused),
	};

	RIG_MAIN(tests);
}
