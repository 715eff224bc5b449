/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_parse_file - policies of several files
 *
 * A table of folders: their files, all that must be reported for the first of
 * them, and its normal form. Then files that cannot be read, and long chains.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture_parse.h"

#define TAIL "\npolicy p\ndefault -> pass\n"
#define POLICY "policy p\ndefault -> pass\n"

enum { FILES = 4 };

static const struct folder {
	struct { const char *name, *text; } files[FILES];	/* NULL: none */
	const char *reports;
	const char *normal;	/* NULL: not looked at */
} folders[] = {
	/* include: its lines stand where it stands */
	{ { { "a", "tcp -> x\ninclude \"b\"\nudp -> x" TAIL },
	    { "b", "ip4 -> x" } }, "",
	  "policy p\ntcp -> x\nip4 -> x\nudp -> x\ndefault -> pass\n" },
	{ { { "a", "include \"b\"" }, { "b", POLICY } }, "", POLICY },
	{ { { "a", "include \"b\"" TAIL }, { "b", "" } }, "", POLICY },
	/* relative to the includer; shown relative to the first file */
	{ { { "a", "include \"sub/b\"" TAIL },
	    { "sub/b", "include \"c\"\nset s = file \"../d\"\ntcp tcp -> x" },
	    { "sub/c", "udp udp -> x" }, { "d", "1 2" } },
	  "repeated-clause@sub/b:3:5 repeated-clause@sub/c:1:5 syntax@d:1:3",
	  NULL },
	/* a mistake in one file hides none in another */
	{ { { "a", "tcp tcp -> x\ninclude \"b\"\nudp udp -> x" TAIL },
	    { "b", "when tcp {\nto ->" } },
	  "repeated-clause@1:5 repeated-clause@3:5 syntax@b:2:4", NULL },
	{ { { "a", "include \"b\"\nwhen tcp {" }, { "b", "set s = {" } },
	  "syntax@2:11 syntax@b:1:10", NULL },
	/* once only */
	{ { { "a", "include \"a\"" TAIL } }, "include-cycle@1:9", NULL },
	{ { { "a", "include \"b\"" TAIL }, { "b", "include \"a\"" } },
	  "include-cycle@b:1:9", NULL },
	{ { { "a", "include \"b\"\ninclude \"b\"" TAIL },
	    { "b", "tcp -> x" } }, "include-cycle@2:9", NULL },
	{ { { "a", "include \"b\"\ninclude \"sub/../b\"" TAIL },
	    { "b", "tcp -> x" }, { "sub/c", "" } }, "include-cycle@2:9", NULL },
	{ { { "a", "include \"b\"\ninclude \"c\"" TAIL },
	    { "b", "include \"d\"" }, { "c", "include \"d\"" }, { "d", "" } },
	  "include-cycle@c:1:9", NULL },
	/* policy and default are counted over all files */
	{ { { "a", "include \"b\"" TAIL }, { "b", POLICY } },
	  "missing-policy@2:8 missing-default@3:1", NULL },
	{ { { "a", "policy p\ninclude \"b\"" }, { "b", "tcp -> x" } },
	  "missing-default@1:1", NULL },
	/* no such file, or none that can be read: then none is missing */
	{ { { "a", "include \"b\"\ntcp tcp -> x" } },
	  "file@1:9 repeated-clause@2:5", NULL },
	{ { { "a", "include \"\"" TAIL } }, "file@1:9", NULL },
	{ { { "a", "include \"sub\"" TAIL }, { "sub/b", "" } },
	  "file@1:9", NULL },
	{ { { "a", "include \"a/b\"" TAIL } }, "file@1:9", NULL },
	{ { { "a", "set s = file \"b\"\nmap m by to = file \"sub\"" TAIL },
	    { "sub/b", "" } }, "file@1:14 file@2:20", NULL },
	/* an object where text belongs: said once */
	{ { { "a", "\177ELF\2\1\nto ->\ntcp tcp\n" } }, "file@1:1",
	  NULL },
	{ { { "a", "include \"b\"\nset s = file \"b\"\nmap m by to = file "
	    "\"b\"" TAIL }, { "b", "\177ELF\2\1\nto ->\n" } },
	  "file@1:9 file@2:14 file@3:20", NULL },
	/* a set's file */
	{ { { "a", "set s = file \"b\"" TAIL },
	    { "b", "# drop\n10.0.0.0/8   # ten\n\n  ::1\r\n1-2\n\"e\"\nt" } },
	  "", "policy p\nset s = { t, \"e\", 1-2, 10.0.0.0/8, ::1 }\n"
	  "default -> pass\n" },
	{ { { "a", "set s = file \"b\"; set t = file \"b\"" TAIL },
	    { "b", "1" } }, "",
	  "policy p\nset s = { 1 }\nset t = { 1 }\ndefault -> pass\n" },
	{ { { "a", "set s = file \"b\"" TAIL }, { "b", "" } }, "",
	  "policy p\nset s = { }\ndefault -> pass\n" },
	{ { { "a", "set s = file \"b\"\ntcp tcp -> x" TAIL },
	    { "b", "10.0.0.1/8\n1, 2\n1 ::1\nnot 1\n{ 1 }\ntcp -> x\n1.2.3\n"
	      "default -> pass\nx:" } },
	  "repeated-clause@2:5 host-bits@b:1:1 syntax@b:2:2 syntax@b:3:3 "
	  "syntax@b:4:1 syntax@b:5:1 syntax@b:6:1 bad-address@b:7:1 "
	  "syntax@b:8:1 syntax@b:9:2", NULL },
	/* a map's file */
	{ { { "a", "map m by to, port = file \"b\"" TAIL },
	    { "b", "# tenants\n10.0.0.0/8, ::1 port 1 ->\n x else pass\n\n"
	      "default -> drop # all others" } }, "",
	  "policy p\nmap m by to, port {\n"
	  "    10.0.0.0/8, ::1 port 1 -> x else pass\n"
	  "    default -> drop\n}\ndefault -> pass\n" },
	{ { { "a", "map m by to = file \"b\"" TAIL },
	    { "b", "::1\n::1 -> map n\n::1 -> x count\nmap m by to {\n"
	      "::1 -> x\n}\n::2 -> y y" } },
	  "syntax@b:1:4 syntax@b:2:8 syntax@b:3:10 syntax@b:4:1 "
	  "syntax@b:6:1 syntax@b:7:10", NULL },
};

