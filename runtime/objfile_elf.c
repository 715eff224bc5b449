/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * objfile_elf - sections, symbols and references of an object
 *
 * In: the bytes of a file that claims to be a policy.o. Out: its program, its
 * .rodata, the references between them, and the section .skpol. Nothing is
 * read before it is known to lie inside the file and to be aligned; nothing is
 * taken for granted of an ELF file but what is checked here.
 */
#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "objfile_private.h"

enum {
	INSNS_MAX = 1000000, SECTIONS_MAX = 64, SYMBOLS_MAX = 1 << 20,
};

/* SECTION(ID, "name", type): each must be there once but where said. */
#define SECTIONS(SECTION) \
	SECTION(PROGRAM, "sk_lookup", SHT_PROGBITS) \
	SECTION(REL, ".relsk_lookup", SHT_REL)	/* may be missing */ \
	SECTION(MAPS, ".maps", SHT_PROGBITS) \
	SECTION(LICENSE, "license", SHT_PROGBITS) \
	SECTION(RODATA, ".rodata", SHT_PROGBITS)	/* may be missing */ \
	SECTION(TYPES, ".BTF", SHT_PROGBITS) \
	SECTION(EXT, ".BTF.ext", SHT_PROGBITS) \
	SECTION(MANIFEST, ".skpol", SHT_PROGBITS) \
	SECTION(SUM, ".skpol.sum", SHT_PROGBITS) \
	SECTION(SYMTAB, ".symtab", SHT_SYMTAB)

enum section {
#define SECTION(id, name, type) id,
	SECTIONS(SECTION)
#undef SECTION
	SECTIONS_WANTED
};

static const struct {
	const char *name;
	uint32_t type;
} wanted[SECTIONS_WANTED] = {
#define SECTION(id, name, type) [id] = { name, type },
	SECTIONS(SECTION)
#undef SECTION
};

struct reader {
	struct objfile *o;
	char *error;
	const uint8_t *bytes;
	size_t size;
	const Elf64_Shdr *headers;
	uint32_t nheaders;
	struct objfile_span names;	/* ends in a NUL */
	const Elf64_Shdr *section[SECTIONS_WANTED];
	struct objfile_span span[SECTIONS_WANTED];
	const Elf64_Sym *syms;
	size_t nsyms;
	struct objfile_span strings;	/* of the symbols; ends in a NUL */
};

#define broken(r, ...) objfile_fault((r)->error, -EBADMSG, __VA_ARGS__)

/* ----------------------------------------------------------------- header */

static int read_header(struct reader *r)
{
	const unsigned char data = __BYTE_ORDER == __LITTLE_ENDIAN ?
		ELFDATA2LSB : ELFDATA2MSB;
	const Elf64_Ehdr *h = (const void *)r->bytes;

	if (r->size < SELFMAG || memcmp(r->bytes, ELFMAG, SELFMAG))
		return broken(r, "no object file (it does not begin as ELF)");
	if (r->size < sizeof(*h))
		return broken(r, "cut off in the ELF header");
	if (h->e_ident[EI_CLASS] != ELFCLASS64)
		return broken(r, "an ELF file of 32 bits, which no policy is");
	if (h->e_ident[EI_DATA] != data)
		return broken(r, "compiled for the other byte order");
	if (h->e_type != ET_REL || h->e_machine != EM_BPF)
		return broken(r, "an ELF file, but no BPF object");
	if (h->e_shentsize != sizeof(Elf64_Shdr) || !h->e_shnum ||
	    h->e_shnum > SECTIONS_MAX || h->e_shstrndx >= h->e_shnum)
		return broken(r, "no table of sections that we can read");
	if (h->e_shoff % 8 || h->e_shoff > r->size ||
	    (r->size - h->e_shoff) / sizeof(Elf64_Shdr) < h->e_shnum)
		return broken(r, "cut off: its sections are listed past "
			      "its end");
	r->headers = (const void *)(r->bytes + h->e_shoff);
	r->nheaders = h->e_shnum;
	return 0;
}

/* --------------------------------------------------------------- sections */

