/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_interp_kernel - the interpreter against the kernel
 *
 * Every program of the fixture: what runs is loaded, and gives the same verdict
 * and selection in BPF_PROG_TEST_RUN; what traps is refused by the verifier,
 * but where the interpreter is stricter on purpose. Operations mean the same,
 * the context has the same bytes. SKIP (77) where no program may be loaded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../compiler/interp.h"
#include "../../grammar/arena.h"
#include "fixture_interp.h"

enum { SKIP = 77 };

struct kernel {
	struct arena arena;
	struct image image;
	int maps[IMAGE_MAPS], listener;
	struct packet packet;
};

/* ---------------------------------------------------------------- maps */

static int make_rodata(const struct image *m)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts,
		    .map_flags = BPF_F_RDONLY_PROG);
	uint32_t zero = 0;
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "rodata", 4,
				(uint32_t)m->rodata_size, 1, &opts);

	if (fd >= 0 && (bpf_map_update_elem(fd, &zero, m->rodata, 0) ||
			bpf_map_freeze(fd)))
		return -1;
	return fd;
}

static int make_sockets(int listener)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_SOCKMAP, "sockets", 4, 8,
				FIXTURE_SLOTS, NULL);
	uint32_t key = FIXTURE_SOCKET;
	uint64_t value = (uint64_t)listener;

	if (fd >= 0 && bpf_map_update_elem(fd, &key, &value, 0))
		return -1;
	return fd;
}

static int setup(void **state)
{
	struct kernel *k = calloc(1, sizeof(*k));

	*state = k;
	arena_init(&k->arena, NULL);
	fixture_packet(&k->packet);
	fixture_image(&k->arena, "w0 = 1\n exit\n", &k->image);
	k->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (k->listener < 0 || listen(k->listener, 1))
		return -1;
	k->maps[IMAGE_SOCKETS] = make_sockets(k->listener);
	k->maps[IMAGE_COUNTERS] = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY,
		"counters", 4, sizeof(struct image_counter), FIXTURE_COUNTERS,
		NULL);
	k->maps[IMAGE_EVENTS] = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "events",
					       0, 0, 4096, NULL);
	k->maps[IMAGE_RODATA] = make_rodata(&k->image);
	for (int i = 0; i < IMAGE_MAPS; i++)
		if (k->maps[i] < 0)
			return -1;
	return 0;
}

static int teardown(void **state)
{
	struct kernel *k = *state;

	for (int i = 0; i < IMAGE_MAPS; i++)
		close(k->maps[i]);
	close(k->listener);
	arena_free(&k->arena);
	free(k);
	return 0;
}

/* ------------------------------------------------------------ programs */

static int load(struct kernel *k, const char *text)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type = BPF_SK_LOOKUP);
	struct image *m = &k->image;

	fixture_image(&k->arena, text, m);
	for (size_t i = 0; i < m->nrelocs; i++) {
		const struct image_reloc *l = &m->relocs[i];
		struct bpf_insn *insn = &m->insns[l->insn];

		insn[0].src_reg = l->map == IMAGE_RODATA ?
			BPF_PSEUDO_MAP_VALUE : BPF_PSEUDO_MAP_FD;
		insn[0].imm = k->maps[l->map];
		insn[1].imm = (int32_t)l->offset;
	}
	return bpf_prog_load(BPF_PROG_TYPE_SK_LOOKUP, "test", "Dual BSD/GPL",
			     m->insns, m->ninsns, &opts);
}

/* The verdict; *SELECTED: whether the listener was. */
static uint32_t run(const struct kernel *k, int program, bool *selected)
{
	struct bpf_sk_lookup out = { 0 };
	uint8_t in[72];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = in,
		    .ctx_size_in = sizeof(in), .ctx_out = &out,
		    .ctx_size_out = sizeof(out), .repeat = 1);

	interp_context(&k->packet, in);
	assert_int_equal(bpf_prog_test_run_opts(program, &opts), 0);
	*selected = out.cookie != 0;
	return opts.retval;
}

static bool as_expected(const struct kernel *k, const struct program *p,
			int program)
{
	bool selected;

	if (p->trap)
		return program < 0 || p->stricter;
	return program >= 0 && run(k, program, &selected) == p->verdict &&
	       selected == (p->selects && p->verdict);
}

