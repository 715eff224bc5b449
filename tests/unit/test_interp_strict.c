/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_interp_strict - what runs, what traps, what is meant
 *
 * Programs of the fixture with their verdicts or traps; every operation at its
 * edges; every offset of the context; counters, events and sockets as seen
 * from outside; random instructions, which must trap and nothing else.
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

#include "../../compiler/assemble.h"
#include "../../compiler/interp.h"
#include "../../grammar/arena.h"
#include "fixture_code.h"
#include "fixture_interp.h"

struct world {
	struct arena arena;
	struct image image;
	struct interp interp;
	struct packet packet;
	struct image_counter counters[FIXTURE_COUNTERS];
	struct image_event event;
	unsigned int nevents;
	int refuse;		/* what assign() says */
	bool run[256];		/* opcode bytes executed so far */
};

static bool present(void *ctx, uint32_t index)
{
	(void)ctx;
	return index == FIXTURE_SOCKET;
}

static int assign(void *ctx, uint32_t index, uint64_t flags)
{
	struct world *w = ctx;

	assert_int_equal(index, FIXTURE_SOCKET);
	assert_true(flags <= 3);
	return w->refuse;
}

static void event(void *ctx, const struct image_event *e)
{
	struct world *w = ctx;

	w->event = *e;
	w->nevents++;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	arena_init(&w->arena, NULL);
	fixture_packet(&w->packet);
	w->interp = (struct interp) {
		.image = &w->image, .sockets = { w, present, assign },
		.counters = w->counters, .event = event, .event_ctx = w,
	};
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	arena_free(&w->arena);
	free(w);
	return 0;
}

static void run_image(struct world *w, struct interp_result *r)
{
	w->interp.program = interp_prepare(&w->arena, &w->image);
	interp_run(&w->interp, &w->packet, r);
}

static void run(struct world *w, const char *text, struct interp_result *r)
{
	fixture_image(&w->arena, text, &w->image);
	run_image(w, r);
}

/* ------------------------------------------------------------ programs */

static bool as_expected(const struct program *p,
			const struct interp_result *r)
{
	if (p->trap)
		return r->trap && strstr(r->trap, p->trap);
	return !r->trap && r->verdict == p->verdict &&
	       r->slot == (p->selects ? (uint32_t)FIXTURE_SOCKET :
			   (uint32_t)INTERP_NO_SOCKET);
}

static void programs_run_or_trap(void **state)
{
	struct world *w = *state;
	struct interp_result r;
	unsigned int wrong = 0;

	for (size_t i = 0; i < nprograms; i++) {
		run(w, programs[i].text, &r);
		if (as_expected(&programs[i], &r))
			continue;
		wrong++;
		print_error("%sshould %s, but: %s, verdict %u, slot %d\n",
			    programs[i].text,
			    programs[i].trap ? programs[i].trap : "run",
			    r.trap ? r.trap : "it runs", r.verdict,
			    (int)r.slot);
	}
	assert_int_equal(wrong, 0);
}

/* A trap is told again in each run, and none is left from the last one. */
static void a_program_runs_again(void **state)
{
	struct world *w = *state;
	struct interp_result r;

	run(w, "w0 = *(u32 *)(r1 + 8)\n w0 -= 9\n exit\n", &r);
	assert_string_equal(r.trap, "instruction 2: the verdict is 4294967289");
	assert_int_equal(r.at, 2);
	assert_int_equal(r.steps, 3);
	w->packet.family = 6;
	interp_run(&w->interp, &w->packet, &r);
	assert_null(r.trap);
	assert_int_equal(r.verdict, 1);
	run(w, "w0 = 1\n exit\n w0 = 2\n exit\n", &r);
	interp_run(&w->interp, &w->packet, &r);
	assert_string_equal(r.trap, "instruction 2: no way leads here");
	assert_int_equal(r.at, 2);
	assert_int_equal(r.steps, 0);
}

/* ---------------------------------------------------------- operations */

static void must_pass(void *ctx, const char *text)
{
	struct world *w = ctx;
	struct interp_result r;

	run(w, text, &r);
	if (r.trap || r.verdict != 1)
		print_error("%s\n", text);
	assert_null(r.trap);
	assert_int_equal(r.verdict, 1);
	for (size_t i = 0; i < w->image.ninsns; i++)
		w->run[w->image.insns[i].code] = true;
}

static void operations_mean_what_they_should(void **state)
{
	struct world *w = *state;

	each_operation(must_pass, w);
	must_pass(w, "call 5\n w0 = 0\n goto l\nm: exit\n"
		  "l: w0 = 1\n gotol m\n");
	for (size_t i = 0; i < nopcodes; i++)
		if (!w->run[opcodes[i].code])
			fail_msg("never run: %s", opcodes[i].pattern);
}

