/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rodata - the .rodata section while it is filled
 *
 * In: variables, one after the other. Out: their offsets, at multiples of 8,
 * and in the end the section. A program that masks an index may read as far as
 * the mask lets it: rodata_reach() keeps the section large enough.
 */
#ifndef SKPOL_RODATA_H
#define SKPOL_RODATA_H

#include "image.h"

struct rodata {
	struct arena *arena;
	uint8_t *v;
	size_t n, cap;
	struct image_variable *variables;
	size_t nvariables, variables_cap;
	size_t reach;
	bool failed;		/* more than RODATA_MAX bytes */
};

enum { RODATA_MAX = 512 << 20 };

/* Copies N elements of WIDTH bytes from V; returns the offset. */
uint32_t rodata_add(struct rodata *r, const char *name, const void *v,
		    size_t n, uint8_t width);
/* The same, zeroed, for the caller to fill: NULL when there is none. What is
 * returned may move when something else is added. */
void *rodata_space(struct rodata *r, const char *name, size_t n,
		   uint8_t width, uint32_t *offset);
/* What is added next begins at a multiple of SIZE: at a line of the cache. */
void rodata_align(struct rodata *r, size_t size);
uint32_t rodata_text(struct rodata *r, const char *name, const char *text);
/* The program reads up to END. */
void rodata_reach(struct rodata *r, size_t end);
void rodata_finish(struct rodata *r, struct image *out);

#endif
