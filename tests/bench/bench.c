/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench - the figures of README and of the issues, all in one run
 *
 *	bench [-l] [-q] [-o FILE.json] [-s FOLDER] [-d FOLDER] [SET...]
 *
 * From the build directory, as root. A SET is a name of the list that -l
 * prints, or a pattern such as `random4/[*]`, or a policy FILE.skl that has its
 * FILE.pkt beside it. Without any: those that take some minutes in all. -q: a
 * look at whether all works, the times mean nothing. -s: the source tree. -d:
 * shared data. Exit status 1 when a verdict was wrong or a program of ours was
 * refused by the kernel; a policy that does not compile is said in its row.
 *
 * Each set is measured by a process of its own: what one does to the memory is
 * nothing to the next. Absolute times are this machine's: compare within a run.
 */
#include <errno.h>
#include <fnmatch.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "bench.h"

enum kind { RANDOM4, RANDOM6, LISTS, FILES, CLASSBENCH };

static const struct set {
	const char *name;
	enum kind kind;
	bool usual;		/* measured when nothing is asked for */
	size_t n;		/* prefixes; of rules, each so many one, or 0 */
	const char *files[3];
} sets[] = {
	{ "hand/web", FILES, true, 0, { "tests/bench/hand/web.skl" } },
	{ "hand/edge", FILES, true, 0, { "tests/bench/hand/edge.skl" } },
	{ "hand/tenants", FILES, true, 0, { "tests/bench/hand/tenants.skl" } },
	{ "random4/1", RANDOM4, true, 1, { 0 } },
	{ "random4/10", RANDOM4, true, 10, { 0 } },
	{ "random4/100", RANDOM4, true, 100, { 0 } },
	{ "random4/1000", RANDOM4, true, 1000, { 0 } },
	{ "random4/10000", RANDOM4, true, 10000, { 0 } },
	{ "random4/100000", RANDOM4, true, 100000, { 0 } },
	{ "random4/1000000", RANDOM4, true, 1000000, { 0 } },
	{ "random6/1", RANDOM6, false, 1, { 0 } },
	{ "random6/10", RANDOM6, false, 10, { 0 } },
	{ "random6/100", RANDOM6, false, 100, { 0 } },
	{ "random6/1000", RANDOM6, true, 1000, { 0 } },
	{ "random6/10000", RANDOM6, false, 10000, { 0 } },
	{ "random6/100000", RANDOM6, true, 100000, { 0 } },
	{ "random6/1000000", RANDOM6, false, 1000000, { 0 } },
	{ "table", LISTS, true, 0, { "full-table.txt.gz" } },
	{ "country", LISTS, true, 0, { "country_v4.txt.gz",
				       "country_v6.txt.gz" } },
	{ "cloud", LISTS, true, 0, { "cloud_v4.txt.gz", "cloud_v6.txt.gz" } },
#define CLASSBENCH_SET(name) \
	{ "classbench/" name, CLASSBENCH, true, 0, { name } }
	CLASSBENCH_SET("acl1_1k"),
	CLASSBENCH_SET("fw1_1k"),
	CLASSBENCH_SET("ipc1_1k"),
	{ "classbench/acl1_3k", CLASSBENCH, true, 3, { "acl1_10k" } },
	{ "classbench/fw1_2k", CLASSBENCH, true, 5, { "fw1_10k" } },
	{ "classbench/ipc1_3k", CLASSBENCH, true, 3, { "ipc1_10k" } },
	CLASSBENCH_SET("acl1_10k"),
	CLASSBENCH_SET("fw1_10k"),
	CLASSBENCH_SET("ipc1_10k"),
	CLASSBENCH_SET("acl1_100k"),
	CLASSBENCH_SET("fw1_100k"),
	CLASSBENCH_SET("ipc1_100k"),
	CLASSBENCH_SET("v6/acl1_1k_v6"),
	CLASSBENCH_SET("v6/fw1_1k_v6"),
	CLASSBENCH_SET("v6/ipc1_1k_v6"),
	CLASSBENCH_SET("v6/acl1_10k_v6"),
	CLASSBENCH_SET("v6/fw1_10k_v6"),
	CLASSBENCH_SET("v6/ipc1_10k_v6"),
};
enum { SETS = sizeof(sets) / sizeof(*sets), LEVELS = 3 };
/* Larger ones are compiled at -O2 only. */
enum { COMPARES_MAX = 100000 };

