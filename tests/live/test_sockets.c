/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_sockets - which sockets a policy takes, which never, and what becomes
 * of them
 *
 * Against the running kernel, in namespaces of the test's own. Every refusal
 * has a message of its own, and leaves every slot as it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "service.h"

/* ------------------------------------------------------------ kinds */

static void kinds_that_are_taken(void **state)
{
	int t4 = service_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	int t6 = service_socket(SOCK_STREAM, "::1", 8008, RIG_V6ONLY);
	int u4 = service_socket(SOCK_DGRAM, "127.0.0.2", 8008, 0);
	int u6 = service_socket(SOCK_DGRAM, "::1", 8008, RIG_V6ONLY);

	(void)state;
	service_put("web", t4, 1);
	service_put("web", t6, 1);
	service_put("web", u4, 1);
	service_put("web", u6, 1);
	assert_int_equal(rig_slot("web", "tcp", "ip4"), rig_cookie(t4));
	assert_int_equal(rig_slot("web", "tcp", "ip6"), rig_cookie(t6));
	assert_int_equal(rig_slot("web", "udp", "ip4"), rig_cookie(u4));
	assert_int_equal(rig_slot("web", "udp", "ip6"), rig_cookie(u6));
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
	assert_int_equal(rig_drain(t4), 1);
	assert_int_equal(rig_connect("::1", 7007), 0);
	assert_int_equal(rig_drain(t6), 1);
	assert_int_equal(rig_send("127.0.0.1", 7007), 0);
	assert_int_equal(rig_drain(u4), 1);
	assert_int_equal(rig_send("::1", 7007), 0);
	assert_int_equal(rig_drain(u6), 1);
	service_put("web", t4, 0);		/* again: nothing to do */
}

static void dual_stack_fills_both(void **state)
{
	int both = service_socket(SOCK_STREAM, "::", 8008, 0);

	(void)state;
	service_put("web", both, 2);
	assert_int_equal(rig_slot("web", "tcp", "ip4"), rig_cookie(both));
	assert_int_equal(rig_slot("web", "tcp", "ip6"), rig_cookie(both));
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
	assert_int_equal(rig_connect("::1", 7007), 0);
	assert_int_equal(rig_drain(both), 2);
	service_put("four", both, 1);	/* declared for ip4 alone */
}

static void dual_stack_leaves_a_taken_slot(void **state)
{
	int four = service_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	int both = service_socket(SOCK_STREAM, "::", 8009, 0);
	size_t filled;

	(void)state;
	service_put("web", four, 1);
	service_put("web", both, 1);
	assert_int_equal(rig_slot("web", "tcp", "ip4"), rig_cookie(four));
	assert_int_equal(rig_slot("web", "tcp", "ip6"), rig_cookie(both));
	assert_non_null(strstr(rig_notes, "keeps its own socket"));
	assert_int_equal(service_try("web", both, true, &filled), 0);
	assert_int_equal(filled, 1);
	assert_int_equal(rig_slot("web", "tcp", "ip4"), rig_cookie(both));
}

/* ------------------------------------------------------------ refusals */

static void kinds_that_are_refused(void **state)
{
	int closed = 999, file = open("/dev/null", O_RDONLY);
	int unix_socket = socket(AF_UNIX, SOCK_STREAM, 0);
	int silent = service_socket(SOCK_STREAM, "127.0.0.2", 8001, RIG_SILENT);
	int unbound = socket(AF_INET, SOCK_DGRAM, 0);
	int netlink = socket(AF_NETLINK, SOCK_RAW, 0);
	int icmp = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	int path = open("/dev/null", O_PATH);

	(void)state;
	service_refused("web", closed, EBADF, "is not open");
	service_refused("web", file, ENOTSOCK, "is no socket");
	service_refused("web", path, ENOTSOCK, "is no socket");
	service_refused("web", unix_socket, EAFNOSUPPORT, "is a unix socket");
	service_refused("web", netlink, EAFNOSUPPORT, "of another family");
	service_refused("web", icmp, EPROTONOSUPPORT, "of another protocol");
	service_refused("web", silent, ENOTCONN, "does not listen");
	service_refused("web", unbound, EADDRNOTAVAIL, "is not bound");
	service_none();
	close(file);
	close(path);
	close(unix_socket);
	close(unbound);
	close(netlink);
	close(icmp);
}