static int read_span(struct reader *r, const Elf64_Shdr *h, const char *name,
		     struct objfile_span *out)
{
	if (h->sh_type == SHT_NOBITS || h->sh_offset > r->size ||
	    h->sh_size > r->size - h->sh_offset)
		return broken(r, "cut off: the section %s ends past its end",
			      name);
	if (h->sh_offset % 8 && h->sh_addralign >= 8)
		return broken(r, "the section %s is not aligned", name);
	out->p = r->bytes + h->sh_offset;
	out->n = h->sh_size;
	return 0;
}

static int read_strings(struct reader *r, uint32_t number,
			struct objfile_span *out)
{
	int err;

	if (number >= r->nheaders || r->headers[number].sh_type != SHT_STRTAB)
		return broken(r, "no table of names where one is said to be");
	err = read_span(r, &r->headers[number], "of names", out);
	if (err)
		return err;
	if (!out->n || out->p[out->n - 1])
		return broken(r, "the last of its names has no end");
	return 0;
}

static const char *text_at(struct objfile_span strings, uint32_t offset)
{
	return offset < strings.n ? (const char *)strings.p + offset : NULL;
}

static int take_section(struct reader *r, const Elf64_Shdr *h,
			const char *name)
{
	uint32_t id;

	for (id = 0; id < SECTIONS_WANTED; id++)
		if (!strcmp(wanted[id].name, name))
			break;
	if (id == SECTIONS_WANTED)
		return 0;
	if (r->section[id])
		return broken(r, "two sections %s", wanted[id].name);
	if (h->sh_type != wanted[id].type)
		return broken(r, "the section %s is of another type",
			      wanted[id].name);
	r->section[id] = h;
	return read_span(r, h, wanted[id].name, &r->span[id]);
}

static int read_sections(struct reader *r)
{
	const Elf64_Ehdr *h = (const void *)r->bytes;
	int err = read_strings(r, h->e_shstrndx, &r->names);
	uint32_t i;

	for (i = 1; !err && i < r->nheaders; i++) {
		const char *name = text_at(r->names, r->headers[i].sh_name);

		if (!name)
			return broken(r, "section %u has no name", i);
		err = take_section(r, &r->headers[i], name);
	}
	if (err)
		return err;
	if (!r->section[MANIFEST])
		return broken(r, "a BPF object, but not made by skpolc "
			      "(no section .skpol)");
	for (i = 0; i < SECTIONS_WANTED; i++)
		if (!r->section[i] && i != REL && i != RODATA)
			return broken(r, "no section %s", wanted[i].name);
	return 0;
}

/* A table of SIZE bytes an entry, that may be read as what it is. */
static int check_table(struct reader *r, enum section id, size_t size,
		       size_t max)
{
	const struct objfile_span *s = &r->span[id];

	if (s->n % size || s->n / size > max || (uintptr_t)s->p % 8)
		return broken(r, "the section %s is no table of %zu entries "
			      "at most", wanted[id].name, max);
	return 0;
}

/* ---------------------------------------------------------------- symbols */

static int read_symbols(struct reader *r)
{
	int err = check_table(r, SYMTAB, sizeof(Elf64_Sym), SYMBOLS_MAX);

	if (!err)
		err = read_strings(r, r->section[SYMTAB]->sh_link, &r->strings);
	if (err)
		return err;
	r->syms = (const void *)r->span[SYMTAB].p;
	r->nsyms = r->span[SYMTAB].n / sizeof(Elf64_Sym);
	return 0;
}

/* Whether S lies in the wanted section ID. */
static bool is_in(const struct reader *r, const Elf64_Sym *s, enum section id)
{
	return r->section[id] && s->st_shndx ==
		(uint32_t)(r->section[id] - r->headers);
}

static int read_variable(struct reader *r, const Elf64_Sym *s)
{
	struct objfile *o = r->o;
	struct objfile_variable *v = &o->variables[o->nvariables];
	const char *name = text_at(r->strings, s->st_name);

	if (!name || !*name)
		return broken(r, "a variable without a name");
	if (s->st_value > o->rodata_size || !s->st_size ||
	    s->st_size > o->rodata_size - s->st_value)
		return broken(r, "the variable %.64s is not in .rodata", name);
	v->name = name;
	v->offset = (uint32_t)s->st_value;
	v->size = (uint32_t)s->st_size;
	if (o->nvariables && v->offset < v[-1].offset + v[-1].size)
		return broken(r, "the variable %.64s overlaps another", name);
	o->nvariables++;
	return 0;
}