static const struct effort usual_effort = { 6, 8000, 8000, 1024 };
static const struct effort quick_effort = { 1, 100, 100, 64 };

struct bench {
	const char *source, *data, *output;
	char folder[64];
	bool quick;
	json_t *rows;
	size_t wrong;
};

/* -------------------------------------------------- in a set's own process */

static void send_row(FILE *out, json_t *row)
{
	json_dumpf(row, out, JSON_COMPACT | JSON_REAL_PRECISION(6));
	fputc('\n', out);
	fflush(out);
	json_decref(row);
}

/* The set as files in our folder, by the program that can read it. */
static bool classbench_file(const struct bench *b, const char *verb,
			    const struct set *s, const char *path)
{
	char command[1024];

	snprintf(command, sizeof(command), "srcdir='%s' "
		 "tests/classbench/classbench %s '%s' %zu >'%s' 2>/dev/null",
		 b->source, verb, s->files[0], s->n, path);
	return !system(command);
}

static bool classbench(const struct bench *b, struct workload *w,
		       const struct set *s)
{
	char *policy, packets[512];

	if (asprintf(&policy, "%s/set.skl", b->folder) < 0)
		return false;
	snprintf(packets, sizeof(packets), "%s/set.pkt", b->folder);
	return classbench_file(b, "policy", s, policy) &&
		classbench_file(b, "packets", s, packets) &&
		workload_file(w, policy);
}

static bool lists(const struct bench *b, struct workload *w,
		  const char *const *files)
{
	const char *paths[4] = { NULL };
	char *path;

	for (int i = 0; files[i]; i++) {
		if (asprintf(&path, "%s/prefixes/%s", b->data, files[i]) < 0 ||
		    access(path, R_OK))
			return false;
		paths[i] = path;
	}
	return workload_lists(w, paths);
}

static bool prepare(const struct bench *b, const struct set *s,
		    struct workload *w)
{
	char *path;

	w->name = s->name;
	switch (s->kind) {
	case RANDOM4:
	case RANDOM6:
		workload_random(w, s->kind == RANDOM4 ? 4 : 6, s->n);
		return true;
	case LISTS:
		return lists(b, w, s->files);
	case CLASSBENCH:
		return classbench(b, w, s);
	case FILES:
		if (s->files[0][0] == '/')
			return workload_file(w, s->files[0]);
		return asprintf(&path, "%s/%s", b->source, s->files[0]) > 0 &&
			workload_file(w, path);
	}
	return false;
}

enum { PROGRAMS = 10 };		/* the empty one, nine columns at most */

struct programs {
	struct bench_program v[PROGRAMS];
	size_t n;
};

static struct bench_program *next(struct programs *p)
{
	struct bench_program *x = &p->v[p->n];

	*x = (struct bench_program) {
		.from_map = -1, .from_context = -1, .rodata = -1,
		.counters = -1, .other = -1,
	};
	return x;
}

/*
 * Ours at the levels where skpolc could. False: one is refused. What cannot be
 * made for others is left out.
 */
