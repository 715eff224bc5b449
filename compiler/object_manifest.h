/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * object_manifest - a manifest as the bytes of the section .skpol
 *
 * In: the manifest. Out: malloc'ed bytes: the header of docs/manifest.md, and
 * the text, keys sorted, compressed. 0, or a negative errno with a sentence.
 */
#ifndef SKPOL_OBJECT_MANIFEST_H
#define SKPOL_OBJECT_MANIFEST_H

#include <jansson.h>
#include <stddef.h>

int manifest_pack(const json_t *manifest, void **bytes, size_t *size,
		  char error[256]);

#endif
