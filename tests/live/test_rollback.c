/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_rollback - the way back: kept generations run again
 *
 * Against the running kernel, in namespaces of the test's own.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "edge.h"
#include "rig.h"

static struct skpol_applied back_to(uint32_t generation)
{
	struct skpol *s = rig_open();
	struct skpol_applied out;

	if (skpol_rollback(s, generation, &out))
		fail_msg("rollback: %s", skpol_message(s));
	skpol_close(s);
	return out;
}

static void refused(uint32_t generation, int err, const char *words)
{
	struct skpol *s = rig_open();
	struct skpol_applied out;

	assert_int_equal(skpol_rollback(s, generation, &out), err);
	assert_int_equal(skpol_fault(s), SKPOL_FAULT_INPUT);
	if (!strstr(skpol_message(s), words))
		fail_msg("no `%s` in: %s", words, skpol_message(s));
	skpol_close(s);
}

/* The numbers of kept generations, "3 2 1"; the live one comes first. */
static const char *kept(void)
{
	static char text[64];
	json_t *j = rig_status(), *e;
	size_t i, n = 0;

	*text = '\0';
	json_array_foreach(json_object_get(j, "generations"), i, e) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%d",
				      i ? " " : "", (int)json_integer_value(
				      json_object_get(e, "generation")));
		assert_int_equal(json_is_true(json_object_get(e, "live")), !i);
	}
	json_decref(j);
	return text;
}

static void goes_back_and_forth(void **state)
{
	struct skpol_applied a;

	(void)state;
	rig_must_apply(EDGE_ONE);
	rig_must_apply(EDGE_TWO);
	assert_true(edge_served(7002));
	assert_false(edge_served(7001));
	a = back_to(0);
	assert_true(a.changed);
	assert_int_equal(a.generation, 3);
	assert_string_equal(a.policy, "edge");
	assert_true(edge_served(7001));
	assert_false(edge_served(7002));
	assert_string_equal(kept(), "3 2");
	assert_false(rig_has_problem(""));
	a = back_to(0);			/* a second one undoes the first */
	assert_int_equal(a.generation, 4);
	assert_true(edge_served(7002));
	assert_string_equal(kept(), "4 3");
	a = back_to(4);
	assert_false(a.changed);
	assert_int_equal(a.generation, 4);
	/* what runs again is known for what it is */
	assert_false(rig_must_apply(EDGE_TWO).changed);
	assert_true(rig_must_apply(EDGE_ONE).changed);
}

static void goes_back_by_number(void **state)
{
	(void)state;
	rig_must_apply(EDGE_ONE);
	rig_must_apply(EDGE_TWO);
	rig_must_apply(EDGE_THREE);
	assert_string_equal(kept(), "3 2 1");
	assert_int_equal(back_to(1).generation, 4);
	assert_true(edge_served(7001));
	assert_string_equal(kept(), "4 3 2");
	refused(1, -ENOENT, "generation 1 is not kept: there is 2, 3");
	refused(9, -ENOENT, "generation 9 is not kept");
	assert_true(edge_served(7001));
}

static void there_may_be_none(void **state)
{
	(void)state;
	refused(0, -ENOENT, "there is no policy here");
	rig_must_apply(EDGE_ONE);
	refused(0, -ENOENT, "no generation to go back to");
	refused(7, -ENOENT, "generation 7 is not kept");
	assert_true(edge_served(7001));
}

/* N packets to a rule add up to N, whatever ran in between. */
static void counts_carry_on(void **state)
{
	static const char *const texts[] = { EDGE_ONE, EDGE_TWO, EDGE_THREE };
	unsigned int seed = 7, sent[3] = { 0, 0, 0 }, all = 0, live = 0;
	static const char *const names[] = { "one", "two", "three" };
	uint32_t generation[3], newest = 3;

	(void)state;
	for (int i = 0; i < 3; i++)
		generation[i] = rig_must_apply(texts[i]).generation;
	live = 2;
	for (int i = 0; i < 60; i++) {
		unsigned int n = (unsigned int)rand_r(&seed) % 3;

		for (unsigned int k = 0; k < n; k++, all++, sent[live]++) {
			assert_true(edge_served(7007));
			assert_true(edge_served((uint16_t)(7001 + live)));
		}
		live = (unsigned int)rand_r(&seed) % 3;
		if (back_to(generation[live]).changed)
			generation[live] = ++newest;
		assert_int_equal(rig_count("web", "hits"), all);
		assert_int_equal(rig_count(names[live], "hits"), sent[live]);
	}
	assert_true(all > 20);
	rig_must_apply(EDGE_POLICY("four: udp port 7004 -> web count\n"));
	assert_int_equal(rig_count("web", "hits"), all);
}

