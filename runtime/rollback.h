/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rollback - a generation that is kept runs again
 *
 * Its program, its counters and its manifest become a new generation: counts
 * by name carry on, and the one that is left is kept in turn, so that a second
 * rollback undoes the first. Nothing is compiled or loaded.
 */
#ifndef SKPOL_ROLLBACK_H
#define SKPOL_ROLLBACK_H

#include "change.h"

/*
 * Under the lock: generation NUMBER, which is not the live one. UNCONFIRMED is
 * the generation that was not confirmed in time, or 0.
 */
int rollback_to(struct change *c, uint32_t number, uint32_t unconfirmed);

#endif
