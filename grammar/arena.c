/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arena - memory that lives as long as one compilation
 *
 * In: sizes. Out: zeroed memory aligned to 16. Small things share chunks of
 * ARENA_CHUNK bytes, of ARENA_HUGE once ARENA_MUCH is used; anything of
 * ARENA_LARGE bytes or more has a chunk of its own, so that a growing array can
 * be reallocated in place of the old one; from ARENA_MAP bytes on it is a
 * mapping, which the kernel zeroes and moves page by page: the half of an array
 * that nobody has used yet costs nothing.
 * Promise: never NULL; when memory ends, or a size overflows, the owner's
 * jump buffer is taken (without one: abort), and the arena is still whole.
 */
#include "arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Tests build with tiny chunks. */
#ifndef ARENA_CHUNK
#define ARENA_CHUNK 65536
#endif
#define ARENA_LARGE (ARENA_CHUNK / 4)
#define ARENA_MAP ((size_t)ARENA_CHUNK * 16)
#define ARENA_HUGE ((size_t)ARENA_CHUNK * 64)
#define ARENA_MUCH (ARENA_HUGE * 8)
#define ARENA_ALIGN 16

struct arena_chunk {
	struct arena_chunk *older, *newer;
	size_t size;			/* of the data behind this header */
} __attribute__((aligned(ARENA_ALIGN)));

static void exhausted(struct arena *a) __attribute__((noreturn));

static void exhausted(struct arena *a)
{
	if (!a->exhausted)
		abort();
	longjmp(*a->exhausted, 1);
}

void arena_init(struct arena *a, jmp_buf *exhausted)
{
	memset(a, 0, sizeof(*a));
	a->exhausted = exhausted;
}

static bool is_mapped(size_t size)
{
	return size >= ARENA_MAP;
}

static void chunk_free(struct arena_chunk *c)
{
	if (is_mapped(c->size))
		munmap(c, sizeof(*c) + c->size);
	else
		free(c);
}

void arena_free(struct arena *a)
{
	struct arena_chunk *c = a->chunks;

	while (c) {
		struct arena_chunk *older = c->older;

		chunk_free(c);
		c = older;
	}
	memset(a, 0, sizeof(*a));
}

/* Hangs C, new or moved by realloc, into the list at its place. */
static void relink(struct arena *a, struct arena_chunk *c)
{
	if (c->newer)
		c->newer->older = c;
	else
		a->chunks = c;
	if (c->older)
		c->older->newer = c;
}

/* A mapping of so many BYTES, if it is worth it: 512 pages come at once then. */
static struct arena_chunk *in_large_pages(struct arena_chunk *c, size_t bytes)
{
	if (bytes >= ARENA_HUGE)
		madvise(c, bytes, MADV_HUGEPAGE);
	return c;
}

/* Zeroed; NULL when there is no memory. */
static struct arena_chunk *chunk_take(size_t bytes, bool mapped)
{
	struct arena_chunk *c;

	if (!mapped)
		return calloc(1, bytes);
	c = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return c == MAP_FAILED ? NULL : in_large_pages(c, bytes);
}

static struct arena_chunk *chunk_new(struct arena *a, size_t size)
{
	struct arena_chunk *c;

	if (size > SIZE_MAX / 2)
		exhausted(a);
	c = chunk_take(sizeof(*c) + size, is_mapped(size));
	if (!c)
		exhausted(a);
	c->size = size;
	c->older = a->chunks;
	relink(a, c);
	a->used += sizeof(*c) + size;
	return c;
}

/* Of the chunk that small things share next: of much memory, one in large pages. */
static size_t shared_size(const struct arena *a)
{
	return a->used < ARENA_MUCH ? ARENA_CHUNK : ARENA_HUGE;
}

void *arena_alloc(struct arena *a, size_t size)
{
	char *p;

	if (size >= ARENA_LARGE)
		return chunk_new(a, size) + 1;
	size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	if (!a->next || (size_t)(a->end - a->next) < size) {
		size_t room = shared_size(a);

		a->next = (char *)(chunk_new(a, room) + 1);
		a->end = a->next + room;
	}
	p = a->next;
	a->next += size;
	return p;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		exhausted(a);
	return arena_alloc(a, bytes);
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *p;

	if (len == SIZE_MAX)
		exhausted(a);
	p = arena_alloc(a, len + 1);
	if (len)
		memcpy(p, s, len);
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
	va_list again;
	char *p;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		exhausted(a);
	p = arena_alloc(a, (size_t)n + 1);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;

	va_start(ap, fmt);
	p = arena_vprintf(a, fmt, ap);
	va_end(ap);
	return p;
}

/* A mapping in place of C, which is smaller; NULL when there is no memory. */
static struct arena_chunk *to_mapping(struct arena_chunk *c, size_t bytes)
{
	struct arena_chunk *wide = chunk_take(sizeof(*c) + bytes, true);

	if (!wide)
		return NULL;
	memcpy(wide, c, sizeof(*c) + c->size);
	free(c);
	return wide;
}

static struct arena_chunk *move_mapping(struct arena_chunk *c, size_t bytes)
{
	size_t size = sizeof(*c) + bytes;

	c = mremap(c, sizeof(*c) + c->size, size, MREMAP_MAYMOVE);
	return c == MAP_FAILED ? NULL : in_large_pages(c, size);
}

static struct arena_chunk *move_heap(struct arena_chunk *c, size_t bytes)
{
	size_t old = c->size;

	c = realloc(c, sizeof(*c) + bytes);
	if (c)
		memset((char *)(c + 1) + old, 0, bytes - old);
	return c;
}

/* V has a chunk of its own: what it has and BYTES are at least ARENA_LARGE. */
static void *grow_large(struct arena *a, void *v, size_t bytes)
{
	struct arena_chunk *c = (struct arena_chunk *)v - 1;
	size_t old = c->size;

	if (bytes > SIZE_MAX / 2)
		exhausted(a);
	if (is_mapped(old))
		c = move_mapping(c, bytes);
	else if (is_mapped(bytes))
		c = to_mapping(c, bytes);
	else
		c = move_heap(c, bytes);
	if (!c)
		exhausted(a);
	c->size = bytes;
	relink(a, c);
	a->used += bytes - old;
	return c + 1;
}

void *arena_grow(struct arena *a, void *v, size_t *cap, size_t need,
		 size_t size)
{
	size_t n = *cap ? *cap : (size < 64 ? 64 / size : 1);
	size_t old = *cap * size, bytes;
	void *p;

	while (n < need) {
		if (__builtin_mul_overflow(n, 2, &n))
			exhausted(a);
	}
	if (__builtin_mul_overflow(n, size, &bytes))
		exhausted(a);
	if (old >= ARENA_LARGE) {
		p = grow_large(a, v, bytes);
	} else {
		p = arena_alloc(a, bytes);
		if (old)
			memcpy(p, v, old);
	}
	*cap = n;
	return p;
}
