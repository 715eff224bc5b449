/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * random - random policies and packets through every engine
 *
 * For each seed a policy is generated, parsed and resolved, and packets aimed
 * at its boundaries are given to every engine of engine.h, some with sockets
 * missing: all must name the same rule and the same choice. Where they differ,
 * the policy is made small and printed with the packet. The work is shared
 * among processes, a seed is done by one of them, so the result does not
 * depend on how many.
 *
 * SKPOL_RANDOM_POLICIES, SKPOL_RANDOM_PACKETS (a policy), SKPOL_RANDOM_RULES (a
 * policy) and SKPOL_RANDOM_SEED (the first one) say how much and where to
 * begin; SKPOL_RANDOM_SHOW=text prints the policies, =rejected those that the
 * compiler refuses.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "aim.h"
#include "engine.h"
#include "generate.h"
#include "shrink.h"

enum { WORKERS_MAX = 64, SHOWN_MAX = 3, REJECTED_PERCENT_MAX = 5,
       EVERYDAY = 4000, GATE = 10000 };	/* policies; the gate has CI set */

struct job {
	uint64_t first, policies, packets;
	uint32_t workers, rules;
	bool show_text, show_rejected;
};

struct tally {			/* of one worker, in shared memory */
	uint64_t seed;		/* being done: known even if it dies */
	uint64_t policies, packets, rejected, differ;
	uint64_t unable[ENGINE_COUNT];	/* policies it could not take */
};

/* --------------------------------------------------------- one policy */

static void say_difference(uint64_t seed, const char *text,
			   const struct question *q)
{
	struct answer answers[ENGINE_COUNT];
	struct subject s;
	char *report;
	struct engines e;
	struct arena a;
	size_t size;
	FILE *out;

	arena_init(&a, NULL);
	out = open_memstream(&report, &size);
	if (!out)
		abort();
	fprintf(out, "seed %llu: the engines differ\n%s",
		(unsigned long long)seed, text);
	text = shrink(&a, text, q);
	subject_open(&s, text);
	engines_prepare(&e, &s);
	engines_ask(&e, q, answers);
	fprintf(out, "--- made small\n%s--- ", text);
	question_print(q, s.policy, out);
	engines_print(answers, s.policy, out);
	engines_finish(&e);
	subject_close(&s);
	fclose(out);
	fwrite(report, 1, size, stderr);	/* at once: not mixed up */
	free(report);
	arena_free(&a);
}

static bool all_packets(const struct job *j, struct subject *s,
			struct tally *t, struct question *q)
{
	struct random r = random_new(~t->seed);
	const struct aim *aim = aim_new(&s->arena, s->ast);
	struct answer answers[ENGINE_COUNT];
	struct engines e;
	bool same = true;
	uint64_t i;
	size_t k;

	engines_prepare(&e, s);
	for (k = 0; k < ENGINE_COUNT; k++)
		t->unable[k] += !e.state[k];
	for (i = 0; i < j->packets && same; i++) {
		aim_packet(aim, &r, &q->packet);
		q->absent = random_chance(&r, 75) ? 0 : random_next(&r);
		q->moved = random_chance(&r, 75) ? 0 : random_next(&r);
		same = engines_ask(&e, q, answers);
	}
	engines_finish(&e);
	t->packets += i;
	return same;
}

static void show(uint64_t seed, const char *text, struct subject *s)
{
	fprintf(stderr, "--- seed %llu\n%s", (unsigned long long)seed, text);
	if (s->diags.nerrors)
		diag_print(&s->diags, stderr, false);
}

static void one_policy(const struct job *j, struct tally *t)
{
	struct question q;
	struct subject s;
	struct arena a;
	bool same = true;
	char *text;

	arena_init(&a, NULL);
	text = generate_policy(&a, t->seed, j->rules);
	t->policies++;
	if (subject_open(&s, text))
		same = all_packets(j, &s, t, &q);
	else
		t->rejected++;
	if (j->show_text || (j->show_rejected && !s.policy))
		show(t->seed, text, &s);
	subject_close(&s);
	if (!same && t->differ++ < SHOWN_MAX)
		say_difference(t->seed, text, &q);
	arena_free(&a);
}

/* ------------------------------------------------------------ workers */

static void work(const struct job *j, uint32_t number, struct tally *t)
{
	uint64_t i;

	for (i = number; i < j->policies; i += j->workers) {
		t->seed = j->first + i;
		one_policy(j, t);
	}
}