static int read_map(struct reader *r, const Elf64_Sym *s, unsigned int *seen)
{
	static const char *const names[] = { "sockets", "counters", "events" };
	const char *name = text_at(r->strings, s->st_name);
	unsigned int i;

	for (i = 0; name && i < 3; i++)
		if (!strcmp(name, names[i]))
			break;
	if (!name || i == 3 || *seen >> i & 1)
		return broken(r, "a map that no policy has (%.64s)",
			      name ? name : "nameless");
	*seen |= 1u << i;
	r->o->events |= i == 2;
	return 0;
}

static bool is_program(const struct reader *r, const Elf64_Sym *s)
{
	const char *name = text_at(r->strings, s->st_name);

	return name && !strcmp(name, "skpol_dispatch") &&
		ELF64_ST_TYPE(s->st_info) == STT_FUNC && !s->st_value &&
		s->st_size == r->span[PROGRAM].n;
}

static int sort_symbols(struct reader *r)
{
	unsigned int maps = 0, programs = 0;
	size_t i;
	int err = 0;

	r->o->variables = calloc(r->nsyms + 1, sizeof(*r->o->variables));
	if (!r->o->variables)
		return objfile_fault(r->error, -ENOMEM,
				     "no memory for the object");
	for (i = 0; !err && i < r->nsyms; i++) {
		const Elf64_Sym *s = &r->syms[i];
		bool object = ELF64_ST_TYPE(s->st_info) == STT_OBJECT;

		if (is_in(r, s, PROGRAM))
			programs += is_program(r, s) ? 1 : 2;
		else if (object && is_in(r, s, MAPS))
			err = read_map(r, s, &maps);
		else if (object && is_in(r, s, RODATA))
			err = read_variable(r, s);
	}
	if (err)
		return err;
	if (programs != 1)
		return broken(r, "its program is not skpol_dispatch alone");
	if ((maps & 3) != 3)
		return broken(r, "no map %s", maps & 1 ? "counters" :
			      "sockets");
	return 0;
}

/* ------------------------------------------------------------- references */

/* The variable that holds OFFSET, or NULL. */
static const struct objfile_variable *holder(const struct objfile *o,
					     uint32_t offset)
{
	size_t low = 0, high = o->nvariables;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct objfile_variable *v = &o->variables[mid];

		if (v->offset + v->size <= offset)
			low = mid + 1;
		else
			high = mid;
	}
	return low < o->nvariables && o->variables[low].offset <= offset ?
		&o->variables[low] : NULL;
}

static int refer_to_rodata(struct reader *r, const Elf64_Sym *s,
			   struct objfile_reloc *out)
{
	int64_t addend = r->o->insns[out->insn].imm;
	const struct objfile_variable *v;

	if (s->st_value >= r->o->rodata_size || addend < 0 ||
	    (uint64_t)addend >= r->o->rodata_size - s->st_value)
		return broken(r, "instruction %u refers past .rodata",
			      out->insn);
	out->rodata = true;
	out->offset = (uint32_t)(s->st_value + (uint64_t)addend);
	v = holder(r->o, out->offset);
	if (!v)
		return broken(r, "instruction %u refers to no variable",
			      out->insn);
	out->symbol = v->name;
	return 0;
}

static int refer(struct reader *r, const Elf64_Rel *rel,
		 struct objfile_reloc *out)
{
	const struct objfile *o = r->o;
	uint64_t insn = rel->r_offset / sizeof(struct bpf_insn);
	const Elf64_Sym *s;

	if (rel->r_offset % sizeof(struct bpf_insn) || insn + 1 >= o->ninsns ||
	    o->insns[insn].code != (BPF_LD | BPF_IMM | BPF_DW) ||
	    ELF64_R_TYPE(rel->r_info) != R_BPF_64_64 ||
	    ELF64_R_SYM(rel->r_info) >= r->nsyms)
		return broken(r, "a reference at byte %llu of the program that "
			      "is none", (unsigned long long)rel->r_offset);
	out->insn = (uint32_t)insn;
	s = &r->syms[ELF64_R_SYM(rel->r_info)];
	if (is_in(r, s, RODATA))
		return refer_to_rodata(r, s, out);
	if (!is_in(r, s, MAPS) || ELF64_ST_TYPE(s->st_info) != STT_OBJECT ||
	    o->insns[insn].imm)
		return broken(r, "instruction %u refers to no map", out->insn);
	out->symbol = text_at(r->strings, s->st_name);
	return 0;
}

