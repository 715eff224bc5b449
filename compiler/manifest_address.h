/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * manifest_address - the local addresses at which a policy selects sockets
 *
 * In: a resolved policy. Out: prefixes, for a host to compare with what it
 * takes for local: where a packet is not local, no socket lookup happens.
 */
#ifndef SKPOL_MANIFEST_ADDRESS_H
#define SKPOL_MANIFEST_ADDRESS_H

#include <jansson.h>

#include "policy.h"

enum { MANIFEST_ADDRESSES_MAX = 64 };

/*
 * ["192.0.2.0/24","2001:db8::/32"], IPv4 first, rising; a rule for any address
 * adds none. Of more than MANIFEST_ADDRESSES_MAX, the first; *LEFT_OUT says how
 * many intervals of addresses were not reached. NULL without memory.
 */
json_t *manifest_addresses(struct arena *a, const struct policy *p,
			   size_t *left_out);

#endif
