/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * number - numbers without a pattern, for factors of hashes and the like
 *
 * In: a state, any. Out: the next number; the same ones each time, so that programs
 * are reproducible (Steele, Lea and Flood: Fast splittable pseudorandom number
 * generators, 2014).
 */
#ifndef SKPOL_NUMBER_H
#define SKPOL_NUMBER_H

#include <stdint.h>

static inline uint64_t number_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

#endif
