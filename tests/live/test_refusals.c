/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_refusals - what apply refuses, and that it has changed nothing then
 *
 * Against the running kernel, in namespaces of the test's own.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "rig.h"

#define POLICY(extra) \
	"policy edge\n" \
	"socket web at 127.0.0.2 port 8008\n" \
	"web: port 7007 -> web count\n" \
	extra \
	"default -> pass\n"
#define ONE POLICY("one: tcp port 7001 -> drop count\n")
#define TWO POLICY("two: tcp port 7002 -> drop count\n")

static int tcp = -1, udp = -1;

static int setup(void **state)
{
	(void)state;
	rig_reset();
	tcp = rig_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	udp = rig_socket(SOCK_DGRAM, "127.0.0.2", 8008, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(tcp);
	close(udp);
	rig_reset();
	return 0;
}

static void bad_objects_change_nothing(void **state)
{
	struct rig_object o = rig_compile(ONE);
	struct skpol *s = rig_open();
	struct skpol_applied out;
	char *bytes = o.bytes;
	uint32_t id;

	(void)state;
	rig_must_apply(TWO);
	id = rig_attached();
	assert_int_equal(skpol_apply(s, bytes, 100, NULL, &out), -EBADMSG);
	assert_int_equal(skpol_fault(s), SKPOL_FAULT_INPUT);
	assert_int_equal(skpol_apply(s, bytes, o.size - 1, NULL, &out),
			 -EBADMSG);
	assert_int_equal(skpol_apply(s, "", 0, NULL, &out), -EBADMSG);
	bytes[1] = 'X';
	assert_int_equal(skpol_apply(s, bytes, o.size, NULL, &out), -EBADMSG);
	assert_int_equal(rig_attached(), id);
	assert_false(rig_has_problem(""));
	free(o.bytes);
	skpol_close(s);
}

static uint32_t random_state = 1;

static uint32_t rnd(uint32_t n)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % n;
}

/* One to three bits flipped, and one in eight cut off. */
static size_t mutate(const struct rig_object *o, char *p)
{
	uint32_t flips = 1 + rnd(3);

	memcpy(p, o->bytes, o->size);
	while (flips--)
		p[rnd((uint32_t)o->size)] ^= (char)(1 << rnd(8));
	return rnd(8) ? o->size : rnd((uint32_t)o->size);
}

/* Most would pass the verifier, and steer packets wrongly. */
static void no_mutant_changes_anything(void **state)
{
	const char *text = getenv("SKPOL_FUZZ_APPLY");
	int n = text ? atoi(text) : 2000;
	struct rig_object o = rig_compile(ONE);
	struct skpol *s = rig_open();
	struct skpol_applied out;
	char *p = malloc(o.size);
	json_t *before, *after;

	(void)state;
	assert_int_equal(skpol_apply(s, p, mutate(&o, p), NULL, &out),
			 -EBADMSG);
	assert_false(rig_exists(""));
	rig_must_apply(TWO);
	before = rig_status();
	for (int i = 0; i < n; i++) {
		size_t size = mutate(&o, p);

		if (size == o.size && !memcmp(p, o.bytes, size))
			continue;	/* one bit, twice */
		assert_int_not_equal(skpol_apply(s, p, size, NULL, &out), 0);
		assert_int_equal(skpol_fault(s), SKPOL_FAULT_INPUT);
		assert_true(*skpol_message(s));
	}
	after = rig_status();
	assert_true(json_equal(before, after));
	assert_false(rig_exists("2"));
	assert_false(rig_exists("new"));
	json_decref(before);
	json_decref(after);
	free(o.bytes);
	free(p);
	skpol_close(s);
}

static void require_sockets_refuses(void **state)
{
	struct skpol_apply_options options = { .size = sizeof(options),
					       .require_sockets = true };
	struct rig_object o = rig_compile(ONE);
	struct skpol *s = rig_open();
	struct skpol_applied out;

	(void)state;
	/* there is no socket over ip6 */
	assert_int_equal(skpol_apply(s, o.bytes, o.size, &options, &out),
			 -ENOTCONN);
	assert_false(rig_exists(""));
	assert_non_null(strstr(rig_notes, "tcp over ip6, udp over ip6"));
	free(o.bytes);
	skpol_close(s);
}

static void no_bpffs_is_said(void **state)
{
	struct skpol_options options = { .size = sizeof(options),
					 .bpffs = "/proc" };
	struct skpol *s;
	struct skpol_applied out;

	(void)state;
	assert_int_equal(skpol_open(&options, &s), 0);
	assert_int_equal(rig_apply(s, ONE, &out), -ENODEV);
	assert_int_equal(skpol_fault(s), SKPOL_FAULT_SYSTEM);
	assert_non_null(strstr(skpol_message(s), "mount -t bpf bpf /proc"));
	skpol_close(s);
}

static void prepared_folders_are_refused(void **state)
{
	struct skpol *s = rig_open();
	struct skpol_applied out;
	char path[80];

	(void)state;
	snprintf(path, sizeof(path), "%s/skpol", rig_bpffs);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(chown(path, 65534, 65534), 0);
	assert_int_equal(rig_apply(s, ONE, &out), -EACCES);
	assert_non_null(strstr(skpol_message(s), "belongs to user 65534"));
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rig_attached(), 0);
	skpol_close(s);
}

static void interfaces_are_resolved(void **state)
{
	static const char text[] =
		"policy edge\n"
		"lo: tcp port 7001 on \"lo\" -> drop count\n"
		"other: tcp port 7002 on \"eth77\" -> drop count\n"
		"default -> pass\n";
	int one = rig_socket(SOCK_STREAM, "127.0.0.1", 7001, 0);
	int two = rig_socket(SOCK_STREAM, "127.0.0.1", 7002, 0);

	(void)state;
	rig_must_apply(text);
	assert_non_null(strstr(rig_notes, "no interface `eth77`"));
	assert_int_equal(rig_connect("127.0.0.1", 7001), ECONNREFUSED);
	assert_int_equal(rig_connect("127.0.0.1", 7002), 0);
	assert_int_equal(rig_count("lo", "hits"), 1);
	assert_int_equal(rig_count("other", "hits"), 0);
	close(one);
	close(two);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(bad_objects_change_nothing),
		TEST(no_mutant_changes_anything),
		TEST(require_sockets_refuses),
		TEST(no_bpffs_is_said),
		TEST(prepared_folders_are_refused),
		TEST(interfaces_are_resolved),
	};

	RIG_MAIN(tests);
}
