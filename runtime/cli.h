/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli - the command `skpol`: words in, libskpol called, words out
 *
 * Results go to stdout, everything else to stderr. Exit status: 0 done or
 * nothing to do, 1 the input is at fault, 2 usage, 3 the system refused, 4
 * internal error;
 * 5 only with --detailed-exitcode: done, and something changed.
 */
#ifndef SKPOL_CLI_H
#define SKPOL_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "skpol.h"

enum { EXIT_INPUT = 1, EXIT_USAGE = 2, EXIT_SYSTEM = 3, EXIT_INTERNAL = 4,
       EXIT_CHANGED = 5 };

/* Every option, and in `cli_verb.def` which verb takes which. */
enum option_id {
	OPTION_NONE,
#define OPTION(id, name, argument, text) OPTION_##id,
#include "cli_option.def"
#undef OPTION
	OPTION_COUNT
};

enum { KEEPS_MAX = 64 };

struct cli {
	struct skpol *s;
	const char *values[OPTION_COUNT];	/* "" for one without argument */
	const char *keeps[KEEPS_MAX];		/* --keep, each time */
	int nkeeps;
	char **args;				/* after the verb */
	int nargs;
	bool dashes;		/* there was a `--` before some of them */
};

static inline bool cli_has(const struct cli *c, enum option_id id)
{
	return c->values[id];
}

#define VERB(name, arguments, min, max, options, text) \
	int cli_##name(struct cli *c);
#include "cli_verb.def"
#undef VERB

/*
 * Runs a verb in every namespace with state, one after the other; the highest
 * of its exit statuses. With --json one object: {"version":1,"namespaces":
 * [{"netns":"blue","cookie":"4711","report":…}]}.
 */
int cli_everywhere(struct cli *c, const struct skpol_options *o,
		   int (*run)(struct cli *c));

/* Prints the handle's message; the exit status for it. */
int cli_fail(struct cli *c);
int cli_error(int status, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Flushes stdout: 0, or EXIT_SYSTEM when it could not be written. */
int cli_flush(void);

/*
 * A policy.o, or a .skl compiled; "-" is standard input. 0 and *OUT, for
 * objfile_free; or an exit status, with an error printed that names the file.
 */
struct objfile;
int cli_object(const char *path, struct objfile **out);
/* A .skl is compiled with the OPTIONS of a manifest; NULL = skpolc's own. */
int cli_object_like(const char *path, const json_t *options,
		    struct objfile **out);

/* The policy.o of a .skl: as skpolc would make it, its diagnostics printed. */
int cli_compile(const char *path, const json_t *options, void **bytes,
		size_t *size);

/* Replaces the file by TEXT, whole or not at all: an exit status. */
int cli_write(const char *path, const char *text);

/* Tables of counters until the user has seen enough; enum stats_order. */
int cli_repeat(struct cli *c, int order);

/* The whole of PATH ("-" = standard input), NUL-terminated: 0 or -errno. */
int cli_read(const char *path, char **bytes, size_t *size);

#endif
