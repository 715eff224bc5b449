/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trial - a policy asked about packets, in the kernel, attached to nothing
 *
 * In: an object, packets. Out: verdicts. Every slot gets a socket of its own
 * that listens where nobody can reach it; which one the program selects is
 * told by its SO_COOKIE. BPF_PROG_TEST_RUN takes no packet with an interface.
 */
#ifndef SKPOL_TRIAL_H
#define SKPOL_TRIAL_H

#include "../grammar/packet.h"
#include "handle.h"
#include "objfile.h"

struct trial;

int trial_open(struct skpol *s, const struct objfile *o, struct trial **out);
void trial_close(struct trial *t);

/* "pass", "drop" or a socket's name, valid until trial_close; or NULL. */
const char *trial_run(struct skpol *s, const struct trial *t,
		      const struct packet *p);
bool trial_knows(const struct trial *t, const char *socket);

#endif
