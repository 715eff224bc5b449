/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * apply - a policy becomes the one that runs
 *
 * In: a checked object. Out: a new generation, or word that it runs already.
 * The steps before the switch of the link can all be given up; those after it
 * can all be done by the next command.
 */
#ifndef SKPOL_APPLY_H
#define SKPOL_APPLY_H

#include "handle.h"
#include "objfile.h"

int apply_object(struct skpol *s, const struct objfile *o,
		 const struct skpol_apply_options *options,
		 struct skpol_applied *out);

#endif
