/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skpolc_write - what was made, to where -o says
 *
 * In: bytes, and what was read to make them. Out: an exit status. Promise: no
 * file that was read for them is written to, under whatever name; but fmt may
 * write the file that it read.
 */
#include <string.h>
#include <sys/stat.h>

#include "object.h"
#include "skpolc.h"

static bool is_source(const struct source_file *f, const struct stat *st)
{
	return f->ino && f->ino == st->st_ino && f->dev == st->st_dev;
}

static bool is_profile(const struct skpolc *k, const struct stat *st)
{
	struct stat profile;

	return k->profile && !stat(k->profile, &profile) &&
		profile.st_dev == st->st_dev && profile.st_ino == st->st_ino;
}

static int refuse(const struct skpolc *k, const char *what, const char *name)
{
	return skpolc_error(EXIT_USAGE, "-o %s would overwrite %s%s: nothing "
			    "is written, name another file", k->output, what,
			    name);
}

/* 0 where the output is none of what was read from file FIRST on. */
static int check_output(const struct skpolc *k, const struct source_set *s,
			size_t first)
{
	struct stat st;

	if (!strcmp(k->output, "-") || stat(k->output, &st) ||
	    !S_ISREG(st.st_mode))
		return 0;
	for (size_t i = first; i < s->nfiles; i++) {
		if (is_source(&s->files[i], &st))
			return refuse(k, i ? "what the policy reads, " :
				      "the policy, ", s->files[i].path);
	}
	return is_profile(k, &st) ? refuse(k, "the profile, ", k->profile) : 0;
}

static int write_output(const struct skpolc *k, const void *bytes, size_t size)
{
	int err = object_write(k->output, bytes, size);

	if (!err)
		return 0;
	return skpolc_error(EXIT_SYSTEM, "cannot write %s: %s",
			    strcmp(k->output, "-") ? k->output :
			    "standard output", strerror(-err));
}

int skpolc_write(const struct skpolc *k, const struct compiled *c,
		 const void *bytes, size_t size)
{
	int status = check_output(k, &c->sources, 0);

	return status ? status : write_output(k, bytes, size);
}

int skpolc_rewrite(const struct skpolc *k, const struct compiled *c,
		   const void *bytes, size_t size)
{
	int status = check_output(k, &c->sources, 1);

	return status ? status : write_output(k, bytes, size);
}
