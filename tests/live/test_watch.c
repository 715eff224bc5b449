/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_watch - sockets that vanish and come back, and the daemon around it
 *
 * The watch looks when it is told to (watch_tick), so nothing here waits. Then
 * the command, as a service manager runs it.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../runtime/watch.h"
#include "service.h"

enum { PORT = 8008, NOBODY = 65534 };

static struct watch *watch;
static struct skpol *watcher;
static char events[8192];

static void take_event(void *ctx, const struct watch_event *e)
{
	size_t n = strlen(events);

	(void)ctx;
	snprintf(events + n, sizeof(events) - n, "%s: %s\n",
		 watch_kind_name(e->kind), e->text);
}

static int setup(void **state)
{
	int err = service_setup(state);

	watcher = rig_open();
	watch = watch_open(watcher, take_event, NULL);
	events[0] = '\0';
	return err;
}

static int teardown(void **state)
{
	watch_close(watch);
	skpol_close(watcher);
	return service_teardown(state);
}

/* Looks, and says what happened since. */
static void sees(const char *expected)
{
	events[0] = '\0';
	watch_tick(watch);
	if (strcmp(events, expected))
		fail_msg("expected: %sgot: %s", expected, events);
}

static void sees_start(const char *expected)
{
	events[0] = '\0';
	watch_tick(watch);
	if (strncmp(events, expected, strlen(expected)))
		fail_msg("expected: %s\ngot: %s", expected, events);
}

static uint64_t held(void)
{
	return rig_slot("web", "tcp", "ip4");
}

/* ------------------------------------------------------------ coming back */

static void a_service_restarts(void **state)
{
	int fd = rig_socket(SOCK_STREAM, "127.0.0.2", PORT, 0);

	(void)state;
	service_put("web", fd, 1);
	sees("");
	close(fd);
	sees("empty: web: tcp over ip4: the socket at 127.0.0.2:8008 is gone, "
	     "and the slot empty: `else` decides\n");
	sees("");
	assert_int_equal(rig_connect("127.0.0.1", 7007), ECONNREFUSED);
	fd = service_socket(SOCK_STREAM, "127.0.0.2", PORT, 0);
	sees_start("filled: web: tcp over ip4: descriptor ");
	assert_int_equal(held(), rig_cookie(fd));
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
	sees("");
}

static void both_slots_of_a_dual_stack_socket(void **state)
{
	int fd = rig_socket(SOCK_DGRAM, "::", PORT, 0);

	(void)state;
	service_put("web", fd, 2);
	sees("");
	close(fd);
	sees_start("empty: web: udp over ip4: ");
	fd = service_socket(SOCK_DGRAM, "::", PORT, 0);
	sees_start("filled: web: udp over ip4: ");
	assert_int_equal(rig_slot("web", "udp", "ip4"), rig_cookie(fd));
	assert_int_equal(rig_slot("web", "udp", "ip6"), rig_cookie(fd));
}

static void the_policy_says_where(void **state)
{
	int fd;

	(void)state;
	rig_must_apply("policy edge\n"
		       "socket web tcp ip4 at 127.0.0.2 port 8008\n"
		       "tcp port 7007 -> web\ndefault -> pass\n");
	sees("");
	fd = service_socket(SOCK_STREAM, "127.0.0.2", PORT, 0);
	sees_start("filled: web: tcp over ip4: descriptor ");
	assert_int_equal(held(), rig_cookie(fd));
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
}

static void listen_as_nobody(void *ctx)
{
	(void)ctx;
	if (setgid(NOBODY) || setuid(NOBODY))
		_exit(1);
	rig_socket(SOCK_STREAM, "127.0.0.2", PORT, 0);
}

/* A port that has become free is anybody's. */
static void another_user_does_not_take_over(void **state)
{
	int fd = rig_socket(SOCK_STREAM, "127.0.0.2", PORT, 0);

	(void)state;
	service_put("web", fd, 1);
	sees("");
	close(fd);
	service_child(listen_as_nobody, NULL);
	sees_start("empty: web");
	sees("");
	assert_int_equal(held(), 0);
	service_kill();
	fd = service_socket(SOCK_STREAM, "127.0.0.2", PORT, 0);
	sees_start("filled: web");
	assert_int_equal(held(), rig_cookie(fd));
}

static void groups_are_filled_up(void **state)
{
	struct skpol_claim c = { .size = sizeof(c), .name = "web" };
	int fds[6];
	size_t filled;

	(void)state;
	for (int i = 0; i < 6; i++)
		fds[i] = rig_socket(SOCK_STREAM, "127.0.0.2", PORT,
				    RIG_REUSEPORT);
	assert_int_equal(skpol_register_fds(service, &c, fds, 2, &filled), 0);
	sees_start("filled: web: tcp over ip4: ");	/* four places */
	sees("");
	close(fds[0]);
	sees_start("vanished: web: tcp over ip4: 1 socket of the group at "
		   "127.0.0.2:8008 is gone; others serve\nfilled: web");
	close(fds[1]);
	close(fds[2]);
	close(fds[3]);
	watch_tick(watch);
	close(fds[4]);
	assert_int_equal(held(), rig_cookie(fds[5]));
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
	assert_int_equal(rig_count("web", "missing"), 0);
	close(fds[5]);
}