struct load {
	volatile bool stop;
	unsigned long sent, refused;
};

static void *make_load(void *arg)
{
	struct load *l = arg;

	while (!l->stop) {
		if (rig_send("127.0.0.1", 7007))
			l->refused++;
		else
			l->sent++;
		rig_drain(edge_udp);
	}
	return NULL;
}

static void under_load(void **state)
{
	struct load l = { .stop = false };
	pthread_t thread;

	(void)state;
	rig_must_apply(EDGE_ONE);
	rig_must_apply(EDGE_TWO);
	pthread_create(&thread, NULL, make_load, &l);
	for (int i = 0; i < 40; i++)
		assert_true(back_to(0).changed);
	l.stop = true;
	pthread_join(thread, NULL);
	assert_true(l.sent > 100);
	assert_int_equal(l.refused, 0);
	assert_int_equal(rig_count("web", "hits"), l.sent);
}

static void a_damaged_one_is_none(void **state)
{
	(void)state;
	rig_must_apply(EDGE_ONE);
	rig_must_apply(EDGE_TWO);
	rig_must_apply(EDGE_THREE);
	assert_int_equal(unlink(rig_state("2/program")), 0);
	refused(2, -ENOENT, "generation 2 is not kept");
	assert_int_equal(back_to(0).generation, 4);
	assert_true(edge_served(7001));
}

/* With the link's pin gone, nothing runs: rollback brings the older back. */
static void without_a_link(void **state)
{
	(void)state;
	rig_must_apply(EDGE_ONE);
	rig_must_apply(EDGE_TWO);
	assert_int_equal(unlink(rig_state("link")), 0);
	for (int i = 0; i < 100 && edge_served(7002); i++)
		usleep(10000);		/* the kernel takes its time */
	assert_false(edge_served(7002));
	assert_true(back_to(0).changed);
	assert_true(edge_served(7001));
	assert_false(rig_has_problem(""));
}

static void slots_of_kept_ones_are_theirs(void **state)
{
	int other = rig_socket(SOCK_DGRAM, "127.0.0.3", 9009, 0);

	(void)state;
	rig_must_apply("policy edge\nsocket old udp\n"
		       "old: port 7001 -> old\ndefault -> pass\n");
	rig_must_apply("policy edge\nsocket new udp at 127.0.0.3 port 9009\n"
		       "new: port 7001 -> new\ndefault -> pass\n");
	assert_int_equal(rig_send("127.0.0.1", 7001), 0);
	assert_int_equal(rig_drain(other), 1);
	back_to(0);
	/* `old` has a slot of its own, empty; never that of `new` */
	assert_int_equal(rig_send("127.0.0.1", 7001), 0);
	assert_int_equal(rig_drain(other), 0);
	close(other);
}

static void by_command(void **state)
{
	struct rig_output o;

	(void)state;
	rig_must_apply(EDGE_ONE);
	rig_must_apply(EDGE_TWO);
	o = RIG_SKPOL("rollback", "--json");
	assert_int_equal(o.status, 0);
	assert_string_equal(o.out, "{\"version\":1,\"changed\":true,"
			    "\"generation\":3,\"policy\":\"edge\"}\n");
	o = RIG_SKPOL("rollback", "2");
	assert_int_equal(o.status, 0);
	assert_string_equal(o.out, "edge: generation 4 is live\n");
	o = RIG_SKPOL("rollback", "77");
	assert_int_equal(o.status, 1);
	o = RIG_SKPOL("rollback", "last");
	assert_int_equal(o.status, 2);
	o = RIG_SKPOL("status");
	assert_non_null(strstr(o.out, "kept: generation 3, edge, source"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, edge_setup, edge_teardown)
	const struct CMUnitTest tests[] = {
		TEST(goes_back_and_forth),
		TEST(goes_back_by_number),
		TEST(there_may_be_none),
		TEST(counts_carry_on),
		TEST(under_load),
		TEST(a_damaged_one_is_none),
		TEST(without_a_link),
		TEST(slots_of_kept_ones_are_theirs),
		TEST(by_command),
	};

	RIG_MAIN(tests);
}
