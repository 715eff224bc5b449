/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explain_match - a packet asked about what is written (explain*.c only)
 *
 * In: one packet, and matches, sets and maps as the user wrote them. Out: the
 * first condition of a match that the packet misses, in words and with its
 * place; the entry of a map that holds the packet, and by which of its keys.
 */
#ifndef SKPOL_EXPLAIN_MATCH_H
#define SKPOL_EXPLAIN_MATCH_H

#include "policy.h"

/* What of a packet a set of elements is compared with. */
enum what { WHAT_LOCAL, WHAT_REMOTE, WHAT_LPORT, WHAT_RPORT, WHAT_ON, WHATS };

struct asked_set {
	const struct ast_set *ast;
	size_t stamp;		/* of the question that went through it */
	uint8_t known[WHATS];	/* 0 = not asked yet, 1 = outside, 2 = inside */
};

struct listing {		/* elements being gone through */
	const struct ast_elements *list;
	const struct ast_element *written;	/* NULL = the list itself */
};

struct inquiry {
	struct arena *a;
	const struct packet *k;
	struct asked_set *sets;	/* by name */
	size_t nsets, stamp;
	struct listing *todo;
	size_t todo_cap;
};

void inquiry_init(struct inquiry *q, struct arena *a, const struct ast *ast,
		const struct packet *k);

struct missed {
	struct place place;
	const char *because;	/* NULL = nothing is missed */
};

/* Of conditions in order of writing, those of M. */
struct missed match_missed(struct inquiry *q, const struct ast_match *m);

struct map_hit {
	const struct ast_entry *entry;	/* NULL = no entry holds the packet */
	const char *key;		/* "192.0.2.0/26 port 443", "default" */
};

struct map_hit map_entry(struct inquiry *q, const struct ast_map *map);
/* "local address 192.0.2.9, local port 80": what MAP is keyed by. */
const char *map_keys_text(struct inquiry *q, const struct ast_map *map);

/* "local port 443" */
const char *what_text(struct inquiry *q, enum what what);

/*
 * Goes through LIST and the sets it names, and calls TAKE for every element
 * that holds the packet, with the element of LIST it comes from; until TAKE
 * returns true, which is the result.
 */
typedef bool take_element(void *ctx, const struct ast_element *e,
			  const struct ast_element *written);
bool elements_holding(struct inquiry *q, const struct ast_elements *list,
		      enum what what, take_element *take, void *ctx);

#endif
