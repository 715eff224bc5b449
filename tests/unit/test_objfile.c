/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_objfile - opening a policy.o that nobody vouches for
 *
 * What was written comes back, as an image too; every fault of the file, the
 * manifest and the sections has its sentence. Objects that were changed at
 * random: test_objfile_mutants.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "../../compiler/image_read.h"
#include "fixture_objfile.h"

static struct objfile *open_good(const struct fixture *f)
{
	char error[OBJFILE_ERROR_MAX] = "";
	struct objfile *o = NULL;

	if (objfile_from_bytes(f->bytes, f->size, &o, error))
		fail_msg("objfile_from_bytes: %s", error);
	return o;
}

static void what_was_written_comes_back(void **state)
{
	static const struct {
		uint32_t insn, offset;
		const char *symbol;
	} want[] = {
		{ 1, 8, "skpol_slots" }, { 5, 0, "sockets" },
		{ 18, 12, "skpol_slots" }, { 23, 0, "counters" },
	};
	struct fixture *f = *state;
	struct objfile *o = open_good(f);
	const struct objfile_variable *v;
	size_t i;

	assert_int_equal(o->ninsns, f->image.ninsns);
	assert_int_equal(o->nrelocs, 4);
	for (i = 0; i < 4; i++) {
		assert_int_equal(o->relocs[i].insn, want[i].insn);
		assert_int_equal(o->relocs[i].offset, want[i].offset);
		assert_string_equal(o->relocs[i].symbol, want[i].symbol);
		assert_int_equal(o->relocs[i].rodata, i % 2 == 0);
	}
	assert_memory_equal(o->rodata, f->image.rodata, o->rodata_size);
	v = objfile_variable(o, "skpol_steps");
	assert_non_null(v);
	assert_int_equal(v->offset, 24);
	assert_int_equal(v->size, 64);
	assert_null(objfile_variable(o, "skpol_none"));
	assert_int_equal(o->nslots, 2);
	assert_int_equal(o->ncounters, 1);
	assert_int_equal(o->ninterfaces, 1);
	assert_true(o->events);
	assert_true(json_equal(o->manifest, f->manifest));
	assert_int_equal(strlen(o->sha256), 64);
	objfile_free(o);
}

/* The image read back makes the same object, but for the lines. */
static void an_object_is_an_image_again(void **state)
{
	struct fixture *f = *state, *g = fixture_new();
	struct objfile *o = open_good(f), *p;
	struct image m;

	image_read(&g->arena, o, &m);
	assert_int_equal(m.nlines, 0);
	assert_int_equal(m.variables[4].width, 0);
	assert_non_null(image_variable(&m, "skpol_ports"));
	m.lines = g->image.lines;
	m.nlines = g->image.nlines;
	m.variables[4].width = 2;
	g->input.image = &m;
	fixture_build(g);
	p = open_good(g);
	assert_string_equal(o->sha256, p->sha256);
	objfile_free(o);
	objfile_free(p);
	fixture_free(g);
}

static void files_are_read(void **state)
{
	char path[] = "/tmp/test_objfile.XXXXXX", error[OBJFILE_ERROR_MAX];
	struct fixture *f = *state;
	struct objfile *o = NULL;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, f->bytes, f->size), f->size);
	close(fd);
	assert_int_equal(objfile_open(path, &o, error), 0);
	assert_int_equal(o->size, f->size);
	objfile_free(o);
	unlink(path);
	assert_int_equal(objfile_open(path, &o, error), -ENOENT);
	assert_string_equal(error, "cannot read it: No such file or directory");
	assert_int_equal(objfile_open("/", &o, error), -EISDIR);
	assert_int_equal(objfile_open("/dev/null", &o, error), -EBADMSG);
}

/* ------------------------------------------------------------ the manifest */

/* The object with the manifest TEXT merged in. */
static int merged(struct fixture *f, const char *text,
		  char error[OBJFILE_ERROR_MAX])
{
	json_t *change = json_loads(text, JSON_ALLOW_NUL, NULL);
	struct objfile *o = NULL;
	int err;

	assert_non_null(change);
	json_object_update(f->manifest, change);
	json_decref(change);
	fixture_build(f);
	err = objfile_from_bytes(f->bytes, f->size, &o, error);
	objfile_free(o);
	json_decref(f->manifest);
	f->manifest = fixture_manifest();
	f->input.manifest = f->manifest;
	return err;
}

