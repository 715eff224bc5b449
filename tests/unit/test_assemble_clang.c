/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_assemble_clang - what we assemble, assembled by clang
 *
 * The bytes of the templates and of random code must be the same. SKIP (77)
 * where there is no clang, or none that knows BPF.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <unistd.h>

#include "../../compiler/assemble.h"
#include "../../grammar/arena.h"
#include "fixture_code.h"

enum { ROUNDS = 5, LENGTH = 400 };

static char folder[] = "assemble-XXXXXX";	/* in the build directory */

static int run_clang(const char *text, size_t len)
{
	char path[64], command[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/in.s", folder);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	snprintf(command, sizeof(command), "%s -target bpf -mcpu=v3 -c "
		 "%s/in.s -o %s/out.o", CLANG, folder, folder);
	return system(command);
}

/* The bytes of .text; *SIZE of them. */
static void *clang_bytes(struct arena *a, size_t *size)
{
	void *bytes = NULL;
	Elf_Scn *section = NULL;
	char path[64];
	size_t names;
	GElf_Shdr h;
	Elf *elf;
	int fd;

	snprintf(path, sizeof(path), "%s/out.o", folder);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	assert_non_null(elf);
	assert_int_equal(elf_getshdrstrndx(elf, &names), 0);
	while ((section = elf_nextscn(elf, section))) {
		Elf_Data *d = elf_getdata(section, NULL);

		gelf_getshdr(section, &h);
		if (strcmp(elf_strptr(elf, names, h.sh_name), ".text"))
			continue;
		*size = d->d_size;
		bytes = memcpy(arena_alloc(a, d->d_size), d->d_buf, d->d_size);
	}
	elf_end(elf);
	close(fd);
	return bytes;
}

static void compare(struct arena *a, const char *text, size_t len)
{
	struct assemble_error e;
	struct bpf_insn *theirs;
	struct assembled s;
	struct image m;
	size_t size = 0;

	if (!assemble(a, text, len, &s, &e))
		fail_msg("%u:%u: %s", e.line, e.column, e.text);
	code_to_image(a, &s.code, &m);
	for (size_t i = 0; i < m.nrelocs; i++)	/* the addend */
		m.insns[m.relocs[i].insn].imm = (int32_t)m.relocs[i].offset;
	assert_int_equal(run_clang(text, len), 0);
	theirs = clang_bytes(a, &size);
	assert_non_null(theirs);
	assert_int_equal(size, m.ninsns * sizeof(*theirs));
	for (size_t i = 0; i < m.ninsns; i++) {
		char buf[128];

		disassemble_insn(&m, i, buf, sizeof(buf));
		if (memcmp(&theirs[i], &m.insns[i], sizeof(*theirs)))
			fail_msg("slot %zu: %s: 0x%llx", i, buf,
				 *(unsigned long long *)&theirs[i]);
	}
}

/* The text of FILE, with its ways out placed at the end. */
static char *template_text(struct arena *a, const char *file, size_t *len)
{
	const char *srcdir = getenv("srcdir");
	char *path = arena_printf(a, "%s/%s", srcdir ? srcdir : ".", file);
	FILE *in = fopen(path, "r"), *out;
	struct assemble_error e;
	struct assembled s;
	char *text;
	int c;

	if (!in)
		fail_msg("%s: cannot be read", path);
	out = open_memstream(&text, len);
	while ((c = getc(in)) != EOF)
		putc(c, out);
	fclose(in);
	fflush(out);
	assert_true(assemble(a, text, *len, &s, &e));
	for (size_t i = 0; i < s.nways; i++)
		if (s.code.labels[s.ways[i].label] == LABEL_UNPLACED)
			fprintf(out, "%s:\n", s.ways[i].name);
	fputs("\texit\n", out);
	fclose(out);
	return text;
}

static void test_templates(void **state)
{
	char list[] = TEMPLATES, *next = list, *file;

	while ((file = strsep(&next, " \t"))) {
		size_t len;
		char *text;

		if (!*file)
			continue;
		text = template_text(*state, file, &len);
		compare(*state, text, len);
		free(text);
	}
}

/* What clang 14 has no syntax for. */
static bool clang_knows(const struct opcode *op)
{
	switch (BPF_CLASS(op->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		return BPF_OP(op->code) != BPF_MOD;
	case BPF_JMP:
		return BPF_OP(op->code) != BPF_JSET;
	case BPF_JMP32:
		return BPF_OP(op->code) != BPF_JSET &&
		       BPF_OP(op->code) != BPF_JA;
	default:
		return BPF_CLASS(op->code) != BPF_ST;
	}
}

static void test_random(void **state)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct image m;
		char *text;
		size_t len;
		FILE *f = open_memstream(&text, &len);

		random_image(*state, LENGTH, clang_knows, &m);
		disassemble(&m, f);
		fclose(f);
		compare(*state, text, len);
		free(text);
	}
}

static int setup(void **state)
{
	struct arena *a = malloc(sizeof(*a));

	arena_init(a, NULL);
	*state = a;
	return 0;
}

static int teardown(void **state)
{
	arena_free(*state);
	free(*state);
	return 0;
}

static void remove_folder(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/in.s", folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/out.o", folder);
	unlink(path);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_templates),
		cmocka_unit_test(test_random),
	};
	static const char probe[] = "exit\n";
	int failed;

	if (!*CLANG) {
		fprintf(stderr, "SKIP: configure found no clang\n");
		return 77;
	}
	if (!mkdtemp(folder)) {
		perror(folder);
		return 1;
	}
	if (run_clang(probe, sizeof(probe) - 1)) {
		remove_folder();
		fprintf(stderr, "SKIP: " CLANG " has no target bpf\n");
		return 77;
	}
	failed = cmocka_run_group_tests(tests, setup, teardown);
	remove_folder();
	return failed;
}