/* ------------------------------------------------------------- context */

static bool may_be_read(int off, int size)
{
	static const struct {
		int off, size;
	} fields[] = {
		{ 8, 4 }, { 12, 4 }, { 16, 4 }, { 20, 4 }, { 24, 4 },
		{ 28, 4 }, { 32, 4 }, { 36, 2 }, { 40, 4 }, { 44, 4 },
		{ 48, 4 }, { 52, 4 }, { 56, 4 }, { 60, 4 }, { 64, 4 },
	};

	if (size == 8)
		return off == 0;
	if (size == 4 && off == 36)
		return true;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (off >= fields[i].off && off % size == 0 &&
		    off + size <= fields[i].off + fields[i].size)
			return true;
	return false;
}

static void every_read_of_the_context(void **state)
{
	struct world *w = *state;
	struct interp_result r;
	char text[80];

	for (int size = 1; size <= 8; size *= 2)
		for (int off = -16; off <= 88; off++) {
			snprintf(text, sizeof(text),
				 "r2 = *(u%d *)(r1 %c %d)\n w0 = 1\n exit\n",
				 size * 8, off < 0 ? '-' : '+', abs(off));
			run(w, text, &r);
			if (!r.trap != may_be_read(off, size))
				fail_msg("%s%s", text, r.trap ? r.trap :
					 "runs");
		}
}

static void the_context_of_a_packet(void **state)
{
	static const char ip4[] =
		"tcp 203.0.113.9:50000 -> 192.0.2.1:443";
	static const char ip6[] =
		"udp [2001:db8::9]:258 -> [fe80::102:304]:53 on 7";
	static const uint8_t bytes4[72] = {
		[8] = 2, [12] = 6, [16] = 203, 0, 113, 9,
		[36] = 0xc3, 0x50, [40] = 192, 0, 2, 1, [60] = 0xbb, 1,
	};
	static const uint8_t bytes6[72] = {
		[8] = 10, [12] = 17, [20] = 0x20, 1, 0xd, 0xb8, [35] = 9,
		[36] = 1, 2, [44] = 0xfe, 0x80, [56] = 1, 2, 3, 4,
		[60] = 53, [64] = 7,
	};
	uint8_t ctx[72];
	struct packet p;
	char error[PACKET_ERROR_MAX];

	(void)state;
	assert_true(packet_parse(ip4, strlen(ip4), &p, error));
	interp_context(&p, ctx);
	assert_memory_equal(ctx, bytes4, sizeof(ctx));
	assert_true(packet_parse(ip6, strlen(ip6), &p, error));
	interp_context(&p, ctx);
	assert_memory_equal(ctx, bytes6, sizeof(ctx));
}

/* --------------------------------------------------- seen from outside */

static const char counting[] =
	"w1 = 1\n *(u32 *)(r10 - 4) = w1\n r1 = counters ll\n"
	"r2 = r10\n r2 += -4\n call 1\n if r0 == 0 goto l\n"
	"r1 = *(u64 *)(r0 + 8)\n r1 += 3\n *(u64 *)(r0 + 8) = r1\n"
	"w0 = w1\n w0 &= 1\n exit\nl: w0 = 0\n exit\n";

static void counters_are_counted(void **state)
{
	struct world *w = *state;
	struct interp_result r;

	run(w, counting, &r);
	assert_null(r.trap);
	assert_int_equal(r.verdict, 1);
	interp_run(&w->interp, &w->packet, &r);
	assert_int_equal(r.verdict, 0);
	assert_int_equal(w->counters[1].missing, 6);
	w->counters[1].missing = 0;
	for (size_t i = 0; i < sizeof(w->counters); i++)
		assert_int_equal(((uint8_t *)w->counters)[i], 0);
	w->interp.counters = NULL;	/* nobody counts: each run from 0 */
	for (int i = 0; i < 3; i++) {
		interp_run(&w->interp, &w->packet, &r);
		assert_null(r.trap);
		assert_int_equal(r.verdict, 1);
	}
}

