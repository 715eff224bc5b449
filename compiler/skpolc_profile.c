/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skpolc_profile - the file of --profile
 *
 * In: its name. Out: a profile in the command's options. What is said of it
 * against the policy is profile.c's.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "profile.h"
#include "skpolc.h"

enum { SIZE_MAX_READ = 1 << 28 };

/* All of F: malloc'ed bytes, or NULL with errno. */
static char *read_all(FILE *f, size_t *size)
{
	size_t cap = 0, got;
	char *text = NULL, *more;

	*size = 0;
	do {
		cap = cap ? cap * 2 : 65536;
		more = cap > SIZE_MAX_READ ? NULL : realloc(text, cap);
		if (!more) {
			errno = cap > SIZE_MAX_READ ? EFBIG : ENOMEM;
			break;
		}
		text = more;
		got = fread(text + *size, 1, cap - *size, f);
		*size += got;
	} while (*size == cap);
	if (more && !ferror(f))
		return text;
	free(text);
	return NULL;
}

static int parse(struct skpolc *k, const char *text, size_t size)
{
	jmp_buf exhausted;
	char error[256];

	arena_init(&k->arena, &exhausted);
	if (setjmp(exhausted))
		return skpolc_error(EXIT_SYSTEM, "not enough memory");
	k->options.profile = profile_read(&k->arena, text, size, error);
	k->arena.exhausted = NULL;
	if (k->options.profile)
		return 0;
	return skpolc_error(EXIT_INPUT, "%s: %s", k->profile, error);
}

int skpolc_read_profile(struct skpolc *k)
{
	size_t size;
	char *text;
	FILE *f;
	int status;

	if (!k->profile || k->options.profile)
		return 0;
	f = fopen(k->profile, "rbe");
	text = f ? read_all(f, &size) : NULL;
	status = text ? parse(k, text, size) :
		skpolc_error(EXIT_INPUT, "cannot read %s: %s", k->profile,
			     strerror(errno));
	free(text);
	if (f)
		fclose(f);
	return status;
}
