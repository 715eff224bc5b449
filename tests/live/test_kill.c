/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_kill - killed at any system call, a command leaves the old state or
 * the new one
 *
 * A command runs under ptrace in a child and is killed (SIGKILL) on entry to
 * its n-th call that can change what others see, for every n until it runs to
 * its end. All the other calls (reads, memory, the child's own descriptors,
 * maps and programs that die with it) leave the same behind as the next one of
 * these; SKPOL_KILL_EVERYWHERE=1 kills at those, too, which takes minutes.
 * After each death: a packet is served as before, status has no complaint, the
 * next command works, and every datagram was counted once.
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
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "killer.h"
#include "rig.h"

#define POLICY(extra) \
	"policy edge\n" \
	"socket web\n" \
	"web: udp port 7007 -> web count\n" \
	extra \
	"default -> pass\n"

enum { CALLS_MAX = 5000, LEAST_CALLS = 3 };

static struct rig_object one, two;
static int udp = -1, tcp = -1;

/* ------------------------------------------------------------ commands */

static int apply(struct skpol *s, const struct rig_object *o)
{
	struct skpol_applied out;

	return skpol_apply(s, o->bytes, o->size, NULL, &out);
}

static int apply_one(struct skpol *s)
{
	return apply(s, &one);
}

static int apply_two(struct skpol *s)
{
	return apply(s, &two);
}

static int try(struct skpol *s, uint32_t ms)
{
	struct skpol_apply_options o = { .size = sizeof(o), .confirm_ms = ms };
	struct skpol_applied out;

	return skpol_apply(s, two.bytes, two.size, &o, &out);
}

static int try_two(struct skpol *s)
{
	return try(s, 3600000);
}

static int try_two_briefly(struct skpol *s)
{
	int err = try(s, 1);

	usleep(2000);
	return err;
}

static int confirm(struct skpol *s)
{
	struct skpol_applied out;

	return skpol_confirm(s, &out);
}

static int enforce(struct skpol *s)
{
	int64_t left;
	bool changed;

	return skpol_confirm_enforce(s, &left, &changed);
}

static int roll_back(struct skpol *s)
{
	struct skpol_applied out;

	return skpol_rollback(s, 0, &out);
}

static int put_sockets(struct skpol *s)
{
	struct skpol_claim c = { .size = sizeof(c), .name = "web" };
	int fds[] = { udp, tcp };
	size_t filled;

	return skpol_register_fds(s, &c, fds, 2, &filled);
}

/* Two reuseport groups, the second to take over from the first. */
enum { MEMBERS = 3 };
static int old_group[MEMBERS], new_group[MEMBERS];

static int put_group(struct skpol *s, const int *fds)
{
	struct skpol_claim c = { .size = sizeof(c), .name = "web",
				 .replace = true };
	size_t filled;

	return skpol_register_fds(s, &c, fds, MEMBERS, &filled);
}

static int put_old(struct skpol *s)
{
	return put_group(s, old_group);
}

static int put_new(struct skpol *s)
{
	return put_group(s, new_group);
}

static int take_sockets(struct skpol *s)
{
	struct skpol_claim c = { .size = sizeof(c), .name = "web" };
	size_t emptied;

	return skpol_unregister(s, &c, &emptied);
}

static int remove_all(struct skpol *s)
{
	bool changed;

	return skpol_remove(s, true, &changed);
}

static void must(int (*command)(struct skpol *s))
{
	struct skpol *s = rig_open();

	if (command(s))
		fail_msg("%s", skpol_message(s));
	skpol_close(s);
}

/* ------------------------------------------------------------ what stands */

static bool is_served(void)
{
	int err = rig_send("127.0.0.1", 7007);

	(void)err;
	return rig_drain(udp) == 1;
}

/* Whether the live policy has counters for a rule. */
static bool runs(const char *rule)
{
	struct skpol *s = rig_open();
	bool found = false;
	char *text, quoted[32];

	assert_int_equal(skpol_stats_json(s, &text), 0);
	snprintf(quoted, sizeof(quoted), "\"name\":\"%s\"", rule);
	found = strstr(text, quoted);
	free(text);
	skpol_close(s);
	return found;
}

static void no_leftovers(void)
{
	assert_false(rig_exists("new"));
	assert_false(rig_exists("old"));
	assert_false(rig_has_problem(""));
}

