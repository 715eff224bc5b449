/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diag - what skpolc has to say about a policy
 *
 * In: a stable name (diag.def), places, words. Out: an ordered list that is
 * printed as text with carets or as JSON, or handed to a callback. Stages
 * report and go on; nothing here prints by itself or exits. After
 * DIAG_MAX_ERRORS errors, diag_full() tells the stages to stop.
 */
#ifndef SKPOL_DIAG_H
#define SKPOL_DIAG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "source.h"

enum diag_level { DIAG_LEVEL_WARNING, DIAG_LEVEL_ERROR };

enum diag_id {
#define DIAG(id, name, level, text) DIAG_##id,
#include "diag.def"
#undef DIAG
	DIAG_COUNT
};

enum { DIAG_MAX_ERRORS = 20, DIAG_MAX_WARNINGS = 20 };

struct diag_label {		/* the place that imposes the constraint */
	struct place place;
	const char *text;
};

struct diag {
	enum diag_id id;
	enum diag_level level;
	struct place place;
	bool has_place;
	const char *message;	/* one sentence, names in `backquotes` */
	const char *label;	/* beside the caret, or NULL */
	struct diag_label also;	/* also.text NULL = none */
	const char *note;	/* "= note:", or NULL */
	const char *help;	/* "= help:", or NULL */
	struct diag *next;
};

struct diags {
	struct arena *arena;
	struct source_set *sources;
	struct diag *first, **last;
	size_t nerrors, nwarnings;
	bool denied[DIAG_COUNT];	/* warnings raised to errors */
	bool silent[DIAG_COUNT];	/* warnings not reported (-Wno-NAME) */
	const bool *only;		/* by id: what is reported; NULL = all */
};

void diag_init(struct diags *d, struct arena *a, struct source_set *s);

/*
 * Adds one; AT may be NULL. The result takes label, also, note and help by
 * assignment (text from the arena: arena_printf). Never NULL.
 */
struct diag *diag_add(struct diags *d, enum diag_id id, const struct place *at,
		      const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
bool diag_full(const struct diags *d);

const char *diag_name(enum diag_id id);
enum diag_id diag_by_name(const char *name);	/* DIAG_COUNT if none */

/*
 * In order of place, errors and warnings mixed. COLOUR as ANSI escapes. Tabs
 * are shown as one space, bytes that do not print as \xHH, lines windowed to
 * 100 columns around the caret. After DIAG_MAX_WARNINGS warnings the others are
 * counted only; the JSON form has them all.
 */
void diag_print(struct diags *d, FILE *out, bool colour);
void diag_print_json(struct diags *d, FILE *out);
/* Calls EACH in the order in which they would be printed. */
void diag_each(struct diags *d, void (*each)(void *ctx, const struct diag *g),
	       void *ctx);

/* The candidate nearest to NAME by edit distance (at most a third), or NULL. */
const char *diag_nearest(const char *name, const char *const *candidates,
			 size_t n);

#endif
