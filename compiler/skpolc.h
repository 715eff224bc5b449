/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skpolc - the command: words in, compile() called, words out
 *
 * Results go to stdout, everything else to stderr. Exit status: 0 done, 1 the
 * input is at fault (or a verdict differs), 2 usage, 3 the system refused, 4
 * internal error.
 */
#ifndef SKPOL_SKPOLC_H
#define SKPOL_SKPOLC_H

#include "compile.h"

enum { EXIT_INPUT = 1, EXIT_USAGE = 2, EXIT_SYSTEM = 3, EXIT_INTERNAL = 4 };

struct skpolc {
	bool quiet;			/* asked about packets: no warnings */
	const char *output;		/* -o */
	const char *emit;		/* --emit; NULL = obj */
	const char *engine;		/* --engine; NULL = bytes */
	const char *profile;		/* --profile, or NULL */
	struct arena arena;		/* what was read of it */
	bool report, json, diagnostics_json, write;
	struct compile_options options;
	const char *denied[DIAG_COUNT + 1], *silent[DIAG_COUNT + 1];
	size_t ndenied, nsilent;
	char **args;			/* after the verb */
	int nargs;
};

#define SKPOLC_VERB(name, arguments, least, most, options, text) \
	int skpolc_##name(struct skpolc *k);
#include "skpolc_verb.def"
#undef SKPOLC_VERB

/*
 * Compiles PATH and prints its diagnostics: 0, or an exit status and nothing
 * to free.
 */
int skpolc_load(struct skpolc *k, const char *path, enum compile_until until,
		struct compiled *c);
/* The same of a policy, or of the text that an object was made from: then its
 * manifest is *MANIFEST, a reference, which is left as it is else. */
int skpolc_load_either(struct skpolc *k, const char *path,
		       enum compile_until until, struct compiled *c,
		       json_t **manifest);
struct objfile;
/* What the manifest of O, the object at PATH, holds. */
int skpolc_load_object(struct skpolc *k, const char *path,
		       const struct objfile *o, struct compiled *c);
/* Into k->options, if there is one: 0, or an exit status. */
int skpolc_read_profile(struct skpolc *k);
int skpolc_error(int status, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Flushes stdout: 0, or EXIT_SYSTEM when it could not be written. */
int skpolc_flush(void);
/*
 * To k->output, which must be no file that was read for C; an exit status.
 * skpolc_rewrite: the policy's own file it may be.
 */
int skpolc_write(const struct skpolc *k, const struct compiled *c,
		 const void *bytes, size_t size);
int skpolc_rewrite(const struct skpolc *k, const struct compiled *c,
		   const void *bytes, size_t size);
/* Whether PATH is an object by its first bytes, or its name for "-". */
bool skpolc_is_object(const char *path);

/* skpolc_report.c: what was made of C; SIZE of its object, 0 if none */
void skpolc_report(struct skpolc *k, struct compiled *c, size_t size);

#endif
