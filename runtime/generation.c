/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * generation - a policy that was applied: program, maps, and what it means
 *
 * In: descriptors and JSON. Out: a folder of pins, and back. Promise: a
 * numbered folder is complete when it appears; the live generation is found
 * by the program that the link runs, never by a note that could be stale.
 */
#include "generation.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "abi.h"
#include "auto.h"
#include "blob.h"
#include "confirm.h"
#include "counter.h"
#include "state.h"

enum { LIVE_TRIES = 20 };

static bool parse_number(const char *name, uint32_t *number)
{
	char *end;
	unsigned long v = strtoul(name, &end, 10);

	*number = (uint32_t)v;
	return *name >= '1' && *name <= '9' && !*end && v < UINT32_MAX;
}

static int compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

int generation_list(struct skpol *s, uint32_t **v, size_t *n)
{
	AUTO_DIR dir = opendir(s->dir);
	AUTO_FREE uint32_t *list = NULL;
	struct dirent *e;
	uint32_t number;

	*n = 0;
	if (!dir && errno != ENOENT)
		return fail_system(s, -errno, "cannot read %s: %s", s->dir,
				   strerror(errno));
	while (dir && (e = readdir(dir))) {
		uint32_t *more;

		if (!parse_number(e->d_name, &number))
			continue;
		more = realloc(list, (*n + 1) * sizeof(*list));
		if (!more)
			return fail_memory(s);
		list = more;
		list[(*n)++] = number;
	}
	if (*n)
		qsort(list, *n, sizeof(*list), compare_numbers);
	if (v) {
		*v = list;
		list = NULL;
	}
	return 0;
}

/* The pin NAME is there, and cannot be opened. */
static int fail_pin(struct skpol *s, int err, const char *name)
{
	if (err == -EACCES)
		return fail_system(s, err, "may not read %s/%s: be root, or let "
				   "a group read the state (skpol(8), "
				   "PRIVILEGES)", s->dir, name);
	if (err == -EPERM)	/* unprivileged_bpf_disabled, before 5.19 */
		return fail_bpf(s, err, "read the state");
	return fail_system(s, err, "cannot open %s/%s: %s%s", s->dir, name,
			   strerror(-err), err == -EMFILE ?
			   ": raise `ulimit -n`" : "");
}

/* Nobody but root reads packets; whoever else reads the rest needs none. */
static bool is_absent(int err, const char *what)
{
	return err == -ENOENT || (err == -EACCES && !strcmp(what, "events"));
}

/*
 * A pin of generation NUMBER, or -1. *ERR, with a message, when one is there
 * and cannot be opened; then no other is tried.
 */
static int get(struct skpol *s, uint32_t number, const char *what, int *err)
{
	char name[32];
	int fd;

	if (*err)
		return -1;
	snprintf(name, sizeof(name), "%u/%s", number, what);
	fd = pin_get_readonly(s, name);
	if (fd >= 0)
		return fd;
	if (!is_absent(fd, what))
		*err = fail_pin(s, fd, name);
	return -1;
}

/* Counters that are not of our shape would be written past their buffers. */
static int get_counters(struct skpol *s, uint32_t number, int *err)
{
	AUTO_FD fd = get(s, number, "counters", err);
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) ||
	    info.type != BPF_MAP_TYPE_PERCPU_ARRAY ||
	    info.value_size != sizeof(struct image_counter))
		return -1;
	return take_fd(&fd);
}

static json_t *get_blob(struct skpol *s, uint32_t number, const char *what,
			int *err)
{
	AUTO_FD fd = get(s, number, what, err);

	return fd < 0 ? NULL : blob_read(s, fd);
}

static uint32_t program_id(int fd)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		return 0;
	return info.id;
}

int generation_open(struct skpol *s, uint32_t number, struct generation *g)
{
	char path[PATH_MAX];
	struct stat st;
	int err = 0;

	*g = GENERATION_NONE;
	if (stat(state_path(s, path, "%u", number), &st))
		return -ENOENT;
	g->number = number;
	g->program = get(s, number, "program", &err);
	g->program_id = program_id(g->program);
	g->counters = get_counters(s, number, &err);
	g->events = get(s, number, "events", &err);
	g->sockets = get(s, number, "sockets", &err);
	g->meta = get_blob(s, number, "meta", &err);
	g->base = get_blob(s, number, "base", &err);
	if (err)
		generation_close(g);
	return err;
}

int generation_read_manifest(struct skpol *s, struct generation *g)
{
	int err = 0;

	if (g->manifest)
		return 0;
	g->manifest = get_blob(s, g->number, "manifest", &err);
	if (err)
		return err;
	if (!g->manifest)
		return fail_system(s, -EUCLEAN, "generation %u has lost its "
				   "manifest: apply the policy again",
				   g->number);
	return 0;
}

