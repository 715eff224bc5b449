/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * visible - text of the user's, as it may be shown
 *
 * In: bytes. Out: well-formed UTF-8 of which nothing steers a terminal or reorders
 * what is shown: a tab is a space, and each byte of all else is \xNN.
 */
#ifndef SKPOL_VISIBLE_H
#define SKPOL_VISIBLE_H

#include <stddef.h>

struct arena;

enum { VISIBLE_CHAR = 24 };	/* bytes of the longest character as shown, and NUL */

/*
 * The character that P begins with (before END): its bytes in BUF, its width in
 * *COLUMNS. Returns the bytes of P it stands for.
 */
size_t visible_char(const char *p, const char *end, char buf[VISIBLE_CHAR],
		    size_t *columns);

const char *visible_text(struct arena *a, const char *text);

#endif
