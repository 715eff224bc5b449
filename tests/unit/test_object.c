/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_object - image and manifest to policy.o
 *
 * The sections and their order, what every loader insists on, the text of the
 * policy in .BTF.ext, equal bytes from equal input, the promises of an image
 * that are checked, and a large image. Read here with nothing but <elf.h>;
 * test_object_load asks libbpf, bpftool and the kernel.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/btf.h>
#include <elf.h>
#include <errno.h>
#include <locale.h>
#include <time.h>
#include <unistd.h>

#include "fixture_object.h"

static int setup(void **state)
{
	*state = fixture_new();
	return 0;
}

static int teardown(void **state)
{
	fixture_free(*state);
	return 0;
}

/* ------------------------------------------------------- looking into it */

static const Elf64_Ehdr *header(const struct fixture *f)
{
	return f->bytes;
}

static const void *at(const struct fixture *f, uint64_t offset)
{
	assert_true(offset <= f->size);
	return (const char *)f->bytes + offset;
}

static const Elf64_Shdr *section(const struct fixture *f, unsigned int i)
{
	return (const Elf64_Shdr *)at(f, header(f)->e_shoff) + i;
}

static const char *section_name(const struct fixture *f, unsigned int i)
{
	const Elf64_Shdr *names = section(f, header(f)->e_shstrndx);

	return at(f, names->sh_offset + section(f, i)->sh_name);
}

static unsigned int find(const struct fixture *f, const char *name)
{
	unsigned int i;

	for (i = 1; i < header(f)->e_shnum; i++)
		if (!strcmp(section_name(f, i), name))
			return i;
	fail_msg("no section %s", name);
	return 0;
}

static const void *contents(const struct fixture *f, const char *name,
			    size_t *size)
{
	const Elf64_Shdr *h = section(f, find(f, name));

	*size = h->sh_size;
	return at(f, h->sh_offset);
}

static const char *symbol_name(const struct fixture *f, const Elf64_Sym *s)
{
	size_t size;

	return (const char *)contents(f, ".strtab", &size) + s->st_name;
}

static const Elf64_Sym *find_symbol(const struct fixture *f, const char *name)
{
	size_t size, i;
	const Elf64_Sym *s = contents(f, ".symtab", &size);

	for (i = 0; i < size / sizeof(*s); i++)
		if (!strcmp(symbol_name(f, &s[i]), name))
			return &s[i];
	fail_msg("no symbol %s", name);
	return NULL;
}

/* ------------------------------------------------------------------- ELF */

static void sections_stand_in_order(void **state)
{
	static const struct {
		const char *name;
		uint32_t type, flags, align;
	} want[] = {
		{ ".strtab", SHT_STRTAB, 0, 1 },
		{ "sk_lookup", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, 8 },
		{ ".relsk_lookup", SHT_REL, 0, 8 },
		{ ".maps", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, 8 },
		{ "license", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, 1 },
		{ ".rodata", SHT_PROGBITS, SHF_ALLOC, 8 },
		{ ".BTF", SHT_PROGBITS, 0, 4 },
		{ ".BTF.ext", SHT_PROGBITS, 0, 4 },
		{ ".skpol", SHT_PROGBITS, 0, 8 },
		{ ".skpol.sum", SHT_PROGBITS, 0, 8 },
		{ ".symtab", SHT_SYMTAB, 0, 8 },
	};
	struct fixture *f = *state;
	unsigned int i;

	fixture_build(f);
	assert_int_equal(header(f)->e_machine, EM_BPF);
	assert_int_equal(header(f)->e_type, ET_REL);
	assert_int_equal(header(f)->e_shnum, 12);
	for (i = 0; i < 11; i++) {
		const Elf64_Shdr *h = section(f, i + 1);

		assert_string_equal(section_name(f, i + 1), want[i].name);
		assert_int_equal(h->sh_type, want[i].type);
		assert_int_equal(h->sh_flags, want[i].flags);
		assert_int_equal(h->sh_addralign, want[i].align);
		assert_int_equal(h->sh_offset % want[i].align, 0);
	}
}

