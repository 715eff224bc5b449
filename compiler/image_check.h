/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * image_check - whether an image keeps the promises of image.h
 *
 * In: an image. Out: 0, or -EINVAL with a sentence that says which promise is
 * broken. The kernel would answer most of these by silence or by a
 * verifier's log; they are faults of skpolc, never of a policy.
 */
#ifndef SKPOL_IMAGE_CHECK_H
#define SKPOL_IMAGE_CHECK_H

#include "image.h"

int image_check(const struct image *m, char error[256]);

#endif
