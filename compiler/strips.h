/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * strips - rows of which stretches are equal, each stretch kept once
 *
 * In: a table of rows. Out: its strips, each of as many columns and different from
 * all others, and for each row which strips it consists of; of the length that takes
 * the fewest bytes. Rows that differ in few columns take little more room than one of
 * them.
 */
#ifndef SKPOL_STRIPS_H
#define SKPOL_STRIPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

struct strips {
	uint32_t log;		/* 1 << log columns are one */
	uint32_t n;
	uint16_t *cells;	/* strip by strip */
	uint16_t *of;		/* row by row, the numbers of its strips */
};

/* Of NROWS << ROW_LOG cells. False: rows are shorter than any strip, or there are too
 * many strips for numbers of 16 bits. They need not be smaller than the rows. */
bool strips_find(struct arena *a, const uint16_t *cells, uint32_t nrows,
		 uint32_t row_log, struct strips *out);

static inline size_t strips_bytes(const struct strips *b, uint32_t nrows,
				  uint32_t row_log)
{
	return ((size_t)b->n << b->log) * sizeof(*b->cells) +
		((size_t)nrows << (row_log - b->log)) * sizeof(*b->of);
}

#endif
