/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory - what one read takes on this machine, by the size of what is read
 *
 * In: how many reads a figure is of; two million if nothing is said. Out: a line for
 * each size from 16 KiB to 64 MiB, ns of a read whose place the read before has
 * said, in pages of 4 KiB (as .rodata has them) and of 2 MiB. What a look-up takes
 * with cold caches is made of these.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "../random/world.h"

enum { LINE = 64, ROUNDS = 3, HUGE = 2 << 20 };

static unsigned long reads = 2000000;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* SIZE bytes that begin with a large page, of these or of small ones. */
static char *map(size_t size, int advice)
{
	char *p = mmap(NULL, size + HUGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		perror("memory");
		exit(1);
	}
	p += HUGE - ((uintptr_t)p & (HUGE - 1));
	madvise(p, size, advice);
	return p;
}

/* One circle of all N lines (Sattolo), each with the address of the next. */
static void link_lines(char *p, uint32_t n)
{
	uint32_t *order = malloc(n * sizeof(*order));
	struct random r = random_new(n);

	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	for (uint32_t i = n - 1; i; i--) {
		uint32_t k = random_below(&r, i), v = order[i];

		order[i] = order[k];
		order[k] = v;
	}
	for (uint32_t i = 0; i < n; i++)
		*(char **)(p + (size_t)order[i] * LINE) =
			p + (size_t)order[(i + 1) % n] * LINE;
	free(order);
}

/* The least of some rounds, after one that is not measured. */
static double read_ns(char *p)
{
	double least = 1e9;

	for (int round = 0; round <= ROUNDS; round++) {
		double begin = now(), ns;

		for (unsigned long i = 0; i < reads; i++)
			p = *(char *volatile *)p;
		ns = (now() - begin) / (double)reads;
		if (round && ns < least)
			least = ns;
	}
	return least;
}

static double measure(size_t size, int advice)
{
	char *p = map(size, advice);
	double ns;

	link_lines(p, (uint32_t)(size / LINE));
	ns = read_ns(p);
	munmap(p, size);
	return ns;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		reads = strtoul(argv[1], NULL, 10);
	if (!reads || argc > 2) {
		fprintf(stderr, "usage: memory [READS]\n");
		return 2;
	}
	printf("%9s %10s %10s   ns a read, pages of\n", "KiB", "4 KiB", "2 MiB");
	for (size_t size = 16 << 10; size <= 64 << 20; size *= 2) {
		double small = measure(size, MADV_NOHUGEPAGE);

		printf("%9zu %10.1f %10.1f\n", size >> 10, small,
		       measure(size, MADV_HUGEPAGE));
	}
	return 0;
}