static bool make_programs(struct programs *p, struct workload *w,
			  const struct bench_packets *k, const bool *compiles)
{
	static bool (*const others[])(struct bench_program *p,
				      struct workload *w,
				      const struct bench_packets *k) = {
		bench_native, bench_hand, bench_trie, bench_hash, bench_chain,
	};

	p->n += bench_empty(next(p), w, k);
	for (unsigned int level = LEVELS; level-- > 0;) {
		if (!compiles[level])
			continue;
		if (!bench_ours(next(p), w, k, level))
			return false;
		p->n++;
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (others[i](next(p), w, k))
			p->n++;
		else
			bench_close(&p->v[p->n]);
	return true;
}

/* While it is measured nothing else runs here: other processes wait. */
static void urgently(bool yes)
{
	struct sched_param p = { .sched_priority = yes ? 1 : 0 };

	sched_setscheduler(0, yes ? SCHED_FIFO : SCHED_OTHER, &p);
}

/* Those of ALL that take part in streams of that kind. */
static struct programs taking(const struct programs *all,
			      enum stream_kind kind)
{
	struct programs p = { .n = 0 };

	for (size_t i = 0; i < all->n; i++)
		if (bench_takes(&all->v[i], kind))
			p.v[p.n++] = all->v[i];
	return p;
}

static void measure(struct programs *all, struct workload *w,
		    struct bench_packets *k, struct stream *s,
		    const struct effort *e, FILE *out)
{
	struct programs p = taking(all, s->kind);
	double ns[PROGRAMS];
	size_t wrong = 0;

	packets_put(k, s);
	for (size_t i = 1; i < p.n; i++) {
		if (!strcmp(p.v[i].name, "hash"))
			bench_hash_fill(&p.v[i], w, s);
		wrong += bench_wrong(&p.v[i], w, k, s, e->checks);
	}
	urgently(true);
	if (s->kind == STREAM_COLD || s->kind == STREAM_EVICTED)
		bench_cold(p.v, p.n, k, s->kind == STREAM_EVICTED, e, ns);
	else
		bench_warm(p.v, p.n, k, s->kind == STREAM_HOT, e, ns);
	urgently(false);
	send_row(out, lookup_row(w, s, p.v, p.n, ns, wrong));
}

/* Where in memory the pages of tables are, and how near to each other, is else
 * what all that ran before has left. */
static void compact_memory(void)
{
	FILE *f = fopen("/proc/sys/vm/compact_memory", "w");

	if (f) {
		fputs("1\n", f);
		fclose(f);
	}
}

static void lookups(struct workload *w, const struct effort *e,
		    const bool *compiles, FILE *out)
{
	struct stream *s = calloc(1, sizeof(*s));
	struct programs p = { .n = 0 };
	struct bench_packets k;

	compact_memory();
	if (!packets_open(&k) || !make_programs(&p, w, &k, compiles)) {
		send_row(out, json_pack("{ss ss sI ss sb}", "kind", "failed",
					"set", w->name, "entries",
					(json_int_t)w->entries, "why",
					"the kernel does not take it",
					"ours", 1));
		return;
	}
	for (int kind = 0; kind < STREAM_KINDS; kind++) {
		if (!stream_fits(w, (enum stream_kind)kind))
			continue;
		stream_fill(s, w, (enum stream_kind)kind);
		measure(&p, w, &k, s, e, out);
	}
}

/* Whether skpolc compiles it at LEVEL, which is told. */
static bool costs(const struct bench *b, struct workload *w,
		  unsigned int level, FILE *out)
{
	unsigned int limit = b->quick ? 20 : level == 2 ? 120 : 60;
	struct cost cost;

	cost_measure(&cost, w, b->folder, level, limit);
	send_row(out, cost_row(w, &cost));
	return !cost.failed[0];
}

static void measure_set(const struct bench *b, const struct set *set,
			FILE *out)
{
	struct workload w = { .name = set->name };
	bool compiles[LEVELS] = { false };

	if (!prepare(b, set, &w)) {
		send_row(out, json_pack("{ss ss si ss}", "kind", "failed",
					"set", set->name, "entries", 0, "why",
					"its data is not here"));
		return;
	}
	for (unsigned int level = LEVELS; level-- > 0;)
		if (level == 2 || w.entries <= COMPARES_MAX)
			compiles[level] = costs(b, &w, level, out);
	if (compiles[2])
		lookups(&w, b->quick ? &quick_effort : &usual_effort,
			compiles, out);
}

/* ----------------------------------------------------------- all of them */

static void take_row(struct bench *b, const char *line)
{
	json_t *row = json_loads(line, 0, NULL);

	if (!row)
		return;
	b->wrong += (size_t)json_integer_value(json_object_get(row, "wrong"));
	b->wrong += json_is_true(json_object_get(row, "ours"));
	if (strcmp(json_string_value(json_object_get(row, "kind")), "cost"))
		report_row(row);
	json_array_append_new(b->rows, row);
}

static void run_set(struct bench *b, const struct set *set)
{
	char line[4096];
	int ends[2], status;
	FILE *in;
	pid_t pid;

	fflush(stdout);
	if (pipe(ends))
		exit(3);
	pid = fork();
	if (!pid) {
		close(ends[0]);
		measure_set(b, set, fdopen(ends[1], "w"));
		_exit(0);
	}
	close(ends[1]);
	in = fdopen(ends[0], "r");
	while (fgets(line, sizeof(line), in))
		take_row(b, line);
	fclose(in);
	if (waitpid(pid, &status, 0) == pid && status) {
		snprintf(line, sizeof(line), "{\"kind\":\"failed\",\"set\":"
			 "\"%s\",\"why\":\"the benchmark ended with status "
			 "%#x\",\"ours\":true}", set->name,
			 (unsigned int)status);
		take_row(b, line);
	}
}

static bool asked_for(const struct set *s, char **patterns)
{
	if (!*patterns)
		return s->usual;
	for (; *patterns; patterns++)
		if (!fnmatch(*patterns, s->name, 0))
			return true;
	return false;
}

static size_t run_sets(struct bench *b, char **patterns)
{
	size_t n = 0;

	for (size_t i = 0; i < SETS; i++)
		if (asked_for(&sets[i], patterns)) {
			run_set(b, &sets[i]);
			n++;
		}
	for (; *patterns; patterns++)
		if (strstr(*patterns, ".skl")) {
			struct set s = { *patterns, FILES, true, 0, { 0 } };

			s.files[0] = realpath(*patterns, NULL);
			run_set(b, &s);
			n++;
		}
	return n;
}

static int finish(struct bench *b)
{
	report_kind(b->rows, "cost");
	if (!b->quick) {
		goals_add(b->rows);
		report_kind(b->rows, "goal");
	}
	if (b->output && !report_write(b->output, b->rows))
		return 3;
	if (b->wrong)
		fprintf(stderr, "bench: %zu answers are wrong\n", b->wrong);
	return b->wrong ? 1 : 0;
}

static void empty_folder(const struct bench *b)
{
	static const char *const files[] = { "policy.skl", "log", "set.skl",
					     "set.pkt", "" };
	char path[512];

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		snprintf(path, sizeof(path), "%s/%s", b->folder, files[i]);
		remove(path);
	}
}

