/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diag - the list of what skpolc has to say
 *
 * In: reports of the stages. Out: a list in order of reporting, counted by
 * level; warnings raised (denied) or left out (silent) as asked. Printing is
 * diag_print.c's.
 */
#include "diag.h"

#include <string.h>

#include "arena.h"

static const struct {
	const char *name;
	enum diag_level level;
} table[DIAG_COUNT] = {
#define DIAG(id, name, level, text) [DIAG_##id] = { name, DIAG_LEVEL_##level },
#include "diag.def"
#undef DIAG
};

void diag_init(struct diags *d, struct arena *a, struct source_set *s)
{
	memset(d, 0, sizeof(*d));
	d->arena = a;
	d->sources = s;
	d->last = &d->first;
}

static enum diag_level level_of(const struct diags *d, enum diag_id id)
{
	return d->denied[id] ? DIAG_LEVEL_ERROR : table[id].level;
}

struct diag *diag_add(struct diags *d, enum diag_id id, const struct place *at,
		      const char *fmt, ...)
{
	struct diag *g = arena_alloc(d->arena, sizeof(*g));
	va_list ap;

	g->id = id;
	g->level = level_of(d, id);
	if (at) {
		g->place = *at;
		g->has_place = true;
	}
	va_start(ap, fmt);
	g->message = arena_vprintf(d->arena, fmt, ap);
	va_end(ap);
	if ((g->level == DIAG_LEVEL_WARNING && d->silent[id]) ||
	    (d->only && !d->only[id]))
		return g;
	*d->last = g;
	d->last = &g->next;
	if (g->level == DIAG_LEVEL_ERROR)
		d->nerrors++;
	else
		d->nwarnings++;
	return g;
}

bool diag_full(const struct diags *d)
{
	return d->nerrors >= DIAG_MAX_ERRORS;
}

const char *diag_name(enum diag_id id)
{
	return table[id].name;
}

enum diag_id diag_by_name(const char *name)
{
	enum diag_id id = 0;

	while (id < DIAG_COUNT && strcmp(name, table[id].name))
		id++;
	return id;
}

enum { NEAR_MAX = 64 };		/* no name is longer */

static size_t min2(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Edits (insert, delete, replace, swap two neighbours) from A to B. */
static size_t distance(const char *a, size_t na, const char *b, size_t nb)
{
	size_t rows[3][NEAR_MAX + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];

	for (size_t j = 0; j <= nb; j++)
		above[j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t *spare = before;

		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			row[j] = min2(above[j - 1] + (a[i - 1] != b[j - 1]),
				      min2(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				row[j] = min2(row[j], before[j - 2] + 1);
		}
		before = above;
		above = row;
		row = spare;
	}
	return above[nb];
}

const char *diag_nearest(const char *name, const char *const *candidates,
			 size_t n)
{
	const char *best = NULL;
	size_t len = strlen(name), least = NEAR_MAX;

	if (len > NEAR_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t other = strlen(candidates[i]);
		size_t longer = len > other ? len : other, edits;

		if (longer > NEAR_MAX)
			continue;
		edits = distance(name, len, candidates[i], other);
		if (edits <= longer / 3 && edits < least) {
			least = edits;
			best = candidates[i];
		}
	}
	return best;
}