static void write_files(const struct folder *f)
{
	mkdir("sub", 0700);
	for (int i = 0; i < FILES && f->files[i].name; i++) {
		FILE *out = fopen(f->files[i].name, "w");

		assert_non_null(out);
		fputs(f->files[i].text, out);
		assert_int_equal(fclose(out), 0);
	}
}

static void remove_files(const struct folder *f)
{
	for (int i = 0; i < FILES && f->files[i].name; i++)
		assert_int_equal(unlink(f->files[i].name), 0);
	assert_int_equal(rmdir("sub"), 0);
}

static void all_folders(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		const struct folder *f = &folders[i];
		struct parsed *p;

		write_files(f);
		p = parsed_file("a");
		assert_non_null(p->ast);
		parsed_expect(p, f->files[0].text, f->reports);
		if (f->normal)
			assert_string_equal(parsed_normalized(p), f->normal);
		parsed_free(p);
		remove_files(f);
	}
}

/* From elsewhere, too, all is relative to the file; no name says where. */
static void from_elsewhere(void **state)
{
	const struct folder *f = &folders[3];
	char *here = realpath(".", NULL), *path;
	struct parsed *p;

	(void)state;
	write_files(f);
	assert_true(asprintf(&path, "%s/a", here) > 0);
	assert_int_equal(chdir("/"), 0);
	p = parsed_file(path);
	parsed_expect(p, "from elsewhere", f->reports);
	assert_string_equal(p->sources.files[0].name, "a");
	parsed_free(p);
	assert_int_equal(chdir(here), 0);
	remove_files(f);
	free(path);
	free(here);
}

/* The main file: a folder, or not there. */
static void no_file(void **state)
{
	struct source_set s;
	struct arena a;

	(void)state;
	arena_init(&a, NULL);
	source_init(&s, &a);
	assert_int_equal(source_open(&s, "nothing", -1), -ENOENT);
	assert_int_equal(source_open(&s, ".", -1), -EISDIR);
	assert_int_equal(source_open(&s, "", -1), -ENOENT);
	assert_int_equal(s.nfiles, 0);
	arena_free(&a);
}

static void chain(int length)
{
	char name[16], text[64];

	for (int i = 0; i < length; i++) {
		FILE *out;

		snprintf(name, sizeof(name), "f%d", i);
		snprintf(text, sizeof(text), i + 1 < length ?
			 "include \"f%d\"\n" : POLICY, i + 1);
		out = fopen(name, "w");
		assert_non_null(out);
		fputs(text, out);
		assert_int_equal(fclose(out), 0);
	}
}

static void remove_chain(int length)
{
	char name[16];

	for (int i = 0; i < length; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		assert_int_equal(unlink(name), 0);
	}
}

static void deep_includes(void **state)
{
	struct parsed *p;

	(void)state;
	chain(64);
	p = parsed_file("f0");
	parsed_expect(p, "64 files", "");
	parsed_free(p);
	remove_chain(64);
	chain(66);
	p = parsed_file("f0");
	assert_int_equal(p->diags.nerrors, 1);
	assert_int_equal(p->diags.first->id, DIAG_INCLUDE_CYCLE);
	parsed_free(p);
	remove_chain(66);
}

static int enter(void **state)
{
	char *folder = strdup("/tmp/test_parse.XXXXXX");

	*state = folder;
	return mkdtemp(folder) && !chdir(folder) ? 0 : -1;
}

static int leave(void **state)
{
	int bad = chdir("/") || rmdir(*state);

	free(*state);
	return bad ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_folders),
		cmocka_unit_test(from_elsewhere),
		cmocka_unit_test(no_file),
		cmocka_unit_test(deep_includes),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
