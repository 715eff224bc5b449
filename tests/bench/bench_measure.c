/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_measure - nanoseconds, and whether the answers are right
 *
 * In: programs, the first of them empty. Out: what each takes net of that one.
 *
 * Warm: calls of a million runs, by turns in rounds; the least of each program
 * counts, for nothing makes a program faster than it is. Cold: calls of one run
 * each, in shuffled order, the program and the empty one by turns. The kernel's
 * clock goes in steps of 10 ns, and what else the machine does is in many a
 * sample: so a round is some thousand packets, the same each time, and its figure
 * the mean of the middle half of the differences to the empty program. What
 * disturbs that one makes them less: so it is the middle one of the rounds that
 * counts, not the least. Evicted: the same, and before each run so much other
 * memory is read that neither of the core's own caches holds anything of the
 * program.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../random/world.h"
#include "bench.h"

enum { PROGRAMS_MAX = 16, COLD_ROUNDS = 21, EVICTED_ROUNDS = 7 };

/* --------------------------------------------------------------- answers */

static unsigned int kind_of(const struct packet *p)
{
	return (p->protocol == PACKET_UDP) * 2 + (p->family == 6);
}

static const char *said(const struct bench_program *p, struct workload *w,
			const struct packet *packet, uint32_t answer, int ret)
{
	if (ret < 0)
		return "nothing: the kernel did not run it";
	if (answer == NO_ANSWER)
		return ret ? "pass" : "drop";
	if (p->by_kind)
		answer += kind_of(packet);
	if (!p->labels)
		return answer < w->nlabels ? w->labels[answer] : "a label";
	return answer < p->nlabels ? w->labels[p->labels[answer]] : "a step";
}

bool bench_takes(const struct bench_program *p, enum stream_kind kind)
{
	return p->from_map >= 0 || kind == STREAM_HOT || kind == STREAM_COLD ||
		kind == STREAM_EVICTED;
}

static bool is_right(const struct bench_program *p, struct workload *w,
		     const struct bench_packets *k, const struct stream *s,
		     size_t i, bool from_map)
{
	char text[PACKET_TEXT_MAX];
	const char *verdict;
	uint32_t ns;
	int ret;

	k->map->next = i * STRIDE;
	k->map->answer = NO_ANSWER;
	ret = bench_run(from_map ? p->from_map : p->from_context,
			k->map->packets[i], 1, &ns);
	verdict = said(p, w, &s->packets[i], k->map->answer, ret);
	if (!strcmp(verdict, w->labels[s->expected[i]]))
		return true;
	fprintf(stderr, "bench: %s: %s: %s says %s, not %s\n", w->name,
		packet_print(&s->packets[i], text), p->name, verdict,
		w->labels[s->expected[i]]);
	return false;
}

size_t bench_wrong(const struct bench_program *p, struct workload *w,
		   const struct bench_packets *k, const struct stream *s,
		   unsigned int checks)
{
	size_t wrong = 0, step = checks < STREAM ? STREAM / checks : 1;

	for (size_t i = 0; i < STREAM && wrong < 5; i += step)
		if (s->expected[i] != NO_LABEL_KNOWN)
			wrong += (p->from_map >= 0 &&
				  !is_right(p, w, k, s, i, true)) +
				!is_right(p, w, k, s, i, false);
	return wrong;
}

/* ------------------------------------------------------------------ warm */

/* Hot: another copy each TURN. */
static int copy_of(const struct bench_program *p, bool hot, unsigned int turn)
{
	unsigned int i = turn % BENCH_COPIES;

	if (!hot)
		return p->from_map;
	return i && p->again[i - 1] > 0 ? p->again[i - 1] : p->from_context;
}

/*
 * ns of a run, from outside: the kernel's own figure has no fraction. The whole
 * stream goes by once before: what the program before left in the caches is not
 * this one's.
 */
static double one_call(int program, struct bench_packets *k, uint32_t repeat)
{
	uint32_t ns;
	double begin;

	k->map->next = 0;
	bench_run(program, k->map->packets[0], STREAM, &ns);
	begin = bench_now();
	bench_run(program, k->map->packets[0], repeat, &ns);
	return (bench_now() - begin) * 1e9 / repeat;
}

static uint32_t repeat_for(double ns, unsigned int call_us)
{
	double n = call_us * 1e3 / (ns > 1 ? ns : 1);

	return n < STREAM ? STREAM : n > 1 << 20 ? 1 << 20 : (uint32_t)n;
}

/* All programs of a stream, and what is known of them so far. */
struct measuring {
	const struct bench_program *v;
	size_t n;
	struct bench_packets *k;
	double *ns;		/* by program: the least */
	uint32_t *repeat;	/* warm: by program */
	size_t samples;		/* cold: in a round */
	uint8_t (*shuffled)[STRIDE];	/* cold: their packets */
	bool hot, evict;
	unsigned int turn;
};

static void take(struct measuring *m, size_t i, double ns)
{
	m->ns[i] = ns < m->ns[i] ? ns : m->ns[i];
}

