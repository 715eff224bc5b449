/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runtime - what the runtime takes, and what it must never lose
 *
 *	runtime [-q] [-o FILE.json] [swaps] [register] [change]
 *
 * From the build directory, as root. Parts: all, unless some are named. -q:
 * whether all works, in a second. Exit
 * status: 0, 1 when a count does not hold, 3 when the system refuses, 77 when
 * it cannot be tried here. Times never change it.
 */
#include "runtime.h"

#include <ftw.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

double runtime_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

void give_up(const char *what)
{
	fprintf(stderr, "runtime: %s: it cannot be done\n", what);
	exit(3);
}

/* --------------------------------------------------------------- figures */

static void keep(struct runtime *r, json_t *figure)
{
	json_array_append_new(r->figures, figure);
	fflush(stdout);
}

void figure_count(struct runtime *r, const char *name, uint64_t count,
		  uint64_t wanted)
{
	bool holds = count == wanted;

	printf("%-48s %10llu%s\n", name, (unsigned long long)count,
	       holds ? "" : "  WRONG");
	if (!holds)
		fprintf(stderr, "runtime: %s: %llu, not %llu\n", name,
			(unsigned long long)count, (unsigned long long)wanted);
	r->broken += !holds;
	keep(r, json_pack("{ss sI sI}", "figure", name, "count",
			  (json_int_t)count, "wanted", (json_int_t)wanted));
}

void figure_ms(struct runtime *r, const char *name, double ms, double limit)
{
	printf("%-48s %10.3f ms", name, ms);
	if (limit > 0)
		printf("  goal: under %g%s", limit, ms < limit ? "" :
		       ", MISSED");
	printf("\n");
	keep(r, json_pack("{ss sf sf}", "figure", name, "ms", ms, "goal",
			  limit));
}

/* ------------------------------------------------------------- processes */

int runtime_command(const struct runtime *r, const char *fmt, ...)
{
	char command[1024];
	va_list ap;
	int status;

	(void)r;
	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	fflush(stdout);
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

pid_t runtime_child(void (*work)(void *ctx), void *ctx)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		give_up("a process");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	work(ctx);
	_exit(0);
}

void runtime_end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* -------------------------------------------------------------- policies */

void runtime_compile(const struct runtime *r, const char *name,
		     const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.skl", r->folder, name);
	f = fopen(path, "w");
	if (!f || fputs(text, f) < 0 || fclose(f))
		give_up(path);
	if (runtime_command(r, "./skpolc %s -o %s/%s.o", path, r->folder,
			    name))
		give_up("skpolc");
}

void *runtime_object(const struct runtime *r, const char *name, size_t *size)
{
	char path[128];
	struct stat st;
	void *bytes;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.o", r->folder, name);
	f = fopen(path, "r");
	if (!f || fstat(fileno(f), &st))
		give_up(path);
	*size = (size_t)st.st_size;
	bytes = malloc(*size);
	if (fread(bytes, 1, *size, f) != *size)
		give_up(path);
	fclose(f);
	return bytes;
}

struct skpol *runtime_open(const struct runtime *r)
{
	struct skpol_options o = { .size = sizeof(o), .bpffs = r->bpffs };
	struct skpol *s;

	if (skpol_open(&o, &s))
		give_up(s ? skpol_message(s) : "memory");
	return s;
}

/* ------------------------------------------------------------- the world */

static void lo_up(void)
{
	struct ifreq i = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (ioctl(fd, SIOCSIFFLAGS, &i))
		give_up("lo");
	close(fd);
}

static bool make_world(struct runtime *r)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return false;
	if (!mkdtemp(r->folder))
		give_up(r->folder);
	snprintf(r->bpffs, sizeof(r->bpffs), "%s/bpf", r->folder);
	if (mkdir(r->bpffs, 0700) ||
	    mount("bpf", r->bpffs, "bpf", 0, "mode=0700"))
		return false;
	lo_up();
	return true;
}

static int unlink_one(const char *path, const struct stat *st, int type,
		      struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

static struct runtime r = { .folder = "/tmp/skpol-runtime.XXXXXX" };
static pid_t owner;

static void end_world(void)
{
	if (getpid() != owner || !r.bpffs[0])
		return;
	umount2(r.bpffs, MNT_DETACH);
	nftw(r.folder, unlink_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int finish(const char *output)
{
	json_t *all = json_pack("{si sO}", "version", 1, "figures",
				r.figures);
	char part[4096];

	if (output) {
		snprintf(part, sizeof(part), "%s.part", output);
		if (json_dump_file(all, part, JSON_INDENT(1) |
				   JSON_REAL_PRECISION(6)) ||
		    rename(part, output)) {
			perror(output);
			return 3;
		}
	}
	json_decref(all);
	return r.broken ? 1 : 0;
}

static const struct {
	const char *name;
	void (*measure)(struct runtime *r);
} parts[] = {
	{ "swaps", runtime_swaps },
	{ "register", runtime_register },
	{ "change", runtime_change },
};
enum { PARTS = sizeof(parts) / sizeof(*parts) };

static bool asked_for(const char *name, char **names)
{
	bool all = !*names;

	for (; *names; names++)
		all |= !strcmp(*names, name);
	return all;
}

int main(int argc, char **argv)
{
	const char *output = NULL;
	int got;

	while ((got = getopt(argc, argv, "qo:")) != -1)
		if (got == 'q')
			r.quick = true;
		else if (got == 'o')
			output = optarg;
		else
			return 2;
	r.figures = json_array();
	owner = getpid();
	atexit(end_world);
	if (!make_world(&r)) {
		fprintf(stderr, "SKIP: no namespaces or bpf file system of its "
			"own here: it needs root\n");
		return 77;
	}
	for (size_t i = 0; i < PARTS; i++)
		if (asked_for(parts[i].name, argv + optind))
			parts[i].measure(&r);
	return finish(output);
}
