/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fixture_objfile - an object of one test's own, to be damaged and opened
 *
 * In: the fixture's object. Out: places in it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "../../runtime/manifest_format.h"
#include "fixture_objfile.h"

int setup(void **state)
{
	*state = fixture_new();
	fixture_build(*state);
	return 0;
}

int teardown(void **state)
{
	fixture_free(*state);
	return 0;
}

Elf64_Ehdr *header(struct fixture *f)
{
	return f->bytes;
}

Elf64_Shdr *section(struct fixture *f, unsigned int i)
{
	return (Elf64_Shdr *)((char *)f->bytes + header(f)->e_shoff) + i;
}

void *contents(struct fixture *f, unsigned int i)
{
	return (char *)f->bytes + section(f, i)->sh_offset;
}

void refuse(struct fixture *f, const char *sentence)
{
	char error[OBJFILE_ERROR_MAX] = "";
	struct objfile *o = NULL;

	assert_int_equal(objfile_from_bytes(f->bytes, f->size, &o, error),
			 -EBADMSG);
	assert_string_equal(error, sentence);
	assert_null(o);
	fixture_build(f);
}

void put_manifest(struct fixture *f, const char *text, size_t n,
			 uint64_t claimed)
{
	uLongf room = compressBound(n);
	uint8_t *p = malloc(16 + room);
	size_t at = (f->size + 7) & ~(size_t)7, size;

	memcpy(p, MANIFEST_MAGIC, 8);
	memcpy(p + 8, &claimed, 8);
	compress(p + 16, &room, (const Bytef *)text, n);
	size = at + 16 + room;
	f->bytes = realloc(f->bytes, size);
	memset((char *)f->bytes + f->size, 0, at - f->size);
	memcpy((char *)f->bytes + at, p, 16 + room);
	section(f, MANIFEST)->sh_offset = at;
	section(f, MANIFEST)->sh_size = 16 + room;
	f->size = size;
	free(p);
}
