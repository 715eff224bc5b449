/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ring - the reading end of a BPF ring buffer
 *
 * In: the map. Out: its records, in order, each once. A ring has one reader:
 * whoever opens it must know that nobody else does.
 */
#ifndef SKPOL_RING_H
#define SKPOL_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring {
	int fd;			/* borrowed; readable when there are records */
	size_t size, page;
	unsigned long *consumer;	/* NULL = not open */
	const unsigned long *producer;
	const uint8_t *data;
};

/* 0 or a negative errno. */
int ring_open(struct ring *r, int fd);
void ring_close(struct ring *r);

/*
 * The next record, or NULL; it stays until ring_done, which must follow. What
 * the program began and gave up is passed over.
 */
const void *ring_next(struct ring *r, size_t *size);
void ring_done(struct ring *r, size_t size);

#endif
