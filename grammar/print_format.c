/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * print_format - a policy file in canonical layout
 *
 * In: the text of a file that parses. Out: the same lines, indented by their
 * braces, single spaces between the words, `->` of neighbouring rules in one
 * column. Comments, descriptions and the order of lines stay; of several empty
 * lines one. A line of more than 80 columns is broken behind `->`, `,` or
 * `else`, where no newline ends a statement. Promise: the text parses to the
 * same tree, and formatting it again changes nothing.
 *
 * This works on words, not on the tree: what one wrote is what one gets back.
 */
#include "print.h"

#include <string.h>

#include "print_text.h"

enum { WIDTH = 80, INDENT = 4, ALIGN_MAX = 48 };

struct word {
	const char *s;
	size_t len;
};

struct line {
	struct word *words;	/* without the comment */
	size_t nwords, cap;
	struct word comment;	/* with its `#`; len 0 = none */
	unsigned int depth;	/* of braces, where it begins */
	unsigned int statement;	/* depth where its statement began */
	bool continued;		/* that was on an earlier line */
	size_t arrow;		/* the word `->` to be aligned; nwords = none */
	size_t left;		/* columns before that arrow */
};

struct format {
	struct arena *a;
	struct line *lines;
	size_t nlines, cap;
};

static bool is(const struct word *w, const char *text)
{
	return w->len == strlen(text) && !memcmp(w->s, text, w->len);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* --------------------------------------------------------------- words */

/* `name:` is two words, an IPv6 address is one. */
static size_t label_end(const char *s, size_t len)
{
	const char *colon = memchr(s, ':', len);

	if (!colon || memchr(colon + 1, ':', (size_t)(s + len - colon) - 1))
		return len;
	return colon == s ? 1 : (size_t)(colon - s);
}

static size_t word_length(const char *s, const char *end)
{
	size_t n = 0, len = (size_t)(end - s);

	if (*s == '"') {
		const char *close = memchr(s + 1, '"', len - 1);

		return close ? (size_t)(close - s) + 1 : len;
	}
	if (len > 1 && s[0] == '-' && s[1] == '>')
		return 2;
	if (strchr("{},;=", *s))
		return 1;
	while (n < len && !is_blank(s[n]) && !strchr("{},;=\"#", s[n]) &&
	       !(n + 1 < len && s[n] == '-' && s[n + 1] == '>'))
		n++;
	return label_end(s, n);
}

static void read_line(struct format *f, const char *s, const char *end)
{
	struct line *l = arena_push(f->a, f->lines, f->nlines, f->cap);

	*l = (struct line) { .words = NULL };
	for (;;) {
		struct word w;

		while (s < end && is_blank(*s))
			s++;
		if (s == end)
			return;
		if (*s == '#') {
			while (is_blank(end[-1]))
				end--;
			l->comment = (struct word) { s, (size_t)(end - s) };
			return;
		}
		w = (struct word) { s, word_length(s, end) };
		*arena_push(f->a, l->words, l->nwords, l->cap) = w;
		s += w.len;
	}
}

static void read_lines(struct format *f, const char *s, const char *end)
{
	if (end - s >= 3 && !memcmp(s, "\xef\xbb\xbf", 3))
		s += 3;		/* a byte order mark is no text */
	while (s < end) {
		const char *newline = memchr(s, '\n', (size_t)(end - s));

		read_line(f, s, newline ? newline : end);
		s = newline ? newline + 1 : end;
	}
}

/* ------------------------------------------------------------- nesting */

/* Whether a newline after W does not end the statement. */
static bool goes_on(const struct word *w)
{
	static const char *const words[] = {
		"->", "else", "=", ":", "to", "from", "port", "on", "not",
		"by", "at", "split", "map", "set", "socket", "when", "file",
		"policy", "include", "expect", "default",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (is(w, words[i]))
			return true;
	return is(w, ",");
}

static void nest(struct format *f)
{
	unsigned int depth = 0, statement = 0;
	bool open = false;	/* the line before did not end its statement */

	for (size_t i = 0; i < f->nlines; i++) {
		struct line *l = &f->lines[i];

		l->depth = depth;
		if (!l->nwords)
			continue;
		if (!open)
			statement = depth;
		l->continued = open;
		l->statement = statement;
		for (size_t k = 0; k < l->nwords; k++)
			if (is(&l->words[k], "{"))
				depth++;
			else if (is(&l->words[k], "}") && depth)
				depth--;
		open = goes_on(&l->words[l->nwords - 1]);
	}
}

/* -------------------------------------------------------------- spaces */

static bool is_dash(const struct word *w)
{
	return is(w, "-");
}

/* Whether there is a space between words X and Y. */
static bool spaced(const struct word *x, const struct word *y)
{
	if (is(y, ",") || is(y, ";") || is(y, ":"))
		return false;
	if (is(x, "{") && is(y, "}"))
		return false;
	return !is_dash(x) && !is_dash(y);
}

/*
 * Columns before word I, where it begins a line at DEPTH: one step more where
 * its statement goes on from the line above and no brace says so already.
 */
static size_t indent(const struct line *l, size_t i, unsigned int depth,
		     bool continued)
{
	if (i < l->nwords && is(&l->words[i], "}") && depth)
		return (depth - 1) * INDENT;
	return (depth + (continued && depth <= l->statement)) * INDENT;
}

static size_t line_indent(const struct line *l)
{
	return indent(l, 0, l->depth, l->continued);
}

/* Columns of words BEGIN to END - 1, from column AT on. */
static size_t width(const struct line *l, size_t begin, size_t end, size_t at)
{
	for (size_t i = begin; i < end; i++) {
		if (i > begin)
			at += spaced(&l->words[i - 1], &l->words[i]);
		at += l->words[i].len;
	}
	return at;
}

/* ----------------------------------------------------------- alignment */

/* The first arrow of a line that begins a statement. */
static void find_arrow(struct line *l)
{
	l->arrow = l->nwords;
	if (l->continued)
		return;
	for (size_t i = 1; i + 1 < l->nwords && l->arrow == l->nwords; i++)
		if (is(&l->words[i], "->"))
			l->arrow = i;
	if (l->arrow < l->nwords)
		l->left = width(l, 0, l->arrow, line_indent(l));
	if (l->left > ALIGN_MAX)
		l->arrow = l->nwords;
}

/* The arrow in column LEFT, unless that makes the line too long. */
static void move_arrow(struct line *l, size_t left)
{
	if (width(l, l->arrow, l->nwords, left + 1) <= WIDTH)
		l->left = left;
}

/* Neighbours at one depth, all with an arrow, get it in one column. */
static void align(struct format *f)
{
	for (size_t i = 0, end; i < f->nlines; i = end) {
		size_t widest = 0;

		find_arrow(&f->lines[i]);
		end = i + 1;
		if (f->lines[i].arrow == f->lines[i].nwords)
			continue;
		for (; end < f->nlines; end++) {
			struct line *l = &f->lines[end];

			find_arrow(l);
			if (l->arrow == l->nwords ||
			    l->depth != f->lines[i].depth)
				break;
		}
		for (size_t k = i; k < end; k++)
			if (f->lines[k].left > widest)
				widest = f->lines[k].left;
		for (size_t k = i; k < end; k++)
			move_arrow(&f->lines[k], widest);
	}
}

/* ------------------------------------------------------------ breaking */

/* A word behind which the line may be broken: a newline ends nothing there. */
static bool breaks_after(const struct word *w)
{
	return is(w, "->") || is(w, ",") || is(w, "else");
}

/*
 * The last word of a line that begins with word BEGIN at column AT: outside
 * braces rather than inside. Looks no further than the line goes: a set can be
 * one line of a million words.
 */
static size_t last_word(const struct line *l, size_t begin, size_t at)
{
	size_t last = l->nwords;
	long depth = 0, last_depth = 0;

	for (size_t i = begin; i < l->nwords; i++) {
		at = width(l, i, i + 1, at);
		if (i > begin)
			at += spaced(&l->words[i - 1], &l->words[i]);
		if (at > WIDTH && last < l->nwords)
			return last;
		depth += is(&l->words[i], "{") - is(&l->words[i], "}");
		if (!breaks_after(&l->words[i]) ||
		    (last < l->nwords && depth > last_depth))
			continue;
		last = i;
		last_depth = depth;
	}
	return l->nwords - 1;
}

/* Line L in pieces; the comment goes with the last. */
static void break_line(struct format *f, const struct line *l)
{
	unsigned int depth = l->depth;
	size_t begin = 0, end;

	do {
		struct line *out = arena_push(f->a, f->lines, f->nlines,
					      f->cap);
		size_t at = indent(l, begin, depth, begin || l->continued);

		end = l->nwords ? last_word(l, begin, at) + 1 : 0;
		*out = (struct line) { .nwords = end - begin };
		if (out->nwords)
			out->words = l->words + begin;
		for (size_t i = begin; i < end; i++) {
			depth += is(&l->words[i], "{");
			depth -= is(&l->words[i], "}") && depth;
		}
		if (end == l->nwords)
			out->comment = l->comment;
		begin = end;
	} while (begin < l->nwords);
}

static void break_lines(struct format *f)
{
	const struct line *lines = f->lines;
	size_t n = f->nlines;

	f->lines = NULL;
	f->nlines = f->cap = 0;
	for (size_t i = 0; i < n; i++)
		break_line(f, &lines[i]);
}

/* -------------------------------------------------------------- output */

static void spaces(struct text *t, size_t n)
{
	while (n--)
		text_add(t, " ");
}

static void print_line(struct text *t, const struct line *l)
{
	size_t at = line_indent(l);

	spaces(t, at);
	for (size_t i = 0; i < l->nwords; i++) {
		const struct word *w = &l->words[i];

		if (i)
			spaces(t, spaced(w - 1, w));
		if (i == l->arrow)
			spaces(t, l->left - width(l, 0, i, at));
		text_add_n(t, w->s, w->len);
	}
	if (l->comment.len) {
		spaces(t, l->nwords ? 2 : 0);
		text_add_n(t, l->comment.s, l->comment.len);
	}
	text_add(t, "\n");
}

static bool is_empty(const struct line *l)
{
	return !l->nwords && !l->comment.len;
}

static void print_lines(struct text *t, const struct format *f)
{
	bool empty = true;	/* none at the top */

	for (size_t i = 0; i < f->nlines; i++) {
		const struct line *l = &f->lines[i];

		if (is_empty(l)) {
			if (!empty)
				text_add(t, "\n");
			empty = true;
			continue;
		}
		empty = false;
		print_line(t, l);
	}
	while (t->n > 1 && t->v[t->n - 1] == '\n' && t->v[t->n - 2] == '\n')
		t->v[--t->n] = '\0';
}

char *print_format(struct arena *a, const struct source_set *s, uint32_t file,
		   size_t *len)
{
	const struct source_file *source = &s->files[file];
	struct format f = { .a = a };
	struct text t = { .arena = a };
	char *out;

	read_lines(&f, source->text, source->text + source->size);
	nest(&f);
	break_lines(&f);
	nest(&f);
	align(&f);
	print_lines(&t, &f);
	out = text_done(&t);
	*len = t.n;
	return out;
}
