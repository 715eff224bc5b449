/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * objfile_manifest - the section .skpol as JSON
 *
 * In: the section's bytes. Out: the JSON object, of which nothing is known
 * yet. A few bytes of a hostile file must not cost gigabytes here: the size
 * that is claimed must be one that the bytes can inflate to, and the text is
 * looked through before jansson makes an object of each of its values.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "manifest_format.h"
#include "objfile_private.h"

/* What deflate can reach: 258 bytes out of two bits. */
enum { RATIO_MAX = 1032 };

static uint64_t little_endian64(const uint8_t *p)
{
	uint64_t n = 0;
	unsigned int i;

	for (i = 8; i-- > 0;)
		n = n << 8 | p[i];
	return n;
}

static int read_header(struct objfile_span s, size_t *text_size,
		       char error[OBJFILE_ERROR_MAX])
{
	const size_t magic = MANIFEST_MAGIC_SIZE;
	uint64_t n;

	if (s.n < MANIFEST_HEADER_SIZE)
		return objfile_fault(error, -EBADMSG,
				     "its manifest is cut off");
	if (memcmp(s.p, MANIFEST_MAGIC, magic - 1))
		return objfile_fault(error, -EBADMSG, "its section .skpol is no "
				     "manifest");
	if (s.p[magic - 1] != MANIFEST_FORMAT)
		return objfile_fault(error, -EPROTONOSUPPORT, "made by another "
				     "skpolc: its manifest is of format %u, "
				     "and this program reads format %u",
				     s.p[magic - 1], MANIFEST_FORMAT);
	n = little_endian64(s.p + magic);
	if (n > MANIFEST_TEXT_MAX ||
	    n > (uint64_t)(s.n - MANIFEST_HEADER_SIZE) * RATIO_MAX)
		return objfile_fault(error, -EBADMSG, "its manifest claims "
				     "%llu bytes of text, which is too many",
				     (unsigned long long)n);
	*text_size = n;
	return 0;
}

static int inflate_text(struct objfile_span s, char *text, size_t size,
			char error[OBJFILE_ERROR_MAX])
{
	uLongf n = size;
	int status = uncompress((Bytef *)text, &n, s.p + MANIFEST_HEADER_SIZE,
				s.n - MANIFEST_HEADER_SIZE);

	if (status == Z_MEM_ERROR)
		return objfile_fault(error, -ENOMEM, "no memory for its manifest");
	if (status != Z_OK || n != size)
		return objfile_fault(error, -EBADMSG, "its manifest does not "
				     "inflate to what it claims");
	return 0;
}

/* Each but the first has one of these before it, outside of strings. */
size_t manifest_values(const char *text, size_t n)
{
	size_t i, values = 1;
	bool inside = false;

	for (i = 0; i < n; i++) {
		if (text[i] == '"')
			inside = !inside;
		else if (inside)
			i += text[i] == '\\';
		else
			values += text[i] == ',' || text[i] == ':' ||
				text[i] == '[' || text[i] == '{';
	}
	return values;
}

static int parse(struct objfile *o, const char *text, size_t n,
		 char error[OBJFILE_ERROR_MAX])
{
	json_error_t e;

	if (manifest_values(text, n) > MANIFEST_VALUES_MAX)
		return objfile_fault(error, -EBADMSG, "its manifest has more "
				     "than %u values", MANIFEST_VALUES_MAX);
	o->manifest = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e);
	if (o->manifest)
		return 0;
	if (json_error_code(&e) == json_error_out_of_memory)
		return objfile_fault(error, -ENOMEM, "no memory for its manifest");
	return objfile_fault(error, -EBADMSG, "its manifest is no JSON: %.128s",
			     e.text);
}

int objfile_read_manifest(struct objfile *o, struct objfile_span section,
			  char error[OBJFILE_ERROR_MAX])
{
	size_t n = 0;
	int err = read_header(section, &n, error);
	char *text;

	if (err)
		return err;
	text = malloc(n + 1);
	if (!text)
		return objfile_fault(error, -ENOMEM, "no memory for its manifest");
	err = inflate_text(section, text, n, error);
	if (!err)
		err = parse(o, text, n, error);
	free(text);
	return err;
}
