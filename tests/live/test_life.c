/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_life - a policy's life: applied, replaced, damaged, removed
 *
 * Against the running kernel, in namespaces of the test's own.
 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "rig.h"

#define POLICY(extra) \
	"policy edge\n" \
	"socket web at 127.0.0.2 port 8008\n" \
	"stream: tcp port 7007 -> web\n" \
	"web: udp port 7007 -> web count\n" \
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

/* Names, and when each changed: equal if nothing was touched. */
static void listing(char *buf, size_t size)
{
	size_t n = 0;
	DIR *d = opendir(rig_state(""));
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d))) {
		struct stat st;

		assert_int_equal(fstatat(dirfd(d), e->d_name, &st, 0), 0);
		n += (size_t)snprintf(buf + n, size - n, "%s %lu %ld.%ld\n",
				      e->d_name, (unsigned long)st.st_ino,
				      (long)st.st_mtim.tv_sec,
				      (long)st.st_mtim.tv_nsec);
	}
	closedir(d);
}

static void second_apply_touches_nothing(void **state)
{
	struct skpol_applied a = rig_must_apply(ONE), b;
	char before[2048], after[2048];
	uint32_t id = rig_attached();

	(void)state;
	assert_true(a.changed);
	assert_int_equal(a.generation, 1);
	assert_string_equal(a.policy, "edge");
	assert_int_not_equal(id, 0);
	listing(before, sizeof(before));
	b = rig_must_apply(ONE);
	listing(after, sizeof(after));
	assert_false(b.changed);
	assert_int_equal(b.generation, 1);
	assert_int_equal(rig_attached(), id);
	assert_string_equal(before, after);
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
	assert_int_equal(rig_drain(tcp), 1);
}

static void remove_twice(void **state)
{
	struct skpol *s = rig_open();
	bool changed;

	(void)state;
	rig_must_apply(ONE);
	assert_int_equal(skpol_remove(s, false, &changed), 0);
	assert_true(changed);
	assert_int_equal(rig_attached(), 0);
	assert_int_equal(rig_connect("127.0.0.1", 7007), ECONNREFUSED);
	assert_int_equal(skpol_remove(s, false, &changed), 0);
	assert_false(changed);
	/* the sockets are still there for the next policy, until told */
	assert_int_equal(rig_slot("web", "tcp", "ip4"), rig_cookie(tcp));
	assert_int_equal(skpol_remove(s, true, &changed), 0);
	assert_true(changed);
	assert_false(rig_exists(""));
	assert_int_equal(skpol_remove(s, true, &changed), 0);
	assert_false(changed);
	skpol_close(s);
}

static void sockets_outlive_a_policy(void **state)
{
	struct skpol *s = rig_open();
	bool changed;

	(void)state;
	rig_must_apply(ONE);
	assert_int_equal(skpol_remove(s, false, &changed), 0);
	rig_must_apply("policy edge\nsocket web\n"
		       "web: port 7009 -> web\ndefault -> pass\n");
	assert_int_equal(rig_connect("127.0.0.1", 7009), 0);
	assert_int_equal(rig_drain(tcp), 1);
	skpol_close(s);
}

static void counts_go_by_name(void **state)
{
	(void)state;
	rig_must_apply(ONE);
	for (int i = 0; i < 3; i++)
		assert_int_equal(rig_send("127.0.0.1", 7007), 0);
	assert_int_equal(rig_connect("127.0.0.1", 7001), ECONNREFUSED);
	for (int generation = 2; generation < 7; generation++) {
		const char *text = generation % 2 ? ONE : TWO;

		assert_int_equal(rig_must_apply(text).generation, generation);
		assert_int_equal(rig_send("127.0.0.1", 7007), 0);
		assert_int_equal(rig_count("web", "hits"), generation + 2);
	}
	/* a rule that was away for a while has kept its count */
	rig_must_apply(ONE);
	assert_int_equal(rig_count("one", "hits"), 1);
	assert_int_equal(rig_drain(udp), 8);
}

