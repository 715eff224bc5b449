/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * products - the IPv4 packets of a policy, as tables alone
 *
 * In: a policy. Out: for each of local address, remote address, protocol with
 * local port, and remote port, as far as anybody asks for it, a column for each
 * number (radix.h: what is alike is one column), and a table of products: from what
 * is known so far and the column of the next one to what is known then (Gupta and
 * McKeown: Packet classification on multiple fields, 1999, with an index of
 * intervals instead of chunks). What is known is a node of the diagram that asks in
 * this order, so there are as many rows as there are different nodes: of the orders
 * that are tried, the one with the smallest tables is taken. A packet is looked up
 * without a branch that could be guessed wrong: the best there is, while a second
 * cache holds the tables. None where an interface is asked for,
 * a verdict is split, or only one of the addresses matters.
 */
#ifndef SKPOL_PRODUCTS_H
#define SKPOL_PRODUCTS_H

#include "effect.h"
#include "radix.h"

enum product_field { PRODUCT_LOCAL, PRODUCT_REMOTE, PRODUCT_LPORT,
		     PRODUCT_RPORT, PRODUCT_FIELDS };

/* The number of a local port, with the protocol as its field has it. */
enum { PRODUCT_PROTOCOL_SHIFT = 16 };

struct product {		/* of what is known with one field more */
	bool asked;
	struct radix columns;	/* ncolumns values */
	uint32_t ncolumns;
	/* Rows of 1 << row_log columns, by what was known before; NULL for the
	 * first that is asked for: there the column is what is known. */
	uint16_t *next;
	uint32_t nrows, row_log;
};

struct products {
	bool any;		/* else there are none */
	struct product of[PRODUCT_FIELDS];
	const uint8_t *sequence;	/* of fields, as they are looked up */
	const uint16_t *step;	/* by what is known in the end: the first of four */
	size_t bytes;
};

struct products_input {
	const struct policy *policy;
	const struct effects *effects;
	bool always;		/* any two fields are enough, and tables may be as
				 * large as can be (tests) */
};
void products_find(struct arena *a, const struct products_input *in,
		   struct products *out);

#endif