static void connected_is_refused(void **state)
{
	int listener = service_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	int client = socket(AF_INET, SOCK_STREAM, 0), server;
	int udp = service_socket(SOCK_DGRAM, "127.0.0.2", 8009, 0);
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(8008),
		.sin_addr.s_addr = htonl(0x7f000002) };

	(void)state;
	assert_int_equal(connect(client, (void *)&a, sizeof(a)), 0);
	server = accept(listener, NULL, NULL);
	assert_int_equal(connect(udp, (void *)&a, sizeof(a)), 0);
	service_refused("web", client, EISCONN, "is connected");
	service_refused("web", server, EISCONN, "is connected");
	service_refused("web", udp, EISCONN, "is connected");
	service_none();
	close(client);
	close(server);
}

static int foreign_socket(void)
{
	int own = open("/proc/self/ns/net", O_RDONLY), fd;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	fd = rig_socket(SOCK_STREAM, "0.0.0.0", 8008, 0);
	assert_int_equal(setns(own, CLONE_NEWNET), 0);
	close(own);
	return fd;
}

static void foreign_namespace_is_refused(void **state)
{
	int fd = foreign_socket();

	(void)state;
	service_refused("web", fd, EXDEV, "another network namespace");
	service_none();
	close(fd);
}

static void undeclared_is_refused(void **state)
{
	int tcp = service_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	int six = service_socket(SOCK_STREAM, "::1", 8008, RIG_V6ONLY);
	struct skpol_claim c = { .size = sizeof(c), .name = "dns",
				 .protocol = IPPROTO_TCP };
	size_t filled;

	(void)state;
	service_refused("dns", tcp, EPROTONOSUPPORT, "is for tcp over ip4");
	service_refused("four", six, EPROTONOSUPPORT, "is wanted for tcp over ip4");
	service_refused("nobody", tcp, ENOENT, "has no socket `nobody`; it has: web, "
		"dns, four");
	service_refused("", tcp, EINVAL, "1 to 63");
	assert_int_equal(skpol_register_fds(service, &c, &tcp, 1, &filled),
			 -EPROTONOSUPPORT);
	assert_non_null(strstr(skpol_message(service), "declared for udp over ip4"));
	service_none();
}

static void taken_slot_is_refused(void **state)
{
	int first = service_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	int second = service_socket(SOCK_STREAM, "127.0.0.3", 8008, 0);
	int pair[2];
	size_t filled;

	(void)state;
	service_put("web", first, 1);
	service_refused("web", second, EEXIST, "holds another socket");
	assert_int_equal(rig_slot("web", "tcp", "ip4"), rig_cookie(first));
	/* all or none: the udp one is free, and stays so */
	pair[0] = service_socket(SOCK_DGRAM, "127.0.0.3", 8008, 0);
	pair[1] = second;
	assert_int_equal(skpol_register_fds(service, &(struct skpol_claim){
		.size = sizeof(struct skpol_claim), .name = "web" }, pair, 2,
		&filled), -EEXIST);
	assert_int_equal(rig_slot("web", "udp", "ip4"), 0);
	assert_int_equal(service_try("web", second, true, &filled), 0);
	assert_int_equal(filled, 1);
	assert_int_equal(rig_slot("web", "tcp", "ip4"), rig_cookie(second));
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
	assert_int_equal(rig_drain(second), 1);
	assert_int_equal(rig_drain(first), 0);
}

/* ------------------------------------------------------------ coming, going */

static void closed_sockets_empty_their_slot(void **state)
{
	int fd = rig_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);

	(void)state;
	service_put("web", fd, 1);
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
	close(fd);
	assert_int_equal(rig_slot("web", "tcp", "ip4"), 0);
	assert_int_equal(rig_connect("127.0.0.1", 7007), ECONNREFUSED);
	assert_true(rig_count("web", "missing") >= 1);
	fd = service_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	service_put("web", fd, 1);
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
}

