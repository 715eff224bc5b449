/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_stats - counters: exact, through swaps; how they are shown; a profile
 *
 * Against the running kernel, in namespaces of the test's own.
 */
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "rig.h"

/* SKPOL_SWAPS says another number: each waits for the kernel's grace period. */
enum { SWAPS = 250, SENDERS = 2 };

#define POLICY(extra) \
	"policy edge\n" \
	"socket web udp\n" \
	"web: udp port 7007 -> web else drop count\n" \
	extra \
	"busy: udp port 7008 -> drop count\n" \
	"quiet: udp port 7009 -> drop\n" \
	"default -> pass\n"

static char file[96];

static int setup(void **state)
{
	(void)state;
	rig_reset();
	snprintf(file, sizeof(file), "%s.json", rig_bpffs);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(file);
	rig_reset();
	return 0;
}

static void says(const char *text, const char *words)
{
	if (!strstr(text, words))
		fail_msg("`%s` is not in\n%s", words, text);
}

/* ------------------------------------------------------------ swaps */

static atomic_bool enough;

/* A socket of its own each: a port, and so a processor, of its own. */
static void *send_on(void *count)
{
	uint64_t *n = count;

	while (!atomic_load(&enough)) {
		rig_send("127.0.0.1", 7007);
		if (!(++*n % 32))	/* the swaps need a processor, too */
			usleep(1000);
	}
	return NULL;
}

struct reader {
	uint64_t hits, reads;
	const char *wrong;
};

static void take_hits(void *ctx, const struct skpol_rule_stats *r)
{
	struct reader *reader = ctx;

	if (strcmp(r->name, "web"))
		return;
	if (r->hits < reader->hits)
		reader->wrong = "the hits became less";
	reader->hits = r->hits;
	reader->reads++;
}

/* Whenever it is read, a counter is not less than before. */
static void *read_on(void *ctx)
{
	struct reader *r = ctx;
	struct skpol *s = rig_open();

	while (!atomic_load(&enough) && !r->wrong) {
		if (skpol_stats(s, take_hits, r))
			r->wrong = "the counters could not be read";
		usleep(2000);
	}
	skpol_close(s);
	return NULL;
}

static void swap(struct skpol *s, const struct rig_object o[2], int swaps)
{
	struct skpol_applied a;

	for (int i = 0; i < swaps; i++)
		if (skpol_apply(s, o[i % 2].bytes, o[i % 2].size, NULL, &a))
			fail_msg("swap %d: %s", i, skpol_message(s));
	assert_true(a.changed);
	assert_int_equal(a.generation, swaps + 1);
}

static void no_packet_is_lost_or_counted_twice(void **state)
{
	struct rig_object o[2] = { rig_compile(POLICY("")),
		rig_compile(POLICY("new: udp port 7010 -> drop count\n")) };
	struct reader reader = { .hits = 0 };
	pthread_t threads[SENDERS + 1];
	uint64_t sent[SENDERS] = { 0 };
	struct skpol_applied a;
	const char *number = getenv("SKPOL_SWAPS");
	int swaps = number ? atoi(number) : SWAPS;
	struct skpol *s = rig_open();

	(void)state;
	assert_int_equal(skpol_apply(s, o[1].bytes, o[1].size, NULL, &a), 0);
	for (int i = 0; i < SENDERS; i++)
		pthread_create(&threads[i], NULL, send_on, &sent[i]);
	pthread_create(&threads[SENDERS], NULL, read_on, &reader);
	swap(s, o, swaps);
	atomic_store(&enough, true);
	for (int i = 0; i <= SENDERS; i++)
		pthread_join(threads[i], NULL);
	printf("%d swaps, %lu packets, read %lu times\n", swaps,
	       (unsigned long)(sent[0] + sent[1]),
	       (unsigned long)reader.reads);
	if (reader.wrong)
		fail_msg("%s", reader.wrong);
	assert_true(reader.reads > 0);
	assert_true(sent[0] + sent[1] > (uint64_t)swaps);
	assert_int_equal(rig_count("web", "hits"), sent[0] + sent[1]);
	assert_int_equal(rig_count("web", "missing"), sent[0] + sent[1]);
	skpol_close(s);
	free(o[0].bytes);
	free(o[1].bytes);
}

/* ------------------------------------------------------------ profile */

static void check_profile(json_t *j)
{
	json_t *rules = json_object_get(j, "rules"), *r;
	size_t i;

	assert_non_null(j);
	assert_int_equal(json_integer_value(json_object_get(j, "version")), 1);
	assert_string_equal(json_string_value(json_object_get(j, "policy")),
			    "edge");
	assert_int_equal(json_string_length(json_object_get(j, "sha256")), 64);
	assert_int_equal(json_array_size(rules), 2);
	json_array_foreach(rules, i, r) {
		assert_string_equal(json_string_value(json_object_get(r,
					"name")), i ? "busy" : "web");
		assert_string_equal(json_string_value(json_object_get(r,
					"hits")), i ? "5" : "0");
	}
	json_decref(j);
}

