/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mapkey - a map while it is resolved (mapkey.c and resolve_map.c only)
 *
 * mapkey.c turns entries into keys, each a product of one address, prefix or
 * interface and one port range, with a rank; resolve_map.c puts keys of one
 * rank and verdict together.
 */
#ifndef SKPOL_MAPKEY_H
#define SKPOL_MAPKEY_H

#include "resolve.h"

enum key_space { SPACE_NONE, SPACE_IP4, SPACE_IP6, SPACE_NAME, SPACE_INDEX };

struct mapkey {
	u128 low, high;			/* of the first list, in its space */
	const struct ast_element *element;	/* as written in the entry */
	uint64_t rank;			/* lowest goes first */
	uint32_t entry, verdict;
	uint16_t port_low, port_high;
	uint8_t space;			/* enum key_space */
};

struct ports {
	uint16_t low, high;
};

struct shape {			/* what a map's entries are written with */
	bool has_first, has_port;	/* {to, from, on}, {port, from port} */
	uint8_t first, port;		/* enum ast_key */
	enum set_use use;
};

struct mapkey_frame {		/* a list of elements being gone through */
	const struct ast_elements *list;
	size_t next;
};

struct mapper {
	struct resolver *r;
	struct map_info *m;
	struct shape shape;
	struct mapkey *keys;
	size_t nkeys, keys_cap;
	struct ports *ports;		/* of the entry at hand */
	size_t nports, ports_cap;
	struct mapkey_frame *stack;
	size_t stack_cap;
	struct symtab verdicts;
	struct mapped mapped;		/* of the entries, not of sets they name */
	const struct ast_entry *standard;	/* the `default` entry */
	uint32_t standard_verdict;
};

/* Reads what the map is keyed by; false after an error. */
bool mapkey_shape(struct mapper *k);
/* Reads all entries; marks the map bad after an error. */
void mapkey_read(struct mapper *k);

#endif
