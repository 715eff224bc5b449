/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shrink - a policy on which the engines differ, made small
 *
 * In: the text, and the question they differ on. Out: a text with as many lines
 * left out as can be while they still differ on it.
 */
#ifndef SKPOL_TESTS_SHRINK_H
#define SKPOL_TESTS_SHRINK_H

#include "engine.h"

char *shrink(struct arena *a, const char *text, const struct question *q);

#endif
