/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * eval - the reference: a dumb first-match walk over the syntax tree
 *
 * The oracle every other engine is compared with, so it shares no code with
 * resolve, iset or the diagram: it reads the tree as it is written, rule after
 * rule, and asks of each clause whether this packet satisfies it. Its only
 * liberty is to look a value up by bisection in a set that it has sorted
 * once. It expects a tree in which no error was reported.
 */
#ifndef SKPOL_EVAL_H
#define SKPOL_EVAL_H

#include "../grammar/ast.h"
#include "../grammar/packet.h"

struct arena;
struct eval;

struct eval *eval_new(struct arena *a, const struct ast *ast);

struct eval_result {
	const struct ast_rule *rule;	/* that decides; the default's too */
	const struct ast_entry *entry;	/* of a map verdict, or NULL */
	const char *verdict;	/* "pass", "drop", the first socket with a slot */
	uint8_t flags;		/* of that socket there: AST_REPLACE, ... */
};

struct eval_result eval_packet(struct eval *e, const struct packet *p);

/* The same when the slots of some sockets are empty: what `else` does. */
typedef bool eval_absent(void *ctx, const struct ast_socket *s);
struct eval_result eval_packet_without(struct eval *e, const struct packet *p,
				       eval_absent *absent, void *ctx);

#endif
