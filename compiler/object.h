/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * object - image and manifest to policy.o
 *
 * In: an image, a manifest. Out: the bytes of an ELF object that libbpf,
 * bpftool, cilium/ebpf and aya load. The
 * same input gives the same bytes: no time, path or host goes in.
 */
#ifndef SKPOL_OBJECT_H
#define SKPOL_OBJECT_H

#include <jansson.h>

#include "image.h"
#include "policy.h"

struct object_input {
	const struct image *image;
	const json_t *manifest;		/* written as .skpol, zlib-compressed */
	struct source_set *sources;	/* for .BTF.ext's lines of text */
};

/*
 * 0 with malloc'ed bytes, or a negative errno with a sentence in ERROR: EINVAL
 * is a fault of skpolc (the image breaks a promise), EFBIG too large a policy.
 */
int object_build(const struct object_input *in, void **bytes, size_t *size,
		 char error[256]);

/*
 * Writes to PATH by way of a temporary file in the same folder and rename; "-"
 * is standard output; what is no regular file is written to as it is. 0, or a
 * negative errno; PATH is as it was then. The caller ignores SIGPIPE.
 */
int object_write(const char *path, const void *bytes, size_t size);

struct manifest_options {
	unsigned int optimize;		/* 0, 1, 2 */
	const char *target_kernel;	/* "5.10" */
	const char *kernel;		/* that takes its tables; NULL: the target */
	const char *profile;		/* its SHA-256, or NULL */
	size_t max_instructions, max_tables;	/* 0 = as if not said */
};
/* A new reference, or NULL without memory. The schema is docs/manifest.md. */
json_t *manifest_build(struct arena *a, const struct policy *p,
		       struct source_set *s,
		       const struct manifest_options *o);

#endif
