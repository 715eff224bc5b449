/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_groups - SO_REUSEPORT groups: succession, joining, replacing
 *
 * A slot takes as many members of a group as it has places. Whichever member
 * dies, whoever registers next: packets reach a member that lives, and a slot
 * never changes over to another service unasked.
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
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "../../runtime/abi.h"
#include "service.h"

enum { PORT = 8008, GROUP = 6 };

static int group[GROUP];

static int make_member(int type, const char *address)
{
	return rig_socket(type, address, PORT, RIG_REUSEPORT);
}

/* Of N: the kernel chooses among all of them, registered or not. */
static void make_group(int type, const char *address, int n)
{
	for (int i = 0; i < n; i++)
		group[i] = make_member(type, address);
}

static void close_member(int i)
{
	close(group[i]);
	group[i] = -1;
}

static int setup(void **state)
{
	for (int i = 0; i < GROUP; i++)
		group[i] = -1;
	return service_setup(state);
}

static int teardown(void **state)
{
	for (int i = 0; i < GROUP; i++)
		if (group[i] >= 0)
			close(group[i]);
	return service_teardown(state);
}

static int try(const int *fds, size_t n, bool replace, size_t *filled)
{
	struct skpol_claim c = { .size = sizeof(c), .name = "web",
				 .replace = replace };

	return skpol_register_fds(service, &c, fds, n, filled);
}

static void put(const int *fds, size_t n, size_t slots)
{
	size_t filled;

	if (try(fds, n, false, &filled))
		fail_msg("%s", skpol_message(service));
	assert_int_equal(filled, slots);
}

static uint64_t held(void)
{
	return rig_slot("web", "tcp", "ip4");
}

/* A connection is taken; by the group, whichever member. */
static bool is_served(void)
{
	return !rig_connect("127.0.0.1", 7007);
}

/* A busy machine delivers on loopback a little later. */
static void comes_to(const char *rule, const char *what, uint64_t n)
{
	for (int i = 0; i < 200 && rig_count(rule, what) < n; i++)
		usleep(10000);
	assert_int_equal(rig_count(rule, what), n);
}

/* --------------------------------------------------------- succession */

static void members_die_one_by_one(void **state)
{
	(void)state;
	make_group(SOCK_STREAM, "127.0.0.2", GROUP);
	put(group, GROUP, 1);
	assert_non_null(strstr(rig_notes, "2 more members of the reuseport "
			       "group of `web` for tcp over ip4 have no place"));
	for (int i = 0; i < IMAGE_PLACES; i++) {
		assert_int_equal(held(), rig_cookie(group[i]));
		assert_true(is_served());
		close_member(i);
	}
	assert_int_equal(rig_count("web", "missing"), 0);
	assert_int_equal(held(), 0);
	assert_false(is_served());	/* the two others have no place */
	assert_int_equal(rig_count("web", "missing"), 1);
	put(group + IMAGE_PLACES, GROUP - IMAGE_PLACES, 1);
	assert_true(is_served());
	assert_int_equal(rig_count("web", "missing"), 1);
}

static void free_places_are_filled_again(void **state)
{
	(void)state;
	make_group(SOCK_STREAM, "127.0.0.2", GROUP);
	put(group, 4, 1);
	put(group, 4, 0);
	close_member(0);
	close_member(2);
	/* who is left moves up, and says so once */
	put((int[]){ group[1], group[3] }, 2, 1);
	put((int[]){ group[1], group[3] }, 2, 0);
	assert_int_equal(held(), rig_cookie(group[1]));
	put((int[]){ group[1], group[3], group[4], group[5] }, 4, 1);
	close_member(1);
	close_member(3);
	close_member(4);
	assert_int_equal(held(), rig_cookie(group[5]));
	assert_true(is_served());
	assert_int_equal(rig_count("web", "missing"), 0);
}