static void programs_run_or_are_refused(void **state)
{
	struct kernel *k = *state;
	unsigned int wrong = 0;

	for (size_t i = 0; i < nprograms; i++) {
		int program = load(k, programs[i].text), error = errno;

		if (!as_expected(k, &programs[i], program)) {
			wrong++;
			print_error("%sshould %s, but the kernel %s (%d)\n",
				    programs[i].text,
				    programs[i].trap ? programs[i].trap :
				    "run as in the interpreter",
				    program < 0 ? "refuses it" :
				    "does otherwise", program < 0 ? error : 0);
		}
		if (program >= 0)
			close(program);
	}
	assert_int_equal(wrong, 0);
}

static void must_pass(void *ctx, const char *text)
{
	struct kernel *k = ctx;
	int program = load(k, text);
	bool selected;

	if (program < 0)
		fail_msg("%s\nis refused: %d", text, errno);
	assert_int_equal(run(k, program, &selected), 1);
	close(program);
}

static void operations_mean_the_same(void **state)
{
	each_operation(must_pass, *state);
}

/* ------------------------------------------------------------- context */

static bool interpreter_reads(struct kernel *k, const char *text)
{
	struct interp in = { .image = &k->image };
	struct interp_result r;

	fixture_image(&k->arena, text, &k->image);
	in.program = interp_prepare(&k->arena, &k->image);
	interp_run(&in, &k->packet, &r);
	return !r.trap;
}

/* But `remote_port` as 16 bits, which needs 5.18, and the padding behind it. */
static void reads_of_the_context_are_the_same(void **state)
{
	struct kernel *k = *state;
	char text[80];

	for (int size = 1; size <= 8; size *= 2)
		for (int off = -16; off <= 88; off++) {
			int program;

			if (size < 4 && off >= 36 && off < 40)
				continue;
			snprintf(text, sizeof(text),
				 "r2 = *(u%d *)(r1 %c %d)\n w0 = 1\n exit\n",
				 size * 8, off < 0 ? '-' : '+', abs(off));
			program = load(k, text);
			if ((program >= 0) != interpreter_reads(k, text))
				fail_msg("%sthe kernel %s", text, program < 0 ?
					 "refuses it" : "takes it");
			if (program >= 0)
				close(program);
		}
}

static void compare_words(struct kernel *k, const char *packet)
{
	char *text, error[PACKET_ERROR_MAX];
	uint8_t ctx[72];
	uint32_t word;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_true(packet_parse(packet, strlen(packet), &k->packet, error));
	interp_context(&k->packet, ctx);
	for (int off = 8; off < 68; off += 4) {
		memcpy(&word, ctx + off, sizeof(word));
		fprintf(f, "w2 = *(u32 *)(r1 + %d)\n"
			"if w2 != 0x%x goto bad\n", off, word);
	}
	fputs("w0 = 1\n exit\nbad: w0 = 0\n exit\n", f);
	fclose(f);
	must_pass(k, text);
	free(text);
}

static void the_context_is_the_same(void **state)
{
	compare_words(*state, "tcp 203.0.113.9:50000 -> 192.0.2.1:443");
	compare_words(*state, "udp [2001:db8:1:2:3:4:5:6]:65535 -> "
		      "[fe80::102:304]:53");
}

/* ---------------------------------------------------------------- main */

static bool may_load(void)
{
	static const struct bpf_insn pass[] = {
		{ .code = BPF_ALU | BPF_MOV | BPF_K, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type = BPF_SK_LOOKUP);
	int fd = bpf_prog_load(BPF_PROG_TYPE_SK_LOOKUP, "test",
			       "Dual BSD/GPL", pass, 2, &opts);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(programs_run_or_are_refused),
		cmocka_unit_test(operations_mean_the_same),
		cmocka_unit_test(reads_of_the_context_are_the_same),
		cmocka_unit_test(the_context_is_the_same),
	};

	if (!may_load() || unshare(CLONE_NEWNET)) {
		printf("SKIP: no program may be loaded here: %s\n",
		       strerror(errno));
		return SKIP;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