#define SOCKET(name, slots) "{\"sockets\":[{\"name\":" name ",\"slots\":[" \
	slots "]}]}"
#define SLOT(n, p, f) "{\"slot\":" #n ",\"protocol\":\"" p "\",\"family\":\"" \
	f "\"}"
#define RULE(name, named, more) "{\"name\":\"" name "\",\"named\":" named "," \
	"\"file\":0,\"line\":1,\"column\":1,\"text\":\"t\",\"verdict\":\"v\"," \
	"\"trace\":false" more "}"
#define RULES(text) "{\"rules\":[" text "]}"
#define DEFAULT RULE("default", "false", "")

static const struct {
	const char *change, *sentence;
	int err;
} faults[] = {
	{ "{\"version\":2}", "made by a newer skpolc: its manifest is "
	  "of version 2, and this program reads version 1",
	  -EPROTONOSUPPORT },
	{ "{\"version\":0}", "version is not from 1 to 2147483647", 0 },
	{ "{\"version\":\"1\"}", "version is no integer", 0 },
	{ "{\"policy\":\"a b\"}", "policy is no name (`a b`)", 0 },
	{ "{\"policy\":\"a-\"}", "policy is no name (`a-`)", 0 },
	{ "{\"policy\":\"../x\"}", "policy is no name (`../x`)", 0 },
	{ "{\"policy\":7}", "policy is no string", 0 },
	{ "{\"kernel\":\"5\"}", "kernel is no version of a kernel", 0 },
	{ "{\"kernel\":\"5.10x\"}", "kernel is no version of a kernel",
	  0 },
	{ "{\"sha256\":\"00\"}", "sha256 is no SHA-256", 0 },
	{ "{\"options\":[]}", "options is no object", 0 },
	{ "{\"options\":{\"optimize\":3}}",
	  "options.optimize is not from 0 to 2", 0 },
	{ "{\"files\":[]}", "files has 0 elements", 0 },
	{ "{\"files\":[1]}", "files[0] is no string", 0 },
	{ "{\"interfaces\":[\"a/b\"]}",
	  "interfaces[0] is no name of an interface (`a/b`)", 0 },
	{ "{\"interfaces\":[\"0123456789abcdef\"]}", "interfaces[0] is "
	  "no name of an interface (`0123456789abcdef`)", 0 },
	{ "{\"interfaces\":[]}", "interfaces and the program's "
	  "skpol_interfaces differ in number", 0 },
	{ "{\"interfaces\":[\"a\",\"a\"]}", "interfaces[1] is there "
	  "twice", 0 },
	{ SOCKET("\"w\"", SLOT(0, "tcp", "ip4")), "sockets and the "
	  "program's skpol_slots differ in number", 0 },
	{ SOCKET("\"w\"", SLOT(1, "tcp", "ip4")),
	  "sockets[0].slots are not numbered in order", 0 },
	{ SOCKET("\"w\"", SLOT(0, "sctp", "ip4")),
	  "sockets[0].protocol is neither tcp nor udp", 0 },
	{ SOCKET("\"w\"", SLOT(0, "tcp", "ip4") ","
		 SLOT(1, "tcp", "ip4")),
	  "sockets[0].slots has tcp ip4 twice", 0 },
	{ SOCKET("null", SLOT(0, "tcp", "ip4")),
	  "sockets[0].name is no string", 0 },
	{ SOCKET("\"w\"", ""), "sockets[0].slots has 0 elements", 0 },
	{ RULES(""), "rules has 0 elements", 0 },
	{ RULES(RULE("a", "true", "")),
	  "rules[0].name is not `default`, and it is the last", 0 },
	{ RULES(RULE("a", "true", "") "," RULE("a", "true", "") ","
		DEFAULT), "rules[1].name is another rule's (`a`)", 0 },
	{ RULES(RULE("a\\u001b[2J", "false", "") "," DEFAULT),
	  "rules[0].name has a control character", 0 },
	{ RULES(RULE("a", "true", ",\"counter\":1") "," DEFAULT),
	  "rules[0].counter is not from 0 to 0", 0 },
	{ RULES(RULE("a", "true", ",\"counter\":0") ","
		RULE("b", "true", ",\"counter\":0") "," DEFAULT),
	  "rules[1].counter is that of another rule", 0 },
	{ RULES("[]"), "rules[0].name is missing", 0 },
	{ RULES("{\"name\":\"default\",\"named\":0}"),
	  "rules[0].named is neither true nor false", 0 },
	{ "{\"checks\":[[\"a\"]]}",
	  "checks[0] is no packet, rule and chain", 0 },
	{ "{\"checks\":[[\"a\",0,[]]]}",
	  "checks[0] is no packet, rule and chain", 0 },
	{ "{\"checks\":[[\"a\",0,[1]]]}",
	  "checks[0] is no packet, rule and chain", 0 },
	{ "{\"checks\":[[\"a\",9,[\"drop\"]]]}",
	  "checks[0] is no packet, rule and chain", 0 },
	{ "{\"text\":null}", "text is no string", 0 },
};