static void tables_name_each_other(void **state)
{
	struct fixture *f = *state;
	const Elf64_Shdr *rel, *sym;
	const Elf64_Sym *s;
	size_t size, i;

	fixture_build(f);
	rel = section(f, find(f, ".relsk_lookup"));
	sym = section(f, find(f, ".symtab"));
	assert_int_equal(rel->sh_entsize, 16);
	assert_int_equal(rel->sh_link, find(f, ".symtab"));
	assert_int_equal(rel->sh_info, find(f, "sk_lookup"));
	assert_int_equal(sym->sh_link, find(f, ".strtab"));
	s = contents(f, ".symtab", &size);
	for (i = 0; i < size / sizeof(*s); i++)
		assert_int_equal(ELF64_ST_BIND(s[i].st_info) == STB_GLOBAL,
				 i >= sym->sh_info);
}

static void symbols_say_what_is_there(void **state)
{
	static const struct {
		const char *name, *section;
		unsigned int type, value, size;
	} want[] = {
		{ "skpol_dispatch", "sk_lookup", STT_FUNC, 0, 34 * 8 },
		{ "sockets", ".maps", STT_OBJECT, 0, 32 },
		{ "counters", ".maps", STT_OBJECT, 32, 32 },
		{ "events", ".maps", STT_OBJECT, 64, 16 },
		{ "_license", "license", STT_OBJECT, 0, 13 },
		{ "bpf_metadata_policy", ".rodata", STT_OBJECT, 0, 5 },
		{ "skpol_slots", ".rodata", STT_OBJECT, 8, 8 },
		{ "skpol_steps", ".rodata", STT_OBJECT, 24, 64 },
	};
	struct fixture *f = *state;
	size_t i;

	fixture_build(f);
	for (i = 0; i < sizeof(want) / sizeof(*want); i++) {
		const Elf64_Sym *s = find_symbol(f, want[i].name);

		assert_int_equal(s->st_shndx, find(f, want[i].section));
		assert_int_equal(ELF64_ST_TYPE(s->st_info), want[i].type);
		assert_int_equal(s->st_value, want[i].value);
		assert_int_equal(s->st_size, want[i].size);
	}
}

/* A variable by its name where one begins, else the section and an addend. */
static void references_have_addends(void **state)
{
	static const struct {
		unsigned int insn, addend;
		const char *symbol;
	} want[] = {
		{ 1, 0, "skpol_slots" }, { 5, 0, "sockets" }, { 18, 12, "" },
		{ 23, 0, "counters" },
	};
	struct fixture *f = *state;
	const struct bpf_insn *insns;
	const Elf64_Rel *rel;
	const Elf64_Sym *syms;
	size_t size, i;

	fixture_build(f);
	syms = contents(f, ".symtab", &size);
	insns = contents(f, "sk_lookup", &size);
	rel = contents(f, ".relsk_lookup", &size);
	assert_int_equal(size / sizeof(*rel), 4);
	for (i = 0; i < 4; i++) {
		const struct bpf_insn *at = &insns[want[i].insn];

		assert_int_equal(rel[i].r_offset, want[i].insn * 8);
		assert_int_equal(ELF64_R_TYPE(rel[i].r_info), 1);
		assert_string_equal(symbol_name(f, &syms[ELF64_R_SYM(
			rel[i].r_info)]), want[i].symbol);
		assert_int_equal(at[0].imm, want[i].addend);
		assert_int_equal(at[1].imm, 0);
	}
}

static void empty_parts_are_left_out(void **state)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	struct fixture *f = *state;
	struct image m = {
		.insns = (struct bpf_insn *)insns, .ninsns = 2,
		.lines = f->image.lines, .nlines = 1,
	};

	f->input.image = &m;
	fixture_build(f);
	assert_int_equal(header(f)->e_shnum, 10);
	assert_string_equal(section_name(f, 3), ".maps");
	assert_string_equal(section_name(f, 5), ".BTF");
}

/* ------------------------------------------------------------------- BTF */

static uint32_t word(const void *p, size_t offset)
{
	uint32_t v;

	memcpy(&v, (const char *)p + offset, sizeof(v));
	return v;
}

