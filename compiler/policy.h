/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy - a resolved policy: rules as sets of numbers, verdicts as actions
 *
 * In: the syntax tree. Out: an ordered list of clauses; the first clause one of
 * whose terms holds the packet decides, and the last clause (the default)
 * holds every packet. Names are gone from matching: sockets, interfaces,
 * rules, outcomes and actions are indices into the tables below. Every mistake
 * of meaning has been reported; with an error reported there is no policy.
 *
 * A rule is one written rule (the default is the last one). A rule with a map
 * verdict has one clause for each group of entries of equal right and verdict,
 * most specific first; any other rule has one clause.
 */
#ifndef SKPOL_POLICY_H
#define SKPOL_POLICY_H

#include "../grammar/ast.h"
#include "../grammar/diag.h"
#include "../grammar/packet.h"
#include "iset.h"

enum field {
#define FIELD(id, name, highest) FIELD_##id,
#include "field.def"
#undef FIELD
	FIELD_COUNT
};

const char *field_name(enum field f);
u128 field_highest(enum field f);

/*
 * A product of sets: the packet is in it when each of its fields is. NULL =
 * any. A term that constrains an address constrains FAMILY to that one family.
 */
struct term {
	const struct iset *set[FIELD_COUNT];
};

struct terms {			/* the union of them */
	struct term *v;
	size_t n, cap;
};

enum { SLOT_TCP4, SLOT_TCP6, SLOT_UDP4, SLOT_UDP6, SLOT_KINDS };
enum { NO_SLOT = UINT32_MAX };
#define SLOT_KIND(family, protocol) ((protocol) * 2 + (family))	/* field values */

struct policy_socket {
	const char *name;
	const struct ast_socket *ast;
	/* Compile-time slot numbers, dense from 0 in order of declaration, then
	 * tcp4, tcp6, udp4, udp6; NO_SLOT where the declaration excludes it. */
	uint32_t slot[SLOT_KINDS];
};

struct step {			/* one socket of an else chain */
	uint32_t socket;
	uint32_t flags;		/* BPF_SK_LOOKUP_F_REPLACE 1, _NO_REUSEPORT 2 */
};

/*
 * What is done with a packet in the end: try the steps in order, then drop or
 * pass. Equal outcomes (rule included) are one.
 */
struct outcome {
	uint32_t rule;
	const struct step *steps;
	uint32_t nsteps;
	bool pass;		/* what follows the last step */
};

/*
 * A split sends a packet to the outcome of the part that its hash falls into.
 * The hash (64-bit arithmetic, wrapping):
 *	h = seed
 *	for each 32-bit word w of the keys, in order of `by`:
 *		h = (h ^ w) * 0x9E3779B97F4A7C15;  h ^= h >> 32
 *	h = h * 0xD6E8FEB86659FD93;  value = h >> 32
 * An IPv4 address is one word, an IPv6 address four, most significant first, a
 * port one; all as numbers. The seed is the first 8 bytes, little endian, of
 * the SHA-256 of the rule's identity (its name or normalized text); for a split
 * in a map entry, of identity "\n" normalized key text of the entry.
 *
 * The parts: the first share written gets what is left. Share i (from 1, in
 * order of writing) takes floor(parts * 2^32 / 1000000) values upward (modulo
 * 2^32) from the anchor bitreverse32(i - 1), skipping values already taken: so
 * a share grows without moving anybody else than those it takes in.
 */
struct split {
	uint64_t seed;
	enum ast_key keys[8];
	size_t nkeys;
	const uint32_t *starts;	/* first hash value of each part; starts[0] = 0 */
	const uint32_t *outcomes;	/* index of each part's outcome */
	size_t nparts;
};

struct action {			/* what a clause, and a leaf of the diagram, names */
	uint32_t rule;
	uint32_t outcome;	/* when split is NULL */
	const struct split *split;
};

struct clause {
	struct terms terms;	/* n = 0: no packet (an empty set was named) */
	uint32_t action;
	const struct ast_entry *entry;	/* of a map, or NULL (first of a group) */
};

struct policy_rule {
	const char *name;	/* identity: the name, or the normalized text */
	const char *text;	/* normalized text, when conditions included */
	const char *verdict;	/* normalized verdict text */
	const struct ast_rule *ast;
	const struct ast_match *const *whens;	/* enclosing blocks, outermost first */
	size_t nwhens;
	struct terms terms;	/* the match alone, without map entries */
	bool count, trace;
	uint32_t counter;	/* index; NO_COUNTER unless count or trace */
};
enum { NO_COUNTER = UINT32_MAX };

struct policy_expect {
	const struct ast_expect *ast;
	struct terms terms;
	/* goals: socket indices, or GOAL_PASS, GOAL_DROP */
	uint32_t *goals;
	size_t ngoals;
};
enum { GOAL_PASS = UINT32_MAX - 1, GOAL_DROP = UINT32_MAX };

struct policy {
	const char *name;
	const struct ast *ast;
	struct policy_socket *sockets;
	size_t nsockets;
	uint32_t nslots;
	const char **interfaces;	/* names used after `on`, in order of use */
	size_t ninterfaces;
	struct policy_rule *rules;	/* in order; the last is the default */
	size_t nrules;
	uint32_t ncounters;
	struct clause *clauses;		/* in order of priority; last = default */
	size_t nclauses;
	struct outcome *outcomes;
	size_t noutcomes;
	struct action *actions;
	size_t nactions;
	struct policy_expect *expects;
	size_t nexpects;
	uint32_t longest_chain;		/* most steps of any outcome */
};

/* NULL when an error was reported. */
struct policy *policy_resolve(struct arena *a, const struct ast *ast,
			      struct diags *d);

/*
 * The first choice of OUTCOME for a packet of FAMILY and PROTOCOL (field
 * values): a socket index, GOAL_PASS or GOAL_DROP.
 */
uint32_t policy_first_choice(const struct policy *p, const struct outcome *o,
			     unsigned int family, unsigned int protocol);
/* "pass", "drop", or the socket's name. */
const char *policy_choice_name(const struct policy *p, uint32_t choice);

/* Whether the packet V is in T. */
bool term_holds(const struct term *t, const u128 v[FIELD_COUNT]);
/* The lowest value of F from FROM on that T allows; false when there is none.
 * FROM is a value of the field. */
bool term_lowest(const struct term *t, enum field f, u128 from, u128 *value);
/* The clause that decides V, found by asking one after the other. */
const struct clause *policy_clause(const struct policy *p,
				   const u128 v[FIELD_COUNT]);

/* A packet as field values: v[FIELD_COUNT]. Interface names are looked up in
 * the policy; an address field of the other family is 0. */
void policy_packet_fields(const struct policy *p, const struct packet *k,
			  u128 v[FIELD_COUNT]);
uint32_t split_hash(const struct split *s, const u128 v[FIELD_COUNT]);
/* The outcome (index) of ACTION for the packet V. */
uint32_t policy_action_outcome(const struct policy *p, uint32_t action,
			       const u128 v[FIELD_COUNT]);

#endif
