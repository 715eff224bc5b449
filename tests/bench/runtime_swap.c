/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runtime_swap - a policy is replaced again and again, under load
 *
 * By turns another policy is applied, and the one before is run again. Both
 * send what the clients dial to one service: nobody may be refused, nobody
 * answered elsewhere, and the counters are to show every connection and every
 * datagram in the end.
 */
#include <bpf/bpf.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime.h"

#define POLICY(extra) \
	"policy swap\n" \
	"socket web at 127.0.0.2 port 8008\n" \
	"stream: tcp to 127.0.0.1 port 7007 -> web count\n" \
	"packets: udp to 127.0.0.1 port 7007 -> web count\n" \
	extra \
	"default -> pass\n"

struct counts {
	uint64_t stream, packets, failed;
};

static void take_counts(void *ctx, const struct skpol_rule_stats *s)
{
	struct counts *c = ctx;

	if (!strcmp(s->name, "stream"))
		c->stream = s->hits;
	if (!strcmp(s->name, "packets"))
		c->packets = s->hits;
	c->failed += s->missing + s->refused;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

struct times {
	double *ms;
	size_t n;
};

static void told(struct runtime *r, const char *what, struct times *t)
{
	char name[80];

	qsort(t->ms, t->n, sizeof(*t->ms), by_value);
	snprintf(name, sizeof(name), "%s: half under", what);
	figure_ms(r, name, t->ms[t->n / 2], 0);
	snprintf(name, sizeof(name), "%s: 99 of 100 under", what);
	figure_ms(r, name, t->ms[t->n * 99 / 100], 0);
}

static uint32_t program_of(int link)
{
	struct bpf_link_info info = { 0 };
	uint32_t size = sizeof(info);

	return bpf_obj_get_info_by_fd(link, &info, &size) ? 0 : info.prog_id;
}

static uint32_t id_of(int program)
{
	struct bpf_prog_info info = { 0 };
	uint32_t size = sizeof(info);

	return bpf_obj_get_info_by_fd(program, &info, &size) ? 0 : info.id;
}

/* The pinned link (LIVE 0), or a pinned program that is not LIVE. */
static int pinned(const struct runtime *r, const char *pattern, uint32_t live)
{
	char path[128];
	int fd = -1;
	glob_t g;

	snprintf(path, sizeof(path), "%s/skpol/*/%s", r->bpffs, pattern);
	if (glob(path, 0, NULL, &g))
		give_up(path);
	for (size_t i = 0; i < g.gl_pathc && fd < 0; i++) {
		fd = bpf_obj_get(g.gl_pathv[i]);
		if (live && id_of(fd) == live) {
			close(fd);
			fd = -1;
		}
	}
	globfree(&g);
	if (fd < 0)
		give_up(pattern);
	return fd;
}

/* What stands between two policies: the kernel's call, there and back. */
static void switch_links(struct runtime *r)
{
	int link = pinned(r, "link", 0);
	uint32_t id = program_of(link);
	int live = bpf_prog_get_fd_by_id(id);
	int other = pinned(r, "*/program", id);
	double least = 1e9;

	for (int i = 0; i < 200; i++) {
		LIBBPF_OPTS(bpf_link_update_opts, o, .flags = BPF_F_REPLACE,
			    .old_prog_fd = (uint32_t)(i % 2 ? other : live));
		double begin = runtime_now();

		if (bpf_link_update(link, i % 2 ? live : other, &o))
			give_up("BPF_LINK_UPDATE");
		begin = runtime_now() - begin;
		least = begin < least ? begin : least;
	}
	figure_ms(r, "swap of a loaded program: the switch itself", least, 1);
	close(link);
	close(other);
	close(live);
}

/* When nothing else competes for the processor: all that is done for it. */
static void swap_quietly(struct runtime *r)
{
	struct skpol *s = runtime_open(r);
	struct skpol_applied a;
	double least = 1e9;

	for (int i = 0; i < 50; i++) {
		double begin = runtime_now();

		if (skpol_rollback(s, 0, &a))
			give_up(skpol_message(s));
		begin = runtime_now() - begin;
		least = begin < least ? begin : least;
	}
	figure_ms(r, "skpol_rollback, no load: the least", least, 0);
	skpol_close(s);
}

static void swap(struct runtime *r, size_t n)
{
	struct skpol_apply_options o = { .size = sizeof(o) };
	struct times apply = { calloc(n, sizeof(double)), 0 };
	struct times back = { calloc(n, sizeof(double)), 0 };
	struct skpol *s = runtime_open(r);
	struct skpol_applied a;
	uint64_t failed = 0;
	size_t size;
	void *two = runtime_object(r, "two", &size);

	for (size_t i = 0; i < n; i++) {
		struct times *t = i % 2 ? &back : &apply;
		double begin = runtime_now();

		if (i % 2 ? skpol_rollback(s, 0, &a) :
		    skpol_apply(s, two, size, &o, &a)) {
			fprintf(stderr, "runtime: %s\n", skpol_message(s));
			failed++;
		}
		t->ms[t->n++] = runtime_now() - begin;
	}
	figure_count(r, "swaps that failed", failed, 0);
	told(r, "under load, apply", &apply);
	told(r, "under load, rollback", &back);
	skpol_close(s);
	free(two);
	free(apply.ms);
	free(back.ms);
}

static void compare(struct runtime *r, const struct load *l)
{
	struct skpol *s = runtime_open(r);
	struct counts c = { 0, 0, 0 };

	if (skpol_stats(s, take_counts, &c))
		give_up(skpol_message(s));
	figure_count(r, "connections tried", l->connects, l->connects);
	figure_count(r, "datagrams sent", l->datagrams, l->datagrams);
	figure_count(r, "refused", l->refused + l->udp_refused, 0);
	figure_count(r, "answered elsewhere",
		     l->elsewhere + l->udp_elsewhere, 0);
	figure_count(r, "answered by nobody", l->broken + l->udp_lost, 0);
	figure_count(r, "connections counted", c.stream, l->connects);
	figure_count(r, "datagrams counted", c.packets, l->datagrams);
	figure_count(r, "times a socket was missing", c.failed, 0);
	skpol_close(s);
}

void runtime_swaps(struct runtime *r)
{
	size_t n = r->quick ? 20 : 10000;
	struct load *l;

	runtime_compile(r, "one", POLICY("one: tcp port 7001 -> drop\n"));
	runtime_compile(r, "two", POLICY("two: tcp port 7002 -> drop\n"));
	figure_count(r, "swaps", n, n);
	l = load_serve();
	if (runtime_command(r, "./skpol --bpffs %s apply %s/one.o "
			    ">%s/said 2>&1", r->bpffs, r->folder, r->folder))
		give_up("skpol apply");
	load_dial(l);
	swap(r, n);
	load_stop(l);
	compare(r, l);
	switch_links(r);
	swap_quietly(r);
	runtime_status(r);
}
