/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * at - sockets found by the address they are bound to
 *
 * In: addresses. Out: candidates, copied from whoever owns them. One list of
 * the namespace's sockets and one walk through /proc serve any number.
 */
#ifndef SKPOL_AT_H
#define SKPOL_AT_H

#include "claim.h"
#include "endpoint.h"

struct at_request {
	struct endpoint local;
	uint8_t protocol;		/* 0 = both */
	void *tag;			/* the caller's: requests are sorted */
	struct candidates found;	/* out; candidates_free */
};

/*
 * An address where nobody listens finds nothing. A socket whose owner cannot
 * be reached is an error with STRICT, else a note.
 */
int at_find(struct skpol *s, struct at_request *v, size_t n, bool strict);

#endif