static int list(void)
{
	for (size_t i = 0; i < SETS; i++)
		printf("%s\n", sets[i].name);
	return 0;
}

static bool alone_on_one_cpu(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	return !geteuid() && !unshare(CLONE_NEWNET) &&
		!sched_setaffinity(0, sizeof(one), &one);
}

int main(int argc, char **argv)
{
	struct bench b = { .source = "..", .data = "../../shared/data",
			   .folder = "/tmp/skpol-bench.XXXXXX",
			   .rows = json_array() };
	int got, status;

	while ((got = getopt(argc, argv, "lqo:s:d:")) != -1)
		switch (got) {
		case 'l':
			return list();
		case 'q':
			b.quick = true;
			break;
		case 'o':
			b.output = optarg;
			break;
		case 's':
			b.source = optarg;
			break;
		case 'd':
			b.data = optarg;
			break;
		default:
			return 2;
		}
	libbpf_set_print(NULL);
	if (!alone_on_one_cpu()) {
		fprintf(stderr, "bench: loading programs needs root\n");
		return 77;
	}
	if (!mkdtemp(b.folder))
		return 3;
	if (!run_sets(&b, argv + optind)) {
		fprintf(stderr, "bench: no set of that name: see bench -l\n");
		status = 2;
	} else {
		status = finish(&b);
	}
	empty_folder(&b);
	json_decref(b.rows);
	return status;
}
