/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * objfile_private - how the files of objfile share the work
 *
 * objfile_elf.c finds sections, symbols and references; objfile_manifest.c
 * inflates and parses .skpol; objfile_schema.c checks what it says;
 * objfile_sum.c checks that nobody changed a byte. Each
 * returns 0 or a negative errno, the sentence in ERROR.
 */
#ifndef SKPOL_OBJFILE_PRIVATE_H
#define SKPOL_OBJFILE_PRIVATE_H

#include "objfile.h"

struct objfile_span {		/* of the file */
	const uint8_t *p;
	size_t n;
};

/*
 * Fills all of O but the manifest and what it says; .skpol goes to MANIFEST,
 * .skpol.sum to SUM.
 */
int objfile_read_elf(struct objfile *o, struct objfile_span *manifest,
		     struct objfile_span *sum, char error[OBJFILE_ERROR_MAX]);
/* Only finds .skpol.sum in the N bytes at P. */
int objfile_find_sum(const void *p, size_t n, struct objfile_span *sum,
		     char error[OBJFILE_ERROR_MAX]);

int objfile_read_manifest(struct objfile *o, struct objfile_span section,
			  char error[OBJFILE_ERROR_MAX]);

/* Sets nslots, ninterfaces and ncounters from the manifest, once checked. */
int objfile_check_schema(struct objfile *o, char error[OBJFILE_ERROR_MAX]);

int objfile_check_sum(const struct objfile *o, struct objfile_span sum,
		      char error[OBJFILE_ERROR_MAX]);

/* Writes the sentence; returns ERR, so that a caller can return it. */
int objfile_fault(char error[OBJFILE_ERROR_MAX], int err, const char *fmt,
		  ...) __attribute__((format(printf, 3, 4)));

#endif
