/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compile - the whole way: text to image
 *
 * In: a source file, options. Out: what each stage made, all in one arena, and
 * diagnostics. A stage after a reported error is not entered: its result is
 * NULL. Nothing is printed. When memory runs out, compile() returns -ENOMEM
 * and everything is freed.
 */
#ifndef SKPOL_COMPILE_H
#define SKPOL_COMPILE_H

#include <jansson.h>
#include <stdio.h>

#include "../grammar/arena.h"
#include "../grammar/ast.h"
#include "../grammar/diag.h"
#include "diagram.h"
#include "effect.h"
#include "forest.h"
#include "image.h"
#include "lower.h"
#include "policy.h"
#include "profile.h"
#include "prove.h"
#include "weight.h"

struct code;
struct progress;
struct rodata;

/* What is only parsed may be a part of a policy. */
enum compile_until { COMPILE_PARSED, COMPILE_RESOLVED, COMPILE_PROVED,
		     COMPILE_ALL };

/* Tables of IPv4 alone, see products.h: as usual, wherever they can be,
 * never. */
enum compile_products { PRODUCTS_USUAL, PRODUCTS_ALWAYS, PRODUCTS_NEVER };

struct compile_options {
	unsigned int optimize;		/* 0, 1, 2 */
	const struct target *target;	/* NULL = the oldest kernel that can */
	enum compile_until until;
	uint32_t reach;			/* of jumps; 0 = all (tests) */
	size_t max_instructions;	/* 0 = 1,000,000 */
	size_t max_tables;		/* bytes; 0 = 512 MiB */
	size_t diagram_weight;		/* of one diagram; 0 = default (tests) */
	bool all_data;			/* of trees, and no packed ranks (tests) */
	uint32_t tables_least;		/* see lower.h; 0 = as usual (tests) */
	uint8_t tables_kind;
	uint32_t hosts_least;		/* see hosts.h; 0 = as usual (tests) */
	uint8_t products;		/* enum compile_products (tests) */
	bool homes;			/* as many as can be, see lower.h (tests) */
	bool no_proof;			/* the bytes are not checked */
	bool no_lint;			/* rules are not checked for use */
	const struct profile *profile;	/* what rules are weighed by, or NULL */
	const char *name;		/* of TEXT; it includes from there */
	const char *text;		/* NULL = read PATH */
	size_t size;
	struct progress *progress;	/* said how far it is; or NULL */
	/* To measure: see struct lower_options. */
	void (*prologue)(void *ctx, struct code *c, struct rodata *r);
	void (*epilogue)(void *ctx, struct code *c);
	void *prologue_ctx;
	/* Before anything is reported: takes -W and --deny. */
	void (*prepare)(void *ctx, struct diags *d);
	void *ctx;
};

/* A kernel and what a program may use there. */
struct target {
	const char *name;		/* "5.10" */
	bool ifindex;			/* ingress_ifindex in the context, 5.17 */
	bool gotol;			/* 6.6, and Debian's 6.1 */
	size_t max_tables;		/* bytes of a map's value: before 6.0 no more
					 * than the kernel allocates in one piece */
};
/* NULL when there is none of that name. */
const struct target *target_find(const char *name);
const struct target *target_list(size_t *n);

/* What an image is made of, which need not be all rules. */
struct program {
	struct forest *trees;		/* of what hosts do not answer; or NULL */
	struct diagram *diagram;	/* the same; of IPv6 alone, where tables have
					 * IPv4 (products.h); or NULL: trees */
	const uint8_t *answered;	/* see hosts.h, where not all terms are in
					 * these; or NULL */
	struct forest_ranks *ranks;	/* of the trees, or NULL */
	bool weighed;			/* the trees are, by the profile */
	struct lower_report lowered;
	struct weight_gain gain;	/* by the profile */
};

struct compiled {
	struct arena arena;
	struct source_set sources;
	struct diags diags;
	const struct ast *ast;
	struct policy *policy;
	struct diagram *diagram;	/* of all rules, leaves are actions; or NULL */
	struct forest *forest;		/* and this, where one would be too large */
	const struct target *target;
	const struct target *oldest;	/* that takes its tables, too */
	struct effects *effects;
	struct program program;
	struct image *image;
	struct profile_match profile;	/* .hits NULL: there is none of use */
	struct prove_result proof;	/* .why NULL and not .ok: not tried */
};

/*
 * 0, or a negative errno when PATH cannot be read or memory ran out (then
 * nothing is left to free). Mistakes of the policy are in c->diags, with 0.
 */
int compile(struct compiled *c, const char *path,
	    const struct compile_options *o);
void compiled_free(struct compiled *c);

/* Proves the program M, C's or one that was changed, against C's policy; what it
 * says is A's (prove.h). */
bool compiled_prove(const struct compiled *c, struct arena *a,
		    const struct image *m, struct prove_result *out);

/* The manifest of what was compiled wholly: a new reference, or NULL. */
json_t *compile_manifest(struct compiled *c, const struct compile_options *o);
/* Takes what a manifest's "options" say, or NULL; no profile is in there. */
void compile_options_like(struct compile_options *o, const json_t *options);
/*
 * Its policy.o: 0 with malloc'ed bytes, or a negative errno (EINVAL: a fault
 * of ours) with a sentence in ERROR.
 */
int compile_object(struct compiled *c, const struct compile_options *o,
		   void **bytes, size_t *size, char error[256]);

#endif
