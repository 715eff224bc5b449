/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * utf8 - where one character ends, and whether it may be shown
 *
 * In: bytes. Out: the length of the well-formed character they begin with
 * (RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF).
 */
#ifndef SKPOL_UTF8_H
#define SKPOL_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 1 to 4, or 0 where P (before END) is no character. */
static inline size_t utf8_char(const char *p, const char *end, uint32_t *code)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char c = (unsigned char)*p;
	size_t n = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 :
		c < 0xf5 ? 4 : 0;

	if (n <= 1 || (size_t)(end - p) < n) {
		*code = c;
		return n <= 1 ? n : 0;
	}
	*code = c & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (p[i] & 0x3f);
	}
	if (*code < least[n] || *code > 0x10ffff ||
	    (*code >= 0xd800 && *code < 0xe000))
		return 0;
	return n;
}

/* False for what steers a terminal or reorders text. */
static inline bool utf8_shows(uint32_t code)
{
	return code >= 0x20 && (code < 0x7f || code >= 0xa0) &&
		(code < 0x200b || code > 0x200f) &&
		(code < 0x2028 || code > 0x202e) &&
		(code < 0x2066 || code > 0x2069) && code != 0xfeff;
}

#endif