static void what_is_unregistered_stays_out(void **state)
{
	struct skpol_claim c = { .size = sizeof(c), .name = "web" };
	int fd = rig_socket(SOCK_STREAM, "127.0.0.2", PORT, 0);
	size_t n;

	(void)state;
	service_put("web", fd, 1);
	sees("");
	assert_int_equal(skpol_unregister(service, &c, &n), 0);
	sees("released: web: tcp over ip4: unregistered: left alone until it "
	     "is registered again\n");
	sees("");
	assert_int_equal(held(), 0);
	service_put("web", fd, 1);
	sees("");
	close(fd);
	fd = service_socket(SOCK_STREAM, "127.0.0.2", PORT, 0);
	sees_start("empty: web: tcp over ip4: the socket at 127.0.0.2:8008 is "
		   "gone");
	assert_int_equal(held(), rig_cookie(fd));
}

static void replaced_sockets_are_forgotten(void **state)
{
	int one = rig_socket(SOCK_STREAM, "127.0.0.2", PORT, 0);
	int two = rig_socket(SOCK_STREAM, "127.0.0.3", PORT, 0);
	size_t filled;

	(void)state;
	service_put("web", one, 1);
	sees("");
	assert_int_equal(service_try("web", two, true, &filled), 0);
	sees("");
	close(two);
	sees_start("empty: web: tcp over ip4: the socket at 127.0.0.3:8008");
	assert_int_equal(held(), 0);		/* not the old one again */
	close(one);
}

static void nothing_to_watch(void **state)
{
	(void)state;
	rig_reset();
	sees("");
	rig_must_apply(SERVICE_POLICY);
	sees("");
}

/* ------------------------------------------------------------ trial periods */

static void a_policy_nobody_confirms(void **state)
{
	struct rig_object o = rig_compile("policy edge\nsocket web\n"
		"web: tcp port 7008 -> web count\ndefault -> pass\n");
	struct skpol_apply_options options = { .size = sizeof(options),
					       .confirm_ms = 1000 };
	struct skpol_applied out;

	(void)state;
	assert_int_equal(skpol_apply(service, o.bytes, o.size, &options, &out),
			 0);
	free(o.bytes);
	sees("");
	usleep(1100 * 1000);
	sees_start("note: generation 2 was not confirmed in time: generation 1 "
		   "runs again, as 3\nrolled-back: ");
	sees("");
}

/* ------------------------------------------------------------ the command */

static int notify_socket(char path[108])
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	snprintf(path, 108, "@skpol-test-%d", (int)getpid());
	memcpy(sa.sun_path + 1, path + 1, strlen(path) - 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, (socklen_t)
			      (offsetof(struct sockaddr_un, sun_path) +
			       strlen(path))), 0);
	return fd;
}

static void hears(int fd, const char *words)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char text[256];
	ssize_t n;

	do {
		assert_int_equal(poll(&p, 1, 5000), 1);
		n = recv(fd, text, sizeof(text) - 1, 0);
		assert_true(n > 0);
		text[n] = '\0';
	} while (!strstr(text, words));
}

static void a_service_manager_runs_it(void **state)
{
	int fd = rig_socket(SOCK_STREAM, "127.0.0.2", PORT, 0);
	int out[2], manager, status;
	char path[108], line[512];
	pid_t pid;
	FILE *f;

	(void)state;
	manager = notify_socket(path);
	assert_int_equal(pipe(out), 0);
	service_put("web", fd, 1);
	pid = fork();
	if (!pid) {
		close(fd);
		dup2(out[1], 1);
		close(out[1]);
		setenv("NOTIFY_SOCKET", path, 1);
		setenv("WATCHDOG_USEC", "400000", 1);
		execl(getenv("SKPOL") ? getenv("SKPOL") : "./skpol", "skpol",
		      "--bpffs", rig_bpffs, "watch", "--json", NULL);
		_exit(127);
	}
	close(out[1]);
	hears(manager, "READY=1");
	hears(manager, "WATCHDOG=1");
	close(fd);
	f = fdopen(out[0], "r");
	assert_non_null(fgets(line, sizeof(line), f));
	assert_non_null(strstr(line, "{\"version\":1,\"event\":\"empty\","
			       "\"name\":\"web\",\"protocol\":\"tcp\","
			       "\"family\":\"ip4\",\"text\":\"web: tcp over "
			       "ip4: the socket at 127.0.0.2:8008"));
	kill(pid, SIGTERM);
	hears(manager, "STOPPING=1");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	fclose(f);
	close(manager);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_service_restarts),
		TEST(both_slots_of_a_dual_stack_socket),
		TEST(the_policy_says_where),
		TEST(another_user_does_not_take_over),
		TEST(groups_are_filled_up),
		TEST(what_is_unregistered_stays_out),
		TEST(replaced_sockets_are_forgotten),
		TEST(nothing_to_watch),
		TEST(a_policy_nobody_confirms),
		TEST(a_service_manager_runs_it),
	};

	RIG_MAIN(tests);
}
