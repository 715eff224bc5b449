/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mutate - the proof against single mutations of good programs
 *
 * In: small policies at every -O. Each mutation changes one offset, immediate,
 * cell of a table, opcode or register. Out: 0 when each mutant is either
 * refused by the proof with a witness that really differs, as the interpreter
 * and the rules say, or does the same as the good program with all packets, as
 * explore.h shows without the proof. One in OPEN_PART may be refused without
 * either being shown. A mutant that some packet makes trap
 * differs: the kernel would refuse it. SKPOL_MUTANTS and SKPOL_MUTATE_SEED say
 * how many, and from where.
 */
#include <assert.h>
#include <endian.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../compiler/compile.h"
#include "../../compiler/eval.h"
#include "../../compiler/opcode.h"
#include "../random/world.h"
#include "explore.h"
#include "policies.h"

enum { MUTANTS = 1000, BOXES = 3000000, FEW_BOXES = 20000, LEVELS = 3,
       REASONS = 32, OPEN_PART = 200, INTERFACES = 3 };

struct good {
	struct compiled c;
	struct eval *eval;
};

struct tally {
	unsigned int witness, traps, proved, refused, wrong;
	unsigned int found;	/* of those with a witness, by exploring */
	unsigned int open;	/* refused, and nothing could be shown */
	uint64_t boxes;
	struct {
		char *why;
		unsigned int n;
	} reasons[REASONS];
};

struct mutant {
	const struct good *good;
	struct image image;	/* as compiled but for the mutation */
	char what[160];
};

/* ---------------------------------------------------------- mutations */

static int32_t other_number(struct random *r, int32_t old)
{
	static const int32_t favourites[] = { 0, 1, -1, 2, 80, 443, 65535 };
	uint32_t how = random_below(r, 10);

	if (how < 3)
		return (int32_t)((uint32_t)old + 1);
	if (how < 6)
		return (int32_t)((uint32_t)old - 1);
	if (how < 9)
		return (int32_t)((uint32_t)old ^ 1u << random_below(r, 32));
	return favourites[random_below(r, 7)];
}

static bool is_jump(const struct bpf_insn *i)
{
	return (BPF_CLASS(i->code) == BPF_JMP ||
		BPF_CLASS(i->code) == BPF_JMP32) &&
	       BPF_OP(i->code) != BPF_CALL && BPF_OP(i->code) != BPF_EXIT;
}

static void mutate_offset(struct random *r, struct image *m, struct bpf_insn *i)
{
	int64_t at = i - m->insns;

	if (is_jump(i) && random_chance(r, 30))
		i->off = (__s16)(random_below(r, (uint32_t)m->ninsns) - at - 1);
	else if (BPF_CLASS(i->code) == BPF_LDX && random_chance(r, 60))
		i->off = (__s16)(i->off + (random_chance(r, 50) ? 4 : -4));
	else
		i->off = (__s16)other_number(r, i->off);
}

static void mutate_opcode(struct random *r, struct bpf_insn *i)
{
	if (random_chance(r, 50))
		i->code ^= (__u8)(1u << random_below(r, 8));
	else if (random_chance(r, 50))
		i->code = (__u8)((i->code & 0x0f) | random_below(r, 16) << 4);
	else
		i->code = opcodes[random_below(r, (uint32_t)nopcodes)].code;
}

static void mutate_register(struct random *r, struct bpf_insn *i)
{
	if (random_chance(r, 50))
		i->dst_reg = (__u8)random_below(r, 11) & 15;
	else
		i->src_reg = (__u8)random_below(r, 11) & 15;
}

/* What the runtime writes is not the program's. */
static void mutate_cell(struct random *r, struct image *m)
{
	const struct image_variable *v =
		&m->variables[random_below(r, (uint32_t)m->nvariables)];
	uint8_t *at;
	uint32_t cell;

	if (v->size < 4 || !strcmp(v->name, "skpol_slots") ||
	    !strcmp(v->name, "skpol_interfaces") ||
	    !strncmp(v->name, "bpf_metadata_", 13))
		return;
	at = m->rodata + v->offset + random_below(r, v->size / 4) * 4;
	memcpy(&cell, at, 4);
	cell = (uint32_t)other_number(r, (int32_t)cell);
	memcpy(at, &cell, 4);
}

static const char *mutate(struct random *r, struct image *m)
{
	struct bpf_insn *i = &m->insns[random_below(r, (uint32_t)m->ninsns)];

	switch (random_below(r, 5)) {
	case 0:
		mutate_offset(r, m, i);
		return "offset";
	case 1:
		i->imm = other_number(r, i->imm);
		return "immediate";
	case 2:
		mutate_cell(r, m);
		return "cell";
	case 3:
		mutate_opcode(r, i);
		return "opcode";
	default:
		mutate_register(r, i);
		return "register";
	}
}