static void events_are_sent(void **state)
{
	struct world *w = *state;
	struct interp_result r;

	run(w, "r1 = events ll\n r2 = 64\n r3 = 0\n call 131\n"
	    "if r0 == 0 goto full\n r1 = -1\n r2 = r0\n w3 = 0\n"
	    "l: *(u64 *)(r2 + 0) = r1\n r2 += 8\n w3 += 1\n"
	    "if w3 != 8 goto l\n *(u16 *)(r0 + 22) = 443\n"
	    "r1 = r0\n r2 = 0\n call 132\n w0 = 1\n exit\n"
	    "full: w0 = 0\n exit\n", &r);
	assert_null(r.trap);
	assert_int_equal(r.verdict, 1);
	assert_int_equal(w->nevents, 1);
	assert_int_equal(w->event.local_port, 443);
	assert_int_equal(w->event.remote_port, 0xffff);
	assert_int_equal(w->event.unused2, 0xffffffff);
	w->interp.events_full = true;
	interp_run(&w->interp, &w->packet, &r);
	assert_null(r.trap);
	assert_int_equal(r.verdict, 0);
	assert_int_equal(w->nevents, 1);
	run(w, "r1 = events ll\n r2 = 64\n r3 = 0\n call 131\n"
	    "w0 = 1\n exit\n", &r);	/* there is none, but who knows? */
	assert_string_equal(r.trap,
			    "instruction 6: an event is not submitted");
}

/* The program's verdict: whether it was told 0. */
static void events_are_sent_at_once(void **state)
{
	struct world *w = *state;
	struct interp_result r;

	run(w, "r2 = r10\n w3 = 0\nl: r2 += -8\n *(u64 *)(r2 + 0) = r3\n"
	    "w3 += 1\n if w3 != 8 goto l\n r1 = events ll\n r3 = 64\n"
	    "r4 = 0\n call 130\n w1 = 1\n if r0 == 0 goto m\n w1 = 0\n"
	    "if r0 == -11 goto m\n w1 = 2\nm: w0 = w1\n exit\n", &r);
	assert_null(r.trap);
	assert_int_equal(r.verdict, 1);
	assert_int_equal(w->nevents, 1);
	assert_int_equal(w->event.time, 7);
	assert_int_equal(w->event.rule, 6);
	assert_int_equal(w->event.ifindex, 5);
	w->interp.events_full = true;
	interp_run(&w->interp, &w->packet, &r);
	assert_null(r.trap);
	assert_int_equal(r.verdict, 0);
	assert_int_equal(w->nevents, 1);
	w->interp.events_full = false;
	w->interp.event = NULL;
	interp_run(&w->interp, &w->packet, &r);
	assert_null(r.trap);
	assert_int_equal(r.verdict, 1);
}

static void a_socket_is_refused(void **state)
{
	struct world *w = *state;
	struct interp_result r;

	run(w, "r6 = r1\n w1 = 1\n *(u32 *)(r10 - 4) = w1\n"
	    "r1 = sockets ll\n r2 = r10\n r2 += -4\n call 1\n"
	    "if r0 == 0 goto l\n r9 = r0\n r1 = r6\n r2 = r0\n r3 = 2\n"
	    "call 124\n r8 = r0\n r1 = r9\n call 86\n w0 = 1\n"
	    "if r8 == 0 goto m\nl: w0 = 0\nm: exit\n", &r);
	assert_null(r.trap);
	assert_int_equal(r.verdict, 1);
	assert_int_equal(r.slot, FIXTURE_SOCKET);
	assert_int_equal(r.flags, 2);
	w->refuse = -ESOCKTNOSUPPORT;
	interp_run(&w->interp, &w->packet, &r);
	assert_null(r.trap);
	assert_int_equal(r.verdict, 0);
	assert_int_equal(r.slot, INTERP_NO_SOCKET);
}

/* -------------------------------------------------------------- random */

static bool goes_straight_on(const struct opcode *op)
{
	return !opcode_has(op->pattern, "lL") &&
	       op->code != (BPF_JMP | BPF_EXIT);
}

/* Mostly to run on: numbers where numbers are due, and pointers. */
static void tame(struct bpf_insn *i)
{
	static const uint8_t numbers[] = { 0, 4, 5, 8, 9 };
	static const uint8_t pointers[] = { 1, 2, 3, 6, 7, 10 };
	uint8_t class = BPF_CLASS(i->code), op = BPF_OP(i->code);
	bool store = class == BPF_ST || class == BPF_STX;
	bool alu = class == BPF_ALU || class == BPF_ALU64;

	if (store || class == BPF_LDX)
		i->off &= random_below(4) ? 0x38 : 0x7f;
	if (store && i->dst_reg && i->dst_reg < 10)
		i->dst_reg = pointers[i->dst_reg % 6] & 15;
	if (class == BPF_LDX)
		i->src_reg = pointers[i->src_reg % 6] & 15;
	if (i->dst_reg == BPF_REG_10 || (random_below(8) && !store))
		i->dst_reg = numbers[i->dst_reg % 5] & 15;
	if (random_below(8) && class != BPF_LDX && BPF_SRC(i->code) == BPF_X)
		i->src_reg = numbers[i->src_reg % 5] & 15;
	if (alu && BPF_SRC(i->code) == BPF_K &&
	    (op == BPF_DIV || op == BPF_MOD || op == BPF_LSH ||
	     op == BPF_RSH || op == BPF_ARSH))
		i->imm = 7;
}

