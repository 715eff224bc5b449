/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diag_print - diagnostics as text with carets, and as JSON
 *
 * In: the list. Out: all of it in order of place, those without a place
 * first. Promise: nothing of the user's text reaches the terminal that could
 * steer it, and the work for a line does not grow with the line's length.
 */
#include "diag.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "visible.h"

enum { WINDOW = 100, BEFORE_CARET = 40 };

struct style {
	const char *error, *warning, *gutter, *bold, *reset;
};

static const struct style plain = { "", "", "", "", "" };
static const struct style colours = {
	"\033[1;31m", "\033[1;33m", "\033[1;34m", "\033[1m", "\033[0m"
};

struct printer {
	struct diags *d;
	FILE *out;
	const struct style *style;
	int width;			/* digits of the largest line number */
};

struct window {			/* the part of a line that is shown */
	const char *line;
	size_t len, from;	/* bytes; from = first shown */
};

/* True when the line takes no more than WINDOW columns. */
static bool fits(const char *line, size_t len)
{
	size_t columns = 0, c;
	char buf[VISIBLE_CHAR];

	for (size_t i = 0; i < len && columns <= WINDOW; columns += c)
		i += visible_char(line + i, line + len, buf, &c);
	return columns <= WINDOW;
}

static struct window window_of(const char *line, size_t len, size_t caret)
{
	struct window w = { line, len, 0 };

	if (caret <= BEFORE_CARET || fits(line, len))
		return w;
	w.from = caret - BEFORE_CARET;
	while (w.from < caret && (line[w.from] & 0xc0) == 0x80)
		w.from++;
	return w;
}

static size_t first_column(const struct window *w)
{
	return w->from ? 3 : 0;		/* behind "..." */
}

static void print_window(struct printer *p, const struct window *w)
{
	size_t column = first_column(w), at = w->from, c;
	char buf[VISIBLE_CHAR];

	if (w->from)
		fputs("...", p->out);
	for (; at < w->len && column < WINDOW; column += c) {
		at += visible_char(w->line + at, w->line + w->len, buf, &c);
		fputs(buf, p->out);
	}
	fputs(at < w->len ? "...\n" : "\n", p->out);
}

/* Where the byte OFFSET of the line stands, from 0. */
static size_t column_of(const struct window *w, size_t offset)
{
	size_t column = first_column(w), at = w->from, c;
	char buf[VISIBLE_CHAR];

	while (at < w->len && at < offset && column < WINDOW) {
		at += visible_char(w->line + at, w->line + w->len, buf, &c);
		if (at <= offset)
			column += c;
	}
	return column;
}

static void gutter(struct printer *p, uint32_t line)
{
	fputs(p->style->gutter, p->out);
	if (line)
		fprintf(p->out, "%*u |", p->width, line);
	else
		fprintf(p->out, "%*s |", p->width, "");
	fputs(p->style->reset, p->out);
}

struct mark {
	struct place place;
	struct source_position at;
	const char *text;
	char rule;			/* '^' or '-' */
	const char *colour;
};

static void print_mark(struct printer *p, const struct window *w,
		       const struct mark *m)
{
	size_t begin = m->at.column - 1;
	size_t end = begin + (m->place.end - m->place.begin);
	size_t left = column_of(w, begin);
	size_t right = column_of(w, end < w->len ? end : w->len);

	gutter(p, 0);
	fprintf(p->out, " %*s%s", (int)left, "", m->colour);
	do
		fputc(m->rule, p->out);
	while (++left < right);
	if (m->text)
		fprintf(p->out, " %s", visible_text(p->d->arena, m->text));
	fprintf(p->out, "%s\n", p->style->reset);
}

/* One line of text and the N marks below it. */
static void print_line(struct printer *p, const struct mark *m, size_t n)
{
	struct window w;
	const char *line;
	size_t len;

	line = source_line(p->d->sources, m->place.file, m->at.line, &len);
	w = window_of(line, len, m->at.column - 1);
	gutter(p, m->at.line);
	if (len)
		fputc(' ', p->out);
	print_window(p, &w);
	for (size_t i = 0; i < n; i++)
		print_mark(p, &w, &m[i]);
}