static void *copy(struct arena *a, const void *v, size_t size)
{
	return memcpy(arena_alloc(a, size + 1), v, size);
}

static struct image copy_image(struct arena *a, const struct image *m)
{
	struct image n = *m;

	n.insns = copy(a, m->insns, m->ninsns * sizeof(*m->insns));
	n.rodata = copy(a, m->rodata, m->rodata_size);
	return n;
}

static bool is_changed(const struct image *x, const struct image *y)
{
	return memcmp(x->insns, y->insns, x->ninsns * sizeof(*x->insns)) ||
	       memcmp(x->rodata, y->rodata, x->rodata_size);
}

static unsigned long long bits_of(const struct bpf_insn *i)
{
	uint64_t v;

	memcpy(&v, i, 8);
	return htobe64(v);
}

static void describe_cell(struct mutant *m, unsigned int level)
{
	const struct image *old = m->good->c.image;
	size_t at = 0, v = 0;
	uint32_t x, y;

	while (!memcmp(old->rodata + at, m->image.rodata + at, 4))
		at += 4;
	while (v + 1 < old->nvariables && old->variables[v + 1].offset <= at)
		v++;
	memcpy(&x, old->rodata + at, 4);
	memcpy(&y, m->image.rodata + at, 4);
	snprintf(m->what, sizeof(m->what), "%s at -O%u: %s + %zu, %#x to %#x",
		 m->good->c.policy->name, level, old->variables[v].name,
		 at - old->variables[v].offset, x, y);
}

/* Where it was changed, for a person. */
static void describe(struct mutant *m, const char *kind, unsigned int level)
{
	const struct image *old = m->good->c.image;
	size_t at = 0;

	while (at < old->ninsns && !memcmp(&old->insns[at],
					   &m->image.insns[at], 8))
		at++;
	if (at == old->ninsns) {
		describe_cell(m, level);
		return;
	}
	snprintf(m->what, sizeof(m->what), "%s at -O%u: %s, instruction %zu "
		 "of %zu, %016llx to %016llx", m->good->c.policy->name, level,
		 kind, at, old->ninsns, bits_of(&old->insns[at]),
		 bits_of(&m->image.insns[at]));
}

/* ---------------------------------------------------------- the judges */

/* Names get numbers. */
static void number_interfaces(struct image *m, const uint32_t *numbers)
{
	const struct image_variable *v = image_variable(m,
							"skpol_interfaces");

	for (uint32_t i = 0; i < m->ninterfaces; i++)
		memcpy(m->rodata + v->offset + 4 * i, &numbers[i], 4);
}

static bool wrong(struct tally *t, const struct mutant *m, const char *why)
{
	fprintf(stderr, "%s: %s\n", m->what, why);
	t->wrong++;
	return false;
}

/* It was refused, so nobody is harmed, but a few must do. */
static void unshown(struct tally *t, const struct mutant *m, const char *why)
{
	fprintf(stderr, "%s: %s\n", m->what, why);
	t->open++;
}

static void reason(struct tally *t, const char *why)
{
	const char *text = strstr(why, ": ");
	unsigned int i = 0;

	text = text ? text + 2 : why;
	while (i + 1 < REASONS && t->reasons[i].why &&
	       strcmp(t->reasons[i].why, text))
		i++;
	if (!t->reasons[i].why)
		t->reasons[i].why = strdup(text);
	t->reasons[i].n++;
}

/* The rules' own word on the packet of a witness. */
struct rules {
	const struct policy *p;
	const struct world_answers *w;
	unsigned int kind;
};

static bool absent(void *ctx, const struct ast_socket *s)
{
	const struct rules *r = ctx;

	for (size_t i = 0; i < r->p->nsockets; i++) {
		uint32_t slot = r->p->sockets[i].slot[r->kind];

		if (r->p->sockets[i].ast != s || slot == NO_SLOT)
			continue;
		for (int k = 0; k < IMAGE_PLACES; k++)
			if (r->w->places[slot][k] == SHADOW_TAKEN)
				return false;
		return true;
	}
	return false;
}

static const char *verdict_of(const struct policy *p,
			      const struct outcome_of *o)
{
	if (!o->verdict)
		return "drop";
	for (size_t i = 0; i < p->nsockets; i++)
		for (int k = 0; k < SLOT_KINDS; k++)
			if (o->slot != SHADOW_NO_SLOT &&
			    p->sockets[i].slot[k] ==
			    o->slot % IMAGE_SLOTS_MAX)
				return p->sockets[i].name;
	return "pass";
}

