/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * object - image and manifest to policy.o
 *
 * In: an image that keeps its promises (they are checked: a broken one is an
 * internal error, and no object). Out: the sections every loader wants, in
 * the order in which they all take them:
 *
 *	.strtab sk_lookup .relsk_lookup .maps license .rodata .BTF .BTF.ext
 *	.skpol .skpol.sum .symtab
 *
 * A reference into .rodata names the variable that begins there, and
 * anything else by the section and an addend: some loaders ignore an addend
 * beside a variable's name.
 */
#include "object.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../runtime/objfile.h"
#include "btf.h"
#include "image_check.h"
#include "object_elf.h"
#include "object_manifest.h"

enum section {
	STRTAB, PROGRAM, REL, MAPS, LICENSE, RODATA, TYPES, EXT, MANIFEST,
	SUM, SYMTAB, SECTIONS
};

static const char license[] = "Dual BSD/GPL";
static const char sum[32];		/* sealed when all else is written */

struct builder {
	const struct object_input *in;
	char *error;
	struct elf_section sections[SECTIONS];
	uint32_t number[SECTIONS];	/* in the file; 0 = left out */
	struct bpf_insn *insns;		/* with addends, as REL wants them */
	Elf64_Rel *rels;
	Elf64_Sym *syms;
	uint32_t nsyms;
	uint32_t map_syms[IMAGE_MAPS];	/* IMAGE_RODATA: of the section */
	uint32_t *variable_syms;
	char *strings;
	size_t nstrings;
	void *zeros;			/* the section .maps */
	void *manifest;
	struct btf_sections btf;
};

static int no_memory(struct builder *b)
{
	snprintf(b->error, 256, "no memory for the object");
	return -ENOMEM;
}

/* ---------------------------------------------------------------- symbols */

static uint32_t string(struct builder *b, const char *s)
{
	size_t n = strlen(s) + 1, at = b->nstrings;

	memcpy(b->strings + at, s, n);
	b->nstrings += n;
	return (uint32_t)at;
}

static uint32_t symbol(struct builder *b, const char *name, unsigned int type,
		       enum section section, uint64_t value, uint64_t size)
{
	b->syms[b->nsyms] = (Elf64_Sym){
		.st_name = name ? string(b, name) : 0,
		.st_info = ELF64_ST_INFO(name ? STB_GLOBAL : STB_LOCAL, type),
		.st_shndx = (uint16_t)b->number[section],
		.st_value = value,
		.st_size = size,
	};
	return b->nsyms++;
}

/* Locals first: a section has no name of its own. */
static void symbols(struct builder *b)
{
	const struct image *m = b->in->image;
	const struct btf_map *map = b->btf.maps;
	size_t i;

	b->nsyms = 1;
	if (b->number[RODATA])
		b->map_syms[IMAGE_RODATA] = symbol(b, NULL, STT_SECTION,
						   RODATA, 0, 0);
	b->sections[SYMTAB].info = b->nsyms;
	symbol(b, BTF_PROGRAM, STT_FUNC, PROGRAM, 0,
	       m->ninsns * sizeof(*m->insns));
	for (i = 0; i < b->btf.nmaps; i++)
		b->map_syms[i] = symbol(b, map[i].name, STT_OBJECT, MAPS,
					map[i].offset, map[i].size);
	symbol(b, "_license", STT_OBJECT, LICENSE, 0, sizeof(license));
	for (i = 0; i < m->nvariables; i++)
		if (m->variables[i].size)
			b->variable_syms[i] =
				symbol(b, m->variables[i].name, STT_OBJECT,
				       RODATA, m->variables[i].offset,
				       m->variables[i].size);
}

/* ------------------------------------------------------------ relocations */

/* The symbol of the variable that begins at OFFSET, or 0. */
static uint32_t variable_at(const struct builder *b, uint32_t offset)
{
	const struct image *m = b->in->image;
	size_t low = 0, high = m->nvariables;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (m->variables[mid].offset + m->variables[mid].size <=
		    offset)
			low = mid + 1;
		else
			high = mid;
	}
	return low < m->nvariables && m->variables[low].offset == offset ?
		b->variable_syms[low] : 0;
}

static void relocate(struct builder *b, const struct image_reloc *r,
		     Elf64_Rel *out)
{
	struct bpf_insn *i = &b->insns[r->insn];
	uint32_t sym = b->map_syms[r->map], variable = 0;

	i[0].src_reg = 0;
	i[0].imm = i[1].imm = 0;
	if (r->map == IMAGE_RODATA) {
		variable = variable_at(b, r->offset);
		i[0].imm = variable ? 0 : (int32_t)r->offset;
	}
	out->r_offset = (uint64_t)r->insn * sizeof(*i);
	out->r_info = ELF64_R_INFO(variable ? variable : sym, R_BPF_64_64);
}

static void relocations(struct builder *b)
{
	const struct image *m = b->in->image;
	size_t i;

	memcpy(b->insns, m->insns, m->ninsns * sizeof(*m->insns));
	for (i = 0; i < m->nrelocs; i++)
		relocate(b, &m->relocs[i], &b->rels[i]);
}

/* --------------------------------------------------------------- sections */