static void start(const struct job *j, struct tally *t, pid_t *pids)
{
	uint32_t i;

	fflush(NULL);
	for (i = 0; i < j->workers; i++) {
		pids[i] = fork();
		if (pids[i] < 0) {
			perror("fork");
			exit(99);
		}
		if (!pids[i]) {
			work(j, i, &t[i]);
			exit(0);	/* with the checks of a sanitizer */
		}
	}
}

/* How many died. */
static uint32_t wait_all(const struct job *j, const struct tally *t,
			 const pid_t *pids)
{
	uint32_t i, died = 0;
	int status;

	for (i = 0; i < j->workers; i++) {
		while (waitpid(pids[i], &status, 0) < 0 && errno == EINTR)
			;
		if (!status)
			continue;
		died++;
		fprintf(stderr, "seed %llu: a worker died of %s %d\n",
			(unsigned long long)t[i].seed, WIFSIGNALED(status) ?
			"signal" : "exit status", WIFSIGNALED(status) ?
			WTERMSIG(status) : WEXITSTATUS(status));
	}
	return died;
}

static void add_up(const struct job *j, const struct tally *t,
		   struct tally *sum)
{
	uint32_t i;
	size_t k;

	for (i = 0; i < j->workers; i++) {
		sum->policies += t[i].policies;
		sum->packets += t[i].packets;
		sum->rejected += t[i].rejected;
		sum->differ += t[i].differ;
		for (k = 0; k < ENGINE_COUNT; k++)
			sum->unable[k] += t[i].unable[k];
	}
}

/* --------------------------------------------------------------- main */

static uint64_t number(const char *name, uint64_t unsaid)
{
	const char *text = getenv(name);
	uint64_t n;
	char *end;

	if (!text || !*text)
		return unsaid;
	n = strtoull(text, &end, 10);
	if (*end) {
		fprintf(stderr, "%s=%s: not a number\n", name, text);
		exit(99);
	}
	return n;
}

static struct job read_job(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	const char *shown = getenv("SKPOL_RANDOM_SHOW");
	struct job j = {
		.first = number("SKPOL_RANDOM_SEED", 1),
		.policies = number("SKPOL_RANDOM_POLICIES",
				   getenv("CI") ? GATE : EVERYDAY),
		.packets = number("SKPOL_RANDOM_PACKETS", 1000),
		.rules = (uint32_t)number("SKPOL_RANDOM_RULES", 0),
		.workers = cpus < 1 ? 1 : cpus > WORKERS_MAX ? WORKERS_MAX :
			(uint32_t)cpus,
	};

	if (j.policies < j.workers)
		j.workers = j.policies ? (uint32_t)j.policies : 1;
	j.show_text = shown && !strcmp(shown, "text");
	j.show_rejected = shown && !strcmp(shown, "rejected");
	return j;
}

static void print_sum(const struct tally *sum, double seconds)
{
	size_t k;

	printf("%llu policies, %llu packets, %llu rejected, %.1f s\n",
	       (unsigned long long)sum->policies,
	       (unsigned long long)sum->packets,
	       (unsigned long long)sum->rejected, seconds);
	for (k = 0; k < ENGINE_COUNT; k++)
		if (sum->unable[k])
			printf("%s could not take %llu policies\n",
			       engine_name(k),
			       (unsigned long long)sum->unable[k]);
}

int main(void)
{
	const struct job j = read_job();
	struct tally *t = mmap(NULL, WORKERS_MAX * sizeof(*t),
			       PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct tally sum = { 0 };
	struct timespec begin, end;
	pid_t pids[WORKERS_MAX];
	bool good;

	if (t == MAP_FAILED) {
		perror("mmap");
		return 99;
	}
	clock_gettime(CLOCK_MONOTONIC, &begin);
	start(&j, t, pids);
	good = !wait_all(&j, t, pids);
	clock_gettime(CLOCK_MONOTONIC, &end);
	add_up(&j, t, &sum);
	print_sum(&sum, end.tv_sec - begin.tv_sec +
		  (end.tv_nsec - begin.tv_nsec) / 1e9);
	if (sum.rejected * 100 > sum.policies * REJECTED_PERCENT_MAX) {
		printf("more than %d %% rejected: the generator is at fault\n",
		       REJECTED_PERCENT_MAX);
		good = false;
	}
	printf("%llu policies on which the engines differ: %s\n",
	       (unsigned long long)sum.differ,
	       good && !sum.differ ? "good" : "FAILED");
	return !good || sum.differ;
}
