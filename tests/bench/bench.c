/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench - the figures of README and of the issues, all in one run
 *
 * Two tables. What compiling costs: seconds, memory, sizes, seconds to load, by
 * running skpolc as a user does. What a packet costs: ns a run, net of the
 * empty program, for prefixes of several counts and streams of packets: our
 * program at -O2 and with compares only (-O1), the longest-prefix trie, a hash
 * map. Policies and packets are generated with a fixed seed; the rule sets of
 * SKPOL_SHARED are added where they are. Absolute times are this machine's:
 * compare within one run only.
 */
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../random/world.h"
#include <bpf/bpf.h>

#include "bench.h"

enum { LABELS = 16 };

/* ------------------------------------------------------------ prefixes */

struct prefixes {
	struct bench_prefix *v;
	size_t n;
};

static int by_low(const void *a, const void *b)
{
	const struct bench_prefix *x = a, *y = b;

	return x->low < y->low ? -1 : x->low > y->low;
}

/* N different prefixes /24, or of more bits where there are not enough. */
static struct prefixes random_prefixes(size_t n)
{
	struct prefixes p = { calloc(n, sizeof(*p.v)), 0 };
	struct random r = random_new(n);
	uint8_t length = n > 500000 ? 28 : 24;

	while (p.n < n) {
		size_t kept = 0;

		for (; p.n < n; p.n++)
			p.v[p.n] = (struct bench_prefix) {
				.family = 4, .length = length,
				.low = (uint32_t)random_next(&r) >>
					(32 - length) << (32 - length),
				.value = (uint16_t)random_below(&r, LABELS),
			};
		qsort(p.v, p.n, sizeof(*p.v), by_low);
		for (size_t i = 0; i < p.n; i++)
			if (!i || p.v[i].low != p.v[kept - 1].low)
				p.v[kept++] = p.v[i];
		p.n = kept;
	}
	return p;
}

static char *policy_text(const struct prefixes *p, size_t *size)
{
	char *text;
	FILE *f = open_memstream(&text, size);

	fprintf(f, "policy bench\n");
	for (int i = 0; i < LABELS - 2; i++)
		fprintf(f, "socket s%d tcp\n", i);
	fprintf(f, "map m by to {\n");
	for (size_t i = 0; i < p->n; i++) {
		uint32_t a = (uint32_t)p->v[i].low;
		char label[16];

		snprintf(label, sizeof(label), "s%u", p->v[i].value);
		fprintf(f, "%u.%u.%u.%u/%u -> %s\n", a >> 24, a >> 16 & 255,
			a >> 8 & 255, a & 255, p->v[i].length,
			p->v[i].value == LABELS - 2 ? "pass" :
			p->v[i].value == LABELS - 1 ? "drop" : label);
	}
	fprintf(f, "}\ntcp -> map m\ndefault -> pass\n");
	fclose(f);
	return text;
}

/* ------------------------------------------------------------- streams */

enum kind { HOT, SKEWED, UNIFORM, KINDS };
static const char *const kind_names[] = { "hot", "skewed", "uniform" };

/* A rank by Zipf's law with exponent 1, by inversion of its integral. */
static size_t zipf(struct random *r, size_t n)
{
	double u = (double)(random_next(r) >> 11) / 9007199254740992.0;

	return (size_t)(pow((double)n + 1, u) - 1);
}

static struct packet *make_stream(const struct prefixes *p, enum kind kind)
{
	struct packet *v = calloc(STREAM, sizeof(*v));
	struct random r = random_new(77);
	size_t hot = random_below(&r, (uint32_t)p->n);

	for (size_t i = 0; i < STREAM; i++) {
		size_t at = kind == HOT ? hot : kind == UNIFORM ?
			random_below(&r, (uint32_t)p->n) :
			zipf(&r, p->n) * 7919 % p->n;
		uint32_t inside = kind == HOT ? 1 :
			(uint32_t)random_next(&r);

		v[i] = (struct packet) {
			.family = 4, .protocol = PACKET_TCP, .local_port = 443,
			.remote_port = 50000, .remote = 0xc6336407,
			.local = p->v[at].low |
				(inside & (0xffffffffu >> p->v[at].length)),
		};
	}
	return v;
}

/* ------------------------------------------------------------- look-ups */

static bool compiled_program(struct stream *s, const char *text, size_t size,
			     unsigned int optimize, struct bench_program *out)
{
	struct compile_options o = {
		.optimize = optimize, .until = COMPILE_ALL, .text = text,
		.size = size, .name = "bench.skl",
		.target = target_find("6.18"),
		.prologue = bench_prologue, .prologue_ctx = s,
	};
	struct compiled c;
	bool done;

	if (compile(&c, NULL, &o))
		return false;
	done = c.image && bench_load(c.image, -1, out);
	compiled_free(&c);
	return done;
}

static void print_time(bool have, double ns)
{
	if (have)
		printf(" %8.1f", ns);
	else
		printf(" %8s", "-");
}

static double timed(const struct bench_program *p, bool cold)
{
	return cold ? bench_cold(p) : bench_warm(p);
}

/* One row: a stream, warm or cold, and all programs. */
static void row(const struct prefixes *p, const char *text, size_t size,
		enum kind kind, bool cold)
{
	struct packet *packets = make_stream(p, kind);
	struct stream s = { packets };
	struct bench_program empty, program;
	bool have;
	double zero = 0;

