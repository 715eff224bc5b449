/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * source - the text of a policy: its files, and places in them
 *
 * In: a file name (or text in memory). Out: bytes with a name, and the line
 * and column of any offset. A place names a span of one file by number; it
 * is small enough to be carried by every node of the syntax tree. Files are
 * named as the user wrote them (an include relative to its includer), never
 * by absolute path, so that nothing built from a place depends on the host.
 */
#ifndef SKPOL_SOURCE_H
#define SKPOL_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct progress;

struct place {
	uint32_t file;		/* index into source_set.files */
	uint32_t begin, end;	/* byte offsets, end exclusive */
};

struct source_file {
	const char *name;	/* as shown: relative to the main file */
	const char *path;	/* as opened */
	const char *text;	/* size bytes, and two NULs for flex */
	size_t size;
	uint64_t dev, ino;	/* to notice a second inclusion */
	uint32_t *lines;	/* where each begins, built lazily */
	size_t nlines;
};

struct source_set {
	struct arena *arena;
	struct source_file *files;
	size_t nfiles, cap;
	struct progress *progress;	/* of reading them; or NULL */
};

struct source_position {
	uint32_t line, column;	/* from 1; column counts bytes */
};

void source_init(struct source_set *s, struct arena *a);

/*
 * Reads PATH ("-" = standard input) and adds it; NAME is what is shown.
 * Returns its number, or a negative errno (EFBIG above 1 GiB). With FROM
 * (a file number, or -1), a relative PATH is relative to that file's folder.
 */
int source_open(struct source_set *s, const char *path, int from);
int source_add(struct source_set *s, const char *name, const char *text,
	       size_t size);

struct source_position source_position(struct source_set *s, uint32_t file,
				       uint32_t offset);
/* The line of OFFSET without its newline; *LEN its length. */
const char *source_line(struct source_set *s, uint32_t file, uint32_t line,
			size_t *len);

/* SHA-256 over all files in order (name, NUL, size, text), as 64 hex digits. */
void source_digest(const struct source_set *s, char hex[65]);

#endif
