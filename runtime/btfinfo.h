/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * btfinfo - the debug information of an object, in the kernel's form
 *
 * In: an object's bytes. Out: a loaded BTF, type numbers for the maps, line
 * records that count in instructions. All of it is a courtesy: an object
 * without, or with one that the kernel dislikes, runs the same.
 */
#ifndef SKPOL_BTFINFO_H
#define SKPOL_BTFINFO_H

#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>

#include "objfile.h"

struct btfinfo {
	int fd;				/* -1 = none */
	struct bpf_func_info *funcs;
	struct bpf_line_info *lines;
	uint32_t nfuncs, nlines;
	uint32_t rodata_type;		/* 0 = unknown */
	uint32_t counter_key, counter_value;
};

void btfinfo_load(const struct objfile *o, struct btfinfo *b);
void btfinfo_close(struct btfinfo *b);

#endif