	if (!bench_empty(&s, &empty))
		exit(1);
	zero = timed(&empty, cold);
	printf("%9zu  %-8s %-5s", p->n, kind_names[kind],
	       cold ? "cold" : "warm");
	for (int i = 0; i < 4; i++) {
		program.program = -1;
		have = i == 0 ? compiled_program(&s, text, size, 2, &program) :
			i == 1 ? p->n <= 100000 && compiled_program(&s, text,
						size, 1, &program) :
			i == 2 ? bench_trie(&s, p->v, p->n, &program) :
			bench_hash(&s, p->v, p->n, &program);
		print_time(have, have ? timed(&program, cold) - zero : 0);
		if (have)
			bench_close(&program);
	}
	printf("\n");
	fflush(stdout);
	bench_close(&empty);
	free(packets);
}

static void lookups(size_t largest)
{
	printf("\nns a look-up, net of the empty program; tcp to n random "
	       "prefixes, 16 verdicts\n%9s  %-8s %-5s %8s %8s %8s %8s\n", "n",
	       "stream", "", "-O2", "compares", "trie", "hash");
	for (size_t n = 10; n <= largest; n *= 10) {
		struct prefixes p = random_prefixes(n);
		size_t size;
		char *text = policy_text(&p, &size);

		for (int kind = 0; kind < KINDS; kind++)
			row(&p, text, size, (enum kind)kind, false);
		row(&p, text, size, UNIFORM, true);
		free(text);
		free(p.v);
	}
}

/* ------------------------------------------------------------ compiling */

struct cost {
	double seconds, load;
	long kilobytes;
	size_t object, insns, tables;
	int status;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/*
 * What takes memory is done by a child: a process that is forked begins with
 * its parent's peak, and skpolc's own is to be seen.
 */
static void in_child(void (*work)(void *ctx), void *ctx)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		work(ctx);
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, &status, 0);
}

struct row {			/* in memory that children share */
	char path[256];
	size_t prefixes;
	struct cost cost;
};

static struct cost run_skpolc(const char *path, const char *object)
{
	struct cost c = { .status = -1 };
	struct rusage use;
	struct stat st;
	double begin = now();
	pid_t pid = fork();

	if (!pid) {
		execl("./skpolc", "skpolc", path, "-o", object, (char *)NULL);
		_exit(127);
	}
	if (wait4(pid, &c.status, 0, &use) == pid)
		c.kilobytes = use.ru_maxrss;
	c.seconds = now() - begin;
	if (!stat(object, &st))
		c.object = (size_t)st.st_size;
	return c;
}

/* The same policy once more, to see its size and the time to load it. */
static void load_cost(void *ctx)
{
	struct row *r = ctx;
	struct cost *c = &r->cost;
	struct compile_options o = { .optimize = 2, .until = COMPILE_ALL };
	struct bench_program p;
	struct compiled k;
	int sockets;

	if (compile(&k, r->path, &o))
		return;
	if (k.image) {
		sockets = bpf_map_create(BPF_MAP_TYPE_SOCKMAP, "sockets", 4, 8,
					 k.image->nslots + 1, NULL);
		c->insns = k.image->ninsns;
		c->tables = k.image->rodata_size;
		if (bench_load(k.image, sockets, &p))
			c->load = p.load_seconds;
		bench_close(&p);
	}
	compiled_free(&k);
}

static void cost_row(const char *name, const char *path, const char *object)
{
	struct row *r = mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct cost c;

	snprintf(r->path, sizeof(r->path), "%s", path);
	r->cost = run_skpolc(path, object);
	in_child(load_cost, r);
	c = r->cost;
	munmap(r, sizeof(*r));
	printf("%-22s %8.3f %8.1f %10zu %9zu %10zu %8.3f%s\n", name,
	       c.seconds, (double)c.kilobytes / 1024, c.object, c.insns,
	       c.tables, c.load, c.status ? "  FAILED" : "");
	fflush(stdout);
}

static void write_file(const char *path, const char *text, size_t size)
{
	FILE *f = fopen(path, "w");

	if (!f || fwrite(text, 1, size, f) != size || fclose(f)) {
		perror(path);
		exit(1);
	}
}

static void write_policy(void *ctx)
{
	struct row *r = ctx;
	struct prefixes p = random_prefixes(r->prefixes);
	size_t size;
	char *text = policy_text(&p, &size);

	write_file(r->path, text, size);
}

static void random_cost(const char *name, size_t n, const char *folder)
{
	struct row r = { .prefixes = n };
	char object[256];

	snprintf(r.path, sizeof(r.path), "%s/bench.skl", folder);
	snprintf(object, sizeof(object), "%s/bench.o", folder);
	in_child(write_policy, &r);
	cost_row(name, r.path, object);
}

/* argv: "sizes" FOLDER EDGE [NAME.skl...], or "lookups" LARGEST */
int main(int argc, char **argv)
{
	char object[256];

	if (geteuid() || unshare(CLONE_NEWNET)) {
		fprintf(stderr, "bench: loading programs needs root\n");
		return 77;
	}
	if (argc == 3 && !strcmp(argv[1], "lookups")) {
		lookups((size_t)atol(argv[2]));
		return 0;
	}
	if (argc < 4 || strcmp(argv[1], "sizes"))
		return 2;
	printf("%-22s %8s %8s %10s %9s %10s %8s\n", "policy", "compile s",
	       "MiB", "object", "insns", "tables", "load s");
	snprintf(object, sizeof(object), "%s/out.o", argv[2]);
	for (int i = 3; i < argc; i++) {
		const char *slash = strrchr(argv[i], '/');

		cost_row(slash ? slash + 1 : argv[i], argv[i], object);
	}
	random_cost("100,000 prefixes", 100000, argv[2]);
	random_cost("1,000,000 prefixes", 1000000, argv[2]);
	return 0;
}