static void generations_do_not_pile_up(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++)
		rig_must_apply(i % 2 ? ONE : TWO);
	assert_true(rig_exists("8"));
	assert_true(rig_exists("4"));
	assert_false(rig_exists("3"));
	assert_false(rig_exists("new"));
	assert_false(rig_exists("old"));
}

/* What is only kept gives its slots up when they run out. */
static void slots_of_kept_ones_make_room(void **state)
{
	enum { SOCKETS = 4000, GENERATIONS = 5 };	/* of 4 slots each */
	char *text = malloc(SOCKETS * 64 + 64);
	struct skpol *s = rig_open();
	struct skpol_applied out;

	(void)state;
	for (int g = 0; g < GENERATIONS; g++) {
		char *p = text + sprintf(text, "policy edge\n");

		for (int i = 0; i < SOCKETS; i++)
			p += sprintf(p, "socket g%d-s%d\nport %d -> g%d-s%d\n",
				     g, i, 1000 + i, g, i);
		sprintf(p, "default -> pass\n");
		if (rig_apply(s, text, &out))
			fail_msg("generation %d: %s", g, skpol_message(s));
	}
	assert_false(rig_exists("2"));
	assert_true(rig_exists("4"));
	assert_int_equal(skpol_rollback(s, 0, &out), 0);
	free(text);
	skpol_close(s);
}

/* ------------------------------------------------------------ under load */

struct load {
	volatile bool stop;
	unsigned long connected, sent, refused;
	int sink;
};

static void *make_load(void *arg)
{
	struct load *l = arg;

	while (!l->stop) {
		if (rig_connect("127.0.0.1", 7007))
			l->refused++;
		else
			l->connected++;
		if (rig_send("127.0.0.1", 7007))
			l->refused++;
		else
			l->sent++;
	}
	return NULL;
}

static void *drain_load(void *arg)
{
	struct load *l = arg;

	while (!l->stop) {
		rig_drain(tcp);
		rig_drain(udp);
		sched_yield();
	}
	return NULL;
}

static void replaced_under_load(void **state)
{
	struct load l = { .stop = false };
	struct rig_object a = rig_compile(ONE), b = rig_compile(TWO);
	struct skpol *s = rig_open();
	pthread_t load, drain;

	(void)state;
	rig_must_apply(ONE);
	pthread_create(&load, NULL, make_load, &l);
	pthread_create(&drain, NULL, drain_load, &l);
	for (int i = 0; i < 40; i++) {
		struct skpol_applied out;
		struct rig_object *o = i % 2 ? &a : &b;

		if (skpol_apply(s, o->bytes, o->size, NULL, &out))
			fail_msg("%s", skpol_message(s));
		assert_true(out.changed);
	}
	l.stop = true;
	pthread_join(load, NULL);
	pthread_join(drain, NULL);
	assert_true(l.connected > 100);
	assert_int_equal(l.refused, 0);
	/* TCP has stray segments that are looked up; a datagram counts once */
	assert_int_equal(rig_count("web", "hits"), l.sent);
	assert_int_equal(rig_count("web", "missing"), 0);
	free(a.bytes);
	free(b.bytes);
	skpol_close(s);
}

/* ------------------------------------------------------------ by hand */

static void delete_pin(const char *entry)
{
	const char *path = rig_state(entry);

	if (unlink(path))
		fail_msg("%s: %s", path, strerror(errno));
}