static double sum(const double *ns, size_t n)
{
	double s = 0;

	while (n--)
		s += ns[n];
	return s;
}

/* Rounds go on, within reason, until in ENOUGH of them none of the least got
 * less. */
static void rounds(struct measuring *m, void (*one)(struct measuring *m),
		   unsigned int enough)
{
	for (size_t i = 0; i < m->n; i++)
		m->ns[i] = 1e9;
	for (unsigned int round = 0, quiet = 0; quiet < enough &&
	     round < 8 * enough; round++) {
		double before = sum(m->ns, m->n);

		one(m);
		quiet = sum(m->ns, m->n) > before * 0.998 ? quiet + 1 : 0;
	}
}

static void warm_round(struct measuring *m)
{
	for (size_t i = 0; i < m->n; i++)
		take(m, i, one_call(copy_of(&m->v[i], m->hot, m->turn), m->k,
				    m->repeat[i]));
	m->turn++;
}

void bench_warm(const struct bench_program *v, size_t n,
		struct bench_packets *k, bool hot, const struct effort *e,
		double *ns)
{
	uint32_t repeat[PROGRAMS_MAX];
	struct measuring m = { .v = v, .n = n, .k = k, .ns = ns,
			       .repeat = repeat, .hot = hot };

	for (size_t i = 0; i < n; i++)
		repeat[i] = repeat_for(one_call(copy_of(&v[i], hot, 0), k,
						STREAM), e->call_us);
	rounds(&m, warm_round, e->rounds);
	for (size_t i = n; i-- > 0;)
		ns[i] -= ns[0];
}

/* ------------------------------------------------------------------ cold */

static uint8_t *eviction;
static size_t eviction_size;

/* Twice the second cache, a line each: what a busy server does meanwhile. */
static void evict_caches(void)
{
	static volatile uint8_t sink;
	uint8_t sum = 0;

	if (!eviction) {
		long l2 = sysconf(_SC_LEVEL2_CACHE_SIZE);

		eviction_size = l2 > 0 ? (size_t)l2 * 2 : 2 << 20;
		eviction = malloc(eviction_size);
		memset(eviction, 1, eviction_size);
	}
	for (size_t i = 0; i < eviction_size; i += 64)
		sum += eviction[i];
	sink = sum;
	(void)sink;
}

static int by_value(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return x < y ? -1 : x > y;
}

/* Of the middle half. */
static double trimmed_mean(int32_t *v, size_t n)
{
	size_t out = n / 4;
	double sum = 0;

	qsort(v, n, sizeof(*v), by_value);
	for (size_t i = out; i < n - out; i++)
		sum += v[i];
	return sum / (double)(n - 2 * out);
}

static uint32_t run_cold(const struct bench_program *p, const void *packet,
			 bool evict)
{
	uint32_t ns = 0;

	if (evict)
		evict_caches();
	bench_run(p->from_context, packet, 1, &ns);
	return ns;
}

/* What P takes more than EMPTY: who is first changes. */
static double net_cold(const struct measuring *m, const struct bench_program *p)
{
	const struct bench_program *empty = &m->v[0];
	int32_t *net = calloc(m->samples, sizeof(*net));
	double mean;

	for (size_t s = 0; s < m->samples; s++) {
		const void *packet = m->shuffled[s];
		uint32_t zero = s % 2 ? run_cold(empty, packet, m->evict) : 0;
		uint32_t took = run_cold(p, packet, m->evict);

		if (!(s % 2))
			zero = run_cold(empty, packet, m->evict);
		net[s] = (int32_t)(took - zero);
	}
	mean = trimmed_mean(net, m->samples);
	free(net);
	return mean;
}

/* One after the other, so that reading the packets themselves takes few pages:
 * translations of pages are what large tables lack first. */
static void shuffle(struct measuring *m)
{
	struct random r = random_new(5);

	m->shuffled = calloc(m->samples, STRIDE);
	for (size_t s = 0; s < m->samples; s++)
		memcpy(m->shuffled[s],
		       m->k->map->packets[random_below(&r, STREAM)], STRIDE);
}

static int by_ns(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

void bench_cold(const struct bench_program *v, size_t n,
		struct bench_packets *k, bool evict, const struct effort *e,
		double *ns)
{
	/* An eviction takes longer than a hundred runs. */
	struct measuring m = { .v = v, .n = n, .k = k, .evict = evict,
			       .samples = evict ? e->samples / 8 : e->samples };
	double net[PROGRAMS_MAX][COLD_ROUNDS];
	size_t nrounds = evict ? EVICTED_ROUNDS : COLD_ROUNDS;

	shuffle(&m);
	for (size_t round = 0; round < nrounds; round++)
		for (size_t i = 1; i < n; i++)
			net[i][round] = net_cold(&m, &v[i]);
	free(m.shuffled);
	ns[0] = 0;
	for (size_t i = 1; i < n; i++) {
		qsort(net[i], nrounds, sizeof(net[i][0]), by_ns);
		ns[i] = net[i][nrounds / 2];
	}
}
