/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fixture_object - a small image and manifest, made by hand
 *
 * The program assigns the socket of slot 0 and counts; it sends no event, but
 * has the map for them.
 */
#include "fixture_object.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Where the variables are in .rodata. */
enum { METADATA = 0, SLOTS = 8, STEPS = 24, PORTS = 88, RODATA_SIZE = 96 };

#define INSN(op, d, s, o, i) { .code = (op), .dst_reg = (d), .src_reg = (s), \
			       .off = (o), .imm = (i) }
#define LOAD_64(d)	INSN(BPF_LD | BPF_IMM | BPF_DW, d, 0, 0, 0x55), \
			INSN(0, 0, 0, 0, 0x66)	/* both are overwritten */
#define MOVE(d, s)	INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define SET(d, i)	INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define ADD(d, i)	INSN(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define CALL(n)		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, n)
#define IF_ZERO(d, o)	INSN(BPF_JMP | BPF_JEQ | BPF_K, d, 0, o, 0)
#define READ(size, d, s, o) INSN(BPF_LDX | BPF_MEM | size, d, s, o, 0)
#define WRITE(size, d, o, s) INSN(BPF_STX | BPF_MEM | size, d, s, o, 0)

static const struct bpf_insn insns[] = {
	MOVE(6, 1),
	LOAD_64(1),				/* 1: skpol_slots */
	READ(BPF_W, 2, 1, 0),
	WRITE(BPF_W, 10, -4, 2),
	LOAD_64(1),				/* 5: sockets */
	MOVE(2, 10),
	ADD(2, -4),
	CALL(1),				/* bpf_map_lookup_elem */
	IF_ZERO(0, 7),
	MOVE(7, 0),
	MOVE(1, 6),
	MOVE(2, 7),
	SET(3, 0),
	CALL(124),				/* bpf_sk_assign */
	MOVE(1, 7),
	CALL(86),				/* bpf_sk_release */
	LOAD_64(1),				/* 18: slots + 4 */
	READ(BPF_W, 2, 1, 0),
	SET(2, 0),				/* 21 */
	WRITE(BPF_W, 10, -4, 2),
	LOAD_64(1),				/* 23: counters */
	MOVE(2, 10),
	ADD(2, -4),
	CALL(1),
	IF_ZERO(0, 3),
	READ(BPF_DW, 1, 0, 0),
	ADD(1, 1),
	WRITE(BPF_DW, 0, 0, 1),
	SET(0, 1),
	INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
};

static const struct image_reloc relocs[] = {
	{ 1, IMAGE_RODATA, SLOTS }, { 5, IMAGE_SOCKETS, 0 },
	{ 18, IMAGE_RODATA, SLOTS + 4 }, { 23, IMAGE_COUNTERS, 0 },
};

/* "socket web tcp" at 12, the rule at 28, and the default after it */
static const struct image_line lines[] = {
	{ 0, { 0, 12, 26 } }, { 5, { 0, 28, 40 } }, { 10, { 0, 28, 40 } },
	{ 32, { 0, 71, 86 } },
};

static const struct image_variable variables[] = {
	{ "bpf_metadata_policy", METADATA, 5, 1 },
	{ "skpol_slots", SLOTS, 8, 4 },
	{ "skpol_interfaces", SLOTS + 8, 4, 4 },
	{ "skpol_steps", STEPS, 64, 4 },
	{ "skpol_ports", PORTS, 8, 2 },
};

static void *copy(struct arena *a, const void *p, size_t size)
{
	return memcpy(arena_alloc(a, size), p, size);
}

#define COPY(array) copy(a, array, sizeof(array))
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void make_image(struct arena *a, struct image *m)
{
	const uint32_t slots[] = { 0, 1, IMAGE_NO_INTERFACE };

	*m = (struct image){
		.insns = COPY(insns), .ninsns = COUNT(insns),
		.relocs = COPY(relocs), .nrelocs = COUNT(relocs),
		.lines = COPY(lines), .nlines = COUNT(lines),
		.variables = COPY(variables), .nvariables = COUNT(variables),
		.rodata = arena_alloc(a, RODATA_SIZE),
		.rodata_size = RODATA_SIZE,
		.nslots = 2, .ncounters = 2, .ninterfaces = 1, .events = true,
	};
	memcpy(m->rodata + METADATA, "edge", 5);
	memcpy(m->rodata + SLOTS, slots, sizeof(slots));
}

json_t *fixture_manifest(void)
{
	return json_pack("{s:i, s:s, s:s, s:s, s:{s:i, s:s}, s:s, s:[s],"
		" s:[{s:s, s:s, s:[{s:i, s:s, s:s}, {s:i, s:s, s:s}]}],"
		" s:[s], s:[{s:s, s:b, s:i, s:i, s:i, s:s, s:s, s:i, s:b},"
		" {s:s, s:b, s:i, s:i, s:i, s:s, s:s, s:b}], s:[[s, i, [s]]], s:s}",
		"version", 1, "policy", "edge", "compiler", "0.1.0",
		"kernel", "5.10",
		"options", "optimize", 1, "target_kernel", "5.10",
		"sha256", "0123456789abcdef0123456789abcdef"
			  "0123456789abcdef0123456789abcdef",
		"files", "edge.skl",
		"sockets", "name", "web", "at", "127.0.0.1:80", "slots",
		"slot", 0, "protocol", "tcp", "family", "ip4",
		"slot", 1, "protocol", "tcp", "family", "ip6",
		"interfaces", "eth0",
		"rules",
		"name", "all", "named", 1, "file", 0, "line", 3, "column", 2,
		"text", "to any -> web", "verdict", "web", "counter", 0,
		"trace", 1,
		"name", "default", "named", 0, "file", 0, "line", 4,
		"column", 1, "text", "any -> pass", "verdict", "pass",
		"trace", 0,
		"checks", "tcp 192.0.2.1:1 -> 192.0.2.2:2", 1, "pass",
		"text", "policy edge\nsocket web tcp\n");
}

struct fixture *fixture_new(void)
{
	struct fixture *f = calloc(1, sizeof(*f));

	arena_init(&f->arena, NULL);
	source_init(&f->sources, &f->arena);
	assert_int_equal(source_add(&f->sources, "edge.skl", FIXTURE_TEXT,
				    strlen(FIXTURE_TEXT)), 0);
	make_image(&f->arena, &f->image);
	f->manifest = fixture_manifest();
	assert_non_null(f->manifest);
	f->input = (struct object_input){
		.image = &f->image, .manifest = f->manifest,
		.sources = &f->sources,
	};
	return f;
}

void fixture_free(struct fixture *f)
{
	json_decref(f->manifest);
	free(f->bytes);
	arena_free(&f->arena);
	free(f);
}

void fixture_build(struct fixture *f)
{
	char error[256] = "";

	free(f->bytes);
	f->bytes = NULL;
	if (object_build(&f->input, &f->bytes, &f->size, error))
		fail_msg("object_build: %s", error);
}