/* Says it, mends it on apply, counts on; then remove works as well. */
static void mended(const char *entry, const char *words, bool serves)
{
	struct skpol *s = rig_open();
	bool changed;

	rig_must_apply(ONE);
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
	delete_pin(entry);
	if (!rig_has_problem(words))
		fail_msg("status says nothing about %s", entry);
	for (int i = 0; !serves && i < 100 &&
	     !rig_connect("127.0.0.1", 7007); i++)
		usleep(10000);		/* the kernel takes its time */
	assert_int_equal(rig_connect("127.0.0.1", 7007),
			 serves ? 0 : ECONNREFUSED);
	assert_true(rig_must_apply(ONE).changed);
	assert_false(rig_has_problem(""));
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
	assert_int_equal(rig_slot("web", "tcp", "ip4"), rig_cookie(tcp));
	assert_int_equal(skpol_remove(s, true, &changed), 0);

	rig_must_apply(ONE);
	delete_pin(entry);
	assert_int_equal(skpol_remove(s, true, &changed), 0);
	assert_true(changed);
	assert_false(rig_exists(""));
	assert_int_equal(rig_attached(), 0);
	rig_drain(tcp);
	skpol_close(s);
}

static void pins_deleted_by_hand(void **state)
{
	(void)state;
	mended("link", "pin of the link is gone", false);
	mended("1/program", "is gone", true);
	mended("1/meta", "`meta` of generation 1 is gone", true);
	mended("1/counters", "`counters` of generation 1 is gone", true);
	mended("1/sockets", "`sockets` of generation 1 is gone", true);
	mended("1/base", "`base` of generation 1 is gone", true);
}

/* The table is rescued from the generation: no service has to come again. */
static void tables_deleted_by_hand(void **state)
{
	static const char *const pins[] = { "sockets", "names" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		rig_must_apply(ONE);
		delete_pin(pins[i]);
		assert_true(rig_has_problem("table of sockets"));
		assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
		rig_must_apply(TWO);
		assert_false(rig_has_problem(""));
		assert_int_equal(rig_slot("web", "udp", "ip4"),
				 rig_cookie(udp));
		rig_reset();
	}
}

/* The very command that puts the pin back can write the map. */
static void a_rescued_table_takes_sockets(void **state)
{
	(void)state;
	rig_must_apply(ONE);
	close(tcp);
	tcp = rig_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	delete_pin("sockets");
	rig_must_apply(ONE);
	assert_int_equal(rig_slot("web", "tcp", "ip4"), rig_cookie(tcp));
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
}

static void counts_survive_a_lost_link(void **state)
{
	(void)state;
	rig_must_apply(ONE);
	assert_int_equal(rig_send("127.0.0.1", 7007), 0);
	delete_pin("link");
	rig_must_apply(ONE);
	assert_int_equal(rig_send("127.0.0.1", 7007), 0);
	assert_int_equal(rig_count("web", "hits"), 2);
}

/* ------------------------------------------------------------ neighbours */

static void in_another_namespace(void *ctx)
{
	if (unshare(CLONE_NEWNET))
		_exit(1);
	rig_must_apply(ctx);
}

static int count_states(void)
{
	char path[80];
	DIR *d;
	struct dirent *e;
	int n = 0;

	snprintf(path, sizeof(path), "%s/skpol", rig_bpffs);
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d)))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void dead_namespaces_are_swept(void **state)
{
	static char text[] = "policy other\nsocket web\n"
		"web: port 7007 -> web count\ndefault -> pass\n";
	char netns[32];
	struct rig_output o;
	pid_t pid;

	(void)state;
	rig_must_apply(ONE);
	pid = rig_child(in_another_namespace, text);
	assert_int_equal(count_states(), 2);
	snprintf(netns, sizeof(netns), "pid:%d", (int)pid);
	o = RIG_SKPOL("--netns", netns, "status");
	assert_int_equal(o.status, 0);
	assert_non_null(strstr(o.out, "policy other, generation 1, attached"));
	rig_must_apply(TWO);		/* a living one is left alone */
	assert_int_equal(count_states(), 2);
	rig_kill(pid);
	for (int i = 0; i < 100 && count_states() > 1; i++) {
		rig_must_apply(i % 2 ? TWO : ONE);
		usleep(20000);		/* the kernel takes its time */
	}
	assert_int_equal(count_states(), 1);
	assert_false(rig_has_problem(""));
}

