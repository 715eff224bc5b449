/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_loaded - what the kernel has after an object was applied
 *
 * The kernel takes a program without its types and lines in silence, and tables
 * that lie across lines of the cache: so how they are there is looked at. Then objects of which a byte is another.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../unit/fixture_object.h"
#include "rig.h"

enum { MUTANTS = 1000 };

static struct fixture *fixture;

static int setup(void **state)
{
	(void)state;
	rig_reset();
	fixture = fixture_new();
	fixture_build(fixture);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_free(fixture);
	rig_reset();
	return 0;
}

static void must_apply(void)
{
	struct skpol *s = rig_open();
	struct skpol_applied out;

	if (skpol_apply(s, fixture->bytes, fixture->size, NULL, &out))
		fail_msg("%s", skpol_message(s));
	skpol_close(s);
}

static int pinned(const char *entry)
{
	int fd = bpf_obj_get(rig_state(entry));

	assert_true(fd >= 0);
	return fd;
}

static void types_and_lines_are_kept(void **state)
{
	struct bpf_prog_info p = { 0 };
	struct bpf_map_info m = { 0 };
	__u32 len = sizeof(p);
	int fd;

	(void)state;
	must_apply();
	fd = pinned("1/program");
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &p, &len), 0);
	assert_string_equal(p.name, "skpol_dispatch");
	assert_int_not_equal(p.btf_id, 0);
	assert_int_equal(p.nr_func_info, 1);
	assert_int_equal(p.nr_line_info, 3);	/* two of four are one */
	close(fd);
	fd = pinned("1/counters");
	len = sizeof(m);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &m, &len), 0);
	assert_int_equal(m.max_entries, 2);	/* of a rule, the listener */
	assert_int_not_equal(m.btf_value_type_id, 0);
	close(fd);
}

static __u32 flags_of_map(__u32 id)
{
	struct bpf_map_info m = { 0 };
	__u32 len = sizeof(m);
	int fd = bpf_map_get_fd_by_id(id);

	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &m, &len), 0);
	close(fd);
	return strcmp(m.name, "skpol.rodata") ? 0 : m.map_flags;
}

/* Tables begin with a page, and nobody writes to them: not the program, either. */
static void tables_begin_with_a_page(void **state)
{
	__u32 ids[8], flags = 0, len = sizeof(struct bpf_prog_info);
	struct bpf_prog_info p = {
		.nr_map_ids = 8, .map_ids = (__u64)(uintptr_t)ids,
	};
	int fd;

	(void)state;
	must_apply();
	fd = pinned("1/program");
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &p, &len), 0);
	close(fd);
	assert_in_range(p.nr_map_ids, 1, 8);
	for (__u32 i = 0; i < p.nr_map_ids; i++)
		flags |= flags_of_map(ids[i]);
	assert_int_equal(flags, BPF_F_MMAPABLE | BPF_F_RDONLY_PROG);
}

/* bpftool finds the policy's name through the types of .rodata. */
static void bpftool_shows_metadata(void **state)
{
	char command[320], line[512];
	bool found = false;
	FILE *f;

	(void)state;
	if (system("bpftool -n version >/dev/null 2>&1")) {
		print_message("SKIP: there is no bpftool\n");
		skip();
	}
	must_apply();
	snprintf(command, sizeof(command), "bpftool -n prog show pinned %s",
		 rig_state("1/program"));
	f = popen(command, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		found |= strstr(line, "policy = \"edge\"") != NULL;
	pclose(f);
	assert_true(found);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/*
 * Whatever byte is another: refused, or applied whole. Never is something
 * left behind, and never does the program before stop.
 */
static void mutants_do_no_harm(void **state)
{
	struct skpol *s = rig_open();
	unsigned char *bytes = malloc(fixture->size);
	uint32_t seed = 1, refused = 0;
	struct skpol_applied out;

	(void)state;
	must_apply();
	for (int i = 0; i < MUTANTS; i++) {
		uint32_t id = rig_attached();

		memcpy(bytes, fixture->bytes, fixture->size);
		bytes[next_random(&seed) % fixture->size] ^=
			(unsigned char)(1 + next_random(&seed) % 255);
		if (skpol_apply(s, bytes, fixture->size, NULL, &out)) {
			refused++;
			assert_int_equal(rig_attached(), id);
		}
		assert_int_not_equal(rig_attached(), 0);
		assert_false(rig_has_problem(""));
		assert_false(rig_exists("new"));
	}
	assert_true(refused > MUTANTS / 4);
	free(bytes);
	skpol_close(s);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(types_and_lines_are_kept),
		TEST(tables_begin_with_a_page),
		TEST(bpftool_shows_metadata),
		TEST(mutants_do_no_harm),
	};

	RIG_MAIN(tests);
}
