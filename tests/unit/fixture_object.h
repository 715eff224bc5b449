/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fixture_object - a small image and manifest, made by hand
 *
 * For the tests of what writes and reads policy.o: a program that the kernel
 * takes, with references of every kind, lines, and a manifest that fits it.
 */
#ifndef FIXTURE_OBJECT_H
#define FIXTURE_OBJECT_H

#include "../../compiler/object.h"
#include "../../grammar/arena.h"

/* The lines of "edge.skl" that the program's instructions are for. */
#define FIXTURE_TEXT \
	"policy edge\n" \
	"socket web tcp\n" \
	"\tall: to any \033[1m -> web count trace  # \xff\xc3\xa9\n" \
	"default -> pass\n"

struct fixture {
	struct arena arena;
	struct source_set sources;
	struct image image;
	json_t *manifest;
	struct object_input input;
	void *bytes;			/* the object */
	size_t size;
};

struct fixture *fixture_new(void);
void fixture_free(struct fixture *f);
/* Builds, and asserts that it could; replaces what was built before. */
void fixture_build(struct fixture *f);

json_t *fixture_manifest(void);

#endif
