/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plot - pictures of a bench.json, as SVG
 *
 * In: the rows of a file that bench wrote. Out: sizes.svg (random prefixes: ns
 * by number) and bars.svg (sets from life: ns a bar), each whole or not at all.
 */
#ifndef SKPOL_TESTS_PLOT_H
#define SKPOL_TESTS_PLOT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct series {
	const char *column;		/* of "ns" in a row */
	const char *title, *colour;
};
extern const struct series plot_series[];
enum { PLOT_SERIES = 5 };

/* Opens an SVG of that size on white; plot_end() closes its element. */
void plot_begin(FILE *f, int width, int height);
void plot_end(FILE *f);
/* ANCHOR is start, middle or end; TEXT is escaped. */
void plot_text(FILE *f, double x, double y, const char *anchor,
	       const char *text);
void plot_line(FILE *f, double x1, double y1, double x2, double y2,
	       const char *colour);

/* The look-up row of SET and STREAM, or NULL. */
const json_t *plot_row(const json_t *rows, const char *set,
		       const char *stream);
/* False when it is not there. */
bool plot_ns(const json_t *row, const char *column, double *ns);

void plot_sizes(FILE *f, const json_t *rows);
void plot_bars(FILE *f, const json_t *rows);

#endif
