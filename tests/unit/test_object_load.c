/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_object_load - policy.o in the hands of libbpf, bpftool and the kernel
 *
 * The kernel drops types that it dislikes and loads the program all the same:
 * so what is asked here is what it has kept. bpftool works in a mount namespace
 * of its own, on a bpffs that goes with it. SKIP (77) where no program may be
 * loaded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "fixture_object.h"

struct loaded {
	struct fixture *f;
	struct bpf_object *object;
};

static int setup(void **state)
{
	struct loaded *l = calloc(1, sizeof(*l));

	l->f = fixture_new();
	fixture_build(l->f);
	l->object = bpf_object__open_mem(l->f->bytes, l->f->size, NULL);
	*state = l;
	return l->object && !bpf_object__load(l->object) ? 0 : -1;
}

static int teardown(void **state)
{
	struct loaded *l = *state;

	bpf_object__close(l->object);
	fixture_free(l->f);
	free(l);
	return 0;
}

static int program(const struct loaded *l)
{
	return bpf_program__fd(bpf_object__find_program_by_name(l->object,
							"skpol_dispatch"));
}

static void the_kernel_keeps_types_and_lines(void **state)
{
	const struct loaded *l = *state;
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(program(l), &info, &len), 0);
	assert_int_equal(info.type, BPF_PROG_TYPE_SK_LOOKUP);
	assert_string_equal(info.name, "skpol_dispatch");
	assert_int_not_equal(info.btf_id, 0);
	assert_int_equal(info.nr_func_info, 1);
	/* the kernel rewrites a helper call, and keeps the lines */
	assert_int_equal(info.nr_line_info, 3);
	assert_int_equal(info.nr_map_ids, 3);
}

static void maps_are_what_was_asked_for(void **state)
{
	static const struct {
		const char *name;
		uint32_t type, key, value, entries;
		bool typed;
	} want[] = {
		{ "sockets", BPF_MAP_TYPE_SOCKMAP, 4, 8, 2, false },
		{ "counters", BPF_MAP_TYPE_PERCPU_ARRAY, 4, 64, 2, true },
		{ "events", BPF_MAP_TYPE_RINGBUF, 0, 0, 256 * 1024, false },
		{ ".rodata", BPF_MAP_TYPE_ARRAY, 4, 96, 1, true },
	};
	const struct loaded *l = *state;
	size_t i;

	for (i = 0; i < sizeof(want) / sizeof(*want); i++) {
		struct bpf_map_info info = { 0 };
		uint32_t len = sizeof(info);
		int fd = bpf_object__find_map_fd_by_name(l->object,
							 want[i].name);

		assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
		assert_int_equal(info.type, want[i].type);
		assert_int_equal(info.key_size, want[i].key);
		assert_int_equal(info.value_size, want[i].value);
		assert_int_equal(info.max_entries, want[i].entries);
		assert_int_equal(info.btf_value_type_id != 0, want[i].typed);
	}
}

/* References are right: the program counts, and finds slot 0 without socket. */
static void it_runs(void **state)
{
	const struct loaded *l = *state;
	struct bpf_sk_lookup ctx = { .family = 2, .protocol = 6 };
	LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = 1);
	struct image_counter *values;
	int counters, n, i;
	uint64_t hits = 0;
	uint32_t key = 0;

	assert_int_equal(bpf_prog_test_run_opts(program(l), &run), 0);
	assert_int_equal(run.retval, 1);
	n = libbpf_num_possible_cpus();
	values = calloc((size_t)n, sizeof(*values));
	counters = bpf_object__find_map_fd_by_name(l->object, "counters");
	assert_int_equal(bpf_map_lookup_elem(counters, &key, values), 0);
	for (i = 0; i < n; i++)
		hits += values[i].hits;
	free(values);
	assert_true(hits >= 1);
}

