/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * visible - text of the user's, character by character
 *
 * In, out: see visible.h.
 */
#include "visible.h"

#include <stdio.h>
#include <string.h>

#include "arena.h"
#include "utf8.h"

size_t visible_char(const char *p, const char *end, char buf[VISIBLE_CHAR],
		    size_t *columns)
{
	uint32_t code;
	size_t n = utf8_char(p, end, &code);
	int shown = 0;

	*columns = 1;
	if (n && (code == '\t' || utf8_shows(code))) {
		memcpy(buf, code == '\t' ? " " : p, n);
		buf[n] = '\0';
		return n;
	}
	if (!n)
		n = 1;
	for (size_t i = 0; i < n; i++)
		shown += sprintf(buf + shown, "\\x%02x", (uint8_t)p[i]);
	*columns = (size_t)shown;
	return n;
}

const char *visible_text(struct arena *a, const char *text)
{
	const char *end = text + strlen(text);
	size_t n = 0, cap = 0, columns;
	char *out = NULL, buf[VISIBLE_CHAR];

	while (text < end) {
		text += visible_char(text, end, buf, &columns);
		for (const char *p = buf; *p; p++)
			*arena_push(a, out, n, cap) = *p;
	}
	*arena_push(a, out, n, cap) = '\0';
	return out;
}
