/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * progress_bar - draws how far a compile is, from a thread of its own
 */
#include "progress_bar.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WIDTH = 24, SILENT_MS = 1000, EVERY_MS = 100 };

struct progress_bar {
	const struct progress *progress;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool end;
};

static const struct {
	const char *text;
	unsigned int share;
} stages[] = {
#define PROGRESS(id, text, share) { text, share },
#include "progress.def"
#undef PROGRESS
};

static uint64_t load(const atomic_uint_fast64_t *v)
{
	return atomic_load_explicit(v, memory_order_relaxed);
}

/* In percent: the stages before, and what is known of this one. */
static unsigned int percent(const struct progress *p, unsigned int stage)
{
	uint64_t total = load(&p->total), done = load(&p->done);
	unsigned int sum = 0;

	for (unsigned int i = 0; i < stage; i++)
		sum += stages[i].share;
	if (total)
		sum += (unsigned int)(stages[stage].share *
				      (done < total ? done : total) / total);
	return sum;
}

void progress_bar_line(const struct progress *p, unsigned int seconds,
		       char *line, int size)
{
	unsigned int stage = atomic_load_explicit(&p->stage,
						  memory_order_relaxed);
	unsigned int done = percent(p, stage);
	char bar[WIDTH + 1];

	memset(bar, ' ', WIDTH);
	memset(bar, '#', done * WIDTH / 100);
	bar[WIDTH] = '\0';
	snprintf(line, (size_t)size, "[%s] %3u%%  %u s  %s", bar, done,
		 seconds, stages[stage].text);
}

static struct timespec after(struct timespec t, long ms)
{
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

/* False when it is time to draw. */
static bool ended_by(struct progress_bar *b, const struct timespec *when)
{
	int err = 0;

	while (!b->end && !err)
		err = pthread_cond_clockwait(&b->ended, &b->lock,
					     CLOCK_MONOTONIC, when);
	return b->end;
}

static void *draw(void *ctx)
{
	struct progress_bar *b = ctx;
	struct timespec begin, when;
	bool drawn = false;
	char line[80];

	clock_gettime(CLOCK_MONOTONIC, &begin);
	when = after(begin, SILENT_MS);
	pthread_mutex_lock(&b->lock);
	for (; !ended_by(b, &when); when = after(when, EVERY_MS)) {
		progress_bar_line(b->progress, (unsigned int)
				  (when.tv_sec - begin.tv_sec), line,
				  sizeof(line));
		fprintf(stderr, "\r%s\033[K", line);
		drawn = true;
	}
	pthread_mutex_unlock(&b->lock);
	if (drawn)
		fputs("\r\033[K", stderr);
	return NULL;
}

static bool on_terminal(void)
{
	const char *term = getenv("TERM");

	return isatty(STDERR_FILENO) && term && strcmp(term, "dumb");
}

/* Signals are for the thread that was there before. */
static int start(struct progress_bar *b)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&b->thread, NULL, draw, b);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
}

struct progress_bar *progress_bar_begin(const struct progress *p)
{
	struct progress_bar *b;

	if (!on_terminal())
		return NULL;
	b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	b->progress = p;
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->ended, NULL);
	if (!start(b))
		return b;
	free(b);
	return NULL;
}

void progress_bar_end(struct progress_bar *b)
{
	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	b->end = true;
	pthread_cond_signal(&b->ended);
	pthread_mutex_unlock(&b->lock);
	pthread_join(b->thread, NULL);
	free(b);
}
