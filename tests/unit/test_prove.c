/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_prove - the proof holds for good bytes and for no others
 *
 * Every example and random policies are proved at every -O. Then single
 * mutations of the bytes: each is refused with a packet that really differs, or
 * no packet at the boundaries of the policy shows a difference. And a proof that
 * finds no memory says so.
 */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../compiler/compile.h"
#include "../../compiler/interp.h"
#include "../random/aim.h"
#include "../random/generate.h"

enum { POLICIES = 300, MUTANTS = 200, PACKETS = 2000 };

static bool compile_at(struct compiled *c, const char *path, const char *text,
		       unsigned int optimize)
{
	struct compile_options o = {
		.optimize = optimize, .until = COMPILE_ALL, .no_proof = true,
		.name = "t.skl", .text = text, .size = text ? strlen(text) : 0,
	};

	if (compile(c, path, &o))
		return false;
	if (c->image)
		return true;
	compiled_free(c);
	return false;
}

static void say(const char *what, unsigned int optimize,
		const struct prove_result *r)
{
	char packet[PACKET_TEXT_MAX];

	print_error("%s at -O%u: %s\n", what, optimize, r->why);
	if (r->has_witness)
		print_error("%s: rules %s, bytes %s\n",
			    packet_print(&r->witness, packet), r->rules,
			    r->bytes);
}

static bool proved(const char *path, const char *text, const char *what)
{
	bool ok = true;

	for (unsigned int o = 0; o <= 2; o++) {
		struct prove_result r;
		struct compiled c;

		if (!compile_at(&c, path, text, o))
			return true;
		if (!prove_image(&c.arena, c.policy, c.image, &r)) {
			say(what, o, &r);
			ok = false;
		}
		compiled_free(&c);
	}
	return ok;
}

static void examples(void **state)
{
	const char *source = getenv("srcdir");
	char pattern[4096];
	size_t failed = 0;
	glob_t g;

	(void)state;
	snprintf(pattern, sizeof(pattern), "%s/examples/*.skl",
		 source ? source : ".");
	assert_int_equal(glob(pattern, 0, NULL, &g), 0);
	for (size_t i = 0; i < g.gl_pathc; i++)
		failed += !proved(g.gl_pathv[i], NULL, g.gl_pathv[i]);
	globfree(&g);
	assert_int_equal(failed, 0);
}

static void random_policies(void **state)
{
	size_t failed = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= POLICIES; seed++) {
		struct arena a;
		char what[32];

		arena_init(&a, NULL);
		snprintf(what, sizeof(what), "seed %u", (unsigned int)seed);
		failed += !proved(NULL, generate_policy(&a, seed, 0), what);
		arena_free(&a);
	}
	assert_int_equal(failed, 0);
}

/* ------------------------------------------------------------- mutations */

/* One offset, immediate or cell; false when nothing was changed. */
static bool mutate(struct random *r, struct image *m)
{
	uint32_t i = random_below(r, (uint32_t)m->ninsns);
	struct bpf_insn *k = &m->insns[i];
	bool jump = BPF_CLASS(k->code) == BPF_JMP ||
		BPF_CLASS(k->code) == BPF_JMP32;
	int32_t by = random_chance(r, 50) ? 1 : -1;

	if (random_chance(r, 30)) {
		const struct image_variable *v =
			&m->variables[random_below(r,
					(uint32_t)m->nvariables)];
		uint32_t at;

		if (v->width == 1 || !v->size ||
		    !strcmp(v->name, "skpol_slots") ||
		    !strcmp(v->name, "skpol_interfaces"))
			return false;
		at = v->offset + random_below(r, v->size / 4) * 4;
		m->rodata[at] = (uint8_t)(m->rodata[at] + by);
		return true;
	}
	if (!k->code || BPF_CLASS(k->code) == BPF_LD)
		return false;
	if (jump && BPF_OP(k->code) <= BPF_JSLE &&
	    BPF_OP(k->code) != BPF_CALL && BPF_OP(k->code) != BPF_EXIT &&
	    random_chance(r, 50)) {
		k->off = (__s16)(k->off + by);
		return true;
	}
	if (BPF_SRC(k->code) == BPF_X)
		return false;
	k->imm = (__s32)((uint32_t)k->imm + (uint32_t)by);
	return true;
}

static void number_interfaces(struct image *m, const struct policy *p)
{
	const struct image_variable *v = image_variable(m,
							"skpol_interfaces");

	for (uint32_t i = 0; i < m->ninterfaces; i++) {
		uint32_t index = world_index(p->interfaces[i]);

		if (index)
			memcpy(m->rodata + v->offset + 4 * i, &index, 4);
	}
}