static bool rules_agree(const struct good *g, const struct packet *k,
			const struct world_answers *w,
			const struct outcome_of *o)
{
	struct rules r = { g->c.policy, w, SLOT_KIND(k->family == 6,
				k->protocol == PACKET_UDP) };
	struct eval_result e = eval_packet_without(g->eval, k, absent, &r);
	const char *got = verdict_of(g->c.policy, o);

	if (strcmp(e.verdict, got))
		fprintf(stderr, "the rules say %s, the good program %s\n",
			e.verdict, got);
	return !strcmp(e.verdict, got);
}

static uint8_t said(int answer)
{
	uint8_t e = 0;

	if (answer == PROVE_TAKEN)
		return SHADOW_TAKEN;
	if (answer == PROVE_ABSENT)
		return SHADOW_EMPTY;
	while (shadow_errors[e] != answer)
		e++;
	return SHADOW_REFUSED + e;
}

/* Slots by what the witness says of the sockets that the rules name. */
static void answers_of(const struct policy *p, const struct prove_result *r,
		       struct world_answers *w)
{
	const struct outcome *o;
	u128 v[FIELD_COUNT];
	uint32_t at = 0;

	memset(w, 0, sizeof(*w));
	w->full = r->events_full;
	policy_packet_fields(p, &r->witness, v);
	w->listener = r->listener;
	o = &p->outcomes[policy_action_outcome(p, policy_clause(p, v)->action,
					       v)];
	for (uint32_t i = 0; i < o->nsteps; i++) {
		uint32_t slot = p->sockets[o->steps[i].socket].slot[
			SLOT_KIND(v[FIELD_FAMILY], v[FIELD_PROTOCOL])];

		for (int k = 0; slot != NO_SLOT && k < IMAGE_PLACES; k++, at++)
			w->places[slot][k] = at < r->nplaces ?
				said(r->places[at]) : SHADOW_TAKEN;
	}
}

/* The witness is one: the rules and the good program agree, the mutant not. */
static bool witness_holds(struct arena *a, struct tally *t,
			  const struct mutant *m, const struct prove_result *p)
{
	const struct good *g = m->good;
	struct image good = copy_image(a, g->c.image);
	struct image bad = copy_image(a, &m->image);
	struct world_answers w;
	struct outcome_of x, y;

	answers_of(g->c.policy, p, &w);
	number_interfaces(&good, p->interfaces);
	number_interfaces(&bad, p->interfaces);
	outcome_run(&good, interp_prepare(a, &good), &p->witness, &w, &x);
	outcome_run(&bad, interp_prepare(a, &bad), &p->witness, &w, &y);
	t->traps += !!y.trap;
	return rules_agree(g, &p->witness, &w, &x) && !outcome_same(&x, &y);
}

static void print_answers(const struct world_answers *w)
{
	for (int i = 0; i < SHADOW_PLACES; i++)
		if (w->places[i / IMAGE_PLACES][i % IMAGE_PLACES])
			fprintf(stderr, " slot %d place %d: %d",
				i / IMAGE_PLACES, i % IMAGE_PLACES,
				w->places[i / IMAGE_PLACES][i % IMAGE_PLACES]);
	fprintf(stderr, " every %d%s\n", (int)w->listener.every,
		w->full ? ", full" : "");
}

/*
 * The explorer knows nothing of the witness: it may not say of such a mutant
 * that it is the same.
 */
static void explore_witness(struct arena *a, struct tally *t,
			    const struct mutant *m,
			    const struct prove_result *p)
{
	struct image good = copy_image(a, m->good->c.image);
	struct image bad = copy_image(a, &m->image);
	struct explore_result e;

	number_interfaces(&good, p->interfaces);
	number_interfaces(&bad, p->interfaces);
	explore(a, &good, &bad, FEW_BOXES, &e);
	if (e.same)
		wrong(t, m, "there is a witness, but all packets are the same");
	t->found += e.differs;
}

/* Names of interfaces may have any numbers, or none: a few of each kind. */
static void explore_numbers(struct arena *a, const struct mutant *m,
			    struct explore_result *e)
{
	static const uint32_t numbers[][INTERFACES] = {
		{ 1, 2, 3 }, { 7, 6, 5 }, { INT32_MAX, 7, 1 },
		{ IMAGE_NO_INTERFACE, IMAGE_NO_INTERFACE, 7 },
	};
	size_t kinds = m->image.ninterfaces ?
		sizeof(numbers) / sizeof(*numbers) : 1;
	uint64_t boxes = 0;

	for (size_t i = 0; i < kinds && (!i || e->same); i++) {
		struct image good = copy_image(a, m->good->c.image);
		struct image bad = copy_image(a, &m->image);

		number_interfaces(&good, numbers[i]);
		number_interfaces(&bad, numbers[i]);
		explore(a, &good, &bad, BOXES, e);
		boxes += e->boxes;
	}
	e->boxes = boxes;
}