static void datagrams_and_dual_stack(void **state)
{
	(void)state;
	make_group(SOCK_DGRAM, "::", 3);
	put(group, 3, 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(rig_slot("web", "udp", "ip4"),
				 rig_cookie(group[i]));
		assert_int_equal(rig_slot("web", "udp", "ip6"),
				 rig_cookie(group[i]));
		close_member(i);
	}
	assert_int_equal(rig_send("127.0.0.1", 7007), 0);
	assert_int_equal(rig_drain(group[2]), 1);
	assert_int_equal(rig_send("::1", 7007), 0);
	assert_int_equal(rig_drain(group[2]), 1);
	assert_int_equal(rig_count("udp-web", "missing"), 0);
}

/* One that connects is refused by the kernel; it is not the service. */
static void a_member_that_connects(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(9), .sin_addr.s_addr = htonl(0x7f000009) };

	(void)state;
	make_group(SOCK_DGRAM, "127.0.0.2", 2);
	put(group, 2, 1);
	assert_int_equal(connect(group[0], (void *)&a, sizeof(a)), 0);
	assert_int_equal(rig_send("127.0.0.1", 7007), 0);
	assert_int_equal(rig_drain(group[1]), 1);
	assert_int_equal(rig_count("udp-web", "refused"), 0);
	assert_int_equal(connect(group[1], (void *)&a, sizeof(a)), 0);
	rig_send("127.0.0.1", 7007);
	comes_to("udp-web", "refused", 1);
	assert_int_equal(rig_count("udp-web", "missing"), 0);
}

/* ------------------------------------------------------------- joining */

static int worker_fd;

static void be_a_worker(void *ctx)
{
	(void)ctx;
	for (int i = 0; i < GROUP; i++)
		if (group[i] >= 0)
			close(group[i]);
	worker_fd = make_member(SOCK_STREAM, "127.0.0.2");
}

static void workers_join_one_by_one(void **state)
{
	struct skpol_claim c = { .size = sizeof(c), .name = "web" };
	pid_t pid[3];
	size_t filled;

	(void)state;
	for (int i = 0; i < 3; i++) {
		pid[i] = service_child(be_a_worker, NULL);
		if (skpol_register_pid(service, &c, pid[i], &filled))
			fail_msg("%s", skpol_message(service));
		assert_int_equal(filled, 1);
	}
	service_kill();
	kill(pid[0], SIGKILL);
	while (held() && rig_count("web", "hits") < 1)
		assert_true(is_served());
	assert_int_equal(skpol_register_pid(service, &c, pid[1], &filled), 0);
	assert_true(is_served());
	assert_int_equal(rig_count("web", "missing"), 0);
}

static void strangers_do_not_join(void **state)
{
	int other, plain;
	uint64_t first;
	size_t filled;

	(void)state;
	make_group(SOCK_STREAM, "127.0.0.2", GROUP);
	put(group, 2, 1);
	first = held();
	other = service_socket(SOCK_STREAM, "127.0.0.3", PORT, RIG_REUSEPORT);
	plain = service_socket(SOCK_STREAM, "127.0.0.4", PORT, 0);
	service_refused("web", other, EEXIST, "holds another socket");
	service_refused("web", plain, EEXIST, "holds another socket");
	close_member(0);
	/* its member in a later place is the slot's socket now */
	service_refused("web", other, EEXIST, "holds another socket");
	assert_int_not_equal(held(), first);
	assert_int_equal(held(), rig_cookie(group[1]));
	assert_true(is_served());
	assert_int_equal(try((int[]){ group[1], other }, 2, false, &filled),
			 -ENOTUNIQ);
}

/* ----------------------------------------------------------- replacing */

static void replaced_whole(void **state)
{
	int fds[2];
	size_t filled;

	(void)state;
	make_group(SOCK_STREAM, "127.0.0.2", GROUP);
	put(group, 4, 1);
	fds[0] = service_socket(SOCK_STREAM, "127.0.0.3", PORT, RIG_REUSEPORT);
	fds[1] = service_socket(SOCK_STREAM, "127.0.0.3", PORT, RIG_REUSEPORT);
	assert_int_equal(try(fds, 2, true, &filled), 0);
	assert_int_equal(filled, 1);
	assert_int_equal(held(), rig_cookie(fds[0]));
	assert_true(is_served());
	close(dup2(group[0], fds[0]));		/* closes the new first one */
	assert_int_equal(held(), rig_cookie(fds[1]));
	close(dup2(group[0], fds[1]));
	assert_int_equal(held(), 0);	/* nothing of the old group is left */
}

