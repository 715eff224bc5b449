/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arena - memory that lives as long as one compilation
 *
 * Everything a compilation builds is taken from one arena and given back in
 * one call, so no stage has a cleanup path. When memory runs out, or a size
 * overflows, the arena longjmps to arena->exhausted, which the owner has set
 * with setjmp() before the first allocation: no caller checks for NULL.
 * Not thread safe; one arena per compilation.
 */
#ifndef SKPOL_ARENA_H
#define SKPOL_ARENA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks;	/* newest first */
	char *next, *end;		/* what is free of the newest chunk */
	size_t used;			/* bytes taken from malloc so far */
	jmp_buf *exhausted;		/* where to go when memory runs out */
};

void arena_init(struct arena *a, jmp_buf *exhausted);
void arena_free(struct arena *a);

/* SIZE bytes, zeroed, aligned to 16. Never NULL. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_array(struct arena *a, size_t n, size_t size);
char *arena_strndup(struct arena *a, const char *s, size_t len);
char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

/*
 * Growing arrays: V is a pointer, N its length, CAP its capacity (both
 * size_t lvalues). Makes room for one more element; large arrays are
 * reallocated in place of the old, so growth wastes nothing.
 */
void *arena_grow(struct arena *a, void *v, size_t *cap, size_t need,
		 size_t size);
#define arena_push(a, v, n, cap)                                             \
	((n) == (cap) ? (void)((v) = arena_grow((a), (v), &(cap), (n) + 1,   \
						sizeof(*(v)))) : (void)0,    \
	 &(v)[(n)++])

#endif