static void print_arrow(struct printer *p, const char *arrow,
			const struct mark *m)
{
	struct diags *d = p->d;

	fprintf(p->out, "%s%*s%s%s %s:%u:%u\n", p->style->gutter, p->width,
		"", arrow, p->style->reset,
		visible_text(d->arena, d->sources->files[m->place.file].name),
		m->at.line, m->at.column);
}

static struct mark mark_of(struct printer *p, struct place at,
			   const char *text, char rule, const char *colour)
{
	struct mark m = { at, { 0, 0 }, text, rule, colour };

	m.at = source_position(p->d->sources, at.file, at.begin);
	return m;
}

static int digits(uint32_t v)
{
	int n = 1;

	while (v /= 10)
		n++;
	return n;
}

/* Two marks of one file, the upper line first; one line takes both. */
static void print_two(struct printer *p, const struct mark *m,
		      const struct mark *also)
{
	struct mark both[2] = { *m, *also };
	uint32_t gap;

	if (m->at.line == also->at.line) {
		print_line(p, both, 2);
		return;
	}
	if (also->at.line < m->at.line) {
		both[0] = *also;
		both[1] = *m;
	}
	print_line(p, &both[0], 1);
	gap = both[1].at.line - both[0].at.line;
	if (gap == 2)
		print_line(p, &(struct mark) { .place = both[0].place,
			   .at = { both[0].at.line + 1, 1 } }, 0);
	else if (gap > 2)
		fprintf(p->out, "%s...%s\n", p->style->gutter,
			p->style->reset);
	print_line(p, &both[1], 1);
}

static void print_places(struct printer *p, const struct diag *g,
			 const char *colour)
{
	struct mark m = mark_of(p, g->place, g->label, '^', colour), also;
	bool two = g->also.text;

	p->width = digits(m.at.line);
	if (two) {
		also = mark_of(p, g->also.place, g->also.text, '-',
			       p->style->gutter);
		if (digits(also.at.line) > p->width)
			p->width = digits(also.at.line);
	}
	print_arrow(p, "-->", &m);
	gutter(p, 0);
	fputc('\n', p->out);
	if (!two) {
		print_line(p, &m, 1);
	} else if (also.place.file == m.place.file) {
		print_two(p, &m, &also);
	} else {
		print_line(p, &m, 1);
		print_arrow(p, ":::", &also);
		gutter(p, 0);
		fputc('\n', p->out);
		print_line(p, &also, 1);
	}
}

static void print_remark(struct printer *p, const char *word,
			 const char *text)
{
	if (!text)
		return;
	fprintf(p->out, "%s%*s =%s %s: %s\n", p->style->gutter, p->width, "",
		p->style->reset, word, visible_text(p->d->arena, text));
}

static void print_one(struct printer *p, const struct diag *g)
{
	bool error = g->level == DIAG_LEVEL_ERROR;
	const char *colour = error ? p->style->error : p->style->warning;

	p->width = 1;
	fprintf(p->out, "%s%s[%s]%s%s: %s%s\n", colour,
		error ? "error" : "warning", diag_name(g->id),
		p->style->reset, p->style->bold,
		visible_text(p->d->arena, g->message), p->style->reset);
	if (g->has_place)
		print_places(p, g, colour);
	if (g->has_place && (g->note || g->help)) {
		gutter(p, 0);
		fputc('\n', p->out);
	}
	print_remark(p, "note", g->note);
	print_remark(p, "help", g->help);
}

struct ordered {
	const struct diag *diag;
	size_t index;
};

