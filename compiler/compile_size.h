/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compile_size - how large a policy may become; private to compile*.c
 *
 * In: a policy and the user's limits. Out: one diagram, or a forest where one
 * would make too much code; or too-large, with the rules that cost most. And the
 * program that is made of them (compile_program.c).
 */
#ifndef SKPOL_COMPILE_SIZE_H
#define SKPOL_COMPILE_SIZE_H

#include "compile.h"

size_t size_max_instructions(const struct compile_options *o);
size_t size_max_tables(const struct compile_options *o);
/* About how many instructions the trees of a forest may have as code. */
size_t size_tree_code(const struct compile_options *o);

/* How much one diagram may weigh; and to be one where a forest can be made. */
size_t size_diagram(const struct compile_options *o);
size_t size_small_diagram(const struct compile_options *o);
/* c->diagram or c->forest; else too-large is reported, and false. */
bool size_build(struct compiled *c, const struct compile_options *o);
/* Whether rows of tables, and zones, are faster than the code of the forest. */
bool size_wants_rows(const struct compiled *c, const struct compile_options *o);
/* So many instructions that a forest may be faster: less code to be fetched. */
bool size_is_much(const struct compiled *c, const struct compile_options *o);
/* Whether a look-up misses many branches, or lines of the second cache. */
bool size_is_slow(const struct compiled *c);
/* Whether c->image is that, for NINSNS that a diagram takes. */
bool size_is_much_less(const struct compiled *c, size_t ninsns);
/* A forest in place of the diagram, where it may be smaller; or false. */
bool size_regrow(struct compiled *c);
/* A forest as that of all rules is, but for what is ANSWERED (hosts.h); or NULL. */
struct forest *size_forest(struct compiled *c, const struct compile_options *o,
			   const uint8_t *answered);

enum size_fault { SIZE_FITS, SIZE_INSTRUCTIONS, SIZE_TABLES };
/* Whether IPv4 is to be tables alone wherever it can be. */
bool size_forces_products(const struct compile_options *o);
/* So it is, or code is so much, or does not fit, that it had better be. */
bool size_wants_products(const struct compiled *c,
			 const struct compile_options *o,
			 enum size_fault fault);
void size_say(struct compiled *c, const struct compile_options *o,
	      enum size_fault fault);

/* compile_program.c: c->image, or too-large is reported. */
void program_generate(struct compiled *c, const struct compile_options *o);

#endif