/* Runs CHECK(n) until the command is through; there were enough calls. */
static void at_every_call(bool (*check)(int n))
{
	int n = 1;

	while (n < CALLS_MAX && check(n))
		n++;
	print_message("             killed at %d calls\n", n - 1);
	assert_in_range(n, LEAST_CALLS, CALLS_MAX - 1);
	rig_reset();
}

static bool first_apply(int n)
{
	bool killed;

	rig_reset();
	must(put_sockets);
	killed = killed_at(apply_one, n);
	is_served();		/* or not: both are well */
	assert_false(rig_has_problem("damaged"));
	must(apply_one);
	assert_true(is_served());
	no_leftovers();
	return killed;
}

static bool replacing_apply(int n)
{
	bool killed;

	rig_reset();
	must(put_sockets);
	must(apply_two);
	must(apply_one);	/* so that there is something to fold */
	assert_true(is_served());
	killed = killed_at(apply_two, n);
	assert_false(rig_has_problem(""));
	assert_true(is_served());
	assert_int_equal(rig_count("web", "hits"), 2);
	must(apply_two);
	assert_true(is_served());
	assert_int_equal(rig_count("web", "hits"), 3);
	must(apply_one);
	assert_int_equal(rig_count("web", "hits"), 3);
	no_leftovers();
	return killed;
}

/* Undone or not, no count is lost; applied again, it is complete. */
static bool rolling_back(int n)
{
	bool killed;

	rig_reset();
	must(put_sockets);
	must(apply_two);
	must(apply_one);
	assert_true(is_served());
	must(roll_back);		/* so that old counts are taken out */
	must(apply_one);
	assert_true(is_served());
	killed = killed_at(roll_back, n);
	assert_false(rig_has_problem(""));
	assert_true(is_served());
	assert_int_equal(rig_count("web", "hits"), 3);
	must(apply_two);
	must(roll_back);
	assert_true(is_served());
	assert_int_equal(rig_count("web", "hits"), 4);
	no_leftovers();
	return killed;
}

static bool is_on_trial(void)
{
	json_t *j = rig_status();
	bool pending = json_is_object(json_object_get(j, "confirm"));

	json_decref(j);
	return pending;
}

/* The program and its trial come at once, or neither. */
static bool trying(int n)
{
	bool killed;

	rig_reset();
	must(put_sockets);
	must(apply_one);
	killed = killed_at(try_two, n);
	assert_int_equal(is_on_trial(), runs("two"));
	must(runs("two") ? confirm : try_two);
	assert_true(runs("two"));
	assert_true(is_served());
	assert_int_equal(rig_count("web", "hits"), 1);
	no_leftovers();
	return killed;
}

static bool confirming(int n)
{
	bool killed;

	rig_reset();
	must(put_sockets);
	must(apply_one);
	must(try_two);
	killed = killed_at(confirm, n);
	must(confirm);
	assert_false(is_on_trial());
	assert_true(runs("two"));
	assert_true(is_served());
	no_leftovers();
	return killed;
}

/* Rolling back what is overdue, with a policy before it and without. */
static bool enforcing(int n)
{
	bool killed;

	rig_reset();
	must(put_sockets);
	must(apply_one);
	must(try_two_briefly);
	assert_true(is_served());
	killed = killed_at(enforce, n);
	assert_true(is_served());
	must(enforce);
	assert_true(runs("one"));
	assert_int_equal(rig_count("web", "hits"), 2);
	must(apply_one);		/* sweeps */
	no_leftovers();
	return killed;
}

static bool enforcing_the_first(int n)
{
	bool killed;

	rig_reset();
	must(put_sockets);
	must(try_two_briefly);
	killed = killed_at(enforce, n);
	must(enforce);
	assert_false(is_served());
	must(apply_one);
	assert_true(is_served());
	no_leftovers();
	return killed;
}

/* Each slot is old or new; the command run again completes it. */
static bool registering(int n)
{
	uint64_t u, t;
	bool killed;

	rig_reset();
	must(apply_one);
	killed = killed_at(put_sockets, n);
	u = rig_slot("web", "udp", "ip4");
	t = rig_slot("web", "tcp", "ip4");
	assert_true(!u || u == rig_cookie(udp));
	assert_true(!t || t == rig_cookie(tcp));
	must(put_sockets);
	assert_true(is_served());
	no_leftovers();
	return killed;
}

