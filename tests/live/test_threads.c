/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_threads - many handles in many threads, on one namespace
 *
 * Writers apply two policies in turns and register sockets, readers ask for
 * status and counters all the while: each call works, or says that another was
 * faster; what is there in the end is one policy, whole.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "rig.h"

#define POLICY(extra) \
	"policy edge\n" \
	"socket web tcp ip4\n" \
	"web: port 7007 -> web count\n" \
	extra \
	"default -> pass\n"

enum { APPLIERS = 3, REGISTRARS = 2, READERS = 3, ROUNDS = 25 };

static struct rig_object objects[2];
static int listener = -1;
static atomic_bool done;
static atomic_uint applied, wrong;

static struct skpol *open_handle(void)
{
	struct skpol_options o = { .size = sizeof(o), .bpffs = rig_bpffs };
	struct skpol *s;

	if (skpol_open(&o, &s))
		wrong++;
	return s;
}

/* cmocka's asserts are for the thread that started it: count instead. */
static void expect(struct skpol *s, int err, int allowed)
{
	if (!err || err == allowed)
		return;
	print_error("%d: %s\n", err, skpol_message(s));
	wrong++;
}

static void *apply_many(void *arg)
{
	struct skpol *s = open_handle();

	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		const struct rig_object *o = &objects[i % 2];
		struct skpol_applied out = { .changed = false };
		int err = skpol_apply(s, o->bytes, o->size, NULL, &out);

		expect(s, err, -EBUSY);
		applied += !err && out.changed;
	}
	skpol_close(s);
	return NULL;
}

static void *register_many(void *arg)
{
	struct skpol_claim c = { .size = sizeof(c), .name = "web",
				 .replace = true };
	struct skpol *s = open_handle();
	size_t n;

	(void)arg;
	for (int i = 0; i < ROUNDS; i++)
		expect(s, skpol_register_fds(s, &c, &listener, 1, &n), 0);
	skpol_close(s);
	return NULL;
}

static void *read_many(void *arg)
{
	struct skpol *s = open_handle();

	(void)arg;
	while (!done) {
		char *text = NULL;

		expect(s, skpol_status_json(s, &text), 0);
		wrong += !text || !strstr(text, "\"attached\":true");
		free(text);
		expect(s, skpol_stats_json(s, &text), 0);
		wrong += !text || !strstr(text, "\"web\"");
		free(text);
	}
	skpol_close(s);
	return NULL;
}

static void handles_do_not_meet(void **state)
{
	static void *(*const jobs[])(void *) = {
		apply_many, apply_many, apply_many, register_many,
		register_many, read_many, read_many, read_many,
	};
	enum { N = APPLIERS + REGISTRARS + READERS };
	pthread_t threads[N];

	(void)state;
	rig_must_apply(POLICY(""));
	for (int i = 0; i < N; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, jobs[i],
						NULL), 0);
	for (int i = 0; i < N; i++) {
		if (i == APPLIERS + REGISTRARS)
			done = true;
		pthread_join(threads[i], NULL);
	}
	assert_int_equal(wrong, 0);
	assert_true(applied > 1);
	assert_int_equal(rig_slot("web", "tcp", "ip4"), rig_cookie(listener));
	assert_false(rig_has_problem(""));
	assert_false(rig_exists("new"));
	assert_false(rig_exists("old"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handles_do_not_meet),
	};
	int failed = rig_start();

	if (failed)
		return failed;
	objects[0] = rig_compile(POLICY(""));
	objects[1] = rig_compile(POLICY("no: port 7008 -> drop count\n"));
	listener = rig_socket(SOCK_STREAM, "127.0.0.1", 8008, 0);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rig_stop();
	free(objects[0].bytes);
	free(objects[1].bytes);
	return failed;
}
