/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fixture_objfile - an object of one test's own, to be damaged and opened
 *
 * For the tests of objfile: setup and teardown, the parts of the file at hand,
 * and the refusal that a fault must have.
 */
#ifndef FIXTURE_OBJFILE_H
#define FIXTURE_OBJFILE_H

#include <elf.h>

#include "../../runtime/objfile.h"
#include "fixture_object.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int setup(void **state);
int teardown(void **state);

/* Sections by number. */
enum { PROGRAM = 2, REL = 3, MAPS = 4, LICENSE = 5, RODATA = 6, MANIFEST = 9,
       SUM = 10, SYMTAB = 11 };

Elf64_Ehdr *header(struct fixture *f);
Elf64_Shdr *section(struct fixture *f, unsigned int i);
void *contents(struct fixture *f, unsigned int i);
/* Puts the N bytes of TEXT, said to be CLAIMED, in place of the manifest. */
void put_manifest(struct fixture *f, const char *text, size_t n,
		  uint64_t claimed);

/* It is refused with SENTENCE; then F is built anew. */
void refuse(struct fixture *f, const char *sentence);

#endif