/* The kernel's limit on strings: very many lines, each its own. */
static void many_lines_are_kept(void **state)
{
	const uint32_t n = 200000;
	struct fixture *f = fixture_new();
	char *text = malloc(n * 100 + 1), *p = text;
	struct image m = f->image;
	struct bpf_prog_info info = { 0 };
	struct bpf_object *object;
	uint32_t len = sizeof(info), i;

	(void)state;
	m.insns = calloc(n + 2, sizeof(*m.insns));
	m.lines = calloc(n, sizeof(*m.lines));
	m.ninsns = n + 2;
	m.nlines = n;
	m.nrelocs = 0;
	for (i = 0; i < n; i++) {
		m.lines[i] = (struct image_line){ i, { 1, i * 100, i * 100 } };
		m.insns[i].code = BPF_ALU64 | BPF_MOV | BPF_K;
		p += sprintf(p, "%099u\n", i);
	}
	m.insns[n].code = BPF_ALU64 | BPF_MOV | BPF_K;
	m.insns[n + 1].code = BPF_JMP | BPF_EXIT;
	source_add(&f->sources, "many.skl", text, n * 100);
	f->input.image = &m;
	fixture_build(f);
	object = bpf_object__open_mem(f->bytes, f->size, NULL);
	assert_non_null(object);
	assert_int_equal(bpf_object__load(object), 0);
	assert_int_equal(bpf_obj_get_info_by_fd(bpf_program__fd(
		bpf_object__next_program(object, NULL)), &info, &len), 0);
	assert_int_not_equal(info.btf_id, 0);
	assert_int_equal(info.nr_line_info, n);
	bpf_object__close(object);
	free(m.insns);
	free(m.lines);
	free(text);
	fixture_free(f);
}

/* ---------------------------------------------------------------- bpftool */

static const char script[] =
	"set -eu; d=%s; mount -t bpf none $d/fs; "
	"bpftool -n prog load $d/policy.o $d/fs/p >$d/out 2>&1; "
	"bpftool -n prog show pinned $d/fs/p >>$d/out; "
	"bpftool -n prog dump xlated pinned $d/fs/p linum >>$d/out; "
	"ids=$(sed -n 's/.*map_ids \\([0-9,]*\\).*/\\1/p' $d/out); "
	"for i in $(echo $ids | tr , ' '); do "
	"bpftool -n map show id $i; bpftool -n map dump id $i; "
	"done >>$d/out 2>&1 || :";

static char *output_of_bpftool(struct fixture *f)
{
	char folder[] = "/tmp/test_object_load.XXXXXX", command[1024];
	char *out = calloc(1, 1 << 16), path[64];
	FILE *p;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/policy.o", folder);
	assert_int_equal(object_write(path, f->bytes, f->size), 0);
	snprintf(command, sizeof(command), "mkdir %s/fs", folder);
	assert_int_equal(system(command), 0);
	snprintf(path, sizeof(path), "%s/run", folder);
	p = fopen(path, "w");
	fprintf(p, script, folder);
	fclose(p);
	snprintf(command, sizeof(command), "unshare -m sh %s/run", folder);
	assert_int_equal(system(command), 0);
	snprintf(path, sizeof(path), "%s/out", folder);
	p = fopen(path, "r");
	assert_non_null(p);
	assert_true(fread(out, 1, (1 << 16) - 1, p) > 0);
	fclose(p);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
	return out;
}

static void bpftool_shows_names_and_text(void **state)
{
	static const char *const want[] = {
		"name skpol_dispatch", "policy = \"edge\"",
		"; all: to any  [1m -> web count trace  #  \xc3\xa9",
		"[file:edge.skl line_num:3 line_col:2]",
		"; default -> pass [file:edge.skl line_num:4 line_col:1]",
		"name sockets", "name counters", "\"hits\": ",
		"\"skpol_steps\": [{", "\"esocktnosupport\": 0",
		"\"skpol_slots\": [0,1", "bpf_metadata_policy\": \"edge\"",
	};
	const struct loaded *l = *state;
	char *out;
	size_t i;

	if (system("command -v bpftool >/dev/null && "
		   "unshare -m true 2>/dev/null")) {
		print_message("SKIP: no bpftool, or no unshare\n");
		skip();
	}
	out = output_of_bpftool(l->f);
	for (i = 0; i < sizeof(want) / sizeof(*want); i++)
		if (!strstr(out, want[i]))
			fail_msg("bpftool does not say %s but:\n%s", want[i],
				 out);
	free(out);
}

static int may_load(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type = BPF_SK_LOOKUP);
	int fd = bpf_prog_load(BPF_PROG_TYPE_SK_LOOKUP, "probe", "GPL", insns,
			       2, &opts);

	if (fd >= 0)
		close(fd);
	return fd >= 0 ? 0 : -errno;
}

static int __attribute__((format(printf, 2, 0)))
say(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return level != LIBBPF_WARN ? 0 : vfprintf(stderr, fmt, ap);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_kernel_keeps_types_and_lines),
		TEST(maps_are_what_was_asked_for),
		TEST(it_runs),
		TEST(many_lines_are_kept),
		TEST(bpftool_shows_names_and_text),
	};
	int err = may_load();

	if (err) {
		printf("SKIP: the kernel loads no sk_lookup program for us: "
		       "%s\n", strerror(-err));
		return 77;
	}
	libbpf_set_print(say);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