static void a_profile_for_the_compiler(void **state)
{
	struct rig_output o;

	(void)state;
	assert_int_equal(RIG_SKPOL("stats", "--profile").status, 1);
	rig_must_apply(POLICY(""));
	for (int i = 0; i < 5; i++)
		rig_send("127.0.0.1", 7008);
	o = RIG_SKPOL("stats", "--profile");
	assert_int_equal(o.status, 0);
	check_profile(json_loads(o.out, 0, NULL));
	says(o.err, "2 rules without `count`");
	says(o.err, "`quiet`, `default`");
	snprintf(o.out, sizeof(o.out), "--profile=%s", file);
	o = RIG_SKPOL("stats", o.out);
	assert_int_equal(o.status, 0);
	assert_string_equal(o.out, "");
	check_profile(json_load_file(file, 0, NULL));
}

/* ------------------------------------------------------------ shown */

static void a_table(void **state)
{
	struct rig_output o;

	(void)state;
	rig_must_apply(POLICY(""));
	rig_send("127.0.0.1", 7008);
	o = RIG_SKPOL("stats");
	says(o.out, "missing       refused   last  verdict\n");
	says(o.out, "busy             1             0             0  ");
	says(o.out, "web              0             0             0  never  "
	     "web\n");
	o = RIG_SKPOL("stats", "--watch=nothing");
	assert_int_equal(o.status, 2);
	o = RIG_SKPOL("top", "--watch=0");
	assert_int_equal(o.status, 2);
}

static const char *skpol(void)
{
	return getenv("SKPOL") ? getenv("SKPOL") : "./skpol";
}

/* Reads from FD into TEXT until WORDS are there. */
static void wait_for(int fd, char *text, size_t size, const char *words)
{
	size_t n = strlen(text);

	while (!strstr(text, words)) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t got;

		if (poll(&p, 1, 10000) != 1 || n + 1 >= size)
			fail_msg("`%s` did not come, but\n%s", words, text);
		got = read(fd, text + n, size - n - 1);
		if (got <= 0)
			fail_msg("ends without `%s`:\n%s", words, text);
		n += (size_t)got;
		text[n] = '\0';
	}
}

static void rest(int fd, char *text, size_t size)
{
	size_t n = strlen(text);
	ssize_t got;

	while ((got = read(fd, text + n, size - n - 1)) > 0) {
		n += (size_t)got;
		text[n] = '\0';
	}
}

static void ends_well(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* To a pipe: block after block, with rates from the second on. */
static void watched_through_a_pipe(void **state)
{
	static char text[65536];
	int out[2];
	pid_t pid;

	(void)state;
	rig_must_apply(POLICY(""));
	assert_int_equal(pipe(out), 0);
	pid = fork();
	if (!pid) {
		dup2(out[1], 1);
		close(out[0]);
		execl(skpol(), "skpol", "--bpffs", rig_bpffs, "stats",
		      "--watch=0.1", NULL);
		_exit(127);
	}
	close(out[1]);
	text[0] = '\0';
	wait_for(out[0], text, sizeof(text), "hits/s");
	rig_send("127.0.0.1", 7008);
	wait_for(out[0], text, sizeof(text), "busy             1");
	kill(pid, SIGINT);
	rest(out[0], text, sizeof(text));
	ends_well(pid);
	assert_null(strchr(text, '\033'));
	assert_string_equal(text + strlen(text) - 2, "\n\n");	/* whole */
	close(out[0]);
}

static pid_t in_terminal(int *fd, bool plain)
{
	struct winsize w = { .ws_row = 4, .ws_col = 100 };
	pid_t pid = forkpty(fd, NULL, NULL, &w);

	if (!pid) {
		if (plain)
			setenv("NO_COLOR", "1", 1);
		else
			unsetenv("NO_COLOR");
		execl(skpol(), "skpol", "--bpffs", rig_bpffs, "top",
		      "--watch=0.1", NULL);
		_exit(127);
	}
	assert_true(pid > 0);
	return pid;
}

static void busiest_on_top(void **state)
{
	static char text[65536];
	struct winsize w = { .ws_row = 3, .ws_col = 30 };
	int fd;
	pid_t pid;

	(void)state;
	rig_must_apply(POLICY(""));
	text[0] = '\0';
	pid = in_terminal(&fd, false);
	wait_for(fd, text, sizeof(text), "\033[?1049h");
	wait_for(fd, text, sizeof(text), "\033[7m");
	wait_for(fd, text, sizeof(text), "\033[Kweb ");
	for (int i = 0; i < 20; i++)
		rig_send("127.0.0.1", 7008);
	wait_for(fd, text, sizeof(text), "verdict\r\n\033[Kbusy ");
	assert_int_equal(ioctl(fd, TIOCSWINSZ, &w), 0);
	wait_for(fd, text, sizeof(text), "hits/s  \r\n\033[K");
	assert_int_equal(write(fd, "q", 1), 1);
	rest(fd, text, sizeof(text));
	ends_well(pid);
	says(text, "\033[?25h\033[?1049l");
	close(fd);
	text[0] = '\0';
	pid = in_terminal(&fd, true);
	wait_for(fd, text, sizeof(text), "\033[J");
	assert_int_equal(write(fd, "\003", 1), 1);	/* ctrl-C */
	rest(fd, text, sizeof(text));
	ends_well(pid);
	assert_null(strstr(text, "\033[7m"));
	says(text, "\033[?25h\033[?1049l");
	close(fd);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(no_packet_is_lost_or_counted_twice),
		TEST(a_profile_for_the_compiler),
		TEST(a_table),
		TEST(watched_through_a_pipe),
		TEST(busiest_on_top),
	};

	RIG_MAIN(tests);
}