static int by_place(const void *left, const void *right)
{
	const struct ordered *a = left, *b = right;
	const struct diag *x = a->diag, *y = b->diag;

	if (x->has_place != y->has_place)
		return x->has_place ? 1 : -1;
	if (x->place.file != y->place.file)
		return x->place.file < y->place.file ? -1 : 1;
	if (x->place.begin != y->place.begin)
		return x->place.begin < y->place.begin ? -1 : 1;
	return a->index < b->index ? -1 : 1;
}

static struct ordered *in_order(struct diags *d, size_t *n)
{
	struct ordered *v = NULL;
	size_t cap = 0;

	*n = 0;
	for (const struct diag *g = d->first; g; g = g->next) {
		size_t index = *n;

		*arena_push(d->arena, v, *n, cap) =
			(struct ordered) { g, index };
	}
	if (*n)
		qsort(v, *n, sizeof(*v), by_place);
	return v;
}

void diag_each(struct diags *d, void (*each)(void *ctx, const struct diag *g),
	       void *ctx)
{
	size_t n;
	struct ordered *v = in_order(d, &n);

	for (size_t i = 0; i < n; i++)
		each(ctx, v[i].diag);
}

void diag_print(struct diags *d, FILE *out, bool colour)
{
	struct printer p = { d, out, colour ? &colours : &plain, 1 };
	size_t n, warnings = 0;
	struct ordered *v;

	v = in_order(d, &n);
	for (size_t i = 0; i < n; i++) {
		bool warning = v[i].diag->level == DIAG_LEVEL_WARNING;

		if (warning && ++warnings > DIAG_MAX_WARNINGS)
			continue;
		if (i)
			fputc('\n', out);
		print_one(&p, v[i].diag);
	}
	if (warnings > DIAG_MAX_WARNINGS)
		fprintf(out, "\n%zu more warnings are not shown\n",
			warnings - DIAG_MAX_WARNINGS);
}

static json_t *json_text(struct diags *d, const char *text)
{
	return text ? json_string(visible_text(d->arena, text)) : json_null();
}

static void json_place(struct diags *d, json_t *o, struct place at)
{
	struct source_position b, e;

	b = source_position(d->sources, at.file, at.begin);
	e = source_position(d->sources, at.file, at.end);
	json_object_set_new(o, "file",
		json_text(d, d->sources->files[at.file].name));
	json_object_set_new(o, "line", json_integer(b.line));
	json_object_set_new(o, "column", json_integer(b.column));
	json_object_set_new(o, "end_line", json_integer(e.line));
	json_object_set_new(o, "end_column", json_integer(e.column));
}

static json_t *json_diag(struct diags *d, const struct diag *g)
{
	json_t *o = json_object(), *also;

	json_object_set_new(o, "level", json_string(
		g->level == DIAG_LEVEL_ERROR ? "error" : "warning"));
	json_object_set_new(o, "name", json_string(diag_name(g->id)));
	json_object_set_new(o, "message", json_text(d, g->message));
	if (g->has_place)
		json_place(d, o, g->place);
	json_object_set_new(o, "label", json_text(d, g->label));
	if (g->also.text) {
		also = json_object();
		json_place(d, also, g->also.place);
		json_object_set_new(also, "label",
				    json_text(d, g->also.text));
		json_object_set_new(o, "also", also);
	}
	json_object_set_new(o, "note", json_text(d, g->note));
	json_object_set_new(o, "help", json_text(d, g->help));
	return o;
}

void diag_print_json(struct diags *d, FILE *out)
{
	json_t *root = json_object(), *list = json_array();
	struct ordered *v;
	size_t n;

	v = in_order(d, &n);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_diag(d, v[i].diag));
	json_object_set_new(root, "version", json_integer(1));
	json_object_set_new(root, "errors",
			    json_integer((json_int_t)d->nerrors));
	json_object_set_new(root, "warnings",
			    json_integer((json_int_t)d->nwarnings));
	json_object_set_new(root, "diagnostics", list);
	json_dumpf(root, out, JSON_INDENT(2));
	fputc('\n', out);
	json_decref(root);
}
