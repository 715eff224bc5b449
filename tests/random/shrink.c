/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shrink - a policy on which the engines differ, made small
 *
 * Runs of lines are left out, long runs first, as long as what remains is a
 * policy and the engines differ; then blocks lose their head and their end. A
 * text that is no policy any more is simply not taken. Every step makes the
 * text shorter, so this ends.
 */
#include "shrink.h"

#include <string.h>

#include "../../grammar/print_text.h"

struct lines {
	struct arena *arena;
	const struct question *question;
	const char **v;
	size_t n, cap;
};

static char *text_without(const struct lines *l, size_t begin, size_t end,
			  size_t other)
{
	struct text t = { .arena = l->arena };
	size_t i;

	for (i = 0; i < l->n; i++)
		if ((i < begin || i >= end) && i != other)
			text_addf(&t, "%s\n", l->v[i]);
	return text_done(&t);
}

static bool differs(const char *text, const struct question *q)
{
	struct answer answers[ENGINE_COUNT];
	struct subject s;
	struct engines e;
	bool same = true;

	if (subject_open(&s, text)) {
		engines_prepare(&e, &s);
		same = engines_ask(&e, q, answers);
		engines_finish(&e);
	}
	subject_close(&s);
	return !same;
}

static void drop_lines(struct lines *l, size_t begin, size_t end)
{
	memmove(&l->v[begin], &l->v[end], (l->n - end) * sizeof(*l->v));
	l->n -= end - begin;
}

/* Leaves out what it can in runs of SIZE lines; true if there was any. */
static bool drop_runs(struct lines *l, size_t size)
{
	bool any = false;
	size_t i = 0;

	while (i < l->n) {
		size_t end = i + size < l->n ? i + size : l->n;

		if (differs(text_without(l, i, end, l->n), l->question)) {
			drop_lines(l, i, end);
			any = true;
		} else {
			i++;
		}
	}
	return any;
}

static bool opens(const char *line)
{
	size_t n = strlen(line);

	return n && line[n - 1] == '{';
}

static size_t closing(const struct lines *l, size_t i)
{
	size_t depth = 1;

	while (++i < l->n) {
		if (strchr(l->v[i], '}') && !strchr(l->v[i], '{'))
			depth--;
		if (!depth)
			return i;
		depth += opens(l->v[i]);
	}
	return l->n;
}

/* Takes the head and the end off blocks, or leaves out whole ones. */
static bool drop_blocks(struct lines *l)
{
	bool any = false;
	size_t i;

	for (i = 0; i < l->n; i++) {
		size_t end;

		if (!opens(l->v[i]) || (end = closing(l, i)) == l->n)
			continue;
		if (differs(text_without(l, i, end + 1, l->n), l->question)) {
			drop_lines(l, i, end + 1);
			any = true;
		} else if (differs(text_without(l, i, i + 1, end),
				   l->question)) {
			drop_lines(l, end, end + 1);
			drop_lines(l, i, i + 1);
			any = true;
		}
	}
	return any;
}

char *shrink(struct arena *a, const char *text, const struct question *q)
{
	struct lines l = { .arena = a, .question = q };
	char *copy = arena_strdup(a, text), *line;
	bool any = true;
	size_t size;

	while ((line = strsep(&copy, "\n")))
		*arena_push(a, l.v, l.n, l.cap) = line;
	while (any) {
		any = false;
		for (size = l.n / 2; size; size /= 2)
			any |= drop_runs(&l, size);
		any |= drop_blocks(&l);
	}
	return text_without(&l, l.n, l.n, l.n);
}