static void judge(struct arena *a, struct tally *t, struct mutant *m)
{
	struct prove_result p;
	struct explore_result e;
	bool ok = compiled_prove(&m->good->c, a, &m->image, &p);

	if (!ok && p.has_witness) {
		if (!witness_holds(a, t, m, &p))
			wrong(t, m, "the witness does not differ");
		explore_witness(a, t, m, &p);
		t->witness++;
		return;
	}
	explore_numbers(a, m, &e);
	t->boxes += e.boxes;
	if (e.differs) {
		char text[PACKET_TEXT_MAX];

		if (ok)
			wrong(t, m, "proved, but it differs");
		else
			unshown(t, m, "it differs, but there is no witness");
		fprintf(stderr, "\t%s; %s; %s;", ok ? "" : p.why,
			packet_print(&e.packet, text), e.why ? e.why : "");
		print_answers(&e.answers);
	} else if (!e.same) {
		if (ok)
			wrong(t, m, e.why);
		else
			unshown(t, m, e.why);
		fprintf(stderr, "\t%s\n", ok ? "proved" : p.why);
	} else if (ok) {
		t->proved++;
	} else {
		t->refused++;
		reason(t, p.why);
	}
}

/* --------------------------------------------------------------- begin */

static void begin(struct good *g, const char *text, unsigned int level)
{
	const char *shapes = strstr(text, "policy shapes-");
	struct compile_options o = {
		.optimize = level, .until = COMPILE_ALL, .name = "t.skl",
		.text = text, .size = strlen(text),
		.target = target_find("6.1"),
		.diagram_weight = strstr(text, "policy forest") ? 1 : 0,
		.all_data = strstr(text, "policy forest-data") ? 1 : 0,
		.products = strstr(text, "policy products") ? PRODUCTS_ALWAYS :
			PRODUCTS_USUAL,
		.tables_least = shapes ? 2 : 0,
		.tables_kind = shapes ?
			(uint8_t)atoi(shapes + strlen("policy shapes-")) : 0,
	};

	if (compile(&g->c, NULL, &o) || !g->c.image || !g->c.proof.ok) {
		diag_print(&g->c.diags, stderr, false);
		exit(1);
	}
	assert(g->c.image->ninterfaces <= INTERFACES);
	g->eval = eval_new(&g->c.arena, g->c.ast);
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static void one(struct tally *t, const struct good *g, unsigned int level,
		struct random *r)
{
	struct mutant m = { .good = g };
	const char *kind;
	jmp_buf exhausted;
	struct arena a;

	arena_init(&a, &exhausted);
	if (setjmp(exhausted))
		abort();
	do {
		m.image = copy_image(&a, g->c.image);
		kind = mutate(r, &m.image);
	} while (!is_changed(g->c.image, &m.image));
	describe(&m, kind, level);
	judge(&a, t, &m);
	arena_free(&a);
}

static void report(const struct tally *t, unsigned int mutants)
{
	printf("%u mutants: %u refused with a witness that differs (%u of "
	       "them are no program that a kernel takes; of %u exploring finds "
	       "a packet as well), %u proved and the "
	       "same for all packets, %u refused and the same for all packets, "
	       "%u refused and not decided; %llu boxes\n", mutants,
	       t->witness, t->traps, t->found, t->proved, t->refused, t->open,
	       (unsigned long long)t->boxes);
	for (int i = 0; i < REASONS && t->reasons[i].why; i++)
		printf("\t%4u the same, but refused: %s\n", t->reasons[i].n,
		       t->reasons[i].why);
}

int main(void)
{
	static struct good good[POLICIES][LEVELS];
	unsigned int mutants = (unsigned int)number_of("SKPOL_MUTANTS",
						       MUTANTS);
	struct random r = random_new(number_of("SKPOL_MUTATE_SEED", 1));
	struct tally t = { 0 };

	for (unsigned int i = 0; i < POLICIES * LEVELS; i++)
		begin(&good[i / LEVELS][i % LEVELS], policies[i / LEVELS],
		      i % LEVELS);
	for (unsigned int i = 0; i < mutants; i++) {
		unsigned int k = i % (POLICIES * LEVELS);

		one(&t, &good[k / LEVELS][k % LEVELS], k % LEVELS, &r);
	}
	report(&t, mutants);
	for (int i = 0; i < REASONS; i++)
		free(t.reasons[i].why);
	for (unsigned int i = 0; i < POLICIES * LEVELS; i++)
		compiled_free(&good[i / LEVELS][i % LEVELS].c);
	return t.wrong || t.open > mutants / OPEN_PART ? 1 : 0;
}
