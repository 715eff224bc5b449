/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_trace - events: what they tell, none lost in silence, through swaps
 *
 * Against the running kernel, in namespaces of the test's own.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../runtime/abi.h"
#include "rig.h"

enum { FLOOD = 6000, SWAPS = 20, QUIET_READS = 12 };

#define RULES \
	"web: udp port 7007 -> web trace\n" \
	"noise: udp port 7008 -> drop trace\n"
#define HEAD "policy edge\nsocket web udp\n"
#define ONE HEAD RULES "default -> pass\n"
#define TWO HEAD "new: tcp port 80 -> drop trace\n" RULES "default -> pass\n"
#define SILENT HEAD "web: udp port 7007 -> web count\ndefault -> pass\n"

static void said(const char *text, const char *words)
{
	if (!strstr(text, words))
		fail_msg("`%s` is not in\n%s", words, text);
}

static struct skpol *s;
static int udp = -1;

static int setup(void **state)
{
	(void)state;
	rig_reset();
	s = rig_open();
	udp = rig_socket(SOCK_DGRAM, "127.0.0.2", 8008, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(udp);
	skpol_close(s);
	rig_reset();
	return 0;
}

static void register_web(void)
{
	struct skpol_claim c = { .size = sizeof(c), .name = "web" };
	size_t filled;

	assert_int_equal(skpol_register_fds(s, &c, &udp, 1, &filled), 0);
}

static struct skpol_trace *listen_to(const char *rule, uint32_t sample)
{
	struct skpol_trace_options o = { .size = sizeof(o), .rule = rule,
					 .sample = sample };
	struct skpol_trace *t;

	if (skpol_trace_open(s, &o, &t))
		fail_msg("skpol_trace_open: %s", skpol_message(s));
	return t;
}

static void send_some(int n, uint16_t port)
{
	for (int i = 0; i < n; i++)
		rig_send("127.0.0.1", port);
}

struct heard {
	uint64_t events, web, noise, lost;
	struct skpol_event last;
	char rule[32], verdict[32], process[32];
};

static void hear(void *ctx, const struct skpol_event *e)
{
	struct heard *h = ctx;

	h->events++;
	h->lost += e->lost;
	h->web += !strcmp(e->rule, "web");
	h->noise += !strcmp(e->rule, "noise");
	h->last = *e;
	snprintf(h->rule, sizeof(h->rule), "%s", e->rule);
	snprintf(h->verdict, sizeof(h->verdict), "%s", e->verdict);
	snprintf(h->process, sizeof(h->process), "%s",
		 e->process ? e->process : "");
}

/* All events that are there, and some time for those that are on the way. */
static void read_all(struct skpol_trace *t, struct heard *h)
{
	int quiet = 0, n;

	while (quiet < QUIET_READS) {
		n = skpol_trace_read(t, 10, 0, hear, h);
		if (n < 0)
			fail_msg("skpol_trace_read: %s", skpol_message(s));
		quiet = n ? 0 : quiet + 1;
	}
}

static void an_event_tells_all(void **state)
{
	static const uint8_t local[16] = { 127, 0, 0, 1 };
	struct heard h = { .events = 0 };
	struct skpol_trace *t;

	(void)state;
	rig_must_apply(ONE);
	register_web();
	t = listen_to(NULL, 0);
	send_some(1, 7007);
	read_all(t, &h);
	assert_int_equal(h.events, 1);
	assert_string_equal(h.rule, "web");
	assert_string_equal(h.verdict, "web");
	assert_int_equal(h.last.family, 4);
	assert_int_equal(h.last.protocol, IPPROTO_UDP);
	assert_int_equal(h.last.local_port, 7007);
	assert_memory_equal(h.last.local, local, 16);
	assert_memory_equal(h.last.remote, local, 16);
	assert_int_equal(h.last.generation, 1);
	assert_int_equal(h.last.cookie, rig_cookie(udp));
	assert_int_equal(h.last.pid, getpid());
	assert_string_equal(h.process, program_invocation_short_name);
	send_some(2, 7008);
	read_all(t, &h);
	assert_int_equal(h.events, 3);
	assert_string_equal(h.verdict, "drop");
	assert_int_equal(h.last.cookie, 0);
	assert_int_equal(h.last.pid, 0);
	skpol_trace_close(t);
}

static void only_what_comes_while_somebody_listens(void **state)
{
	struct heard h = { .events = 0 };
	struct skpol_trace *t, *second;

	(void)state;
	rig_must_apply(ONE);
	send_some(5, 7008);
	t = listen_to(NULL, 0);
	assert_int_equal(skpol_trace_open(s, NULL, &second), -EBUSY);
	assert_null(second);
	send_some(2, 7008);
	read_all(t, &h);
	assert_int_equal(h.events, 2);
	skpol_trace_close(t);
	send_some(5, 7008);
	t = listen_to(NULL, 0);
	read_all(t, &h);
	assert_int_equal(h.events, 2);
	assert_int_equal(skpol_trace_lost(t), 0);
	skpol_trace_close(t);
}

static void nothing_to_listen_to(void **state)
{
	struct skpol_trace_options o = { .size = sizeof(o), .rule = "nobody" };
	struct skpol_trace *t;

	(void)state;
	assert_int_equal(skpol_trace_open(s, NULL, &t), -ENOENT);
	rig_must_apply(SILENT);
	assert_int_equal(skpol_trace_open(s, NULL, &t), -ENOENT);
	assert_non_null(strstr(skpol_message(s), "`trace`"));
	rig_must_apply(ONE);
	assert_int_equal(skpol_trace_open(s, &o, &t), -ENOENT);
	assert_non_null(strstr(skpol_message(s), "`nobody`"));
	t = listen_to("web", 0);		/* the lock was given back */
	skpol_trace_close(t);
}

static void what_is_lost_is_counted(void **state)
{
	struct heard h = { .events = 0 };
	struct skpol_trace *t;

	(void)state;
	rig_must_apply(ONE);
	t = listen_to(NULL, 0);
	send_some(FLOOD, 7008);
	assert_int_not_equal(skpol_trace_lost(t), 0);
	read_all(t, &h);
	assert_int_equal(h.events + skpol_trace_lost(t), FLOOD);
	assert_int_equal(h.lost, skpol_trace_lost(t));
	send_some(3, 7008);
	read_all(t, &h);
	assert_int_equal(h.events + h.lost, FLOOD + 3);
	skpol_trace_close(t);
}

static void one_rule_one_in_ten(void **state)
{
	struct heard h = { .events = 0 };
	struct skpol_trace *t;
	cpu_set_t all, one;

	(void)state;
	rig_must_apply(ONE);
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	CPU_ZERO(&one);
	for (int i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++)
		if (CPU_ISSET(i, &all))
			CPU_SET(i, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	t = listen_to("noise", 10);
	send_some(50, 7007);
	send_some(100, 7008);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
	read_all(t, &h);
	assert_int_equal(h.web, 0);
	assert_int_equal(h.noise, 10);
	skpol_trace_close(t);
}

/* ------------------------------------------------------------ swaps */

static atomic_bool enough;

static void *send_both(void *count)
{
	uint64_t *n = count;

	while (!atomic_load(&enough)) {
		send_some(1, 7007);
		send_some(1, 7008);
		++*n;
		usleep(100);
	}
	return NULL;
}

static void follows_the_policy(void **state)
{
	struct rig_object o[2] = { rig_compile(ONE), rig_compile(TWO) };
	struct skpol *other = rig_open();
	struct heard h = { .events = 0 };
	struct skpol_applied a;
	struct skpol_trace *t;
	pthread_t thread;
	uint64_t sent = 0;

	(void)state;
	rig_must_apply(ONE);
	t = listen_to("web", 0);
	pthread_create(&thread, NULL, send_both, &sent);
	for (int i = 0; i < SWAPS; i++) {
		const struct rig_object *next = &o[(i + 1) % 2];

		if (i % 5 == 4)
			assert_int_equal(skpol_rollback(other, 0, &a), 0);
		else
			assert_int_equal(skpol_apply(other, next->bytes,
						     next->size, NULL, &a), 0);
		skpol_trace_read(t, 0, 0, hear, &h);
	}
	atomic_store(&enough, true);
	pthread_join(thread, NULL);
	read_all(t, &h);
	send_some(1, 7007);
	sent++;
	read_all(t, &h);
	printf("%d swaps, %lu packets, %lu events lost\n", SWAPS,
	       (unsigned long)sent, (unsigned long)h.lost);
	assert_int_equal(h.noise, 0);
	assert_int_equal(h.web + skpol_trace_lost(t), sent);
	assert_int_equal(h.last.generation, a.generation);
	skpol_trace_close(t);
	skpol_close(other);
	free(o[0].bytes);
	free(o[1].bytes);
}

static void waits_for_a_policy_that_traces(void **state)
{
	struct heard h = { .events = 0 };
	struct skpol_trace *t, *second;

	(void)state;
	rig_must_apply(ONE);
	t = listen_to("noise", 0);
	rig_must_apply(SILENT);
	read_all(t, &h);
	said(rig_notes, "waiting for one that has");
	assert_int_equal(RIG_SKPOL("remove").status, 0);
	read_all(t, &h);
	said(rig_notes, "waiting for the next");
	rig_must_apply(TWO);
	read_all(t, &h);
	send_some(4, 7008);
	read_all(t, &h);
	assert_int_equal(h.noise, 4);
	/* the state was deleted and made anew: it is still the only one */
	assert_int_equal(skpol_trace_open(s, NULL, &second), -EBUSY);
	skpol_trace_close(t);
}

/* ------------------------------------------------------------ command */

static const char *skpol(void)
{
	return getenv("SKPOL") ? getenv("SKPOL") : "./skpol";
}

/* Asked of the map itself: whoever opens a trace to see is in the way. */
static bool somebody_listens(void)
{
	int fd = bpf_obj_get(rig_state("1/counters"));
	int cpus = libbpf_num_possible_cpus();
	struct image_listener *v = calloc((size_t)cpus, sizeof(*v));
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info), key;
	bool listens;

	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	key = info.max_entries - 1;
	assert_int_equal(bpf_map_lookup_elem(fd, &key, v), 0);
	listens = v[0].every;
	free(v);
	close(fd);
	return listens;
}

/* Starts `skpol trace ARGS`; *OUT reads what it prints. */
static pid_t start(int *out, const char *a, const char *b)
{
	int p[2];
	pid_t pid;

	assert_int_equal(pipe(p), 0);
	pid = fork();
	if (!pid) {
		dup2(p[1], 1);
		close(p[0]);
		close(p[1]);
		execl(skpol(), "skpol", "--bpffs", rig_bpffs, "trace", a, b,
		      NULL);
		_exit(127);
	}
	close(p[1]);
	*out = p[0];
	for (int i = 0; i < 1000 && !somebody_listens(); i++)
		usleep(10000);
	return pid;
}

static int finish(pid_t pid, int out, char *text, size_t size)
{
	size_t n = 0;
	ssize_t got;
	int status;

	while ((got = read(out, text + n, size - n - 1)) > 0)
		n += (size_t)got;
	text[n] = '\0';
	close(out);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void lines_and_objects(void **state)
{
	struct rig_output o;
	char text[4096];
	int out;
	pid_t pid;
	json_t *j;

	(void)state;
	rig_must_apply(ONE);
	register_web();
	o = RIG_SKPOL("trace", "--rule", "nobody");
	assert_int_equal(o.status, 1);
	said(o.err, "no rule `nobody` that says `trace`; it has: web");
	pid = start(&out, "--count=3", NULL);
	send_some(2, 7007);
	send_some(3, 7008);
	assert_int_equal(finish(pid, out, text, sizeof(text)), 0);
	said(text, "Z  web  udp 127.0.0.1:");
	said(text, " -> 127.0.0.1:7007 => web  cookie ");
	said(text, " -> 127.0.0.1:7008 => drop\n");
	pid = start(&out, "--json", "--rule=web");
	send_some(1, 7008);
	send_some(1, 7007);
	usleep(300000);
	kill(pid, SIGINT);
	assert_int_equal(finish(pid, out, text, sizeof(text)), 0);
	j = json_loads(text, 0, NULL);		/* one line, whole */
	assert_non_null(j);
	assert_string_equal(json_string_value(json_object_get(j, "verdict")),
			    "web");
	assert_int_equal(json_integer_value(json_object_get(j, "pid")),
			 getpid());
	said(text, " -> 127.0.0.1:7007\"");
	json_decref(j);
}

static void nobody_reads_any_more(void **state)
{
	char text[4096];
	int out, status;
	pid_t pid;

	(void)state;
	rig_must_apply(ONE);
	pid = start(&out, "--json", NULL);
	close(out);
	send_some(1, 7008);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	/* and the next one can listen */
	pid = start(&out, "--pcapng", "--count=2");
	send_some(2, 7008);
	assert_int_equal(finish(pid, out, text, sizeof(text)), 0);
	assert_memory_equal(text, "\x0a\x0d\x0d\x0a", 4);
}

static void usage(void **state)
{
	(void)state;
	assert_int_equal(RIG_SKPOL("trace", "--sample=0").status, 2);
	assert_int_equal(RIG_SKPOL("trace", "--count=x").status, 2);
	assert_int_equal(RIG_SKPOL("trace", "--json", "--pcapng").status, 2);
	assert_int_equal(RIG_SKPOL("trace").status, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_event_tells_all),
		TEST(only_what_comes_while_somebody_listens),
		TEST(nothing_to_listen_to),
		TEST(what_is_lost_is_counted),
		TEST(one_rule_one_in_ten),
		TEST(follows_the_policy),
		TEST(waits_for_a_policy_that_traces),
		TEST(lines_and_objects),
		TEST(nobody_reads_any_more),
		TEST(usage),
	};

	RIG_MAIN(tests);
}