void generation_close(struct generation *g)
{
	auto_close(&g->program);
	auto_close(&g->counters);
	auto_close(&g->events);
	auto_close(&g->sockets);
	json_decref(g->meta);
	json_decref(g->base);
	json_decref(g->manifest);
	*g = GENERATION_NONE;
}

int generation_newest(struct skpol *s, struct generation *g)
{
	AUTO_FREE uint32_t *v = NULL;
	size_t n;
	int err = generation_list(s, &v, &n);

	*g = GENERATION_NONE;
	if (err)
		return err;
	return n ? generation_open(s, v[n - 1], g) : -ENOENT;
}

/* The generation that has program ID, searched from the newest down. */
static int find_program(struct skpol *s, uint32_t id, struct generation *g)
{
	AUTO_FREE uint32_t *v = NULL;
	size_t n;
	int err = generation_list(s, &v, &n);

	*g = GENERATION_NONE;
	while (!err && n--) {
		AUTO_FD fd = get(s, v[n], "program", &err);

		if (program_id(fd) == id)
			return generation_open(s, v[n], g);
	}
	return err;
}

/* Whoever may change the state can open the link; others may still read. */
static int look(struct skpol *s, struct link_view *v)
{
	int err = link_view(s, v);

	if (err != -EACCES && err != -EPERM)
		return err;
	handle_begin(s);
	*v = (struct link_view){ .state = LINK_HIDDEN, .fd = -1 };
	return 0;
}

/* Readers hold no lock: the link may move while they look for its folder. */
int live_find(struct skpol *s, struct live *v)
{
	int err = 0;

	for (int i = 0; i < LIVE_TRIES; i++) {
		struct link_view again;
		bool moved;

		err = look(s, &v->link);
		v->gen = GENERATION_NONE;
		if (err)
			return err;
		err = v->link.state == LINK_ALIVE ?
			find_program(s, v->link.program_id, &v->gen) :
			generation_newest(s, &v->gen);
		if (err == -ENOENT)
			err = 0;
		if (err || v->gen.number || look(s, &again))
			break;
		moved = again.program_id != v->link.program_id;
		link_close(&again);
		if (!moved)
			break;
		live_close(v);
	}
	if (err)
		live_close(v);
	return err;
}

void live_close(struct live *v)
{
	link_close(&v->link);
	generation_close(&v->gen);
}

bool generation_complete(const struct generation *g)
{
	return g->number && g->program >= 0 && g->sockets >= 0 && g->meta &&
		g->base &&
		(g->counters >= 0 ||
		 !json_array_size(json_object_get(g->meta, "counters")));
}

/* ------------------------------------------------------------ sweeping */

struct kept {
	uint32_t programs[GENERATIONS_KEPT];
	size_t n;
};

static bool has_program(const struct kept *k, uint32_t id)
{
	for (size_t i = 0; i < k->n; i++)
		if (k->programs[i] == id)
			return true;
	return false;
}

/* A program is kept once, by the newest generation that ran it. */
static bool worth_keeping(struct skpol *s, struct kept *k, uint32_t number,
			  size_t most)
{
	struct generation g;
	int err = generation_open(s, number, &g);
	bool complete = !err && generation_complete(&g);
	uint32_t id = g.program_id;

	generation_close(&g);
	if (err && err != -ENOENT)
		return true;	/* it is there, and may be complete */
	if (!complete || k->n >= most || has_program(k, id))
		return false;
	k->programs[k->n++] = id;
	return true;
}

/* Keeps MOST generations, LIVE among them, and what LIVE counts with. */
static int sweep(struct skpol *s, const struct generation *live, size_t most)
{
	struct kept kept = { .programs = { program_id(live->program) },
			     .n = 1 };
	AUTO_FREE uint32_t *v = NULL;
	size_t n;
	int err = live->meta ? generation_list(s, &v, &n) : 0;

	if (!live->meta)
		return 0;
	while (!err && n--) {
		bool keep = v[n] == live->number ||
			(v[n] < live->number &&
			 worth_keeping(s, &kept, v[n], most)) ||
			counter_chained(live, v[n]);

		if (!keep)
			err = generation_delete(s, v[n]);
	}
	return err;
}

void generation_applied(const struct generation *g, bool changed,
			struct skpol_applied *out)
{
	const char *policy = json_string_value(json_object_get(g->meta,
							       "policy"));