static void types_have_names(void **state)
{
	struct fixture *f = *state;
	const struct btf_type *t;
	struct btf *btf;
	size_t size;
	const void *raw;

	fixture_build(f);
	raw = contents(f, ".BTF", &size);
	btf = btf__new(raw, (uint32_t)size);
	assert_non_null(btf);
	t = btf__type_by_id(btf, (uint32_t)btf__find_by_name_kind(btf,
			    "skpol_counter", BTF_KIND_STRUCT));
	assert_int_equal(t->size, sizeof(struct image_counter));
	assert_int_equal(btf_vlen(t), 8);
	assert_string_equal(btf__name_by_offset(btf,
			    btf_members(t)[4].name_off), "eafnosupport");
	t = btf__type_by_id(btf, (uint32_t)btf__find_by_name_kind(btf,
			    "skpol_step", BTF_KIND_STRUCT));
	assert_int_equal(t->size, sizeof(struct image_step));
	t = btf__type_by_id(btf, (uint32_t)btf__find_by_name_kind(btf,
			    ".rodata", BTF_KIND_DATASEC));
	assert_int_equal(t->size, f->image.rodata_size);
	assert_int_equal(btf_vlen(t), f->image.nvariables);
	assert_int_equal(btf_var_secinfos(t)[3].offset, 24);
	assert_true(btf__find_by_name_kind(btf, "skpol_dispatch",
					   BTF_KIND_FUNC) > 0);
	btf__free(btf);
}

static struct btf *types_of(const struct fixture *f)
{
	size_t size;
	const void *raw = contents(f, ".BTF", &size);

	return btf__new(raw, (uint32_t)size);
}

/* Header 32, func_info 4 + 8 + 8, line_info 4 + 8, then 16 a record. */
static void lines_are_those_of_the_policy(void **state)
{
	static const struct {
		uint32_t insn, line, column;
		const char *text;
	} want[] = {
		{ 0, 2, 1, "socket web tcp" },
		{ 5, 3, 2, " all: to any  [1m -> web count trace  #  \xc3\xa9" },
		{ 32, 4, 1, "default -> pass" },
	};
	struct fixture *f = *state;
	const char *ext;
	struct btf *btf;
	size_t size, i;

	fixture_build(f);
	btf = types_of(f);
	ext = contents(f, ".BTF.ext", &size);
	assert_int_equal(word(ext, 0), 0x1eb9f);
	assert_int_equal(word(ext, 32), 8);
	assert_string_equal(btf__name_by_offset(btf, word(ext, 36)),
			    "sk_lookup");
	assert_int_equal(word(ext, 52), 16);
	assert_int_equal(word(ext, 60), 3);
	for (i = 0; i < 3; i++) {
		size_t r = 64 + i * 16;

		assert_int_equal(word(ext, r), want[i].insn * 8);
		assert_string_equal(btf__name_by_offset(btf, word(ext, r + 4)),
				    "edge.skl");
		assert_string_equal(btf__name_by_offset(btf, word(ext, r + 8)),
				    want[i].text);
		assert_int_equal(word(ext, r + 12),
				 want[i].line << 10 | want[i].column);
	}
	btf__free(btf);
}

static void long_lines_are_windowed(void **state)
{
	struct fixture *f = *state;
	struct image_line lines[2] = { { 0, { 1, 0, 1 } },
				       { 3, { 1, 5000, 5001 } } };
	char text[6001];
	const char *ext, *shown;
	struct btf *btf;
	size_t size;

	memset(text, 'a', sizeof(text) - 1);
	memcpy(text + 5000, "RULE", 4);
	text[6000] = '\0';
	source_add(&f->sources, "long.skl", text, 6000);
	f->image.lines = lines;
	f->image.nlines = 2;
	fixture_build(f);
	btf = types_of(f);
	ext = contents(f, ".BTF.ext", &size);
	shown = btf__name_by_offset(btf, word(ext, 64 + 8));
	assert_int_equal(strlen(shown), 160);
	assert_int_equal(word(ext, 64 + 16 + 12), 1 << 10 | 1023);
	btf__free(btf);
}

/* --------------------------------------------------------------- the rest */

