/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * object_elf - sections to the bytes of an ELF object
 *
 * In: sections in the order in which they are to stand. Out: a relocatable
 * object for BPF in the byte order of this host.
 */
#ifndef SKPOL_OBJECT_ELF_H
#define SKPOL_OBJECT_ELF_H

#include <stddef.h>
#include <stdint.h>

struct elf_section {
	const char *name;
	const void *data;
	size_t size;
	uint32_t type;		/* SHT_* */
	uint32_t flags;		/* SHF_* */
	uint32_t align;
	uint32_t entsize;	/* of a table, else 0 */
	uint32_t link, info;	/* section numbers, as ELF wants them */
	uint32_t name_offset;	/* of NAME in the section .strtab */
};

/*
 * V[i] becomes section i + 1; V[0] holds the names. 0 with malloc'ed bytes, or
 * a negative errno with a sentence in ERROR.
 */
int elf_write(const struct elf_section *v, size_t n, void **bytes,
	      size_t *size, char error[256]);

#endif
