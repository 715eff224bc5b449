/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fixture_corpus - policies that together use every production of the grammar
 *
 * Each parses; meaning is no matter here. They are laid out as people do, with
 * comments and newlines wherever the language lets them stand. Two files can
 * be named by them: CORPUS_SET and CORPUS_INCLUDE.
 */
#ifndef FIXTURE_CORPUS_H
#define FIXTURE_CORPUS_H

#include <stddef.h>

extern const char *const corpus[];
extern const size_t corpus_size;

#define CORPUS_SET "prefixes.txt"
#define CORPUS_MAP "tenants.txt"
#define CORPUS_INCLUDE "more.skl"
/* Writes the files into the current folder; removes them. */
void corpus_write_files(void);
void corpus_remove_files(void);

#endif
