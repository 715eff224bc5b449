/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * progress_bar - a line on a terminal while something takes long
 *
 * In: a struct progress that somebody else writes. Out: after a second, and ten
 * times a second from then on, one line on standard error; none where that is
 * no terminal. For the commands: the libraries start no threads.
 */
#ifndef SKPOL_PROGRESS_BAR_H
#define SKPOL_PROGRESS_BAR_H

#include "progress.h"

struct progress_bar;

/* NULL when there is nothing to draw on: no error. */
struct progress_bar *progress_bar_begin(const struct progress *p);
/* Takes the line away; before anything else is printed. NULL is nothing. */
void progress_bar_end(struct progress_bar *b);

/* The line, without what moves the cursor: at most SIZE - 1 bytes. */
void progress_bar_line(const struct progress *p, unsigned int seconds,
		       char *line, int size);

#endif
