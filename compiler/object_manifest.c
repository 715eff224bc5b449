/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * object_manifest - a manifest as the bytes of the section .skpol
 *
 * In: the manifest. Out: its bytes, the same for equal manifests.
 */
#include "object_manifest.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "../runtime/manifest_format.h"

/* Above this a better level costs seconds, and saves a fifth. */
enum { FAST_FROM = 1 << 20 };

static void put_header(uint8_t *p, size_t text_size)
{
	uint64_t n = text_size;
	unsigned int i;

	memcpy(p, MANIFEST_MAGIC, MANIFEST_MAGIC_SIZE);
	p += MANIFEST_MAGIC_SIZE;
	for (i = 0; i < 8; i++)
		p[i] = (uint8_t)(n >> i * 8);
}

/* The reader's limits: better to meet them here than on another host. */
static int check_size(const char *text, size_t n, char error[256])
{
	if (n > MANIFEST_TEXT_MAX)
		snprintf(error, 256, "the policy is too large: its normal "
			 "form is more than %u MiB",
			 MANIFEST_TEXT_MAX >> 20);
	else if (manifest_values(text, n) > MANIFEST_VALUES_MAX)
		snprintf(error, 256, "the policy is too large: it has too "
			 "many rules");
	else
		return 0;
	return -EFBIG;
}

static int pack(const char *text, size_t n, void **bytes, size_t *size,
		char error[256])
{
	uLongf room = compressBound(n);
	uint8_t *p = malloc(MANIFEST_HEADER_SIZE + room);
	int level = n < FAST_FROM ? Z_BEST_COMPRESSION : Z_BEST_SPEED;

	if (!p || compress2(p + MANIFEST_HEADER_SIZE, &room,
			    (const Bytef *)text, n, level) != Z_OK) {
		snprintf(error, 256, "no memory for the manifest");
		free(p);
		return -ENOMEM;
	}
	put_header(p, n);
	*bytes = p;
	*size = MANIFEST_HEADER_SIZE + room;
	return 0;
}

int manifest_pack(const json_t *manifest, void **bytes, size_t *size,
		  char error[256])
{
	char *text = json_dumps(manifest, JSON_SORT_KEYS | JSON_COMPACT);
	size_t n;
	int err;

	if (!text) {
		snprintf(error, 256, "no memory for the manifest");
		return -ENOMEM;
	}
	n = strlen(text);
	err = check_size(text, n, error);
	if (!err)
		err = pack(text, n, bytes, size, error);
	free(text);
	return err;
}
