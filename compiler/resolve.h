/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resolve - what the files of the resolver share (nobody else includes this)
 *
 * The work is cut by what is resolved: names (resolve_name.c), products of
 * sets (resolve_term.c), sets and operands (resolve_set.c), matches
 * (resolve_match.c), verdicts (resolve_verdict.c), maps (mapkey.c and
 * resolve_map.c), splits (split.c), and the walk over the policy that ties
 * them (resolve.c). All report into one diags and go on; a part that was
 * reported is marked bad, and what depends on it says nothing more.
 */
#ifndef SKPOL_RESOLVE_H
#define SKPOL_RESOLVE_H

#include "../grammar/arena.h"
#include "policy.h"

/* ------------------------------------------------------------ names */

/* Bytes to number. Used for look-ups only, never walked: order is elsewhere. */
struct symtab {
	struct symtab_slot *slots;
	size_t n, nslots;
};
enum { SYMTAB_NONE = UINT32_MAX };

uint32_t symtab_find(const struct symtab *t, const void *key, size_t len);
/* VALUE, or what the key had before. */
uint32_t symtab_add(struct arena *a, struct symtab *t, const void *key,
		    size_t len, uint32_t value);

enum symbol_kind { SYMBOL_SOCKET, SYMBOL_SET, SYMBOL_MAP };

struct symbol {		/* sockets, sets and maps share one name space */
	enum symbol_kind kind;
	uint32_t index;		/* among its kind, in order of declaration */
	struct ast_name name;
	bool used;
};

/* ------------------------------------------------------------- sets */

enum set_use { USE_SET, USE_ADDRESS, USE_PORT, USE_ON };
enum rset_kind { RSET_EMPTY, RSET_ADDRESS, RSET_NUMBER, RSET_INTERFACE };

struct rset {		/* a resolved set; the isets are never NULL */
	enum rset_kind kind;
	bool bad;
	const struct iset *in4, *in6, *number, *name;
	const struct iset *not4, *not6;		/* made when first asked for */
	const struct ast_element *lowest, *highest;	/* of the numbers */
	bool said_port, said_index;	/* its range was complained about */
};

struct set_info {
	const struct ast_set *ast;
	enum { SET_NEW, SET_OPEN, SET_DONE } state;
	uint32_t stamp;		/* last map entry that took its members */
	struct rset set;
};

/* ---------------------------------------------------------- matches */

struct factor {			/* one clause of a match */
	struct terms terms;
	struct place place;
	const char *what;	/* "the local port" */
	bool keyword;		/* tcp, udp, ip4, ip6 */
	bool empty;		/* no packet, and no mistake */
};

enum { FACTOR_MAX = 9 };

struct context {		/* a resolved match, `when`s included */
	const struct context *outer;
	struct factor v[FACTOR_MAX];
	size_t n;
	struct terms terms;
	bool bad;		/* reported: ask nothing more of it */
	bool empty;		/* an empty set was named: no packet */
	const struct ast_match *const *whens;	/* those of the rules inside */
	size_t nwhens;
};

/* --------------------------------------------------------- verdicts */

struct rverdict {		/* a verdict, not yet of any rule */
	const struct ast_verdict *ast;
	const struct ast_entry *entry;	/* when of a map */
	const struct ast_map *map;
	bool bad;
	bool pass;		/* what follows the last step */
	struct step *steps;	/* of a split: what follows its shares */
	uint32_t nsteps;
	uint32_t *shares;	/* sockets, as many as ast->nshares; else NULL */
	uint8_t kinds;		/* mask of 1 << SLOT_KIND it does not waste */
};

struct map_group {		/* entries of equal right and verdict */
	uint32_t verdict;	/* index into map_info.verdicts */
	const struct ast_entry *first;
	struct terms terms;
};

struct map_info {
	const struct ast_map *ast;
	bool done, bad;
	struct rverdict *verdicts;
	size_t nverdicts, verdicts_cap;
	struct map_group *groups;
	size_t ngroups, groups_cap;
	uint32_t *entry_verdict;	/* by entry */
	uint8_t *entry_kinds;	/* by entry: packets its keys can hold */
	uint8_t asked;		/* kinds of packets its rules bring */
	uint8_t served;		/* kinds some entry has an answer for */
	bool said;		/* a rule that it never serves was reported */
};

enum { KINDS_ALL = 15 };

