/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blob - text that lives in a map, compressed, for the bpf file system has
 * no files
 */
#ifndef SKPOL_BLOB_H
#define SKPOL_BLOB_H

#include <jansson.h>

#include "handle.h"

/* A frozen map that holds J: descriptor, or negative errno (message set). */
int blob_write(struct skpol *s, const char *name, const json_t *j);
/* A new reference, or NULL (message set). */
json_t *blob_read(struct skpol *s, int fd);

#endif
