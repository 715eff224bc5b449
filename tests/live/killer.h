/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * killer - a command that dies at one of its system calls
 */
#ifndef KILLER_H
#define KILLER_H

#include <stdbool.h>

struct skpol;

extern bool killer_everywhere;	/* at calls that change nothing, too */

/*
 * Runs COMMAND in a child and kills it on entry to call N. False when it ran
 * to its end first; it must have succeeded then.
 */
bool killed_at(int (*command)(struct skpol *s), int n);

#endif