static void unregister_empties(void **state)
{
	int tcp = service_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	int udp = service_socket(SOCK_DGRAM, "127.0.0.2", 8008, 0);
	struct skpol_claim c = { .size = sizeof(c), .name = "web",
				 .protocol = IPPROTO_UDP };
	size_t n;

	(void)state;
	service_put("web", tcp, 1);
	service_put("web", udp, 1);
	assert_int_equal(skpol_unregister(service, &c, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(rig_slot("web", "udp", "ip4"), 0);
	assert_int_equal(rig_slot("web", "tcp", "ip4"), rig_cookie(tcp));
	assert_int_equal(skpol_unregister(service, &c, &n), 0);
	assert_int_equal(n, 0);
	c.name = "nobody";
	assert_int_equal(skpol_unregister(service, &c, &n), -ENOENT);
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
}

static void registered_before_the_policy(void **state)
{
	int fd = service_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	struct skpol_claim c = { .size = sizeof(c), .name = "web" };
	size_t n;

	(void)state;
	rig_reset();
	service_put("web", fd, 1);
	rig_must_apply(SERVICE_POLICY);
	assert_int_equal(rig_slot("web", "tcp", "ip4"), rig_cookie(fd));
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
	rig_reset();
	/* the last one out leaves nothing behind */
	service_put("web", fd, 1);
	assert_true(rig_exists(""));
	assert_int_equal(skpol_unregister(service, &c, &n), 0);
	assert_false(rig_exists(""));
	service_refused("web", -1, EBADF, "is not open");
	assert_false(rig_exists(""));
}

/* No slot leaks, none is ever given to two names. */
static void many_names_come_and_go(void **state)
{
	enum { ROUNDS = 20, NAMES = 100 };
	int fds[NAMES];
	char name[32];

	(void)state;
	rig_reset();
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < NAMES; i++) {
			snprintf(name, sizeof(name), "n%d-%d", round, i);
			fds[i] = rig_socket(SOCK_STREAM, "127.0.0.2",
					    (uint16_t)(10000 + i), 0);
			service_put(name, fds[i], 1);
		}
		for (int i = 0; i < NAMES; i += 5) {	/* to save time */
			snprintf(name, sizeof(name), "n%d-%d", round, i);
			assert_int_equal(rig_slot(name, "tcp", "ip4"),
					 rig_cookie(fds[i]));
		}
		for (int i = 0; i < NAMES; i++)
			close(fds[i]);
	}
	fds[0] = service_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	service_put("last", fds[0], 1);
	{	/* the names before are gone: their slots are free */
		json_t *j = rig_status();

		assert_int_equal(json_array_size(json_object_get(j,
								 "sockets")),
				 1);
		json_decref(j);
	}
}

static void status_names_the_owner(void **state)
{
	int fd = service_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	char words[64];
	struct rig_output o;

	(void)state;
	service_put("web", fd, 1);
	snprintf(words, sizeof(words), "(%d)", (int)getpid());
	o = RIG_SKPOL("status");
	assert_int_equal(o.status, 0);
	assert_non_null(strstr(o.out, "127.0.0.2:8008"));
	assert_non_null(strstr(o.out, words));
	assert_non_null(strstr(o.out, "empty"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVICE_TEST(kinds_that_are_taken),
		SERVICE_TEST(dual_stack_fills_both),
		SERVICE_TEST(dual_stack_leaves_a_taken_slot),
		SERVICE_TEST(kinds_that_are_refused),
		SERVICE_TEST(connected_is_refused),
		SERVICE_TEST(foreign_namespace_is_refused),
		SERVICE_TEST(undeclared_is_refused),
		SERVICE_TEST(taken_slot_is_refused),
		SERVICE_TEST(closed_sockets_empty_their_slot),
		SERVICE_TEST(unregister_empties),
		SERVICE_TEST(registered_before_the_policy),
		SERVICE_TEST(many_names_come_and_go),
		SERVICE_TEST(status_names_the_owner),
	};

	RIG_MAIN(tests);
}
