/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * everywhere - each namespace that has state in the bpf file system
 *
 * In: folders. Out: handles. Names are tried first, then the caller's own,
 * then those of processes, each namespace once, until every folder has its
 * namespace: on a host with few namespaces /proc is hardly looked at.
 */
#include "everywhere.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "auto.h"
#include "netns.h"
#include "state.h"

struct seen { dev_t dev; ino_t ino; };

struct search {
	const struct skpol_options *options;
	struct everywhere *out;
	size_t missing;		/* folders without a handle */
	struct seen *seen;
	size_t nseen, cap;
	int err;
};

static int compare_names(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;
	size_t n = strlen(x), m = strlen(y);

	/* numbers by value: there are no leading zeros */
	return n != m ? (n < m ? -1 : 1) : strcmp(x, y);
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What is in PATH and begins with one of FIRST (NULL: anything but a dot). */
static size_t list(const char *path, const char *first, char ***names,
		   int (*compare)(const void *a, const void *b))
{
	AUTO_DIR dir = opendir(path);
	struct dirent *e;
	size_t n = 0;

	*names = NULL;
	while (dir && (e = readdir(dir))) {
		char **more, *copy;

		if (*e->d_name == '.' || (first && !strchr(first, *e->d_name)))
			continue;
		copy = strdup(e->d_name);
		more = realloc(*names, (n + 1) * sizeof(**names));
		*names = more ? more : *names;
		if (!more || !copy) {
			free(copy);
			break;
		}
		more[n++] = copy;
	}
	if (n)
		qsort(*names, n, sizeof(**names), compare);
	return n;
}

static void free_names(char **v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i]);
	free(v);
}

/* Whether PATH is a namespace that was not looked at yet. */
static bool is_new(struct search *f, const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return false;
	for (size_t i = 0; i < f->nseen; i++)
		if (f->seen[i].dev == st.st_dev && f->seen[i].ino == st.st_ino)
			return false;
	if (f->nseen == f->cap) {
		size_t cap = f->cap ? 2 * f->cap : 16;
		struct seen *v = realloc(f->seen, cap * sizeof(*v));

		if (!v)
			return true;
		f->seen = v;
		f->cap = cap;
	}
	f->seen[f->nseen++] = (struct seen){ st.st_dev, st.st_ino };
	return true;
}

static struct everywhere_place *place_of(struct search *f,
					 const char *identity)
{
	for (size_t i = 0; i < f->out->n; i++)
		if (!f->out->v[i].reached &&
		    !strcmp(f->out->v[i].s->identity, identity))
			return &f->out->v[i];
	return NULL;
}

/* Opens the namespace NAME, and keeps it if a folder is its own. */
static void try(struct search *f, const char *name)
{
	struct skpol_options o = *f->options;
	struct everywhere_place *p;
	struct skpol *s;
	char *copy;
	int err;

	o.netns = name;
	err = skpol_open(&o, &s);
	p = err ? NULL : place_of(f, s->identity);
	copy = p && name ? strdup(name) : NULL;
	if (!p || (name && !copy)) {
		skpol_close(s);
		return;
	}
	skpol_close(p->s);
	free(p->name);
	*p = (struct everywhere_place){ copy, s, true };
	f->missing--;
}

static void try_names(struct search *f)
{
	size_t n, i;
	char **v;

	n = list("/run/netns", NULL, &v, compare_texts);
	for (i = 0; i < n && f->missing; i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "/run/netns/%s", v[i]);
		if (is_new(f, path))
			try(f, v[i]);
	}
	free_names(v, n);
	if (f->missing && is_new(f, "/proc/thread-self/ns/net"))
		try(f, NULL);
}

static void try_processes(struct search *f)
{
	size_t n = 0, i;
	char **v = NULL;

	if (f->missing)
		n = list("/proc", "123456789", &v, compare_names);
	for (i = 0; i < n && f->missing; i++) {
		char path[300], name[300];

		snprintf(path, sizeof(path), "/proc/%s/ns/net", v[i]);
		snprintf(name, sizeof(name), "pid:%s", v[i]);
		if (is_new(f, path))
			try(f, name);
	}
	free_names(v, n);
}

/* A handle that knows the folder, and no namespace. */
static int add_folder(struct search *f, const char *root, const char *identity)
{
	struct everywhere *e = f->out;
	struct everywhere_place *more = realloc(e->v, (e->n + 1) *
						sizeof(*e->v));
	struct skpol *s = calloc(1, sizeof(*s));
	char *name = strdup(identity);

	e->v = more ? more : e->v;
	if (!more || !s || !name || handle_set_folders(s, root, identity)) {
		free(s);
		free(name);
		return -ENOMEM;
	}
	s->netns = -1;
	s->note = f->options->note;
	s->ctx = f->options->ctx;
	e->v[e->n++] = (struct everywhere_place){ name, s, false };
	f->missing++;
	return 0;
}

/* Sweeps, and lists what is left. */
static int list_folders(struct search *f)
{
	struct skpol nobody = { .netns = -1 };
	char **v;
	size_t n, i;
	int err = handle_set_root(&nobody, f->options->bpffs);

	if (!err)
		err = state_find(&nobody);
	if (err && err != -ENOENT) {
		memcpy(f->out->message, nobody.message, MESSAGE_MAX);
		return err;
	}
	state_sweep_dead(&nobody);
	n = list(nobody.root, "i0123456789", &v, compare_names);
	err = 0;
	for (i = 0; !err && i < n; i++)
		err = add_folder(f, nobody.root, v[i]);
	free_names(v, n);
	if (err)
		snprintf(f->out->message, MESSAGE_MAX, "out of memory");
	return err;
}

int everywhere_find(const struct skpol_options *o, struct everywhere *e)
{
	struct search f = { .options = o, .out = e };
	int err;

	*e = (struct everywhere){ .v = NULL };
	err = list_folders(&f);
	if (!err) {
		try_names(&f);
		try_processes(&f);
	} else {
		everywhere_free(e);
	}
	free(f.seen);
	return err;
}

void everywhere_free(struct everywhere *e)
{
	for (size_t i = 0; i < e->n; i++) {
		skpol_close(e->v[i].s);
		free(e->v[i].name);
	}
	free(e->v);
	e->v = NULL;
	e->n = 0;
}
