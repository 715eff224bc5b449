/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * image_read - a policy.o that was opened, as an image again
 *
 * In: an objfile, whose checks have passed. Out: the image that it was made
 * from, for the interpreter and the proof. What an object does not carry is
 * not there: no lines (nlines is 0), and the width of a variable is 0 where
 * neither its name nor image.h says it.
 */
#ifndef SKPOL_IMAGE_READ_H
#define SKPOL_IMAGE_READ_H

#include "../runtime/objfile.h"
#include "image.h"

/* OUT shares nothing with O. */
void image_read(struct arena *a, const struct objfile *o, struct image *out);

#endif