static bool same(const struct interp *x, const struct interp *y,
		 const struct packet *k)
{
	struct interp_result a, b;

	interp_run(x, k, &a);
	interp_run(y, k, &b);
	return !b.trap && a.verdict == b.verdict && a.slot == b.slot &&
	       a.flags == b.flags;
}

/* Packets that the two images treat differently, of PACKETS. */
static size_t differences(struct compiled *c, const struct image *good,
			  const struct image *bad, const struct packet *one)
{
	struct interp x = { .image = good }, y = { .image = bad };
	struct random r = random_new(7);
	struct aim *aim = aim_new(&c->arena, c->ast);
	size_t n = 0;

	x.program = interp_prepare(&c->arena, good);
	y.program = interp_prepare(&c->arena, bad);
	for (int i = 0; i < (one ? 1 : PACKETS); i++) {
		struct packet k;

		if (one)
			k = *one;
		else
			aim_packet(aim, &r, &k);
		n += !same(&x, &y, &k);
	}
	return n;
}

static struct image *copy(struct arena *a, const struct image *m)
{
	struct image *n = arena_alloc(a, sizeof(*n));

	*n = *m;
	n->insns = arena_array(a, m->ninsns, sizeof(*m->insns));
	memcpy(n->insns, m->insns, m->ninsns * sizeof(*m->insns));
	n->rodata = arena_array(a, m->rodata_size + 1, 1);
	memcpy(n->rodata, m->rodata, m->rodata_size);
	return n;
}

static void mutants(void **state)
{
	size_t caught = 0, shown = 0, equal = 0, missed = 0;
	struct random r = random_new(1);

	(void)state;
	for (uint64_t seed = 1; caught + equal + missed < MUTANTS; seed++) {
		struct compiled c;
		struct image *bad, *good;
		struct prove_result out;
		struct arena a;
		char *text;

		arena_init(&a, NULL);
		text = generate_policy(&a, seed % POLICIES + 1, 0);
		if (compile_at(&c, NULL, text, (unsigned int)(seed % 3))) {
			good = copy(&a, c.image);
			bad = copy(&a, c.image);
			if (mutate(&r, bad)) {
				bool ok = prove_image(&a, c.policy, bad,
						      &out);

				number_interfaces(good, c.policy);
				number_interfaces(bad, c.policy);
				if (!ok) {
					caught++;
					shown += out.has_witness;
				} else if (differences(&c, good, bad, NULL)) {
					size_t at = 0;

					while (at < bad->ninsns &&
					       !memcmp(&bad->insns[at],
						       &c.image->insns[at], 8))
						at++;
					print_error("seed %u at -O%u: a mutant "
						    "was proved, %zu of %zu\n",
						    (unsigned int)seed,
						    (unsigned int)(seed % 3),
						    at, bad->ninsns);
					missed++;
				} else {
					equal++;
				}
			}
			compiled_free(&c);
		}
		arena_free(&a);
	}
	print_message("%zu refused, %zu with a witness; %zu the same\n",
		      caught, shown, equal);
	assert_int_equal(missed, 0);
	assert_true(caught > MUTANTS / 2);
	assert_true(shown > caught / 2);
}

/* Two rules about each of many networks: their proof takes some mebibytes. */
static char *many_networks(void)
{
	enum { NETWORKS = 4000, LINE_MAX = 80 };
	char *text = malloc((size_t)NETWORKS * LINE_MAX), *to = text;

	to += sprintf(to, "policy t\nsocket a\nsocket b\n");
	for (int i = 0; i < NETWORKS; i++)
		to += sprintf(to, "to 10.%d.%d.0/24 port %d -> %s\n", i / 256,
			      i % 256, 1 + i, i % 3 ? "a" : "b");
	sprintf(to, "default -> drop\n");
	return text;
}

/* What this process has mapped, in bytes. */
static rlim_t mapped(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu", &pages), 1);
	fclose(f);
	return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static void no_memory(void **state)
{
	char *text = many_networks();
	struct rlimit old, small;
	struct prove_result r;
	struct compiled c;
	bool ok;

	(void)state;
#if defined(__SANITIZE_ADDRESS__)
	skip();		/* it maps terabytes itself */
#endif
	assert_true(compile_at(&c, NULL, text, 2));
	assert_int_equal(getrlimit(RLIMIT_AS, &old), 0);
	small = old;
	small.rlim_cur = mapped() + (1 << 20);
	assert_int_equal(setrlimit(RLIMIT_AS, &small), 0);
	ok = prove_image(&c.arena, c.policy, c.image, &r);
	assert_int_equal(setrlimit(RLIMIT_AS, &old), 0);
	assert_false(ok);
	assert_true(r.no_memory && !r.unproved && !r.has_witness);
	assert_true(prove_image(&c.arena, c.policy, c.image, &r));
	compiled_free(&c);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples),
		cmocka_unit_test(random_policies),
		cmocka_unit_test(mutants),
		cmocka_unit_test(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