static void same_input_same_bytes(void **state)
{
	struct fixture *f = *state, *g = fixture_new();
	char here[4096];

	fixture_build(f);
	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir("/"), 0);
	setenv("TZ", "Pacific/Kiritimati", 1);
	tzset();
	if (!setlocale(LC_ALL, "tr_TR.UTF-8"))
		setlocale(LC_ALL, "C.UTF-8");
	fixture_build(g);
	setlocale(LC_ALL, "C");
	assert_int_equal(chdir(here), 0);
	assert_int_equal(f->size, g->size);
	assert_memory_equal(f->bytes, g->bytes, f->size);
	fixture_free(g);
}

static void refuse(struct fixture *f, const char *sentence)
{
	char error[256] = "";
	void *bytes = NULL;
	size_t size;

	assert_int_equal(object_build(&f->input, &bytes, &size, error),
			 -EINVAL);
	assert_string_equal(error, sentence);
	assert_null(bytes);
}

static void broken_images_are_refused(void **state)
{
	struct fixture *f = *state;
	struct image good = f->image, *m = &f->image;

	m->lines[0].insn = 1;
	refuse(f, "internal error: the first instruction has no line");
	m->lines[0].insn = 0;
	m->lines[1].insn = 2;
	refuse(f, "internal error: a line begins at no instruction (2)");
	m->lines[1].insn = 5;
	m->relocs[0].offset = 96;
	refuse(f, "internal error: instruction 1 loads what is past a map");
	m->relocs[0].offset = 8;
	m->relocs[0].insn = 3;
	refuse(f, "internal error: instruction 3 loads no map");
	m->relocs[0].insn = 1;
	m->variables[4].size = 16;
	refuse(f, "internal error: `skpol_ports` is not in .rodata");
	m->variables[4].size = 8;
	m->variables[1].name = "a-b";
	refuse(f, "internal error: a variable named `a-b`");
	m->variables[1].name = "skpol_slots";
	m->nslots = 3;
	refuse(f, "internal error: `skpol_slots` has not 3 elements");
	*m = good;
	m->ninsns = 24;
	refuse(f, "internal error: half of a load at 23");
	*m = good;
	fixture_build(f);
}

enum { MANY = 900000, TABLE = 64 << 20 };

/* As large as it gets: time is bounded by a factor, not by a clock's whim. */
static void large_images_take_linear_time(void **state)
{
	struct fixture *f = *state;
	struct image m = f->image;
	struct image_variable v[2] = {
		{ "skpol_slots", 0, 8, 4 }, { "skpol_table", 8, TABLE, 4 },
	};
	struct timespec begin, end;
	size_t i;

	m.rodata_size = TABLE + 8;
	m.rodata = calloc(m.rodata_size, 1);
	m.insns = calloc(MANY, sizeof(*m.insns));
	m.relocs = calloc(MANY / 3, sizeof(*m.relocs));
	m.lines = calloc(MANY / 3, sizeof(*m.lines));
	for (i = 0; i < MANY; i++)
		m.insns[i].code = i % 3 == 0 ? BPF_LD | BPF_IMM | BPF_DW :
			i % 3 == 1 ? 0 : BPF_ALU64 | BPF_MOV | BPF_K;
	for (i = 0; i < MANY / 3; i++) {
		m.relocs[i] = (struct image_reloc){ (uint32_t)i * 3,
			IMAGE_RODATA, (uint32_t)i * 8 };
		m.lines[i] = (struct image_line){ (uint32_t)i * 3,
			{ 0, i % 2 ? 28 : 12, 40 } };
	}
	m.ninsns = MANY;
	m.nrelocs = m.nlines = MANY / 3;
	m.variables = v;
	m.nvariables = 2;
	m.ninterfaces = 0;
	f->input.image = &m;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
	fixture_build(f);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	assert_true(f->size > TABLE);
	assert_true(end.tv_sec - begin.tv_sec < 10);
	free(m.rodata);
	free(m.insns);
	free(m.relocs);
	free(m.lines);
}

#define OBJECT(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OBJECT(sections_stand_in_order),
		OBJECT(tables_name_each_other),
		OBJECT(symbols_say_what_is_there),
		OBJECT(references_have_addends),
		OBJECT(empty_parts_are_left_out),
		OBJECT(types_have_names),
		OBJECT(lines_are_those_of_the_policy),
		OBJECT(long_lines_are_windowed),
		OBJECT(same_input_same_bytes),
		OBJECT(broken_images_are_refused),
		OBJECT(large_images_take_linear_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