static bool registering_without_policy(int n)
{
	bool killed;

	rig_reset();
	killed = killed_at(put_sockets, n);
	must(put_sockets);
	must(apply_one);
	assert_true(is_served());
	no_leftovers();
	return killed;
}

/* A datagram, and how many came to each of the groups. */
static void send_one(int *to_old, int *to_new)
{
	*to_old = *to_new = 0;
	rig_send("127.0.0.1", 7007);
	for (int wait = 0; wait < 200 && !*to_old && !*to_new; wait++) {
		char byte;

		for (int i = 0; i < MEMBERS; i++) {
			*to_old += recv(old_group[i], &byte, 1,
					MSG_DONTWAIT) == 1;
			*to_new += recv(new_group[i], &byte, 1,
					MSG_DONTWAIT) == 1;
		}
		usleep(wait ? 5000 : 0);
	}
}

/* A group takes over from another: one of them serves, at every instant. */
static bool handing_over(int n)
{
	int to_old, to_new;
	bool killed;

	rig_reset();
	must(apply_one);
	for (int i = 0; i < MEMBERS; i++) {
		old_group[i] = rig_socket(SOCK_DGRAM, "127.0.0.2", 9001,
					  RIG_REUSEPORT);
		new_group[i] = rig_socket(SOCK_DGRAM, "127.0.0.2", 9002,
					  RIG_REUSEPORT);
	}
	must(put_old);
	killed = killed_at(put_new, n);
	send_one(&to_old, &to_new);
	assert_int_equal(to_old + to_new, 1);
	must(put_new);
	for (int i = 0; i < MEMBERS; i++)
		close(new_group[i]);	/* nothing of the old one is left */
	assert_int_equal(rig_slot("web", "udp", "ip4"), 0);
	for (int i = 0; i < MEMBERS; i++)
		close(old_group[i]);
	no_leftovers();
	return killed;
}

static bool unregistering(int n)
{
	bool killed;

	rig_reset();
	must(apply_one);
	must(put_sockets);
	killed = killed_at(take_sockets, n);
	must(take_sockets);
	assert_false(is_served());
	must(put_sockets);
	assert_true(is_served());
	no_leftovers();
	return killed;
}

static bool removing(int n)
{
	bool killed;

	rig_reset();
	must(put_sockets);
	must(apply_two);
	must(apply_one);
	killed = killed_at(remove_all, n);
	must(remove_all);
	assert_false(rig_exists(""));
	assert_false(is_served());
	return killed;
}

static bool removing_then_applying(int n)
{
	bool killed;

	rig_reset();
	must(put_sockets);
	must(apply_one);
	killed = killed_at(remove_all, n);
	must(apply_two);
	must(put_sockets);
	assert_true(is_served());
	no_leftovers();
	return killed;
}

#define KILL_TEST(f) \
	static void test_##f(void **state) { (void)state; at_every_call(f); }
KILL_TEST(first_apply)
KILL_TEST(replacing_apply)
KILL_TEST(rolling_back)
KILL_TEST(trying)
KILL_TEST(confirming)
KILL_TEST(enforcing)
KILL_TEST(enforcing_the_first)
KILL_TEST(registering)
KILL_TEST(registering_without_policy)
KILL_TEST(handing_over)
KILL_TEST(unregistering)
KILL_TEST(removing)
KILL_TEST(removing_then_applying)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_apply),
		cmocka_unit_test(test_replacing_apply),
		cmocka_unit_test(test_rolling_back),
		cmocka_unit_test(test_trying),
		cmocka_unit_test(test_confirming),
		cmocka_unit_test(test_enforcing),
		cmocka_unit_test(test_enforcing_the_first),
		cmocka_unit_test(test_registering),
		cmocka_unit_test(test_registering_without_policy),
		cmocka_unit_test(test_handing_over),
		cmocka_unit_test(test_unregistering),
		cmocka_unit_test(test_removing),
		cmocka_unit_test(test_removing_then_applying),
	};
	int failed = rig_start();

	if (failed)
		return failed;
	one = rig_compile(POLICY("one: tcp port 7001 -> drop count\n"));
	two = rig_compile(POLICY("two: tcp port 7002 -> drop count\n"));
	udp = rig_socket(SOCK_DGRAM, "127.0.0.2", 8008, 0);
	tcp = rig_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	killer_everywhere = getenv("SKPOL_KILL_EVERYWHERE");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(one.bytes);
	free(two.bytes);
	rig_stop();
	return failed;
}
