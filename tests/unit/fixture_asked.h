/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fixture_asked - a compiled policy, asked packet by packet
 *
 * Its bytes are interpreted, and must come to the slot of the first socket that
 * a linear search of the rules finds; or to none, and to the verdict it finds.
 */
#ifndef SKPOL_FIXTURE_ASKED_H
#define SKPOL_FIXTURE_ASKED_H

#include "../../compiler/compile.h"
#include "../../compiler/interp.h"

struct asked {
	struct compiled *c;
	struct interp interp;
	size_t packets, wrong;
};

void asked_begin(struct asked *a, struct compiled *c);
/* Counts K, and whether bytes and rules differ about it. */
void asked_packet(struct asked *a, const struct packet *k);
/* N packets, of no interface: fields at the ends of the sets of some rule, and
 * beside, most of them of one rule. */
void asked_ends(struct asked *a, uint32_t n);

/* Whether C's program is still proved, when bytes of it may have changed. It is
 * never too large for that. */
bool asked_proved(struct compiled *c);
/* The same, and what the proof says. */
bool asked_prove(struct compiled *c, struct prove_result *r);

/* Something else in *I: its number, its offset, what it does, or where to. */
enum { ASKED_CHANGES = 4 };
void asked_change(struct bpf_insn *i, size_t change);

/* The first variable of M whose name begins with NAME, or NULL. */
const struct image_variable *asked_variable(const struct image *m,
					    const char *name);

/* What C's program reads from V it reads from the same place behind TO. */
void asked_read_at(struct image *m, const struct image_variable *v,
		   uint32_t to);
/* The same, of a copy of V, with which .rodata ends; TO is none before its end. */
void asked_read_copy(struct compiled *c, const struct image_variable *v,
		     uint32_t to);

#endif
