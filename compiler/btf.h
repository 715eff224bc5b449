/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * btf - what an object says about itself to loaders, the kernel and bpftool
 *
 * In: what the object is built from. Out: the bytes of .BTF (the maps, which
 * libbpf creates from it; the variables of .rodata; the program and its
 * context) and of .BTF.ext (which line of the policy each instruction is
 * for). Both have been read back by libbpf before they are handed out: the
 * kernel drops a BTF that it dislikes without a word.
 */
#ifndef SKPOL_BTF_H
#define SKPOL_BTF_H

#include "object.h"

/* What stands in the object's symbol table, and must be equal in BTF. */
#define BTF_PROGRAM "skpol_dispatch"
#define BTF_SECTION "sk_lookup"

struct btf_map {		/* one variable of the section .maps */
	const char *name;
	uint32_t offset, size;	/* in the section */
	int id;			/* of its BTF_KIND_VAR */
};

enum { BTF_MAPS_MAX = 3 };

struct btf_sections {
	void *types;		/* .BTF, malloc'ed */
	size_t types_size;
	void *ext;		/* .BTF.ext, malloc'ed */
	size_t ext_size;
	struct btf_map maps[BTF_MAPS_MAX];
	size_t nmaps;
};

/* 0, or a negative errno with a sentence in ERROR and nothing to free. */
int btf_build(const struct object_input *in, struct btf_sections *out,
	      char error[256]);
void btf_sections_free(struct btf_sections *s);

struct btf;

/*
 * The bytes of .BTF.ext for the program whose BTF_KIND_FUNC is FUNC; the text
 * of the lines goes into the strings of BTF. Malloc'ed, or NULL with errno.
 */
void *btf_ext_build(const struct object_input *in, struct btf *btf, int func,
		    size_t *size);

#endif
