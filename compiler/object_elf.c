/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * object_elf - sections to the bytes of an ELF object, by libelf
 *
 * In: sections. Out: malloc'ed bytes. libelf seeks in what it writes, and
 * maps it: so it gets a file in memory, which is then read.
 */
#include "object_elf.h"

#include <endian.h>
#include <errno.h>
#include <libelf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int elf_fault(char error[256])
{
	int number = elf_errno();

	snprintf(error, 256, "cannot write the object: %s",
		 elf_errmsg(number ? number : -1));
	return -EIO;
}

static Elf_Type data_type(uint32_t type)
{
	switch (type) {
	case SHT_SYMTAB:
		return ELF_T_SYM;
	case SHT_REL:
		return ELF_T_REL;
	default:
		return ELF_T_BYTE;
	}
}

static bool add_section(Elf *elf, const struct elf_section *s)
{
	Elf_Scn *scn = elf_newscn(elf);
	Elf_Data *d = scn ? elf_newdata(scn) : NULL;
	Elf64_Shdr *h = scn ? elf64_getshdr(scn) : NULL;

	if (!d || !h)
		return false;
	d->d_buf = (void *)s->data;	/* libelf only reads it */
	d->d_size = s->size;
	d->d_type = data_type(s->type);
	d->d_align = s->align;
	d->d_version = EV_CURRENT;
	h->sh_name = s->name_offset;
	h->sh_type = s->type;
	h->sh_flags = s->flags;
	h->sh_entsize = s->entsize;
	h->sh_link = s->link;
	h->sh_info = s->info;
	return true;
}

static bool add_header(Elf *elf)
{
	Elf64_Ehdr *h = elf64_newehdr(elf);

	if (!h)
		return false;
	h->e_ident[EI_DATA] = __BYTE_ORDER == __LITTLE_ENDIAN ? ELFDATA2LSB :
		ELFDATA2MSB;
	h->e_type = ET_REL;
	h->e_machine = EM_BPF;
	h->e_version = EV_CURRENT;
	h->e_shstrndx = 1;
	return true;
}

/* Returns the size of what was written to FD, or -1. */
static int64_t write_to(int fd, const struct elf_section *v, size_t n)
{
	Elf *elf = elf_begin(fd, ELF_C_WRITE, NULL);
	bool good = elf && add_header(elf);
	int64_t size = -1;
	size_t i;

	for (i = 0; good && i < n; i++)
		good = add_section(elf, &v[i]);
	if (good)
		size = elf_update(elf, ELF_C_WRITE);
	elf_end(elf);
	return size;
}

static int read_back(int fd, size_t size, void **bytes, char error[256])
{
	char *p = malloc(size);
	size_t n = 0;

	while (p && n < size) {
		ssize_t got = pread(fd, p + n, size - n, (off_t)n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	if (p && n == size) {
		*bytes = p;
		return 0;
	}
	snprintf(error, 256, "%s", p ? "cannot read the object back" :
		 "no memory for the object");
	free(p);
	return p ? -EIO : -ENOMEM;
}

int elf_write(const struct elf_section *v, size_t n, void **bytes,
	      size_t *size, char error[256])
{
	int64_t written;
	int fd, err;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return elf_fault(error);
	fd = memfd_create("policy.o", MFD_CLOEXEC);
	if (fd < 0) {
		err = -errno;
		snprintf(error, 256, "cannot make a file in memory: %s",
			 strerror(-err));
		return err;
	}
	written = write_to(fd, v, n);
	err = written < 0 ? elf_fault(error) :
		read_back(fd, (size_t)written, bytes, error);
	*size = err ? 0 : (size_t)written;
	close(fd);
	return err;
}
