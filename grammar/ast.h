/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ast - the syntax tree of a policy: what was written, nothing resolved
 *
 * Built by parser.y, read by the printer, the resolver and the reference
 * evaluator. Every node knows its place. Lists are in order of writing, those
 * of included files where the include stands. All memory is the arena's.
 */
#ifndef SKPOL_AST_H
#define SKPOL_AST_H

#include <stdbool.h>
#include <stdint.h>

#include "source.h"

typedef unsigned __int128 u128;	/* an address; IPv4 in the low half */

enum { AST_NAME_MAX = 63 };

struct ast_name {
	const char *text;	/* NULL where the grammar allows none */
	struct place place;
};

enum ast_element_kind {
	AST_NAME_REF,		/* a set by name: text */
	AST_STRING,		/* an interface name: text */
	AST_PREFIX,		/* low..high = first..last address; length */
	AST_ADDRESS,		/* low..high, equal for one address */
	AST_NUMBER,		/* low..high, equal for one number */
};

struct ast_element {
	u128 low, high;
	const char *text;
	struct place place;
	uint8_t kind;		/* enum ast_element_kind */
	uint8_t family;		/* 4 or 6 for prefixes and addresses, else 0 */
	uint8_t length;		/* of a prefix */
	bool wrong;		/* was reported; the value is any */
};

struct ast_elements {
	struct ast_element *v;
	size_t n, cap;
};

struct ast_operand {		/* [ "not" ] ( element | { ... } ) */
	bool present, negated, braces;
	struct ast_elements elements;
	struct place place;
};

struct ast_side {		/* what follows "from" or "to" */
	struct ast_operand address;
	struct ast_operand port;
	struct place place;
};

enum { AST_TCP = 1, AST_UDP = 2 };		/* bits of a protocol mask */
enum { AST_IP4 = 1, AST_IP6 = 2 };		/* bits of a family mask */

struct ast_match {
	bool any;			/* written "any" */
	uint8_t protocol;		/* AST_TCP or AST_UDP; 0 = unsaid */
	uint8_t family;			/* AST_IP4 or AST_IP6; 0 = unsaid */
	struct place protocol_place, family_place;
	struct ast_side from, to;	/* to.port: a local port, too */
	struct ast_operand port;	/* a "port" clause of its own: local */
	struct ast_operand on;
	struct place place;
};

enum ast_verdict_kind {
	AST_PASS, AST_DROP,
	AST_CHAIN,		/* chain[0] else chain[1] ... else tail */
	AST_MAP,		/* map */
	AST_SPLIT,		/* by keys, shares, else chain..., tail */
};

enum { AST_NO_REUSEPORT = 1, AST_REPLACE = 2 };	/* bits of ast_choice.flags */

struct ast_choice {		/* one socket of a chain */
	struct ast_name socket;
	uint8_t flags;
};

enum ast_key {			/* of maps and splits */
	AST_KEY_TO, AST_KEY_FROM,	/* address */
	AST_KEY_PORT,			/* local port ("to port" in a split) */
	AST_KEY_FROM_PORT,		/* remote port */
	AST_KEY_ON,
};

struct ast_share {
	uint32_t parts;		/* millionths: 95% = 950000 */
	struct ast_name socket;
	struct place place;
};

struct ast_verdict {
	uint8_t kind;			/* enum ast_verdict_kind */
	bool tail_said;			/* `else pass` or `else drop` */
	uint8_t tail;			/* AST_PASS, AST_DROP (unsaid) */
	struct ast_choice *chain;	/* of a split: what is behind else */
	size_t nchain, chain_cap;
	struct ast_name map;
	struct ast_key_list { uint8_t v[8]; size_t n; } keys;
	struct ast_share *shares;
	size_t nshares, shares_cap;
	struct place place;
};

struct ast_rule {
	struct ast_name name;		/* text NULL = nameless */
	const char *description;	/* "##" lines, or NULL */
	struct ast_match match;
	struct ast_verdict verdict;
	bool count, trace;
	struct place place;		/* the statement, name included */
};

struct ast_statement {			/* a rule, or a when block */
	enum { AST_RULE, AST_WHEN } kind;
	struct ast_rule rule;		/* AST_RULE */
	struct ast_match when;		/* AST_WHEN */
	struct ast_statement *body;	/* AST_WHEN: first statement inside */
	struct ast_statement *next;
	struct place place;
};

struct ast_socket {
	struct ast_name name;
	uint8_t protocol, family;	/* masks; 0 = both */
	bool at;
	uint8_t at_family;		/* 4 or 6 */
	u128 at_address;
	uint16_t at_port;
	const char *description;
	struct place place, at_place;
	struct ast_socket *next;
};

struct ast_set {
	struct ast_name name;
	const char *file;		/* as written, NULL = inline */
	struct place file_place;
	struct ast_elements elements;	/* those of the file, too */
	const char *description;
	struct place place;
	struct ast_set *next;
};

struct ast_entry {
	bool is_default;
	struct ast_elements keys;	/* elements before "port" */
	struct ast_elements ports;	/* after it */
	struct ast_verdict verdict;
	struct place place;
};

struct ast_map {
	struct ast_name name;
	struct ast_key_list keys;
	const char *file;
	struct place file_place;
	struct ast_entry *entries;
	size_t nentries, cap;
	const char *description;
	struct place place;
	struct ast_map *next;
};

struct ast_expect {
	struct ast_match match;
	struct ast_goal {
		uint8_t kind;		/* AST_PASS, _DROP, _CHAIN: a socket */
		struct ast_name socket;
		struct place place;
	} *goals;
	size_t ngoals, goals_cap;
	bool braces;
	const char *description;
	struct place place;
	struct ast_expect *next;
};

/*
 * Every top-level thing in order of writing, for the printer; the typed lists
 * hang off it, for everybody else.
 */
struct ast_item {
	enum ast_item_kind {
		AST_ITEM_POLICY, AST_ITEM_INCLUDE, AST_ITEM_SOCKET,
		AST_ITEM_SET,
		AST_ITEM_MAP, AST_ITEM_DEFAULT, AST_ITEM_EXPECT,
		AST_ITEM_STATEMENT,
	} kind;
	uint32_t file;			/* the file it is written in */
	struct place place;
	union {
		struct ast_name policy;
		const char *include;
		struct ast_socket *socket;
		struct ast_set *set;
		struct ast_map *map;
		struct ast_rule *rule;	/* AST_ITEM_DEFAULT */
		struct ast_expect *expect;
		struct ast_statement *statement;
	};
	struct ast_item *next;
};

struct ast {
	struct ast_item *items, **last_item;
	struct ast_name policy;		/* text NULL = not there */
	struct ast_rule *default_rule;	/* NULL = not there */
	struct ast_socket *sockets, **last_socket;
	struct ast_set *sets, **last_set;
	struct ast_map *maps, **last_map;
	struct ast_expect *expects, **last_expect;
	struct ast_statement *statements, **last_statement;
	size_t nsockets, nsets, nmaps, nexpects;
};

#endif
