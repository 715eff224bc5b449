/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * asked - what the running policy does with a packet, and with which socket
 *
 * In: a packet. Out: JSON, as `skpol explain --json` prints it:
 *
 *	{"version":1,"packet":"…","policy":"edge","generation":3,
 *	 "attached":true,"verdict":"web",
 *	 "rule":{"name","file","line","text"},"outcome":"web else drop",
 *	 "tried":[{"name","protocol","family","cookie","local","pid","process",
 *		   "result":"selected"|"empty"|"refused"}],
 *	 "in_kernel":true,"same":true,"differences":[…],"unknown":[…],
 *	 "programs":[…],"order":"…"|null,"interfaces":"…"|null}
 *
 * Nothing is counted, and no event is sent.
 */
#ifndef SKPOL_ASKED_H
#define SKPOL_ASKED_H

#include <jansson.h>

#include "../grammar/packet.h"
#include "handle.h"

/* NULL with a message. */
json_t *asked_json(struct skpol *s, const struct packet *p);

#endif