static void each_fault_of_a_manifest_is_named(void **state)
{
	struct fixture *f = *state;
	char error[OBJFILE_ERROR_MAX];
	size_t i;

	for (i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
		const char *said = error;

		assert_int_equal(merged(f, faults[i].change, error),
				 faults[i].err ? faults[i].err : -EBADMSG);
		if (!faults[i].err) {
			assert_memory_equal(error, "its manifest's ", 15);
			said += 15;
		}
		assert_string_equal(said, faults[i].sentence);
	}
}

static void what_is_allowed_passes(void **state)
{
	static const char *const changes[] = {
		"{\"unknown\":{\"key\":[]}}",
		"{\"compiler\":\"99.1-rc2\"}",
		"{\"files\":[\"a\",\"\xc3\xa9/\\n\"]}",
		RULES(RULE("udp -> drop", "false", ",\"counter\":0") ","
		      RULE("udp -> drop", "false", ",\"counter\":0") ","
		      RULE("default", "false", ",\"counter\":1")),
	};
	struct fixture *f = *state;
	char error[OBJFILE_ERROR_MAX] = "";
	size_t i;

	for (i = 0; i < sizeof(changes) / sizeof(*changes); i++)
		if (merged(f, changes[i], error))
			fail_msg("%s: %s", changes[i], error);
	json_object_del(f->manifest, "checks");
	json_object_del(f->manifest, "kernel");
	assert_int_equal(merged(f, "{}", error), 0);
}

/* ------------------------------------------------------- the file's faults */

static void each_fault_of_a_header_is_named(void **state)
{
	struct fixture *f = *state;

	memcpy(f->bytes, "#!/", 3);
	refuse(f, "no object file (it does not begin as ELF)");
	f->size = 0;
	refuse(f, "no object file (it does not begin as ELF)");
	f->size = 63;
	refuse(f, "cut off in the ELF header");
	header(f)->e_ident[EI_CLASS] = ELFCLASS32;
	refuse(f, "an ELF file of 32 bits, which no policy is");
	header(f)->e_ident[EI_DATA] ^= 3;
	refuse(f, "compiled for the other byte order");
	header(f)->e_machine = EM_X86_64;
	refuse(f, "an ELF file, but no BPF object");
	header(f)->e_shstrndx = 60;
	refuse(f, "no table of sections that we can read");
	f->size--;
	refuse(f, "cut off: its sections are listed past its end");
}

static void each_fault_of_a_section_is_named(void **state)
{
	struct fixture *f = *state;

	section(f, MANIFEST)->sh_name++;
	refuse(f, "a BPF object, but not made by skpolc (no section .skpol)");
	section(f, LICENSE)->sh_name++;
	refuse(f, "no section license");
	section(f, RODATA)->sh_size = UINT64_MAX;
	refuse(f, "cut off: the section .rodata ends past its end");
	section(f, RODATA)->sh_offset = UINT64_MAX - 8;
	refuse(f, "cut off: the section .rodata ends past its end");
	section(f, MAPS)->sh_name = section(f, RODATA)->sh_name;
	refuse(f, "two sections .rodata");
	section(f, PROGRAM)->sh_size -= 3;
	refuse(f, "the section sk_lookup is no table of 1000000 entries at "
	       "most");
	section(f, SYMTAB)->sh_link = UINT32_MAX;
	refuse(f, "no table of names where one is said to be");
	section(f, REL)->sh_info = 1;
	refuse(f, "its references are not those of the program");
	section(f, PROGRAM)->sh_size -= 8;
	refuse(f, "its program is not skpol_dispatch alone");
}