	*out = (struct skpol_applied){ .changed = changed,
				       .generation = g->number };
	snprintf(out->policy, sizeof(out->policy), "%s", policy ? policy : "");
}

int generation_sweep(struct skpol *s, const struct generation *live)
{
	return sweep(s, live, GENERATIONS_KEPT);
}

int generation_sweep_kept(struct skpol *s, const struct generation *live)
{
	return sweep(s, live, 1);
}

static json_t *report_one(struct skpol *s, const struct generation *g,
			  bool live)
{
	json_t *from = json_object_get(g->meta, "from");
	json_t *j = json_pack("{s:I, s:O?, s:O?, s:O?, s:b}",
		"generation", (json_int_t)g->number,
		"policy", json_object_get(g->meta, "policy"),
		"sha256", json_object_get(g->meta, "sha256"),
		"object", json_object_get(g->meta, "object"), "live", live);

	if (from)
		json_object_set(j, "from", from);
	if (confirm_period(s, g).pending)
		json_object_set_new(j, "unconfirmed", json_true());
	return j;
}

json_t *generation_report(struct skpol *s, const struct live *live)
{
	json_t *list = json_array();
	AUTO_FREE uint32_t *v = NULL;
	size_t n;

	if (generation_list(s, &v, &n))
		return list;
	while (n--) {
		struct generation g;
		bool ours = v[n] == live->gen.number && live_attached(live);

		if (!generation_open(s, v[n], &g) &&
		    (ours || (v[n] <= live->gen.number &&
			      generation_complete(&g))))
			json_array_append_new(list, report_one(s, &g, ours));
		generation_close(&g);
	}
	return list;
}

static int find(struct skpol *s, uint32_t number, struct generation *g)
{
	struct live live;
	int err;

	if (number)
		return generation_open(s, number, g);
	err = live_find(s, &live);
	if (err)
		return err;
	*g = live.gen;
	live.gen = GENERATION_NONE;
	live_close(&live);
	return g->number ? 0 : -ENOENT;
}

int skpol_manifest_json(struct skpol *s, uint32_t *generation, char **json)
{
	struct generation g = GENERATION_NONE;
	int err;

	handle_begin(s);
	*json = NULL;
	err = state_find(s);
	err = err ? err : find(s, *generation, &g);
	if (err == -ENOENT)
		err = fail_input(s, err, "there is no such generation");
	err = err ? err : generation_read_manifest(s, &g);
	if (!err) {
		*generation = g.number;
		*json = json_dumps(g.manifest, JSON_COMPACT | JSON_SORT_KEYS);
		err = *json ? 0 : fail_memory(s);
	}
	generation_close(&g);
	return err;
}

/* ------------------------------------------------------------ writing */

static int pin(struct skpol *s, int fd, const char *what)
{
	char name[32];

	snprintf(name, sizeof(name), "new/%s", what);
	return fd < 0 ? 0 : pin_put(s, fd, name);
}

static int pin_blob(struct skpol *s, const json_t *j, const char *what)
{
	AUTO_FD fd = blob_write(s, what, j);

	return fd < 0 ? fd : pin(s, fd, what);
}

int generation_write(struct skpol *s, const struct generation *g)
{
	char from[PATH_MAX], to[PATH_MAX];
	int err = folder_make(s, "new");

	err = err ? err : pin(s, g->program, "program");
	err = err ? err : pin(s, g->counters, "counters");
	err = err ? err : pin(s, g->events, "events");
	err = err ? err : pin(s, g->sockets, "sockets");
	err = err ? err : pin_blob(s, g->manifest, "manifest");
	err = err ? err : pin_blob(s, g->base, "base");
	err = err ? err : pin_blob(s, g->meta, "meta");
	if (err)
		return err;
	state_path(s, from, "new");
	if (rename(from, state_path(s, to, "%u", g->number)))
		return fail_system(s, -errno, "cannot rename %s: %s", from,
				   strerror(errno));
	return 0;
}

int generation_delete(struct skpol *s, uint32_t number)
{
	char name[16];

	snprintf(name, sizeof(name), "%u", number);
	return folder_delete(s, name);
}

void generation_names(const json_t *objects, const char *key, char *buf,
		      size_t size)
{
	const char *last = "";
	size_t n = 0, i;
	json_t *o;

	buf[0] = '\0';
	json_array_foreach(objects, i, o) {
		const char *name = json_string_value(json_object_get(o, "name"));

		if (!name || !strcmp(name, last) ||
		    (key && !json_is_true(json_object_get(o, key))))
			continue;
		n += (size_t)snprintf(buf + n, size - n, "%s%s",
				      n ? ", " : "", name);
		if (n >= size)
			return;
		last = name;
	}
}