static int attach_foreign(bool drop, int *program)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0,
		  .imm = drop ? SK_DROP : SK_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, o,
		    .expected_attach_type = BPF_SK_LOOKUP);
	int ns = open("/proc/self/ns/net", O_RDONLY), link;

	*program = bpf_prog_load(BPF_PROG_TYPE_SK_LOOKUP, "foreign", "GPL",
				 insns, 2, &o);
	assert_true(*program >= 0);
	link = bpf_link_create(*program, ns, BPF_SK_LOOKUP, NULL);
	assert_true(link >= 0);
	close(ns);
	return link;
}

static void foreign_programs_are_listed(void **state)
{
	int before_program, before, after_program, after;
	json_t *j, *list;

	(void)state;
	before = attach_foreign(true, &before_program);
	rig_must_apply(ONE);
	after = attach_foreign(false, &after_program);
	/* a selected socket beats the drop of the one before */
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
	j = rig_status();
	list = json_object_get(j, "programs");
	assert_int_equal(json_array_size(list), 3);
	assert_true(json_is_true(json_object_get(json_array_get(list, 1),
						 "ours")));
	assert_string_equal(json_string_value(json_object_get(
		json_array_get(list, 0), "name")), "foreign");
	json_decref(j);
	rig_must_apply(TWO);
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
	close(before);
	close(after);
	close(before_program);
	close(after_program);
}

/* ------------------------------------------------------------ at once */

/* LOCK is open in the parent only: a copy would hold it as well. */
static pid_t apply_in_child(const char *text, int lock)
{
	struct rig_object o = rig_compile(text);
	pid_t pid = fork();

	if (!pid) {
		struct skpol *s = rig_open();
		struct skpol_applied out;
		int err;

		close(lock);
		err = skpol_apply(s, o.bytes, o.size, NULL, &out);
		_exit(!err ? out.changed ? 10 : 11 : err == -EBUSY ? 12 : 13);
	}
	free(o.bytes);
	return pid;
}

static int result_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

/* Both start while a third holds the lock: A and B of what each says. */
static void race(const char *a, const char *b, int *ra, int *rb)
{
	int lock = open(rig_state("lock"), O_RDONLY | O_DIRECTORY);
	pid_t pa, pb;

	assert_int_equal(flock(lock, LOCK_EX), 0);
	pa = apply_in_child(a, lock);
	pb = apply_in_child(b, lock);
	usleep(300000);
	close(lock);
	*ra = result_of(pa);
	*rb = result_of(pb);
}

static void two_at_once(void **state)
{
	static const char three[] =
		POLICY("three: tcp port 7003 -> drop count\n");
	int a, b;

	(void)state;
	rig_must_apply(ONE);
	race(TWO, three, &a, &b);
	assert_true((a == 10 && b == 12) || (a == 12 && b == 10));
	assert_int_equal(rig_count(a == 10 ? "two" : "three", "hits"), 0);
	race(ONE, ONE, &a, &b);
	assert_true((a == 10 && b == 11) || (a == 11 && b == 10));
	assert_false(rig_has_problem(""));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(second_apply_touches_nothing),
		TEST(remove_twice),
		TEST(sockets_outlive_a_policy),
		TEST(counts_go_by_name),
		TEST(generations_do_not_pile_up),
		TEST(slots_of_kept_ones_make_room),
		TEST(replaced_under_load),
		TEST(pins_deleted_by_hand),
		TEST(tables_deleted_by_hand),
		TEST(a_rescued_table_takes_sockets),
		TEST(counts_survive_a_lost_link),
		TEST(dead_namespaces_are_swept),
		TEST(foreign_programs_are_listed),
		TEST(two_at_once),
	};

	RIG_MAIN(tests);
}
