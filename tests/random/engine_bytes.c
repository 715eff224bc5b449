/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine_bytes - the compiled program, run by the interpreter
 *
 * In: the policy's text, compiled anew at -O0, -O1 and -O2, once with jumps that
 * reach so little that most need a relay, once with so little allowed to one
 * diagram that it becomes a forest, of code or of data, and once with tables
 * where a few compares would do. Out: the socket that the bytes assign, and
 * with which flags.
 */
#include <stdlib.h>
#include <string.h>

#include "../../compiler/compile.h"
#include "../../compiler/interp.h"
#include "engine.h"
#include "world.h"

enum { LARGE = 100000 };	/* bytes: no random policy */

struct bytes {
	struct compiled c;
	struct image image;
	struct interp interp;
	const struct question *q;
	uint32_t *socket;	/* by slot: its number */
};

static bool present(void *ctx, uint32_t index)
{
	struct bytes *b = ctx;

	uint32_t slot = index % IMAGE_SLOTS_MAX;

	return question_place(b->q, b->socket[slot]) ==
		index / IMAGE_SLOTS_MAX;
}

static void number_slots(struct bytes *b)
{
	const struct policy *p = b->c.policy;

	b->socket = arena_array(&b->c.arena, p->nslots + 1,
				sizeof(*b->socket));
	for (uint32_t i = 0; i < p->nsockets; i++)
		for (int k = 0; k < SLOT_KINDS; k++)
			if (p->sockets[i].slot[k] != NO_SLOT)
				b->socket[p->sockets[i].slot[k]] = i;
}

/* Every interface of this world that the policy names gets its index. */
static void name_interfaces(struct bytes *b)
{
	const struct image_variable *v = image_variable(&b->image,
							"skpol_interfaces");

	for (uint32_t i = 0; i < b->image.ninterfaces; i++) {
		uint32_t index = world_index(b->c.policy->interfaces[i]);

		if (index)
			memcpy(b->image.rodata + v->offset + 4 * i, &index, 4);
	}
}

static void finish(void *state)
{
	struct bytes *b = state;

	compiled_free(&b->c);
	free(b);
}

static bool proof_failed(const struct bytes *b)
{
	for (const struct diag *g = b->c.diags.first; g; g = g->next)
		if (g->id == DIAG_INTERNAL)
			return true;
	return false;
}

struct how {
	unsigned int optimize;
	uint32_t reach;
	size_t diagram_weight;
	bool all_data;
	uint8_t tables_kind;	/* 0 = what is cheapest */
	enum compile_products products;
};

static void *prepare(struct subject *s, struct how how)
{
	struct compile_options o = {
		.optimize = how.optimize, .reach = how.reach,
		.diagram_weight = how.diagram_weight,
		.all_data = how.all_data, .until = COMPILE_ALL,
		.tables_least = how.tables_kind ? 2 : 0,
		.tables_kind = how.tables_kind,
		.products = (uint8_t)how.products,
		.hosts_least = s->sources.files[0].size % 2,
		.name = "t.skl", .text = s->sources.files[0].text,
		.size = s->sources.files[0].size,
		/* one in eight is proved: the whole is to last minutes */
		.no_proof = s->sources.files[0].size % 8 != 0 &&
			s->sources.files[0].size < LARGE,
	};
	struct bytes *b = calloc(1, sizeof(*b));

	if (!b || compile(&b->c, NULL, &o)) {
		free(b);
		return NULL;
	}
	if (!b->c.image && !proof_failed(b)) {
		finish(b);
		return NULL;
	}
	if (!b->c.image)
		return b;
	b->image = *b->c.image;
	number_slots(b);
	name_interfaces(b);
	b->interp.image = &b->image;
	b->interp.program = interp_prepare(&b->c.arena, &b->image);
	b->interp.sockets.present = present;
	b->interp.sockets.ctx = b;
	return b;
}

static bool ask(void *state, const struct question *q, struct answer *a)
{
	struct bytes *b = state;
	struct interp_result r;

	a->verdict = "a program that is not proved";
	if (!b->c.image)
		return true;
	b->q = q;
	interp_run(&b->interp, &q->packet, &r);
	a->flags = -1;
	a->rule = NULL;
	if (r.trap)
		a->verdict = r.trap;
	else if (!r.verdict)
		a->verdict = "drop";
	else if (r.slot == INTERP_NO_SOCKET)
		a->verdict = "pass";
	else
		a->verdict = b->c.policy->sockets[
			b->socket[r.slot % IMAGE_SLOTS_MAX]].name;
	if (!r.trap && r.slot != INTERP_NO_SOCKET)
		a->flags = (int)r.flags;
	return true;
}

#define BYTES(name, level)						     \
static void *prepare_##name(struct subject *s)				     \
{									     \
	return prepare(s, (struct how){ .optimize = level });		     \
}									     \
const struct engine engine_##name = { #name, prepare_##name, ask, finish };

BYTES(bytes_0, 0)
BYTES(bytes_1, 1)
BYTES(bytes_2, 2)

/* One level after the other. */
static void *prepare_forest(struct subject *s)
{
	return prepare(s, (struct how){
		.optimize = (unsigned int)(s->sources.files[0].size % 3),
		.diagram_weight = 1,
	});
}

static void *prepare_rows(struct subject *s)
{
	return prepare(s, (struct how){
		.optimize = (unsigned int)(s->sources.files[0].size % 3),
		.diagram_weight = 1, .all_data = true,
	});
}

const struct engine engine_forest = { "forest", prepare_forest, ask, finish };
const struct engine engine_rows = { "rows", prepare_rows, ask, finish };

static void *prepare_tables(struct subject *s)
{
	size_t size = s->sources.files[0].size;

	return prepare(s, (struct how){
		.optimize = 2, .diagram_weight = size / 4 % 3 == 0,
		.tables_kind = (uint8_t)(1 + size % 11),
	});
}

const struct engine engine_tables = { "tables", prepare_tables, ask, finish };

/* Where there are none, it is what -O2 makes. */
static void *prepare_products(struct subject *s)
{
	return prepare(s, (struct how){
		.optimize = 2, .products = PRODUCTS_ALWAYS,
	});
}

const struct engine engine_products = { "products", prepare_products, ask,
					finish };

/* A large program has more ways than so small pools could hold. */
static void *prepare_islands(struct subject *s)
{
	static const uint32_t reaches[] = { 400, 2500, 10000 };
	void *state = NULL;

	for (int i = 0; i < 3 && !state; i++)
		state = prepare(s, (struct how){ .optimize = 1,
						 .reach = reaches[i] });
	return state;
}

const struct engine engine_islands = { "islands", prepare_islands, ask, finish };