static void each_fault_of_a_table_is_named(void **state)
{
	struct fixture *f = *state;
	Elf64_Rel *rel = contents(f, REL);
	Elf64_Sym *sym = contents(f, SYMTAB);

	assert_string_equal((char *)contents(f, 1) + sym[3].st_name, "sockets");
	sym[3].st_name++;
	refuse(f, "a map that no policy has (ockets)");
	((Elf64_Sym *)contents(f, SYMTAB))[3].st_shndx = 0;
	refuse(f, "no map sockets");
	((Elf64_Sym *)contents(f, SYMTAB))[8].st_value = 200;
	refuse(f, "the variable skpol_slots is not in .rodata");
	((Elf64_Sym *)contents(f, SYMTAB))[8].st_value = 0;
	refuse(f, "the variable skpol_slots overlaps another");
	rel = contents(f, REL);
	rel[1].r_offset += 8;
	refuse(f, "a reference at byte 48 of the program that is none");
	rel = contents(f, REL);
	rel[1] = rel[0];
	refuse(f, "its references do not rise");
	((struct bpf_insn *)contents(f, PROGRAM))[18].imm = 96;
	refuse(f, "instruction 18 refers past .rodata");
	((struct bpf_insn *)contents(f, PROGRAM))[18].imm = -1;
	refuse(f, "instruction 18 refers past .rodata");
	((struct bpf_insn *)contents(f, PROGRAM))[18].imm = 6;
	refuse(f, "instruction 18 refers to no variable");
	((struct bpf_insn *)contents(f, PROGRAM))[18].src_reg = 1;
	refuse(f, "instruction 18 names a map by number");
	((struct bpf_insn *)contents(f, PROGRAM))[19].code = 1;
	refuse(f, "instruction 18 is half of one");
}

static void bombs_are_not_set_off(void **state)
{
	struct fixture *f = *state;
	const size_t n = 64 << 20;
	char *text = malloc(n);

	put_manifest(f, "{}", 2, 3);
	refuse(f, "its manifest does not inflate to what it claims");
	put_manifest(f, "{}", 2, 1);
	refuse(f, "its manifest does not inflate to what it claims");
	put_manifest(f, "{}", 2, UINT64_MAX);
	refuse(f, "its manifest claims 18446744073709551615 bytes of text, "
	       "which is too many");
	put_manifest(f, "{}", 2, 200 << 20);
	refuse(f, "its manifest claims 209715200 bytes of text, which is too "
	       "many");
	memset(text, '[', n);
	put_manifest(f, text, n, n);
	refuse(f, "its manifest has more than 8388608 values");
	put_manifest(f, text, 100000, 100000);
	refuse(f, "its manifest is no JSON: maximum parsing depth reached "
	       "near '['");
	put_manifest(f, "{\"a\":1,\"a\":2}", 13, 13);
	refuse(f, "its manifest is no JSON: duplicate object key near "
	       "'\"a\"'");
	put_manifest(f, "[]", 2, 2);
	refuse(f, "its manifest is no object");
	((char *)contents(f, MANIFEST))[0] = 'x';
	refuse(f, "its section .skpol is no manifest");
	section(f, MANIFEST)->sh_size = 15;
	refuse(f, "its manifest is cut off");
	free(text);
}

static void other_formats_are_said(void **state)
{
	struct fixture *f = *state;
	char error[OBJFILE_ERROR_MAX];
	struct objfile *o;

	((char *)contents(f, MANIFEST))[7] = 2;
	assert_int_equal(objfile_from_bytes(f->bytes, f->size, &o, error),
			 -EPROTONOSUPPORT);
	assert_string_equal(error, "made by another skpolc: its manifest is of "
			    "format 2, and this program reads format 1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_written_comes_back),
		TEST(an_object_is_an_image_again),
		TEST(files_are_read),
		TEST(each_fault_of_a_manifest_is_named),
		TEST(what_is_allowed_passes),
		TEST(each_fault_of_a_header_is_named),
		TEST(each_fault_of_a_section_is_named),
		TEST(each_fault_of_a_table_is_named),
		TEST(bombs_are_not_set_off),
		TEST(other_formats_are_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