/* Puts BEFORE in front of what is in the image, and `exit` at its end. */
static void frame(struct world *w, const char *before)
{
	struct image inner = w->image, *m = &w->image;
	const struct bpf_insn *first;
	size_t n;

	fixture_image(&w->arena, before, m);
	n = m->ninsns;
	first = m->insns;
	m->insns = arena_array(&w->arena, n + inner.ninsns + 1,
			       sizeof(*m->insns));
	m->relocs = arena_array(&w->arena, inner.nrelocs + 1,
				sizeof(*m->relocs));
	memcpy(m->insns, first, n * sizeof(*m->insns));
	memcpy(m->insns + n, inner.insns,
	       inner.ninsns * sizeof(*m->insns));
	m->ninsns = n + inner.ninsns;
	for (size_t i = n; i < m->ninsns; i++)
		if (m->insns[i].code)	/* no second half */
			tame(&m->insns[i]);
	m->insns[m->ninsns++].code = BPF_JMP | BPF_EXIT;
	for (size_t i = 0; i < inner.nrelocs; i++) {
		m->relocs[i] = inner.relocs[i];
		m->relocs[i].insn += (uint32_t)n;
		m->relocs[i].offset %= 16;
	}
	m->nrelocs = inner.nrelocs;
}

/* Nothing is asserted but that nothing breaks: ASan is who looks. */
static void random_instructions_only_trap(void **state)
{
	static const char before[] =
		"r6 = r1\n r2 = r10\n r3 = r10\n r3 += -256\n r4 = 4\n"
		"r5 = 0x7fffffffffffffff ll\n r0 = -8\n r7 = r10\n"
		"r7 += -8\n r8 = 1\n r9 = -64\n"
		"*(u64 *)(r10 - 8) = 0\n";
	struct world *w = *state;
	struct interp_result r;
	size_t trapped = 0, steps = 0;

	for (int i = 0; i < 20000; i++) {
		random_image(&w->arena, 12, goes_straight_on, &w->image);
		frame(w, before);
		run_image(w, &r);
		trapped += r.trap != NULL;
		steps += r.steps;
		if (i % 1000 == 999) {
			arena_free(&w->arena);
			arena_init(&w->arena, NULL);
		}
	}
	print_message("%zu runs trapped, %zu steps\n", trapped, steps);
	assert_true(trapped < 20000);
	assert_true(steps > 20000 * (12 + 3));
}

static void random_bytes_are_refused(void **state)
{
	struct world *w = *state;
	struct interp_result r;

	for (int i = 0; i < 20000; i++) {
		size_t n = 1 + random_below(6);
		struct bpf_insn insns[6];
		struct image_reloc reloc = { .insn = random_below(8),
			.map = (uint8_t)random_below(IMAGE_MAPS + 2),
			.offset = random_below(64) };

		for (size_t k = 0; k < sizeof(insns); k++)
			((uint8_t *)insns)[k] = (uint8_t)random_below(
				random_below(2) ? 2 : 256);
		w->image = (struct image) { .insns = insns, .ninsns = n,
			.relocs = &reloc, .nrelocs = random_below(2) };
		run_image(w, &r);
		assert_non_null(r.trap);
	}
}

static void half_an_instruction_and_none(void **state)
{
	struct world *w = *state;
	struct bpf_insn half = { .code = BPF_LD | BPF_IMM | BPF_DW };
	struct interp_result r;

	w->image = (struct image) { .insns = &half, .ninsns = 1 };
	run_image(w, &r);
	assert_string_equal(r.trap, "instruction 0: an unknown instruction");
	w->image = (struct image) { 0 };
	run_image(w, &r);
	assert_string_equal(r.trap,
			    "instruction 0: the program has no end here");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(programs_run_or_trap),
		TEST(a_program_runs_again),
		TEST(operations_mean_what_they_should),
		TEST(every_read_of_the_context),
		TEST(the_context_of_a_packet),
		TEST(counters_are_counted),
		TEST(events_are_sent),
		TEST(events_are_sent_at_once),
		TEST(a_socket_is_refused),
		TEST(random_instructions_only_trap),
		TEST(random_bytes_are_refused),
		TEST(half_an_instruction_and_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
