/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine - everything that can say a packet's verdict, in one table
 *
 * The differential tests ask all engines about the same packet and compare. An
 * engine that cannot take a policy, or cannot say for one packet, says so and
 * is left out. To add one: write it in a file of its own and list it in
 * ENGINES; the tests need no change.
 */
#ifndef SKPOL_TESTS_ENGINE_H
#define SKPOL_TESTS_ENGINE_H

#include <stdbool.h>
#include <stdio.h>

#include "../../compiler/diagram.h"
#include "../../grammar/arena.h"

/* A policy under test, as far as all engines share it. */
struct subject {
	struct arena arena;
	struct source_set sources;
	struct diags diags;
	const struct ast *ast;
	struct policy *policy;		/* NULL = rejected: see diags */
	struct diagram *diagram;	/* NULL = it would be too large */
};

struct question {
	struct packet packet;
	/* Bit i: the slots of socket number i (in order of declaration) are
	 * empty, so that `else` has something to do. */
	uint64_t absent;
	/* Bit i: its sockets are in a later place of their slots, as when the
	 * first member of a reuseport group has died. */
	uint64_t moved;
};

/* The place of the sockets of socket number I: IMAGE_PLACES = in none. */
uint32_t question_place(const struct question *q, size_t i);

struct answer {
	bool given;
	const char *verdict;	/* "pass", "drop" or the socket's name */
	int flags;		/* given to bpf_sk_assign; -1 = cannot tell */
	const struct ast_rule *rule;	/* NULL = cannot tell */
};

struct engine {
	const char *name;
	/* Its state, NULL when it cannot take the policy. */
	void *(*prepare)(struct subject *s);
	/* Fills in all but `given`; false when it cannot say. */
	bool (*ask)(void *state, const struct question *q, struct answer *a);
	void (*finish)(void *state);	/* NULL = nothing to give back */
};

/* In order; the first is what the others are held against. */
#define ENGINES(E)							     \
	E(rules)							     \
	E(clauses)							     \
	E(diagram)							     \
	E(bytes_0)							     \
	E(bytes_1)							     \
	E(bytes_2)							     \
	E(islands)							     \
	E(forest)							     \
	E(rows)								     \
	E(tables)							     \
	E(products)							     \
	E(kernel)

#define E(name) extern const struct engine engine_##name;
ENGINES(E)
#undef E

enum {
#define E(name) ENGINE_##name,
	ENGINES(E)
#undef E
	ENGINE_COUNT
};

/* Parses, resolves, builds the diagram; what it says is in S->diags. */
bool subject_open(struct subject *s, const char *text);
/* The same without the diagram. */
bool subject_read(struct subject *s, const char *text);
void subject_close(struct subject *s);

struct engines {		/* prepared for one policy */
	void *state[ENGINE_COUNT];
};

const char *engine_name(size_t i);
void engines_prepare(struct engines *e, struct subject *s);
/* Only those of MASK (1 << ENGINE_name). */
void engines_prepare_some(struct engines *e, struct subject *s, uint32_t mask);
void engines_finish(struct engines *e);
/* True when all that answered agree, on verdict, flags and rule. */
bool engines_ask(const struct engines *e, const struct question *q,
		 struct answer answers[ENGINE_COUNT]);
/* The packet, and which sockets are not there. */
void question_print(const struct question *q, const struct policy *p,
		    FILE *out);
void engines_print(const struct answer answers[ENGINE_COUNT],
		   const struct policy *p, FILE *out);

#endif
