/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_cost - what it takes to compile a workload's policy, and to load it
 *
 * In: a workload, a folder. Out: time and memory of skpolc, run as a user does,
 * and the size of the object; what it says when it cannot, first. The object is
 * loaded by libbpf.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

static void write_file(const char *path, const char *text, size_t size)
{
	FILE *f = fopen(path, "w");

	if (!f || fwrite(text, 1, size, f) != size || fclose(f)) {
		perror(path);
		exit(1);
	}
}

static void become_skpolc(const struct cost *c, const char *path,
			  const char *object, const char *log,
			  unsigned int limit)
{
	static const char *const levels[] = { "-O0", "-O1", "-O2" };
	struct rlimit cpu = { limit, limit };
	int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	setrlimit(RLIMIT_CPU, &cpu);
	dup2(fd, STDERR_FILENO);
	execl("./skpolc", "skpolc", levels[c->optimize], path, "-o", object,
	      (char *)NULL);
	_exit(127);
}

/* The first error in LOG, or how it ended. */
static void explain(struct cost *c, const char *log, int status,
		    unsigned int limit)
{
	char line[512];
	FILE *f = fopen(log, "r");

	while (f && !c->failed[0] && fgets(line, sizeof(line), f))
		if (!strncmp(line, "error", 5))
			snprintf(c->failed, sizeof(c->failed), "%.*s",
				 (int)strcspn(line, "\n"), line);
	if (f)
		fclose(f);
	if (c->failed[0])
		return;
	if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU ||
				    WTERMSIG(status) == SIGKILL))
		snprintf(c->failed, sizeof(c->failed),
			 "stopped after %u s of computing", limit);
	else
		snprintf(c->failed, sizeof(c->failed),
			 "skpolc ended with status %#x", (unsigned int)status);
}

/*
 * What takes no long time is tried again, and the least counts: a machine is busy
 * at times, and one in a machine is first given memory when it asks.
 */
enum { TRIES = 3 };
static const double short_seconds = 8;

static bool compile_once(struct cost *c, const char *path, const char *object,
		       const char *log, unsigned int limit)
{
	struct rusage use;
	struct stat st;
	double begin = bench_now();
	pid_t pid = fork();
	int status = -1;

	if (!pid)
		become_skpolc(c, path, object, log, limit);
	if (wait4(pid, &status, 0, &use) == pid)
		c->mib = (double)use.ru_maxrss / 1024;
	begin = bench_now() - begin;
	if (!c->compile || begin < c->compile)
		c->compile = begin;
	if (status || stat(object, &st)) {
		explain(c, log, status, limit);
		return false;
	}
	c->object = (size_t)st.st_size;
	return true;
}

static bool compile_it(struct cost *c, const char *path, const char *object,
		       const char *log, unsigned int limit)
{
	for (int i = 0; i < TRIES; i++) {
		if (!compile_once(c, path, object, log, limit))
			return false;
		if (c->compile > short_seconds)
			break;
	}
	return true;
}

static void load_once(struct cost *c, const char *object)
{
	struct bpf_object *o = bpf_object__open_file(object, NULL);
	struct bpf_map *map, *rodata = NULL;
	double begin;

	if (!o) {
		snprintf(c->failed, sizeof(c->failed), "libbpf cannot open it");
		return;
	}
	c->insns = bpf_program__insn_cnt(bpf_object__next_program(o, NULL));
	bpf_object__for_each_map(map, o)
		if (strstr(bpf_map__name(map), "rodata"))
			rodata = map;
	c->tables = rodata ? bpf_map__value_size(rodata) : 0;
	begin = bench_now();
	if (bpf_object__load(o))
		snprintf(c->failed, sizeof(c->failed), "it does not load: %s",
			 strerror(errno));
	begin = bench_now() - begin;
	if (!c->load || begin < c->load)
		c->load = begin;
	bpf_object__close(o);
}

void cost_measure(struct cost *c, const struct workload *w, const char *folder,
		  unsigned int optimize, unsigned int limit)
{
	char path[512], object[512], log[512];

	memset(c, 0, sizeof(*c));
	c->optimize = optimize;
	snprintf(path, sizeof(path), "%s/policy.skl", folder);
	snprintf(object, sizeof(object), "%s/policy.o", folder);
	snprintf(log, sizeof(log), "%s/log", folder);
	if (!w->path)
		write_file(path, w->text, w->size);
	if (compile_it(c, w->path ? w->path : path, object, log, limit))
		for (int i = 0; i < TRIES && !c->failed[0] &&
		     c->load < short_seconds; i++)
			load_once(c, object);
	unlink(object);
}
