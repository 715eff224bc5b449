/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listener - who listens to the events of a generation
 *
 * In: what somebody wants to hear. Out: the same, for each processor, where
 * the program looks. What the program writes there at that moment may be lost
 * with it: a count of what nobody had asked for yet.
 */
#include "listener.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "auto.h"
#include "state.h"

static bool fits(int fd, uint32_t index)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	return !bpf_obj_get_info_by_fd(fd, &info, &len) &&
		info.type == BPF_MAP_TYPE_PERCPU_ARRAY &&
		info.value_size == sizeof(struct image_listener) &&
		info.max_entries == index + 1;
}

int listener_open(struct skpol *s, const struct generation *g,
		  struct listener *l)
{
	AUTO_FD fd = -1;
	char name[32];

	*l = (struct listener){ .counters = -1, .index = (uint32_t)
		json_array_size(json_object_get(g->meta, "counters")) };
	if (g->events < 0)
		return -ENOENT;
	snprintf(name, sizeof(name), "%u/counters", g->number);
	fd = pin_get(s, name);
	if (fd < 0)
		return fail_bpf(s, fd, "listen to the policy");
	if (!fits(fd, l->index))
		return fail_system(s, -EUCLEAN, "generation %u was compiled by "
				   "an older skpolc: compile its policy again "
				   "to hear of packets", g->number);
	l->counters = take_fd(&fd);
	return 0;
}

void listener_close(struct listener *l)
{
	auto_close(&l->counters);
	l->counters = -1;
}

static struct image_listener *allocate(struct skpol *s, int *cpus)
{
	struct image_listener *v;

	*cpus = libbpf_num_possible_cpus();
	v = *cpus > 0 ? calloc((size_t)*cpus, sizeof(*v)) : NULL;
	if (!v)
		fail_memory(s);
	return v;
}

static int read_cells(struct skpol *s, const struct listener *l,
		      struct image_listener *v)
{
	int err = bpf_map_lookup_elem(l->counters, &l->index, v);

	return err ? fail_bpf(s, err, "look who listens to the policy") : 0;
}

int listener_set(struct skpol *s, const struct listener *l, uint64_t every,
		 uint64_t rule, bool keep)
{
	int cpus, err;
	AUTO_FREE struct image_listener *v = allocate(s, &cpus);

	if (!v)
		return -ENOMEM;
	err = keep ? read_cells(s, l, v) : 0;
	for (int i = 0; i < cpus; i++)
		v[i] = (struct image_listener){ .every = every, .rule = rule,
						.lost = v[i].lost };
	err = err ? err : bpf_map_update_elem(l->counters, &l->index, v,
					      BPF_ANY);
	return err ? fail_bpf(s, err, "listen to the policy") : 0;
}

static int read_all(struct skpol *s, const struct listener *l,
		    struct image_listener *sum)
{
	int cpus, err;
	AUTO_FREE struct image_listener *v = allocate(s, &cpus);

	if (!v)
		return -ENOMEM;
	err = read_cells(s, l, v);
	if (err)
		return err;
	*sum = v[0];
	for (int i = 1; i < cpus; i++)
		sum->lost += v[i].lost;
	return 0;
}

bool listener_is_set(struct skpol *s, const struct listener *l, uint64_t every)
{
	struct image_listener sum;

	return !read_all(s, l, &sum) && sum.every == every;
}

int listener_lost(struct skpol *s, const struct listener *l, uint64_t *lost)
{
	struct image_listener sum;
	int err = read_all(s, l, &sum);

	*lost = err ? 0 : sum.lost;
	return err;
}

/* A folder that nobody but the owner of the state can open. */
int listener_lock(struct skpol *s)
{
	char path[PATH_MAX];
	AUTO_FD fd = -1;

	state_path(s, path, "trace");
	if (mkdir(path, 0700) && errno != EEXIST)
		return fail_bpf(s, -errno, "listen to the policy");
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail_bpf(s, -errno, "listen to the policy");
	if (flock(fd, LOCK_EX | LOCK_NB))
		return errno != EWOULDBLOCK ?
			fail_system(s, -errno, "cannot lock %s: %s", path,
				    strerror(errno)) :
			fail_system(s, -EBUSY, "somebody listens to this "
				    "policy already (another `skpol trace`): "
				    "an event goes to one");
	return take_fd(&fd);
}

int listener_keep(struct skpol *s, int *lock)
{
	char path[PATH_MAX];
	struct stat ours, there;

	if (!fstat(*lock, &ours) &&
	    !stat(state_path(s, path, "trace"), &there) &&
	    ours.st_ino == there.st_ino)
		return 0;
	auto_close(lock);
	*lock = listener_lock(s);
	return *lock < 0 ? *lock : 0;
}

static bool somebody_listens(const struct skpol *s)
{
	char path[PATH_MAX];
	AUTO_FD fd = open(state_path(s, path, "trace"),
			  O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
}

/* What the listener of LIVE asks for, in the rules of NEXT. */
static void translate(struct skpol *s, struct generation *live,
		      const struct generation *next, struct image_listener *v)
{
	const json_t *rule;
	const char *name;
	int64_t number;

	if (!v->rule)
		return;
	if (generation_read_manifest(s, live)) {
		v->every = 0;
		return;
	}
	rule = json_array_get(json_object_get(live->manifest, "rules"),
			      v->rule - 1);
	name = json_string_value(json_object_get(rule, "name"));
	number = name ? listener_rule(next->manifest, name) : -ENOENT;
	if (number < 0)
		v->every = 0;
	else
		v->rule = (uint64_t)number;
}

void listener_carry(struct skpol *s, struct generation *live,
		    const struct generation *next)
{
	struct skpol quiet = *s;
	struct listener from, to;
	struct image_listener v = { .every = 0 };

	if (listener_open(&quiet, next, &to))
		return;
	if (somebody_listens(s) && !listener_open(&quiet, live, &from)) {
		if (read_all(&quiet, &from, &v))
			v.every = 0;
		translate(&quiet, live, next, &v);
		listener_close(&from);
	}
	listener_set(&quiet, &to, v.every, v.rule, true);
	listener_close(&to);
}

int64_t listener_rule(const json_t *manifest, const char *name)
{
	int64_t found = -ENOENT;
	json_t *rule;
	size_t i;

	json_array_foreach(json_object_get(manifest, "rules"), i, rule) {
		const char *this = json_string_value(json_object_get(rule,
								"name"));

		if (this && !strcmp(this, name) &&
		    json_is_true(json_object_get(rule, "trace")))
			found = found == -ENOENT ? (int64_t)i + 1 : 0;
	}
	return found;
}
