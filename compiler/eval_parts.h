/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * eval_parts - what the files of the reference share (nobody else includes it)
 *
 * Sets (eval_set.c), maps (eval_map.c) and splits (eval_split.c) are made ready
 * when the first rule that names them is; the walk (eval.c) asks them about one
 * packet at a time.
 */
#ifndef SKPOL_EVAL_PARTS_H
#define SKPOL_EVAL_PARTS_H

#include "../grammar/arena.h"
#include "eval.h"

/* ------------------------------------------------------------- sets */

struct span {
	u128 low, high;
};

struct spans {
	/* By LOW. HIGH is the highest of this one and all before it: whether
	 * some span holds a value is seen at the last that begins below it. */
	struct span *v;
	size_t n, cap;
};

struct values {			/* the members of a set, of whatever kind */
	struct spans in4, in6, number;
	const char **names;	/* of interfaces, sorted */
	size_t nnames, names_cap;
};

struct known {			/* a declared name; one of the three is set */
	const char *name;
	const struct ast_socket *socket;
	const struct ast_set *set;
	const struct ast_map *map;
	const struct values *values;	/* of a set that was asked for */
	struct table *table;		/* of a map that was asked for */
	size_t stamp;			/* last list that took its elements */
};

struct eval {
	struct arena *arena;
	const struct ast *ast;
	struct known *known;		/* sorted by name */
	size_t nknown;
	size_t stamp;
	struct list_place *stack;	/* scratch of each_element() */
	size_t stack_cap;
	struct item *items;		/* of eval.c */
	size_t nitems, items_cap;
};

/* Never NULL: the tree is without errors. */
struct known *known_find(const struct eval *e, const char *name);

/*
 * Calls TAKE for each element of LIST, for a named set those of the set, each
 * set once: sets name sets as deep as the file is long.
 */
typedef void take_element(void *ctx, const struct ast_element *e);
void each_element(struct eval *e, const struct ast_elements *list,
		  take_element *take, void *ctx);

const struct values *values_of(struct eval *e, const struct ast_elements *l);
bool values_address(const struct values *v, unsigned int family, u128 a);
bool values_number(const struct values *v, uint32_t number);
bool values_interface(const struct values *v, const struct packet *p);

/* ------------------------------------------------------------- maps */

struct table *table_of(struct eval *e, const char *name);
const struct ast_map *table_map(const struct table *t);
/* The entry that P gets, be it the default one; or NULL. */
const struct ast_entry *table_find(const struct table *t,
				   const struct packet *p);

/* ------------------------------------------------------------ splits */

/* ENTRY is NULL, or the entry of MAP that the split is written in. */
struct cut *cut_new(struct arena *a, const char *identity,
		    const struct ast_verdict *v, const struct ast_map *map,
		    const struct ast_entry *entry);
/* Which of the shares P falls to. */
size_t cut_share(const struct cut *c, const struct packet *p);

#endif
