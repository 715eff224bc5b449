/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * asker - one question to a policy, by three ways that share no code
 *
 * In: a packet. Out: "pass", "drop" or a socket's name. `rules` reads the
 * syntax tree (eval), `diagram` walks the diagram, `bytes` runs the program
 * that the kernel would be given. All sockets are there, and taken.
 */
#ifndef SKPOL_ASKER_H
#define SKPOL_ASKER_H

#include "compile.h"

enum ask_kind { ASK_RULES, ASK_DIAGRAM, ASK_BYTES };

struct asker;

/*
 * IMAGE may be another than C's (one read back from an object), and is needed
 * for ASK_BYTES only. Memory is C's arena's.
 */
struct asker *asker_new(struct compiled *c, enum ask_kind kind,
			  const struct image *image);
/* NULL when the bytes did what no program may do: *TRAP says what. */
const char *asker_ask(struct asker *e, const struct packet *p,
		       const char **trap);
bool asker_knows(const struct asker *e, const char *socket);

#endif