/* ----------------------------------------------------- the resolver */

struct resolver {
	struct arena *a;
	const struct ast *ast;
	struct diags *d;
	struct policy *p;

	struct symtab names;	/* to symbols */
	struct symbol *symbols;
	size_t nsymbols, symbols_cap;
	struct set_info *sets;
	struct map_info *maps;
	size_t nsets, nmaps;
	uint32_t stamp;

	struct symtab rule_names, interfaces, outcomes, actions;
	size_t rules_cap, interfaces_cap, clauses_cap, outcomes_cap;
	size_t actions_cap, expects_cap;

	const struct iset *bit[2];	/* {0}, {1}: a family, a protocol */
	struct terms every;		/* one term: any packet */

	struct step *steps;		/* scratch of verdict_read */
	size_t nsteps, steps_cap;
	uint32_t *words;		/* scratch of intern keys */
	size_t nwords, words_cap;
};

/* resolve_name.c */
void name_declare(struct resolver *r, enum symbol_kind kind, uint32_t index,
		  const struct ast_name *name);
/*
 * The symbol of NAME if it is of KIND, marked as used; else NULL after an
 * error. In place of a set, USE says what the set would be for.
 */
struct symbol *name_find(struct resolver *r, enum symbol_kind kind,
			 const char *text, const struct place *place,
			 enum set_use use);
void name_unused(struct resolver *r);
/* The number of an interface from 1 up, new if need be; 0 after an error. */
uint32_t name_interface(struct resolver *r, const struct ast_element *e);

/* resolve_term.c */
bool term_intersect(struct arena *a, const struct term *x,
		    const struct term *y, struct term *out);
struct terms terms_product(struct arena *a, const struct terms *x,
			   const struct terms *y);
void terms_add(struct arena *a, struct terms *t, const struct term *term);
uint8_t terms_kinds(const struct terms *t);	/* mask of 1 << SLOT_KIND */
uint32_t terms_fields(const struct terms *t);	/* mask of 1 << field */
/* NULL when S is all of 0..HIGHEST. */
const struct iset *term_set(const struct iset *s, u128 highest);

/* resolve_set.c */
/* The set of NAME when it fits USE, resolved; NULL after an error. */
struct set_info *set_find(struct resolver *r, const char *text,
			  const struct place *place, enum set_use use);
/* The set written as OPERAND; NULL after an error. */
struct rset *set_operand(struct resolver *r, const struct ast_operand *o,
			 enum set_use use);
const struct iset *set_not(struct resolver *r, struct rset *s,
			   unsigned int family);
/* Whether E (no name) fits USE; an error was reported if not. */
bool set_check_element(struct resolver *r, const struct ast_element *e,
		       enum set_use use);
void set_resolve(struct resolver *r, struct set_info *s);

/* resolve_mapped.c: elements are noted one by one, and said once */
struct mapped {
	const struct ast_element *first;
	size_t n;
};
void mapped_note(struct mapped *m, const struct ast_element *e);
void mapped_say(struct resolver *r, const struct mapped *m);

/* resolve_match.c: always fills OUT */
void match_resolve(struct resolver *r, const struct ast_match *m,
		   const struct context *outer, struct context *out);

/* resolve_verdict.c */
/* OUT's steps are scratch, good until the next call or verdict_keep(). */
void verdict_read(struct resolver *r, const struct ast_verdict *v,
		  struct rverdict *out);
void verdict_keep(struct resolver *r, struct rverdict *v);
/* The action of V in rule number RULE, the same number for the same action. */
uint32_t verdict_action(struct resolver *r, uint32_t rule,
			const struct rverdict *v);
/* Reports every socket of V that has no slot for any packet of KINDS. */
void verdict_check(struct resolver *r, const struct rverdict *v,
		   uint8_t kinds);

/* resolve_map.c */
void map_resolve(struct resolver *r, struct map_info *m);

/* split.c */
uint64_t split_seed(const char *identity, size_t len);

struct split_part {
	uint32_t start;
	uint32_t share;		/* index in order of writing */
};
/*
 * Cuts the hash space among the shares as policy.h says; PARTS (millionths)
 * add up to a million. Parts in order, *N of them, parts[0].start = 0;
 * neighbours differ in share.
 */
struct split_part *split_parts(struct arena *a, const uint32_t *parts,
			       size_t nshares, size_t *n);

#endif