static const struct elf_section shapes[SECTIONS] = {
	[STRTAB] = { .name = ".strtab", .type = SHT_STRTAB, .align = 1 },
	[PROGRAM] = { .name = BTF_SECTION, .type = SHT_PROGBITS,
		      .flags = SHF_ALLOC | SHF_EXECINSTR, .align = 8 },
	[REL] = { .name = ".rel" BTF_SECTION, .type = SHT_REL, .align = 8,
		  .entsize = sizeof(Elf64_Rel) },
	[MAPS] = { .name = ".maps", .type = SHT_PROGBITS,
		   .flags = SHF_ALLOC | SHF_WRITE, .align = 8 },
	[LICENSE] = { .name = "license", .type = SHT_PROGBITS,
		      .flags = SHF_ALLOC | SHF_WRITE, .align = 1 },
	[RODATA] = { .name = ".rodata", .type = SHT_PROGBITS,
		     .flags = SHF_ALLOC, .align = 8 },
	[TYPES] = { .name = ".BTF", .type = SHT_PROGBITS, .align = 4 },
	[EXT] = { .name = ".BTF.ext", .type = SHT_PROGBITS, .align = 4 },
	[MANIFEST] = { .name = ".skpol", .type = SHT_PROGBITS, .align = 8 },
	[SUM] = { .name = ".skpol.sum", .type = SHT_PROGBITS, .align = 8 },
	[SYMTAB] = { .name = ".symtab", .type = SHT_SYMTAB, .align = 8,
		     .entsize = sizeof(Elf64_Sym) },
};

static void fill(struct builder *b, enum section id, const void *data,
		 size_t size)
{
	b->sections[id].data = data;
	b->sections[id].size = size;
}

/* A section of no bytes is left out; the rest are numbered from 1. */
static void number(struct builder *b)
{
	const struct image *m = b->in->image;
	uint32_t i, n = 0;

	for (i = 0; i < SECTIONS; i++)
		if (!(i == REL && !m->nrelocs) &&
		    !(i == RODATA && !m->rodata_size))
			b->number[i] = ++n;
}

/* Everything but the sizes of .strtab and .symtab is known by now. */
static void sections(struct builder *b)
{
	const struct image *m = b->in->image;
	const struct btf_map *last = &b->btf.maps[b->btf.nmaps - 1];

	fill(b, PROGRAM, b->insns, m->ninsns * sizeof(*m->insns));
	fill(b, REL, b->rels, m->nrelocs * sizeof(*b->rels));
	fill(b, MAPS, b->zeros, last->offset + last->size);
	fill(b, LICENSE, license, sizeof(license));
	fill(b, RODATA, m->rodata, m->rodata_size);
	fill(b, TYPES, b->btf.types, b->btf.types_size);
	fill(b, EXT, b->btf.ext, b->btf.ext_size);
	fill(b, SUM, sum, sizeof(sum));
	fill(b, STRTAB, b->strings, b->nstrings);
	fill(b, SYMTAB, b->syms, b->nsyms * sizeof(*b->syms));
	b->sections[REL].link = b->number[SYMTAB];
	b->sections[REL].info = b->number[PROGRAM];
	b->sections[SYMTAB].link = b->number[STRTAB];
}

static void names(struct builder *b)
{
	uint32_t i;

	b->nstrings = 1;	/* the empty name */
	for (i = 0; i < SECTIONS; i++)
		if (b->number[i])
			b->sections[i].name_offset =
				string(b, b->sections[i].name);
}

/* ---------------------------------------------------------- all of it */

static size_t strings_size(const struct image *m)
{
	size_t i, n = 512;	/* names of sections, maps, and the program */

	for (i = 0; i < m->nvariables; i++)
		n += strlen(m->variables[i].name) + 1;
	return n;
}

static int allocate(struct builder *b)
{
	const struct image *m = b->in->image;
	const struct btf_map *last = &b->btf.maps[b->btf.nmaps - 1];

	b->insns = calloc(m->ninsns, sizeof(*b->insns));
	b->rels = calloc(m->nrelocs + 1, sizeof(*b->rels));
	b->syms = calloc(m->nvariables + 8, sizeof(*b->syms));
	b->variable_syms = calloc(m->nvariables + 1, sizeof(uint32_t));
	b->strings = calloc(strings_size(m), 1);
	b->zeros = calloc(last->offset + last->size, 1);
	return b->insns && b->rels && b->syms && b->variable_syms &&
		b->strings && b->zeros ? 0 : no_memory(b);
}

static int finish(struct builder *b, void **bytes, size_t *size)
{
	struct elf_section out[SECTIONS];
	size_t i, n = 0;
	int err;

	number(b);
	names(b);
	symbols(b);
	relocations(b);
	sections(b);
	for (i = 0; i < SECTIONS; i++)
		if (b->number[i])
			out[n++] = b->sections[i];
	err = elf_write(out, n, bytes, size, b->error);
	if (!err && objfile_seal(*bytes, *size, b->error)) {
		free(*bytes);
		err = -EINVAL;
	}
	return err;
}

static void free_all(struct builder *b)
{
	btf_sections_free(&b->btf);
	free(b->manifest);
	free(b->insns);
	free(b->rels);
	free(b->syms);
	free(b->variable_syms);
	free(b->strings);
	free(b->zeros);
}

/* Finding lines may need memory of the arena: before there is more to free. */
static void index_sources(const struct object_input *in)
{
	const struct image *m = in->image;
	size_t i;

	for (i = 0; in->sources && i < m->nlines; i++)
		if (m->lines[i].place.file < in->sources->nfiles)
			source_position(in->sources, m->lines[i].place.file, 0);
}

int object_build(const struct object_input *in, void **bytes, size_t *size,
		 char error[256])
{
	struct builder b = { .in = in, .error = error };
	size_t manifest_size;
	int err = image_check(in->image, error);

	if (err)
		return err;
	memcpy(b.sections, shapes, sizeof(shapes));
	index_sources(in);
	err = btf_build(in, &b.btf, error);
	if (!err)
		err = manifest_pack(in->manifest, &b.manifest, &manifest_size,
				    error);
	if (!err)
		err = allocate(&b);
	if (!err) {
		fill(&b, MANIFEST, b.manifest, manifest_size);
		err = finish(&b, bytes, size);
	}
	free_all(&b);
	return err;
}
