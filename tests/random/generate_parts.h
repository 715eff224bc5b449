/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * generate_parts - what the files of the generator share
 *
 * What is written is kept as the syntax tree keeps it (struct ast_element), so
 * that the generator knows which packets an operand holds.
 */
#ifndef SKPOL_TESTS_GENERATE_PARTS_H
#define SKPOL_TESTS_GENERATE_PARTS_H

#include "../../grammar/arena.h"
#include "../../grammar/print_text.h"
#include "generate.h"
#include "world.h"

enum { CLUSTERS = 3, PORTS = 6, MAPS_MAX = 4 };

enum { KIND_TCP4 = 1, KIND_TCP6 = 2, KIND_UDP4 = 4, KIND_UDP6 = 8,
       KIND_ALL = 15 };

enum use { USE_TO, USE_FROM, USE_PORT, USE_FROM_PORT, USE_ON };

struct gen_socket {
	const char *name;
	uint8_t kinds;		/* mask of KIND_ */
};

struct gen_set {
	const char *name;
	enum { OF_ADDRESSES, OF_PORTS, OF_INTERFACES } kind;
	struct ast_elements members;	/* those of the sets in it, too */
	bool ranges;			/* has one, so it is no map key */
};

struct gen_map {
	const char *name;
	uint8_t asked;		/* kinds of packets its rules bring */
	bool needs_default;
	struct packet *witnesses;	/* of the rules that ask it */
	size_t nwitnesses, witnesses_cap;
};

struct gen {
	struct arena *arena;
	struct random random;
	u128 cluster4[CLUSTERS], cluster6[CLUSTERS];
	uint16_t port[PORTS];
	struct gen_socket *sockets;
	struct gen_set *sets;
	struct gen_map *maps;
	size_t nsockets, sockets_cap, nsets, sets_cap, nmaps, maps_cap;
	unsigned int names;	/* given to rules so far */
	int left;		/* rules still to be written */
	/* finished text: statements in order, and what may stand anywhere */
	char **statements, **items;
	size_t nstatements, statements_cap, nitems, items_cap;
};

/* generate_set.c */
void gen_clusters(struct gen *g);
void gen_sets(struct gen *g);
struct packet gen_packet(struct gen *g);
bool element_holds(const struct ast_element *e, enum use use,
		   const struct packet *p);
bool elements_hold(const struct ast_elements *e, enum use use,
		   const struct packet *p);
/* One that holds P; KEY: one that a map can be keyed by. */
struct ast_element gen_element(struct gen *g, enum use use,
			       const struct packet *p, bool key);
/*
 * Writes an operand that holds P. The families its packets can be of, as a
 * mask of KIND_, are taken out of *KINDS.
 */
void gen_operand(struct gen *g, struct text *t, enum use use,
		 const struct packet *p, uint8_t *kinds);
/* Writes "{ a, b }" around N words, on one line or on many. */
void gen_braces(struct gen *g, struct text *t, const char *const *words,
		size_t n);

/* generate_map.c */
uint8_t packet_kind(const struct packet *p);
/* Writes a verdict for packets of KINDS, P among them. */
void gen_verdict(struct gen *g, struct text *t, uint8_t kinds,
		 const struct packet *p, bool may_ask_map);
void gen_default(struct gen *g);
void gen_maps(struct gen *g);

#endif