static int read_references(struct reader *r)
{
	const Elf64_Rel *rels = (const void *)r->span[REL].p;
	struct objfile *o = r->o;
	size_t n = r->span[REL].n / sizeof(*rels);
	int err;

	err = check_table(r, REL, sizeof(*rels), INSNS_MAX);
	if (err)
		return err;
	if (r->section[REL] && !(r->section[REL]->sh_info < r->nheaders &&
	      &r->headers[r->section[REL]->sh_info] == r->section[PROGRAM]))
		return broken(r, "its references are not those of the program");
	o->relocs = calloc(n + 1, sizeof(*o->relocs));
	if (!o->relocs)
		return objfile_fault(r->error, -ENOMEM,
				     "no memory for the object");
	for (; !err && o->nrelocs < n; o->nrelocs++) {
		struct objfile_reloc *out = &o->relocs[o->nrelocs];

		err = refer(r, &rels[o->nrelocs], out);
		if (!err && o->nrelocs && out->insn <= out[-1].insn)
			return broken(r, "its references do not rise");
	}
	return err;
}

/* ---------------------------------------------------------- all of it */

/* What is only handed on: names what the kernel would refuse half way. */
static int take_rest(struct reader *r)
{
	const struct objfile_span *license = &r->span[LICENSE];

	if (!license->n || license->p[license->n - 1])
		return broken(r, "its license has no end");
	r->o->license = (const char *)license->p;
	r->o->btf = r->span[TYPES].p;
	r->o->btf_size = r->span[TYPES].n;
	r->o->btf_ext = r->span[EXT].p;
	r->o->btf_ext_size = r->span[EXT].n;
	if (r->span[TYPES].n < 24 || r->span[EXT].n < 32)
		return broken(r, "its types (.BTF) are cut off");
	return 0;
}

/* A map that is named by a number would be one of the loader's own. */
static int check_insns(struct reader *r)
{
	const struct bpf_insn *v = r->o->insns;
	size_t i, n = r->o->ninsns;

	for (i = 0; i < n; i++) {
		if (v[i].code != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		if (v[i].src_reg)
			return broken(r, "instruction %zu names a map by "
				      "number", i);
		if (++i == n || v[i].code)
			return broken(r, "instruction %zu is half of one",
				      i - 1);
	}
	return 0;
}

static int take_program(struct reader *r)
{
	struct objfile *o = r->o;
	int err = check_table(r, PROGRAM, sizeof(struct bpf_insn), INSNS_MAX);

	if (err)
		return err;
	if (!r->span[PROGRAM].n)
		return broken(r, "its program is empty");
	o->insns = (const void *)r->span[PROGRAM].p;
	o->ninsns = r->span[PROGRAM].n / sizeof(struct bpf_insn);
	o->rodata = r->span[RODATA].p;
	o->rodata_size = r->span[RODATA].n;
	return check_insns(r);
}

int objfile_find_sum(const void *p, size_t n, struct objfile_span *sum,
		     char error[OBJFILE_ERROR_MAX])
{
	struct reader r = { .error = error, .bytes = p, .size = n };
	int err = read_header(&r);

	if (!err)
		err = read_sections(&r);
	*sum = r.span[SUM];
	return err;
}

int objfile_read_elf(struct objfile *o, struct objfile_span *manifest,
		     struct objfile_span *sum, char error[OBJFILE_ERROR_MAX])
{
	struct reader r = {
		.o = o, .error = error, .bytes = o->bytes, .size = o->size,
	};
	int err = read_header(&r);

	if (!err)
		err = read_sections(&r);
	if (!err)
		err = take_program(&r);
	if (!err)
		err = read_symbols(&r);
	if (!err)
		err = sort_symbols(&r);
	if (!err)
		err = read_references(&r);
	if (!err)
		err = take_rest(&r);
	*manifest = r.span[MANIFEST];
	*sum = r.span[SUM];
	return err;
}
