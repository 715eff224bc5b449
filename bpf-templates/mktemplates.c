/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mktemplates - assembles the templates while skpolc is built
 *
 * In: `mktemplates header FILE.s...` or `mktemplates tables FILE.s...`. Out, on
 * stdout: the declaration or the table of template_NAME for each FILE. An error
 * is FILE:LINE:COLUMN: text on stderr, and exit status 1.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../compiler/assemble.h"
#include "../grammar/arena.h"

struct text {
	char *p;
	size_t n, cap;
};

/* NAME of dir/NAME.s, as an identifier of C. */
static const char *name_of(struct arena *a, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	const char *dot = strrchr(base, '.');
	size_t len = dot ? (size_t)(dot - base) : strlen(base);
	char *name = arena_strndup(a, base, len);

	for (char *p = name; *p; p++)
		if (*p == '-')
			*p = '_';
	return name;
}

static bool read_file(struct arena *a, const char *path, struct text *out)
{
	FILE *f = fopen(path, "r");
	bool ok;
	int c;

	*out = (struct text) { 0 };
	if (!f)
		return false;
	while ((c = getc(f)) != EOF)
		*arena_push(a, out->p, out->n, out->cap) = (char)c;
	ok = !ferror(f);
	fclose(f);
	return ok;
}

static void print_insns(const struct assembled *t, const char *name)
{
	printf("static const struct insn %s_insns[] = {\n", name);
	for (size_t i = 0; i < t->code.n; i++) {
		const struct insn *in = &t->code.v[i];

		printf("\t{ .code = 0x%02x, .dst = %d, .src = %d, .map = %d, "
		       ".off = %d, .imm = (int64_t)0x%" PRIx64
		       ", .target = %" PRIu32 "u },\n",
		       in->code, in->dst, in->src, in->map, in->off,
		       (uint64_t)in->imm, in->target);
	}
	printf("};\n");
}

static void print_holes(const struct assembled *t, const char *name)
{
	if (!t->nholes)
		return;
	printf("static const struct assembled_hole %s_holes[] = {\n", name);
	for (size_t i = 0; i < t->nholes; i++)
		printf("\t{ %" PRIu32 ", %d, \"%s\" },\n", t->holes[i].insn,
		       t->holes[i].field, t->holes[i].name);
	printf("};\n");
}

/* Label i of a code that was assembled is that of way i. */
static void print_ways(const struct assembled *t, const char *name)
{
	if (!t->nways)
		return;
	printf("static const struct template_label %s_ways[] = {\n", name);
	for (size_t i = 0; i < t->nways; i++)
		printf("\t{ \"%s\", %" PRIu32 "u },\n", t->ways[i].name,
		       t->code.labels[t->ways[i].label]);
	printf("};\n");
}

static void print_table(const struct assembled *t, const char *name)
{
	print_insns(t, name);
	print_holes(t, name);
	print_ways(t, name);
	printf("const struct template template_%s = {\n"
	       "\t.name = \"%s\", .insns = %s_insns, .ninsns = %zu,\n",
	       name, name, name, t->code.n);
	if (t->nholes)
		printf("\t.holes = %s_holes, .nholes = %zu,\n", name,
		       t->nholes);
	if (t->nways)
		printf("\t.ways = %s_ways, .nways = %zu,\n", name, t->nways);
	printf("};\n\n");
}

static bool table(struct arena *a, const char *path)
{
	struct assemble_error e;
	struct assembled t;
	struct text s;

	if (!read_file(a, path, &s)) {
		perror(path);
		return false;
	}
	if (!assemble(a, s.p ? s.p : "", s.n, &t, &e)) {
		fprintf(stderr, "%s:%u:%u: %s\n", path, e.line, e.column,
			e.text);
		return false;
	}
	if (!t.code.n) {
		fprintf(stderr, "%s: no instruction\n", path);
		return false;
	}
	print_table(&t, name_of(a, path));
	return true;
}

static int usage(void)
{
	fprintf(stderr, "usage: mktemplates header|tables FILE.s...\n");
	return 2;
}

static bool print_tables(struct arena *a, char **paths)
{
	printf("#include \"compiler/template_table.h\"\n"
	       "#include \"templates.h\"\n\n");
	while (*paths)
		if (!table(a, *paths++))
			return false;
	return true;
}

static bool print_header(struct arena *a, char **paths)
{
	printf("struct template;\n\n");
	while (*paths)
		printf("extern const struct template template_%s;\n",
		       name_of(a, *paths++));
	return true;
}

static bool run(bool (*print)(struct arena *, char **), char **paths)
{
	jmp_buf exhausted;
	struct arena a;
	bool ok;

	arena_init(&a, &exhausted);
	if (setjmp(exhausted)) {
		fprintf(stderr, "mktemplates: no memory\n");
		return false;
	}
	printf("/* Made by mktemplates; do not edit. */\n");
	ok = print(&a, paths);
	arena_free(&a);
	return ok;
}

int main(int argc, char **argv)
{
	bool ok;

	if (argc > 2 && !strcmp(argv[1], "header"))
		ok = run(print_header, argv + 2);
	else if (argc > 2 && !strcmp(argv[1], "tables"))
		ok = run(print_tables, argv + 2);
	else
		return usage();
	if (fflush(stdout) || ferror(stdout)) {
		perror("mktemplates");
		return 1;
	}
	return ok ? 0 : 1;
}
