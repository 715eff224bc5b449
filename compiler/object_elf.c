/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * object_elf - sections to the bytes of an ELF object
 *
 * In: sections. Out: malloc'ed bytes: the header, the sections in their order,
 * the table of sections. Padding is zeros. There is one allocation, so memory
 * that ends is told before anything is written.
 */
#include "object_elf.h"

#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TABLE_ALIGN = 8 };

static size_t aligned(size_t at, size_t align)
{
	return (at + align - 1) / align * align;
}

static Elf64_Ehdr file_header(size_t n, size_t table)
{
	return (Elf64_Ehdr){
		.e_ident = {
			ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
			__BYTE_ORDER == __LITTLE_ENDIAN ? ELFDATA2LSB :
				ELFDATA2MSB,
			EV_CURRENT,
		},
		.e_type = ET_REL,
		.e_machine = EM_BPF,
		.e_version = EV_CURRENT,
		.e_shoff = table,
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = (uint16_t)(n + 1),
		.e_shstrndx = 1,
	};
}

static Elf64_Shdr section_header(const struct elf_section *s, size_t at)
{
	return (Elf64_Shdr){
		.sh_name = s->name_offset,
		.sh_type = s->type,
		.sh_flags = s->flags,
		.sh_offset = at,
		.sh_size = s->size,
		.sh_link = s->link,
		.sh_info = s->info,
		.sh_addralign = s->align,
		.sh_entsize = s->entsize,
	};
}

/* Where the table of sections begins. */
static size_t measure(const struct elf_section *v, size_t n)
{
	size_t at = sizeof(Elf64_Ehdr);

	for (size_t i = 0; i < n; i++)
		at = aligned(at, v[i].align) + v[i].size;
	return aligned(at, TABLE_ALIGN);
}

static void fill(uint8_t *p, const struct elf_section *v, size_t n,
		 size_t table)
{
	Elf64_Ehdr header = file_header(n, table);
	size_t at = sizeof(header);

	memcpy(p, &header, sizeof(header));
	for (size_t i = 0; i < n; i++) {
		Elf64_Shdr h;

		at = aligned(at, v[i].align);
		h = section_header(&v[i], at);
		if (v[i].size)
			memcpy(p + at, v[i].data, v[i].size);
		memcpy(p + table + (i + 1) * sizeof(h), &h, sizeof(h));
		at += v[i].size;
	}
}

int elf_write(const struct elf_section *v, size_t n, void **bytes,
	      size_t *size, char error[256])
{
	size_t table = measure(v, n);

	*size = table + (n + 1) * sizeof(Elf64_Shdr);
	*bytes = calloc(1, *size);
	if (!*bytes) {
		snprintf(error, 256, "no memory for the object");
		*size = 0;
		return -ENOMEM;
	}
	fill(*bytes, v, n, table);
	return 0;
}
