/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rodata - variables of .rodata, laid one behind the other
 *
 * In: names and bytes. Out: offsets. Promise: they never move.
 */
#include "rodata.h"

#include <string.h>

#include "../grammar/arena.h"

static void grow(struct rodata *r, size_t end)
{
	if (end > RODATA_MAX) {
		r->failed = true;
		return;
	}
	if (end > r->cap)
		r->v = arena_grow(r->arena, r->v, &r->cap, end, 1);
	if (end > r->n)
		memset(r->v + r->n, 0, end - r->n);
	r->n = end;
}

void *rodata_space(struct rodata *r, const char *name, size_t n,
		   uint8_t width, uint32_t *offset)
{
	size_t at = (r->n + 7) & ~(size_t)7, size = n * width;

	*offset = 0;
	grow(r, at + size);
	if (r->failed || !size)
		return NULL;
	*arena_push(r->arena, r->variables, r->nvariables,
		    r->variables_cap) = (struct image_variable) {
		.name = name, .offset = (uint32_t)at,
		.size = (uint32_t)size, .width = width,
	};
	*offset = (uint32_t)at;
	return r->v + at;
}

void rodata_align(struct rodata *r, size_t size)
{
	grow(r, (r->n + size - 1) / size * size);
}

uint32_t rodata_add(struct rodata *r, const char *name, const void *v,
		    size_t n, uint8_t width)
{
	uint32_t offset;
	void *to = rodata_space(r, name, n, width, &offset);

	if (to)
		memcpy(to, v, n * width);
	return offset;
}

uint32_t rodata_text(struct rodata *r, const char *name, const char *text)
{
	return rodata_add(r, name, text, strlen(text) + 1, 1);
}

void rodata_reach(struct rodata *r, size_t end)
{
	if (end > r->reach)
		r->reach = end;
}

void rodata_finish(struct rodata *r, struct image *out)
{
	size_t end = r->n > r->reach ? r->n : r->reach;

	grow(r, (end + 7) & ~(size_t)7);
	out->rodata = r->v;
	out->rodata_size = r->n;
	out->variables = r->variables;
	out->nvariables = r->nvariables;
}