/* Replacing fails as a whole when one of the new ones is not to be had. */
static void a_failed_replacement_changes_nothing(void **state)
{
	int fds[2];
	uint64_t before;
	size_t filled;

	(void)state;
	make_group(SOCK_STREAM, "127.0.0.2", GROUP);
	put(group, 4, 1);
	before = held();
	fds[0] = service_socket(SOCK_STREAM, "127.0.0.3", PORT, 0);
	fds[1] = service_socket(SOCK_STREAM, "127.0.0.4", PORT, RIG_SILENT);
	assert_int_equal(try(fds, 2, true, &filled), -ENOTCONN);
	assert_int_equal(held(), before);
	assert_true(is_served());
}

static void dial_until_killed(void *ctx)
{
	int *refused = ctx;

	while (!rig_connect("127.0.0.1", 7007))
		;
	_exit(*refused);
}

/* Takes what waits in the queue. */
static void serve(int fd)
{
	int client;

	while ((client = accept(fd, NULL, NULL)) >= 0)
		close(client);
}

/*
 * Generations of a service take over from each other: never a gap. The old one
 * goes when its successor's successor is there: a packet may be on its way.
 */
static void handed_over_under_load(void **state)
{
	enum { ROUNDS = 300, DIALLERS = 2 };
	int refused = 42, status, older = -1, old, new;
	pid_t pid[DIALLERS];
	size_t filled;

	(void)state;
	old = rig_socket(SOCK_STREAM, "127.0.0.2", 9000, RIG_REUSEPORT);
	fcntl(old, F_SETFL, O_NONBLOCK);
	service_put("web", old, 1);
	for (int i = 0; i < DIALLERS; i++)
		if (!(pid[i] = fork()))
			dial_until_killed(&refused);
	for (int i = 1; i <= ROUNDS; i++) {
		new = rig_socket(SOCK_STREAM, "127.0.0.2",
				 (uint16_t)(9000 + i % 3), RIG_REUSEPORT);
		fcntl(new, F_SETFL, O_NONBLOCK);
		assert_int_equal(service_try("web", new, true, &filled), 0);
		assert_int_equal(filled, 1);
		serve(old);
		if (older >= 0)
			close(older);
		older = old;
		old = new;
	}
	for (int i = 0; i < DIALLERS; i++) {
		kill(pid[i], SIGKILL);
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_true(WIFSIGNALED(status));
	}
	close(older);
	close(old);
}

/* ---------------------------------------------------- an older map */

static void a_map_without_later_places(void **state)
{
	int map;
	char path[160];

	(void)state;
	map = bpf_map_create(BPF_MAP_TYPE_SOCKMAP, "sockets", 4, 8,
			     IMAGE_SLOTS_MAX, NULL);
	snprintf(path, sizeof(path), "%s", rig_state("sockets"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(bpf_obj_pin(map, path), 0);
	close(map);
	rig_must_apply("policy edge\nsocket web\n"
		       "web: tcp port 7007 -> web count\ndefault -> pass\n");
	make_group(SOCK_STREAM, "127.0.0.2", GROUP);
	put(group, 3, 1);
	assert_true(is_served());
	close_member(0);
	assert_false(is_served());
	assert_int_equal(rig_count("web", "missing"), 1);
	put(group + 1, 2, 1);
	assert_true(is_served());
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(members_die_one_by_one),
		TEST(free_places_are_filled_again),
		TEST(datagrams_and_dual_stack),
		TEST(a_member_that_connects),
		TEST(workers_join_one_by_one),
		TEST(strangers_do_not_join),
		TEST(replaced_whole),
		TEST(a_failed_replacement_changes_nothing),
		TEST(handed_over_under_load),
		TEST(a_map_without_later_places),
	};

	RIG_MAIN(tests);
}
