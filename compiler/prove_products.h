/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove_products - tables of IPv4 packets, as the code of a program reads them
 *
 * prove_products_code.c understands that code, prove_products.c asks what the
 * tables say. A number is looked up by its bits, some at a time, in levels of nodes,
 * of which the last one says its column; and a table says by what is known, and the
 * column, what is known then.
 */
#ifndef SKPOL_PROVE_PRODUCTS_H
#define SKPOL_PROVE_PRODUCTS_H

#include "prove_private.h"

enum { INDEX_LEVELS = 3, PRODUCT_MAX = 4, NUMBER_PROTOCOL = 16 };

struct index_level {
	uint32_t bits, offset;
	uint32_t width;		/* of an entry: 1 or 2 bytes */
	uint32_t below;		/* what is not less leads to where others go */
};

struct column {			/* of the numbers LOW to HIGH */
	uint64_t low, high;
	uint32_t value;		/* from `below` of the last level on: none */
};

struct lookup {			/* of one word, or of a protocol and a word */
	uint32_t word;		/* enum prove_word; PW_LPORT: from bit 16 on its
				 * number has the protocol */
	uint32_t nlevels;
	struct index_level level[INDEX_LEVELS];
	struct column *v;	/* rising, and not across protocols */
	size_t n, cap;
	uint32_t next;		/* offset of the table; of the first look-up none */
	uint32_t nrows, row_log;
};

struct prove_products {
	struct lookup of[PRODUCT_MAX];
	uint32_t n;
	uint32_t decide;	/* where what is known in the end goes: a step */
	struct target rest;	/* what all others do */
	bool strange;		/* see products_are_clean() */
};

/* prove_products_code.c: into p->products, from the load of the family on. False:
 * not how that is looked up; M is where. OTHERS: where all other packets go. */
bool products_read(struct matcher *m, uint32_t *others);

#endif
