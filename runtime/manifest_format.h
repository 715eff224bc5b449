/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * manifest_format - the section .skpol: what its writer and its reader share
 *
 * 8 bytes of magic, the last of them the number of the format; the size of the
 * text as 64-bit little endian; the text, compressed by zlib. docs/manifest.md
 * says what the text is.
 */
#ifndef SKPOL_MANIFEST_FORMAT_H
#define SKPOL_MANIFEST_FORMAT_H

#include <stddef.h>

#define MANIFEST_MAGIC		"SKPOL\0\0\1"	/* without its NUL */
#define MANIFEST_FORMAT		1
#define MANIFEST_MAGIC_SIZE	8
#define MANIFEST_HEADER_SIZE	16
#define MANIFEST_TEXT_MAX	(256u << 20)	/* bytes of text */
#define MANIFEST_VALUES_MAX	(8u << 20)	/* as manifest_values() has it */

/* A bound on the number of JSON values (keys, too) in the text. */
size_t manifest_values(const char *text, size_t n);

#endif
